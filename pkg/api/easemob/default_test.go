package easemob_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/client"
	"github.com/confab-chat/confab/pkg/server"
)

const chatUsers = "/api/chat/v1/users"

// defaultApp is the app that shows the chat API's own users.
func (w *world) defaultApp(key, org, name string) *app {
	w.Helper()
	path := "/management/organizations/" + org + "/applications/" + name
	c := w.ok("GET", path+"/credentials", w.operator, nil)["credentials"].(object)
	a := &app{world: w, key: key, organisation: org, id: c["client_id"].(string), secret: c["client_secret"].(string)}
	a.uuid = w.ok("GET", path, w.operator, nil)["data"].(object)["uuid"].(string)
	a.token = a.ok("POST", "/token", "", object{"grant_type": "client_credentials", "client_id": a.id, "client_secret": a.secret})["access_token"].(string)
	return a
}

func signUp(w *world, login, password string) {
	w.Helper()
	status, out := w.do("POST", chatUsers, "", object{"login": login, "password": password, "firstname": "Ann", "lastname": "van Dyck"})
	require.Equal(w, 201, status, "%v", out)
}

func TestTheDefaultAppShowsTheChatAPIsUsers(t *testing.T) {
	w := newWorld(t)
	a := w.defaultApp("confab/chat", "confab", "chat")
	signUp(w, "Ann.One", "first")

	// Tokens.
	out := a.ok("POST", "/token", "", object{"grant_type": "password", "username": "Ann.One", "password": "first"})
	ann := out["access_token"].(string)
	require.Equal(t, "Ann.One", out["user"].(object)["username"])
	a.fails(400, "invalid_grant", "POST", "/token", "", object{"grant_type": "password", "username": "Ann.One", "password": "wrong"})
	a.fails(400, "invalid_grant", "POST", "/token", "", object{"grant_type": "password", "username": "ann.one", "password": "first"})
	inherited := a.ok("POST", "/token", a.token, object{"grant_type": "inherit", "username": "Ann.One"})["access_token"].(string)
	for _, token := range []string{ann, inherited} {
		u := a.ok("GET", "/users/Ann.One", token, nil)["entities"].([]any)[0].(object)
		require.Equal(t, "Ann van Dyck", u["nickname"])
		require.Equal(t, true, u["activated"])
		require.Equal(t, out["user"].(object)["uuid"], u["uuid"])
		a.fails(401, "auth_bad_access_token", "GET", "/users/operator", token, nil)
		w.app.fails(401, "auth_bad_access_token", "GET", "/users/Ann.One", token, nil)
		status, _ := w.do("GET", chatUsers+"/Ann.One", token, nil)
		require.Equal(t, 401, status, "a token opens this dialect and nothing else")
	}
	w.app.fails(401, "auth_bad_access_token", "GET", "/users", a.token, nil)
	a.fails(401, "auth_bad_access_token", "GET", "/users", w.app.token, nil)
	a.fails(401, "auth_bad_access_token", "GET", "/users", adminToken, nil)

	// Users, by the rules of the chat API.
	made := a.ok("POST", "/users", a.token, object{"username": "Bob", "password": "bobs", "nickname": "Bob Builder"})["entities"].([]any)[0].(object)
	require.Equal(t, "Bob Builder", made["nickname"])
	bare := a.ok("POST", "/token", a.token, object{"grant_type": "inherit", "username": "carl", "autoCreateUser": true})["user"].(object)
	require.NotContains(t, bare, "nickname")
	require.Equal(t, []string{"Ann.One", "Bob", "carl", adminLogin}, a.names())
	for _, name := range []string{"Bob", "bob", "admin"} {
		a.fails(400, "duplicate_unique_property_exists", "POST", "/users", a.token, object{"username": name, "password": "pw"})
	}
	for _, name := range []string{"ab", "with blank", "killrchat", "梁梁梁"} {
		a.fails(400, "illegal_argument", "POST", "/users", a.token, object{"username": name, "password": "pw"})
	}
	a.fails(400, "illegal_argument", "POST", "/users", a.token, object{"username": "dora", "password": "pw", "nickname": "Dora"})
	a.fails(404, "service_resource_not_found", "GET", "/users/bob", a.token, nil)
	u := a.ok("PUT", "/users/Bob", a.token, object{"nickname": "Rob de Bob"})["entities"].([]any)[0].(object)
	require.Equal(t, "Rob de Bob", u["nickname"])
	status, v1 := w.do("GET", chatUsers+"/Bob", adminToken, nil)
	require.Equal(t, 200, status)
	require.Equal(t, "de Bob", v1["lastname"])

	// What the chat API's users do not have.
	a.fails(403, "forbidden_op", "PUT", "/metadata/user/Bob", a.token, "colour=red")
	require.Equal(t, object{}, a.ok("GET", "/metadata/user/Bob", a.token, nil)["data"])
	a.fails(403, "forbidden_op", "PUT", "/users/Bob", a.token, object{"notifier_name": "x"})
	a.fails(403, "forbidden_op", "DELETE", "/users?limit=2", a.token, nil)

	// Deactivating is disabling.
	bob := a.userToken("Bob", "bobs")
	u = a.ok("POST", "/users/Bob/deactivate", a.token, nil)["entities"].([]any)[0].(object)
	require.Equal(t, false, u["activated"])
	a.fails(401, "auth_bad_access_token", "GET", "/users/Bob", bob, nil)
	a.fails(400, "invalid_grant", "POST", "/token", "", object{"grant_type": "password", "username": "Bob", "password": "bobs"})
	a.fails(400, "invalid_grant", "POST", "/token", a.token, object{"grant_type": "inherit", "username": "Bob"})
	a.ok("POST", "/users/Bob/activate", a.token, nil)
	a.fails(401, "auth_bad_access_token", "GET", "/users/Bob", bob, nil)
	a.userToken("Bob", "bobs")
	a.fails(403, "forbidden_op", "POST", "/users/"+adminLogin+"/deactivate", a.token, nil)

	// A new password ends tokens; so does deletion, and the login is never free again.
	a.ok("PUT", "/users/Ann.One/password", ann, object{"oldpassword": "first", "newpassword": "second"})
	for _, token := range []string{ann, inherited} {
		a.fails(401, "auth_bad_access_token", "GET", "/users/Ann.One", token, nil)
	}
	ann = a.userToken("Ann.One", "second")
	a.ok("DELETE", "/users/Ann.One", a.token, nil)
	a.fails(404, "service_resource_not_found", "GET", "/users/Ann.One", a.token, nil)
	a.fails(401, "auth_bad_access_token", "GET", "/users/Ann.One", ann, nil)
	a.fails(400, "duplicate_unique_property_exists", "POST", "/users", a.token, object{"username": "Ann.One", "password": "pw"})
	a.fails(403, "forbidden_op", "DELETE", "/users/"+adminLogin, a.token, nil)
	require.Equal(t, []string{"Bob", "carl", adminLogin}, a.names())

	// A quota counts them.
	w.ok("PUT", "/management/organizations/confab/applications/chat", w.operator, object{"max_users": 4})
	a.ok("POST", "/users", a.token, object{"username": "dave", "password": "pw"})
	a.fails(429, "resource_limited", "POST", "/users", a.token, object{"username": "eve", "password": "pw"})
}

