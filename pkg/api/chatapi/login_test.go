package chatapi_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhereCredentialsMayStand(t *testing.T) {
	c := signedUp(t, K)
	good := "j_username=" + c.login + "&j_password=pw+of%20" + c.login
	for name, send := range map[string]func(c *client, extra string) *answer{
		"query, body {}":   func(c *client, x string) *answer { return c.do("POST", "/authenticate?"+good+x, "{}", form) },
		"query, no body":   func(c *client, x string) *answer { return c.do("POST", "/authenticate?"+good+x, nil) },
		"query, JSON type": func(c *client, x string) *answer { return c.do("POST", "/authenticate?"+good+x, "{}") },
		"form":             func(c *client, x string) *answer { return c.do("POST", "/authenticate", good+x, form) },
		"query, odd charset": func(c *client, x string) *answer {
			return c.do("POST", "/authenticate?"+good+x, "{}", header("Content-Type", "text/plain;charset=x"))
		},
	} {
		for mountName, mount := range everywhere {
			t.Run(name+" at "+mountName, func(t *testing.T) {
				b := anonymous(t, mount)
				a := send(b, "").is(204)
				require.Equal(t, "no-store", a.header.Get("Cache-Control"))
				cookie := a.set[sessionCookie]
				require.NotNil(t, cookie)
				require.Equal(t, "/", cookie.Path)
				require.True(t, cookie.HttpOnly)
				require.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
				require.Zero(t, cookie.MaxAge)
				require.True(t, cookie.Expires.IsZero(), "it ends with the browser")
				require.NotContains(t, a.set, rememberCookie, "not asked for")
				for _, m := range everywhere {
					b.at(m).do("GET", "/users/"+c.login, nil).is(200)
				}
			})
		}
	}
	for _, yes := range []string{"true", "TRUE", "on", "Yes", "1"} {
		a := anonymous(t, K).do("POST", "/authenticate?_spring_security_remember_me="+yes+"&"+good, "{}", form).is(204)
		remembered := a.set[rememberCookie]
		require.NotNil(t, remembered, yes)
		require.Equal(t, 31*24*3600, remembered.MaxAge)
		require.True(t, remembered.HttpOnly)
		require.Equal(t, "/", remembered.Path)
		require.Equal(t, http.SameSiteLaxMode, remembered.SameSite)
	}
	for _, no := range []string{"false", "off", "0", "", "2"} {
		a := anonymous(t, K).do("POST", "/authenticate?_spring_security_remember_me="+no+"&"+good, "{}", form).is(204)
		require.NotContains(t, a.set, rememberCookie, no)
	}
	a := anonymous(t, V).do("POST", "/authenticate", map[string]any{"login": c.login, "password": "pw of " + c.login, "rememberMe": true}).is(204)
	require.Contains(t, a.set, rememberCookie)
}

func TestFailedLogins(t *testing.T) {
	c := signedUp(t, K)
	for name, mount := range everywhere {
		t.Run(name, func(t *testing.T) {
			for _, q := range []string{"", "j_username=" + c.login, "j_username=" + c.login + "&j_password=", "j_username=" + c.login + "&j_password=wrong",
				"j_username=nobody-here&j_password=x", "j_username=%00&j_password=%00", "j_password=x", "%zz",
				"j_username=" + strings.ToUpper(c.login) + "&j_password=pw+of+" + c.login} {
				a := anonymous(t, mount).do("POST", "/authenticate?"+q, "{}", form)
				require.Equal(t, "Invalid login/password", a.refused(401)["message"])
				require.NotContains(t, a.set, sessionCookie)
				require.NotContains(t, a.body, "wrong")
			}
			a := anonymous(t, mount).do("GET", "/authenticate?j_username="+c.login+"&j_password=pw+of+"+c.login, nil)
			require.Contains(t, []int{404, 405, 401}, a.status)
			require.Empty(t, a.set)
		})
	}
}

func TestALoginAlwaysGivesANewSession(t *testing.T) {
	c := fresh(t, K)
	old := c.copied()
	c.logIn(false)
	require.NotEqual(t, old.cookies[sessionCookie], c.cookies[sessionCookie])
	old.do("GET", "/remember-me", nil).refused(401)
	c.do("GET", "/remember-me", nil).is(200)

	somebody, victim := fresh(t, K), fresh(t, K)
	somebody.cookies[sessionCookie] = victim.cookies[sessionCookie]
	somebody.logIn(false)
	victim.do("GET", "/remember-me", nil).refused(401)
	for _, invented := range []string{"x", strings.Repeat("A", 4000), "=", victim.cookies[sessionCookie] + "x"} {
		d := c.copied()
		d.cookies = map[string]string{sessionCookie: invented}
		d.do("GET", "/remember-me", nil).refused(401)
		d.logIn(false)
		require.NotEqual(t, invented, d.cookies[sessionCookie])
		d.do("GET", "/remember-me", nil).is(200)
	}
}

