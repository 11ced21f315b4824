package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/logtest"
	"github.com/confab-chat/confab/pkg/server"
	"github.com/confab-chat/confab/pkg/store"
)

// With --show-email owner, the user and administrators see an e-mail address; by default every user does.
func TestWhoSeesEmailAddresses(t *testing.T) {
	const (
		token   = "the token of the administrator"
		address = "john@example.org"
	)
	for _, private := range []bool{false, true} {
		h := start(t, open(t), server.Config{PrivateEmail: private, Admin: auth.Admin{Login: "operator", Password: "x", Token: token}})
		in := func(login string) *http.Cookie {
			return cookie(t, ask(h, "POST", "/authenticate?j_username="+login+"&j_password=secret", "{}"), "confab-session")
		}
		email := func(r *http.Response) any {
			var u map[string]any
			require.NoError(t, json.NewDecoder(r.Body).Decode(&u))
			require.Contains(t, u, "email")
			return u["email"]
		}
		r := ask(h, "POST", "/api/chat/v1/users", strings.Replace(jdoe, "{", `{"email":"`+address+`",`, 1))
		require.Equal(t, address, email(r), "a sign-up shows it to its owner")
		require.Equal(t, 204, ask(h, "POST", "/users", strings.Replace(jdoe, "jdoe", "other", 1)).StatusCode)
		owner, other := in("jdoe"), in("other")
		for _, path := range []string{"/users/jdoe", "/killrchat/users/jdoe", "/api/chat/v1/users/jdoe", "/api/chat/v1/users?id=jdoe"} {
			require.Equal(t, address, email(ask(h, "GET", path, "", owner)), path)
			var want any = address
			if private {
				want = nil
			}
			require.Equal(t, want, email(ask(h, "GET", path, "", other)), path)
			admin := httptest.NewRequest("GET", path, http.NoBody)
			admin.Header.Set("Authorization", "Bearer "+token)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, admin)
			require.Equal(t, address, email(w.Result()), path)
		}
		require.Equal(t, address, email(ask(h, "GET", "/remember-me", "", owner)))
	}
}

// faulty is a store that cannot read accounts while it has a fault.
type faulty struct {
	store.Store
	fault atomic.Bool
}

func (f *faulty) User(ctx context.Context, t chat.Tenant, login string) (chat.User, error) {
	if f.fault.Load() {
		return chat.User{}, chat.ErrUnavailable(errors.New("a fault of the store"))
	}
	return f.Store.User(ctx, t, login)
}

// Passwords, session ids, tokens and texts are in no line of the log and in no error, whatever is asked and however.
func TestSecretsAreInNoLog(t *testing.T) {
	const (
		token    = "canary-token-of-the-administrator"
		password = "canary-password"
	)
	log := &logtest.Buffer{}
	st := &faulty{Store: open(t)}
	h := start(t, st, server.Config{Files: "file://" + t.TempDir(), LoginFailures: 1, Admin: auth.Admin{Login: "operator", Password: "canary-admin", Token: token},
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	var said strings.Builder
	do := func(method, target, body string, header http.Header, cookies ...*http.Cookie) *http.Response {
		r := httptest.NewRequest(method, target, strings.NewReader(body))
		r.Header = header.Clone()
		if r.Header == nil {
			r.Header = http.Header{}
		}
		if body != "" && r.Header.Get("Content-Type") == "" {
			r.Header.Set("Content-Type", "application/json")
		}
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 400 {
			text, err := io.ReadAll(w.Result().Body)
			require.NoError(t, err)
			said.Write(text)
		}
		return w.Result()
	}
	account := strings.Replace(jdoe, "secret", password, 1)
	require.Equal(t, 204, do("POST", "/users", account, nil).StatusCode)
	require.Equal(t, 400, do("POST", "/users", account, nil).StatusCode)
	require.Equal(t, 400, do("POST", "/api/chat/v1/users", `{"login":"x","password":["canary-list"]}`, nil).StatusCode)
	in := do("POST", "/authenticate?j_username=jdoe&j_password="+password+"&_spring_security_remember_me=true", "{}", nil)
	require.Equal(t, 204, in.StatusCode)
	session, remember := cookie(t, in, "confab-session"), cookie(t, in, "confab-remember")
	for range 3 { // the last one is refused as too many
		do("POST", "/authenticate?j_username=jdoe&j_password=canary-guess", "{}", nil)
		do("POST", "/api/chat/v1/authenticate", `{"login":"jdoe","password":"canary-guess"}`, nil)
	}
	do("GET", "/authenticate?j_username=jdoe&j_password=canary-get", "", nil)
	do("PUT", "/api/chat/v1/users/jdoe/password", `{"currentPassword":"canary-wrong","password":"canary-new"}`, nil, session)
	do("GET", "/api/chat/v1/rooms", "", http.Header{"Authorization": {"Bearer canary-no-token"}})
	do("GET", "/api/chat/v1/admin/sweeps", "", http.Header{"Authorization": {"Bearer " + token}})
	do("GET", "/api/chat/v1/nosuch?token=canary-query", "", nil, session)
	require.Equal(t, 204, do("POST", "/rooms/lounge", `{"creator":{"login":"jdoe"}}`, nil, session).StatusCode)
	do("POST", "/api/chat/v1/messages/lounge", `{"content":"canary-text","replyTo":7}`, nil, session)
	do("GET", "/users/jdoe", "", nil, &http.Cookie{Name: session.Name, Value: "canary-cookie"}, remember)
	do("GET", "/users/jdoe", "", nil, &http.Cookie{Name: remember.Name, Value: "canary-remember"})
	st.fault.Store(true)
	do("POST", "/users", strings.Replace(account, "jdoe", "other", 1), nil)
	do("POST", "/authenticate?j_username=jdoe&j_password="+password, "{}", nil)
	do("GET", "/users/jdoe?canary-query", "", nil, session, remember)
	require.NotEmpty(t, log.Lines("a fault of the store"))
	for _, where := range []string{log.String(), said.String()} {
		require.NotContains(t, where, "canary")
		require.NotContains(t, where, session.Value)
		require.NotContains(t, where, remember.Value)
	}
	require.NotEmpty(t, said.String())
}

// SECURITY.md names the tests that hold its promises.
func TestThePromisesHaveTheirTests(t *testing.T) {
	root := filepath.Join("..", "..")
	text, err := os.ReadFile(filepath.Join(root, "SECURITY.md"))
	require.NoError(t, err)
	there := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for _, dir := range []string{"cmd", "pkg", "test"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, dir), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			for _, m := range declared.FindAllSubmatch(source, -1) {
				there[string(m[1])] = true
			}
			return err
		}))
	}
	named := regexp.MustCompile("`(Test\\w+)`").FindAllSubmatch(text, -1)
	require.Greater(t, len(named), 20)
	for _, m := range named {
		require.True(t, there[string(m[1])], "there is no %s", m[1])
	}
}