func TestTheDefaultAppStays(t *testing.T) {
	w := newWorld(t)
	a := w.defaultApp("confab/chat", "confab", "chat")
	for _, path := range []string{"/management/organizations/confab", "/management/organizations/confab/applications/chat"} {
		w.fails(403, "forbidden_op", "DELETE", path, w.operator, nil)
		w.fails(403, "forbidden_op", "GET", path, w.boss, nil)
	}
	w.fails(400, "illegal_argument", "POST", "/management/organizations", w.operator,
		object{"organization": "Confab", "username": unique("boss"), "name": "B", "email": "b@example.org", "password": "pw"})
	w.fails(403, "forbidden_op", "POST", "/management/organizations/confab/applications", w.operator, object{"name": "other"})
	w.fails(403, "forbidden_op", "POST", "/management/organizations/confab/users", w.operator,
		object{"username": unique("boss"), "name": "B", "email": "b@example.org", "password": "pw"})
	a.ok("GET", "/users", a.token, nil)
}

// The app's token goes to programs that are no administrators of the server: with the account of one they would be.
func TestTheDefaultAppDoesNotActForAdministrators(t *testing.T) {
	w := newWorld(t)
	a := w.defaultApp("confab/chat", "confab", "chat")
	signUp(w, "deputy", "first")
	role := func(method string) {
		status, out := w.do(method, "/api/chat/v1/admin/users/deputy/roles/site-admin", adminToken, nil)
		require.Equal(w, 204, status, "%v", out)
	}
	inherit := object{"grant_type": "inherit", "username": "deputy"}
	own := a.userToken("deputy", "first")
	role("PUT")
	a.fails(403, "forbidden_op", "POST", "/token", a.token, inherit)
	a.fails(403, "forbidden_op", "PUT", "/users/deputy/password", a.token, object{"newpassword": "second"})
	a.fails(403, "forbidden_op", "POST", "/users/deputy/deactivate", a.token, nil)
	a.fails(403, "forbidden_op", "POST", "/users/deputy/activate", a.token, nil)
	a.fails(403, "forbidden_op", "DELETE", "/users/deputy", a.token, nil)
	a.fails(403, "forbidden_op", "PUT", "/users/deputy/password", w.operator, object{"newpassword": "second"})
	a.ok("PUT", "/users/deputy/password", own, object{"oldpassword": "first", "newpassword": "second"})
	role("DELETE")
	a.ok("POST", "/token", a.token, inherit)
	a.ok("PUT", "/users/deputy/password", a.token, object{"newpassword": "third"})
	a.ok("DELETE", "/users/deputy", a.token, nil)
}

