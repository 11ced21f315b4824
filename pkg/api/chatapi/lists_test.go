package chatapi_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPeopleOnListsOfRooms(t *testing.T) {
	c, admin, a, b, stranger := fresh(t, V), fresh(t, V), fresh(t, V), fresh(t, V), fresh(t, V)
	room := c.room(admin, a, b)
	c.do("PUT", "/rooms/"+room+"/admins/"+admin.login, nil).is(204)
	at := "/rooms/" + room + "/lists/"
	listed := func(list string) []any { return c.do("GET", at+list, nil).is(200).list("people") }
	require.Empty(t, listed("mute"))

	admin.do("PUT", at+"mute/"+a.login, `{"until":"2100-01-01T00:00:00Z","note":"too loud"}`).is(204)
	got := listed("mute")[0].(map[string]any)
	when, err := time.Parse(time.RFC3339, got["at"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), when, time.Minute)
	delete(got, "at")
	require.Equal(t, map[string]any{"login": a.login, "until": "2100-01-01T00:00:00.000Z", "note": "too loud", "by": admin.login}, got)
	a.do("POST", "/messages/"+room, `{"content":"hi"}`).refused(403)
	for range 2 {
		admin.do("DELETE", at+"mute/"+a.login, nil).is(204)
	}
	a.post(room, "hi")
	c.do("PUT", at+"mute/"+a.login, nil).is(204)
	require.Nil(t, listed("mute")[0].(map[string]any)["until"])

	c.do("PATCH", "/rooms/"+room, `{"silent":true}`).is(200)
	b.do("POST", "/messages/"+room, `{"content":"hi"}`).refused(403)
	c.do("PUT", at+"white/"+b.login, `{"note":null,"until":null}`).is(204)
	b.post(room, "hi")

	c.do("PUT", at+"block/"+b.login, `{"note":"spam"}`).is(204)
	b.do("GET", "/messages/"+room, nil).refused(403)
	b.do("PUT", "/rooms/participant/"+room, nil).refused(403)
	c.do("PUT", at+"block/"+stranger.login, nil).is(204)
	first := c.do("GET", at+"block?fetchSize=1", nil).is(200).object()
	require.Equal(t, true, first["hasMore"])
	last := loginsOf(first["people"])[0]
	rest := c.do("GET", at+"block?after="+last, nil).is(200).object()
	require.Equal(t, false, rest["hasMore"])
	require.ElementsMatch(t, []string{b.login, stranger.login}, append(loginsOf(rest["people"]), last))
	c.do("DELETE", at+"block/"+b.login, nil).is(204)
	b.do("PUT", "/rooms/participant/"+room, nil).is(204)

	for _, refused := range []*client{a, stranger} {
		refused.do("GET", at+"mute", nil).refused(403)
		refused.do("PUT", at+"mute/"+b.login, nil).refused(403)
		refused.do("DELETE", at+"mute/"+a.login, nil).refused(403)
	}
	admin.do("PUT", at+"mute/"+c.login, nil).refused(403)
	c.do("PUT", at+"mute/no.body", nil).refused(404)
	c.do("PUT", at+"mute/"+stranger.login, nil).refused(409)
	c.do("PUT", at+"mute/"+a.login, `{"until":"2001-01-01T00:00:00Z"}`).refused(422)
	c.do("PUT", at+"block/"+a.login, `{"until":"2100-01-01T00:00:00Z"}`).refused(422)
	c.do("PUT", at+"mute/"+a.login, `{"until":"soon"}`).refused(400)
	c.do("PUT", at+"invited/"+a.login, nil).refused(400)
	c.do("GET", at+"other", nil).refused(400)
	c.do("DELETE", at+"other/"+a.login, nil).refused(400)
	c.do("GET", at+"mute?fetchSize=0", nil).refused(400)
	c.do("GET", "/rooms/no.such.room/lists/mute", nil).refused(404)
	anonymous(t, V).do("GET", at+"mute", nil).refused(401)
}

