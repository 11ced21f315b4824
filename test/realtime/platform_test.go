package realtime

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

type object = map[string]any

// app is an app of the platform.
type app struct {
	*testing.T
	key   string // organisation/app
	token string
}

// onPlatform lets the nodes that start from now on have an administrator, and tell receivers on this machine of what happens.
func onPlatform(t *testing.T) {
	t.Setenv("CONFAB_ADMIN_LOGIN", "administrator")
	t.Setenv("CONFAB_ADMIN_PASSWORD", "a password of an administrator")
	t.Setenv("CONFAB_OUTBOUND_ALLOW", "127.0.0.0/8")
}

// patient waits for calls that do much.
var patient = &http.Client{Timeout: patience, Transport: web.Transport}

// ask makes a call to the platform.
func ask(n *node, method, path, token string, body any) (status int, out object, err error) {
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		in = bytes.NewReader(b)
	}
	r, err := http.NewRequest(method, n.base+path, in)
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := patient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode, out, json.NewDecoder(resp.Body).Decode(&out)
}

func mustAsk(t *testing.T, n *node, method, path, token string, body any) object {
	t.Helper()
	status, out, err := ask(n, method, path, token, body)
	require.NoError(t, err)
	require.Equal(t, 200, status, "%s %s: %v", method, path, out)
	return out
}

func newApp(t *testing.T, n *node) *app {
	admin := mustAsk(t, n, "POST", "/management/token", "", object{"grant_type": "password", "username": "administrator",
		"password": "a password of an administrator"})["access_token"].(string)
	mustAsk(t, n, "POST", "/management/organizations", admin, object{"organization": "acme", "username": "boss", "name": "Boss",
		"email": "boss@acme.example", "password": "secret of the boss"})
	made := mustAsk(t, n, "POST", "/management/organizations/acme/applications", admin, object{"name": "shop", "rate_limit": 0})
	a := &app{T: t, key: "/acme/shop"}
	a.token = a.ok(n, "POST", "/token", object{"grant_type": "client_credentials", "client_id": made["client_id"],
		"client_secret": made["client_secret"]})["access_token"].(string)
	return a
}

// ok makes a call with the token of the app.
func (a *app) ok(n *node, method, path string, body any) object {
	a.Helper()
	return mustAsk(a.T, n, method, a.key+path, a.token, body)
}

// users makes users u0, u1 and so on.
func (a *app) users(n *node, many int) (names []string) {
	for i := range many {
		names = append(names, fmt.Sprint("u", i))
	}
	var g errgroup.Group
	g.SetLimit(4)
	for some := range slices.Chunk(names, 60) {
		g.Go(func() error {
			var users []object
			for _, name := range some {
				users = append(users, object{"username": name})
			}
			for {
				status, out, err := ask(n, "POST", a.key+"/users", a.token, users)
				switch {
				case err != nil || status == 200 || out["error"] == "duplicate_unique_property_exists":
					return err
				case status != 503: // a busy Cassandra may need more than one call
					return fmt.Errorf("%d %v", status, out)
				}
			}
		})
	}
	require.NoError(a, g.Wait())
	return names
}

func (a *app) userToken(n *node, name string) string {
	a.Helper()
	return a.ok(n, "POST", "/token", object{"grant_type": "inherit", "username": name})["access_token"].(string)
}

// waiting returns how many messages wait for a user.
func (a *app) waiting(n *node, name string) int {
	a.Helper()
	return int(a.ok(n, "GET", "/users/"+name+"/offline_msg_count", nil)["data"].(object)[name].(float64))
}

// events is an event stream.
type events struct {
	*testing.T
	lines *bufio.Scanner
}

// open opens a user's stream.
func (a *app) open(n *node, name, token string) *events {
	a.Helper()
	r, err := http.NewRequestWithContext(a.Context(), "GET", n.base+a.key+"/users/"+name+"/stream?resource=phone", nil)
	require.NoError(a, err)
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(a, err)
	a.Cleanup(func() { _ = resp.Body.Close() })
	require.Equal(a, 200, resp.StatusCode)
	e := &events{a.T, bufio.NewScanner(resp.Body)}
	e.next("ready")
	return e
}

// next returns the data of the next event, which has this name.
func (e *events) next(want string) (data object) {
	e.Helper()
	name := ""
	for e.lines.Scan() {
		key, value, _ := strings.Cut(e.lines.Text(), ": ")
		switch key {
		case "event":
			name = value
		case "data":
			require.Equal(e, want, name, value)
			require.NoError(e, json.Unmarshal([]byte(value), &data))
			return data
		}
	}
	require.Fail(e, "the stream has ended", "instead of %s: %v", want, e.lines.Err())
	return nil
}

