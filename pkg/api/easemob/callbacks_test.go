package easemob_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/jobs"
)

// receiver is the server of an app. It returns what it was told of.
func (w *world) receiver(status int) (url string, next func() object) {
	calls := make(chan object, 1000)
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		out := object{}
		_ = json.Unmarshal(b, &out)
		rw.WriteHeader(status)
		calls <- out
	}))
	w.Cleanup(s.Close)
	return s.URL, func() object {
		w.Helper()
		select {
		case c := <-calls:
			return c
		case <-time.After(30 * time.Second):
			w.Fatal("nothing was told")
			return nil
		}
	}
}

// Each call that does something is told once, in the words of the platform.
func TestTheAppIsToldOfWhatHappens(t *testing.T) {
	a := newWorld(t).app
	a.user("ann")
	url, next := a.receiver(200)
	a.ok("POST", "/callbacks/rules", a.token, object{"url": url})
	told := func(want ...any) object {
		t.Helper()
		c := next()
		require.Equal(t, want[0], c["kind"], "%v", c)
		for i := 1; i < len(want); i += 2 {
			got := any(c)
			for _, name := range strings.Split(want[i].(string), ".") {
				got = got.(object)[name]
			}
			require.Equal(t, want[i+1], got, "%v: %v", want[i], c)
		}
		return c
	}
	_, bob := a.user("bob")
	told("user", "operation", "CREATE", "username", "bob")
	a.user("carl")
	told("user", "operation", "CREATE", "username", "carl")
	a.user("dora")
	told("user", "operation", "CREATE", "username", "dora")

	a.ok("POST", "/users/ann/contacts/users/bob", a.token, nil)
	told("roster", "from", "ann", "to", "bob", "payload.operation", "add")
	a.ok("POST", "/users/ann/contacts/users/bob", a.token, nil) // changes nothing
	a.ok("POST", "/users/ann/blocks/users", a.token, object{"usernames": []string{"carl"}})
	told("roster", "from", "ann", "to", "carl", "payload.operation", "ban")
	a.ok("DELETE", "/users/ann/blocks/users/carl", a.token, nil)
	told("roster", "payload.operation", "allow")
	a.ok("DELETE", "/users/ann/contacts/users/bob", a.token, nil)
	told("roster", "payload.operation", "remove")

	id := a.ok("POST", "/messages/users", a.token, object{"to": []string{"bob"}, "from": "ann", "type": "img", "body": object{"url": "https://example.org/a.png", "filename": "a.png", "size": object{"width": 2, "height": 3}}, "ext": object{"a": 1}})["data"].(object)["bob"]
	told("message", "msg_id", id, "from", "ann", "to", "bob", "chat_type", "chat", "payload.ext", object{"a": 1.0},
		"payload.bodies", []any{object{"type": "img", "url": "https://example.org/a.png", "filename": "a.png", "size": object{"width": 2.0, "height": 3.0}}})
	a.ok("POST", "/messages/msg_recall", a.token, object{"msg_id": id, "to": "bob", "from": "ann", "chat_type": "chat"})
	told("recall", "recall_id", id, "chat_type", "recall", "to", "bob")

	g := a.group("ann", object{"allowinvites": true}, "bob")
	told("group", "id", g, "operation", "CREATE", "payload.member", []any{"bob"}, "operator", "@ppAdmin", "type", "GROUP")
	path := "/chatgroups/" + g
	a.ok("POST", path+"/users/carl", bob, nil)
	told("group", "operation", "JOIN", "payload", object{"member": []any{"carl"}, "type": "INVITE"}, "operator", "bob")
	a.ok("POST", path+"/users", a.token, object{"usernames": []string{"carl", "dora"}})
	told("group", "operation", "JOIN", "payload", object{"member": []any{"dora"}, "type": "DIRECT"})
	id = a.ok("POST", "/messages/chatgroups", bob, object{"to": []string{g}, "type": "txt", "body": object{"msg": "hi"}})["data"].(object)[g]
	told("message", "chat_type", "groupchat", "group_id", g, "msg_id", id, "from", "bob")
	a.ok("POST", "/messages/msg_recall", bob, object{"msg_id": id, "to": g, "chat_type": "groupchat"})
	told("recall", "group_id", g, "recall_id", id)
	a.ok("PUT", path, a.token, object{"description": "other"})
	told("group", "operation", "UPDATE", "payload.type", "INFO", "payload.info.description", "other")
	a.ok("POST", path+"/announcement", a.token, object{"announcement": "A"})
	told("group", "operation", "UPDATE", "payload", object{"type": "ANNOUNCEMENT", "announcement": "A"})
	a.ok("POST", path+"/ban", a.token, nil)
	told("group", "payload", object{"type": "MUTE", "mute": true})
	a.ok("POST", path+"/admin", a.token, object{"newadmin": "bob"})
	told("group", "operation", "ADMIN", "payload", object{"type": "ADD", "admin": []any{"bob"}})
	a.ok("POST", path+"/mute", a.token, object{"usernames": []string{"carl", "dora"}, "mute_duration": -1})
	told("group", "operation", "MUTE", "payload", object{"type": "ADD", "member": []any{"carl", "dora"}})
	a.ok("DELETE", path+"/mute/carl,bob", a.token, nil)
	told("group", "operation", "MUTE", "payload", object{"type": "REMOVE", "member": []any{"carl"}})
	a.ok("POST", path+"/white/users/carl", a.token, nil)
	told("group", "operation", "WHITE", "payload", object{"type": "ADD", "member": []any{"carl"}})
	a.ok("POST", path+"/blocks/users", a.token, object{"usernames": []string{"dora"}})
	both := map[any]object{}
	for range 2 {
		c := told("group")
		both[c["operation"]] = c["payload"].(object)
	}
	require.Equal(t, map[any]object{"BLOCK": {"type": "ADD", "member": []any{"dora"}}, "LEAVE": {"type": "BLOCK", "member": []any{"dora"}}}, both)
	a.ok("DELETE", path+"/users/carl,nobody", a.token, nil)
	told("group", "operation", "LEAVE", "payload", object{"type": "KICK", "member": []any{"carl"}})
	a.ok("PUT", path, a.token, object{"newowner": "bob"})
	told("group", "operation", "UPDATE", "payload", object{"type": "OWNER", "owner": "ann", "new_owner": "bob"})
	a.ok("DELETE", path+"/users/ann", a.userToken("ann", "pw"), nil)
	told("group", "operation", "LEAVE", "payload", object{"type": "QUIT", "member": []any{"ann"}}, "operator", "ann")
	a.ok("POST", "/users/carl/deactivate", a.token, nil)
	told("user", "operation", "DEACTIVATE", "username", "carl")
	a.ok("DELETE", "/users/bob", a.token, nil)
	kinds := map[any]any{}
	for range 2 {
		c := next()
		kinds[c["kind"]] = c["operation"]
	}
	require.Equal(t, map[any]any{"user": "DELETE", "group": "DELETE"}, kinds)

	// What is refused, and what is imported into nothing, is not told.
	a.fails(404, "resource_not_found", "POST", "/messages/chatgroups", a.token, object{"to": []string{g}, "type": "txt", "body": object{"msg": "hi"}})
	a.ok("POST", "/users/carl/activate", a.token, nil)
	told("user", "operation", "ACTIVATE")
}

