package easemob_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// group makes a group with an owner and members.
func (a *app) group(owner string, more object, members ...string) string {
	a.Helper()
	body := object{"groupname": "A group", "desc": "for tests", "public": true, "owner": owner, "members": members}
	for k, v := range more {
		body[k] = v
	}
	return a.ok("POST", "/chatgroups", a.token, body)["data"].(object)["groupid"].(string)
}

func (a *app) chatRoom(owner string, more object, members ...string) string {
	a.Helper()
	body := object{"name": "A room", "description": "for tests", "owner": owner}
	if len(members) > 0 {
		body["members"] = members
	}
	for k, v := range more {
		body[k] = v
	}
	return a.ok("POST", "/chatrooms", a.token, body)["data"].(object)["id"].(string)
}

// users registers users and returns their names and tokens.
func (a *app) users(n int) (names, tokens []string) {
	for range n {
		name := unique("u")
		_, token := a.user(name)
		names, tokens = append(names, name), append(tokens, token)
	}
	return names, tokens
}

// detail is the one group or room that is shown.
func (a *app) detail(path, token string) object {
	a.Helper()
	all := a.ok("GET", path, token, nil)["data"].([]any)
	require.Len(a, all, 1)
	return all[0].(object)
}

// texts returns the members of a list.
func texts(v any) (all []string) {
	for _, x := range v.([]any) {
		all = append(all, fmt.Sprint(x))
	}
	return all
}

func number(t *testing.T, v any) int64 {
	n, err := strconv.ParseInt(v.(string), 10, 64)
	require.NoError(t, err)
	return n
}