func TestWithoutADefaultApp(t *testing.T) {
	st := openStore(t)
	w, stop := serve(t, st, config())
	w.operator = w.logIn(adminLogin, adminPassword)
	a := w.defaultApp("confab/chat", "confab", "chat")
	stop()

	c := config()
	c.Platform = server.Platform{DefaultApp: "none"}
	w, stop = serve(t, st, c)
	a.world = w
	a.fails(404, "organization_application_not_found", "GET", "/users", a.token, nil)
	w.fails(404, "organization_application_not_found", "GET", "/management/organizations/confab/applications/chat/credentials", w.logIn(adminLogin, adminPassword), nil)
	stop()

	w, _ = serve(t, st, config())
	a.world = w
	a.ok("GET", "/users", a.token, nil)
}

func TestTheDefaultAppHasTheNameInTheSettings(t *testing.T) {
	st := openStore(t)
	c := config()
	c.Platform = server.Platform{DefaultApp: "Home/talk"}
	w, stop := serve(t, st, c)
	w.operator = w.logIn(adminLogin, adminPassword)
	uuid := w.defaultApp("home/Talk", "home", "talk").uuid
	w.fails(400, "illegal_argument", "POST", "/management/organizations", w.operator,
		object{"organization": "home", "username": "boss", "name": "B", "email": "b@example.org", "password": "pw"})
	w.ok("POST", "/management/organizations", w.operator,
		object{"organization": "acme", "username": "boss", "name": "B", "email": "b@example.org", "password": "pw"})
	stop()

	w, stop = serve(t, st, c)
	w.operator = w.logIn(adminLogin, adminPassword)
	require.Equal(t, uuid, w.defaultApp("home/talk", "home", "talk").uuid, "the next start finds it")
	stop()

	c.Platform.DefaultApp = "acme/talk"
	_, err := server.New(context.Background(), c, st)
	require.ErrorContains(t, err, "acme is somebody's")
	c.Platform.DefaultApp = "acme"
	_, err = server.New(context.Background(), c, st)
	require.True(t, chat.IsKind(err, chat.Invalid), "%v", err)
}

