package easemob_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/people"
)

func TestContactsOfThePlatform(t *testing.T) {
	w := newWorld(t)
	a := w.app
	ann, annToken := a.user("ann")
	bob, bobToken := a.user("bob")
	a.user("carl")
	list := func(of, query string) []any {
		t.Helper()
		out := a.ok("GET", "/users/"+of+"/contacts/users"+query, a.token, nil)
		require.Equal(t, float64(len(out["data"].([]any))), out["count"])
		require.Equal(t, []any{}, out["entities"])
		return out["data"].([]any)
	}
	out := a.ok("POST", "/users/ann/contacts/users/BOB", a.token, nil)
	require.Equal(t, "bob", out["entities"].([]any)[0].(object)["username"])
	require.Equal(t, "/users/"+ann+"/contacts", out["path"])
	require.True(t, strings.HasSuffix(out["uri"].(string), "/users/"+ann+"/contacts"))
	a.ok("POST", "/users/carl/contacts/users/"+ann, a.token, nil)
	a.ok("POST", "/users/ann/contacts/users/carl", annToken, object{})
	require.Equal(t, []any{"carl", "bob"}, list("ann", ""))
	require.Equal(t, []any{"ann"}, list("bob", "/"))

	// Pages.
	out = a.ok("GET", "/users/ann/contacts/users?limit=1", annToken, nil)
	require.Equal(t, []any{"carl"}, out["data"])
	cursor := out["cursor"].(string)
	require.Equal(t, []any{"bob"}, list("ann", "?limit=1&cursor="+cursor))
	a.fails(400, "illegal_argument", "GET", "/users/bob/contacts/users?cursor="+cursor, a.token, nil)
	a.fails(400, "illegal_argument", "GET", "/users/ann/contacts/users?limit=0", a.token, nil)

	// Remarks.
	out = a.ok("PUT", "/user/ann/contacts/users/bob", annToken, object{"remark": "from work"})
	require.Equal(t, object{"remark": "from work"}, out["data"])
	require.Equal(t, []any{object{"username": "carl", "remark": ""}, object{"username": "bob", "remark": "from work"}}, list("ann", "?needReturnRemark=true"))
	require.Equal(t, []any{object{"username": "ann", "remark": ""}}, list("bob", "?needReturnRemark=true"))
	a.fails(404, "service_resource_not_found", "PUT", "/user/bob/contacts/users/carl", a.token, object{"remark": "x"})
	a.fails(400, "illegal_argument", "PUT", "/user/ann/contacts/users/bob", a.token, object{"remark": strings.Repeat("x", 101)})
	a.fails(400, "illegal_argument", "PUT", "/user/ann/contacts/users/bob", a.token, object{})

	// What cannot be.
	a.fails(404, "service_resource_not_found", "POST", "/users/ann/contacts/users/nobody", a.token, nil)
	a.fails(404, "service_resource_not_found", "POST", "/users/nobody/contacts/users/ann", a.token, nil)
	a.fails(400, "illegal_argument", "POST", "/users/ann/contacts/users/ann", a.token, nil)
	a.fails(401, "auth_bad_access_token", "POST", "/users/carl/contacts/users/bob", bobToken, nil)
	w.other.user("bob")
	w.other.fails(404, "service_resource_not_found", "POST", "/users/bob/contacts/users/"+bob, w.other.token, nil)

	out = a.ok("DELETE", "/users/bob/contacts/users/ann", bobToken, nil)
	require.Equal(t, "ann", out["entities"].([]any)[0].(object)["username"])
	require.Equal(t, []any{"carl"}, list("ann", ""))
	require.Empty(t, list("bob", ""))
	a.ok("DELETE", "/users/bob/contacts/users/ann", bobToken, nil)

	// Whoever gets the name of a deleted account inherits nothing.
	a.ok("DELETE", "/users/ann", a.token, nil)
	require.Empty(t, list("carl", ""))
	a.user("ann")
	require.Empty(t, list("carl", ""))
	require.Empty(t, list("ann", ""))
}

