package upgrade

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/logtest"
)

// binaryEnv names the binary to test; without it one is built.
const binaryEnv = "CONFAB_BIN"

var built = sync.OnceValues(func() (string, error) {
	if path := os.Getenv(binaryEnv); path != "" {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "confab-upgrade-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "confab")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/confab-chat/confab/cmd/confab").CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build the binary: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := built(); err == nil && os.Getenv(binaryEnv) == "" {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// process is a binary that serves.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	url string
	out *logtest.Buffer
}

var address = regexp.MustCompile(`confab is at (https?://[^/]+)/`)

// serve starts a binary on a store and waits until it says where it is. Migrating a keyspace takes its time.
func serve(t *testing.T, binary, store string) *process {
	c := exec.Command(binary, "serve", "--listen", "127.0.0.1:0", "--store", store, "--limits", "off")
	s := &process{t: t, cmd: c, out: &logtest.Buffer{}}
	c.Stdout, c.Stderr = s.out, s.out
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		if c.ProcessState == nil {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	})
	require.Eventually(t, func() bool {
		if m := address.FindStringSubmatch(s.out.String()); m != nil {
			s.url = m[1]
		}
		return s.url != ""
	}, 4*time.Minute, 20*time.Millisecond, "the server says where it is: %s", s.out)
	return s
}

// stop stops the server as operators do.
func (s *process) stop() {
	require.NoError(s.t, s.cmd.Process.Signal(os.Interrupt))
	require.NoError(s.t, s.cmd.Wait(), s.out)
}

const password = "pw of a user"

// user calls the API as somebody, or as nobody.
type user struct {
	t     *testing.T
	login string
	base  string
	http  *http.Client
}

func (s *process) signUp(t *testing.T, login string) *user {
	s.user(t, "").must(http.StatusCreated, "POST", "/users", map[string]any{"login": login, "password": password, "firstname": "F", "lastname": login})
	return s.user(t, login)
}

// user logs in, unless login is empty.
func (s *process) user(t *testing.T, login string) *user {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	u := &user{t: t, login: login, base: s.url + "/api/chat/v1", http: &http.Client{Jar: jar, Transport: &http.Transport{}}}
	t.Cleanup(u.http.CloseIdleConnections)
	if login != "" {
		u.must(http.StatusNoContent, "POST", "/authenticate", map[string]any{"login": login, "password": password})
	}
	return u
}

func (u *user) send(method, path string, body any) (status int, answer []byte) {
	u.t.Helper()
	var in io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		require.NoError(u.t, err)
		in = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(u.t.Context(), method, u.base+path, in)
	require.NoError(u.t, err)
	r.Header.Set("Content-Type", "application/json")
	if method == http.MethodPatch && body != nil {
		r.Header.Set("Content-Type", "application/merge-patch+json")
	}
	resp, err := u.http.Do(r)
	require.NoError(u.t, err)
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	require.NoError(u.t, err)
	return resp.StatusCode, answer
}

func (u *user) must(status int, method, path string, body any) []byte {
	u.t.Helper()
	got, answer := u.send(method, path, body)
	require.Equal(u.t, status, got, "%s %s: %s", method, path, answer)
	return answer
}

// post posts a message and returns its id.
func (u *user) post(room, content string) string {
	u.t.Helper()
	var m struct {
		ID string `json:"messageId"`
	}
	require.NoError(u.t, json.Unmarshal(u.must(http.StatusCreated, "POST", "/messages/"+room, map[string]any{"content": content}), &m))
	return m.ID
}
