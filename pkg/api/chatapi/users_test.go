package chatapi_test

import (
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

var everywhere = map[string]string{"killrchat": K, "root": root, "v1": V}

func line(field, message, value string) string {
	return "\n\t Error on field '" + field + "'. Failed validation : '" + message + "'. Rejected value : '" + value + "'"
}

func TestSignUp(t *testing.T) {
	for name, mount := range everywhere {
		t.Run(name, func(t *testing.T) {
			c := anonymous(t, mount)
			c.login = unique("jdoe.json")
			body := map[string]any{"login": c.login, "password": "pw of " + c.login, "passwordConfirm": "x", "nickname": "x",
				"firstname": " <b>", "lastname": "e\u0301\u2028😀", "email": "john.doe@dallas.com", "bio": nil,
				"chatRooms": []string{"x"}, "nested": map[string]any{"login": 1}}
			a := c.do("POST", "/users", body).is(creates(mount))
			want := map[string]any{"login": c.login, "firstname": " <b>", "lastname": "e\u0301\u2028😀",
				"email": "john.doe@dallas.com", "bio": nil, "chatRooms": []any{}}
			onV := maps.Clone(want)
			onV["timezone"] = nil
			if mount == V {
				require.Equal(t, V+"/users/"+c.login, a.header.Get("Location"))
				require.Equal(t, onV, a.object())
			}
			c.do("GET", "/users/"+c.login, nil).refused(401)
			c.logIn(false)
			for _, m := range everywhere {
				got := c.at(m).do("GET", "/users/"+c.login, nil).is(200)
				if m == V {
					require.Equal(t, onV, got.object(), "one account at every mount")
					continue
				}
				require.Equal(t, want, got.object(), "one account at every mount")
				require.Equal(t, "no-store", got.header.Get("Cache-Control"))
			}
			body["firstname"] = "second"
			if mount == V {
				c.do("POST", "/users", body).refused(409)
			} else {
				require.Equal(t, "The user with the login '"+c.login+"' already exists", c.do("POST", "/users", body).is(400).text())
			}
			require.Equal(t, want, c.at(K).do("GET", "/users/"+c.login, nil).object(), "the first one stays")
		})
	}
}

func TestSignUpFaults(t *testing.T) {
	c := anonymous(t, K)
	for name, f := range map[string]struct {
		body  string
		lines []string
	}{
		"nothing": {`{}`, []string{line("login", "may not be empty", "null"), line("password", "may not be empty", "null"),
			line("firstname", "may not be empty", "null"), line("lastname", "may not be empty", "null")}},
		"empty": {`{"login":"","password":"","firstname":"","lastname":"","email":"","bio":""}`, []string{
			line("login", "may not be empty", ""), line("password", "may not be empty", "null"),
			line("firstname", "may not be empty", ""), line("lastname", "may not be empty", "")}},
		"sizes and forms": {`{"login":"ab","password":"secret","firstname":"` + strings.Repeat("f", 101) + `","lastname":"L","email":"nope","bio":"` + strings.Repeat("😀", 2001) + `"}`, []string{
			line("login", "size must be between 3 and 31", "ab"), line("firstname", "size must be between 0 and 100", strings.Repeat("f", 101)),
			line("email", "not a well-formed email address", "nope"), line("bio", "size must be between 0 and 2000", strings.Repeat("😀", 2001))}},
		"characters": {`{"login":"a b","password":"secret","firstname":"F","lastname":"L"}`, []string{
			line("login", `must match "[a-zA-Z0-9][a-zA-Z0-9_.-]{2,30}"`, "a b")}},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.do("POST", "/users", f.body).is(412).text()
			var lines []string
			for _, l := range strings.Split(got, "\n\t")[1:] {
				lines = append(lines, "\n\t"+l)
			}
			require.ElementsMatch(t, f.lines, lines)
			require.NotContains(t, got, "secret")
		})
	}
	v := c.at(V).do("POST", "/users", map[string]any{"login": "ab", "password": "secret", "firstname": "F"}).refused(422)
	require.ElementsMatch(t, []any{
		map[string]any{"field": "login", "message": "size must be between 3 and 31"},
		map[string]any{"field": "lastname", "message": "may not be empty"}}, v["fields"])
}