func TestBlocksOfThePlatform(t *testing.T) {
	a := newWorld(t).app
	ann, annToken := a.user("ann")
	a.user("bob")
	a.user("carl")
	const path = "/users/ann/blocks/users"
	out := a.ok("POST", path+"/", annToken, object{"usernames": []string{"Bob"}})
	require.Equal(t, []any{"bob"}, out["data"])
	require.Equal(t, []any{}, out["entities"])
	require.Equal(t, "/users/"+ann+"/blocks", out["path"])
	a.ok("POST", path, a.token, object{"usernames": []string{"bob", "carl"}})
	out = a.ok("GET", path, annToken, nil)
	require.Equal(t, []any{"carl", "bob"}, out["data"])
	require.Equal(t, 2.0, out["count"])
	out = a.ok("DELETE", path+"/bob", annToken, nil)
	require.Equal(t, "bob", out["entities"].([]any)[0].(object)["username"])
	a.ok("DELETE", path+"/bob", annToken, nil)
	require.Equal(t, []any{"carl"}, a.ok("GET", path+"/", a.token, nil)["data"])

	for _, body := range []object{{}, {"usernames": []string{}}, {"usernames": "bob"}, {"usernames": []string{"ann"}}} {
		a.fails(400, "illegal_argument", "POST", path, a.token, body)
	}
	many := make([]string, people.MaxBlocks+1)
	for i := range many {
		many[i] = fmt.Sprint("x", i)
	}
	a.fails(400, "illegal_argument", "POST", path, a.token, object{"usernames": many})
	a.fails(404, "service_resource_not_found", "POST", path, a.token, object{"usernames": []string{"bob", "nobody"}})
	a.fails(404, "service_resource_not_found", "DELETE", path+"/nobody", a.token, nil)
	require.Equal(t, []any{"carl"}, a.ok("GET", path, a.token, nil)["data"], "what was refused has changed nothing")
}

func TestGlobalMutes(t *testing.T) {
	a := newWorld(t).app
	a.user("ann")
	a.user("bob")
	list := func(query string) []any {
		t.Helper()
		out := a.ok("GET", "/mutes"+query, a.token, nil)["data"].(object)
		require.NotZero(t, out["unixtime"])
		return out["data"].([]any)
	}
	require.Empty(t, list(""))
	require.Equal(t, object{"result": "ok"}, a.ok("POST", "/mutes", a.token, object{"username": "Ann", "chat": -1, "chatroom": "3600"})["data"])
	one := a.ok("GET", "/mutes/ann", a.token, nil)["data"].(object)
	require.Equal(t, strings.Replace(a.key, "/", "#", 1)+"_ann", one["userid"])
	require.Equal(t, -1.0, one["chat"])
	require.Equal(t, 0.0, one["groupchat"])
	require.InDelta(t, 3600, one["chatroom"], 60)
	require.NotZero(t, one["unixtime"])
	a.ok("POST", "/mutes", a.token, object{"username": "bob", "groupchat": 2147483647})
	require.Len(t, list(""), 2)
	require.Equal(t, one["userid"], list("?pageNum=1&pageSize=1")[0].(object)["userid"])
	require.Equal(t, -1.0, list("?pageNum=1&pageSize=1")[0].(object)["chat"])
	require.Len(t, list("?pageNum=2&pageSize=1"), 1)
	require.Empty(t, list("?pageNum=3&pageSize=1"))
	a.ok("POST", "/mutes", a.token, object{"username": "ann", "chat": 0, "chatroom": 0})
	require.Len(t, list(""), 1)
	require.Equal(t, 0.0, a.ok("GET", "/mutes/ann", a.token, nil)["data"].(object)["chat"])

	for _, body := range []object{{"username": "ann"}, {"chat": 1}, {"username": "ann", "chat": -2}, {"username": "ann", "chat": 2147483648}, {"username": "ann", "chat": "x"}} {
		a.fails(400, "illegal_argument", "POST", "/mutes", a.token, body)
	}
	for _, query := range []string{"?pageSize=51", "?pageSize=0", "?pageNum=-1", "?pageNum=x"} {
		a.fails(400, "illegal_argument", "GET", "/mutes"+query, a.token, nil)
	}
	a.fails(404, "service_resource_not_found", "POST", "/mutes", a.token, object{"username": "nobody", "chat": 1})
	a.fails(404, "service_resource_not_found", "GET", "/mutes/nobody", a.token, nil)
	a.ok("DELETE", "/users/bob", a.token, nil)
	require.Empty(t, list(""))
}

