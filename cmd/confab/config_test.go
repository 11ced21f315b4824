package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "confab.yaml")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// printed returns what config print says.
func printed(t *testing.T, env []string, args ...string) map[string]any {
	t.Helper()
	c := command(t, append(args, "config", "print")...)
	c.Env = append(c.Env, env...)
	code, stdout, stderr := outcome(t, c)
	require.Zero(t, code, stderr)
	var got map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(stdout), &got), stdout)
	return got
}

func TestAFlagGoesBeforeTheEnvironmentBeforeTheFile(t *testing.T) {
	f := file(t, "listen: 127.0.0.1:1\nsession-idle: 1m\nlogin-failures: 7\nallow-origin: [https://a.example, https://b.example]\nbehind-proxy: true\n")
	got := printed(t, nil)
	require.Equal(t, "127.0.0.1:8080", got["listen"])
	require.Equal(t, "30m0s", got["session-idle"])
	require.Equal(t, "embedded:./data", got["store"])
	got = printed(t, nil, "--config", f)
	require.Equal(t, "127.0.0.1:1", got["listen"])
	require.Equal(t, "1m0s", got["session-idle"])
	require.Equal(t, 7, got["login-failures"])
	require.Equal(t, []any{"https://a.example", "https://b.example"}, got["allow-origin"])
	require.Equal(t, true, got["behind-proxy"])
	env := []string{"CONFAB_LISTEN=127.0.0.1:2", "CONFAB_SESSION_IDLE=2m"}
	got = printed(t, env, "--config", f)
	require.Equal(t, "127.0.0.1:2", got["listen"])
	require.Equal(t, "2m0s", got["session-idle"])
	require.Equal(t, 7, got["login-failures"])
	c := command(t, "--config", f, "config", "print", "--listen", "127.0.0.1:3")
	c.Env = append(c.Env, env...)
	code, stdout, _ := outcome(t, c)
	require.Zero(t, code)
	require.Contains(t, stdout, "listen: 127.0.0.1:3\n")
	got = printed(t, append(env, "CONFAB_CONFIG="+f))
	require.Equal(t, 7, got["login-failures"], "the file too may stand in the environment")
}

func TestSecretsAreMasked(t *testing.T) {
	f := file(t, "admin-login: administrator\nadmin-password: hunter2\nadmin-token: t0ken\nstore: cassandra://me:hunter2@host.example/chat\n"+
		"nats: nats://me:hunter2@one.example:4222,nats://you:hunter2@two.example:4222\ncluster-routes: [nats://me:hunter2@host.example:6222]\n")
	code, stdout, stderr := outcome(t, command(t, "--config", f, "config", "print"))
	require.Zero(t, code, stderr)
	require.NotContains(t, stdout, "hunter2")
	require.NotContains(t, stdout, "t0ken")
	require.Contains(t, stdout, "admin-login: administrator")
	require.Contains(t, stdout, "cassandra://me:********@host.example/chat")
	require.NotContains(t, stdout, "admin-password:")
	require.NotContains(t, stdout, "admin-token:")
	require.Contains(t, stdout, "nats: nats://me:********@one.example:4222,nats://you:********@two.example:4222")
	require.Contains(t, stdout, "- nats://me:********@host.example:6222")

	// What was printed is no secret: asterisks are not accepted as a password.
	code, _, stderr = outcome(t, command(t, "config", "check", "--store", "cassandra://me:********@host.example/chat"))
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "--store holds ********")
	code, _, stderr = outcome(t, command(t, "config", "check", "--admin-login", "root", "--admin-password", "********"))
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "--admin-password holds ********")
}

