package easemob

import (
	"math"
	"net/url"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/audit"
	"github.com/confab-chat/confab/pkg/people"
)

// mutes are the routes of mutes that hold in all conversations of a kind.
func (a *API) mutes() []route {
	return []route{
		{path: "/mutes", collection: true, methods: map[string]operation{
			"GET":  {by: byApp, serve: a.listMutes},
			"POST": {by: byApp, serve: a.mute},
		}},
		{path: "/mutes/{user}", methods: map[string]operation{"GET": {by: byApp, serve: a.getMutes}}},
	}
}

func (a *API) mute(c *call) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	name, err := f.text("username")
	if err != nil {
		return err
	}
	if name == nil {
		return illegal("username is required")
	}
	until := people.Mutes{}
	for _, kind := range people.Kinds {
		n, err := f.number(string(kind))
		switch {
		case err != nil:
			return err
		case n == nil:
		case *n < -1 || *n > math.MaxInt32:
			return illegal("%s has to be a number of seconds up to %d, -1 for ever or 0 for not at all", kind, math.MaxInt32)
		case *n == 0:
			until[kind] = time.Time{}
		case *n == -1:
			until[kind] = people.Forever
		default:
			until[kind] = a.Now().Add(time.Duration(*n) * time.Second)
		}
	}
	if len(until) == 0 {
		return illegal("one of chat, groupchat and chatroom is required")
	}
	u, err := c.people().Find(c.ctx(), *name)
	if err == nil {
		err = a.People.Mute(c.ctx(), u.Identity(), until)
	}
	if err != nil {
		return err
	}
	a.recordUser(c, audit.AccountMuted, u.Name, muteDetail(until))
	return c.reply(answer{data: map[string]any{"result": "ok"}})
}

// muteDetail is what the audit trail says of a mute.
func muteDetail(until people.Mutes) string {
	var said []string
	for _, kind := range people.Kinds {
		switch end, set := until[kind]; {
		case !set:
		case end.IsZero():
			said = append(said, string(kind)+": no longer")
		case end.Equal(people.Forever):
			said = append(said, string(kind)+": for ever")
		default:
			said = append(said, string(kind)+": until "+end.UTC().Format(time.RFC3339))
		}
	}
	return strings.Join(said, ", ")
}

// mutesOf shows the mutes of a user in seconds that are left.
func (c *call) mutesOf(u account.Account, m people.Mutes) map[string]any {
	out := map[string]any{"userid": c.org.Name + "#" + c.app.Name + "_" + u.Name}
	for _, kind := range people.Kinds {
		left := int64(0)
		if until, muted := m[kind]; until.Equal(people.Forever) {
			left = -1
		} else if muted {
			left = int64(math.Ceil(until.Sub(c.api.Now()).Seconds()))
		}
		out[string(kind)] = left
	}
	return out
}

func (a *API) getMutes(c *call) error {
	u, err := c.user()
	if err != nil {
		return err
	}
	m, err := a.People.MutesOf(c.ctx(), u.Identity())
	if err != nil {
		return err
	}
	data := c.mutesOf(u, m)
	data["unixtime"] = a.Now().Unix()
	return c.reply(answer{data: data})
}

// pageOf reads a page by its number, from 1; 0 counts as 1.
func pageOf(q url.Values, number, size string, def, most int) (skip, limit int, err error) {
	const mostPages = 1 << 20
	n, err := api.Int(q, number, 1)
	if err != nil || n < 0 || n > mostPages {
		return 0, 0, illegal("%s has to be a whole number from 1 to %d", number, mostPages)
	}
	limit, err = api.Int(q, size, def)
	if err != nil || limit < 1 || limit > most {
		return 0, 0, illegal("%s has to be a whole number from 1 to %d", size, most)
	}
	return (max(n, 1) - 1) * limit, limit, nil
}

func (a *API) listMutes(c *call) error {
	q, err := c.query()
	if err != nil {
		return err
	}
	skip, limit, err := pageOf(q, "pageNum", "pageSize", 10, 50)
	if err != nil {
		return err
	}
	list, err := a.People.AllMuted(c.ctx(), c.tenant(), skip, limit)
	if err != nil {
		return err
	}
	rows := make([]any, len(list))
	for i, m := range list {
		rows[i] = c.mutesOf(m.Account, m.Mutes)
	}
	return c.reply(answer{data: map[string]any{"data": rows, "unixtime": a.Now().Unix()}})
}