func TestNotificationsAreKept(t *testing.T) {
	a := newWorld(t).app
	_, ann := a.user("ann")
	a.user("bob")
	const group, user = "/users/ann/notification/chatgroup/12345678", "/users/ann/notification/user/"
	require.Equal(t, object{}, a.ok("GET", group, ann, nil)["data"])
	whole := object{"type": "AT", "ignoreInterval": "21:30-08:00", "ignoreDuration": 86400000.0}
	require.Equal(t, whole, a.ok("PUT", group, ann, object{"type": "AT", "ignoreInterval": "21:30-08:00", "ignoreDuration": "86400000"})["data"])
	require.Equal(t, whole, a.ok("GET", group, a.token, nil)["data"])
	whole["type"] = "NONE"
	require.Equal(t, whole, a.ok("PUT", group, a.token, object{"type": "NONE"})["data"])
	a.ok("PUT", user+"bob", ann, object{"type": "ALL"})
	a.ok("PUT", user+"ann", ann, object{"type": "DEFAULT"})
	require.Equal(t, object{"type": "ALL"}, a.ok("GET", user+"BOB", ann, nil)["data"])
	for _, body := range []object{{}, {"type": "x"}, {"ignoreInterval": "x"}, {"ignoreDuration": -1}} {
		a.fails(400, "illegal_argument", "PUT", group, ann, body)
	}
	a.fails(404, "service_resource_not_found", "PUT", user+"nobody", ann, object{"type": "ALL"})
	a.fails(400, "illegal_argument", "PUT", "/users/ann/notification/chatgroup/x", ann, object{"type": "ALL"})
	a.fails(404, "service_resource_not_found", "PUT", "/users/ann/notification/chatroom/1", ann, object{"type": "ALL"})
	// A later account of the name is another one.
	a.ok("DELETE", "/users/bob", a.token, nil)
	a.user("bob")
	require.Equal(t, object{}, a.ok("GET", user+"bob", ann, nil)["data"])
}

// connect opens a socket of the chat API, which gone closes.
func (w *world) connect(login, password string) (gone func()) {
	w.Helper()
	status, h, _ := w.raw("POST", "/authenticate", "", "j_username="+login+"&j_password="+password)
	require.Equal(w, 204, status)
	var cookies []string
	for _, c := range (&http.Response{Header: h}).Cookies() {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	conn, _, _, err := ws.Dialer{Header: ws.HandshakeHeaderHTTP{"Cookie": {strings.Join(cookies, "; ")}}}.Dial(w.Context(), "ws"+strings.TrimPrefix(w.web.URL, "http")+"/api/chat/v1/stomp")
	require.NoError(w, err)
	require.NoError(w, wsutil.WriteClientText(conn, []byte("CONNECT\naccept-version:1.2\n\n\x00")))
	text, err := wsutil.ReadServerText(conn)
	require.NoError(w, err)
	require.Contains(w, string(text), "CONNECTED")
	gone = func() { _ = conn.Close() }
	w.Cleanup(gone)
	return gone
}

func TestStatus(t *testing.T) {
	w := newWorld(t)
	w.app.user("batch")
	require.Equal(t, object{"batch": "offline"}, w.app.ok("GET", "/users/batch/status", w.app.token, nil)["data"])
	w.app.fails(404, "service_resource_not_found", "GET", "/users/nobody/status", w.app.token, nil)
	w.app.fails(405, "method_not_allowed", "POST", "/users/ann/status", w.app.token, object{})

	// Who is connected to the chat API is online in the default app.
	a := w.defaultApp("confab/chat", "confab", "chat")
	signUp(w, "Ann.One", "first")
	signUp(w, "bob", "second")
	statuses := func() []any {
		t.Helper()
		out := a.ok("POST", "/users/batch/status", a.token, object{"usernames": []string{"bob", "nobody", "Ann.One", "梁"}})
		require.Equal(t, "get batch user status", out["action"])
		return out["data"].([]any)
	}
	offline := []any{object{"bob": "offline"}, object{"nobody": "offline"}, object{"Ann.One": "offline"}, object{"梁": "offline"}}
	require.Equal(t, offline, statuses())
	gone := w.connect("Ann.One", "first")
	require.Equal(t, append(append([]any{}, offline[:2]...), object{"Ann.One": "online"}, offline[3]), statuses())
	require.Equal(t, object{"Ann.One": "online"}, a.ok("GET", "/users/Ann.One/status", a.token, nil)["data"])
	w.app.user("ann.one")
	require.Equal(t, object{"ann.one": "offline"}, w.app.ok("GET", "/users/ann.one/status", w.app.token, nil)["data"])
	gone()
	require.Eventually(t, func() bool {
		return a.ok("GET", "/users/Ann.One/status", a.token, nil)["data"].(object)["Ann.One"] == "offline"
	}, 10*time.Second, 5*time.Millisecond)

	many := make([]string, 101)
	a.fails(400, "illegal_argument", "POST", "/users/batch/status", a.token, object{"usernames": many})
	a.fails(400, "illegal_argument", "POST", "/users/batch/status", a.token, object{})
}