func TestGroups(t *testing.T) {
	a := newWorld(t).app
	u, tokens := a.users(4)
	g := a.group(u[0], object{"maxusers": "30", "members_only": true, "need_verify": true, "scale": "normal"}, u[1], u[2])
	require.Regexp(t, `^[1-9][0-9]{1,18}$`, g)
	d := a.detail("/chatgroups/"+g, a.token)
	for k, v := range map[string]any{"id": g, "name": "A group", "description": "for tests", "owner": u[0], "maxusers": 30., "membersonly": true, "public": true,
		"allowinvites": false, "mute": false, "disabled": false, "affiliations_count": 3., "custom": ""} {
		require.Equal(t, v, d[k], k)
	}
	require.Equal(t, object{"owner": u[0]}, d["affiliations"].([]any)[0])
	require.ElementsMatch(t, []any{object{"owner": u[0]}, object{"member": u[1]}, object{"member": u[2]}}, d["affiliations"])

	// What cannot be made leaves nothing.
	for body, want := range map[string]struct {
		status int
		word   string
	}{
		`{"groupname":"g","owner":"OWNER"}`:                                                         {400, "invalid_parameter"},
		`{"groupname":"g","public":true}`:                                                           {400, "invalid_parameter"},
		`{"public":true,"owner":"OWNER"}`:                                                           {400, "invalid_parameter"},
		`{"groupname":"g","public":true,"owner":"nobody"}`:                                          {404, "service_resource_not_found"},
		`{"groupname":"g","public":true,"owner":"OWNER","members":["nobody"]}`:                      {404, "service_resource_not_found"},
		`{"groupname":"g","public":true,"owner":"OWNER","maxusers":1,"members":["OTHER"]}`:          {403, "exceed_limit"},
		`{"groupname":"g","public":true,"owner":"OWNER","maxusers":0}`:                              {400, "invalid_parameter"},
		`{"groupname":"g","public":true,"owner":"OWNER","maxusers":10001}`:                          {403, "exceed_limit"},
		`{"groupname":"g","public":true,"owner":"OWNER","colour":"red"}`:                            {400, "invalid_parameter"},
		`{"groupname":"` + strings.Repeat("x", 129) + `","public":true,"owner":"OWNER"}`:            {400, "invalid_parameter"},
		`{"groupname":"g","desc":"` + strings.Repeat("x", 513) + `","public":true,"owner":"OWNER"}`: {400, "invalid_parameter"},
	} {
		status, out := a.do("POST", "/"+a.key+"/chatgroups", a.token, rawJSON(strings.NewReplacer("OWNER", u[3], "OTHER", u[1]).Replace(body)))
		require.Equal(t, want.status, status, "%s: %v", body, out)
		require.Equal(t, want.word, out["error"], body)
	}
	require.Empty(t, a.ok("GET", "/users/"+u[3]+"/joined_chatgroups", a.token, nil)["data"])

	require.Equal(t, object{"groupname": true, "maxusers": true}, a.ok("PUT", "/chatgroups/"+g, a.token, object{"groupname": "Another", "maxusers": 40})["data"])
	a.fails(400, "invalid_parameter", "PUT", "/chatgroups/"+g, a.token, object{"groupname": "Third", "owner": u[1]})
	a.fails(403, "exceed_limit", "PUT", "/chatgroups/"+g, a.token, object{"maxusers": 2})
	d = a.detail("/chatgroups/"+g, a.token)
	require.Equal(t, []any{"Another", 40., "for tests"}, []any{d["name"], d["maxusers"], d["description"]})

	// The newest first.
	h := a.group(u[0], object{"public": false}, u[1])
	i := a.group(u[1], nil)
	first := a.ok("GET", "/chatgroups?limit=2", a.token, nil)
	rest := a.ok("GET", "/chatgroups?limit=2&cursor="+first["cursor"].(string), a.token, nil)
	require.NotContains(t, rest, "cursor")
	var ids []string
	for _, row := range append(first["data"].([]any), rest["data"].([]any)...) {
		ids = append(ids, row.(object)["groupid"].(string))
	}
	require.Equal(t, []string{i, h, g}, ids)
	row := first["data"].([]any)[1].(object)
	require.Equal(t, []any{"A group", u[0], 2., "group"}, []any{row["groupname"], row["owner"], row["affiliations"], row["type"]})
	a.ok("PUT", "/chatgroups/"+h, a.token, object{"description": "another one"})
	changed := a.ok("GET", "/chatgroups?limit=2", a.token, nil)["data"].([]any)[1].(object)
	require.Greater(t, number(t, changed["last_modified"]), number(t, row["last_modified"]))
	a.ok("PUT", "/chatgroups/"+h, a.token, object{"description": "another one"})
	require.Equal(t, changed, a.ok("GET", "/chatgroups?limit=2", a.token, nil)["data"].([]any)[1], "nothing has changed")

	two := a.ok("GET", "/chatgroups/"+g+"%2C"+i+",123456", a.token, nil)
	require.EqualValues(t, 3, two["count"])
	require.Equal(t, object{"id": "123456", "error": "group id doesn't exist"}, two["data"].([]any)[2])
	joined := func(query string) (all []string) {
		out := a.ok("GET", "/users/"+u[1]+"/joined_chatgroups"+query, tokens[1], nil)
		for _, x := range out["data"].([]any) {
			all = append(all, x.(object)["groupid"].(string))
		}
		require.EqualValues(t, len(all), out["count"])
		return all
	}
	require.Equal(t, []string{i, h, g}, joined(""))
	require.Equal(t, []string{i}, joined("?pagenum=0&pagesize=1"))
	require.Equal(t, []string{h}, joined("?pagenum=2&pagesize=1"))
	require.Empty(t, joined("?pagenum=4&pagesize=1"))
	a.fails(400, "invalid_parameter", "GET", "/users/"+u[1]+"/joined_chatgroups?pagenum=x", a.token, nil)

	require.Equal(t, object{"success": true, "groupid": g}, a.ok("DELETE", "/chatgroups/"+g, a.token, nil)["data"])
	for _, method := range []string{"GET", "DELETE"} {
		a.fails(404, "resource_not_found", method, "/chatgroups/"+g, a.token, nil)
		a.fails(404, "resource_not_found", method, "/chatrooms/"+h, a.token, nil)
		a.fails(404, "resource_not_found", method, "/chatgroups/0123", a.token, nil)
	}
	require.Equal(t, []string{i, h}, joined(""))
	require.Len(t, a.ok("GET", "/chatgroups", a.token, nil)["data"], 2)
}

