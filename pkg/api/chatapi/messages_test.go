package chatapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/id"
)

func TestMessages(t *testing.T) {
	for name, mount := range everywhere {
		t.Run(name, func(t *testing.T) {
			c, stranger := fresh(t, mount), fresh(t, mount)
			room := c.room()
			text := " <b>\u2028e\u0301😀\u0085\t\n\"\\ "
			a := c.do("POST", "/messages/"+room, map[string]any{"author": map[string]any{"login": c.login, "firstname": "Somebody"}, "content": text,
				"messageId": "x", "systemMessage": true, "creationDate": 1}).is(creates(mount))
			got := c.do("GET", "/messages/"+room, nil).is(200).list("messages")[0].(map[string]any)
			mid, err := id.Parse(got["messageId"].(string))
			require.NoError(t, err)
			require.Equal(t, strings.ToLower(got["messageId"].(string)), got["messageId"])
			layout := map[string]string{K: "2006-01-02 15:04:05", root: "2006-01-02 15:04:05", V: "2006-01-02T15:04:05.000Z"}[mount]
			require.Equal(t, map[string]any{"messageId": mid.String(), "content": text, "systemMessage": false,
				"author":       map[string]any{"login": c.login, "firstname": "First", "lastname": "Last"},
				"creationDate": mid.Time().Format(layout)}, got)
			if mount == V {
				require.Equal(t, got, a.object())
				require.Equal(t, V+"/messages/"+room+"/"+mid.String(), a.header.Get("Location"))
				require.Equal(t, got, c.do("GET", "/messages/"+room+"/"+mid.String(), nil).is(200).object())
				stranger.do("GET", "/messages/"+room+"/"+mid.String(), nil).refused(403)
				for _, unknown := range []string{"x", id.Max.String(), "4e831610-cb0b-41e4-8000-000000000000"} {
					c.do("GET", "/messages/"+room+"/"+unknown, nil).refused(404)
				}
			} else {
				c.do("GET", "/messages/"+room+"/"+mid.String(), nil).refused(404)
			}
			stranger.do("GET", "/messages/"+room, nil).refused(403)
			stranger.do("POST", "/messages/"+room, map[string]any{"author": stranger.person(), "content": "x"}).refused(403)
			c.do("POST", "/messages/"+room, map[string]any{"author": stranger.person(), "content": "x"}).refused(403)
			require.Equal(t, []string{text}, c.said("/messages/"+room))
		})
	}
}

func TestMessageFaults(t *testing.T) {
	c := fresh(t, K)
	room := c.room()
	blank, null := "may not be empty", "may not be null"
	for body, want := range map[string]string{
		`{}`:                             line("content", blank, "null") + line("author", null, "null"),
		`{"author":null,"content":null}`: line("content", blank, "null") + line("author", null, "null"),
		`{"author":{"login":"` + c.login + `"},"content":""}`:                      line("content", blank, ""),
		`{"author":{"login":"` + c.login + `"},"content":" \t\u00a0\u2028\u3000"}`: line("content", blank, " \t\u00a0\u2028\u3000"),
		`{"content":"x"}`: line("author", null, "null"),
	} {
		// Validation comes before the room is looked for.
		for _, r := range []string{room, "no.such.room"} {
			require.Equal(t, want, c.do("POST", "/messages/"+r, body).is(412).text())
		}
	}
	require.Contains(t, c.do("POST", "/messages/"+room, `{"author":{"login":"x"},"content":"a\u0000b"}`).is(412).text(), "'content'")
	v := c.at(V)
	require.Equal(t, []any{map[string]any{"field": "content", "message": blank}}, v.do("POST", "/messages/"+room, "{}").refused(422)["fields"])
	v.do("POST", "/messages/no.such.room", map[string]any{"content": "x"}).refused(404)
	// An unknown room comes before a foreign author.
	require.Equal(t, "Chat room 'no.such.room' does not exists",
		c.do("POST", "/messages/no.such.room", map[string]any{"author": map[string]any{"login": "x"}, "content": "x"}).is(400).text())
	require.Empty(t, c.said("/messages/"+room))
}

