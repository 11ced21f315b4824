package easemob

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/limit"
)

// Usual limits of calls a second, by the name of the limit; all others have usualCalls.
var usual = map[string]int{"POST /token": 300, "DELETE /users": 30, "batch status": 50, "joined groups": 50, groupMessages: 20,
	"GET /users/{user}/blocks/users": 50, "POST /users/{user}/blocks/users": 50, "DELETE /users/{user}/blocks/users/{friend}": 50}

const (
	usualCalls = 100
	// groupMessages is the limit of calls that send to groups.
	groupMessages = "messages to groups"
	// usualGroupMessages is how many messages a second an app sends to groups, usualMessages how many a minute to all.
	usualGroupMessages = 20
	usualMessages      = 6000
)

// usually reports whether the usual limits hold for an app: its own setting takes their place.
func (a *API) usually(c *call) bool { return c.app.Settings.RateLimit == nil && !a.NoLimits }

// share is what this server gives out of a limit.
func (a *API) share(most int) int { return max(most/a.Servers(), 1) }

// take counts a call against the limits of its app.
func (a *API) take(c *call, name string) error {
	if !c.ofApp {
		return nil
	}
	most := usual[name]
	if most == 0 {
		most = usualCalls
	}
	if own := c.app.Settings.RateLimit; own != nil {
		most = int(*own)
	} else if a.NoLimits {
		most = 0
	}
	return a.takeEach(c, name, most, time.Second)
}

// takeEach counts a call of which an app may make so many in a time; 0 for any number.
func (a *API) takeEach(c *call, name string, most int, per time.Duration) error {
	if most == 0 {
		return nil
	}
	most = a.share(most)
	// The rate is part of the key: another setting, or another number of servers, holds for the next call.
	_, wait := a.Limits.Reserve(limit.Use{Key: strings.Join([]string{"calls", c.app.ID.String(), name, strconv.Itoa(most)}, "\x00"), Rate: limit.Rate{Most: most, Per: per}})
	if wait > 0 {
		return reachedLimit(wait)
	}
	return nil
}

// takeMessages counts messages, one for each target, against what an app may send: all or none. refund takes them back.
func (a *API) takeMessages(c *call, t target, n int) (refund func(), err error) {
	minute, second := 0, 0
	if own := c.app.Settings.MessageRate; own != nil {
		minute = int(*own)
	} else if a.usually(c) {
		minute = usualMessages
	}
	if t.rooms == &groups && a.usually(c) {
		second = usualGroupMessages
	}
	taken := []func(){}
	refund = func() {
		for _, back := range taken {
			back()
		}
	}
	for _, w := range []struct {
		*limit.Windows
		most int
	}{{a.minute, minute}, {a.second, second}} {
		if w.most == 0 {
			continue
		}
		back, ok := w.Take(c.app.ID.String(), n, a.share(w.most))
		if !ok {
			refund()
			return nil, &problem{status: http.StatusForbidden, word: "exceed_limit", text: "message send reach limit"}
		}
		taken = append(taken, back)
	}
	return refund, nil
}
