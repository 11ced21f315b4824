package chatapi_test

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatIsUnchangedIsNotSentAgain(t *testing.T) {
	c, other := fresh(t, V), fresh(t, V)
	room := c.room(other)
	for path, change := range map[string]func() *answer{
		"/rooms/" + room:    func() *answer { return c.do("PATCH", "/rooms/"+room, map[string]any{"banner": unique("banner")}) },
		"/users/" + c.login: func() *answer { return c.do("PATCH", "/users/"+c.login, map[string]any{"bio": unique("bio")}) },
	} {
		first := c.do("GET", path, nil).is(200)
		tag := first.header.Get("ETag")
		require.Regexp(t, `^"[\x21\x23-\x7e]+"$`, tag)
		require.Equal(t, "private, no-cache", first.header.Get("Cache-Control"))
		require.Equal(t, tag, other.do("GET", path, nil).header.Get("ETag"), "the same for everybody")
		require.Equal(t, tag, headOf(t, c, path).Header.Get("ETag"))
		same := c.do("GET", path, nil, header("If-None-Match", `"x", W/`+tag))
		require.Empty(t, same.is(304).body)
		require.Equal(t, tag, same.header.Get("ETag"))
		require.Equal(t, "private, no-cache", same.header.Get("Cache-Control"))

		changed := change().is(200).header.Get("ETag")
		require.NotEqual(t, tag, changed)
		again := c.do("GET", path, nil, header("If-None-Match", tag)).is(200)
		require.Equal(t, changed, again.header.Get("ETag"), "who changes it knows its new tag")
		collection, name := path[:6], path[7:]
		require.Equal(t, changed, c.do("GET", collection+"?id="+name, nil).header.Get("ETag"), "id= is the path")

		// Who may not read it learns nothing.
		anonymous(t, V).do("GET", path, nil, header("If-None-Match", changed)).refused(401)
		list := c.do("GET", path+",x", nil)
		require.Empty(t, list.is(200).header.Get("ETag"))
		require.Equal(t, "no-store", list.header.Get("Cache-Control"))
	}
	c.do("GET", "/rooms/no.such.room", nil, header("If-None-Match", "*")).refused(404)
	made := c.do("POST", "/rooms", map[string]any{"roomName": unique("room")}).is(201)
	require.Equal(t, made.header.Get("ETag"), c.do("GET", strings.TrimPrefix(made.header.Get("Location"), V), nil).header.Get("ETag"))
	for _, path := range []string{"/rooms/" + room, "/users/" + c.login, "/rooms"} {
		require.Equal(t, "no-store", c.at(K).do("GET", path, nil).is(200).header.Get("Cache-Control"), "the plain mounts keep nothing")
	}
}

func TestConditionalChanges(t *testing.T) {
	c, other := fresh(t, V), fresh(t, V)
	room := c.room(other)
	path := "/rooms/" + room
	tag := c.do("GET", path, nil).header.Get("ETag")
	body := map[string]any{"banner": "new"}
	stale := header("If-Match", `"stale"`)
	for _, method := range []string{"PUT", "PATCH", "DELETE"} {
		c.do(method, path, body, stale).refused(412)
		other.do(method, path, body, header("If-Match", tag)).refused(403)
		other.do(method, path, body, stale).refused(403)
		c.do(method, path, body, header("If-None-Match", "*")).refused(412)
	}
	require.Equal(t, tag, c.do("GET", path, nil).header.Get("ETag"), "what is refused changes nothing")
	c.do("PATCH", path, map[string]any{}, stale).refused(412)
	next := c.do("PUT", path, body, header("If-Match", `"x", `+tag)).is(200).header.Get("ETag")
	c.do("PATCH", path, map[string]any{"banner": "newer"}, header("If-Match", tag)).refused(412)

	c.do("PATCH", "/rooms/no.such.room", body, header("If-Match", "*")).refused(404)
	c.do("DELETE", "/rooms/no.such.room", nil, header("If-Match", "*")).refused(404)
	fresh := "/rooms/" + unique("room")
	c.do("PUT", fresh, body, header("If-Match", "*")).refused(412)
	c.do("GET", fresh, nil).refused(404)
	c.do("DELETE", path, nil, header("If-Match", next)).is(204)

	me := "/users/" + c.login
	tag = c.do("GET", me, nil).header.Get("ETag")
	c.do("PATCH", me, map[string]any{"bio": "x"}, stale).refused(412)
	c.do("DELETE", me, nil, stale).refused(412)
	other.do("PATCH", me, map[string]any{"bio": "x"}, header("If-Match", tag)).refused(403)
	c.do("PATCH", me, map[string]any{"bio": "x"}, header("If-Match", tag)).is(200)
	c.do("PATCH", me, map[string]any{"bio": "y"}, header("If-Match", tag)).refused(412)
}