// What an app sends in the default app waits for its receivers, and is said in the chat API; what is said there comes to
// streams.
func TestMessagesOfTheDefaultAppAreThoseOfTheChatAPI(t *testing.T) {
	onBothStores(t, func(w *world, a *app) {
		ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
		defer cancel()
		ann, bob := w.chatUser("Ann"), w.chatUser("bob")
		tokens := map[string]string{"Ann": a.userToken("Ann", "pw of Ann"), "bob": a.userToken("bob", "pw of bob")}
		waiting := func(login string, want float64) {
			w.Helper()
			require.Equal(w, object{login: want}, a.data("/users/"+login+"/offline_msg_count", a.token))
		}
		contents := func(c *client.Client, room string) (all []string) {
			w.Helper()
			for m, err := range c.MessagesAfter(ctx, room, client.ID{}) {
				require.NoError(w, err)
				if !m.System {
					all = append(all, m.Content)
				}
			}
			return all
		}
		r, err := ann.CreateRoom(ctx, "Lounge", "")
		require.NoError(w, err)
		require.NoError(w, bob.Join(ctx, "Lounge"))
		g := a.groupOf("Lounge")
		send := func(where, to string, from string) string {
			return a.ok("POST", "/messages/"+where, a.token, object{"from": from, "to": []string{to}, "type": "txt", "body": object{"msg": "sent to " + to}})["data"].(object)[to].(string)
		}
		recall := func(m, to, kind string) {
			w.Helper()
			require.Equal(w, "yes", a.ok("POST", "/messages/msg_recall", a.token, object{"msg_id": m, "to": to, "from": "Ann", "chat_type": kind})["data"].(object)["recalled"])
		}

		// Groups.
		one := send("chatgroups", g, "Ann")
		waiting("bob", 1)
		waiting("Ann", 0)
		require.Equal(w, []string{"sent to " + g}, contents(bob, r.Name))
		s := a.stream("bob", tokens["bob"], "")
		got := s.next("message")
		require.Equal(w, []any{one, "Ann", g, "groupchat"}, []any{got["msg_id"], got["from"], got["to"], got["chat_type"]})
		said, err := ann.Post(ctx, "Lounge", "said")
		require.NoError(w, err)
		got = s.next("message")
		require.Equal(w, []any{"Ann", g, "groupchat", text("said")}, []any{got["from"], got["to"], got["chat_type"], bodies(got)[0]})
		waiting("bob", 1)
		two := send("chatgroups", g, "Ann")
		require.Equal(w, two, s.next("message")["msg_id"], "once")
		_, err = ann.Edit(ctx, "Lounge", said.ID, "said better")
		require.NoError(w, err)
		require.Equal(w, text("said better"), bodies(s.next("rewrite"))[0])
		require.NoError(w, ann.DeleteMessage(ctx, "Lounge", said.ID))
		require.Equal(w, g, s.next("recall")["to"])
		recall(two, g, "groupchat")
		require.Equal(w, two, s.next("recall")["msg_id"])
		waiting("bob", 1)
		a.ok("POST", "/users/bob/ack", tokens["bob"], object{"msg_ids": []string{one}})
		waiting("bob", 0)

		// Users.
		three := send("users", "bob", "Ann")
		got = s.next("message")
		require.Equal(w, []any{three, "Ann", "bob", "chat", text("sent to bob")}, []any{got["msg_id"], got["from"], got["to"], got["chat_type"], bodies(got)[0]})
		waiting("bob", 1)
		direct, err := bob.Converse(ctx, "Ann")
		require.NoError(w, err)
		require.Equal(w, []string{"sent to bob"}, contents(bob, direct.Name))
		other := a.stream("Ann", tokens["Ann"], "")
		_, err = bob.Post(ctx, direct.Name, "answered")
		require.NoError(w, err)
		got = other.next("message")
		require.Equal(w, []any{"bob", "Ann", "chat", text("answered")}, []any{got["from"], got["to"], got["chat_type"], bodies(got)[0]})
		waiting("Ann", 0)
		a.ok("PUT", "/messages/rewrite/"+three, a.token, object{"user": "Ann", "new_msg": text("rewritten")})
		require.Equal(w, text("rewritten"), bodies(s.next("rewrite"))[0])
		require.Equal(w, []string{"rewritten", "answered"}, contents(ann, direct.Name))
		four := a.ok("POST", "/messages/users", tokens["Ann"], object{"to": []string{"bob", "Ann", "nobody"}, "type": "txt", "body": object{"msg": "all"}})["data"].(object)
		require.Len(w, four, 3)
		require.Equal(w, four["bob"], s.next("message")["msg_id"])
		require.Equal(w, []string{"rewritten", "answered", "all"}, contents(ann, direct.Name))
		texts, _ := a.all("select * where chat_type = 'chat' and to = 'bob'", 10)
		require.Equal(w, []string{"rewritten", "all"}, texts)
		recall(three, "bob", "chat")
		require.Equal(w, object{"msg_id": three, "from": "Ann", "to": "bob", "chat_type": "chat"}, s.next("recall"))
		require.Equal(w, []string{"", "answered", "all"}, contents(ann, direct.Name))
		waiting("bob", 1)
		a.fails(403, "forbidden_op", "POST", "/messages/chatgroups/users", a.token, object{"from": "Ann", "to": []string{g}, "users": []string{"bob"}, "type": "txt", "body": object{"msg": "x"}})

		// Users who have blocked each other do not write to each other; the app does.
		a.ok("POST", "/users/bob/blocks/users", a.token, object{"usernames": []string{"Ann"}})
		for _, from := range []string{"Ann", "bob"} {
			to := map[string]string{"Ann": "bob", "bob": "Ann"}[from]
			a.fails(403, "forbidden_op", "POST", "/messages/users", tokens[from], object{"to": []string{to}, "type": "txt", "body": object{"msg": "x"}})
		}
		require.Equal(w, send("users", "bob", "Ann"), s.next("message")["msg_id"])
	})
}
