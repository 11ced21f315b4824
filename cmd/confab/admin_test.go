package main

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

const operatorsToken = "the-token-of-the-operator"

// serveWithAdmin starts a server that has an administrator with operatorsToken.
func serveWithAdmin(t *testing.T, data string, more ...string) *process {
	return serve(t, data, append([]string{"--admin-login", "operator", "--admin-password", "secret", "--admin-token", operatorsToken}, more...)...)
}

// admin runs confab admin on a server.
func admin(t *testing.T, s *process, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	c := command(t, append([]string{"admin"}, args...)...)
	c.Env = append(c.Env, "CONFAB_ADMIN_TOKEN="+operatorsToken, "CONFAB_URL="+s.url)
	status, stdout, stderr := outcome(t, c)
	require.Equal(t, want, status, "%s%s", stdout, stderr)
	return stdout, stderr
}

func TestBackupAndRestore(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	s := serveWithAdmin(t, data)
	ann := newUser(t, s, "ann").signUp()
	ann.must(201, "POST", "/rooms/lounge", map[string]any{}, "")
	ann.must(201, "POST", "/messages/lounge", map[string]any{"content": "before the backup"}, "")
	out, _ := admin(t, s, 0, "backup", "monday")
	copied := data + "-backups/monday"
	require.Contains(t, out, copied)
	ann.must(201, "POST", "/messages/lounge", map[string]any{"content": "after it"}, "")
	_, errs := admin(t, s, 1, "backup", "monday")
	require.Contains(t, errs, "409")
	_, errs = admin(t, s, 1, "backup", filepath.Join(t.TempDir(), "elsewhere"))
	require.Contains(t, errs, "400")

	c := command(t, "admin", "backup", "--url", s.url)
	status, _, errs := outcome(t, c)
	require.Equal(t, 2, status)
	require.Contains(t, errs, "CONFAB_ADMIN_TOKEN")
	c = command(t, "admin", "backup", "--url", s.url, "--token", "wrong")
	status, _, errs = outcome(t, c)
	require.Equal(t, 1, status)
	require.Contains(t, errs, "401")

	// With the server running its store cannot be copied from outside.
	offline := filepath.Join(t.TempDir(), "offline")
	admin(t, s, 1, "backup", "--offline", "--store", "embedded:"+data, offline)
	require.NoDirExists(t, offline)
	require.Equal(t, 0, s.stop(syscall.SIGTERM))
	_, errs = admin(t, s, 1, "backup", "tuesday")
	require.Contains(t, errs, "no server answers")
	admin(t, s, 0, "backup", "--offline", "--store", "embedded:"+data, offline)

	for dir, want := range map[string][]string{copied: {"before the backup"}, offline: {"before the backup", "after it"}} {
		restored := serve(t, dir)
		var said []string
		for _, m := range newUser(t, restored, "ann").logIn().history("lounge") {
			said = append(said, m.Content)
		}
		require.Equal(t, want, said)
		restored.stop(syscall.SIGTERM)
	}
}

func TestEraseAUser(t *testing.T) {
	s := serveWithAdmin(t, t.TempDir())
	ann, bob := newUser(t, s, "ann").signUp(), newUser(t, s, "bob").signUp()
	ann.must(201, "POST", "/rooms/lounge", map[string]any{}, "")
	bob.must(204, "PUT", "/rooms/participant/lounge", map[string]any{}, "")
	ann.must(201, "POST", "/messages/lounge", map[string]any{"content": "a secret"}, "")
	_, unsure := admin(t, s, 2, "users", "erase", "ann")
	require.Contains(t, unsure, "The account of 'ann' would end, and what they wrote be deleted. It cannot be undone: add --yes")
	_, unsure = admin(t, s, 2, "users", "erase", "--keep-messages", "ann")
	require.Contains(t, unsure, "lose its author")
	out, says := admin(t, s, 0, "users", "erase", "--yes", "ann")
	require.Contains(t, says, "The account of 'ann' has ended. The server waits 15 seconds")
	// What she said, and that she left. That bob came, who has the same name, is no message about her.
	require.Contains(t, out, "'ann' is erased: 2 messages in 1 rooms")
	ann.must(401, "GET", "/users/ann", nil, "")
	bob.must(410, "GET", "/users/ann", nil, "")
	for _, m := range bob.history("lounge") {
		require.NotContains(t, m.Content, "secret")
	}
	_, errs := admin(t, s, 1, "users", "erase", "--yes", "nobody")
	require.Contains(t, errs, "404")

	// Erasing oneself needs a second word. The server refuses it here, as it is started with that login.
	_, errs = admin(t, s, 2, "users", "erase", "operator")
	require.Contains(t, errs, "you would erase yourself. It cannot be undone: add --yes")
	_, errs = admin(t, s, 1, "users", "erase", "--yes", "operator")
	require.Contains(t, errs, "409")
}

