package easemob_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/api/easemob"
	"github.com/confab-chat/confab/pkg/directory"
)

// Each operation is refused to everybody who may not call it, and to nobody else.
func TestRightsOfThePlatform(t *testing.T) {
	w := newWorld(t)
	name := unique("user")
	_, self := w.app.user(name)
	_, another := w.app.user(unique("user"))
	_, ofOther := w.other.user(name) // of the same name
	callers := map[string]string{"nobody": "", "invented": "abc", "self": self, "another user": another, "user of another app": ofOther, "app": w.app.token,
		"another app": w.other.token, "boss": w.boss, "another boss": w.stranger, "operator": w.operator, "token of the chat API": adminToken}
	app, boss, operator := []string{"app", "boss", "operator"}, []string{"boss", "operator"}, []string{"operator"}
	may := map[any][]string{easemob.ByApp: app, easemob.ByUser: append([]string{"self"}, app...), easemob.BySelf: {"self"}, easemob.ByMember: append([]string{"self", "another user"}, app...), easemob.ByServer: operator, easemob.ByOrganisation: boss,
		easemob.ByAdmin: append([]string{"another boss"}, boss...)}
	exceptions := map[string][]string{
		"DELETE /management/organizations/{org}": operator, "DELETE /management/organizations/{org}/applications/{app}": operator,
		"PUT /management/users/{admin}/password": operator, "POST /management/organizations": operator,
		"POST /{org}/{app}/users": app, "POST /{org}/{app}/token": nil, "POST /management/token": nil, "GET /files/{link}": nil,
	}
	// What the description says of who calls, in the words of this test.
	said := map[string][]string{"anybody": nil, "server": operator, "organization": boss, "administrator": operator, "app": app, "user": may[easemob.ByUser],
		"self": may[easemob.BySelf], "member": may[easemob.ByMember]}
	tried := 0
	for _, op := range easemob.Operations() {
		path := strings.ReplaceAll(spelled.Replace(op.Path), "{kind}", "user")
		allowed, ok := exceptions[op.Method+" "+path]
		if !ok {
			allowed, ok = may[op.By]
			require.True(t, ok, "%s %s: say who may call it", op.Method, path)
		}
		who, ok := described(t, op).Extensions["x-caller"].(string)
		require.True(t, ok, "%s %s: the description says nothing of who may call it", op.Method, path)
		require.Equal(t, said[who], allowed, "%s %s: the description says that it is for: %s", op.Method, path, who)
		org, appName, _ := strings.Cut(w.app.key, "/")
		for caller, token := range callers {
			if slices.Contains(allowed, caller) {
				continue // what they may is in the other tests
			}
			// The name of nothing that is there: who is let through changes nothing either.
			target := strings.NewReplacer("{org}", org, "{app}", appName, "{user}", name, "{friend}", name, "{key}", name, "{admin}", "nobody-at-all").Replace(path)
			status, out := w.do(op.Method, target, token, object{"name": "x", "username": "x", "password": "x", "organization": unique("o"), "newpassword": "y"})
			if strings.HasSuffix(path, "/token") {
				require.Equal(t, 400, status, "%s %s by %s: %v", op.Method, target, caller, out)
			} else {
				require.Contains(t, []int{401, 403}, status, "%s %s by %s: %v", op.Method, target, caller, out)
			}
			tried++
		}
		if op.By == easemob.ByUser && op.Method == "GET" {
			for _, caller := range may[op.By] {
				target := strings.NewReplacer("{org}", org, "{app}", appName, "{user}", name, "{key}", name).Replace(path)
				w.ok(op.Method, target, callers[caller], nil)
			}
		}
	}
	require.Greater(t, tried, 250)
	require.Len(t, w.app.names(), 2)
	require.Equal(t, []string{name}, w.other.names())
	// What is good here is nothing elsewhere.
	for _, token := range []string{self, w.app.token, w.boss, w.operator} {
		for _, path := range []string{"/api/chat/v1/rooms", "/killrchat/rooms", "/rooms", "/api/chat/v1/admin/rooms"} {
			status, _, _ := w.raw("GET", path, token, nil)
			require.Equal(t, 401, status, path)
		}
	}
}

