package easemob

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// messages are the routes of sending and recalling.
func (a *API) messages() []route {
	post := func(f func(*call) error, limit string) map[string]operation {
		return map[string]operation{"POST": {by: byMember, serve: f, limit: limit}}
	}
	return []route{
		{path: "/messages", collection: true, methods: post(a.sendOld, "")},
		{path: "/messages/users", methods: post(func(c *call) error { return a.send(c, toUsers) }, "")},
		{path: "/messages/chatgroups", methods: post(func(c *call) error { return a.send(c, toGroups) }, groupMessages)},
		{path: "/messages/chatrooms", methods: post(func(c *call) error { return a.send(c, toRooms) }, "")},
		{path: "/messages/chatgroups/users", methods: post(func(c *call) error { return a.send(c, toGroups.some()) }, groupMessages)},
		{path: "/messages/chatrooms/users", methods: post(func(c *call) error { return a.send(c, toRooms.some()) }, "")},
		{path: "/messages/rewrite/{message}", methods: map[string]operation{"PUT": {by: byMember, serve: a.rewrite}}},
		{path: "/messages/msg_recall", methods: post(a.recallOne, "")},
		{path: "/messages/recall", methods: post(a.recallAll, "")},
	}
}

// target is a kind of receivers.
type target struct {
	name     string // of the collection
	chatType string
	most     int // at once
	rooms    *roomKind
	directed bool // the call names those members who get the message
}

// some is a target of messages for some of the members only.
func (t target) some() target {
	t.directed = true
	return t
}

var (
	toUsers  = target{name: "users", chatType: "chat", most: chat.MaxReceivers}
	toGroups = target{name: "chatgroups", chatType: "groupchat", most: 3, rooms: &groups}
	toRooms  = target{name: "chatrooms", chatType: "chatroom", most: 10, rooms: &chatRooms}
	targets  = []target{toUsers, toGroups, toRooms}
)

// send sends a message whose receivers the path tells the kind of.
func (a *API) send(c *call, t target) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	body := fields{}
	if f.has("body") {
		if body, err = members(f["body"]); err != nil {
			return illegal("body has to be an object")
		}
	}
	kind, err := f.text("type")
	if err != nil {
		return err
	}
	if kind == nil {
		return illegal("type must be provided")
	}
	ids, err := a.sendTo(c, t, f, "to", *kind, body)
	if err != nil {
		return err
	}
	return c.reply(answer{data: ids})
}

// sendOld sends a message in the older way: the kind of receivers, and the body, are members.
func (a *API) sendOld(c *call) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	kind, err := f.text("target_type")
	if err != nil {
		return err
	}
	for _, t := range targets {
		if kind == nil || t.name != *kind {
			continue
		}
		msg, err := members(f["msg"])
		if err != nil {
			return illegal("msg has to be an object")
		}
		typ, err := msg.text("type")
		if err != nil {
			return err
		}
		if typ == nil {
			typ = new(string)
		}
		delete(msg, "type")
		ids, err := a.sendTo(c, t, f, "target", *typ, msg)
		if err != nil {
			return err
		}
		if !strings.EqualFold(c.r.URL.Query().Get("useMsgId"), "true") {
			for name := range ids {
				ids[name] = "success"
			}
		}
		return c.reply(answer{data: ids})
	}
	return illegal("target_type can only be 'users' or 'chatgroups' or 'chatrooms'")
}

// sendTo sends a message to all receivers, and returns the id of each message. Receivers who refuse it are missing; if all
// do, the error is that.
func (a *API) sendTo(c *call, t target, f fields, list, kind string, body fields) (ids map[string]string, err error) {
	names, err := f.list(list, 1<<20)
	switch {
	case err != nil:
		return nil, err
	case len(names) == 0:
		return nil, illegal("%s must be provided", list)
	case len(names) > t.most:
		return nil, illegal("param to exceed limit")
	}
	if _, there := f["ext"]; there && !f.has("ext") {
		return nil, illegal("ext has to be an object")
	}
	m, err := c.message(kind, body, f["ext"])
	if err != nil {
		return nil, err
	}
	from, err := c.sender(f)
	if err != nil {
		return nil, err
	}
	route, err := f.text("routetype")
	if err != nil {
		return nil, err
	}
	m.From, m.Online = &from, route != nil && *route == "ROUTE_ONLINE"
	if m.Only, err = c.only(t, f); err != nil {
		return nil, err
	}
	refund, err := a.takeMessages(c, t, len(names))
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			refund()
		}
	}()
	var sent []chat.Sent
	if t.rooms == nil {
		sent, err = a.sendToUsers(c, names, m)
	} else {
		sent, err = a.sendToRooms(c, t, names, m)
	}
	if err != nil {
		return nil, err
	}
	ids = map[string]string{}
	var refused error
	for _, s := range sent {
		if s.Refused != nil {
			refused = s.Refused
			continue
		}
		if ids[s.Name] = numberText(s.ID); ids[s.Name] == "" {
			return nil, chat.ErrUnavailable(errors.New("this server has no number for its ids"))
		}
	}
	if len(ids) == 0 && refused != nil {
		return nil, refused
	}
	return ids, nil
}

