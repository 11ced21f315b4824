package easemob

import (
	"regexp"
	"slices"

	"github.com/confab-chat/confab/pkg/people"
)

// notifications are the routes of what users want to be told of. It is kept and shown.
func (a *API) notifications() []route {
	return []route{
		{path: "/users/{user}/notification/{kind:user|chatgroup}/{key}", methods: map[string]operation{
			"GET": {by: byUser, serve: a.getNotification},
			"PUT": {by: byUser, serve: a.putNotification},
		}},
	}
}

var (
	notificationTypes = []string{"DEFAULT", "ALL", "AT", "NONE"}
	groupID           = regexp.MustCompile(`^[1-9][0-9]{0,18}$`)
	// ignoreInterval is from an hour of the day to another; empty takes it away.
	ignoreInterval = regexp.MustCompile(`^([0-9]{1,2}:[0-9]{2}-[0-9]{1,2}:[0-9]{2})?$`)
)

// about names what a setting is about. Of a user it has the id, so that a later one of the name has none.
func (c *call) about() (string, error) {
	kind, key := c.variable("kind"), c.variable("key")
	if kind == "user" {
		u, err := c.people().Find(c.ctx(), key)
		return kind + "/" + u.Identity().Login, err
	}
	if !groupID.MatchString(key) {
		return "", illegal("the id of a group is a number")
	}
	return kind + "/" + key, nil
}

// shown are the settings of a notification.
func shown(n people.Notification) map[string]any {
	out := map[string]any{}
	if n.Type != "" {
		out["type"] = n.Type
	}
	if n.IgnoreInterval != "" {
		out["ignoreInterval"] = n.IgnoreInterval
	}
	if n.IgnoreDuration != nil {
		out["ignoreDuration"] = *n.IgnoreDuration
	}
	return out
}

func (a *API) getNotification(c *call) error {
	u, err := c.user()
	if err != nil {
		return err
	}
	about, err := c.about()
	if err != nil {
		return err
	}
	n, err := a.People.NotificationOf(c.ctx(), u.Identity(), about)
	if err != nil {
		return err
	}
	return c.reply(answer{data: shown(n)})
}

func (a *API) putNotification(c *call) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	in, err := f.texts("type", "ignoreInterval")
	if err != nil {
		return err
	}
	kind, interval := in["type"], in["ignoreInterval"]
	duration, err := f.number("ignoreDuration")
	switch {
	case err != nil:
		return err
	case kind == nil && interval == nil && duration == nil:
		return illegal("one of type, ignoreInterval and ignoreDuration is required")
	case kind != nil && !slices.Contains(notificationTypes, *kind):
		return illegal("type has to be one of DEFAULT, ALL, AT and NONE")
	case interval != nil && !ignoreInterval.MatchString(*interval):
		return illegal("ignoreInterval has to be like 21:30-08:00")
	case duration != nil && *duration < 0:
		return illegal("ignoreDuration has to be a number of milliseconds")
	}
	u, err := c.user()
	if err != nil {
		return err
	}
	about, err := c.about()
	if err != nil {
		return err
	}
	n, err := a.People.SetNotification(c.ctx(), u.Identity(), about, func(n *people.Notification) {
		if kind != nil {
			n.Type = *kind
		}
		if interval != nil {
			n.IgnoreInterval = *interval
		}
		if duration != nil {
			n.IgnoreDuration = duration
		}
	})
	if err != nil {
		return err
	}
	return c.reply(answer{data: shown(n)})
}