// An account that gets a name after another one inherits nothing, and nothing of the first one works any more.
func TestANameThatIsUsedAgainInheritsNothing(t *testing.T) {
	a := newWorld(t).app
	first, token := a.user("ann")
	a.ok("PUT", "/metadata/user/ann", a.token, "mood=good")
	a.ok("PUT", "/users/ann", a.token, object{"nickname": "Ann", "notification_display_style": "1", "device_token": "d"})
	a.ok("DELETE", "/users/ann", a.token, nil)
	a.fails(404, "service_resource_not_found", "GET", "/users/ann", a.token, nil)
	a.fails(401, "auth_bad_access_token", "GET", "/users/ann", token, nil)

	second, next := a.user("ANN")
	require.NotEqual(t, first, second)
	a.fails(401, "auth_bad_access_token", "GET", "/users/ann", token, nil)
	a.fails(404, "service_resource_not_found", "GET", "/users/"+first, a.token, nil)
	e := a.ok("GET", "/users/ann", next, nil)["entities"].([]any)[0].(object)
	require.Equal(t, second, e["uuid"])
	require.NotContains(t, e, "nickname")
	require.NotContains(t, e, "device_token")
	require.Empty(t, a.ok("GET", "/metadata/user/ann", next, nil)["data"])
}

// One write ends all tokens of an account.
func TestTokensEndTogether(t *testing.T) {
	a := newWorld(t).app
	a.user("ann")
	tokens := []string{}
	more := func() {
		for range 20 {
			tokens = append(tokens, a.userToken("ann", "pw"))
		}
		tokens = append(tokens, a.ok("POST", "/token", a.token, object{"grant_type": "inherit", "username": "ann", "ttl": 0})["access_token"].(string))
	}
	dead := func() {
		for _, token := range tokens {
			a.fails(401, "auth_bad_access_token", "GET", "/users/ann", token, nil)
		}
	}
	more()
	a.ok("PUT", "/users/ann/password", a.token, object{"newpassword": "pw"})
	dead()
	more()
	a.ok("POST", "/users/ann/deactivate", a.token, nil)
	dead()
	a.fails(400, "invalid_grant", "POST", "/token", a.token, object{"grant_type": "inherit", "username": "ann", "autoCreateUser": true})
	a.ok("POST", "/users/ann/activate", a.token, nil)
	dead() // they do not come back
	more()
}

func TestConcurrentInherits(t *testing.T) {
	w := newWorld(t)
	a := w.newApp(w.app.organisation, w.boss, object{"max_users": nil})
	var mu sync.Mutex
	ids := map[string]int{}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			u := a.ok("POST", "/token", a.token, object{"grant_type": "inherit", "username": "New", "autoCreateUser": "true"})["user"].(object)
			mu.Lock()
			ids[u["uuid"].(string)]++
			mu.Unlock()
		})
	}
	wg.Wait()
	require.Len(t, ids, 1)
	require.Equal(t, []string{"new"}, a.names())
}

// Random operations in two apps, interleaved, leave in each what they would have left alone.
func TestAppsDoNotMix(t *testing.T) {
	w := newWorld(t)
	apps := []*app{w.app, w.other}
	models := []map[string]string{{}, {}} // nicknames by name
	order := [][]string{nil, nil}
	for range 150 {
		i := rand.IntN(2)
		a, model := apps[i], models[i]
		name := fmt.Sprint("user", rand.IntN(5))
		_, there := model[name]
		switch rand.IntN(4) {
		case 0, 1:
			if there {
				a.fails(400, "duplicate_unique_property_exists", "POST", "/users", a.token, object{"username": name})
				continue
			}
			a.ok("POST", "/users", a.token, object{"username": name, "nickname": "new"})
			model[name] = "new"
			order[i] = append(order[i], name)
		case 2:
			nick := fmt.Sprint("nick", rand.Int())
			if !there {
				a.fails(404, "service_resource_not_found", "PUT", "/users/"+name, a.token, object{"nickname": nick})
				continue
			}
			a.ok("PUT", "/users/"+name, a.token, object{"nickname": nick})
			model[name] = nick
		default:
			if !there {
				a.fails(404, "service_resource_not_found", "DELETE", "/users/"+name, a.token, nil)
				continue
			}
			a.ok("DELETE", "/users/"+name, a.token, nil)
			delete(model, name)
			order[i] = slices.DeleteFunc(order[i], func(n string) bool { return n == name })
		}
	}
	for i, a := range apps {
		require.Equal(t, order[i], a.names())
		for name, nick := range models[i] {
			require.Equal(t, nick, a.ok("GET", "/users/"+name, a.token, nil)["entities"].([]any)[0].(object)["nickname"])
		}
	}
	// A cursor is good in its own list only.
	if len(models[0]) > 1 && len(models[1]) > 1 {
		cursor := apps[0].ok("GET", "/users?limit=1", apps[0].token, nil)["cursor"].(string)
		apps[1].fails(400, "illegal_argument", "GET", "/users?limit=1&cursor="+cursor, apps[1].token, nil)
	}
}