func TestTheSystemUser(t *testing.T) {
	c := fresh(t, K)
	require.Equal(t, "The user with the login 'killrchat' already exists", c.do("POST", "/users",
		map[string]any{"login": "killrchat", "password": "x", "firstname": "F", "lastname": "L"}).is(400).text())
	require.Equal(t, "killrchat", c.do("GET", "/users/killrchat", nil).is(200).object()["firstname"])
	for _, password := range []string{"", "killrchat", "x"} {
		o := c.do("POST", "/authenticate?j_username=killrchat&j_password="+password, "{}", form).refused(401)
		require.Equal(t, "Invalid login/password", o["message"])
	}
}

func TestManySignUpsAtOnce(t *testing.T) {
	login := unique("race")
	answers := make([]*answer, 4)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			answers[i] = anonymous(t, V).do("POST", "/users", map[string]any{"login": login, "password": "pw of " + login,
				"firstname": strings.Repeat("x", i+1), "lastname": strings.Repeat("x", i+1)})
		})
	}
	all.Wait()
	won := 0
	c := anonymous(t, V)
	c.login = login
	c.logIn(false)
	u := c.do("GET", "/users/"+login, nil).object()
	for i, a := range answers {
		if a.status == 201 {
			won++
			require.Len(t, u["firstname"], i+1)
			require.Len(t, u["lastname"], i+1)
			continue
		}
		a.refused(409)
	}
	require.Equal(t, 1, won)
}

func TestUnknownUsers(t *testing.T) {
	c := fresh(t, K)
	for sent, name := range map[string]string{"nobody-here": "nobody-here", "..": "..", "a%2Fb": "a/b", "a%252Fb": "a%2Fb",
		"a%20b": "a b", "nobody.json": "nobody.json", "%C3%A9%C3%A9%C3%A9": "ééé", "a+b": "a+b"} {
		require.Equal(t, "Cannot find user with login '"+name+"'", c.do("GET", "/users/"+sent, nil).is(400).text())
		c.at(V).do("GET", "/users/"+sent, nil).refused(404)
	}
}