// logoutMethods are those that end a session. GET is KillrChat's.
func logoutMethods(mount string) []string {
	if mount == V {
		return []string{"POST"}
	}
	return []string{"GET", "POST"}
}

func TestHeadLogsNobodyOut(t *testing.T) {
	for name, mount := range everywhere {
		t.Run(name, func(t *testing.T) {
			c := fresh(t, mount)
			status := 200
			if mount == V {
				status = 405
			}
			require.Equal(t, status, headOf(t, c, "/logout").StatusCode)
			c.do("GET", "/remember-me", nil).is(200)
		})
	}
}

func TestLogOut(t *testing.T) {
	for name, mount := range everywhere {
		for _, method := range logoutMethods(mount) {
			t.Run(method+" "+name, func(t *testing.T) {
				c := signedUp(t, mount)
				other := c.copied()
				other.logIn(true)
				c.logIn(true)
				stolen := c.copied()
				a := c.do(method, "/logout", nil).is(200)
				require.Empty(t, a.body)
				for _, name := range []string{sessionCookie, rememberCookie} {
					require.Negative(t, a.set[name].MaxAge, name)
				}
				c.do("GET", "/remember-me", nil).refused(401)
				stolen.do("GET", "/remember-me", nil).refused(401)
				delete(stolen.cookies, sessionCookie)
				stolen.do("GET", "/remember-me", nil).refused(401)
				other.do("GET", "/remember-me", nil).is(200)
				delete(other.cookies, sessionCookie)
				other.do("GET", "/remember-me", nil).is(200)
				anonymous(t, mount).do(method, "/logout", nil).is(200)
			})
		}
	}
}

func TestRememberMe(t *testing.T) {
	c := fresh(t, K)
	require.Equal(t, c.login, c.do("GET", "/remember-me", nil).is(200).object()["login"], "a session is enough")
	anonymous(t, K).do("GET", "/remember-me", nil).refused(401)

	c.logIn(true)
	room := c.room()
	for _, path := range []string{"/remember-me", "/users/" + c.login, "/rooms", "/rooms/" + room, "/messages/" + room} {
		delete(c.cookies, sessionCookie)
		before := c.cookies[rememberCookie]
		a := c.do("GET", path, nil).is(200)
		require.Contains(t, a.set, sessionCookie, "a session starts")
		require.Equal(t, 31*24*3600, a.set[rememberCookie].MaxAge)
		require.NotEqual(t, before, c.cookies[rememberCookie], "the token is rotated")
		series, _, _ := strings.Cut(before, ":")
		require.True(t, strings.HasPrefix(c.cookies[rememberCookie], series+":"), "in the same series")
	}
	delete(c.cookies, sessionCookie)
	u := c.do("GET", "/remember-me", nil).is(200).object()
	require.Equal(t, map[string]any{"login": c.login, "firstname": "First", "lastname": "Last", "email": nil, "bio": nil, "chatRooms": []any{room}}, u)
	delete(c.cookies, sessionCookie)
	c.do("POST", "/messages/"+room, map[string]any{"author": c.person(), "content": "by a remembered login"}).is(204)
}

func TestFourRequestsWithOneToken(t *testing.T) {
	c := signedUp(t, K)
	c.logIn(true)
	delete(c.cookies, sessionCookie)
	browsers := make([]*client, 4)
	answers := make([]*answer, 4)
	var all sync.WaitGroup
	for i := range browsers {
		browsers[i] = c.copied()
		all.Go(func() { answers[i] = browsers[i].do("GET", "/remember-me", nil) })
	}
	all.Wait()
	rotated := ""
	for i, a := range answers {
		a.is(200)
		browsers[i].do("GET", "/users/"+c.login, nil).is(200)
		if set := a.set[rememberCookie]; set != nil {
			require.Positive(t, set.MaxAge)
			require.Empty(t, rotated, "one rotation only")
			rotated = set.Value
		}
	}
	require.NotEmpty(t, rotated)
	c.cookies = map[string]string{rememberCookie: rotated}
	c.do("GET", "/remember-me", nil).is(200)
}

func TestAStolenTokenEndsItsSeries(t *testing.T) {
	c := signedUp(t, V)
	other := c.copied()
	other.logIn(true)
	c.logIn(true)
	thief := c.copied()
	for range 2 { // two rotations: the thief's token is neither the present nor the previous one
		delete(c.cookies, sessionCookie)
		c.do("GET", "/remember-me", nil).is(200)
	}
	delete(thief.cookies, sessionCookie)
	a := thief.do("GET", "/remember-me", nil)
	a.refused(401)
	require.Negative(t, a.set[rememberCookie].MaxAge)
	require.NotContains(t, a.set, sessionCookie)
	c.do("GET", "/remember-me", nil).refused(401)
	other.do("GET", "/remember-me", nil).is(200)
	delete(other.cookies, sessionCookie)
	other.do("GET", "/remember-me", nil).is(200)
}

