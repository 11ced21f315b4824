package easemob

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/inbox"
)

// rewrite replaces what a text or a custom message says, within the time in which messages may be recalled.
func (a *API) rewrite(c *call) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	to, err := c.rewriting(f)
	if err != nil {
		return err
	}
	m, err := c.sent(c.variable("message"))
	if err != nil {
		return err
	}
	if m.In.Room.IsZero() || m.In.Kind == chat.DirectRoom {
		var r chat.Receiver
		if r, err = c.receiver(m.To); err == nil {
			err = a.Chats.RewriteTo(c.ctx(), c.principal(), c.log(), m.ID, r, to)
		}
	} else {
		var r chat.Room
		if r, err = a.roomOf(c, m); err == nil {
			_, err = a.Chats.Rewrite(c.ctx(), c.who, r.Name, m.ID, to)
		}
	}
	if chat.IsKind(err, chat.Conflict) {
		var e *chat.Error
		errors.As(err, &e)
		return illegal("%s", e.Message)
	}
	if err != nil {
		return err
	}
	return c.reply(answer{data: "success"})
}

// rewriting is the edit that a body asks for.
func (c *call) rewriting(f fields) (to chat.Rewrite, err error) {
	user, err := f.text("user")
	if err != nil {
		return to, err
	}
	if u := c.caller.user; u != nil && user != nil && !strings.EqualFold(*user, u.Name) {
		return to, forbidden("a user rewrites only as themselves")
	}
	if !f.has("new_msg") {
		return to, illegal("new_msg must be provided")
	}
	body, err := members(f["new_msg"])
	if err != nil {
		return to, illegal("new_msg has to be an object")
	}
	kind, err := body.text("type")
	if err != nil {
		return to, err
	}
	if kind == nil || *kind != "txt" && *kind != "text" && *kind != "custom" {
		return to, illegal("only messages of the types txt and custom can be rewritten, and keep their type")
	}
	delete(body, "type")
	if *kind != "custom" && !body.has("msg") {
		return to, illegal("msg must be provided")
	}
	m, err := c.message(*kind, body, f["new_ext"])
	if err != nil {
		return to, err
	}
	to = chat.Rewrite{Content: m.Content, Payload: m.Payload, Window: c.recallWindow()}
	if to.Kind == chat.TextKind {
		to.Kind = "text" // and no other
	}
	return to, nil
}

// recallWindow is for how long messages may be taken back or rewritten.
func (c *call) recallWindow() time.Duration {
	return time.Duration(*c.app.Settings.Complete().RecallWindow) * time.Second
}

// sent is a message of the app by its id.
func (c *call) sent(number string) (chat.AppMessage, error) {
	missing := &problem{status: http.StatusNotFound, word: "resource_not_found", text: "message " + clip(number) + " does not exist!"}
	u, ok := numbered(number)
	if !ok {
		return chat.AppMessage{}, missing
	}
	m, err := c.api.Chats.AppMessage(c.ctx(), c.log(), u, c.keep())
	if chat.IsKind(err, chat.NotFound) {
		return chat.AppMessage{}, missing
	}
	return m, err
}

// receiver is the user of a name, who may be gone.
func (c *call) receiver(name string) (chat.Receiver, error) {
	r := chat.Receiver{Name: name}
	found, err := c.lookUp([]string{name})
	if err == nil && found[0] != nil {
		r.Login = found[0].Identity().Login
	}
	return r, err
}

// roomOf finds the group or room of a message, if the caller may see it.
func (a *API) roomOf(c *call, m chat.AppMessage) (chat.Room, error) {
	k := groups
	if m.In.Kind == chat.ChatRoom {
		k = chatRooms
	}
	return a.roomBy(c, k, numberOf(chat.Room{ID: m.In.Room}))
}

// channelCalls is how many conversations a user removes in a minute.
const channelCalls = 5

// removeChannel removes a conversation of a user, for them alone. There is no list of conversations, so that means what waits
// of it, if that is to go too.
func (a *API) removeChannel(c *call) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	in, err := f.texts("channel", "type")
	if err != nil {
		return err
	}
	channel, kind := in["channel"], in["type"]
	if channel == nil || *channel == "" || kind == nil {
		return illegal("channel and type must be provided")
	}
	messagesToo, err := f.flag("delete_roam")
	if err != nil {
		return err
	}
	u, err := c.user()
	if err != nil {
		return err
	}
	if a.usually(c) {
		if err := a.takeEach(c, "channels of "+u.ID.String(), channelCalls, time.Minute); err != nil {
			return err
		}
	}
	var room id.ID
	switch *kind {
	case toUsers.chatType:
	case toGroups.chatType:
		r, err := a.roomBy(c, groups, *channel)
		if err != nil && !isMissing(err) {
			return err
		}
		if room = r.ID; room.IsZero() {
			messagesToo = nil // nothing waits of a group that is gone
		}
	default:
		return illegal("type can only be chat or groupchat")
	}
	if messagesToo != nil && *messagesToo {
		if err := a.dropWaiting(c, u.Identity(), room, strings.ToLower(*channel)); err != nil {
			return err
		}
	}
	return c.reply(answer{data: map[string]string{"result": "ok"}})
}

// waitingPage is how much of a mailbox is looked at together.
const waitingPage = 1000

// dropWaiting acknowledges what waits for a user of a group, or, if that is zero, of somebody who has sent it to them.
func (a *API) dropWaiting(c *call, who chat.Identity, room id.ID, from string) error {
	for at, more := int64(0), true; more; {
		refs, next, further, err := a.Boxes.Waiting(c.ctx(), who, at, waitingPage)
		if err != nil {
			return err
		}
		at, more = next, further
		var dropped []id.ID
		logs := map[id.ID][]id.ID{}
		for _, r := range refs {
			if r.Reason == inbox.ToGroup {
				if r.Log == room {
					dropped = append(dropped, r.Message)
				}
			} else if room.IsZero() {
				logs[r.Log] = append(logs[r.Log], r.Message)
			}
		}
		said, err := a.Chats.MessagesIn(c.ctx(), who.Tenant, logs)
		if err != nil {
			return err
		}
		for u, m := range said {
			if strings.EqualFold(account.NameOf(who.Tenant, m.Author), from) {
				dropped = append(dropped, u)
			}
		}
		if len(dropped) == 0 {
			continue
		}
		if _, err := a.Boxes.Acknowledge(c.ctx(), who, dropped); err != nil {
			return err
		}
	}
	return nil
}
