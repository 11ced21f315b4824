package chatapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// private creates a private room, and returns its name, which the server has made.
func (c *client) private(title string) string {
	c.t.Helper()
	o := c.do("POST", "/rooms", map[string]any{"kind": "private", "title": title}).is(201).object()
	require.Regexp(c.t, "^_[0-9]+$", o["roomName"])
	return o["roomName"].(string)
}

// logins of the people in a list.
func loginsOf(people any) (logins []string) {
	for _, p := range people.([]any) {
		logins = append(logins, p.(map[string]any)["login"].(string))
	}
	return logins
}

func TestDirectConversations(t *testing.T) {
	a, b, stranger := fresh(t, V), fresh(t, V), fresh(t, V)
	created := a.do("POST", "/conversations", map[string]any{"logins": []string{b.login}}).is(201)
	o := created.object()
	room := o["roomName"].(string)
	require.Equal(t, V+"/rooms/"+room, created.header.Get("Location"))
	require.Equal(t, "direct", o["kind"])
	require.Nil(t, o["title"])
	require.Nil(t, o["owner"])
	require.ElementsMatch(t, []string{a.login, b.login}, loginsOf(o["between"]))
	require.Equal(t, o["participants"], o["between"])
	got := a.do("GET", "/rooms/"+room, nil).is(200)
	require.Equal(t, o, got.object())
	require.Equal(t, created.header.Get("ETag"), got.header.Get("ETag"))

	there := b.do("POST", "/conversations", map[string]any{"logins": []string{a.login, b.login}}).is(200)
	require.Equal(t, o, there.object(), "whoever opens it")
	b.post(room, "hello")
	var state map[string]any
	for _, s := range a.do("GET", "/users/"+a.login+"/rooms", nil).is(200).list("rooms") {
		if s := s.(map[string]any); s["roomName"] == room {
			state = s
		}
	}
	require.Equal(t, "direct", state["kind"])
	require.Nil(t, state["title"])
	require.Equal(t, o["between"], state["between"])
	require.Equal(t, 1.0, state["unread"])

	stranger.do("GET", "/rooms/"+room, nil).refused(404)
	a.do("DELETE", "/rooms/participant/"+room, nil).refused(403)
	a.do("PATCH", "/rooms/"+room, `{"title":"Us"}`).refused(403)

	a.do("POST", "/conversations", `{}`).refused(422)
	a.do("POST", "/conversations", `{"logins":"x"}`).refused(400)
	a.do("POST", "/conversations", `{"logins":[]}`).refused(400)
	a.do("POST", "/conversations", map[string]any{"logins": []string{a.login}}).refused(400)
	a.do("POST", "/conversations", `{"logins":["no.body"]}`).refused(404)
	crowd := make([]string, 10)
	for i := range crowd {
		crowd[i] = fmt.Sprint("somebody", i)
	}
	a.do("POST", "/conversations", map[string]any{"logins": crowd}).refused(400)
	anonymous(t, V).do("POST", "/conversations", `{"logins":["x"]}`).refused(401)
}

