package chatapi_test

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParticipantsInPages(t *testing.T) {
	c := fresh(t, V)
	room := unique("crowd")
	c.do("POST", "/rooms/"+room, map[string]any{}).is(201)
	want := []any{c.login}
	for range 4 {
		other := fresh(t, V)
		other.do("PUT", "/rooms/participant/"+room, map[string]any{}).is(204)
		want = append(want, other.login)
	}
	slices.SortFunc(want, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
	stranger := fresh(t, V) // every user sees the participants of a room
	page := func(query string) (logins []any, more bool) {
		o := stranger.do("GET", "/rooms/"+room+"/participants"+query, nil).is(200).object()
		for _, p := range o["participants"].([]any) {
			logins = append(logins, p.(map[string]any)["login"])
		}
		return logins, o["hasMore"].(bool)
	}
	all, more := page("")
	require.Equal(t, want, all)
	require.False(t, more)
	first, more := page("?fetchSize=2")
	require.Equal(t, want[:2], first)
	require.True(t, more)
	rest, more := page("?fetchSize=3&after=" + first[1].(string))
	require.Equal(t, want[2:], rest)
	require.False(t, more)
	last, _ := page("?start=4")
	require.Equal(t, want[4:], last)
	stranger.do("GET", "/rooms/"+room+"/participants?fetchSize=0", nil).refused(400)
	stranger.do("GET", "/rooms/no.such.room/participants", nil).refused(404)
	stranger.do("POST", "/rooms/"+room+"/participants", nil).is(405)
}

func TestRooms(t *testing.T) {
	for name, mount := range everywhere {
		t.Run(name, func(t *testing.T) {
			c, other := fresh(t, mount), fresh(t, mount)
			room := unique("room.v1")
			a := c.do("POST", "/rooms/"+room, map[string]any{"creator": c.person(), "banner": "hi <b>", "participants": []string{"x"},
				"creationDate": "x", "roomName": "another"}).is(creates(mount))
			me := map[string]any{"login": c.login, "firstname": "First", "lastname": "Last"}
			got := c.do("GET", "/rooms/"+room, nil).is(200).object()
			if mount == V {
				require.Equal(t, V+"/rooms/"+room, a.header.Get("Location"))
				require.Equal(t, got, a.object())
			}
			date := got["creationDate"].(string)
			layout := map[string]string{K: time.DateTime, root: time.DateTime, V: "2006-01-02T15:04:05.000Z"}[mount]
			at, err := time.Parse(layout, date)
			require.NoError(t, err)
			require.WithinDuration(t, time.Now(), at, time.Minute)
			want := map[string]any{"roomName": room, "creator": me, "banner": "hi <b>", "participants": []any{me}, "creationDate": date}
			if mount == V {
				want["participantCount"] = 1.0
				want["kind"], want["title"], want["description"], want["announcement"] = "open", nil, "", ""
				want["owner"], want["admins"], want["silent"], want["membersInvite"] = c.login, []any{}, false, false
				want["retention"] = map[string]any{"setting": "default", "seconds": nil}
			}
			require.Equal(t, want, got)
			require.Equal(t, []any{room}, c.do("GET", "/users/"+c.login, nil).object()["chatRooms"])
			require.Empty(t, c.said("/messages/"+room))

			again := other.do("POST", "/rooms/"+room, map[string]any{"creator": other.person()})
			unknownRead, unknownJoin := other.do("GET", "/rooms/no.such.room", nil), other.do("PUT", "/rooms/participant/no.such.room", other.person())
			unknownLeave := other.do("PATCH", "/rooms/participant/no.such.room", other.person())
			unknownDelete := other.do("PATCH", "/rooms/no.such.room", map[string]any{"participants": []string{}})
			notMine := other.do("PATCH", "/rooms/"+room, map[string]any{"participants": []string{c.login}})
			if mount == V {
				again.refused(409)
				unknownRead.refused(404)
				unknownJoin.refused(404)
				unknownLeave.refused(404)
				unknownDelete.refused(404)
				notMine.refused(403)
			} else {
				require.Equal(t, "The room '"+room+"' already exists", again.is(400).text())
				require.Equal(t, "Chat room 'no.such.room' does not exists", unknownRead.is(400).text())
				for _, a := range []*answer{unknownJoin, unknownLeave, unknownDelete} {
					require.Equal(t, "The chat room 'no.such.room' does not exist", a.is(400).text())
				}
				require.Contains(t, notMine.is(400).text(), room)
			}
			other.do("POST", "/rooms/"+unique("room"), map[string]any{"creator": c.person()}).refused(403)
			require.Equal(t, got, c.do("GET", "/rooms/"+room, nil).object())
		})
	}
}

func TestRoomFaults(t *testing.T) {
	c := fresh(t, K)
	pattern := `must match "[a-zA-Z0-9][a-zA-Z0-9_.-]{2,30}"`
	me := map[string]any{"login": c.login}
	long := strings.Repeat("x", 2001)
	for sent, want := range map[string]string{
		"ab":                    line("roomName", "size must be between 3 and 31", "ab"),
		strings.Repeat("a", 32): line("roomName", "size must be between 3 and 31", strings.Repeat("a", 32)),
		"a%20b":                 line("roomName", pattern, "a b"),
		"a%2Fb":                 line("roomName", pattern, "a/b"),
		"a%252Fb":               line("roomName", pattern, "a%2Fb"),
		"...":                   line("roomName", pattern, "..."),
		"%F0%9F%98%80%C3%A9x":   line("roomName", pattern, "😀éx"),
	} {
		require.Equal(t, want, c.do("POST", "/rooms/"+sent, map[string]any{"creator": me}).is(412).text())
		c.at(V).do("POST", "/rooms/"+sent, map[string]any{}).refused(422)
	}
	for _, reserved := range []string{"participant", "queries"} {
		require.Contains(t, c.do("POST", "/rooms/"+reserved, map[string]any{"creator": me}).is(412).text(), "'roomName'")
		c.at(V).do("POST", "/rooms", map[string]any{"roomName": reserved}).refused(422)
	}
	name := unique("room")
	for body, want := range map[string]string{
		`{}`:                        line("creator", "may not be null", "null"),
		`{"creator":null}`:          line("creator", "may not be null", "null"),
		`{"banner":"` + long + `"}`: line("banner", "size must be between 0 and 2000", long) + line("creator", "may not be null", "null"),
	} {
		require.Equal(t, want, c.do("POST", "/rooms/"+name, body).is(412).text())
	}
	require.Equal(t, line("participants", "may not be null", "null"), c.do("PATCH", "/rooms/"+c.room(), "{}").is(412).text())
	require.Equal(t, line("login", "may not be empty", "null"), c.do("PUT", "/rooms/participant/"+name, "{}").is(412).text())
	require.Equal(t, line("login", "may not be empty", ""), c.do("PATCH", "/rooms/participant/"+name, `{"login":""}`).is(412).text())
	c.at(V).do("POST", "/rooms", "{}").refused(422)
	c.do("GET", "/rooms/"+name, nil).is(400)
}

func TestJoiningAndLeaving(t *testing.T) {
	for name, mount := range everywhere {
		t.Run(name, func(t *testing.T) {
			c, m := fresh(t, mount), fresh(t, mount)
			room := c.room()
			inRoom := func() (logins []any) {
				for _, p := range c.do("GET", "/rooms/"+room, nil).object()["participants"].([]any) {
					logins = append(logins, p.(map[string]any)["login"])
				}
				return logins
			}
			var all sync.WaitGroup
			for range 8 {
				d := m.copied()
				all.Go(func() { d.do("PUT", "/rooms/participant/"+room, d.person()).is(204) })
			}
			all.Wait()
			require.ElementsMatch(t, []any{c.login, m.login}, inRoom())
			require.Equal(t, []any{room}, m.do("GET", "/users/"+m.login, nil).object()["chatRooms"])
			require.Equal(t, []string{"First Last joins the room"}, c.said("/messages/"+room))

			c.do("PUT", "/rooms/participant/"+room, m.person()).refused(403)
			m.do("PATCH", "/rooms/participant/"+room, c.person()).refused(403)
			for range 2 {
				m.do("PATCH", "/rooms/participant/"+room, m.person()).is(204)
			}
			require.Equal(t, []any{c.login}, inRoom())
			require.Equal(t, []any{}, m.do("GET", "/users/"+m.login, nil).object()["chatRooms"])
			require.Equal(t, []string{"First Last joins the room", "First Last leaves the room"}, c.said("/messages/"+room))
			m.do("GET", "/messages/"+room, nil).refused(403)
			m.do("POST", "/messages/"+room, map[string]any{"author": m.person(), "content": "x"}).refused(403)

			m.do("PUT", "/rooms/participant/"+room, m.person()).is(204)
			c.do("PATCH", "/rooms/participant/"+room, m.person()).is(204)
			m.do("GET", "/messages/"+room, nil).refused(403)
			last := c.do("GET", "/messages/"+room+"?fetchSize=1", nil).list("messages")[0].(map[string]any)
			require.Equal(t, "First Last leaves the room", last["content"])
			require.Equal(t, true, last["systemMessage"])
			require.Equal(t, map[string]any{"login": "killrchat", "firstname": "killrchat", "lastname": "killrchat"}, last["author"])
		})
	}
	c, m := fresh(t, V), fresh(t, V)
	room := c.room()
	for range 2 {
		m.do("PUT", "/rooms/participant/"+room, nil).is(204)
	}
	for range 2 {
		m.do("DELETE", "/rooms/participant/"+room, nil).is(204)
	}
	require.Len(t, c.said("/messages/"+room), 2)
	m.do("PUT", "/rooms/participant/"+room, map[string]any{}).is(204)
	m.do("PATCH", "/rooms/participant/"+room, nil).is(204)
	m.do("DELETE", "/rooms/participant/no.such.room", nil).refused(404)
}

func TestDeletion(t *testing.T) {
	for name, mount := range everywhere {
		t.Run(name, func(t *testing.T) {
			c, m, bystander := fresh(t, mount), fresh(t, mount), fresh(t, mount)
			room, kept := c.room(m), bystander.room()
			c.post(room, "old")
			c.do("PATCH", "/rooms/"+room, map[string]any{"participants": []any{bystander.login, 1, nil}}).is(204)
			for _, u := range []*client{c, m} {
				require.Equal(t, []any{}, u.do("GET", "/users/"+u.login, nil).object()["chatRooms"])
			}
			require.Equal(t, []any{kept}, bystander.do("GET", "/users/"+bystander.login, nil).object()["chatRooms"])
			if mount == V {
				c.do("GET", "/rooms/"+room, nil).refused(404)
				c.do("GET", "/messages/"+room, nil).refused(404)
				c.do("DELETE", "/rooms/"+room, nil).refused(404)
			} else {
				require.Equal(t, "Chat room '"+room+"' does not exists", c.do("GET", "/messages/"+room, nil).is(400).text())
				require.Equal(t, "Chat room '"+room+"' does not exists",
					c.do("POST", "/messages/"+room, map[string]any{"author": c.person(), "content": "x"}).is(400).text())
			}
			m.do("POST", "/rooms/"+room, map[string]any{"creator": m.person()}).is(creates(mount))
			require.Empty(t, m.said("/messages/"+room))
			c.do("GET", "/messages/"+room, nil).refused(403)
			got := m.do("GET", "/rooms/"+room, nil).object()
			require.Nil(t, got["banner"])
			require.Len(t, got["participants"], 1)
		})
	}
}

func TestTheRoomAsAParameter(t *testing.T) {
	for _, mount := range []string{K, root} {
		c, m := fresh(t, mount), fresh(t, mount)
		room := c.room()
		m.do("PUT", "/rooms/participant?roomName="+room, m.person()).is(204)
		m.do("PATCH", "/rooms/participant", map[string]any{"login": m.login, "roomName": room}).is(204)
		m.do("PUT", "/rooms/participant", map[string]any{"login": m.login, "roomName": room}).is(204)
		m.do("POST", "/messages?roomName="+room, map[string]any{"author": m.person(), "content": "one"}).is(204)
		m.do("POST", "/messages", map[string]any{"author": m.person(), "content": "two", "roomName": room}).is(204)
		require.Equal(t, []string{"one", "two"}, m.said("/messages?fetchSize=2&roomName="+room))
		for _, a := range []*answer{m.do("PUT", "/rooms/participant", m.person()), m.do("PATCH", "/rooms/participant", m.person()),
			m.do("GET", "/messages", nil), m.do("GET", "/messages?roomName=", nil),
			m.do("POST", "/messages", map[string]any{"author": m.person(), "content": "x"})} {
			require.Contains(t, a.is(400).body, "roomName")
		}
		require.Equal(t, "The chat room 'no.such.room' does not exist", m.do("PUT", "/rooms/participant?roomName=no.such.room", m.person()).is(400).text())
		require.Equal(t, "Chat room 'no.such.room' does not exists", m.do("GET", "/messages?roomName=no.such.room", nil).is(400).text())
	}
}

func TestListsOfRooms(t *testing.T) {
	c := fresh(t, V)
	a, b := c.room(), c.room()
	plain := c.at(K)
	for _, q := range []string{"", "?fetchSize=0", "?fetchSize=-3", "?fetchSize=100", "?fetchSize=5000", "?fetchSize=99999999999999999999"} {
		rows := plain.do("GET", "/rooms"+q, nil).is(200).list("rooms")
		require.NotEmpty(t, rows)
		require.Regexp(t, regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$`), rows[0].(map[string]any)["creationDate"])
	}
	require.Len(t, plain.do("GET", "/rooms?fetchSize=2", nil).list("rooms"), 2)
	for _, q := range []string{"x", "", "1.5", "1e3"} {
		require.Contains(t, plain.do("GET", "/rooms?fetchSize="+q, nil).is(400).body, "fetchSize")
	}
	namesOf := func(a *answer) []string {
		out := []string{}
		for _, r := range a.is(200).list("rooms") {
			out = append(out, r.(map[string]any)["roomName"].(string))
		}
		return out
	}
	list := func(path string) []string { return namesOf(c.do("GET", path, nil)) }
	require.Equal(t, []string{b, a}, list("/rooms/"+b+","+a))
	require.Equal(t, []string{b, a}, list("/rooms/"+b+"%2C"+a))
	require.ElementsMatch(t, []string{a, b}, list("/rooms/"+a+";"+b))
	require.Equal(t, []string{b, a}, namesOf(c.do("POST", "/rooms/queries", map[string]any{"id": []string{b, "no.such.room", "a/b", a, b}})))
	c.do("POST", "/rooms/queries", map[string]any{"id": make([]string, 1001)}).refused(400)
	c.do("POST", "/rooms/queries", map[string]any{"id": "x"}).refused(400)
	require.Equal(t, c.do("GET", "/rooms/"+a, nil).object(), c.do("GET", "/rooms?id="+a, nil).object())
	c.do("GET", "/rooms?id=no.such.room", nil).refused(404)

	first := c.do("GET", "/rooms?start=0&size=2", nil)
	require.Equal(t, true, first.object()["hasMore"])
	four := list("/rooms?size=4")
	require.IsIncreasing(t, four)
	require.Equal(t, four, append(namesOf(first), list("/rooms?start=2&size=2")...))
	require.Equal(t, four[2:], list("/rooms?fetchSize=2&after="+four[1]))
	require.Equal(t, []string{}, list("/rooms?after=zzzz"))
	require.Equal(t, false, c.do("GET", "/rooms?after=zzzz", nil).object()["hasMore"])
	for _, q := range []string{"start=-1", "size=abc", "size=-2", "size=0", "fetchSize=0", "fetchSize=-1", "fetchSize=x", "start="} {
		c.do("GET", "/rooms?"+q, nil).refused(400)
	}
}

func TestBannersOfV1(t *testing.T) {
	c, other := fresh(t, V), fresh(t, V)
	name := unique("room")
	made := c.do("PUT", "/rooms/"+name, map[string]any{"banner": "one"}).is(201)
	require.Equal(t, V+"/rooms/"+name, made.header.Get("Location"))
	for range 2 {
		require.Equal(t, made.object(), c.do("PUT", "/rooms/"+name, map[string]any{"banner": "one"}).is(200).object())
	}
	other.do("PUT", "/rooms/"+name, map[string]any{"banner": "two"}).refused(403)
	other.do("PATCH", "/rooms/"+name, map[string]any{"banner": "two"}).refused(403)
	other.do("DELETE", "/rooms/"+name, nil).refused(403)
	c.do("PUT", "/rooms/ab", map[string]any{}).refused(422)
	require.Equal(t, made.object(), c.do("PATCH", "/rooms/"+name, map[string]any{}).is(200).object(), "nothing to change")
	require.Equal(t, "two", c.do("PATCH", "/rooms/"+name, map[string]any{"banner": "two"}).is(200).object()["banner"])
	c.do("PATCH", "/rooms/"+name, map[string]any{"banner": strings.Repeat("x", 2001)}).refused(422)
	c.do("PATCH", "/rooms/"+name, map[string]any{"banner": 1}).refused(400)
	require.Nil(t, c.do("PATCH", "/rooms/"+name, map[string]any{"banner": nil}).is(200).object()["banner"])
	c.do("PATCH", "/rooms/no.such.room", map[string]any{"banner": nil}).refused(404)
	c.do("DELETE", "/rooms/"+name, nil).is(204)
	c.do("POST", "/rooms", map[string]any{"roomName": name}).is(201)
}

// On v1 oneself is who sends no login. A body that says something else may mean somebody else, who is not to be taken for oneself.
func TestABodyThatNamesNobody(t *testing.T) {
	c, m := fresh(t, V), fresh(t, V)
	room := c.room(m)
	for _, method := range []string{"PUT", "PATCH"} {
		for _, body := range []string{`{"user":"` + m.login + `"}`, `{"Login":"` + m.login + `"}`, `{"participants":[]}`} {
			require.Contains(t, c.do(method, "/rooms/participant/"+room, body).refused(400)["message"], "name who is meant")
		}
	}
	require.Len(t, c.do("GET", "/rooms/"+room, nil).list("participants"), 2)
	m.do("PATCH", "/rooms/participant/"+room, `{"login":"`+m.login+`","firstname":"is not read"}`).is(204)
	c.do("PATCH", "/rooms/participant/"+room, `{}`).is(204)
	require.Empty(t, c.do("GET", "/rooms/"+room, nil).list("participants"))
}
