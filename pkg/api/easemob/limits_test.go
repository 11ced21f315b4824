package easemob_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/client"
	"github.com/confab-chat/confab/pkg/clocktest"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/tenant"
)

// limitedWorld is a world with the usual limits, in a time that stands still.
func limitedWorld(t *testing.T) (*world, *clocktest.Clock) {
	clock := clocktest.New(time.Now())
	c := config()
	c.NoLimits, c.Now = false, clock.Now
	w, _ := serve(t, openStore(t), c)
	w.operator = w.logIn(adminLogin, adminPassword)
	org, boss := w.newOrg()
	w.boss, w.app = boss, w.newApp(org, boss, nil)
	// A server that has run for an hour has a number for the ids of the next one.
	clock.Add(2 * time.Hour)
	for status := 0; status != 200; clock.Add(time.Second) {
		status, _ = w.do("POST", "/"+w.app.key+"/messages/users", w.app.token, object{"to": []string{"nobody"}, "type": "txt", "body": object{"msg": "x"}})
		require.Contains(t, []int{200, 503}, status)
	}
	return w, clock
}

// settings sets what only the administrator of the server may set.
func (a *app) settings(s object) {
	a.Helper()
	_, name, _ := strings.Cut(a.key, "/")
	a.world.ok("PUT", "/management/organizations/"+a.organisation+"/applications/"+name, a.operator, s)
}

// calls makes calls until one of them is over the limit, and returns how many were not.
func (a *app) calls(method, path, token string) int {
	a.Helper()
	for n := 0; ; n++ {
		status, h, _ := a.raw(method, "/"+a.key+path, token, nil)
		if status == http.StatusTooManyRequests {
			require.NotEmpty(a, h.Get("Retry-After"))
			return n
		}
		require.Less(a, n, 1000)
	}
}

func TestLimitsOfCalls(t *testing.T) {
	w, clock := limitedWorld(t)
	a := w.app
	_, ann := a.user("ann")
	clock.Add(time.Minute)
	for path, want := range map[string]int{
		"POST /token": 300, "GET /users/ann": 100, "GET /users/ann/joined_chatgroups": 50, "GET /users/ann/joined_chatrooms": 100, "DELETE /users?limit=x": 30,
		"POST /users/batch/status": 50, "GET /users/ann/blocks/users": 50, "POST /users/ann/blocks/users": 50, "DELETE /users/ann/blocks/users/bob": 50,
		"POST /messages/users": 100, "POST /messages/chatgroups": 20, "POST /messages/chatrooms": 100, "GET /chatmessages/2020010100": 10, "GET /chatmessages": 100,
	} {
		method, path, _ := strings.Cut(path, " ")
		require.Equal(t, want, a.calls(method, path, a.token), path)
	}
	// One limit for all that registers, or sets what pushes say.
	for i := range 50 {
		a.fails(400, "illegal_argument", "POST", "/users", a.token, object{"username": "a b", "password": fmt.Sprint(i)})
	}
	require.Equal(t, 50, a.calls("PUT", "/users/nobody", a.token))
	require.Zero(t, a.calls("POST", "/users", a.token))
	require.Zero(t, a.calls("GET", "/users/ann", ann), "whoever calls")

	clock.Add(time.Second)
	require.Equal(t, 20, a.calls("POST", "/messages/chatgroups", a.token))
	require.Zero(t, a.calls("GET", "/chatmessages/2020010100", a.token), "a limit of a minute")
	clock.Add(time.Minute)
	require.Equal(t, 10, a.calls("GET", "/chatmessages/2020010100", a.token))

	// The app's own limit takes the place of all.
	clock.Add(time.Minute)
	a.settings(object{"rate_limit": 7})
	for _, path := range []string{"/messages/chatgroups", "/messages/users", "/token"} {
		require.Equal(t, 7, a.calls("POST", path, a.token), path)
	}
	a.settings(object{"rate_limit": 0})
	for range 120 {
		a.fails(400, "illegal_argument", "POST", "/messages/chatgroups", a.token, nil)
	}
}

