package main

import (
	"fmt"
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

// A password of digits is no number: it is the text that is written.
func TestSettingsAreTheTextThatIsWritten(t *testing.T) {
	for _, text := range []string{"0123456712", "0x1234abcd99", "12_345_678", "123456.7890", "12345678901234567890123", "2026-11-27", "1e3", "0o17", "+7", ".5"} {
		got := printed(t, nil, "--config", file(t, "admin-login: "+text+"\n"))
		require.Equal(t, text, fmt.Sprint(got["admin-login"]))
	}
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
	password, name := "", secret
	require.NoError(t, readSecret("--admin-password", &password, &name))
	require.NoError(t, os.Remove(secret), "a file is read once: it may be a pipe")
	require.NoError(t, readSecret("--admin-password", &password, &name))
	require.Equal(t, "hunter2", password, "the line's end is none of it")
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

func TestUnknownNamesInTheEnvironmentAreSaid(t *testing.T) {
	c := command(t, "config", "check")
	c.Env = append(c.Env, "CONFAB_ADMINS_LOGINS_OF=ann", "CONFAB_RETENTION=30d", "CONFAB_ZZZZZZ=1", "CONFAB_CACHE=/tmp", "CONFAB_TEST_X=1",
		"CONFAB_PORT=tcp://10.0.0.1:80", "CONFAB_SERVICE_HOST=10.0.0.1", "CONFAB_HOST=10.0.0.1", "CONFAB_REPLICAS=3")
	code, _, stderr := outcome(t, c)
	require.Zero(t, code, stderr)
	require.Equal(t, []string{
		"confab: CONFAB_ADMINS_LOGINS_OF in the environment is no setting of confab and is ignored; the nearest name is CONFAB_ADMIN_LOGIN",
		"confab: CONFAB_HOST in the environment is no setting of confab and is ignored; the nearest name is CONFAB_MOST",
		"confab: CONFAB_REPLICAS in the environment is no setting of confab and is ignored",
		"confab: CONFAB_ZZZZZZ in the environment is no setting of confab and is ignored",
	}, strings.Split(strings.TrimSpace(stderr), "\n"))
}

// A setting that is misspelt would silently not be set.
func TestMisspeltNamesInTheEnvironmentAreErrors(t *testing.T) {
	for name, meant := range map[string]string{"CONFAB_LISTN": "LISTEN", "CONFAB_ADMINLOGIN": "ADMIN_LOGIN", "CONFAB_RETENTIONS": "RETENTION",
		"CONFAB_ADMIN_PASSWORDFILE": "ADMIN_PASSWORD_FILE", "CONFAB_PUBLIC_URI": "PUBLIC_URL"} {
		c := command(t, "config", "check")
		c.Env = append(c.Env, name+"=x")
		code, stdout, stderr := outcome(t, c)
		require.Equal(t, 2, code, name)
		require.Equal(t, "confab: "+name+" in the environment is no setting of confab: is CONFAB_"+meant+" meant?\n", stderr)
		require.Empty(t, stdout, "nothing else is done")
	}
	// It is none of this command.
	c := command(t, "version")
	c.Env = append(c.Env, "CONFAB_LISTN=:1")
	code, _, stderr := outcome(t, c)
	require.Zero(t, code)
	require.Contains(t, stderr, "the nearest name is CONFAB_LISTEN")
}

// A key of another command has no effect, and so does a misspelt one. What serve reads may be in the file of any command.
func TestKeysOfAnotherCommandAreErrors(t *testing.T) {
	for content, says := range map[string]string{"keep-messages: true\n": "a flag of another command", "listn: x\n": "there is no setting"} {
		code, _, stderr := outcome(t, command(t, "--config", file(t, content), "config", "check"))
		require.Equal(t, 2, code)
		require.Contains(t, stderr, says)
	}
	code, _, stderr := outcome(t, command(t, "--config", file(t, "listen: 127.0.0.1:1\nroom: lounge\nstore: embedded:nowhere\n"), "export", "file"))
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "no such data folder", "room is a flag of export, listen a setting of serve")
}

// The mask stands for a secret that was left out, wherever it comes from.
func TestTheMaskIsNoSecret(t *testing.T) {
	url := "cassandra://me:********@h/k"
	for _, args := range [][]string{{"config", "check", "--store", url}, {"schema", "check", "--store", url}, {"export", "--store", url, "-"},
		{"import", "--store", url, "-"}, {"import", "irc", "--room", "x", "--store", url, "config_test.go"}, {"admin", "rooms", "buckets", "--store", url, "x"},
		{"admin", "rooms", "list", "--token", "********"}, {"bench", "bare-insert", "--cassandra", url}, {"config", "print", "--nats-password", "********"},
		{"config", "check", "--admin-login", "root", "--admin-password-file", file(t, "********\n")}, {"--config", file(t, "admin-token: '********'\n"), "config", "check"}} {
		c := command(t, args...)
		require.NoError(t, os.WriteFile(filepath.Join(c.Dir, "config_test.go"), nil, 0o600))
		code, _, stderr := outcome(t, c)
		require.Equal(t, 2, code, "%s: %s", args, stderr)
		require.Contains(t, stderr, "holds ********", args)
	}
}

// What serve would refuse, whatever the store holds, config check refuses too.
func TestConfigCheckRefusesWhatServeRefuses(t *testing.T) {
	for says, args := range map[string][]string{
		"with a port from 0 to 65535": {"--listen", "127.0.0.1:70000"},
		"3 to 31 letters":             {"--admin-login", "an administrator", "--admin-password", "secret"},
		"author of system messages":   {"--admin-login", "killrchat", "--admin-password", "secret"},
		"more than":                   {"--admin-login", "root", "--admin-password", strings.Repeat("x", 10_000)},
		"like nats://HOST:PORT":       {"--store", "cassandra://h/k", "--nats", "nats://host:70000"},
		"cannot be read":              {"--store", "cassandra://h/k?tls_ca=/nowhere.pem"},
	} {
		for _, command1 := range [][]string{{"config", "check"}, {"serve"}} {
			code, _, stderr := outcome(t, command(t, append(command1, args...)...))
			require.Equal(t, 2, code, "%s %s", command1, stderr)
			require.Contains(t, stderr, says)
		}
	}
}

func TestThePasswordOfTheStore(t *testing.T) {
	check := func(want int, says string, args ...string) {
		t.Helper()
		code, _, stderr := outcome(t, command(t, append([]string{"config", "check"}, args...)...))
		require.Equal(t, want, code, stderr)
		require.Contains(t, stderr, says)
		require.NotContains(t, stderr, "hunter2")
	}
	secret := file(t, "hunter2\n")
	check(0, "", "--store", "cassandra://me@h/k", "--store-password-file", secret)
	check(0, "", "--store", "cassandra://me@h/k", "--store-password", "hunter2")
	check(2, "needs a password", "--store", "cassandra://me@h/k")
	check(2, "needs a user", "--store", "cassandra://h/k", "--store-password", "hunter2")
	check(2, "not both", "--store", "cassandra://me:hunter2@h/k", "--store-password", "hunter2")
	check(2, "not both", "--store", "cassandra://me@h/k", "--store-password", "hunter2", "--store-password-file", secret)
	check(2, "for a Cassandra", "--store-password", "hunter2")
	check(2, "--store \"casandra://me:********@h/k\"", "--store", "casandra://me:hunter2@h/k")
	check(0, "", "--store", "cassandra://h/k", "--nats", "nats://me@a,nats://me@b", "--nats-password-file", secret)
	check(2, "needs a user", "--store", "cassandra://h/k", "--nats", "nats://a", "--nats-password-file", secret)

	s := storeSettings{Store: "cassandra://me@h/k", StorePasswordFile: secret}
	for range 2 { // of a pipe, only the first time would find it
		c, err := s.cassandra()
		require.NoError(t, err)
		require.Equal(t, "me", c.User)
		require.Equal(t, "hunter2", c.Password)
		require.NoError(t, os.WriteFile(secret, nil, 0o600))
	}
	require.NotContains(t, s.where(), "hunter2")
	urls, ok := withPassword("nats://me@a:1, tls://you@b", "p@ss/:w")
	require.True(t, ok)
	require.Equal(t, "nats://me:p%40ss%2F%3Aw@a:1,tls://you:p%40ss%2F%3Aw@b", urls)
}

func TestMaskURL(t *testing.T) {
	for given, want := range map[string]string{
		"cassandra://h/k":                  "cassandra://h/k",
		"cassandra://me@h/k":               "cassandra://me@h/k",
		"cassandra://me:hunter2@h/k":       "cassandra://me:********@h/k",
		"cassandra://me:hun@ter/2?@h/k":    "cassandra://me:********@h/k",
		"nats://hunter2@h:4222":            "nats://********@h:4222",
		"tls://me:hunter2@h":               "tls://me:********@h",
		"embedded:/data/someone@somewhere": "embedded:/data/someone@somewhere",
	} {
		require.Equal(t, want, maskURL(given))
	}
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
		"public URL, a path": {[]string{"config", "check", "--public-url", "https://chat.example/talk"}, 2, "--public-url"},
		"public URL, slash":  {[]string{"config", "check", "--public-url", "https://chat.example/"}, 0, ""},
		"origin with a path": {[]string{"config", "check", "--allow-origin", "https://x.example/y"}, 2, "--allow-origin"},
		"idle of nothing":    {[]string{"config", "check", "--session-idle", "0s"}, 2, "--session-idle"},
		"negative failures":  {[]string{"config", "check", "--login-failures=-1"}, 2, "--login-failures"},
		"right limits":       {[]string{"config", "check", "--limits", "off", "--limit", "posts=600,sockets=0", "--limit", "sign-ups=5"}, 0, ""},
		"limits in a file":   {[]string{"--config", file(t, "limit: [posts=600, sign-ups=5]\n"), "config", "check"}, 0, ""},
		"limit of nothing":   {[]string{"config", "check", "--limit", "post=600"}, 2, "there are changes, connections, edits"},
		"limit of no number": {[]string{"config", "check", "--limit", "posts=many"}, 2, "has to be like posts=600"},
		"a certificate only": {[]string{"config", "check", "--tls-cert", "x.pem"}, 2, "belong together"},
		"no certificate":     {[]string{"config", "check", "--tls-cert", file(t, "x"), "--tls-key", file(t, "y")}, 2, "have to be a certificate and its key"},
		"TLS and http":       {[]string{"config", "check", "--tls-cert", "x", "--tls-key", "y", "--public-url", "http://x.example"}, 2, "has to be https"},
		"a limit twice":      {[]string{"config", "check", "--limit", "posts=3,posts=4"}, 2, "names posts twice"},
		"negative limit":     {[]string{"config", "check", "--limit", "posts=-1"}, 2, "has to be like posts=600"},
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
		"two documents":      {[]string{"--config", file(t, "listen: :1\n---\nlisten: :2\n"), "config", "check"}, 2, "one document"},
		"another file":       {[]string{"--config", file(t, "config: other.yaml\n"), "config", "check"}, 2, "names no other one"},
		"a key twice":        {[]string{"--config", file(t, "listen: :1\nlisten: :2\n"), "config", "check"}, 2, "\"listen\" is there twice"},
		"no settings":        {[]string{"--config", file(t, "# nothing\n"), "config", "check"}, 0, ""},
		"only a text":        {[]string{"--config", file(t, "listen\n"), "config", "check"}, 2, "like listen: 127.0.0.1:8080"},
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