func TestQuotas(t *testing.T) {
	w := newWorld(t)
	a := w.newApp(w.app.organisation, w.boss, nil)
	settings := "/management/organizations/" + a.organisation + "/applications/" + strings.SplitN(a.key, "/", 2)[1]
	w.fails(403, "forbidden_op", "PUT", settings, w.boss, object{"max_users": 3})
	w.ok("PUT", settings, w.operator, object{"max_users": "3"})
	a.fails(429, "resource_limited", "POST", "/users", a.token, []object{{"username": "a"}, {"username": "b"}, {"username": "c"}, {"username": "d"}})
	require.Empty(t, a.names())
	var wg sync.WaitGroup
	made := make([]int, 12)
	for i := range made {
		wg.Go(func() {
			made[i], _ = w.do("POST", "/"+a.key+"/users", a.token, object{"username": fmt.Sprint("u", i), "password": "p"})
		})
	}
	wg.Wait()
	slices.Sort(made)
	require.Equal(t, []int{200, 200, 200, 429, 429, 429, 429, 429, 429, 429, 429, 429}, made)
	a.fails(429, "resource_limited", "POST", "/token", a.token, object{"grant_type": "inherit", "username": "late", "autoCreateUser": true})
	a.ok("DELETE", "/users/"+a.names()[0], a.token, nil)
	a.ok("POST", "/users", a.token, object{"username": "late"})
	a.fails(429, "resource_limited", "POST", "/users", a.token, object{"username": "later"})
	w.ok("PUT", settings, w.operator, object{"max_users": 0})
	a.ok("POST", "/users", a.token, object{"username": "later"})
}

// What was answered survives a restart, and so does a deletion that was under way.
func TestAfterARestart(t *testing.T) {
	st := openStore(t)
	w, stop := serve(t, st, config())
	w.operator = w.logIn(adminLogin, adminPassword)
	org, boss := w.newOrg()
	a := w.newApp(org, boss, object{"token_ttl": 77})
	gone := w.newApp(org, boss, nil)
	_, token := a.user("ann")
	gone.user("ann")
	gone.user("bob")
	gone.ok("POST", "/users/ann/contacts/users/bob", gone.token, nil)
	gone.ok("POST", "/users/ann/blocks/users", gone.token, object{"usernames": []string{"bob"}})
	gone.ok("POST", "/mutes", gone.token, object{"username": "bob", "chat": -1})
	w.ok("DELETE", "/management/organizations/"+org+"/applications/"+strings.SplitN(gone.key, "/", 2)[1], w.operator, nil)
	stop()

	next, _ := serve(t, st, config())
	a.world, gone.world = next, next
	require.Equal(t, "ann", a.ok("GET", "/users/ann", token, nil)["entities"].([]any)[0].(object)["username"])
	a.ok("GET", "/users", boss, nil)
	got := a.ok("POST", "/token", "", object{"grant_type": "client_credentials", "client_id": a.id, "client_secret": a.secret})
	require.EqualValues(t, 77, got["expires_in"])
	gone.fails(404, "organization_application_not_found", "GET", "/users", gone.token, nil)
	require.Eventually(t, func() bool {
		rows := next.ok("GET", "/management/deletions", w.operator, nil)["data"].([]any)
		return rows[0].(object)["uuid"] == gone.uuid && rows[0].(object)["status"] == "done"
	}, time.Minute, 20*time.Millisecond)
	require.NoError(t, st.EachEntry(t.Context(), func(e directory.Entry) error {
		require.NotContains(t, e.Space, gone.uuid, "what belonged to the app")
		return nil
	}))
	again := next.ok("POST", "/management/organizations/"+org+"/applications", boss, object{"name": strings.SplitN(gone.key, "/", 2)[1]})
	require.NotEqual(t, gone.uuid, again["data"].(object)[gone.key])
	gone.fails(401, "auth_bad_access_token", "GET", "/users", gone.token, nil)
}