// only are the logins of those who get a message in a group or room, if the call names them; nil: all members.
func (c *call) only(t target, f fields) ([]string, error) {
	if t.rooms == nil || !t.directed && !f.has("users") {
		return nil, nil
	}
	names, err := f.list("users", chat.MaxOnly)
	if err == nil && len(names) == 0 {
		err = illegal("users has to name 1 to %d members", chat.MaxOnly)
	}
	if err != nil {
		return nil, err
	}
	found, err := c.lookUp(names)
	logins := []string{}
	for _, u := range found {
		if u != nil {
			logins = append(logins, u.Identity().Login)
		}
	}
	return logins, err
}

// message reads a message of a type with its body and ext, of a size that the app allows.
func (c *call) message(kind string, body fields, ext jsontext.Value) (outgoing, error) {
	m, err := newMessage(kind, body, ext)
	if err == nil && int64(m.bytes) > *c.app.Settings.Complete().MaxMessageBytes {
		err = &problem{status: http.StatusBadRequest, word: "message_send_error", text: "message is too large", code: 14007}
	}
	return m, err
}

// sender is who a message is from. An app names anybody, or nobody: then it is from admin.
func (c *call) sender(f fields) (chat.Person, error) {
	if f["from"].Kind() == '[' {
		names, err := f.list("from", 1)
		if err != nil || len(names) != 1 {
			return chat.Person{}, illegal("from has to be one name")
		}
		f["from"] = quoted(names[0])
	}
	name, err := f.text("from")
	if err != nil {
		return chat.Person{}, err
	}
	if u := c.caller.user; u != nil {
		if name != nil && !strings.EqualFold(*name, u.Name) {
			return chat.Person{}, forbidden("a user sends only as themselves")
		}
		return u.Person(), nil
	}
	switch {
	case c.app.Default() && name == nil:
		return chat.Person{}, illegal("from must be provided: it has to be an account")
	case name == nil:
		return chat.Person{FirstName: account.DefaultSender}, nil
	case *name == "":
		return chat.Person{}, illegal("from can't be empty")
	case strings.EqualFold(*name, account.DefaultSender) && !c.app.Default():
		return chat.Person{FirstName: account.DefaultSender}, nil
	}
	folded, err := c.people().Policy().Name(*name)
	if err != nil {
		return chat.Person{}, err
	}
	u, err := c.people().Named(c.ctx(), folded)
	if chat.IsKind(err, chat.NotFound) && c.app.Default() {
		return chat.Person{}, illegal("from [%s] is not an account", folded)
	}
	if chat.IsKind(err, chat.NotFound) {
		return chat.Person{FirstName: folded}, nil
	}
	return u.Person(), err
}

// sendToUsers sends a message to each of some users. Who does not exist gets nothing.
func (a *API) sendToUsers(c *call, names []string, m outgoing) ([]chat.Sent, error) {
	found, err := c.lookUp(names)
	if err != nil {
		return nil, err
	}
	to := make([]chat.Receiver, len(names))
	for i, u := range found {
		to[i].Name = names[i]
		if u != nil {
			to[i] = chat.Receiver{Name: u.Name, Login: u.Identity().Login}
		}
	}
	check := c.app.Settings.ContactCheck
	sent, err := a.Chats.SendTo(c.ctx(), c.principal(), chat.Addressed{NewMessage: m.NewMessage, Log: c.log(), To: to, Contacts: check != nil && *check})
	for i := range sent {
		sent[i].Name = names[i] // as they were asked for
	}
	return sent, err
}

// log is the log of what the app's users are sent one by one.
func (c *call) log() chat.Log { return chat.Log{Tenant: c.tenant(), ID: c.app.ID} }