func TestSecretsFromFiles(t *testing.T) {
	check := func(want int, says string, args ...string) {
		t.Helper()
		code, _, stderr := outcome(t, command(t, append([]string{"config", "check", "--admin-login", "root"}, args...)...))
		require.Equal(t, want, code, stderr)
		require.Contains(t, stderr, says)
	}
	secret := file(t, "hunter2\n")
	check(0, "", "--admin-password-file", secret, "--admin-token-file", file(t, "t0ken"))
	check(2, "not both", "--admin-password-file", secret, "--admin-password", "x")
	check(2, "cannot be read", "--admin-token-file", secret+".none")
	check(2, "is empty", "--admin-token-file", file(t, "\n"))
	s := settings{AdminLogin: "root", AdminPasswordFile: secret}
	require.NoError(t, s.readSecrets())
	require.NoError(t, os.Remove(secret), "a file is read once: it may be a pipe")
	require.NoError(t, s.readSecrets())
	require.Equal(t, "hunter2", s.node(nil).Admin.Password, "the line's end is none of it")
}

// What config print writes is taken by --config.
func TestPrintedSettingsCanBeRead(t *testing.T) {
	code, stdout, _ := outcome(t, command(t, "config", "print"))
	require.Zero(t, code)
	code, again, stderr := outcome(t, command(t, "--config", file(t, stdout), "config", "print"))
	require.Zero(t, code, stderr)
	require.Equal(t, stdout, again)
}

// Variables for confab admin do not stop serve. A token for serve without a login does.
func TestATokenForTheAdminCommandsIsNotServes(t *testing.T) {
	check := func(want int, env []string, args ...string) string {
		t.Helper()
		c := command(t, append([]string{"config", "check"}, args...)...)
		c.Env = append(c.Env, env...)
		code, _, stderr := outcome(t, c)
		require.Equal(t, want, code, stderr)
		return stderr
	}
	check(0, []string{"CONFAB_ADMIN_TOKEN=t"})
	check(2, []string{"CONFAB_ADMIN_TOKEN=t"}, "--admin-token", "other")
	says := check(2, []string{"CONFAB_ADMIN_TOKEN=t", "CONFAB_ADMIN_PASSWORD=p"})
	require.Contains(t, says, "CONFAB_ADMIN_LOGIN")
}

func TestMisspeltNamesInTheEnvironmentAreSaid(t *testing.T) {
	c := command(t, "config", "check")
	c.Env = append(c.Env, "CONFAB_LISTN=:1", "CONFAB_ADMINLOGIN=ann", "CONFAB_RETENTION=30d", "CONFAB_ZZZZZZ=1", "CONFAB_CACHE=/tmp", "CONFAB_TEST_X=1",
		"CONFAB_PORT=tcp://10.0.0.1:80", "CONFAB_SERVICE_HOST=10.0.0.1")
	code, _, stderr := outcome(t, c)
	require.Zero(t, code, stderr)
	require.Equal(t, []string{
		"confab: CONFAB_ADMINLOGIN in the environment is no setting of confab and is ignored; the nearest name is CONFAB_ADMIN_LOGIN",
		"confab: CONFAB_LISTN in the environment is no setting of confab and is ignored; the nearest name is CONFAB_LISTEN",
		"confab: CONFAB_ZZZZZZ in the environment is no setting of confab and is ignored",
	}, strings.Split(strings.TrimSpace(stderr), "\n"))
}

// shared checks settings of a server that shares its store.
func shared(args ...string) []string {
	return append([]string{"config", "check", "--store", "cassandra://host.example/chat"}, args...)
}