func TestFormsOfRequests(t *testing.T) {
	w := newWorld(t)
	a := w.app
	for body, word := range map[string]string{`{`: "json_parse", `[`: "json_parse", `nonsense`: "json_parse", "\xff\xfe": "json_parse", `{"username":1,"password":"p"}`: "illegal_argument",
		`{"username":"x y"}`: "illegal_argument", `{"username":"x","nickname":"a\u0000b"}`: "illegal_argument", `[]`: "illegal_argument"} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", w.web.URL+"/"+a.key+"/users/", strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Authorization", "bearer   "+a.token)
		res, err := w.http.Do(r)
		require.NoError(t, err)
		require.Equal(t, 400, res.StatusCode, "%s: %s", body, word)
		require.NoError(t, res.Body.Close())
	}
	require.Empty(t, a.names())
	for path, want := range map[string]int{"/users?limit=0": 400, "/users?limit=x": 400, "/users?limit=1000": 200, "/users?cursor=x": 400, "/users?ql=select": 400,
		"/users?ql=select+*+where+username='nobody'": 200, "/nothing": 404, "/users/x/y": 404} {
		status, _ := w.do("GET", "/"+a.key+path, a.token, nil)
		require.Equal(t, want, status, path)
	}
	status, h, _ := w.raw("PATCH", "/"+a.key+"/users", a.token, nil)
	require.Equal(t, 405, status)
	require.Contains(t, h.Get("Allow"), "POST")
	status, _, body := w.raw("HEAD", "/"+a.key+"/users", a.token, nil)
	require.Equal(t, 200, status)
	require.Empty(t, body)
	status, h, _ = w.raw("OPTIONS", "/"+a.key+"/users", "", nil)
	require.Equal(t, 204, status)
	require.Equal(t, "GET, HEAD, POST, DELETE, OPTIONS", h.Get("Allow"))
	// Paths of other mounts stay theirs.
	status, _, _ = w.raw("GET", "/rooms/nosuch/x", "", nil)
	require.Equal(t, 404, status)
}

// Pages of origins that an app names may read its answers, and no others.
func TestOriginsOfAnApp(t *testing.T) {
	w := newWorld(t)
	a := w.newApp(w.app.organisation, w.boss, object{"allowed_origins": []string{"https://Shop.example"}})
	for origin, allowed := range map[string]bool{"https://shop.example": true, "https://evil.example": false, "null": false} {
		for _, method := range []string{"GET", "OPTIONS"} {
			r, err := http.NewRequestWithContext(t.Context(), method, w.web.URL+"/"+a.key+"/users", nil)
			require.NoError(t, err)
			r.Header.Set("Origin", origin)
			r.Header.Set("Access-Control-Request-Method", "POST")
			r.Header.Set("Authorization", "Bearer "+a.token)
			res, err := w.http.Do(r)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			require.Equal(t, allowed, res.Header.Get("Access-Control-Allow-Origin") == origin, "%s %s", method, origin)
			require.Empty(t, res.Header.Get("Access-Control-Allow-Credentials"))
		}
	}
}

func TestATokenForLessThanNoTime(t *testing.T) {
	w := newWorld(t)
	for _, ttl := range []any{-1, "-5"} {
		w.app.fails(400, "illegal_argument", "POST", "/token", "", object{"grant_type": "client_credentials", "client_id": w.app.id, "client_secret": w.app.secret, "ttl": ttl})
		w.fails(400, "illegal_argument", "POST", "/management/token", "", object{"grant_type": "password", "username": adminLogin, "password": adminPassword, "ttl": ttl})
	}
}

// New credentials leave tokens as they are, or end all of the app's and of its users'.
func TestNewCredentialsMayEndTokens(t *testing.T) {
	w := newWorld(t)
	for _, a := range []*app{w.app, w.defaultApp("confab/chat", "confab", "chat")} {
		org, name, _ := strings.Cut(a.key, "/")
		credentials := "/management/organizations/" + org + "/applications/" + name + "/credentials"
		a.ok("POST", "/users", a.token, object{"username": "anna", "password": "anna's"})
		tokens := []string{a.token, a.userToken("anna", "anna's"),
			a.ok("POST", "/token", a.token, object{"grant_type": "inherit", "username": "anna"})["access_token"].(string)}
		renew := func(query string) {
			a.secret = w.ok("POST", credentials+query, w.operator, nil)["credentials"].(object)["client_secret"].(string)
		}
		for _, query := range []string{"", "?end_tokens=false"} {
			renew(query)
			for _, token := range tokens {
				a.ok("GET", "/users/anna", token, nil)
			}
		}
		w.fails(400, "illegal_argument", "POST", credentials+"?end_tokens=perhaps", w.operator, nil)
		renew("?end_tokens=true")
		for _, token := range tokens {
			a.fails(401, "auth_bad_access_token", "GET", "/users/anna", token, nil)
		}
		a.token = a.ok("POST", "/token", "", object{"grant_type": "client_credentials", "client_id": a.id, "client_secret": a.secret})["access_token"].(string)
		a.ok("GET", "/users/anna", a.token, nil)
		a.ok("GET", "/users/anna", a.userToken("anna", "anna's"), nil)
	}
	w.other.ok("GET", "/users", w.other.token, nil)
}
