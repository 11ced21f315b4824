package bench

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakePlatform is the part of the platform that its benchmarks need.
type fakePlatform struct {
	mu      sync.Mutex
	mail    map[string][]string      // messages that wait for users
	streams map[string]chan struct{} // has a value when something waits
	lose    string                   // who gets nothing
	double  string                   // who gets everything twice
	deleted []string
	sent    int
	users   int // in the list
}

// platform makes the fake speak the platform too.
func (f *fake) platform() *fakePlatform {
	p := &fakePlatform{mail: map[string][]string{}, streams: map[string]chan struct{}{}}
	m := f.mux
	answer := func(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }
	m.HandleFunc("POST /management/token", func(w http.ResponseWriter, _ *http.Request) { answer(w, map[string]any{"access_token": "admin"}) })
	m.HandleFunc("POST /management/organizations", func(w http.ResponseWriter, _ *http.Request) { answer(w, map[string]any{}) })
	m.HandleFunc("POST /management/organizations/{org}/applications", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"client_id": "id", "client_secret": "secret"})
	})
	m.HandleFunc("DELETE /management/organizations/{org}", func(_ http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.deleted = append(p.deleted, r.PathValue("org"))
	})
	m.HandleFunc("POST /{org}/app/token", func(w http.ResponseWriter, r *http.Request) {
		var b struct{ Username string }
		_ = json.NewDecoder(r.Body).Decode(&b)
		answer(w, map[string]any{"access_token": "token of " + b.Username})
	})
	m.HandleFunc("GET /{org}/app/users", func(w http.ResponseWriter, r *http.Request) {
		from, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
		limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		n := min(limit, p.users-from)
		list := map[string]any{"entities": make([]struct{}, n)}
		if from+n < p.users {
			list["cursor"] = strconv.Itoa(from + n)
		}
		answer(w, list)
	})
	m.HandleFunc("POST /{org}/app/messages/users", func(w http.ResponseWriter, r *http.Request) {
		var b struct{ To []string }
		_ = json.NewDecoder(r.Body).Decode(&b)
		p.mu.Lock()
		defer p.mu.Unlock()
		ids := map[string]string{}
		for _, u := range b.To {
			p.sent++
			ids[u] = fmt.Sprint(p.sent)
			if u == p.lose {
				continue
			}
			p.mail[u] = append(p.mail[u], ids[u])
			if u == p.double {
				p.mail[u] = append(p.mail[u], ids[u])
			}
			select {
			case p.streams[u] <- struct{}{}:
			default:
			}
		}
		answer(w, map[string]any{"data": ids})
	})
	m.HandleFunc("GET /{org}/app/users/{user}/stream", func(w http.ResponseWriter, r *http.Request) {
		user, some := r.PathValue("user"), make(chan struct{}, 1)
		if r.Header.Get("Authorization") != "Bearer token of "+user {
			w.WriteHeader(401)
			return
		}
		p.mu.Lock()
		p.streams[user] = some
		p.mu.Unlock()
		fmt.Fprint(w, "event: ready\ndata: {}\n\n")
		for at := 0; ; {
			p.mu.Lock()
			for ; at < len(p.mail[user]); at++ {
				fmt.Fprintf(w, "event: message\nid: %s\ndata: {%q:1}\n\n", p.mail[user][at], strings.Repeat("long", 2000))
			}
			p.mu.Unlock()
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
				return
			case <-some:
			}
		}
	})
	return p
}

func onPlatform(f *fake) Options {
	o := small(f)
	o.AdminLogin, o.AdminPassword = "root", "secret"
	return o
}

func TestStreams(t *testing.T) {
	f := newFake(t)
	p := f.platform()
	o := onPlatform(f)
	o.Connections = 20
	r, err := Run(t.Context(), "streams", o)
	require.NoError(t, err)
	require.EqualValues(t, 20, r.Operations)
	require.Positive(t, r.ServerRSS)
	require.Len(t, p.streams, 20)
	require.Len(t, p.deleted, 1, "what was made is deleted")
}

func TestAccounts(t *testing.T) {
	f := newFake(t)
	p := f.platform()
	p.users = 250
	o := onPlatform(f)
	o.Fill = p.users
	r, err := Run(t.Context(), "accounts", o)
	require.NoError(t, err)
	require.EqualValues(t, 3, r.Operations)
	require.Positive(t, r.More["first_tenth_p50_us"])
	require.Positive(t, r.More["last_tenth_p50_us"])
	p.users--
	_, err = Run(t.Context(), "accounts", o)
	require.ErrorContains(t, err, "249 users instead of 250")
}

func TestSends(t *testing.T) {
	f := newFake(t)
	p := f.platform()
	o := onPlatform(f)
	o.Count = 3
	many, err := Run(t.Context(), "send-many", o)
	require.NoError(t, err)
	require.EqualValues(t, 1800, many.Operations)
	require.Positive(t, many.Latency.P50)
	require.Len(t, p.mail["u0"], 3)
	require.Len(t, p.mail["u599"], 3)
	require.Positive(t, many.More["answered_p50_us"])

	o.Count, o.Clients = 100, 4
	one, err := Run(t.Context(), "send-one", o)
	require.NoError(t, err)
	require.EqualValues(t, 100, one.Operations)
	sum := 0
	for _, of := range p.mail {
		sum += len(of)
	}
	require.Equal(t, 1900, sum)
}

func TestAMessageThatDoesNotComeIsSeen(t *testing.T) {
	f := newFake(t)
	f.platform().lose = "u598"
	o := onPlatform(f)
	o.Count, o.DeliveryTime = 1, 1
	_, err := Run(t.Context(), "send-many", o)
	require.ErrorContains(t, err, "a message did not come")
	o.AdminLogin = ""
	_, err = Run(t.Context(), "send-many", o)
	require.ErrorContains(t, err, "CONFAB_ADMIN_LOGIN")
}

// Copies of messages to many that do not come, and those that come twice, are counted.
func TestChaosOfThePlatform(t *testing.T) {
	for _, c := range []struct{ lose, double, failed string }{
		{},
		{double: "u3", failed: "1 copies came twice"},
		{lose: "u4", failed: "1 copies of acknowledged messages to 600 users did not come"},
	} {
		f := newFake(t)
		p := f.platform()
		p.lose, p.double = c.lose, c.double
		r, err := Chaos(t.Context(), ChaosOptions{URL: f.URL, Posters: 3, Readers: 2, Rate: 1000, Duration: 300 * time.Millisecond,
			AdminLogin: "root", AdminPassword: "secret", MailTime: 100 * time.Millisecond})
		require.NoError(t, err)
		require.Equal(t, c.failed, r.Failed())
		require.EqualValues(t, 1, r.Mailed)
		require.Contains(t, r.String(), "messages to 600 users acknowledged 1;")
	}
}
