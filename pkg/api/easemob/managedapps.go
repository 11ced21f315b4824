package easemob

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/confab-chat/confab/pkg/audit"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/sse"
	"github.com/confab-chat/confab/pkg/tenant"
)

func (a *API) listApps(c *call) error {
	all, err := a.appsOf(c)
	if err != nil {
		return err
	}
	return c.reply(answer{data: all})
}

// settingsOf reads the settings in a body. known are further members that it may have.
func settingsOf(f fields, known ...string) (tenant.Settings, error) {
	var s tenant.Settings
	clean := map[string]jsontext.Value{}
	for k, v := range f {
		if !f.has(k) {
			continue
		}
		clean[k] = v
		// Numbers may be texts.
		if v.Kind() == '"' && k != "registration" && k != "timezone" {
			if n, ok := f.numberInText(k); ok {
				clean[k] = n
			} else if b, err := f.flag(k); err == nil {
				clean[k] = jsontext.Value(map[bool]string{true: "true", false: "false"}[*b])
			}
		}
	}
	for _, k := range known {
		delete(clean, k)
	}
	for _, k := range slices.Sorted(maps.Keys(clean)) {
		b, err := json.Marshal(map[string]jsontext.Value{k: clean[k]})
		if err == nil {
			err = json.Unmarshal(b, &s, json.RejectUnknownMembers(true))
		}
		switch {
		case errors.Is(err, json.ErrUnknownName):
			return s, illegal("there is no setting %s", clip(k))
		case errors.Is(err, strconv.ErrRange):
			return s, illegal("the value of the setting %s is a number out of range", k)
		case err != nil:
			return s, illegal("the value of the setting %s has not the right type", k)
		}
	}
	return s, nil
}

func (a *API) createApp(c *call) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	name, err := f.text("name")
	if err != nil {
		return err
	}
	if name == nil {
		return illegal("Entity application requires a property named name")
	}
	s, err := settingsOf(f, "name")
	if err != nil {
		return err
	}
	if !c.caller.server && !s.Quotas.IsZero() {
		return forbidden("only the administrator of the server sets quotas")
	}
	app, secret, err := a.Tenants.CreateApp(c.ctx(), c.org, *name, s)
	if err != nil {
		return err
	}
	a.record(c, audit.AppCreated, c.org.Name+"/"+app.Name, "")
	return c.reply(answer{data: map[string]any{c.org.Name + "/" + app.Name: app.ID.String()},
		more: map[string]any{"client_id": app.ClientID, "client_secret": secret}})
}

// managed finds the app that a path of the management names.
func (c *call) managed() (tenant.App, error) {
	app, err := c.api.Tenants.App(c.ctx(), c.org, c.variable("app"))
	if chat.IsKind(err, chat.NotFound) {
		err = noApp(c.org.Name, clip(c.variable("app")), clip(strings.TrimPrefix(c.r.URL.Path, "/")))
	}
	return app, err
}

func (a *API) getApp(c *call) error {
	app, err := c.managed()
	if err != nil {
		return err
	}
	return c.reply(answer{data: map[string]any{"name": app.Name, "uuid": app.ID.String(), "settings": app.Settings.Complete()}})
}

func (a *API) putApp(c *call) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	s, err := settingsOf(f)
	if err != nil {
		return err
	}
	app, err := c.managed()
	if err != nil {
		return err
	}
	if app, err = a.Tenants.Configure(c.ctx(), app, s, c.caller.server); err != nil {
		return err
	}
	a.record(c, audit.AppChanged, c.org.Name+"/"+app.Name, strings.Join(slices.Sorted(maps.Keys(f)), ", "))
	return c.reply(answer{data: app.Settings.Complete()})
}

func (a *API) deleteApp(c *call) error {
	app, err := c.managed()
	if err != nil {
		return err
	}
	if !c.caller.server {
		return forbidden("only the administrator of the server deletes applications")
	}
	if err := a.Tenants.DeleteApp(c.ctx(), c.org, app); err != nil {
		return err
	}
	a.Streams.EndAll(app.Tenant(), sse.Deleted)
	a.record(c, audit.AppDeleted, c.org.Name+"/"+app.Name, "")
	return c.reply(answer{data: map[string]any{"name": app.Name, "uuid": app.ID.String(), "status": "deleting"}})
}

func (a *API) getCredentials(c *call) error {
	app, err := c.managed()
	if err != nil {
		return err
	}
	secret, err := a.Tenants.Secret(app)
	if err != nil {
		return err
	}
	if c.r.Method != http.MethodHead { // which shows nothing
		a.record(c, audit.CredentialsShown, c.org.Name+"/"+app.Name, "")
	}
	return c.reply(answer{more: map[string]any{"credentials": map[string]any{"client_id": app.ClientID, "client_secret": secret}}})
}

func (a *API) newCredentials(c *call) error {
	app, err := c.managed()
	if err != nil {
		return err
	}
	q, err := c.query()
	if err != nil {
		return err
	}
	end, note := false, ""
	switch q.Get("end_tokens") {
	case "", "false":
	case "true":
		end, note = true, "all tokens end"
	default:
		return illegal("end_tokens has to be true or false")
	}
	app, secret, err := a.Tenants.RenewCredentials(c.ctx(), app, end)
	if err != nil {
		return err
	}
	if end {
		a.Streams.EndAll(app.Tenant(), sse.Expired)
	}
	a.record(c, audit.CredentialsRenewed, c.org.Name+"/"+app.Name, note)
	return c.reply(answer{more: map[string]any{"credentials": map[string]any{"client_id": app.ClientID, "client_secret": secret}}})
}