func TestInvitations(t *testing.T) {
	c, a, b := fresh(t, V), fresh(t, V), fresh(t, V)
	tea, coffee := c.private("Tea"), c.private("Coffee")
	own := "/users/" + a.login + "/invitations"
	require.Empty(t, a.do("GET", own, nil).is(200).list("invitations"))
	for _, room := range []string{tea, coffee, coffee} {
		c.do("POST", "/rooms/"+room+"/invitations", map[string]any{"logins": []string{a.login}, "note": "join us"}).is(204)
	}
	page := a.do("GET", own+"?fetchSize=1", nil).is(200).object()
	require.Equal(t, true, page["hasMore"])
	got := page["invitations"].([]any)[0].(map[string]any)
	require.Equal(t, []any{coffee, "private", "Coffee", "join us", map[string]any{"login": c.login, "firstname": "First", "lastname": "Last"}},
		[]any{got["roomName"], got["kind"], got["title"], got["note"], got["by"]})
	page = a.do("GET", own+"?before="+got["id"].(string), nil).is(200).object()
	require.Equal(t, false, page["hasMore"])
	require.Equal(t, tea, page["invitations"].([]any)[0].(map[string]any)["roomName"])

	seen := a.do("GET", "/rooms/"+coffee, nil).is(200).object()
	require.Equal(t, []any{"Coffee", nil, []any{}}, []any{seen["title"], seen["owner"], seen["participants"]})
	a.do("GET", "/messages/"+coffee, nil).refused(403)
	a.do("GET", "/rooms/"+coffee+"/participants", nil).refused(403)
	a.do("PUT", "/rooms/participant/"+coffee, nil).is(204)
	a.do("GET", "/messages/"+coffee, nil).is(200)
	a.do("DELETE", own+"/"+tea, nil).is(204)
	a.do("DELETE", own+"/"+tea, nil).refused(404)
	a.do("GET", "/rooms/"+tea, nil).refused(404)
	require.Empty(t, a.do("GET", own, nil).is(200).list("invitations"))

	// Taken back.
	c.do("POST", "/rooms/"+tea+"/invitations", map[string]any{"logins": []string{a.login}}).is(204)
	c.do("DELETE", "/rooms/"+tea+"/lists/invited/"+a.login, nil).is(204)
	a.do("PUT", "/rooms/participant/"+tea, nil).refused(404)

	a.do("POST", "/rooms/"+coffee+"/invitations", map[string]any{"logins": []string{b.login}}).refused(403)
	b.do("POST", "/rooms/"+coffee+"/invitations", map[string]any{"logins": []string{b.login}}).refused(404)
	b.do("GET", own, nil).refused(403)
	b.do("DELETE", own+"/"+coffee, nil).refused(403)
	c.do("POST", "/rooms/"+coffee+"/invitations", `{"logins":["no.body"]}`).refused(404)
	c.do("POST", "/rooms/"+coffee+"/invitations", `{"logins":[]}`).refused(400)
	c.do("POST", "/rooms/"+coffee+"/invitations", `{}`).refused(422)
	a.do("GET", own+"?before=x", nil).refused(400)
	anonymous(t, V).do("GET", own, nil).refused(401)
}

func TestRequestsToJoin(t *testing.T) {
	c, a := fresh(t, V), fresh(t, V)
	room, hidden := c.room(), c.private("Tea")
	at := "/rooms/" + room + "/request"
	for range 2 {
		a.do("PUT", at, `{"note":"May I?"}`).is(204)
	}
	asked := func() []any { return c.do("GET", "/rooms/"+room+"/lists/asked", nil).is(200).list("people") }
	require.Equal(t, []any{a.login, "May I?"}, []any{asked()[0].(map[string]any)["login"], asked()[0].(map[string]any)["note"]})
	a.do("DELETE", at, nil).is(204)
	a.do("DELETE", at, nil).refused(404)
	a.do("PUT", at, nil).is(204)
	c.do("DELETE", "/rooms/"+room+"/lists/asked/"+a.login, nil).is(204)
	a.do("PUT", at, nil).is(204)
	c.do("PUT", "/rooms/"+room+"/participants/"+a.login, nil).is(204)
	require.Empty(t, asked())
	a.do("PUT", at, nil).refused(409)
	a.do("PUT", "/rooms/"+hidden+"/request", nil).refused(404)
	a.do("PUT", at, `{"note":5}`).refused(400)
	anonymous(t, V).do("PUT", at, nil).refused(401)
}