func TestLargeContent(t *testing.T) {
	for name, mount := range everywhere {
		t.Run(name, func(t *testing.T) {
			c := fresh(t, mount)
			room := c.room()
			post := func(content string, o ...option) *answer {
				return c.do("POST", "/messages/"+room, map[string]any{"author": c.person(), "content": content}, o...)
			}
			post(strings.Repeat("x", 65537), key("k")).refused(413)
			post(strings.Repeat("é", 32768)+"x", key("k")).refused(413)
			post(strings.Repeat("x", 10<<20), key("k")).refused(413)
			post(strings.Repeat("é", 32768), key("k")).is(creates(mount))
			escaped := `{"author":{"login":"` + c.login + `"},"content":"` + strings.Repeat(`\u0041`, 65536) + `"}`
			c.do("POST", "/messages/"+room, escaped).is(creates(mount))
			require.Equal(t, []string{strings.Repeat("é", 32768), strings.Repeat("A", 65536)}, c.said("/messages/"+room))
			c.do("POST", "/users", `{"login":"`+strings.Repeat("x", 2<<20)+`"}`).refused(413)
		})
	}
}

func TestIdempotencyAcrossMounts(t *testing.T) {
	c, other := fresh(t, K), fresh(t, K)
	room := c.room(other)
	body := map[string]any{"author": c.person(), "content": "once"}
	v := c.at(V)
	c.do("POST", "/messages/"+room, "{}", key("k")).is(412)
	c.do("POST", "/messages/"+room, body, key("k")).is(204)
	c.do("POST", "/messages/"+room, body, key("k")).is(204)
	first := v.do("POST", "/messages/"+room, body, key("k")).is(201)
	again := v.do("POST", "/messages/"+room, body, key("k")).is(201)
	require.Equal(t, first.body, again.body)
	require.Equal(t, first.header.Get("Location"), again.header.Get("Location"))
	require.Equal(t, first.object(), v.do("GET", strings.TrimPrefix(first.header.Get("Location"), V), nil).is(200).object())
	changed := map[string]any{"author": c.person(), "content": "twice"}
	c.do("POST", "/messages/"+room, changed, key("k")).refused(409)
	c.at(root).do("POST", "/messages/"+room, changed, key("k")).refused(409)
	v.do("POST", "/messages/"+room, changed, key("k")).refused(409)
	other.do("POST", "/messages/"+room, map[string]any{"author": other.person(), "content": "mine"}, key("k")).is(204)
	for _, bad := range []string{"", strings.Repeat("k", 256), "é"} {
		for _, m := range everywhere {
			c.at(m).do("POST", "/messages/"+room, body, key(bad)).refused(400)
		}
	}
	var all sync.WaitGroup
	ids := make([]string, 8)
	for i := range ids {
		d := c.at([]string{K, root, V, V}[i%4])
		all.Go(func() {
			a := d.do("POST", "/messages/"+room, map[string]any{"author": c.person(), "content": "parallel"}, key("p"))
			a.is(creates(d.mount))
			ids[i] = a.header.Get("Location")
		})
	}
	all.Wait()
	require.Equal(t, ids[2], ids[3])
	require.Equal(t, ids[2], ids[7])
	require.Equal(t, []string{"First Last joins the room", "once", "mine", "parallel"}, c.said("/messages/"+room+"?fetchSize=50"))
}

func TestPagesOfKillrchat(t *testing.T) {
	c := fresh(t, K)
	room, elsewhere := c.room(), c.room()
	for i := range 12 {
		c.post(room, fmt.Sprint(i))
	}
	c.post(elsewhere, "elsewhere")
	page := func(q string) string { return strings.Join(c.said("/messages/"+room+q), " ") }
	for _, q := range []string{"", "?fetchSize=0", "?fetchSize=-1", "?fetchSize=5", "?before=x&after=x"} {
		require.Equal(t, "7 8 9 10 11", page(q), q)
	}
	idOf := func(r string, back int) string {
		rows := c.do("GET", "/messages/"+r+"?fetchSize=200", nil).list("messages")
		return rows[len(rows)-1-back].(map[string]any)["messageId"].(string)
	}
	require.Equal(t, "5 6 7", page("?fetchSize=3&fromMessageId="+idOf(room, 3)))
	require.Equal(t, "0 1 2 3 4 5 6 7 8 9 10 11", page("?fetchSize=100000"))
	require.Equal(t, "[]", c.do("GET", "/messages/"+room+"?fromMessageId="+idOf(room, 11), nil).is(200).body)
	require.Equal(t, "10 11", page("?fetchSize=2&fromMessageId="+idOf(elsewhere, 0)), "a position, not a message")
	require.Equal(t, "10 11", page("?fetchSize=2&fromMessageId="+strings.ToUpper(id.Max.String())))
	for _, q := range []string{"fetchSize=x", "fetchSize=", "fetchSize=1.5"} {
		require.Contains(t, c.do("GET", "/messages/"+room+"?"+q, nil).is(400).body, "fetchSize")
	}
	for _, bad := range []string{"", "x", "4e831610-cb0b-41e4-8000-000000000000", "00000000-0000-0000-0000-000000000000", id.Max.String() + "0"} {
		require.Contains(t, c.do("GET", "/messages/"+room+"?fromMessageId="+bad, nil).is(400).body, "fromMessageId")
	}
	var walked []string
	for from := ""; ; {
		rows := c.do("GET", "/messages/"+room+"?fetchSize=5"+from, nil).list("messages")
		if len(rows) == 0 {
			break
		}
		var part []string
		for _, r := range rows {
			part = append(part, r.(map[string]any)["content"].(string))
		}
		walked = append(part, walked...)
		from = "&fromMessageId=" + rows[0].(map[string]any)["messageId"].(string)
	}
	require.Equal(t, "0 1 2 3 4 5 6 7 8 9 10 11", strings.Join(walked, " "))
}

