package chatapi_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// named is a client with the names that they signed up with.
func named(c *client) map[string]any {
	return map[string]any{"login": c.login, "firstname": "First", "lastname": "Last"}
}

func TestAddingAndRemovingParticipants(t *testing.T) {
	c, a, b, stranger := fresh(t, V), fresh(t, V), fresh(t, V), fresh(t, V)
	room := c.private("Tea")
	at := "/rooms/" + room + "/participants/"
	inRoom := func() []string { return loginsOf(c.do("GET", "/rooms/"+room, nil).is(200).object()["participants"]) }
	for range 2 {
		c.do("PUT", at+a.login, nil).is(204)
	}
	require.ElementsMatch(t, []string{c.login, a.login}, inRoom())
	a.do("PUT", at+b.login, nil).refused(403)
	c.do("PATCH", "/rooms/"+room, `{"membersInvite":true}`).is(200)
	a.do("PUT", at+b.login, nil).is(204)
	a.do("DELETE", at+b.login, nil).refused(403)
	c.do("PUT", at+"no.body", nil).refused(404)
	stranger.do("PUT", at+stranger.login, nil).refused(404)
	stranger.do("DELETE", at+a.login, nil).refused(404)
	c.do("DELETE", at+b.login+"?reason="+strings.Repeat("x", 501), nil).refused(422)
	for range 2 {
		c.do("DELETE", at+b.login+"?reason=Advertising%20%F0%9F%98%80", nil).is(204)
	}
	told := c.do("GET", "/messages/"+room+"?fetchSize=1", nil).is(200).list("messages")[0].(map[string]any)
	require.Equal(t, map[string]any{"type": "removed", "who": named(b), "by": named(c), "text": "Advertising 😀"}, told["body"])
	require.Equal(t, "First Last leaves the room", told["content"], "as KillrChat's clients know it")
	a.do("DELETE", at+a.login, nil).is(204)
	require.Equal(t, []string{c.login}, inRoom())
	a.do("GET", "/rooms/"+room, nil).refused(404)

	open := c.room()
	a.do("PUT", "/rooms/"+open+"/participants/"+a.login, nil).is(204)
	a.do("PUT", "/rooms/"+open+"/participants/"+b.login, nil).refused(403)
	anonymous(t, V).do("PUT", at+a.login, nil).refused(401)
}

func TestOwnersAndAdmins(t *testing.T) {
	c, a, b, stranger := fresh(t, V), fresh(t, V), fresh(t, V), fresh(t, V)
	room := c.room(a, b)
	at := "/rooms/" + room
	was := c.do("GET", at, nil).is(200)
	for range 2 {
		c.do("PUT", at+"/admins/"+a.login, nil).is(204)
	}
	now := c.do("GET", at, nil).is(200)
	require.Equal(t, []any{a.login}, now.object()["admins"])
	require.NotEqual(t, was.header.Get("ETag"), now.header.Get("ETag"))
	a.do("PATCH", at, `{"announcement":"On Friday"}`).is(200)
	a.do("PUT", at+"/admins/"+b.login, nil).refused(403)
	c.do("PUT", at+"/admins/"+c.login, nil).refused(409)
	c.do("PUT", at+"/admins/"+stranger.login, nil).refused(409)
	c.do("PUT", "/rooms/no.such.room/admins/"+a.login, nil).refused(404)
	for range 2 {
		c.do("DELETE", at+"/admins/"+a.login, nil).is(204)
	}
	a.do("DELETE", at+"/admins/"+a.login, nil).refused(403)

	a.do("PUT", at+"/owner", map[string]any{"login": a.login}).refused(403)
	c.do("PUT", at+"/owner", `{}`).refused(422)
	c.do("PUT", at+"/owner", `{"login":5}`).refused(400)
	c.do("PUT", at+"/owner", map[string]any{"login": c.login}).refused(409)
	c.do("PUT", at+"/owner", map[string]any{"login": stranger.login}).refused(409)
	o := c.do("PUT", at+"/owner", map[string]any{"login": b.login}).is(200).object()
	require.Equal(t, b.login, o["owner"])
	require.Equal(t, c.login, o["creator"].(map[string]any)["login"])
	c.do("DELETE", at, nil).refused(403)
	b.do("DELETE", at, nil).is(204)
}

func TestCapabilities(t *testing.T) {
	c, a, stranger := fresh(t, V), fresh(t, V), fresh(t, V)
	room := c.room(a)
	at := "/rooms/" + room + "/capabilities"
	actions := func(of *client) []any { return of.do("GET", at, nil).is(200).list("actions") }
	require.Contains(t, actions(c), "govern a room")
	require.Contains(t, actions(a), "post a message")
	require.NotContains(t, actions(a), "change a room")
	require.Equal(t, []any{"see a room", "see the participants", "join a room", "ask to join"}, actions(stranger))
	c.do("PATCH", "/rooms/"+room, `{"silent":true}`).is(200)
	require.NotContains(t, actions(a), "post a message")
	require.Contains(t, actions(c), "post a message")
	a.do("GET", "/rooms/no.such.room/capabilities", nil).refused(404)
	anonymous(t, V).do("GET", at, nil).refused(401)
}
