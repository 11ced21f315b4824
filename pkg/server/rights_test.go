package server_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/api/apitest"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/server"
)

// refused says who is refused what: by whom an operation may be called, and who calls. Those who are not named may.
var refused = map[api.Who]map[string]int{
	api.Anybody:       {},
	api.User:          {"nobody": 401},
	api.Self:          {"nobody": 401, "stranger": 403, "member": 403, "administrator": 403},
	api.Member:        {"nobody": 401, "stranger": 403, "administrator": 403},
	api.Creator:       {"nobody": 401, "stranger": 403, "member": 403, "administrator": 403},
	api.Author:        {"nobody": 401, "stranger": 403, "member": 403, "administrator": 403},
	api.Administrator: {"nobody": 401, "stranger": 403, "member": 403, "creator": 403},
}

// exceptions are operations that somebody may call although their route says another.
var exceptions = map[string]string{"setRetention": "administrator"}

// matrix calls every operation of every route as everybody, on things of the creator.
type matrix struct {
	t        *testing.T
	h        http.Handler
	chat     *chat.Service
	contract *apitest.Contract
	routes   []api.Route
	people   int
	rooms    int
}

// party are the callers, and a room of the creator's that the member is in, with a message of the creator's.
type party struct {
	*matrix
	logins  map[string]string
	callers map[string]func(*http.Request)
	room    string
	message string
}

func newMatrix(t *testing.T) *matrix {
	n, err := server.New(t.Context(), server.Config{NoLimits: true, Hashes: 2, HashCost: auth.CheapForTests, PasswordMin: 1, Log: quiet, BackupDir: t.TempDir(),
		Admin: auth.Admin{Login: "operator", Password: "secret", Token: operatorToken}}, open(t))
	require.NoError(t, err)
	t.Cleanup(n.Close)
	m := &matrix{t: t, h: n.Handler, chat: n.Chat}
	m.contract, err = apitest.Load()
	require.NoError(t, err)
	m.routes, err = server.Registered(n)
	require.NoError(t, err)
	// The platform has rights and tokens of its own; pkg/api/easemob has the test of all its routes.
	m.routes = slices.DeleteFunc(m.routes, func(rt api.Route) bool {
		return strings.HasPrefix(rt.Path, "/management") || strings.HasPrefix(rt.Path, "/{org}/{app}") || strings.HasPrefix(rt.Path, "/files/")
	})
	return m
}

const operatorToken = "the token of the administrator"

func (m *matrix) party() *party {
	m.people++
	p := &party{matrix: m, logins: map[string]string{"administrator": "operator"}, callers: map[string]func(*http.Request){
		"nobody":        func(*http.Request) {},
		"administrator": func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+operatorToken) },
	}}
	for _, who := range []string{"creator", "member", "stranger"} {
		login := fmt.Sprintf("%s-%d", who, m.people)
		require.Equal(m.t, 204, ask(m.h, "POST", "/users", strings.Replace(jdoe, "jdoe", login, 1)).StatusCode)
		session := cookie(m.t, ask(m.h, "POST", "/authenticate?j_username="+login+"&j_password=secret", "{}"), "confab-session")
		p.logins[who], p.callers[who] = login, func(r *http.Request) { r.AddCookie(session) }
	}
	p.newRoom()
	return p
}

// newRoom makes the things anew of which calls may have changed or deleted the last ones.
func (p *party) newRoom() {
	p.rooms++
	p.room = fmt.Sprintf("room-%d", p.rooms)
	p.do("creator", "POST", "/rooms/"+p.room, "{}")
	p.do("member", "PUT", "/rooms/participant/"+p.room, "")
	_, said, _ := strings.Cut(p.do("creator", "POST", "/messages/"+p.room, `{"content":"hello"}`), `"messageId":"`)
	p.message, _, _ = strings.Cut(said, `"`)
}

func (p *party) do(caller, method, path, body string) string {
	p.t.Helper()
	status, text := p.send(caller, method, "/api/chat/v1"+path, body, "application/json", "")
	require.Less(p.t, status, 300, "%s %s: %s", method, path, text)
	return text
}

// send sends a request, and holds its answer to the description if that covers it.
func (p *party) send(caller, method, path, body, kind, origin string) (int, string) {
	p.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", kind)
	}
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	p.callers[caller](r)
	w := httptest.NewRecorder()
	p.h.ServeHTTP(w, r)
	res := w.Result()
	text, err := io.ReadAll(res.Body)
	require.NoError(p.t, err)
	if strings.HasPrefix(path, "/api/") {
		p.contract.Check(p.t, r, []byte(body), res.StatusCode, res.Header, text)
	}
	return res.StatusCode, string(text)
}