func TestPagesOfV1(t *testing.T) {
	c := fresh(t, V)
	room := c.room()
	var ids []string
	for i := range 6 {
		a := c.do("POST", "/messages/"+room, map[string]any{"content": fmt.Sprint(i)}).is(201)
		ids = append(ids, a.object()["messageId"].(string))
	}
	for q, want := range map[string]string{
		"":                                    `0 1 2 3 4 5 {"hasMore":false}`,
		"fetchSize=6":                         `0 1 2 3 4 5 {"hasMore":false}`,
		"fetchSize=2":                         `4 5 {"hasMore":true}`,
		"fetchSize=2&before=" + ids[4]:        `2 3 {"hasMore":true}`,
		"fetchSize=2&fromMessageId=" + ids[2]: `0 1 {"hasMore":false}`,
		"before=" + ids[0]:                    `{"hasMore":false}`,
		"fetchSize=2&after=" + ids[1]:         `2 3 {"hasMore":true}`,
		"fetchSize=2&after=" + ids[3]:         `4 5 {"hasMore":false}`,
		"after=" + ids[5]:                     `{"hasMore":false}`,
		"fetchSize=3&around=" + ids[2]:        `1 2 3 {"hasMore":true,"hasMoreAfter":true,"hasMoreBefore":true}`,
		"fetchSize=3&around=" + ids[0]:        `0 1 2 {"hasMore":true,"hasMoreAfter":true,"hasMoreBefore":false}`,
		"fetchSize=3&around=" + ids[5]:        `3 4 5 {"hasMore":true,"hasMoreAfter":false,"hasMoreBefore":true}`,
		"fetchSize=9&around=" + ids[3]:        `0 1 2 3 4 5 {"hasMore":false,"hasMoreAfter":false,"hasMoreBefore":false}`,
	} {
		o := c.do("GET", "/messages/"+room+"?"+q, nil).is(200).object()
		got := ""
		for _, m := range o["messages"].([]any) {
			got += m.(map[string]any)["content"].(string) + " "
		}
		delete(o, "messages")
		rest, err := json.Marshal(o)
		require.NoError(t, err)
		require.Equal(t, want, got+string(rest), q)
	}
	for _, bad := range []string{"fetchSize=0", "fetchSize=-1", "fetchSize=x", "before=", "after=", "around=", "before=x",
		"after=4e831610-cb0b-41e4-8000-000000000000", "before=" + ids[0] + "&after=" + ids[0], "before=" + ids[0] + "&fromMessageId=" + ids[0],
		"around=" + ids[0] + "&before=" + ids[1], "fetchSize=%zz"} {
		c.do("GET", "/messages/"+room+"?"+bad, nil).refused(400)
	}
}

func TestPostsOfOneClientKeepTheirOrder(t *testing.T) {
	c := fresh(t, V)
	room := c.room()
	var want []string
	for i := range 30 {
		want = append(want, fmt.Sprint(i))
		c.post(room, fmt.Sprint(i))
	}
	require.Equal(t, want, c.said("/messages/"+room))
}