func TestPrivateRooms(t *testing.T) {
	c, stranger := fresh(t, V), fresh(t, V)
	a := c.do("POST", "/rooms", `{"kind":"private","title":"Tea & code","description":"Us","membersInvite":true,"banner":"hi"}`).is(201)
	o := a.object()
	room := o["roomName"].(string)
	require.Equal(t, V+"/rooms/"+room, a.header.Get("Location"))
	require.Equal(t, []any{"private", "Tea & code", "Us", true, "hi", c.login, false}, []any{o["kind"], o["title"], o["description"], o["membersInvite"], o["banner"], o["owner"], o["silent"]})
	require.Equal(t, o, c.do("GET", "/rooms/"+room, nil).is(200).object())
	require.NotContains(t, o, "between")

	absent := "_1426424615121000"
	for _, path := range []string{"/rooms/%s", "/rooms/%s/capabilities", "/rooms/%s/participants", "/messages/%s"} {
		unknown := stranger.do("GET", fmt.Sprintf(path, absent), nil).refused(404)
		hidden := stranger.do("GET", fmt.Sprintf(path, room), nil).refused(404)
		require.Equal(t, unknown["message"], strings.ReplaceAll(hidden["message"].(string), room, absent))
	}
	require.NotContains(t, stranger.do("GET", "/rooms/"+room+","+c.room(), nil).is(200).body, room)
	for _, plain := range []string{K, root} {
		require.Equal(t, "Chat room '"+room+"' does not exists", c.at(plain).do("GET", "/rooms/"+room, nil).is(400).text())
		require.NotContains(t, c.at(plain).do("GET", "/users/"+c.login, nil).is(200).body, room)
	}

	for _, bad := range []string{`{"kind":"private"}`, `{"kind":"private","title":""}`, `{"kind":"private","title":null}`, `{"kind":"private","title":"x","roomName":"chosen"}`,
		`{"kind":"direct","title":"x"}`, `{"kind":"other","title":"x"}`, `{"kind":"private","title":"` + strings.Repeat("x", 101) + `"}`, `{"roomName":"a.name","membersInvite":true}`} {
		c.do("POST", "/rooms", bad).refused(422)
	}
	c.do("POST", "/rooms", `{"kind":5}`).refused(400)
	c.do("POST", "/rooms/"+unique("room"), `{"kind":"private","title":"x"}`).refused(422)
	open := c.do("POST", "/rooms", map[string]any{"roomName": unique("room"), "kind": "open", "title": "Tea", "description": "Us"}).is(201).object()
	require.Equal(t, []any{"open", "Tea", "Us"}, []any{open["kind"], open["title"], open["description"]})

	// The plain mounts take no notice of what KillrChat does not know.
	plain := unique("room")
	c.at(K).do("POST", "/rooms/"+plain, map[string]any{"creator": c.person(), "kind": 5, "title": 5}).is(204)
	require.Equal(t, "open", c.do("GET", "/rooms/"+plain, nil).is(200).object()["kind"])
}

func TestChangingRooms(t *testing.T) {
	c, member := fresh(t, V), fresh(t, V)
	room := c.private("Tea")
	c.do("PUT", "/rooms/"+room+"/participants/"+member.login, nil).is(204)
	was := c.do("GET", "/rooms/"+room, nil).is(200)
	changed := c.do("PATCH", "/rooms/"+room, `{"title":"Coffee","description":"Beans","announcement":"On Friday","silent":true,"membersInvite":true,"banner":"hot"}`,
		header("If-Match", was.header.Get("ETag"))).is(200)
	o := changed.object()
	require.Equal(t, []any{"Coffee", "Beans", "On Friday", true, true, "hot"},
		[]any{o["title"], o["description"], o["announcement"], o["silent"], o["membersInvite"], o["banner"]})
	require.NotEqual(t, was.header.Get("ETag"), changed.header.Get("ETag"))
	require.Equal(t, o, member.do("GET", "/rooms/"+room, nil).is(200).object())
	c.do("PATCH", "/rooms/"+room, `{"title":"Milk"}`, header("If-Match", was.header.Get("ETag"))).refused(412)
	require.Equal(t, o, c.do("PATCH", "/rooms/"+room, `{}`).is(200).object())
	o = c.do("PATCH", "/rooms/"+room, `{"description":null,"announcement":null,"silent":null,"banner":null}`).is(200).object()
	require.Equal(t, []any{"Coffee", "", "", false, true, nil}, []any{o["title"], o["description"], o["announcement"], o["silent"], o["membersInvite"], o["banner"]})

	member.do("PATCH", "/rooms/"+room, `{"title":"Mine"}`).refused(403)
	member.do("PATCH", "/rooms/"+room, `{"banner":"mine"}`).refused(403)
	c.do("PATCH", "/rooms/"+room, `{"title":null}`).refused(422)
	c.do("PATCH", "/rooms/"+room, map[string]any{"title": "Kept", "banner": strings.Repeat("x", 2001)}).refused(422)
	c.do("PATCH", "/rooms/"+room, `{"silent":"yes"}`).refused(400)
	require.Equal(t, o, c.do("GET", "/rooms/"+room, nil).is(200).object(), "what was refused has changed nothing")
	fresh(t, V).do("PATCH", "/rooms/"+room, `{"title":"Mine"}`).refused(404)

	open := c.room()
	require.Equal(t, "Tea", c.do("PATCH", "/rooms/"+open, `{"title":"Tea"}`).is(200).object()["title"])
	require.Nil(t, c.do("PATCH", "/rooms/"+open, `{"title":null}`).is(200).object()["title"])
	c.do("PATCH", "/rooms/"+open, `{"membersInvite":true}`).refused(422)
}
