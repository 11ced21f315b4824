package server_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/server"
	"github.com/confab-chat/confab/pkg/store/cassandra/cassandratest"
)

// Cassandra's keys have 65,535 bytes at most, and its texts are UTF-8. What a client names may be otherwise, and is unknown then.
func TestNamesThatNoKeyCanBe(t *testing.T) {
	const token = "the token of the administrator"
	n, err := server.New(t.Context(), server.Config{Hashes: 1, HashCost: auth.CheapForTests, NoLimits: true, Log: slog.New(slog.DiscardHandler),
		Admin: auth.Admin{Login: "long-names", Password: "a good password", Token: token}}, cassandratest.Open(t, cassandratest.Config(t)))
	require.NoError(t, err)
	t.Cleanup(n.Close)
	ask := func(method, path, body string) (int, string) {
		r := httptest.NewRequest(method, "/api/chat/v1"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		n.Handler.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	status, text := ask("POST", "/rooms/long-names", "{}")
	require.Contains(t, []int{201, 409}, status, text)
	for _, name := range []string{strings.Repeat("a", 70_000), "\xff\xfe", "a\x00b"} {
		in := url.PathEscape(name)
		body := fmt.Sprintf(`{"login":"%[1]s","id":["%[1]s"],"after":"%[1]s","roomName":"%[1]s","currentPassword":"x","password":"a good password"}`, strings.ToValidUTF8(strings.ReplaceAll(name, "\x00", `\u0000`), "\u00e9"))
		for _, c := range [][2]string{
			{"GET", "/users/" + in}, {"GET", "/users?after=" + url.QueryEscape(name)}, {"GET", "/users?id=" + url.QueryEscape(name)}, {"POST", "/users/queries"}, {"POST", "/users"},
			{"GET", "/users/" + in + "/avatar"}, {"PUT", "/users/" + in + "/password"}, {"GET", "/users/long-names/rooms?after=" + url.QueryEscape(name)},
			{"GET", "/rooms/" + in}, {"GET", "/rooms?after=" + url.QueryEscape(name)}, {"GET", "/rooms?id=" + url.QueryEscape(name)}, {"POST", "/rooms/queries"}, {"POST", "/rooms"},
			{"GET", "/rooms/long-names/participants?after=" + url.QueryEscape(name)}, {"PUT", "/rooms/participant/" + in}, {"PUT", "/rooms/participant/long-names"},
			{"PATCH", "/rooms/participant/long-names"}, {"GET", "/messages/" + in}, {"POST", "/authenticate"}, {"DELETE", "/rooms/" + in},
			{"GET", "/admin/rooms?after=" + url.QueryEscape(name)}, {"GET", "/admin/rooms/" + in}, {"GET", "/admin/erasures/" + in}, {"POST", "/admin/erasures"},
		} {
			sent := ""
			if c[0] != http.MethodGet && c[0] != http.MethodDelete {
				sent = body
			}
			status, text := ask(c[0], c[1], sent)
			assert.Less(t, status, 500, "%s %.60s with %.20q: %s", c[0], c[1], name, text)
		}
	}
}