// call calls an operation with a body that it understands, so that it is not refused before who sends it.
func (p *party) call(caller, method string, rt api.Route, origin string) (int, string) {
	p.t.Helper()
	op := rt.Operations[method]
	listed := strings.NewReplacer("{list}/{login}", "mute/"+p.logins["member"], "{list}", "mute").Replace(rt.Path)
	path := strings.NewReplacer("{room}", p.room, "{login}", p.logins["creator"], "{message}", p.message, "{emoji}", "%F0%9F%91%8D", "{name}", "x", "{token}", "x",
		"{server}", "000", "{session}", "abcdefgh", "{file}", "x", "{export}", "7d1a4c20-cb0b-11e4-8b87-5dc4b2b4a1a1", "{kind}", "sweep", "{device}", "x", "{role}", auth.IntegrationAdmin, "{invitation}", "x", "{key}", "x").Replace(listed)
	require.NotContains(p.t, path, "{", "a variable that this test does not know")
	login := p.logins[caller]
	if login == "" {
		login = p.logins["creator"]
	}
	switch {
	case strings.HasSuffix(path, "/authenticate"):
		path += "?j_username=" + login + "&j_password=secret"
	case isPlain(path) && (strings.HasSuffix(path, "/messages") || strings.HasSuffix(path, "/rooms/participant")):
		path += "?roomName=" + p.room
	}
	body, kind := fmt.Sprintf(`{"content":"x","banner":"x","firstname":"x","lastname":"x","currentPassword":"secret","password":"secret","typing":true,`+
		`"muted":true,"messageId":"4e831610-cb0b-11e4-8830-0800200c9a66","retention":"30d","name":"x","logins":[%q],"login":%q}`, p.logins["member"], login), "application/json"
	switch {
	case isPlain(path) && method != "GET":
		person := fmt.Sprintf(`{"login":%q}`, login)
		body = strings.TrimSuffix(body, "}") + `,"author":` + person + `,"creator":` + person + `,"participants":[]}`
	case op.Body == api.NoBody || op.Body == api.Credentials:
		body = ""
	case op.Body == api.Picture:
		kind = "image/png"
	case op.Body == api.File:
		kind = "text/plain"
	}
	return p.send(caller, method, path, body, kind, origin)
}

// state is what everybody sees of the party's things.
func (p *party) state() string {
	return p.do("creator", "GET", "/messages/"+p.room, "") + p.do("creator", "GET", "/rooms/"+p.room, "") +
		p.do("member", "GET", "/users/"+p.logins["creator"], "")
}

// each calls do for every operation of every route.
func (m *matrix) each(do func(method string, rt api.Route, op api.Operation)) {
	for _, rt := range m.routes {
		require.NotEmpty(m.t, rt.Operations, "%s is not served by a route that says who may call it", rt.Path)
		for method, op := range rt.Operations {
			do(method, rt, op)
		}
	}
}

func isPlain(path string) bool { return !strings.HasPrefix(path, "/api/") }

// isSocket says that what a route serves is a socket or a stream.
func isSocket(rt api.Route) bool {
	return strings.Contains(rt.Path, "{session}") || strings.HasSuffix(rt.Path, "/stomp")
}

// Each operation of each route of each mount is refused to everybody who may not call it, on things of others, and changes nothing.
func TestWhoIsRefusedWhat(t *testing.T) {
	m := newMatrix(t)
	p := m.party()
	before := p.state()
	tried := 0
	m.each(func(method string, rt api.Route, op api.Operation) {
		by, known := refused[op.Who]
		require.True(t, known, "%s %s: say who is refused it", method, rt.Path)
		for caller, want := range by {
			if exceptions[op.ID] == caller {
				continue
			}
			if op.Who == api.Creator && want == 403 && isPlain(rt.Path) {
				want = 400 // KillrChat's word for the deletion of another's room
			}
			status, text := p.call(caller, method, rt, "")
			require.Equal(t, want, status, "%s %s by %s: %s", method, rt.Path, caller, text)
			tried++
		}
	})
	require.Greater(t, tried, 180)
	for _, mount := range []string{"/api/chat/v1", "/killrchat", ""} {
		another := fmt.Sprintf(`{"login":%q}`, p.logins["creator"])
		for _, c := range []struct{ caller, method, path, body string }{
			{"stranger", "PUT", "/rooms/participant/" + p.room, another},
			{"stranger", "PATCH", "/rooms/participant/" + p.room, another},
			{"member", "PATCH", "/rooms/participant/" + p.room, another},
			{"member", "POST", "/messages/" + p.room, `{"content":"x","author":` + another + `}`},
			{"member", "POST", "/rooms/another", `{"creator":` + another + `}`},
		} {
			status, text := p.send(c.caller, c.method, mount+c.path, c.body, "application/json", "")
			require.Equal(t, 403, status, "%s %s%s by %s for another: %s", c.method, mount, c.path, c.caller, text)
		}
	}
	require.Equal(t, before, p.state())
}

