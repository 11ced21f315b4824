package easemob

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/url"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	hourForm = "2006010215"
	// linkFor is how long a link to an hour's file is good.
	linkFor = time.Hour
	// filePart is how many messages are read at a time for a file.
	filePart = 1000
	// filesAMinute is how many links to files an app may ask for.
	filesAMinute = 10
)

// history are the routes of what was said.
func (a *API) history() []route {
	imports := func(t target) map[string]operation {
		return map[string]operation{"POST": {by: byApp, serve: func(c *call) error { return a.importMessage(c, t) }}}
	}
	return []route{
		{path: "/chatmessages", collection: true, methods: map[string]operation{"GET": {by: byApp, serve: a.listHistory}}},
		{path: "/chatmessages/{hour}", methods: map[string]operation{"GET": {by: byApp, serve: a.linkHour, secret: true}}},
		{path: "/messages/users/import", methods: imports(toUsers)},
		{path: "/messages/chatgroups/import", methods: imports(toGroups)},
	}
}

// keep is how long messages of the app are shown.
func (c *call) keep() time.Duration { return c.app.Settings.Keep() }

// listHistory answers with a page of what was said in the app.
func (a *API) listHistory(c *call) error {
	p, err := c.pageOf(10, 1000, func(q url.Values) string { return "ql\x00" + q.Get("ql") })
	if err != nil {
		return err
	}
	s, err := parseQuery(p.Get("ql"))
	if err != nil {
		return err
	}
	selected, nothing, err := s.query(c, p.at, p.limit)
	if err != nil {
		return err
	}
	var page chat.AppPage
	if !nothing {
		if page, err = a.Chats.AppMessages(c.ctx(), selected); err != nil {
			return err
		}
	}
	x := answer{entities: []any{}, count: counted(len(page.Messages))}
	for _, m := range page.Messages {
		r, err := c.recordOf(m)
		if err != nil {
			return err
		}
		r.UUID, r.Created, r.Modified = m.ID.String(), r.Timestamp, r.Timestamp
		if !m.EditedAt.IsZero() {
			r.Modified = m.EditedAt.UnixMilli()
		}
		x.entities = append(x.entities, r)
	}
	if page.More {
		x.cursor = c.cursorOf("ql\x00"+p.Get("ql"), page.Next.String())
	}
	return c.reply(x)
}

// recordOf shows a message of the history.
func (c *call) recordOf(m chat.AppMessage) (record, error) {
	b := c.briefOf(m)
	err := b.show(m.Message)
	return recordOf(b, m.Message, outwards), err
}

// briefOf says which message one of the history is.
func (c *call) briefOf(m chat.AppMessage) brief {
	kind := m.In.Kind
	if m.In.Room.IsZero() {
		kind = chat.DirectRoom
	}
	return briefOf(c.tenant(), kind, m.In.Room, m.Message)
}

// hourLink is what a link to the file of an hour says.
type hourLink struct {
	Org, App string
	Hour     int64 // seconds
	Until    int64 // seconds; until when the link is good
}

const linkPurpose = "link to an hour of the history"

// linkHour answers with a link to the file of an hour.
func (a *API) linkHour(c *call) error {
	if a.usually(c) { // beside the limit of a second, which is that of each call
		if err := a.takeEach(c, "hours", filesAMinute, time.Minute); err != nil {
			return err
		}
	}
	text := c.variable("hour")
	from, err := time.ParseInLocation(hourForm, text, c.app.Settings.Zone())
	if err != nil || from.Format(hourForm) != text {
		return illegal("the hour has to be like 2026013123")
	}
	until := from.Add(time.Hour)
	missing := &problem{status: http.StatusNotFound, word: "storage_object_not_found", text: "there are no messages of this hour"}
	now := a.Now()
	switch {
	case until.After(now):
		missing.text = "this hour has not ended yet: its file is there from its end on"
		return missing
	case !until.After(now.Add(-c.keep())):
		return illegal("the messages of this hour are expired or unstored")
	}
	page, err := a.Chats.AppMessages(c.ctx(), c.hour(from, 1, id.ID{}))
	if err != nil {
		return err
	}
	if len(page.Messages) == 0 && !page.More {
		return missing
	}
	b, err := json.Marshal(hourLink{c.org.Name, c.app.Name, from.Unix(), now.Add(linkFor).Unix()})
	if err != nil {
		return err
	}
	sealed := base64.RawURLEncoding.EncodeToString(a.Box.Seal(linkPurpose, b))
	return c.reply(answer{data: []any{map[string]any{"url": c.host() + "/files/" + sealed}}})
}

// hour selects messages of an hour, after a position of it.
func (c *call) hour(from time.Time, n int, after id.ID) chat.AppQuery {
	if after.IsZero() {
		after = id.FirstAt(from)
	}
	return chat.AppQuery{Log: c.log(), After: after, Before: id.FirstAt(from.Add(time.Hour)), Limit: n, Keep: c.keep()}
}