func TestGarbageForARememberedLogin(t *testing.T) {
	c := signedUp(t, K)
	c.logIn(true)
	for _, garbage := range []string{"x", ":", "a:b", "a:", ":b", strings.Repeat("x", 3000) + ":y"} {
		b := anonymous(t, K)
		b.cookies[rememberCookie] = garbage
		a := b.do("GET", "/rooms", nil)
		a.refused(401)
		require.Negative(t, a.set[rememberCookie].MaxAge)
		b.cookies[rememberCookie] = garbage
		b.do("POST", "/users", map[string]any{}).is(412)
	}
	c.do("GET", "/remember-me", nil).is(200)
}

func TestEverythingElseNeedsALogin(t *testing.T) {
	for name, mount := range everywhere {
		t.Run(name, func(t *testing.T) {
			c := anonymous(t, mount)
			for _, r := range []struct{ method, path string }{
				{"GET", "/users/x"}, {"GET", "/remember-me"}, {"GET", "/rooms"}, {"GET", "/rooms?fetchSize=x"}, {"GET", "/rooms/x"}, {"POST", "/rooms/x"},
				{"PATCH", "/rooms/x"}, {"DELETE", "/rooms/x"}, {"PUT", "/rooms/participant/x"}, {"PATCH", "/rooms/participant/x"},
				{"GET", "/messages/x"}, {"POST", "/messages/x"}, {"PUT", "/messages/x"},
			} {
				o := c.do(r.method, r.path, "{", header("Content-Type", "text/plain"), header("Origin", "https://evil.example")).refused(401)
				require.Equal(t, "Access Denied", o["message"])
				require.Equal(t, mount+strings.Split(r.path, "?")[0], o["path"])
			}
			for _, h := range []string{"Bearer", "Bearer x", "Bearer " + strings.Repeat("x", 5000), "Basic eDp5"} {
				u := fresh(t, mount)
				a := u.do("GET", "/rooms", nil, header("Authorization", h))
				a.refused(401)
				if mount == V {
					require.Equal(t, "Bearer", a.header.Get("WWW-Authenticate"))
				}
			}
			c.do("GET", "/users/administrator", nil, header("Authorization", "bearer "+adminToken)).is(200)
		})
	}
}

func TestForeignPages(t *testing.T) {
	own := base
	for name, mount := range everywhere {
		t.Run(name, func(t *testing.T) {
			c, d := fresh(t, mount), signedUp(t, mount)
			room := c.room()
			body := map[string]any{"author": c.person(), "content": "x"}
			for _, origin := range []string{"https://evil.example", "null", "http://", own + ".evil.example", "https://listed.example.evil", "file://"} {
				a := c.do("POST", "/messages/"+room, body, header("Origin", origin))
				a.refused(403)
				require.Empty(t, a.header.Get("Access-Control-Allow-Origin"))
				c.do("PATCH", "/rooms/"+room, map[string]any{"participants": []string{}}, header("Origin", origin)).refused(403)
				d.do("POST", "/users", map[string]any{"login": unique("user"), "password": "x", "firstname": "F", "lastname": "L"}, header("Origin", origin)).refused(403)
				d.do("POST", "/authenticate?j_username="+d.login+"&j_password=pw+of+"+d.login, "{}", form, header("Origin", origin)).refused(403)
				for _, method := range logoutMethods(mount) {
					c.do(method, "/logout", nil, header("Origin", origin)).refused(403)
				}
				require.Empty(t, c.do("GET", "/rooms/"+room, nil, header("Origin", origin)).is(200).header.Get("Access-Control-Allow-Origin"))
			}
			for _, origin := range []string{own, "https://listed.example"} {
				c.do("POST", "/messages/"+room, body, header("Origin", origin)).is(creates(mount))
			}
			require.Len(t, c.said("/messages/"+room), 2)
			if mount != V {
				// A link has no Origin. Over plain HTTP only Referer says where it is.
				c.do("GET", "/logout", nil, header("Sec-Fetch-Site", "cross-site")).is(200)
				c.do("GET", "/logout", nil, header("Referer", "https://evil.example/x")).is(200)
				c.do("GET", "/rooms/"+room, nil).is(200)
				d.do("GET", "/logout", nil, header("Referer", own+"/page")).is(200)
				d.do("GET", "/rooms/"+room, nil).is(401)
			}
			a := c.do("GET", "/rooms/"+room, nil, header("Origin", "https://listed.example")).is(200)
			require.Equal(t, "https://listed.example", a.header.Get("Access-Control-Allow-Origin"))
			require.Equal(t, "true", a.header.Get("Access-Control-Allow-Credentials"))
			a = anonymous(t, mount).do("OPTIONS", "/rooms", nil, header("Origin", "https://listed.example"), header("Access-Control-Request-Method", "POST")).is(204)
			require.Contains(t, a.header.Get("Access-Control-Allow-Methods"), "POST")
		})
	}
}
