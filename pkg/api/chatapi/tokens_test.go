package chatapi_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// program is a client that sends a token and no cookies.
func program(t *testing.T, mount, token string) *client {
	return &client{t: t, mount: mount, cookies: map[string]string{}, bearer: token}
}

func (c *client) newToken(members map[string]any) *answer {
	c.t.Helper()
	body := map[string]any{"name": "of a test", "password": "pw of " + c.login}
	for k, v := range members {
		body[k] = v
	}
	return c.do("POST", "/users/"+c.login+"/tokens", body)
}

func (c *client) secret(scopes ...string) string {
	c.t.Helper()
	return c.newToken(map[string]any{"scopes": scopes}).is(201).object()["token"].(string)
}

func TestAPersonalToken(t *testing.T) {
	me, other := fresh(t, V), fresh(t, V)
	room := me.room()
	made := me.newToken(nil).is(201).object()
	secret, path := made["token"].(string), "/users/"+me.login+"/tokens/"+made["id"].(string)
	require.Regexp(t, `^cfp_[A-Za-z0-9]{30,}$`, secret)
	require.ElementsMatch(t, []any{"read", "post"}, made["scopes"])
	require.Nil(t, made["lastUsed"])
	forever := me.newToken(map[string]any{"expiresIn": 0, "scopes": []string{"read"}}).is(201).object()
	require.Nil(t, forever["expires"])

	for _, mount := range []string{V, K, root} {
		program(t, mount, secret).do("GET", "/rooms/"+room, nil).is(200)
	}
	list := me.do("GET", "/users/"+me.login+"/tokens", nil).is(200)
	rows := list.list("tokens")
	require.Len(t, rows, 2)
	require.Equal(t, forever["id"], rows[0].(map[string]any)["id"], "the newest first")
	require.NotNil(t, rows[1].(map[string]any)["lastUsed"])
	require.NotContains(t, list.body, strings.TrimPrefix(secret, "cfp_"))
	require.NotContains(t, me.do("GET", path, nil).is(200).object(), "token")

	for _, m := range []string{"GET", "DELETE"} {
		other.do(m, path, nil).is(403)
	}
	me.do("DELETE", path, nil).is(204)
	program(t, V, secret).do("GET", "/rooms", nil).is(401)
	me.do("DELETE", path, nil).is(404)
	me.do("GET", path, nil).is(404)
}

func TestWhatAScopeOpens(t *testing.T) {
	me := fresh(t, V)
	room := me.room()
	for scope, may := range map[string][]bool{"read": {false, false}, "post": {true, false}, "manage": {false, true}} {
		p := program(t, V, me.secret(scope))
		p.do("GET", "/messages/"+room, nil).is(200)
		p.do("POST", "/rooms/queries", map[string]any{"id": []string{room}}).is(200)
		for i, send := range []func() *answer{
			func() *answer { return p.do("POST", "/messages/"+room, map[string]any{"content": "said"}) },
			func() *answer { return p.do("PUT", "/rooms/"+room, map[string]any{"banner": "new"}) },
		} {
			a := send()
			if may[i] {
				require.Less(t, a.status, 300, "%s %d", scope, i)
				continue
			}
			require.Equal(t, "insufficient_scope", a.is(403).object()["code"])
			require.Contains(t, a.header.Get("WWW-Authenticate"), `scope="`+[]string{"post", "manage"}[i]+`"`)
		}
		// KillrChat's mounts have the same scopes.
		status := p.at(K).do("POST", "/messages/"+room, map[string]any{"content": "said", "author": me.person()}).status
		require.Equal(t, map[bool]int{true: 204, false: 403}[may[0]], status, scope)
		p.do("GET", "/admin/rooms", nil).is(403)
	}
	me.newToken(map[string]any{"scopes": []string{"admin"}}).is(403)
}

// A token that may post leaves rooms and removes nobody else from them, on any mount.
func TestRemovingOthersIsManaging(t *testing.T) {
	me, other := fresh(t, V), fresh(t, V)
	room := me.room()
	other.do("PUT", "/rooms/participant/"+room, nil).is(204)
	remove := map[string]any{"login": other.login}
	for _, at := range []string{V, K} {
		program(t, V, me.secret("post")).at(at).do("PATCH", "/rooms/participant/"+room, map[string]any{"login": other.login, "participant": other.person()}).is(403)
	}
	require.Equal(t, "insufficient_scope", program(t, V, me.secret("post")).do("PATCH", "/rooms/participant/"+room, remove).is(403).object()["code"])
	program(t, V, me.secret("post", "manage")).do("PATCH", "/rooms/participant/"+room, remove).is(204)
	program(t, V, me.secret("post")).do("PATCH", "/rooms/participant/"+room, nil).is(204)
}

// What decides over an account wants a session, whatever a token opens.
func TestWhatNoTokenOpens(t *testing.T) {
	me := fresh(t, V)
	mine := "/users/" + me.login + "/tokens"
	for _, token := range []string{me.secret("read", "post", "manage"), adminToken} {
		p := program(t, V, token)
		for _, c := range []struct{ method, path string }{{"GET", mine}, {"POST", mine}, {"DELETE", "/users/" + me.login}, {"PUT", "/users/" + me.login + "/password"}} {
			p.do(c.method, c.path, map[string]any{"name": "x", "password": "pw of " + me.login, "currentPassword": "pw of " + me.login}).is(403)
		}
	}
	require.Len(t, me.do("GET", mine, nil).is(200).list("tokens"), 1)
}

func TestTokensEndWithThePassword(t *testing.T) {
	me := fresh(t, V)
	secret := me.secret("read")
	me.newToken(map[string]any{"password": "wrong"}).is(403)
	for _, bad := range []map[string]any{{"name": ""}, {"name": nil}, {"name": strings.Repeat("x", 65)}, {"password": nil}, {"expiresIn": -1}, {"expiresIn": 315360001},
		{"scopes": []string{}}, {"scopes": []string{"read", "all"}}} {
		me.newToken(bad).is(422)
	}
	me.do("PUT", "/users/"+me.login+"/password", map[string]any{"currentPassword": "pw of " + me.login, "password": "another one"}).is(204)
	program(t, V, secret).do("GET", "/rooms", nil).is(401)
}

func TestAtMostFiftyTokens(t *testing.T) {
	me := fresh(t, V)
	for range 50 {
		me.secret("read")
	}
	me.newToken(nil).is(409)
	one := me.do("GET", "/users/"+me.login+"/tokens", nil).list("tokens")[7].(map[string]any)["id"].(string)
	me.do("DELETE", "/users/"+me.login+"/tokens/"+one, nil).is(204)
	me.newToken(nil).is(201)
}
