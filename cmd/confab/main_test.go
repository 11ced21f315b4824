package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/logtest"
)

// binary builds the command once for all tests.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "confab-binary")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "confab")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// command returns the binary with args, in a folder of its own and without settings from outside.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path, err := binary()
	require.NoError(t, err)
	c := exec.Command(path, args...)
	c.Dir = t.TempDir()
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "CONFAB_") {
			c.Env = append(c.Env, e)
		}
	}
	return c
}

// outcome runs the binary to its end.
func outcome(t *testing.T, c *exec.Cmd) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	if err != nil {
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
	}
	return c.ProcessState.ExitCode(), out.String(), errs.String()
}

// process is a binary that serves.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	out  *logtest.Buffer
	done chan error
}

var address = regexp.MustCompile(`confab is at (https?://[^/]+)/`)

// serve starts a server on a folder and waits until it says where it is.
func serve(t *testing.T, data string, more ...string) *process {
	t.Helper()
	c := command(t, append([]string{"serve", "--listen", "127.0.0.1:0", "--store", "embedded:" + data}, more...)...)
	s := &process{t: t, cmd: c, out: &logtest.Buffer{}, done: make(chan error, 1)}
	c.Stdout, c.Stderr = s.out, s.out
	require.NoError(t, c.Start())
	go func() { s.done <- c.Wait() }()
	t.Cleanup(func() {
		if c.ProcessState == nil {
			_ = c.Process.Kill()
		}
	})
	require.Eventually(t, func() bool {
		m := address.FindStringSubmatch(s.out.String())
		if m != nil {
			s.url = m[1]
		}
		return m != nil
	}, 30*time.Second, 5*time.Millisecond, "the server says where it is")
	return s
}

// stop ends the server with a signal and returns its exit status.
func (s *process) stop(with os.Signal) int {
	s.t.Helper()
	require.NoError(s.t, s.cmd.Process.Signal(with))
	select {
	case <-s.done:
	case <-time.After(30 * time.Second):
		s.t.Fatalf("the server does not stop: %s", s.out)
	}
	return s.cmd.ProcessState.ExitCode()
}

// user is somebody who is logged in.
type user struct {
	t        *testing.T
	login    string
	password string
	http     *http.Client
	base     string
}

func newUser(t *testing.T, s *process, login string) *user {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	u := &user{t: t, login: login, password: "pw of a user", base: s.url + "/api/chat/v1", http: &http.Client{Jar: jar, Transport: &http.Transport{}}}
	t.Cleanup(u.http.CloseIdleConnections)
	return u
}

func (u *user) signUp() *user {
	u.t.Helper()
	u.must(201, "POST", "/users", map[string]any{"login": u.login, "password": u.password, "firstname": "F", "lastname": "L"}, "")
	return u.logIn()
}

func (u *user) logIn() *user {
	u.t.Helper()
	u.must(204, "POST", "/authenticate", map[string]any{"login": u.login, "password": u.password}, "")
	return u
}

// send returns status and body; an error means that no answer came.
func (u *user) send(method, path string, body any, key string) (int, []byte, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return 0, nil, err
	}
	r, err := http.NewRequestWithContext(context.Background(), method, u.base+path, bytes.NewReader(raw))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	resp, err := u.http.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	return resp.StatusCode, out, err
}

func (u *user) must(status int, method, path string, body any, key string) []byte {
	u.t.Helper()
	got, out, err := u.send(method, path, body, key)
	require.NoError(u.t, err)
	require.Equal(u.t, status, got, "%s %s: %s", method, path, out)
	return out
}

type message struct {
	ID      string `json:"messageId"`
	Content string `json:"content"`
}

// history walks a room from its newest message to its first.
func (u *user) history(room string) []message {
	u.t.Helper()
	var all []message
	for before := ""; ; {
		var page struct {
			Messages []message `json:"messages"`
			HasMore  bool      `json:"hasMore"`
		}
		require.NoError(u.t, json.Unmarshal(u.must(200, "GET", "/messages/"+room+"?fetchSize=200"+before, nil, ""), &page))
		all = append(page.Messages, all...)
		if !page.HasMore {
			return all
		}
		before = "&before=" + page.Messages[0].ID
	}
}

func status(t *testing.T, url string) int {
	t.Helper()
	resp, err := http.Get(url)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

func TestServeAndStop(t *testing.T) {
	data := filepath.Join(t.TempDir(), "new", "data")
	s := serve(t, data)
	require.Contains(t, s.out.String(), data)
	require.Equal(t, 200, status(t, s.url+"/healthz"))
	require.Equal(t, 200, status(t, s.url+"/readyz"))
	require.Equal(t, 200, status(t, s.url+"/ui/chat/index.html"))
	jdoe := newUser(t, s, "jdoe").signUp()
	jdoe.must(201, "POST", "/rooms/Dallas", map[string]any{}, "")
	jdoe.must(201, "POST", "/messages/Dallas", map[string]any{"content": "howdy"}, "")
	info, err := os.Stat(data)
	require.NoError(t, err)
	require.Zero(t, info.Mode().Perm()&0o077, "the data is the operator's alone")

	second := command(t, "serve", "--listen", "127.0.0.1:0", "--store", "embedded:"+data)
	code, _, stderr := outcome(t, second)
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "in use")

	require.Zero(t, s.stop(syscall.SIGTERM), s.out)
	s = serve(t, data)
	jdoe = newUser(t, s, "jdoe").logIn()
	require.Equal(t, "howdy", jdoe.history("Dallas")[0].Content)
	require.Zero(t, s.stop(os.Interrupt), s.out)
}

