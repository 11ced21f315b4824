package adminapi_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/confab-chat/confab/pkg/api/adminapi"
	"github.com/confab-chat/confab/pkg/api/apitest"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/server"
	"github.com/confab-chat/confab/pkg/store/embedded"
)

func TestMain(m *testing.M) {
	// The caches of sessions and tokens live as long as the process.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/maypok86/otter/v2.periodicCleanUp[...]"))
}

const (
	adminToken = "the token of an administrator"
	annToken   = "the token of ann"
	otherAdmin = "the token of an administrator of another tenant"
)

// world is a server with an administrator and a user.
type world struct {
	t        *testing.T
	node     *server.Node
	store    *embedded.Store
	backups  string
	contract *apitest.Contract
	mode     chat.SignUpMode
}

func newWorld(t *testing.T) *world { return newWorldWith(t, chat.OpenSignUp) }

// newWorldWith is newWorld of a server where these may sign up.
func newWorldWith(t *testing.T, mode chat.SignUpMode) *world {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	w := &world{t: t, mode: mode, backups: filepath.Join(t.TempDir(), "backups")}
	var err error
	w.store, err = embedded.Open(t.TempDir(), embedded.Options{Logger: quiet, CacheBytes: 1 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.store.Close()) })
	w.start()
	ctx := t.Context()
	require.NoError(t, w.store.CreateUser(ctx, chat.DefaultTenant, chat.User{Person: ann, PasswordHash: "x"}))
	require.NoError(t, w.store.PutToken(ctx, auth.APIToken{Hash: auth.HashOf(annToken), Tenant: chat.DefaultTenant, Login: "ann"}))
	require.NoError(t, w.store.PutToken(ctx, auth.APIToken{Hash: auth.HashOf(otherAdmin), Tenant: "other", Login: "root"}))
	require.NoError(t, w.store.GrantRole(ctx, "other", "root", auth.SiteAdmin))

	w.contract, err = apitest.Load()
	require.NoError(t, err)
	return w
}

// start starts the server on the store.
func (w *world) start() {
	var err error
	w.node, err = server.New(w.t.Context(), server.Config{Log: slog.New(slog.DiscardHandler), PasswordMin: 1, Hashes: 2, HashCost: auth.CheapForTests, BackupDir: w.backups, NoLimits: true, SignUp: w.mode,
		Admin: auth.Admin{Login: "root", Password: "x", Token: adminToken}}, w.store)
	require.NoError(w.t, err)
	w.t.Cleanup(w.node.Close)
}

// restart starts another server on the store.
func (w *world) restart() *world {
	next := *w
	next.start()
	return &next
}

var ann = chat.Person{Login: "ann", FirstName: "Ann", LastName: "Smith"}

// ask sends a request with a token, requires a status and returns the answer, which has to obey the OpenAPI document.
func (w *world) ask(token, method, path string, body any, status int) map[string]any {
	w.t.Helper()
	var sent []byte
	if body != nil {
		var err error
		sent, err = json.Marshal(body)
		require.NoError(w.t, err)
	}
	r := httptest.NewRequest(method, adminapi.Prefix+path, bytes.NewReader(sent))
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	rec := httptest.NewRecorder()
	w.node.Handler.ServeHTTP(rec, r)
	require.Equal(w.t, status, rec.Code, "%s %s: %s", method, path, rec.Body)
	w.contract.Check(w.t, r, sent, rec.Code, rec.Header(), rec.Body.Bytes())
	if rec.Code == http.StatusNoContent {
		require.Empty(w.t, rec.Body.Bytes())
		return nil
	}
	var v map[string]any
	require.NoError(w.t, json.Unmarshal(rec.Body.Bytes(), &v))
	return v
}

// Nobody but an administrator of this server gets anywhere.
func TestForAdministratorsOnly(t *testing.T) {
	w := newWorld(t)
	for _, e := range endpoints {
		w.ask("", e.method, e.path, e.body, http.StatusUnauthorized)
		w.ask("invented", e.method, e.path, e.body, http.StatusUnauthorized)
		w.ask(annToken, e.method, e.path, e.body, http.StatusForbidden)
		w.ask(otherAdmin, e.method, e.path, e.body, http.StatusForbidden)
	}
	require.NoDirExists(t, w.backups)
	// A user who loses the role loses the right immediately.
	require.NoError(t, w.store.RevokeRole(t.Context(), chat.DefaultTenant, "root", auth.SiteAdmin))
	w.ask(adminToken, "POST", "/backups", nil, http.StatusForbidden)
}

type endpoint struct {
	method, path string
	body         any
}

// endpoints is each method of each path.
var endpoints = []endpoint{
	{"POST", "/backups", map[string]string{"dir": "a"}},
	{"POST", "/erasures", map[string]string{"login": "ann"}},
	{"GET", "/erasures/ann", nil},
	{"GET", "/users", nil},
	{"POST", "/users", map[string]string{"login": "bob", "firstname": "Bob", "lastname": "B"}},
	{"GET", "/users/ann", nil},
	{"PATCH", "/users/ann", map[string]bool{"disabled": true}},
	{"PUT", "/users/ann/password", map[string]string{"password": "another"}},
	{"POST", "/users/ann/logouts", nil},
	{"GET", "/users/ann/sessions", nil},
	{"DELETE", "/users/ann/sessions/x", nil},
	{"GET", "/users/ann/tokens", nil},
	{"GET", "/users/ann/tokens/x", nil},
	{"DELETE", "/users/ann/tokens/x", nil},
	{"GET", "/roles", nil},
	{"GET", "/users/ann/roles", nil},
	{"PUT", "/users/ann/roles/site-admin", nil},
	{"DELETE", "/users/ann/roles/site-admin", nil},
	{"POST", "/bots", map[string]string{"login": "robot", "firstname": "R", "lastname": "B"}},
	{"GET", "/bots/ann", nil},
	{"DELETE", "/bots/ann", nil},
	{"GET", "/bots/ann/tokens", nil},
	{"POST", "/bots/ann/tokens", map[string]string{"name": "x"}},
	{"GET", "/bots/ann/tokens/x", nil},
	{"DELETE", "/bots/ann/tokens/x", nil},
	{"GET", "/invitations", nil},
	{"POST", "/invitations", map[string]int{"count": 2}},
	{"GET", "/invitations/x", nil},
	{"DELETE", "/invitations/x", nil},
	{"GET", "/audit", nil},
	{"GET", "/rooms", nil},
	{"GET", "/rooms/lounge", nil},
	{"DELETE", "/rooms/lounge", nil},
	{"PUT", "/rooms/lounge/retention", map[string]string{"retention": "30d"}},
	{"GET", "/files", nil},
	{"GET", "/files/orphans", nil},
	{"DELETE", "/files/orphans", nil},
	{"GET", "/sweeps", nil},
	{"GET", "/jobs", nil},
	{"GET", "/jobs/sweep/a", nil},
	{"POST", "/jobs/sweep/a/retries", nil},
}
