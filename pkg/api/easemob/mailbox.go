package easemob

import (
	"strconv"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/inbox"
)

// maxAcked is how many messages one call acknowledges.
const maxAcked = 1000

// mailbox are the routes of what waits for a user.
func (a *API) mailbox() []route {
	return []route{
		{path: "/users/{user}/offline_msg_count", methods: map[string]operation{"GET": {by: byUser, serve: a.waiting}}},
		{path: "/users/{user}/offline_msg_status/{message}", methods: map[string]operation{"GET": {by: byUser, serve: a.waits}}},
		{path: "/users/{user}/user_channel", methods: map[string]operation{"DELETE": {by: byUser, serve: a.removeChannel}}},
		{path: "/users/{user}/ack", methods: map[string]operation{"POST": {by: bySelf, serve: a.acknowledge}}},
	}
}

// horizon is the newest position at which messages are too old to be shown.
func (c *call) horizon() id.ID {
	return c.api.Chats.Horizon(chat.Retention(c.keep()), c.api.Now())
}

func (a *API) waiting(c *call) error {
	u, err := c.user()
	if err != nil {
		return err
	}
	n, err := a.Boxes.Count(c.ctx(), u.Identity(), c.horizon())
	if err != nil {
		return err
	}
	return c.reply(answer{data: map[string]int64{u.Name: n}})
}

// waits answers for any id: what was never sent is not delivered.
func (a *API) waits(c *call) error {
	u, err := c.user()
	if err != nil {
		return err
	}
	name, status := c.variable("message"), "undelivered"
	if m, ok := numbered(name); ok {
		is, err := a.Boxes.Status(c.ctx(), u.Identity(), m)
		if err != nil {
			return err
		}
		if is == inbox.Acknowledged {
			status = "delivered"
		}
	}
	return c.reply(answer{data: map[string]string{name: status}})
}

// numbered returns the message whose id is spelt as a number.
func numbered(text string) (id.ID, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return id.ID{}, false
	}
	return id.FromNumber(n)
}

func (a *API) acknowledge(c *call) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	names, err := f.list("msg_ids", maxAcked)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return illegal("msg_ids has to be an array of the ids of messages")
	}
	var ids []id.ID
	for _, name := range names {
		if m, ok := numbered(name); ok {
			ids = append(ids, m)
		}
	}
	n, err := a.Boxes.Acknowledge(c.ctx(), chat.Identity{Tenant: c.tenant(), Login: c.caller.user.Identity().Login}, ids)
	if err != nil {
		return err
	}
	return c.reply(answer{data: map[string]int{"acked": n}})
}
