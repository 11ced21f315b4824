package easemob_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
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