// Nobody acts for a user from a page of another origin, and opens no socket from there, whoever may call.
func TestForeignPagesAreRefused(t *testing.T) {
	m := newMatrix(t)
	p := m.party()
	before := p.state()
	tried := 0
	m.each(func(method string, rt api.Route, op api.Operation) {
		if method == "GET" && !op.Acts && !isSocket(rt) {
			return
		}
		caller := "creator"
		if op.Who == api.Administrator {
			caller = "administrator"
		}
		status, text := p.call(caller, method, rt, "https://evil.example")
		require.Equal(t, 403, status, "%s %s: %s", method, rt.Path, text)
		tried++
	})
	require.Greater(t, tried, 60)
	require.Equal(t, before, p.state())
}

// Each operation is open to everybody who may call it.
func TestWhoMayCallWhat(t *testing.T) {
	m := newMatrix(t)
	reused := m.party()
	m.each(func(method string, rt api.Route, op api.Operation) {
		if isSocket(rt) {
			return // TestWhoMayOpenWhat opens them: a stream does not end by itself
		}
		for caller := range reused.callers {
			p := reused
			switch {
			case refused[op.Who][caller] != 0 && exceptions[op.ID] != caller:
				continue
			case strings.HasSuffix(rt.Path, "/authenticate"), strings.HasSuffix(rt.Path, "/logout"), strings.HasSuffix(rt.Path, "/password"), op.ID == "deleteUser":
				p = m.party()
			case strings.HasPrefix(rt.Path, "/api/chat/v1/admin/users/{login}"):
				p = m.party() // it may end their logins
			case method != "GET" || op.Who == api.Member: // they may have left the last room
				p.newRoom()
			}
			status, text := p.call(caller, method, rt, "")
			require.NotContains(t, []int{401, 403}, status, "%s %s by %s: %s", method, rt.Path, caller, text)
		}
	})
}

// Each socket and stream opens for everybody who may open it, from a page of the server's own.
func TestWhoMayOpenWhat(t *testing.T) {
	m := newMatrix(t)
	p := m.party()
	s := httptest.NewServer(m.h)
	t.Cleanup(s.Close)
	opened := map[string]int{}
	m.each(func(method string, rt api.Route, op api.Operation) {
		if !isSocket(rt) {
			return
		}
		for caller := range p.callers {
			if refused[op.Who][caller] != 0 {
				continue
			}
			opened[rt.Path]++
			path := strings.NewReplacer("{server}", "000", "{session}", fmt.Sprint("session", len(opened), caller)).Replace(rt.Path)
			if strings.HasSuffix(path, "/xhr_send") { // a session that is there
				require.Equal(t, 200, p.open(s.URL, caller, "POST", strings.TrimSuffix(path, "_send")))
			}
			want := 200
			switch {
			case strings.HasSuffix(path, "/stomp"), strings.HasSuffix(path, "/websocket"):
				want = http.StatusSwitchingProtocols
			case strings.HasSuffix(path, "/xhr_send"):
				want = http.StatusNoContent
			}
			require.Equal(t, want, p.open(s.URL, caller, method, path), "%s %s by %s", method, rt.Path, caller)
		}
	})
	require.Len(t, opened, 11, "a WebSocket, and five transports of SockJS on two mounts")
	for path, n := range opened {
		require.Equal(t, len(p.callers)-1, n, "%s opens for all but nobody", path)
	}
}

// open opens a socket or stream and ends it, and returns the status of the answer.
func (p *party) open(server, caller, method, path string) int {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.t.Context())
	defer cancel()
	var body io.Reader
	if strings.HasSuffix(path, "/xhr_send") {
		body = strings.NewReader(`["\n"]`)
	}
	r, err := http.NewRequestWithContext(ctx, method, server+path, body)
	require.NoError(p.t, err)
	r.Header.Set("Origin", server)
	if strings.HasSuffix(path, "/stomp") || strings.HasSuffix(path, "/websocket") {
		for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
			"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="} {
			r.Header.Set(name, value)
		}
	}
	p.callers[caller](r)
	res, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(p.t, err)
	defer res.Body.Close()
	if res.StatusCode == http.StatusOK && !strings.HasSuffix(path, "/eventsource") {
		first := make([]byte, 1)
		_, err := io.ReadFull(res.Body, first)
		require.NoError(p.t, err)
	}
	return res.StatusCode
}
