package chat_test

import (
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// of is a message of a kind.
func of(kind chat.MessageKind, body string) chat.NewMessage {
	return chat.NewMessage{Payload: chat.Payload{Kind: kind, Body: jsontext.Value(body)}}
}

func TestMessagesOfEachKind(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	w.room("games", ann)
	w.events.take()
	for _, c := range []struct {
		kind       chat.MessageKind
		body, want string
		text       string
	}{
		{"image", ` {"width": 640,"url":"https://example.org/a.png" , "name":"a.png","type":"image/png","size":12,"height":480,"secret":"s"} `,
			`{"height":480,"name":"a.png","secret":"s","size":12,"type":"image/png","url":"https://example.org/a.png","width":640}`, "[image] a.png https://example.org/a.png"},
		{"image", `{"url":"/files/1"}`, `{"url":"/files/1"}`, "[image]"},
		{"file", `{"url":"http://example.org/1","name":"é \"x\""}`, `{"name":"é \"x\"","url":"http://example.org/1"}`, `[file] é "x" http://example.org/1`},
		{"audio", `{"url":"/1","duration":1.50}`, `{"duration":1.50,"url":"/1"}`, "[audio]"},
		{"video", `{"url":"/1","duration":3,"name":"v","thumbnail":"/2","thumbnailSecret":"s"}`,
			`{"duration":3,"name":"v","thumbnail":"/2","thumbnailSecret":"s","url":"/1"}`, "[video] v"},
		{"location", `{"latitude":-90,"longitude":1.8e2,"address":"Dallas"}`, `{"address":"Dallas","latitude":-90,"longitude":1.8e2}`, "[location] Dallas"},
		{"custom", `{"event":"my.event-1/x","params":{"n":"2","a":"1"}}`, `{"event":"my.event-1/x","params":{"a":"1","n":"2"}}`, "[custom] my.event-1/x"},
		{"command", `{"action":"refresh","params":{"z":[1,{"y":null}]}}`, `{"action":"refresh","params":{"z":[1,{"y":null}]}}`, "[command] refresh"},
	} {
		m, err := w.Post(t.Context(), ann, "games", of(c.kind, c.body))
		require.NoError(t, err, c.body)
		require.Equal(t, chat.Payload{Kind: c.kind, Body: jsontext.Value(c.want)}, m.Payload)
		require.Equal(t, c.text, m.Content, "the text that stands for it")
		require.Equal(t, []string{"message: " + c.text}, w.events.take())
		got, err := w.Message(t.Context(), ann, "games", m.ID)
		require.NoError(t, err)
		require.Equal(t, m, got)
	}
}

func TestWhatIsNoMessageOfItsKind(t *testing.T) {
	file := func(more string) string { return `{"url":"https://example.org/1","name":"n"` + more + `}` }
	for _, c := range []struct{ kind, body, fault string }{
		{"sticker", `{}`, "kind must be text, image, file, audio, video, location, custom or command"},
		{"notice", `{"type":"joined"}`, "kind must be text, image, file, audio, video, location, custom or command"},
		{"text", `{}`, "content may not be empty; body is not for a text"},
		{"image", ``, "body may not be null"},
		{"image", `[]`, "body must be a JSON object, with each name once, and nested 64 levels at most"},
		{"image", `{"url":"/1","url":"/2"}`, "body must be a JSON object, with each name once, and nested 64 levels at most"},
		{"image", `{`, "body must be a JSON object, with each name once, and nested 64 levels at most"},
		{"command", `{"action":"a","params":` + strings.Repeat(`{"a":`, 64) + `1` + strings.Repeat("}", 65), "body must be a JSON object, with each name once, and nested 64 levels at most"},
		{"image", `{}`, "body.url may not be null"},
		{"image", `{"url":null}`, "body.url must be an http or https address, or a path that begins with a slash"},
		{"image", `{"url":"javascript:alert(1)"}`, "body.url must be an http or https address, or a path that begins with a slash"},
		{"image", `{"url":"//example.org/1"}`, "body.url must be an http or https address, or a path that begins with a slash"},
		{"image", `{"url":"/\\example.org/1"}`, "body.url must be an http or https address, or a path that begins with a slash"},
		{"image", `{"url":"` + strings.Repeat("/", 2049) + `"}`, "body.url must be an http or https address, or a path that begins with a slash"},
		{"image", file(`,"type":"png"`), "body.type must be a media type, like image/png"},
		{"image", file(`,"size":-1`), "body.size must be a whole number from 0 on"},
		{"image", file(`,"size":1.5`), "body.size must be a whole number from 0 on"},
		{"image", file(`,"size":"1"`), "body.size must be a whole number from 0 on"},
		{"image", file(`,"colour":"red"`), "body has a member that is not known"},
		{"file", `{"url":"/1"}`, "body.name may not be null"},
		{"file", `{"url":"/1","name":""}`, "body.name may not be empty"},
		{"file", `{"url":"/1","name":"` + strings.Repeat("n", 256) + `"}`, "body.name size must be between 1 and 255"},
		{"file", `{"url":"/1","name":"\u202egnp.exe"}`, "body.name must not contain control characters"},
		{"audio", file(``), "body.duration may not be null"},
		{"audio", file(`,"duration":1e400`), "body.duration must be a number in the range 0 to 1000000000"},
		{"location", `{"latitude":90.0001,"longitude":"x"}`,
			"body.latitude must be a number in the range -90 to 90; body.longitude must be a number in the range -180 to 180"},
		{"custom", `{"event":"no spaces"}`, `body.event must match "[a-zA-Z0-9_/.-]{1,32}"`},
		{"custom", `{"event":"e","params":{"a":1}}`, "body.params must be an object of at most 16 texts"},
		{"command", `{"action":"a","params":[]}`, "body.params must be an object"},
	} {
		n := of(chat.MessageKind(c.kind), c.body)
		require.EqualError(t, chat.Faulty(chat.MessageEntity, n.Validate()), "invalid: "+c.fault, "%s %s", c.kind, c.body)
	}
	caption := of("image", `{"url":"/1"}`)
	caption.Content = new("look")
	require.EqualError(t, chat.Faulty(chat.MessageEntity, caption.Validate()), "invalid: content is made from the body of a message of this kind")
	event := of("custom", `{"event":"e"}`)
	event.Content = new("Ann waves")
	require.NoError(t, chat.Faulty(chat.MessageEntity, event.Validate()))
}

// The body and the ext come out in the one canonical form, in which numbers stay digit by digit as they came.
func TestExtIsKeptAsItCame(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	w.room("games", ann)
	post := func(ext, key string) (chat.Message, error) {
		return w.Post(t.Context(), ann, "games", chat.NewMessage{Content: new("hello"), Key: &key, Payload: chat.Payload{Ext: jsontext.Value(ext)}})
	}
	m, err := post(` { "n": [12345678901234567890, 1.0, 1e0, -0, 0.1000], "é":"\u00e9\u000a\/", "B":null, "a":{ } } `, "1")
	require.NoError(t, err)
	require.Equal(t, `{"B":null,"a":{},"n":[12345678901234567890,1.0,1e0,-0,0.1000],"é":"é\n/"}`, string(m.Ext))
	require.Equal(t, chat.TextKind, m.Kind)
	same, err := post(`{"a":{},"é":"é\n/","n":[12345678901234567890,1.0,1e0,-0,0.1000],"B":null}`, "1")
	require.NoError(t, err, "another spelling of the same is the same message")
	require.Equal(t, m, same)
	for _, other := range []string{`{"a":{},"é":"é\n/","n":[12345678901234567890,1,1e0,-0,0.1000],"B":null}`, `{}`, ``} {
		_, err = post(other, "1")
		requireKind(t, chat.Conflict, err)
	}
	_, err = post(`{"x":"`+strings.Repeat("x", chat.MaxPayload-8)+`"}`, "2")
	require.NoError(t, err)
	_, err = post(`{"x":"`+strings.Repeat("x", chat.MaxPayload-7)+`"}`, "3")
	requireKind(t, chat.TooLarge, err)
	plain, err := post(`null`, "4")
	require.NoError(t, err)
	require.True(t, plain.Payload.Plain())
}

func TestAPayloadCountsInReads(t *testing.T) {
	m := chat.Message{Content: "x", Payload: chat.Payload{Kind: "image", Body: jsontext.Value(`{}`), Ext: jsontext.Value(`{"a":1}`)}}
	require.Equal(t, len("x")+len("image")+len(`{}`)+len(`{"a":1}`), m.Bytes())
}

func TestRewrite(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	w.room("games", ann)
	rewrite := func(m chat.Message, to chat.Rewrite) (chat.Message, error) {
		return w.Rewrite(t.Context(), chat.Principal{Identity: ann}, "games", m.ID, to)
	}
	text, err := w.Post(t.Context(), ann, "games", chat.NewMessage{Content: new("one"), Payload: chat.Payload{Ext: jsontext.Value(`{"a":1}`)}})
	require.NoError(t, err)
	now, err := rewrite(text, chat.Rewrite{Content: new("two")})
	require.NoError(t, err)
	require.Equal(t, []string{"two", `{"a":1}`}, []string{now.Content, string(now.Ext)}, "the ext stays")
	now, err = rewrite(text, chat.Rewrite{Payload: chat.Payload{Kind: "text", Ext: jsontext.Value(`{"b": 2}`)}})
	require.NoError(t, err)
	require.Equal(t, []string{"two", `{"b":2}`}, []string{now.Content, string(now.Ext)}, "and so does the text")
	w.events.takeAll()
	_, err = rewrite(text, chat.Rewrite{Content: new("two"), Payload: chat.Payload{Ext: jsontext.Value(`{ "b":2}`)}})
	require.NoError(t, err)
	require.Empty(t, w.events.takeAll(), "the same is no change")
	_, err = rewrite(text, chat.Rewrite{Content: new("three"), Payload: chat.Payload{Body: jsontext.Value(`{}`)}})
	requireKind(t, chat.Invalid, err)
	_, err = rewrite(text, chat.Rewrite{Content: new("three"), Payload: chat.Payload{Kind: "custom"}})
	requireKind(t, chat.Conflict, err)
	_, err = rewrite(text, chat.Rewrite{})
	requireKind(t, chat.Invalid, err)
	_, err = rewrite(text, chat.Rewrite{Payload: chat.Payload{Ext: jsontext.Value(`{"x":"` + strings.Repeat("x", chat.MaxPayload) + `"}`)}})
	requireKind(t, chat.TooLarge, err)

	custom, err := w.Post(t.Context(), ann, "games", of("custom", `{"event":"wave"}`))
	require.NoError(t, err)
	now, err = rewrite(custom, chat.Rewrite{Payload: chat.Payload{Body: jsontext.Value(`{"event":"bow"}`)}})
	require.NoError(t, err)
	require.Equal(t, "[custom] bow", now.Content)
	now, err = rewrite(custom, chat.Rewrite{Content: new("Ann bows")})
	require.NoError(t, err)
	require.Equal(t, []string{"Ann bows", `{"event":"bow"}`}, []string{now.Content, string(now.Body)})
	_, err = rewrite(custom, chat.Rewrite{Payload: chat.Payload{Body: jsontext.Value(`{"event":""}`)}})
	requireKind(t, chat.Invalid, err)

	image, err := w.Post(t.Context(), ann, "games", of("image", `{"url":"/1"}`))
	require.NoError(t, err)
	_, err = rewrite(image, chat.Rewrite{Content: new("x")})
	requireKind(t, chat.Conflict, err)
	now, err = w.React(t.Context(), ann, "games", image.ID, "👍", true)
	require.NoError(t, err)
	require.Equal(t, image.Payload, now.Payload)
	require.NoError(t, w.DeleteMessage(t.Context(), ann, "games", image.ID))
	now, err = w.Message(t.Context(), ann, "games", image.ID)
	require.NoError(t, err)
	require.True(t, now.Deleted)
	require.True(t, now.Payload.Plain(), "nothing is left of it")
}

func TestRecallAndRewriteWithinAWindow(t *testing.T) {
	w := newWorld(t)
	ann, bob, cid := w.user("ann"), w.user("bob"), w.user("cid")
	w.room("games", ann, bob, cid)
	as := func(who chat.Identity) chat.Principal { return chat.Principal{Identity: who} }
	app := chat.Principal{Identity: chat.Identity{Tenant: tenant}, App: true}
	m := w.post(bob, "games", "oops")
	past := time.Since(m.CreatedAt())
	for _, who := range []chat.Principal{as(bob), as(ann), app} {
		err := w.Recall(t.Context(), who, "games", m.ID, chat.Recall{Window: past})
		require.ErrorIs(t, err, chat.ErrTooLate)
		requireKind(t, chat.Forbidden, err)
	}
	_, err := w.Rewrite(t.Context(), as(bob), "games", m.ID, chat.Rewrite{Content: new("x"), Window: past})
	require.ErrorIs(t, err, chat.ErrTooLate)
	err = w.Recall(t.Context(), as(cid), "games", m.ID, chat.Recall{Window: time.Hour})
	requireKind(t, chat.Forbidden, err)
	require.NotErrorIs(t, err, chat.ErrTooLate)
	_, err = w.Rewrite(t.Context(), app, "games", m.ID, chat.Rewrite{Content: new("x"), Window: time.Hour})
	require.NoError(t, err)
	for range 2 { // what is recalled is recalled, however late
		require.NoError(t, w.Recall(t.Context(), app, "games", m.ID, chat.Recall{Window: time.Hour}))
	}
	require.NoError(t, w.Recall(t.Context(), as(bob), "games", m.ID, chat.Recall{Window: past}))
	requireKind(t, chat.NotFound, w.Recall(t.Context(), app, "nowhere", m.ID, chat.Recall{}))
	page, err := w.Messages(t.Context(), ann, "games", chat.PageQuery{Limit: 1})
	require.NoError(t, err)
	require.True(t, page.Messages[0].Deleted)
}

// A message that retention hides can be recalled by force only.
func TestRecallByForce(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	w.room("games", ann)
	_, err := w.SetRetention(t.Context(), ann, "games", chat.Retention(time.Hour))
	require.NoError(t, err)
	room, err := w.Room(t.Context(), app, "games")
	require.NoError(t, err)
	m := chat.Message{ID: id.NewSequence([8]byte{1}).At(time.Now().Add(-2 * time.Hour)), Author: chat.Person{Login: "ann"}, Content: "old"}
	require.NoError(t, w.store.Append(t.Context(), room.Log(tenant), m))
	app := chat.Principal{Identity: chat.Identity{Tenant: tenant}, App: true}
	requireKind(t, chat.NotFound, w.Recall(t.Context(), app, "games", m.ID, chat.Recall{}))
	require.ErrorIs(t, w.Recall(t.Context(), app, "games", m.ID, chat.Recall{Force: true, Window: time.Hour}), chat.ErrTooLate)
	require.NoError(t, w.Recall(t.Context(), app, "games", m.ID, chat.Recall{Force: true}))
	now, err := w.store.Message(t.Context(), room.Log(tenant), m.ID)
	require.NoError(t, err)
	require.True(t, now.Deleted)
}

func TestAnAppSendsAsAnybody(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	w.room("games", ann)
	w.events.take()
	app := chat.Principal{Identity: chat.Identity{Tenant: tenant}, App: true}
	n := chat.NewMessage{Content: new("maintenance at noon"), From: &chat.Person{Login: "admin"}}
	m, err := w.Send(t.Context(), app, "games", n)
	require.NoError(t, err)
	require.Equal(t, "admin", m.Author.Login)
	require.False(t, m.System)
	require.Equal(t, []string{"message: maintenance at noon"}, w.events.take())
	n.From = nil
	_, err = w.Send(t.Context(), app, "games", n)
	requireKind(t, chat.Invalid, err)
	_, err = w.Send(t.Context(), app, "nowhere", n)
	requireKind(t, chat.NotFound, err)
}