// sendToRooms sends a message to each of some groups or rooms. If there are several, those that are not there are missing.
func (a *API) sendToRooms(c *call, t target, numbers []string, m outgoing) ([]chat.Sent, error) {
	var sent []chat.Sent
	var missing error
	for _, number := range numbers {
		r, err := a.roomBy(c, *t.rooms, number)
		if isMissing(err) {
			missing = err
			continue
		}
		if err != nil {
			return nil, err
		}
		s := chat.Sent{Receiver: chat.Receiver{Name: number}}
		n := m.NewMessage
		n.Index = c.log()
		if c.caller.user != nil {
			n.From = nil
		}
		stored, err := a.Chats.Send(c.ctx(), c.principal(), r.Name, n)
		switch {
		case chat.IsKind(err, chat.Forbidden):
			s.Refused = err
		case err != nil:
			return nil, a.inRoom(r, err)
		}
		s.ID = stored.ID
		sent = append(sent, s)
	}
	if len(sent) == 0 && missing != nil {
		return nil, missing
	}
	return sent, nil
}

func isMissing(err error) bool {
	var p *problem
	return errors.As(err, &p) && p.status == http.StatusNotFound
}

// What recalls answer.
const (
	recalled    = "yes"
	notFound    = "not_found msg"
	tooLate     = "exceed recall time limit"
	noSuchRoom  = "can't find msg to"
	maxRecalled = 100
)

// recall recalls one message and says what came of it. Errors are those of who may not.
func (a *API) recall(c *call, f fields) (out map[string]any, err error) {
	in, err := f.texts("to", "chat_type", "from")
	if err != nil {
		return nil, err
	}
	number, err := f.number("msg_id")
	if err != nil || number == nil {
		return nil, illegal("msg_id has to be the id of a message")
	}
	force, err := f.flag("force")
	if err != nil {
		return nil, err
	}
	if in["to"] == nil || in["chat_type"] == nil {
		return nil, illegal("to and chat_type must be provided")
	}
	from := account.DefaultSender
	if in["from"] != nil {
		from = *in["from"]
	} else if c.caller.user != nil {
		from = c.caller.user.Name
	}
	out = map[string]any{"chattype": *in["chat_type"], "from": from, "to": *in["to"], "msg_id": strconv.FormatInt(*number, 10)}
	m, ok := id.FromNumber(*number)
	if !ok {
		out["recalled"] = notFound
		return out, nil
	}
	window := c.recallWindow()
	for _, t := range targets {
		if t.chatType != *in["chat_type"] {
			continue
		}
		if t.rooms == nil {
			err = a.recallFrom(c, m, strings.ToLower(*in["to"]), window)
		} else {
			var r chat.Room
			if r, err = a.roomBy(c, *t.rooms, *in["to"]); isMissing(err) {
				out["recalled"] = noSuchRoom
				return out, nil
			}
			if err == nil {
				err = a.Chats.Recall(c.ctx(), c.who, r.Name, m, chat.Recall{Window: window, Force: force != nil && *force, Once: true})
			}
		}
		switch {
		case err == nil:
			out["recalled"] = recalled
		case errors.Is(err, chat.ErrTooLate):
			out["recalled"] = tooLate
		case chat.IsKind(err, chat.NotFound), chat.IsKind(err, chat.Gone):
			out["recalled"] = notFound
		default:
			return nil, err
		}
		return out, nil
	}
	return nil, illegal("chat_type can only be chat, groupchat or chatroom")
}

// recallFrom recalls a message that was sent to a user, who may be gone.
func (a *API) recallFrom(c *call, m id.ID, name string, window time.Duration) error {
	to, err := c.receiver(name)
	if err != nil {
		return err
	}
	return a.Chats.RecallFrom(c.ctx(), c.principal(), c.log(), m, to, window)
}

func (a *API) recallOne(c *call) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	out, err := a.recall(c, f)
	if err != nil {
		return err
	}
	return c.reply(answer{data: out})
}

// recallAll recalls several messages. Each has a row that says what came of it.
func (a *API) recallAll(c *call) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	list, err := f.objects("msgs", maxRecalled)
	if err != nil {
		return err
	}
	rows := make([]any, len(list))
	for i, one := range list {
		out, err := a.recall(c, one)
		if err != nil {
			return err
		}
		rows[i] = map[string]any{"msg_id": out["msg_id"], "recalled": out["recalled"]}
	}
	return c.reply(answer{data: map[string]any{"msgs": rows}})
}