func TestRulesOfCallbacks(t *testing.T) {
	w := newWorld(t)
	a := w.app
	for _, bad := range []object{{}, {"url": "http://10.0.0.1/"}, {"url": "https://example.org", "events": "message"}, {"url": "https://example.org", "attempts": 13}, {"url": "https://example.org", "secret": "short"}} {
		a.fails(400, "illegal_argument", "POST", "/callbacks/rules", a.token, bad)
	}
	rule := a.ok("POST", "/callbacks/rules", a.token, object{"url": "https://example.org/hook", "name": "n", "attempts": "3", "events": []string{"message"}})["data"].(object)
	secret := rule["secret"].(string)
	delete(rule, "secret")
	require.Equal(t, object{"id": rule["id"], "url": "https://example.org/hook", "name": "n", "events": []any{"message"}, "attempts": 3.0, "enabled": true, "created": rule["created"]}, rule)
	path := "/callbacks/rules/" + rule["id"].(string)
	require.Equal(t, rule, a.ok("GET", path, a.token, nil)["data"])
	require.Equal(t, []any{rule}, a.ok("GET", "/callbacks/rules", a.token, nil)["data"])
	require.Empty(t, w.other.ok("GET", "/callbacks/rules", w.other.token, nil)["data"])
	w.other.fails(404, "service_resource_not_found", "GET", path, w.other.token, nil)
	require.Equal(t, false, a.ok("PUT", path, a.token, object{"enabled": false})["data"].(object)["enabled"])
	a.fails(400, "illegal_argument", "PUT", path, a.token, object{"secret": "another-secret-16"})
	require.NotEqual(t, secret, a.ok("POST", path+"/secret", a.token, nil)["data"].(object)["secret"])
	a.ok("DELETE", path, a.token, nil)
	a.fails(404, "service_resource_not_found", "DELETE", path, a.token, nil)
	a.fails(404, "service_resource_not_found", "POST", path+"/secret", a.token, nil)
	for range 10 {
		a.ok("POST", "/callbacks/rules", a.token, object{"url": "https://example.org"})
	}
	a.fails(403, "exceed_limit", "POST", "/callbacks/rules", a.token, object{"url": "https://example.org"})
	a.fails(400, "illegal_argument", "POST", "/callbacks/storage/retry", a.token, object{})
	a.fails(400, "illegal_argument", "POST", "/callbacks/storage/retry", a.token, object{"date": "yesterday"})
	a.fails(404, "service_resource_not_found", "POST", "/callbacks/storage/retry", a.token, object{"date": 202601010000, "retry": 0})
}