// closes requires that the stream ends with this reason, soon after what was done at some moment.
func (e *events) closes(reason string, since time.Time) {
	e.Helper()
	require.Equal(e, object{"reason": reason}, e.next("close"))
	took := time.Since(since)
	e.Logf("a stream was closed (%s) after %s", reason, took.Round(time.Millisecond))
	require.Less(e, took, 8*time.Second, "a second, on a machine that is not busy")
	for e.lines.Scan() {
		require.Empty(e, e.lines.Text())
	}
}

// receiver counts the events that it is told of.
type receiver struct {
	*httptest.Server
	mu  sync.Mutex
	got map[string]int // by msg_id
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{got: map[string]int{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		var e struct {
			ID string `json:"msg_id"`
		}
		_ = json.NewDecoder(q.Body).Decode(&e)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got[e.ID]++
	}))
	t.Cleanup(r.Close)
	return r
}

// heard returns of how many of some messages the receiver was told.
func (r *receiver) heard(ids []string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		if r.got[id] > 0 {
			n++
		}
	}
	return n
}

// What is done at one node holds at the other one: streams there receive and end, and a callback is sent by one of them.
func TestStreamsAndCallbacksOverTwoNodes(t *testing.T) {
	onPlatform(t)
	store := keyspace(t)
	here := startNode(t, store)
	there := startNode(t, store, here.cluster)
	a := newApp(t, here)
	a.users(here, 2)
	told := newReceiver(t)
	a.ok(there, "POST", "/callbacks/rules", object{"url": told.URL, "events": []string{"message"}})

	send := func(n *node, to string) string {
		out := a.ok(n, "POST", "/messages/users", object{"from": "u1", "to": []string{to}, "type": "txt", "body": object{"msg": "hello"}})
		return out["data"].(object)[to].(string)
	}
	first := []string{send(here, "u2")} // whom there is not
	require.Eventually(t, func() bool { return told.heard(first) > 0 }, patience, 20*time.Millisecond, "the rule holds at the other node at once")

	s := a.open(there, "u0", a.userToken(here, "u0"))
	require.Eventually(t, func() bool {
		return a.ok(here, "GET", "/users/u0/status", nil)["data"].(object)["u0"] == "online"
	}, patience, 20*time.Millisecond, "presence is one")
	const many = 40
	nodes := []*node{here, there}
	var ids []string
	for i := range many {
		ids = append(ids, send(nodes[i%2], "u0"))
	}
	for _, id := range ids {
		require.Equal(t, id, s.next("message")["msg_id"])
	}
	mustAsk(t, here, "POST", a.key+"/users/u0/ack", a.userToken(here, "u0"), object{"msg_ids": ids})
	require.Zero(t, a.waiting(there, "u0"))
	require.Eventually(t, func() bool { return told.heard(ids) == many }, patience, 20*time.Millisecond, "the app is told of all messages")
	for id, n := range told.got {
		require.Equal(t, 1, n, "how often the app was told of %s", id)
	}

	other, began := a.open(here, "u0", a.userToken(here, "u0")), time.Now()
	s.closes("replaced", began)
	began = time.Now()
	a.ok(there, "GET", "/users/u0/disconnect", nil)
	other.closes("disconnected", began)
	a.revokes(here, there, "u1")
}

// revokes requires that streams of a user at one node end when the other one has ended their tokens.
func (a *app) revokes(here, there *node, name string) {
	a.Helper()
	for _, c := range []struct {
		reason, method, path string
		body                 any
	}{
		{"password", "PUT", "/password", object{"newpassword": "another"}},
		{"deactivated", "POST", "/deactivate", nil},
		{"deleted", "DELETE", "", nil},
	} {
		s, began := a.open(there, name, a.userToken(here, name)), time.Now()
		a.ok(here, c.method, "/users/"+name+c.path, c.body)
		s.closes(c.reason, began)
		if c.reason == "deactivated" {
			a.ok(here, "POST", "/users/"+name+"/activate", nil)
		}
	}
}