func TestMembersOfGroups(t *testing.T) {
	a := newWorld(t).app
	u, _ := a.users(7)
	g := a.group(u[0], nil)
	users := "/chatgroups/" + g + "/users"
	require.Equal(t, object{"result": true, "action": "add_member", "user": u[1], "groupid": g}, a.ok("POST", users+"/"+u[1], a.token, nil)["data"])
	a.fails(403, "forbidden_op", "POST", users+"/"+u[1], a.token, nil)
	a.fails(404, "service_resource_not_found", "POST", users+"/nobody", a.token, nil)
	require.Equal(t, object{"newmembers": []any{u[2], u[3]}, "action": "add_member", "groupid": g}, a.ok("POST", users+"/", a.token, object{"usernames": []string{u[2], u[1], u[3]}})["data"])
	a.fails(403, "forbidden_op", "POST", users, a.token, object{"usernames": []string{u[2], u[3]}})
	a.fails(404, "service_resource_not_found", "POST", users, a.token, object{"usernames": []string{u[4], "nobody"}})
	many := make([]string, 61)
	for i := range many {
		many[i] = fmt.Sprint("m", i)
	}
	a.fails(400, "invalid_parameter", "POST", users, a.token, object{"usernames": many})
	a.fails(400, "invalid_parameter", "DELETE", users+"/"+strings.Join(many, ","), a.token, nil)
	a.ok("POST", users, a.token, object{"usernames": []string{u[4], u[5]}})

	// In the order of joining.
	page := func(query string) []any { return a.ok("GET", users+query, a.token, nil)["data"].([]any) }
	require.Equal(t, []any{object{"owner": u[0]}, object{"member": u[1]}, object{"member": u[2]}, object{"member": u[3]}}, page("?pagenum=1&pagesize=4"))
	require.Equal(t, []any{object{"member": u[4]}, object{"member": u[5]}}, page("/?pagenum=2&pagesize=4"))
	for sort, want := range map[string][]string{"": {u[5], u[4], u[3], u[2], u[1]}, "&sort=asc": {u[1], u[2], u[3], u[4], u[5]}} {
		var got []string
		for cursor := ""; ; {
			out := a.ok("GET", users+"?version=v3&limit=2"+sort+cursor, a.token, nil)
			got = append(got, texts(out["data"])...)
			next, more := out["cursor"].(string)
			if !more {
				break
			}
			cursor = "&cursor=" + next
		}
		require.Equal(t, want, got)
	}
	a.fails(400, "illegal_argument", "GET", users+"?version=v3&cursor=abc", a.token, nil)

	rows := a.ok("DELETE", users+"/"+u[1]+"%2C"+u[6]+","+u[2], a.token, nil)["data"].([]any)
	require.Len(t, rows, 3)
	for i, want := range []bool{true, false, true} {
		require.Equal(t, want, rows[i].(object)["result"])
		_, reason := rows[i].(object)["reason"]
		require.Equal(t, !want, reason)
	}
	a.fails(403, "forbidden_op", "DELETE", users+"/"+u[1]+","+u[2], a.token, nil)
	a.fails(403, "forbidden_op", "DELETE", users+"/"+u[0], a.token, nil)
	require.Equal(t, u[3], a.ok("DELETE", users+"/"+u[3], a.token, nil)["data"].(object)["user"])
	a.fails(403, "forbidden_op", "DELETE", users+"/"+u[3], a.token, nil)
	require.Equal(t, true, a.ok("GET", "/chatgroups/"+g+"/user/"+u[4]+"/is_joined", a.token, nil)["data"])
	require.Equal(t, false, a.ok("GET", "/chatgroups/"+g+"/user/"+u[3]+"/is_joined", a.token, nil)["data"])

	// The owner hands over.
	a.fails(403, "forbidden_op", "PUT", "/chatgroups/"+g, a.token, object{"newowner": u[6]})
	a.fails(403, "forbidden_op", "PUT", "/chatgroups/"+g, a.token, object{"newowner": u[0]})
	require.Equal(t, object{"newowner": true}, a.ok("PUT", "/chatgroups/"+g, a.token, object{"newowner": u[4]})["data"])
	require.Equal(t, u[4], a.detail("/chatgroups/"+g, a.token)["owner"])

	admin := "/chatgroups/" + g + "/admin"
	require.Equal(t, object{"result": "success", "newadmin": u[5]}, a.ok("POST", admin, a.token, object{"newadmin": u[5]})["data"])
	require.Equal(t, []string{u[5]}, texts(a.ok("GET", admin, a.token, nil)["data"]))
	a.fails(403, "forbidden_op", "POST", admin, a.token, object{"newadmin": u[6]})
	require.Equal(t, object{"result": "success", "oldadmin": u[5]}, a.ok("DELETE", admin+"/"+u[5], a.token, nil)["data"])
	require.Empty(t, a.ok("GET", admin, a.token, nil)["data"])

	text := strings.Repeat("梁", 512)
	require.Equal(t, object{"id": g, "result": true}, a.ok("PUT", "/chatgroups/"+g+"/announcement", a.token, object{"announcement": text})["data"])
	a.fails(400, "invalid_parameter", "POST", "/chatgroups/"+g+"/announcement", a.token, object{"announcement": text + "x"})
	require.Equal(t, text, a.ok("GET", "/chatgroups/"+g+"/announcement", a.token, nil)["data"].(object)["announcement"])
}