func TestMalformedBodies(t *testing.T) {
	for name, mount := range everywhere {
		t.Run(name, func(t *testing.T) {
			c := fresh(t, mount)
			room := c.room()
			for _, body := range []string{"", " ", "null", "[]", `"x"`, "{", `{"login":}`, `{"content":1,"login":1}`, "{}{}", "{} x",
				`{"content":"` + "\xff" + `","login":"` + "\xff" + `"}`, `{"content":"\ud800","login":"\ud800"}`, `{'a':1}`,
				`{"x":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + "}"} {
				c.do("POST", "/users", body).refused(400)
				c.do("POST", "/messages/"+room, body).refused(400)
			}
			c.do("POST", "/users", "{}", header("Content-Type", "text/plain")).refused(415)
			c.do("POST", "/users", "{}", without("Content-Type")).refused(415)
			if mount != V {
				c.do("POST", "/users", "{}", header("Content-Type", "application/json; charset=UTF-8")).is(412)
			}
			require.Empty(t, c.said("/messages/"+room))
		})
	}
}

func TestProfilesOfV1(t *testing.T) {
	c, other := fresh(t, V), fresh(t, V)
	path := "/users/" + c.login
	full := map[string]any{"firstname": "John", "lastname": "Doe", "email": "j@d.com", "bio": "hi", "timezone": "Europe/Zurich", "login": "ignored", "password": "ignored"}
	want := map[string]any{"login": c.login, "firstname": "John", "lastname": "Doe", "email": "j@d.com", "bio": "hi", "timezone": "Europe/Zurich", "chatRooms": []any{}}
	require.Equal(t, want, c.do("PUT", path, full).is(200).object())
	require.Equal(t, want, c.do("PUT", path, full).is(200).object(), "PUT is idempotent")
	c.do("PUT", path, map[string]any{"firstname": "John", "lastname": ""}).refused(422)
	c.do("PATCH", path, map[string]any{"email": "nope"}).refused(422)
	c.do("PATCH", path, map[string]any{"timezone": "Mars/Phobos"}).refused(422)
	other.do("PUT", path, full).refused(403)
	other.do("PATCH", path, map[string]any{"bio": "x"}).refused(403)
	other.do("DELETE", path, nil).refused(403)
	require.Equal(t, want, c.do("GET", path, nil).object(), "what is refused changes nothing")
	want["bio"] = nil
	require.Equal(t, want, c.do("PATCH", path, map[string]any{"bio": nil}).is(200).object(), "only what is there changes")
	delete(full, "email")
	delete(full, "bio")
	delete(full, "timezone")
	want["email"], want["timezone"] = nil, nil
	require.Equal(t, want, c.do("PUT", path, full).is(200).object(), "what is absent is null")
	c.do("GET", "/users/"+c.login+"?x=1", nil).is(200)

	second := anonymous(t, V)
	second.login = c.login
	second.logIn(false)
	c.do("DELETE", path, nil).is(204)
	c.do("GET", path, nil).refused(401)
	second.do("GET", path, nil).refused(401)
	other.do("GET", path, nil).refused(410)
	require.Equal(t, "Cannot find user with login '"+c.login+"'", other.at(K).do("GET", path, nil).is(400).text())
	other.do("POST", "/users", map[string]any{"login": c.login, "password": "x", "firstname": "F", "lastname": "L"}).refused(409)
	anonymous(t, V).do("POST", "/authenticate?j_username="+c.login+"&j_password=pw+of+"+c.login, nil).refused(401)
}

func TestPasswordChange(t *testing.T) {
	c, other := signedUp(t, V), fresh(t, V)
	c.logIn(true)
	path := "/users/" + c.login + "/password"
	change := map[string]any{"currentPassword": "pw of " + c.login, "password": "new"}
	other.do("PUT", path, change).refused(403)
	c.do("PUT", path, map[string]any{"currentPassword": "wrong", "password": "new"}).refused(403)
	c.do("PUT", path, map[string]any{"currentPassword": "pw of " + c.login, "password": ""}).refused(422)
	c.do("PUT", path, change).is(204)
	c.do("GET", "/remember-me", nil).refused(401)
	require.NotContains(t, c.cookies, rememberCookie)
	anonymous(t, V).do("POST", "/authenticate", map[string]any{"login": c.login, "password": "pw of " + c.login}).refused(401)
	anonymous(t, V).do("POST", "/authenticate", map[string]any{"login": c.login, "password": "new"}).is(204)
}

func TestListsOfUsers(t *testing.T) {
	a, b := fresh(t, V), fresh(t, V)
	logins := func(path string) []string {
		out := []string{}
		for _, u := range a.do("GET", path, nil).is(200).list("users") {
			out = append(out, u.(map[string]any)["login"].(string))
		}
		return out
	}
	require.Equal(t, []string{b.login, a.login}, logins("/users/"+b.login+","+a.login))
	require.ElementsMatch(t, []string{a.login, b.login}, logins("/users/"+b.login+";"+a.login))
	require.Equal(t, []string{a.login}, logins("/users/"+a.login+",nobody-here"))
	require.Equal(t, a.do("GET", "/users/"+b.login, nil).object(), a.do("GET", "/users?id="+b.login, nil).object())
	a.do("GET", "/users?id=nobody-here", nil).refused(404)
	all := logins("/users?size=4")
	require.Len(t, all, 4)
	require.Equal(t, all, append(logins("/users?size=2"), logins("/users?start=2&size=2")...))
	require.Equal(t, all[1:], logins("/users?size=3&after="+all[0]))
	for _, q := range []string{"start=-1", "size=0", "size=-2", "size=abc", "start=x", "size=1.5"} {
		a.do("GET", "/users?"+q, nil).refused(400)
	}
}