func TestLimitsOfMessages(t *testing.T) {
	w, clock := limitedWorld(t)
	a := w.app
	u, tokens := a.users(3)
	clock.Add(time.Minute)
	text := func(to ...string) object { return object{"to": to, "type": "txt", "body": object{"msg": "x"}} }
	many := make([]string, 600)
	for i := range many {
		many[i] = fmt.Sprint("x", i)
	}
	for range 10 {
		a.ok("POST", "/messages/users", a.token, text(many...))
	}
	a.fails(403, "exceed_limit", "POST", "/messages/users", a.token, text(u[0]))
	clock.Add(time.Minute - 1)
	a.fails(403, "exceed_limit", "POST", "/messages/users", a.token, text(u[0]))
	clock.Add(1)
	a.ok("POST", "/messages/users", a.token, text(many...))

	// To groups 20 a second, however they are sent.
	a.settings(object{"message_rate": 0})
	g := []string{a.group(u[0], nil), a.group(u[0], nil), a.group(u[0], nil)}
	for range 6 {
		a.ok("POST", "/messages/chatgroups", a.token, text(g...))
	}
	a.fails(403, "exceed_limit", "POST", "/messages/chatgroups", a.token, text(g...))
	a.ok("POST", "/messages", a.token, object{"target_type": "chatgroups", "target": g[:2], "msg": object{"type": "txt", "msg": "x"}})
	a.fails(403, "exceed_limit", "POST", "/messages/chatgroups", a.token, text(g[0]))
	clock.Add(time.Second)
	a.ok("POST", "/messages/chatgroups", a.token, text(g...))

	// A quota of the app's: all of a call, or nothing of it.
	a.settings(object{"rate_limit": 0, "message_rate": 5})
	clock.Add(time.Minute)
	a.ok("POST", "/messages/users", a.token, text(u...))
	status, out := a.do("POST", "/"+a.key+"/messages/users", a.token, text(u...))
	require.Equal(t, []any{403, "exceed_limit", "message send reach limit"}, []any{status, out["error"], out["error_description"]})
	a.ok("POST", "/users/"+u[1]+"/blocks/users", a.token, object{"usernames": u[:1]})
	for range 3 {
		a.fails(403, "forbidden_op", "POST", "/messages/users", tokens[0], text(u[1])) // counts nothing
	}
	r := a.chatRoom(u[0], nil)
	a.ok("POST", "/messages/chatrooms", a.token, text(r))
	a.ok("POST", "/messages/users", tokens[0], text(u[2]))
	a.fails(403, "exceed_limit", "POST", "/messages/chatrooms", a.token, text(r))
	waiting := a.data("/users/"+u[2]+"/offline_msg_count", a.token)
	require.Equal(t, object{u[2]: 2.0}, waiting)

	_, name, _ := strings.Cut(a.key, "/")
	for _, quota := range []string{"message_rate", "max_groups", "max_rooms", "max_joined_groups", "max_members", "max_users", "max_storage_bytes"} {
		w.fails(403, "forbidden_op", "PUT", "/management/organizations/"+a.organisation+"/applications/"+name, w.boss, object{quota: 1000})
	}
	a.settings(object{"message_rate": 0})
	for range 10 {
		a.ok("POST", "/messages/users", a.token, text(many...))
	}
}