func TestExitStatuses(t *testing.T) {
	blocked := file(t, "") // a file where a folder has to be
	for name, c := range map[string]struct {
		args   []string
		status int
		says   string
	}{
		"right settings":     {[]string{"config", "check"}, 0, ""},
		"help":               {[]string{"--help"}, 0, ""},
		"help of a command":  {[]string{"serve", "--help"}, 0, ""},
		"version":            {[]string{"version"}, 0, ""},
		"no command":         {nil, 2, "confab"},
		"unknown command":    {[]string{"frobnicate"}, 2, "frobnicate"},
		"unknown flag":       {[]string{"serve", "--frobnicate"}, 2, "frobnicate"},
		"not a number":       {[]string{"serve", "--login-failures", "x"}, 2, "login-failures"},
		"bad address":        {[]string{"serve", "--listen", "nowhere"}, 2, "--listen"},
		"bad store":          {[]string{"serve", "--store", "mysql://x"}, 2, "--store"},
		"bad Cassandra URL":  {[]string{"config", "check", "--store", "cassandra://"}, 2, "--store"},
		"bad public URL":     {[]string{"config", "check", "--public-url", "chat.example"}, 2, "--public-url"},
		"origin with a path": {[]string{"config", "check", "--allow-origin", "https://x.example/y"}, 2, "--allow-origin"},
		"idle of nothing":    {[]string{"config", "check", "--session-idle", "0s"}, 2, "--session-idle"},
		"negative failures":  {[]string{"config", "check", "--login-failures=-1"}, 2, "--login-failures"},
		"right retention":    {[]string{"config", "check", "--retention", "90d"}, 0, ""},
		"kept for ever":      {[]string{"config", "check", "--retention", ""}, 0, ""},
		"kept for ever, too": {[]string{"--config", file(t, "retention: 0\n"), "config", "check"}, 0, ""},
		"bad retention":      {[]string{"serve", "--retention", "90 days"}, 2, "--retention \"90 days\" has to be like 90d"},
		"short retention":    {[]string{"--config", file(t, "retention: 5m\n"), "config", "check"}, 2, "--retention"},
		"default retention":  {[]string{"config", "check", "--retention", "default"}, 2, "--retention"},
		"a bus, embedded":    {[]string{"serve", "--cluster-listen", ":6222"}, 2, "with --store embedded:./data there is only this one"},
		"NATS, embedded":     {[]string{"serve", "--nats", "nats://one.example"}, 2, "with --store embedded:./data there is only this one"},
		"routes, embedded":   {[]string{"serve", "--cluster-routes", "nats://one.example:6222"}, 2, "with --store embedded:./data there is only this one"},
		"right routes":       {shared("--cluster-listen", ":6222", "--cluster-routes", "nats://one.example:6222"), 0, ""},
		"right NATS":         {shared("--nats", "nats://one.example,nats://two.example"), 0, ""},
		"routes, no bus":     {shared("--cluster-routes", "nats://one.example:6222"), 2, "--cluster-routes needs --cluster-listen"},
		"two buses":          {shared("--cluster-listen", ":6222", "--nats", "nats://one.example"), 2, "either"},
		"NATS and routes":    {shared("--nats", "nats://one.example", "--cluster-routes", "nats://one.example:6222"), 2, "either"},
		"bad bus address":    {shared("--cluster-listen", "6222"), 2, "--cluster-listen"},
		"bad bus port":       {shared("--cluster-listen", ":bus"), 2, "--cluster-listen"},
		"one address, twice": {shared("--listen", ":6222", "--cluster-listen", ":6222"), 2, "an address of its own"},
		"bad scheme":         {shared("--cluster-listen", ":6222", "--cluster-routes", "http://one.example:6222"), 2, "nats://HOST:PORT"},
		"route, no port":     {shared("--cluster-listen", ":6222", "--cluster-routes", "nats://one.example"), 2, "nats://HOST:PORT"},
		"token, no login":    {[]string{"config", "check", "--admin-token", "x"}, 2, "--admin-login"},
		"unknown level":      {[]string{"config", "check", "--log-level", "loud"}, 2, "log-level"},
		"no such file":       {[]string{"--config", "/no/such/file.yaml", "config", "check"}, 2, "/no/such/file.yaml"},
		"no YAML":            {[]string{"--config", file(t, "a: [b"), "config", "check"}, 2, "YAML"},
		"unknown setting":    {[]string{"--config", file(t, "lisen: :1\n"), "config", "check"}, 2, "lisen"},
		"a mapping":          {[]string{"--config", file(t, "listen: {a: b}\n"), "config", "check"}, 2, "listen"},
		"a folder is a file": {[]string{"serve", "--listen", "127.0.0.1:0", "--store", "embedded:" + blocked}, 1, "folder"},
		"admin, no password": {[]string{"serve", "--listen", "127.0.0.1:0", "--admin-login", "administrator"}, 1, "password"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := outcome(t, command(t, c.args...))
			require.Equal(t, c.status, code, stderr)
			require.Contains(t, stderr, c.says)
			require.NotContains(t, stderr, "goroutine")
		})
	}
}
