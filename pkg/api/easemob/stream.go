package easemob

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"regexp"
	"strings"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/sse"
)

// streams are the routes of client sessions.
func (a *API) streams() []route {
	disconnect := map[string]operation{"GET": {by: byApp, serve: a.disconnect}, "POST": {by: byApp, serve: a.disconnect}}
	return []route{
		{path: "/users/{user}/stream", methods: map[string]operation{"GET": {by: bySelf, serve: a.stream, anyType: true}}},
		{path: "/users/{user}/resources", methods: map[string]operation{"GET": {by: byUser, serve: a.resources}}},
		{path: "/users/{user}/disconnect", methods: disconnect},
		{path: "/users/{user}/disconnect/{resource}", methods: disconnect},
	}
}

var resourceName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

func (a *API) stream(c *call) error {
	name := c.r.URL.Query().Get("resource")
	if name == "" {
		name = strings.ToLower(rand.Text())
	}
	if !resourceName.MatchString(name) {
		return illegal("resource has 1 to 64 letters, digits and the characters _.-")
	}
	if c.r.Method == http.MethodHead {
		c.w.Header().Set("Content-Type", "text/event-stream")
		c.w.WriteHeader(http.StatusOK)
		return nil
	}
	// What is too old leaves the mailbox first.
	if _, err := a.Boxes.Count(c.ctx(), c.caller.user.Identity(), c.horizon()); err != nil {
		return err
	}
	err := a.Streams.Open(c.w, c.r, sse.Session{Login: c.bearer, Name: c.caller.user.Name, Device: name, Gone: a.gone(c)})
	if errors.Is(err, sse.ErrFull) {
		return &problem{status: http.StatusForbidden, word: "exceed_limit", text: "you have too many streams: close some of them"}
	}
	return err
}

// gone returns what says whether the app of a call was deleted.
func (a *API) gone(c *call) func(context.Context) (bool, error) {
	org, name, app := c.org.Name, c.app.Name, c.app.ID
	return func(ctx context.Context) (bool, error) {
		o, err := a.Tenants.Organisation(ctx, org)
		if err == nil {
			now, err := a.Tenants.App(ctx, o, name)
			if err == nil {
				return now.ID != app, nil
			}
			if !chat.IsKind(err, chat.NotFound) {
				return false, err
			}
			return true, nil
		}
		if chat.IsKind(err, chat.NotFound) {
			return true, nil
		}
		return false, err
	}
}

func (a *API) resources(c *call) error {
	u, err := c.user()
	if err != nil {
		return err
	}
	rows := []any{}
	for _, name := range a.Live.Devices(u.Identity()) {
		rows = append(rows, map[string]string{"res": name, "device_uuid": name, "device_name": name})
	}
	return c.reply(answer{data: rows})
}

// disconnect ends the sessions of a user, or the one of a name. It is no error that there is none.
func (a *API) disconnect(c *call) error {
	u, err := c.user()
	if err != nil {
		return err
	}
	if c.r.Method != http.MethodHead {
		a.Streams.End(u.Identity(), c.variable("resource"), sse.Disconnected)
	}
	return c.reply(answer{data: map[string]bool{"result": true}})
}