func TestListsOfGroups(t *testing.T) {
	a := newWorld(t).app
	u, tokens := a.users(5)
	g := a.group(u[0], nil, u[1], u[2], u[3])
	blocks, white, mute := "/chatgroups/"+g+"/blocks/users", "/chatgroups/"+g+"/white/users", "/chatgroups/"+g+"/mute"
	require.Equal(t, object{"result": true, "action": "add_blocks", "user": u[1], "groupid": g}, a.ok("POST", blocks+"/"+u[1], a.token, nil)["data"])
	require.Len(t, a.ok("POST", blocks, a.token, object{"usernames": []string{u[2], u[4]}})["data"], 2)
	require.ElementsMatch(t, []string{u[1], u[2], u[4]}, texts(a.ok("GET", blocks+"/", a.token, nil)["data"]))
	require.EqualValues(t, 2, a.detail("/chatgroups/"+g, a.token)["affiliations_count"])
	a.fails(403, "forbidden_op", "POST", blocks+"/"+u[0], a.token, nil)
	a.fails(403, "forbidden_op", "POST", "/chatgroups/"+g+"/users/"+u[1], tokens[1], nil)
	require.Equal(t, object{"result": true, "action": "remove_blocks", "user": u[2], "groupid": g}, a.ok("DELETE", blocks+"/"+u[2], a.token, nil)["data"])
	a.ok("POST", "/chatgroups/"+g+"/users/"+u[1], a.token, nil) // adding takes the block away
	require.Equal(t, []string{u[4]}, texts(a.ok("GET", blocks, a.token, nil)["data"]))

	require.Equal(t, "add_user_whitelist", a.ok("POST", white+"/"+u[3], a.token, nil)["data"].(object)["action"])
	require.Equal(t, []string{u[3]}, texts(a.ok("GET", white, a.token, nil)["data"]))
	require.Equal(t, "remove_user_whitelist", a.ok("DELETE", white+"/"+u[3], a.token, nil)["data"].(object)["action"])

	row := a.ok("POST", mute, a.token, object{"usernames": []string{u[3]}, "mute_duration": 60000})["data"].([]any)[0].(object)
	require.Equal(t, u[3], row["user"])
	listed := a.ok("GET", mute, a.token, nil)["data"].([]any)
	require.Equal(t, []any{object{"user": u[3], "expire": row["expire"]}}, listed)
	require.EqualValues(t, -1, a.ok("POST", mute, a.token, object{"usernames": []string{u[3]}, "mute_duration": "-1"})["data"].([]any)[0].(object)["expire"])
	a.fails(400, "invalid_parameter", "POST", mute, a.token, object{"usernames": []string{u[3]}})
	a.fails(403, "forbidden_op", "POST", mute, a.token, object{"usernames": []string{u[4]}, "mute_duration": -1})
	require.Equal(t, []any{object{"result": true, "user": u[3]}}, a.ok("DELETE", mute+"/"+u[3], a.token, nil)["data"])
	require.Empty(t, a.ok("GET", mute, a.token, nil)["data"])

	for _, x := range []struct{ method, path, member string }{{"POST", "ban", "mute"}, {"POST", "disable", "disabled"}} {
		require.Equal(t, object{x.member: true}, a.ok(x.method, "/chatgroups/"+g+"/"+x.path, a.token, nil)["data"])
		require.Equal(t, true, a.detail("/chatgroups/"+g, a.token)[x.member])
	}
	require.Equal(t, object{"mute": false}, a.ok("DELETE", "/chatgroups/"+g+"/ban", a.token, nil)["data"])
	require.Equal(t, object{"disabled": false}, a.ok("POST", "/chatgroups/"+g+"/enable", a.token, nil)["data"])
}