// links are the routes of files that need no token: their links are sealed.
func (a *API) links() []route {
	return []route{{path: "/files/{link}", methods: map[string]operation{"GET": {by: byAnybody, serve: a.hourFile}}}}
}

// hourFile writes the messages of an hour, a JSON document a line, compressed.
func (a *API) hourFile(c *call) error {
	bad := forbidden("this link is no longer good, or was changed: ask for another one")
	var l hourLink
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(c.variable("link"))
	if err == nil {
		sealed, err = a.Box.Open(linkPurpose, sealed)
	}
	if err != nil || json.Unmarshal(sealed, &l) != nil || c.r.URL.RawQuery != "" || a.Now().Unix() > l.Until {
		return bad
	}
	if c.org, err = a.Tenants.Organisation(c.ctx(), l.Org); err == nil {
		c.app, err = a.Tenants.App(c.ctx(), c.org, l.App)
	}
	if chat.IsKind(err, chat.NotFound) {
		return bad
	}
	if err != nil {
		return err
	}
	from := time.Unix(l.Hour, 0)
	page, err := a.Chats.AppMessages(c.ctx(), c.hour(from, filePart, id.ID{}))
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Disposition", `attachment; filename="`+from.In(c.app.Settings.Zone()).Format(hourForm)+`.gz"`)
	c.w.Header().Set("Cache-Control", "no-store")
	out := api.WriteGzip(c.w)
	if c.r.Method == http.MethodHead {
		return nil
	}
	for {
		lines, err := c.lines(page)
		if err == nil {
			err = out.Write(lines, !page.More)
		}
		if err == nil && !page.More {
			return nil
		}
		if err == nil {
			page, err = a.Chats.AppMessages(c.ctx(), c.hour(from, filePart, page.Next))
		}
		if err != nil {
			a.Log.Warn("the file of an hour of the history was broken off", "app", c.app.ID, "error", err)
			panic(http.ErrAbortHandler) // the client has to see that the file is not whole
		}
	}
}

// lines are messages as a file has them.
func (c *call) lines(page chat.AppPage) ([]byte, error) {
	var out bytes.Buffer
	for _, m := range page.Messages {
		r, err := c.recordOf(m)
		if err != nil {
			return nil, err
		}
		b, err := json.Marshal(r)
		if err != nil {
			return nil, err
		}
		out.Write(b)
		out.WriteByte('\n')
	}
	return out.Bytes(), nil
}

// importMessage takes a message of the past into the history.
func (a *API) importMessage(c *call, t target) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	to, err := f.text("target")
	if err != nil || to == nil || *to == "" {
		return illegal("target must be provided")
	}
	kind, body, err := f.importedBody()
	if err != nil {
		return err
	}
	m, err := c.message(kind, body, f["ext"])
	if err != nil {
		return err
	}
	from, err := c.sender(f)
	if err != nil {
		return err
	}
	m.From = &from
	at := a.Now()
	ms, err := f.number("msg_timestamp")
	if err != nil {
		return err
	}
	if ms != nil {
		at = time.UnixMilli(*ms)
	}
	if at.After(a.Now()) || !at.After(a.Now().Add(-c.keep())) {
		return illegal("msg_timestamp has to be a time of the last %d days, in milliseconds", *c.app.Settings.Complete().HistoryDays)
	}
	in := chat.Imported{NewMessage: m.NewMessage, Log: c.log(), At: at}
	if t.rooms == nil {
		found, err := c.lookUp([]string{*to})
		if err != nil {
			return err
		}
		in.To = chat.Receiver{Name: *to}
		if found[0] != nil {
			in.To.Name = found[0].Name
		}
	} else {
		r, err := a.roomBy(c, *t.rooms, *to)
		if err != nil {
			return err
		}
		in.Room = r.Name
	}
	u, err := a.Chats.Import(c.ctx(), c.principal(), in)
	if err != nil {
		return err
	}
	return c.reply(answer{data: map[string]any{"msg_id": numberText(u)}})
}

// importedBody is the type and the body of an imported message: type and body, or a flat msg with its type.
func (f fields) importedBody() (kind string, body fields, err error) {
	in := f
	if f.has("msg") {
		if body, err = members(f["msg"]); err != nil {
			return "", nil, illegal("msg has to be an object")
		}
		in = body
	} else if f.has("body") {
		if body, err = members(f["body"]); err != nil {
			return "", nil, illegal("body has to be an object")
		}
	} else {
		return "", nil, illegal("body must be provided")
	}
	typ, err := in.text("type")
	if err != nil || typ == nil {
		return "", nil, illegal("type must be provided")
	}
	delete(body, "type")
	return *typ, body, nil
}