// Of several concurrent requests exactly one creates a room, or makes the change that all of them decided on.
func TestOneOfSeveralConditionalChangesWins(t *testing.T) {
	c := fresh(t, V)
	c.do("GET", "/rooms", nil).is(200) // so that the session is known
	room := "/rooms/" + unique("room")
	atOnce := func(body func(n int) any, o option) (won int) {
		var wins atomic.Int32
		var wg sync.WaitGroup
		for n := range 8 {
			wg.Go(func() {
				switch a := c.copied().do("PUT", room, body(n), o); a.status {
				case 200, 201:
					wins.Add(1)
				default:
					a.refused(412)
				}
			})
		}
		wg.Wait()
		return int(wins.Load())
	}
	require.Equal(t, 1, atOnce(func(int) any { return map[string]any{} }, header("If-None-Match", "*")))
	tag := c.do("GET", room, nil).header.Get("ETag")
	require.Equal(t, 1, atOnce(func(int) any { return map[string]any{"banner": unique("banner")} }, header("If-Match", tag)))
}

func TestSetsInQueries(t *testing.T) {
	c, d := fresh(t, V), fresh(t, V)
	a, b := c.room(), c.room()
	for collection, names := range map[string][2]string{"rooms": {a, b}, "users": {c.login, d.login}} {
		member := map[string]string{"rooms": "roomName", "users": "login"}[collection]
		list := func(query string) []string {
			out := []string{}
			for _, r := range c.do("GET", "/"+collection+"?"+query, nil).is(200).list(collection) {
				out = append(out, r.(map[string]any)[member].(string))
			}
			return out
		}
		x, y := names[0], names[1]
		for _, query := range []string{"id=" + y + "," + x, "id=" + y + "%2C" + x, "id=" + y + "&id=" + x, "id=" + y + "," + x + "," + y, "id=no.such," + y + "," + x} {
			require.Equal(t, []string{y, x}, list(query), query)
		}
		require.ElementsMatch(t, []string{y, x}, list("id="+y+";"+x))
		require.ElementsMatch(t, []string{y, x}, list("id="+y+"%3B"+x))
		for _, bad := range []string{"id=", "id=" + x + ",", "id=" + x + ";;" + y, "id=" + x + "," + y + ";" + x, "id=" + strings.Repeat("x,", 1000) + "x"} {
			c.do("GET", "/"+collection+"?"+bad, nil).refused(400)
		}
		require.Equal(t, c.do("GET", "/"+collection+"?id="+y+","+x, nil).object(),
			c.do("POST", "/"+collection+"/queries", map[string]any{"id": []string{y, x}}).is(200).object())
		require.Equal(t, c.do("GET", "/"+collection+"?start=1&size=1", nil).object(),
			c.do("POST", "/"+collection+"/queries", map[string]any{"start": 1, "size": 1}).is(200).object())
		c.do("POST", "/"+collection+"/queries", map[string]any{"size": 0}).refused(400)
		c.do("POST", "/"+collection+"/queries", map[string]any{"size": "1"}).refused(400)
		c.do("POST", "/"+collection+"/queries", map[string]any{"id": []string{x}}).is(200).list(collection)
		c.do("PUT", "/"+collection+"/queries", nil).refused(405)
	}
	c.post(a, "one")
	c.post(a, "two")
	page := func(q map[string]any) map[string]any {
		return c.do("POST", "/messages/"+a+"/queries", q).is(200).object()
	}
	require.Equal(t, c.do("GET", "/messages/"+a+"?fetchSize=1", nil).object(), page(map[string]any{"fetchSize": 1}))
	last := page(map[string]any{"fetchSize": 1})["messages"].([]any)[0].(map[string]any)["messageId"].(string)
	require.Equal(t, c.do("GET", "/messages/"+a+"?before="+last, nil).object(), page(map[string]any{"before": last, "after": nil}))
	c.do("POST", "/messages/"+a+"/queries", map[string]any{"before": "x"}).refused(400)
	c.do("POST", "/messages/"+a+"/queries", map[string]any{"before": last, "after": last}).refused(400)
	d.do("POST", "/messages/"+a+"/queries", map[string]any{}).refused(403)
	anonymous(t, V).do("POST", "/users", map[string]any{"login": "queries", "password": "pw of x", "firstname": "F", "lastname": "L"}).refused(422)
}

func TestMatrixParameters(t *testing.T) {
	c := fresh(t, V)
	room := c.room()
	for _, path := range []string{"/rooms/" + room + ";banner=b", "/rooms/" + room + "%3Bbanner=b", "/users/" + c.login + ";x=1", "/rooms;x=y", "/rooms%3Bx%3Dy",
		"/users/" + c.login + ";v=1/avatar", "/users;x=1/" + c.login} {
		c.do("GET", path, nil).refused(400)
	}
	c.do("GET", "/rooms/"+room+";"+room, nil).is(200)
}

func TestMediaTypesOfPatches(t *testing.T) {
	c := fresh(t, V)
	path := "/users/" + c.login
	const both = "application/merge-patch+json, application/json"
	require.Equal(t, both, c.do("OPTIONS", path, nil).is(204).header.Get("Accept-Patch"))
	c.do("PATCH", path, `{"bio":"merged"}`, header("Content-Type", "application/merge-patch+json")).is(200)
	for _, kind := range []string{"application/json-patch+json", "text/plain"} {
		refused := c.do("PATCH", path, `{"bio":"x"}`, header("Content-Type", kind))
		refused.refused(415)
		require.Equal(t, both, refused.header.Get("Accept-Patch"), kind)
	}
	require.Empty(t, c.do("PUT", path, "x", header("Content-Type", "text/plain")).is(http.StatusUnsupportedMediaType).header.Get("Accept-Patch"))
	require.Equal(t, "merged", c.do("GET", path, nil).object()["bio"])
}