func TestMethodRules(t *testing.T) {
	for name, mount := range everywhere {
		t.Run(name, func(t *testing.T) {
			c, nobody := fresh(t, mount), anonymous(t, mount)
			room := c.room()
			for path, allow := range map[string][2]string{
				"/users":               {"POST, OPTIONS", "GET, HEAD, POST, OPTIONS"},
				"/users/" + c.login:    {"GET, HEAD, OPTIONS", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"},
				"/rooms":               {"GET, HEAD, OPTIONS", "GET, HEAD, POST, OPTIONS"},
				"/rooms/" + room:       {"GET, HEAD, POST, PATCH, OPTIONS", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"},
				"/messages/" + room:    {"GET, HEAD, POST, OPTIONS", "GET, HEAD, POST, OPTIONS"},
				"/authenticate":        {"POST, OPTIONS", "POST, OPTIONS"},
				"/logout":              {"GET, HEAD, POST, OPTIONS", "POST, OPTIONS"},
				"/remember-me":         {"GET, HEAD, OPTIONS", "GET, HEAD, OPTIONS"},
				"/rooms/participant/x": {"PUT, PATCH, OPTIONS", "PUT, PATCH, DELETE, OPTIONS"},
			} {
				want := allow[0]
				if mount == V {
					want = allow[1]
				}
				a := nobody.do("OPTIONS", path, nil).is(204)
				require.Equal(t, want, a.header.Get("Allow"), path)
				require.Equal(t, strings.Contains(want, "PATCH"), a.header.Get("Accept-Patch") != "", path)
				for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
					if !strings.Contains(want, method) {
						a := c.do(method, path, nil)
						a.refused(405)
						require.Equal(t, want, a.header.Get("Allow"))
					}
				}
				for _, method := range []string{"FROBNICATE", "get", "PROPFIND"} {
					nobody.do(method, path, nil).refused(501)
				}
				trace := c.do("TRACE", path, nil, header("Authorization", "Bearer secret"), header("X-Probe", "secret"))
				trace.refused(405)
				require.NotEmpty(t, trace.header.Get("Allow"))
				require.NotContains(t, fmt.Sprint(trace.body, trace.header), "secret")
			}
			for _, path := range []string{"/users/" + c.login, "/rooms", "/rooms/" + room, "/messages/" + room, "/users/nobody-here"} {
				// Left to itself, net/http asks for gzip in a GET and not in a HEAD.
				get, head := c.do("GET", path, nil, header("Accept-Encoding", "identity")), headOf(t, c, path)
				require.Equal(t, get.status, head.StatusCode, path)
				require.Equal(t, get.header.Get("Content-Type"), head.Header.Get("Content-Type"), path)
				if get.status == 200 {
					require.Equal(t, get.header.Get("Content-Length"), head.Header.Get("Content-Length"), path)
				}
			}
			for _, path := range []string{"/nosuch", "/users/", "/users/x/y", "/rooms//", "//rooms", "/messages/" + room + "/x/y"} {
				c.do("GET", path, nil).refused(404)
			}
		})
	}
	c := fresh(t, root)
	for _, path := range []string{"/api/chat/V1/rooms", "/api/chat/v9/rooms", "/api/nosuch/v1/x", "/api", "/api/chat/v1"} {
		a := c.do("GET", path, nil)
		a.refused(404)
		require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
	}
	r, err := http.NewRequestWithContext(t.Context(), "OPTIONS", base, nil)
	require.NoError(t, err)
	r.URL.Opaque = "*"
	resp, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 204, resp.StatusCode)
	require.Contains(t, resp.Header.Get("Allow"), "PATCH")
}

func headOf(t *testing.T, c *client, path string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "HEAD", base+c.mount+path, nil)
	require.NoError(t, err)
	for name, value := range c.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp
}

func TestNegotiation(t *testing.T) {
	c := fresh(t, V)
	for accept, status := range map[string]int{"application/xml": 406, "text/html": 406, "application/json;q=0": 406, "application/json": 200,
		"text/html;q=0.5, application/json": 200, "*/*": 200, "": 200, "application/json, text/plain, */*": 200} {
		c.do("GET", "/rooms?size=1", nil, header("Accept", accept)).is(status)
		c.at(K).do("GET", "/rooms?fetchSize=1", nil, header("Accept", accept)).is(200)
	}
	for range 20 {
		require.Equal(t, c.do("GET", "/users/"+c.login, nil).body, c.do("GET", "/users/"+c.login, nil).body)
	}
}

func TestTheRestOfTheServer(t *testing.T) {
	c := anonymous(t, root)
	a := c.do("GET", "/", nil)
	require.Contains(t, []int{301, 302, 303, 307, 308}, a.status)
	require.Equal(t, "/ui/chat/index.html", a.header.Get("Location"))
	ui := c.do("GET", "/ui/chat/index.html", nil).is(200)
	require.Contains(t, ui.header.Get("Content-Type"), "text/html")
	c.do("GET", "/ui/nosuch/index.html", nil).is(404)
	c.do("GET", "/readyz", nil).is(200)
	c.do("TRACE", "/", nil).refused(405)
}