// Nothing of an app's callbacks is left when the app is deleted.
func TestCallbacksEndWithTheirApp(t *testing.T) {
	w := newWorld(t)
	a := w.app
	url, next := a.receiver(500)
	a.ok("POST", "/callbacks/rules", a.token, object{"url": url, "attempts": 1})
	waits := a.ok("POST", "/callbacks/rules", a.token, object{"url": url})["data"].(object)["id"].(string)
	a.user("ann")
	next()
	next()
	require.Eventually(t, func() bool { return len(a.ok("GET", "/callbacks/storage", a.token, nil)["data"].([]any)) == 1 }, 30*time.Second, 10*time.Millisecond)
	info := a.ok("GET", "/callbacks/storage/info", a.token, nil)["data"].([]any)[0].(object)
	require.Regexp(t, "^20[0-9]{9}0$", info["date"])
	require.Equal(t, 1.0, info["size"])
	w.ok("DELETE", "/management/organizations/"+a.organisation+"/applications/"+strings.SplitN(a.key, "/", 2)[1], w.operator, nil)
	require.Eventually(t, func() bool {
		rows := w.ok("GET", "/management/deletions", w.operator, nil)["data"].([]any)
		return rows[0].(object)["status"] == "done"
	}, time.Minute, 20*time.Millisecond)
	require.NoError(t, w.store.EachEntry(t.Context(), func(e directory.Entry) error {
		require.NotContains(t, e.Space, a.uuid)
		return nil
	}))
	require.NoError(t, w.store.EachJob(t.Context(), func(j jobs.Job) error {
		require.False(t, j.Kind == "callback" && strings.Contains(string(j.Tenant), waits), "%v", j.Ref)
		return nil
	}))
}

// Accounts of the default app are those of the chat API, whoever makes and ends them.
func TestTheDefaultAppIsToldOfAccounts(t *testing.T) {
	w := newWorld(t)
	a := w.defaultApp("confab/chat", "confab", "chat")
	url, next := w.receiver(200)
	a.ok("POST", "/callbacks/rules", a.token, object{"url": url, "events": []string{"user"}})
	told := func(operation, name string) any {
		t.Helper()
		c := next()
		require.Equal(t, []any{"user", operation, name}, []any{c["kind"], c["operation"], c["username"]})
		return c["uuid"]
	}
	w.chatUser("Ann")
	uuid := told("CREATE", "Ann")
	require.Equal(t, a.ok("GET", "/users/Ann", a.token, nil)["entities"].([]any)[0].(object)["uuid"], uuid)
	a.ok("POST", "/users", a.token, object{"username": "bob", "password": "pw"})
	told("CREATE", "bob")
	a.fails(400, "duplicate_unique_property_exists", "POST", "/users", a.token, object{"username": "bob", "password": "pw"})
	for range 2 {
		a.ok("POST", "/users/bob/deactivate", a.token, nil)
	}
	told("DEACTIVATE", "bob")
	a.ok("POST", "/users/bob/activate", a.token, nil)
	told("ACTIVATE", "bob")
	a.ok("DELETE", "/users/bob", a.token, nil)
	told("DELETE", "bob")
	w.ok("PATCH", "/api/chat/v1/admin/users/Ann", adminToken, object{"disabled": true})
	told("DEACTIVATE", "Ann")
	status, out := w.do("POST", "/api/chat/v1/admin/erasures", adminToken, object{"login": "Ann"})
	require.Equal(t, 202, status, out)
	require.Equal(t, uuid, told("DELETE", "Ann"))
}