// Without a bus a stream receives what another node has brought to the mailbox, some seconds later, and ends as soon as with one.
func TestStreamsWithoutABus(t *testing.T) {
	onPlatform(t)
	store := keyspace(t)
	here, there := startWith(t, store), startWith(t, store)
	a := newApp(t, here)
	a.users(here, 2)
	s := a.open(there, "u0", a.userToken(there, "u0"))
	for i := range 3 {
		out := a.ok(here, "POST", "/messages/users", object{"to": []string{"u0"}, "type": "txt", "body": object{"msg": fmt.Sprint(i)}})
		require.Equal(t, out["data"].(object)["u0"], s.next("message")["msg_id"])
	}
	a.revokes(here, there, "u1")
}

// members is how many are in the group of TestKilledDeliveries.
var members = flag.Int("members", 0, "kill nodes in the middle of deliveries to a group of so many and to 600 users; 0: once, with a group of 120")

// A node is killed in the middle of a message to 600 users and one to a group. Each gets each message, once: when the node
// that has posted is the one that brings the messages to the mailboxes, when it is the other one, and when only the one that
// has posted dies.
func TestKilledDeliveries(t *testing.T) {
	onPlatform(t)
	store := keyspace(t)
	first := startNode(t, store)
	nodes := []*node{first, startNode(t, store, first.cluster)}
	first.args = append(first.args, "--cluster-routes", "nats://"+nodes[1].cluster) // for when it starts again
	const receivers = 600
	inGroup, rounds := *members, 3
	if inGroup == 0 {
		inGroup, rounds = 120, 1
	}
	a := newApp(t, first)
	names := a.users(first, max(receivers, inGroup))
	group := a.ok(first, "POST", "/chatgroups", object{"groupname": "all", "public": true, "owner": "u0", "maxusers": inGroup})["data"].(object)["groupid"].(string)
	for from := 1; from < inGroup; from += 60 {
		require.Eventually(t, func() bool { // a busy Cassandra may need more than one call
			status, out, err := ask(first, "POST", a.key+"/chatgroups/"+group+"/users", a.token, object{"usernames": names[from:min(from+60, inGroup)]})
			return err == nil && (status == 200 || out["error"] == "forbidden_op") // all of them are in
		}, patience, time.Millisecond)
	}
	want := make([]int, len(names)) // how many messages wait for each user
	// lacking returns how many of some users lack messages.
	lacking := func(n *node, from, to int) (lack int) {
		for i := from; i < to; i++ {
			has := a.waiting(n, names[i])
			require.LessOrEqual(t, has, want[i], "%s has a message twice", names[i])
			if has < want[i] {
				lack++
			}
		}
		return lack
	}
	for round, c := range []struct {
		name         string
		posts, works int
		killed       int
	}{
		// The node that has worked last holds the deliveries of the app for some seconds.
		{"the one that posts and works", 0, 0, 0},
		{"the one that works", 0, 1, 1},
		{"the one that posts", 1, 0, 1},
	}[:rounds] {
		t.Logf("%s is killed", c.name)
		body := object{"type": "txt", "body": object{"msg": c.name}}
		var both sync.WaitGroup
		for path, to := range map[string][]string{"/messages/users": names[:receivers], "/messages/chatgroups": {group}} {
			both.Go(func() {
				_, out, err := ask(nodes[c.posts], "POST", a.key+path, a.token, object{"from": "u0", "to": to, "type": body["type"], "body": body["body"]})
				if err != nil || out["data"] == nil {
					t.Errorf("%v %v", out, err)
				}
			})
		}
		both.Wait()
		for i := range names {
			if i < receivers {
				want[i]++
			}
			if i > 0 && i < inGroup {
				want[i]++
			}
		}
		survivor := nodes[1-c.killed]
		if c.killed == c.works {
			require.Eventually(t, func() bool { return a.waiting(survivor, names[1]) > want[1]-2 }, patience, time.Millisecond, "it is under way")
		}
		nodes[c.killed].kill()
		began := time.Now()
		if c.killed == c.works {
			require.NotZero(t, lacking(survivor, receivers-10, receivers), "it was killed in the middle")
		}
		require.Eventually(t, func() bool {
			return lacking(survivor, receivers-1, receivers)+lacking(survivor, inGroup-1, inGroup) == 0
		}, 2*patience, 200*time.Millisecond)
		require.Eventually(t, func() bool { return lacking(survivor, 0, len(names)) == 0 }, patience, time.Millisecond, "each has each message once")
		t.Logf("all is delivered %s after the end of a node, in round %d", time.Since(began).Round(time.Second), round)
		nodes[c.killed].start()
	}
	s := a.open(first, names[1], a.userToken(first, names[1]))
	seen := map[any]bool{}
	for range want[1] {
		id := s.next("message")["msg_id"]
		require.False(t, seen[id], "it comes once")
		seen[id] = true
	}
}