func TestRoomsOfAServer(t *testing.T) {
	s := serveWithAdmin(t, t.TempDir())
	ann := newUser(t, s, "ann").signUp()
	ann.must(201, "POST", "/rooms/lounge", map[string]any{}, "")
	ann.must(201, "POST", "/rooms/games", map[string]any{}, "")
	ann.must(201, "POST", "/messages/lounge", map[string]any{"content": "hello"}, "")
	out, _ := admin(t, s, 0, "rooms", "list")
	require.Regexp(t, `(?s)games +ann.*lounge +ann`, out)
	out, _ = admin(t, s, 0, "rooms", "show", "lounge")
	require.Regexp(t, `participants +1\n`, out)
	out, _ = admin(t, s, 0, "sweeps")
	require.Contains(t, out, "Nothing")
	_, errs := admin(t, s, 2, "rooms", "delete", "lounge")
	require.Contains(t, errs, "add --yes")
	ann.must(200, "GET", "/rooms/lounge", nil, "")
	admin(t, s, 0, "rooms", "delete", "--yes", "lounge")
	ann.must(404, "GET", "/rooms/lounge", nil, "")
	out, _ = admin(t, s, 0, "sweeps")
	require.Contains(t, out, "lounge")
	admin(t, s, 1, "rooms", "delete", "--yes", "lounge")
	admin(t, s, 1, "rooms", "show", "lounge")
}

func TestTheTokenOfAnAdministratorFromAFile(t *testing.T) {
	s := serveWithAdmin(t, t.TempDir())
	secret := file(t, operatorsToken+"\n")
	for _, given := range []struct{ env, flag string }{{"CONFAB_ADMIN_TOKEN_FILE=" + secret, ""}, {"", "--token-file=" + secret}} {
		c := command(t, "admin", "rooms", "list", "--url", s.url)
		if given.flag != "" {
			c.Args = append(c.Args, given.flag)
		}
		c.Env = append(c.Env, given.env)
		status, _, errs := outcome(t, c)
		require.Zero(t, status, errs)
	}
	// In the environment of serve it is the commands' too, without a login.
	c := command(t, "config", "check")
	c.Env = append(c.Env, "CONFAB_ADMIN_TOKEN_FILE="+secret)
	status, _, errs := outcome(t, c)
	require.Zero(t, status, errs)
}

// An error comes alone: no heading of a list that there is not.
func TestListsBeginWithTheFirstAnswer(t *testing.T) {
	c := command(t, "admin", "rooms", "list", "--url", "http://127.0.0.1:1", "--token", "x")
	status, out, errs := outcome(t, c)
	require.Equal(t, 1, status)
	require.Contains(t, errs, "no server answers")
	require.Empty(t, out)
}

func TestRetentionOfARoom(t *testing.T) {
	s := serveWithAdmin(t, t.TempDir(), "--retention", "90d")
	ann := newUser(t, s, "ann").signUp()
	ann.must(201, "POST", "/rooms/lounge", map[string]any{}, "")
	for given, c := range map[string][2]string{"720h": {"for 30d", "30d"}, "forever": {"for ever", "forever"}, "default": {"the server", "default"}} {
		out, _ := admin(t, s, 0, "rooms", "retention", "lounge", given)
		require.Contains(t, out, c[0])
		out, _ = admin(t, s, 0, "rooms", "show", "lounge")
		require.Regexp(t, `retention +`+c[1]+`\n`, out)
		out, _ = admin(t, s, 0, "rooms", "list")
		require.Regexp(t, `lounge +ann .* `+c[1]+`\n`, out)
	}
	_, errs := admin(t, s, 1, "rooms", "retention", "lounge", "soon")
	require.Contains(t, errs, "retention has to be like 30d")
	_, errs = admin(t, s, 1, "rooms", "retention", "nowhere", "30d")
	require.Contains(t, errs, "404")
}