func TestQuotasOfGroupsAndRooms(t *testing.T) {
	w := newWorld(t)
	a := w.app
	u, tokens := a.users(4)
	for kind, quota := range map[string]string{"chatgroups": "max_groups", "chatrooms": "max_rooms"} {
		a.settings(object{quota: 3})
		body := object{"groupname": "g", "public": true, "owner": u[3], "description": "d"}
		if kind == "chatrooms" {
			body = object{"name": "r", "owner": u[3], "description": "d"}
		}
		var made atomic.Int64
		var g sync.WaitGroup
		for range 8 {
			g.Go(func() {
				switch status, out := a.do("POST", "/"+a.key+"/"+kind, a.token, body); status {
				case 200:
					made.Add(1)
				default:
					require.Equal(t, []any{403, "exceed_limit"}, []any{status, out["error"]})
				}
			})
		}
		g.Wait()
		require.EqualValues(t, 3, made.Load(), kind)
		rows := a.data("/"+kind, a.token).([]any)
		require.Len(t, rows, 3)
		number := rows[0].(object)["id"]
		if kind == "chatgroups" {
			number = rows[0].(object)["groupid"]
		}
		a.ok("DELETE", "/"+kind+"/"+number.(string), a.token, nil)
		a.ok("POST", "/"+kind, a.token, body)
		a.fails(403, "exceed_limit", "POST", "/"+kind, a.token, body)
		a.settings(object{quota: 1}) // removes nothing
		require.Len(t, a.data("/"+kind, a.token), 3)
		a.fails(403, "exceed_limit", "POST", "/"+kind, a.token, body)
		a.settings(object{quota: 0})
		a.ok("POST", "/"+kind, a.token, body)
	}

	// How many groups somebody is in, their own included; chat rooms do not count.
	a.settings(object{"max_joined_groups": 2})
	own, other := a.group(u[0], nil), a.group(u[1], nil, u[0])
	a.chatRoom(u[1], nil, u[0])
	third := a.group(u[2], nil)
	body := object{"groupname": "g", "public": true, "owner": u[0], "desc": "d"}
	a.fails(403, "exceed_limit", "POST", "/chatgroups", a.token, body)
	a.fails(403, "exceed_limit", "POST", "/chatgroups", tokens[0], body)
	body["owner"], body["members"] = u[1], u[:1]
	a.fails(403, "exceed_limit", "POST", "/chatgroups", a.token, body)
	a.fails(403, "exceed_limit", "POST", "/chatgroups/"+third+"/users/"+u[0], a.token, nil)
	a.fails(403, "exceed_limit", "POST", "/chatgroups/"+third+"/users/"+u[0], tokens[0], nil)
	a.fails(403, "exceed_limit", "POST", "/chatgroups/"+third+"/users", a.token, object{"usernames": []string{u[1], u[0]}})
	require.Len(t, a.data("/users/"+u[1]+"/joined_chatgroups", a.token), 1, "nobody of a bulk came in, and no group was made")
	a.fails(403, "forbidden_op", "POST", "/chatgroups/"+other+"/users/"+u[0], a.token, nil) // is in it already
	a.ok("DELETE", "/chatgroups/"+other+"/users/"+u[0], tokens[0], nil)
	a.ok("POST", "/chatgroups/"+third+"/users/"+u[0], tokens[0], nil)
	a.ok("DELETE", "/chatgroups/"+own, a.token, nil)
	groups := []string{other, a.group(u[2], nil)}
	var in atomic.Int64
	var g sync.WaitGroup
	for i := range 8 {
		g.Go(func() {
			if status, _ := a.do("POST", "/"+a.key+"/chatgroups/"+groups[i%2]+"/users/"+u[0], a.token, nil); status == 200 {
				in.Add(1)
			}
		})
	}
	g.Wait()
	require.EqualValues(t, 1, in.Load())
	require.Len(t, a.data("/users/"+u[0]+"/joined_chatgroups", a.token), 2)

	// How many members a group or room may have.
	a.settings(object{"max_joined_groups": 0, "max_members": 10})
	for _, path := range []string{"/chatgroups/" + a.group(u[0], nil), "/chatrooms/" + a.chatRoom(u[0], nil)} {
		require.Equal(t, 10., a.detail(path, a.token)["maxusers"])
		a.fails(403, "exceed_limit", "PUT", path, a.token, object{"maxusers": 11})
		a.ok("PUT", path, a.token, object{"maxusers": 9})
	}
	a.fails(403, "exceed_limit", "POST", "/chatgroups", a.token, object{"groupname": "g", "public": true, "owner": u[0], "desc": "d", "maxusers": 11})
	a.fails(403, "exceed_limit", "POST", "/chatrooms", a.token, object{"name": "g", "owner": u[0], "description": "d", "maxusers": "11"})
	names := make([]string, 11)
	for i := range names {
		names[i] = fmt.Sprint("nobody", i)
	}
	a.fails(403, "exceed_limit", "POST", "/chatgroups", a.token, object{"groupname": "g", "public": true, "owner": u[0], "desc": "d", "members": names})
	a.settings(object{"max_members": 0})
	require.Equal(t, 200., a.detail("/chatgroups/"+a.group(u[0], nil, u[1]), a.token)["maxusers"])
	a.ok("PUT", "/chatgroups/"+a.group(u[0], nil), a.token, object{"maxusers": 1_000_000})
}

// The quotas of the default app hold for the rooms of the chat API.
func TestQuotasOfTheDefaultApp(t *testing.T) {
	onBothStores(t, func(w *world, a *app) {
		ctx := w.Context()
		ann, bob := w.chatUser("Ann"), w.chatUser("bob")
		a.settings(object{"max_groups": 3, "max_joined_groups": 2})
		// A server that died while it made rooms has left entries of rooms that are not there.
		index, before := tenant.NewRoomIndex(w.store, nil), id.NewGenerator(func() time.Time { return time.Now().Add(-3 * time.Hour) })
		for i := range 3 {
			require.NoError(w, index.Enter(ctx, chat.DefaultTenant, chat.Room{ID: before.New(), Name: fmt.Sprint("gone", i)}))
		}
		full := func(err error) {
			w.Helper()
			var e *client.Error
			require.ErrorAs(w, err, &e)
			require.Equal(w, 409, e.Status)
		}
		_, err := ann.CreateRoom(ctx, "One", "")
		require.NoError(w, err)
		_, err = ann.CreatePrivateRoom(ctx, client.NewPrivateRoom{Title: "Two"})
		require.NoError(w, err)
		_, err = ann.CreateRoom(ctx, "Three", "")
		full(err)
		_, err = ann.Room(ctx, "Three")
		require.Error(w, err)
		_, err = bob.CreateRoom(ctx, "Four", "")
		require.NoError(w, err)
		full(ann.Join(ctx, "Four"))
		_, err = bob.CreateRoom(ctx, "Five", "")
		full(err)
		a.fails(403, "exceed_limit", "POST", "/chatgroups", a.token, object{"groupname": "Five", "public": true, "owner": "bob", "desc": "d"})
		require.NoError(w, ann.DeleteRoom(ctx, "One"))
		require.NoError(w, ann.Join(ctx, "Four"))
		_, err = bob.CreateRoom(ctx, "Five", "")
		require.NoError(w, err)
	})
}