// A stop lets a request that is under way end.
func TestAStopWaitsForRequestsUnderWay(t *testing.T) {
	data := t.TempDir()
	s := serve(t, data)
	jdoe := newUser(t, s, "jdoe").signUp()
	jdoe.must(201, "POST", "/rooms/Dallas", map[string]any{}, "")
	body, sender := io.Pipe()
	r, err := http.NewRequest("POST", jdoe.base+"/messages/Dallas", body)
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Expect", "100-continue") // the server's 100 says that the request is under way
	jdoe.http.Transport.(*http.Transport).ExpectContinueTimeout = time.Hour
	answered := make(chan int, 1)
	go func() {
		resp, err := jdoe.http.Do(r)
		if err != nil {
			answered <- 0
			return
		}
		_ = resp.Body.Close()
		answered <- resp.StatusCode
	}()
	_, err = io.WriteString(sender, `{"content":`) // is read once the 100 has come
	require.NoError(t, err)
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	require.Eventually(t, func() bool { return strings.Contains(s.out.String(), "stopping") }, 20*time.Second, time.Millisecond)
	_, err = io.WriteString(sender, `"late but whole"}`)
	require.NoError(t, err)
	require.NoError(t, sender.Close())
	require.Equal(t, 201, <-answered)
	require.NoError(t, <-s.done)

	s = serve(t, data)
	require.Equal(t, "late but whole", newUser(t, s, "jdoe").logIn().history("Dallas")[0].Content)
	require.Zero(t, s.stop(syscall.SIGTERM))
}

// What was acknowledged to a client is there after the process was killed, exactly once.
func TestKilledUnderLoad(t *testing.T) {
	data := t.TempDir()
	s := serve(t, data)
	const clients = 6
	newUser(t, s, "creator").signUp().must(201, "POST", "/rooms/Dallas", map[string]any{}, "")
	var users []*user
	for i := range clients {
		u := newUser(t, s, fmt.Sprint("poster-", i)).signUp()
		u.must(204, "PUT", "/rooms/participant/Dallas", map[string]any{}, "")
		users = append(users, u)
	}
	type sent struct {
		key, content string
		id           string // empty: no answer came
	}
	posts := make([][]sent, clients)
	enough := make(chan struct{}, 1<<16)
	var all sync.WaitGroup
	for i, u := range users {
		all.Go(func() {
			for n := 0; ; n++ {
				p := sent{content: fmt.Sprint(i, "/", n)}
				if n%2 == 0 {
					p.key = fmt.Sprint("key ", n)
				}
				code, body, err := u.send("POST", "/messages/Dallas", map[string]any{"content": p.content}, p.key)
				if err == nil && code == 201 {
					var m message
					if json.Unmarshal(body, &m) == nil {
						p.id = m.ID
					}
				}
				posts[i] = append(posts[i], p)
				if p.id == "" {
					return
				}
				enough <- struct{}{}
			}
		})
	}
	for range 300 {
		select {
		case <-enough:
		case <-time.After(30 * time.Second):
			t.Fatalf("the server does not answer: %s", s.out)
		}
	}
	require.Equal(t, -1, s.stop(syscall.SIGKILL))
	all.Wait()

	s = serve(t, data)
	reader := newUser(t, s, "poster-0").logIn()
	verify := func() {
		at := map[string][]string{}
		for _, m := range reader.history("Dallas") {
			at[m.Content] = append(at[m.Content], m.ID)
		}
		for i := range posts {
			for _, p := range posts[i] {
				if p.id != "" {
					require.Equal(t, []string{p.id}, at[p.content], "%q was acknowledged", p.content)
				}
				require.LessOrEqual(t, len(at[p.content]), 1, "%q", p.content)
			}
		}
	}
	verify()
	for i, ps := range posts {
		u := newUser(t, s, users[i].login).logIn()
		for j, p := range ps[max(0, len(ps)-20):] {
			if p.key == "" {
				continue
			}
			var m message
			require.NoError(t, json.Unmarshal(u.must(201, "POST", "/messages/Dallas", map[string]any{"content": p.content}, p.key), &m))
			if p.id != "" {
				require.Equal(t, p.id, m.ID, "a retry gets the first message")
			} else {
				posts[i][max(0, len(ps)-20)+j].id = m.ID
			}
			u.must(409, "POST", "/messages/Dallas", map[string]any{"content": p.content + "!"}, p.key)
		}
	}
	verify()
	require.Zero(t, s.stop(syscall.SIGTERM), s.out)
}