var anUUID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-`)

// Who may do what with a user's token; see easemob.md 2.8. Nobody may do what is not in the table.
func TestUserTokensInGroups(t *testing.T) {
	a := newWorld(t).app
	// Each group has an owner, two admins, two members and an outsider beside.
	u, tokens := a.users(7)
	const owner, admin, admin2, member, member2, outsider, stranger = 0, 1, 2, 3, 4, 5, 6
	roles := map[string]int{"outsider": outsider, "member": member, "admin": admin, "owner": owner}
	fresh := func(more object) string {
		g := a.group(u[owner], more, u[admin], u[admin2], u[member], u[member2])
		for _, ad := range []int{admin, admin2} {
			a.ok("POST", "/chatgroups/"+g+"/admin", a.token, object{"newadmin": u[ad]})
		}
		return g
	}
	everybody, inside, staff, alone := []string{"outsider", "member", "admin", "owner"}, []string{"member", "admin", "owner"}, []string{"admin", "owner"}, []string{"owner"}
	calls := []struct {
		method, path string
		body         object
		may          []string
		more         object // of the group
	}{
		{"GET", "", nil, everybody, nil},
		{"GET", "/users", nil, inside, nil},
		{"GET", "/users?version=v3", nil, inside, nil},
		{"GET", "/admin", nil, inside, nil},
		{"GET", "/announcement", nil, inside, nil},
		{"GET", "/user/" + u[member] + "/is_joined", nil, inside, nil},
		{"GET", "/mute", nil, staff, nil},
		{"GET", "/white/users", nil, staff, nil},
		{"GET", "/blocks/users", nil, staff, nil},
		{"POST", "/users/SELF", nil, []string{"outsider"}, nil},
		{"POST", "/users/SELF", nil, nil, object{"membersonly": true}},
		{"DELETE", "/users/SELF", nil, []string{"member", "admin"}, nil},
		{"POST", "/users/" + u[stranger], nil, staff, nil},
		{"POST", "/users/" + u[stranger], nil, inside, object{"allowinvites": true}},
		{"POST", "/users", object{"usernames": []string{u[stranger]}}, staff, nil},
		{"POST", "/users", object{"usernames": []string{u[outsider]}}, staff, nil},
		{"DELETE", "/users/" + u[member2], nil, staff, nil},
		{"DELETE", "/users/" + u[admin2], nil, alone, nil},
		{"DELETE", "/users/" + u[owner], nil, nil, nil},
		{"POST", "/mute", object{"usernames": []string{u[member2]}, "mute_duration": 1000}, staff, nil},
		{"POST", "/mute", object{"usernames": []string{u[admin2]}, "mute_duration": 1000}, alone, nil},
		{"DELETE", "/mute/" + u[member2], nil, staff, nil},
		{"POST", "/blocks/users/" + u[member2], nil, staff, nil},
		{"POST", "/blocks/users/" + u[admin2], nil, alone, nil},
		{"POST", "/blocks/users/" + u[owner], nil, nil, nil},
		{"DELETE", "/blocks/users/" + u[stranger], nil, staff, nil},
		{"POST", "/white/users/" + u[member2], nil, staff, nil},
		{"DELETE", "/white/users/" + u[member2], nil, staff, nil},
		{"POST", "/ban", nil, staff, nil},
		{"DELETE", "/ban", nil, staff, nil},
		{"POST", "/announcement", object{"announcement": "x"}, staff, nil},
		{"PUT", "", object{"groupname": "x", "description": "y", "custom": "z", "avatar": "w"}, staff, nil},
		{"PUT", "", object{"maxusers": 50}, alone, nil},
		{"PUT", "", object{"public": true, "allowinvites": true, "membersonly": true}, alone, nil},
		{"PUT", "", object{"newowner": u[member2]}, alone, nil},
		{"POST", "/admin", object{"newadmin": u[member2]}, alone, nil},
		{"DELETE", "/admin/" + u[admin2], nil, alone, nil},
		{"POST", "/disable", nil, alone, nil},
		{"POST", "/enable", nil, alone, nil},
		{"DELETE", "", nil, alone, nil},
	}
	status, out := a.do("POST", "/"+a.key+"/chatgroups", tokens[0], object{"groupname": "x", "desc": "y", "public": true, "owner": u[stranger]})
	require.Equal(t, http.StatusForbidden, status, out)
	require.NotRegexp(t, anUUID, out["error_description"])
	for _, x := range calls {
		for role, i := range roles {
			path := strings.ReplaceAll(x.path, "SELF", u[i])
			what := fmt.Sprintf("%s %s %v by %s", x.method, path, x.body, role)
			var body any
			if x.body != nil {
				body = x.body
			}
			g := fresh(x.more)
			before := a.detail("/chatgroups/"+g, a.token)
			status, out := a.do(x.method, "/"+a.key+"/chatgroups/"+g+path, tokens[i], body)
			if slices.Contains(x.may, role) {
				require.Equal(t, http.StatusOK, status, "%s: %v", what, out)
			} else {
				require.Equal(t, http.StatusForbidden, status, "%s: %v", what, out)
				require.Equal(t, "forbidden_op", out["error"], what)
				require.NotRegexp(t, anUUID, out["error_description"], "%s: ids tell people nothing", what)
				require.Equal(t, before, a.detail("/chatgroups/"+g, a.token), what)
			}
			// A private group is not there for an outsider.
			if role == "outsider" {
				more := object{"public": false}
				for k, v := range x.more {
					more[k] = v
				}
				g := fresh(more)
				a.fails(404, "resource_not_found", x.method, "/chatgroups/"+g+path, tokens[i], body)
			}
		}
	}
	g := fresh(nil)
	require.NotContains(t, a.detail("/chatgroups/"+g, tokens[outsider]), "affiliations")
	require.Contains(t, a.detail("/chatgroups/"+g, tokens[member]), "affiliations")

	// Users make groups of their own.
	mine := a.ok("POST", "/chatgroups", tokens[member], object{"groupname": "mine", "public": false, "members": []string{u[owner]}})["data"].(object)["groupid"].(string)
	require.Equal(t, u[member], a.detail("/chatgroups/"+mine, tokens[member])["owner"])
	a.fails(403, "forbidden_op", "POST", "/chatgroups", tokens[member], object{"groupname": "x", "public": false, "owner": u[owner]})
	a.fails(401, "auth_bad_access_token", "GET", "/chatgroups", tokens[member], nil)
}

func TestFullGroupsAndRooms(t *testing.T) {
	a := newWorld(t).app
	u, tokens := a.users(6)
	for _, path := range []string{"/chatgroups/", "/chatrooms/"} {
		var id string
		if path == "/chatgroups/" {
			id = a.group(u[0], object{"maxusers": 3}, u[1])
		} else {
			id = a.chatRoom(u[0], object{"maxusers": 3}, u[1])
		}
		in := func() any { return a.detail(path+id, a.token)["affiliations_count"] }
		a.fails(403, "exceed_limit", "POST", path+id+"/users", a.token, object{"usernames": []string{u[2], u[3]}})
		require.EqualValues(t, 2, in())
		a.ok("POST", path+id+"/users/"+u[2], a.token, nil)
		a.fails(403, "exceed_limit", "POST", path+id+"/users/"+u[3], a.token, nil)
		a.fails(403, "exceed_limit", "POST", path+id+"/users/"+u[4], tokens[4], nil)
		a.fails(403, "exceed_limit", "PUT", path+id, a.token, object{"maxusers": 2})
		require.EqualValues(t, 3, in())
		a.ok("PUT", path+id, a.token, object{"maxusers": 4})
		a.ok("POST", path+id+"/users/"+u[4], tokens[4], nil)
		a.fails(403, "exceed_limit", "POST", path+id+"/users/"+u[5], a.token, nil)
		a.ok("DELETE", path+id+"/users/"+u[4], a.token, nil)
		a.ok("POST", path+id+"/users/"+u[5], a.token, nil)
		require.EqualValues(t, 4, in())
	}
}

func TestChatRooms(t *testing.T) {
	a := newWorld(t).app
	u, tokens := a.users(5)
	r := a.chatRoom(u[0], object{"maxusers": 300}, u[1])
	d := a.detail("/chatrooms/"+r, tokens[4])
	require.Equal(t, []any{"A room", "for tests", 300., u[0], 2.}, []any{d["name"], d["description"], d["maxusers"], d["owner"], d["affiliations_count"]})
	require.Contains(t, d, "affiliations")
	require.Equal(t, object{"groupname": true, "description": true, "maxusers": true},
		a.ok("PUT", "/chatrooms/"+r, a.token, object{"name": "n2", "description": "d2", "maxusers": 400})["data"])
	a.fails(400, "invalid_parameter", "PUT", "/chatrooms/"+r, a.token, object{"public": true})
	a.fails(400, "invalid_parameter", "POST", "/chatrooms", a.token, object{"name": "x", "owner": u[0], "members": []string{}})

	users := "/chatrooms/" + r + "/users"
	require.Equal(t, object{"result": true, "action": "add_member", "user": u[2], "id": r}, a.ok("POST", users+"/"+u[2], a.token, nil)["data"])
	a.fails(403, "forbidden_op", "POST", users+"/"+u[2], a.token, nil)
	for range 2 { // who is in already counts as success
		require.Equal(t, object{"newmembers": []any{u[2], u[3]}, "action": "add_member", "id": r}, a.ok("POST", users, a.token, object{"usernames": []string{u[2], u[3]}})["data"])
	}
	out := a.ok("GET", users+"?pagenum=1&pagesize=10", tokens[4], nil)
	require.Len(t, out["data"], 4)
	require.Equal(t, []any{"10"}, out["params"].(object)["pagesize"])
	require.Equal(t, []any{object{"id": r, "name": "n2"}}, a.ok("GET", "/users/"+u[3]+"/joined_chatrooms", tokens[3], nil)["data"])
	require.Equal(t, object{"result": true, "action": "remove_member", "user": u[2], "id": r}, a.ok("DELETE", users+"/"+u[2], a.token, nil)["data"])
	for _, row := range a.ok("DELETE", users+"/"+u[2]+","+u[4], a.token, nil)["data"].([]any) {
		require.Equal(t, false, row.(object)["result"])
		require.NotEmpty(t, row.(object)["reason"])
	}
	a.fails(403, "forbidden_op", "DELETE", users+"/"+u[1]+","+u[3], tokens[4], nil)
	require.Equal(t, r, a.ok("POST", "/chatrooms/"+r+"/blocks/users/"+u[1], a.token, nil)["data"].(object)["chatroomid"])
	a.fails(403, "forbidden_op", "POST", users+"/"+u[1], tokens[1], nil)
	a.ok("POST", users+"/"+u[4], tokens[4], nil)

	// Only super admins make rooms, and they are owners of all.
	a.fails(403, "forbidden_op", "POST", "/chatrooms", tokens[1], object{"name": "mine"})
	a.fails(403, "forbidden_op", "PUT", "/chatrooms/"+r, tokens[1], object{"name": "mine"})
	require.Equal(t, object{"result": "success", "resource": ""}, a.ok("POST", "/chatrooms/super_admin", a.token, object{"superadmin": u[1]})["data"])
	require.Equal(t, []string{u[1]}, texts(a.ok("GET", "/chatrooms/super_admin?pagenum=1&pagesize=10", a.token, nil)["data"]))
	require.Empty(t, a.ok("GET", "/chatrooms/super_admin?pagenum=2&pagesize=10", a.token, nil)["data"])
	mine := a.ok("POST", "/chatrooms", tokens[1], object{"name": "mine"})["data"].(object)["id"].(string)
	require.Equal(t, u[1], a.detail("/chatrooms/"+mine, tokens[4])["owner"])
	a.ok("PUT", "/chatrooms/"+r, tokens[1], object{"name": "theirs"})
	require.Equal(t, object{"newSuperAdmin": u[1], "resource": ""}, a.ok("DELETE", "/chatrooms/super_admin/"+u[1], a.token, nil)["data"])
	a.fails(403, "forbidden_op", "PUT", "/chatrooms/"+r, tokens[1], object{"name": "mine"})

	list := a.ok("GET", "/chatrooms?limit=1", a.token, nil)
	require.Equal(t, []any{object{"id": mine, "name": "mine", "owner": u[1], "affiliations_count": 1.}}, list["data"])
	require.NotEmpty(t, list["cursor"])
	require.Equal(t, object{"success": true, "id": r}, a.ok("DELETE", "/chatrooms/"+r, a.token, nil)["data"])
	a.fails(404, "resource_not_found", "GET", "/chatrooms/"+r, a.token, nil)
	require.Empty(t, a.ok("GET", "/users/"+u[3]+"/joined_chatrooms", a.token, nil)["data"])
}
