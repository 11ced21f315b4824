package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/files/buckets"
	"github.com/confab-chat/confab/pkg/limit"
	"github.com/confab-chat/confab/pkg/outbound"
	"github.com/confab-chat/confab/pkg/server"
	"github.com/confab-chat/confab/pkg/store/cassandra"
	"github.com/confab-chat/confab/pkg/tenant"
)

// storeSettings say where the data is.
type storeSettings struct {
	Store             string `help:"Where the data is: embedded:PATH, or cassandra://[USER@]HOST[:PORT],HOST…/KEYSPACE?dc=…&rf=…; ${default} if not given." default:"embedded:./data" placeholder:"URL"`
	StorePassword     string `help:"Password of the user in --store." placeholder:"PASSWORD"`
	StorePasswordFile string `help:"File that holds that password instead." placeholder:"PATH"`
}

// logSettings say what is logged and how; the log goes to standard error.
type logSettings struct {
	LogLevel  string `help:"Least important level that is logged: ${enum}." enum:"debug,info,warn,error" default:"info"`
	LogFormat string `help:"Form of the log: ${enum}." enum:"text,json" default:"text"`
}

// settings are all settings of serve.
type settings struct {
	Listen  string `help:"Address to listen at; ${default} if not given." default:"127.0.0.1:8080" placeholder:"ADDR"`
	TLSCert string `name:"tls-cert" help:"File with the server's certificate, and those that vouch for it, in PEM: browsers then reach --listen by https. Read anew when it changes." placeholder:"PATH"`
	TLSKey  string `name:"tls-key" help:"File with the key of that certificate." placeholder:"PATH"`
	storeSettings
	AutoSchema bool `help:"Apply missing Cassandra migrations on start." default:"true" negatable:""`

	PublicURL   string   `help:"Address under which browsers reach the server, if it is not the one it listens at; with https, cookies are marked Secure." placeholder:"URL"`
	AllowOrigin []string `help:"Further web origins whose pages may act for logged-in users." placeholder:"ORIGIN"`
	BehindProxy bool     `help:"Trust the last entry of X-Forwarded-For: a proxy in front writes it."`

	SessionIdle     time.Duration `help:"How long a session lives without use." default:"30m"`
	RememberGrace   time.Duration `help:"How long the previous token of a remembered login stays good." default:"10s"`
	LoginFailures   *int          `help:"Failed logins a minute allowed for one login from one address; 0 for any number. 60 if not given."`
	Limits          string        `help:"Whether limits that are not given have their defaults (on) or are none (off): ${enum}. Off is for tests and load generators." enum:"on,off" default:"on"`
	Limit           []string      `help:"How much of something one user may do (sign-ups: one address), as in posts=600,sockets=0; 0 for any number. README.md has the names and what holds if they are not given." placeholder:"NAME=N"`
	ShowEmail       string        `help:"Who sees a user's e-mail address: ${enum}. Owner means the user and administrators." enum:"everyone,owner" default:"everyone"`
	SignUp          string        `help:"Who may sign up: ${enum}. Invite means who has an invitation that an administrator has made, closed nobody." enum:"open,invite,closed" default:"open"`
	PasswordMin     int           `help:"Least length of a new password, in characters; ${default} if not given." default:"8"`
	PasswordHashes  int           `help:"Passwords hashed at once; 0 for half as many as there are processors." default:"0"`
	Memory          string        `help:"Memory that the server may use, as in 512MiB or 2GiB; if not given, nine tenths of what its container or cgroup may have, otherwise half of the machine's." placeholder:"SIZE"`
	ShutdownTimeout time.Duration `help:"How long a stop waits for requests under way." default:"15s"`

	Retention string `help:"How long messages are kept, as in 90d or 36h; 0 for ever. Rooms may say otherwise." default:"0" placeholder:"TIME"`

	AuditRetention string `help:"How long the audit trail is kept, as in 365d; ${default} if not given." default:"90d" placeholder:"TIME"`

	ClusterListen string   `help:"Address where the embedded bus waits for other nodes, HOST:PORT; without it and --nats this node is alone." placeholder:"ADDR"`
	ClusterRoutes []string `help:"Where other nodes' buses wait, nats://HOST:PORT; one that is reachable is enough." placeholder:"URL"`
	Nats          string   `help:"An outside NATS instead of the embedded bus." placeholder:"URL"`

	NatsPassword     string `help:"Password of the user in --nats." placeholder:"PASSWORD"`
	NatsPasswordFile string `help:"File that holds that password instead." placeholder:"PATH"`

	Heartbeat time.Duration `help:"Heart-beat offered to STOMP clients; 0 for none." default:"10s"`

	AdminLogin           string        `help:"Login of an administrator to make sure of on start." placeholder:"LOGIN"`
	AdminPassword        string        `help:"Password of that administrator." placeholder:"PASSWORD"`
	AdminToken           string        `help:"API token of that administrator." placeholder:"TOKEN"`
	AdminPasswordFile    string        `help:"File that holds the password instead." placeholder:"PATH"`
	AdminTokenFile       string        `help:"File that holds the token instead." placeholder:"PATH"`
	DefaultApp           string        `help:"Organisation and app, ORG/APP, that show the chat API's own users on the platform, or none; ${default} if not given." default:"confab/chat" placeholder:"ORG/APP"`
	OrgRegistration      string        `help:"Who may make organisations on the platform: ${enum}. Closed means the administrator of the server." enum:"closed,open" default:"closed"`
	RequireTLS           bool          `name:"require-tls" help:"Refuse calls of the platform that carry a secret over plain HTTP from other machines."`
	SealKey              string        `help:"File with the key of secrets that can be shown again; without it the store has one. An export carries such secrets only with it." placeholder:"PATH"`
	Files                string        `help:"Where files that people send are: file:///PATH, a folder that all servers share, or s3://BUCKET?region=…; without it, an embedded store has them in its folder and a Cassandra in itself." placeholder:"URL"`
	MaxFileBytes         int64         `help:"Greatest size of a file that is sent to a room, in bytes; ${default} if not given." default:"26214400" placeholder:"N"`
	OutboundAllow        []string      `help:"Networks that are not of the public Internet and that callbacks of the platform may reach all the same, as in 10.1.0.0/16." placeholder:"CIDR"`
	CallbackDisableAfter time.Duration `help:"For how long all attempts of a callback rule have to fail until it is switched off." default:"72h"`
	BackupDir            string        `help:"Folder below which administrators may have backups of an embedded store made; without it, the data folder's name and -backups." placeholder:"PATH"`

	logSettings
}

// check reads the files with secrets, and returns the first setting that is wrong, with what to do about it.
func (s *settings) check() error {
	if !isAddress(s.Listen) {
		return badSetting("--listen %q has to be HOST:PORT or :PORT, with a port from 0 to 65535", s.Listen)
	}
	if err := s.storeSettings.check(); err != nil {
		return err
	}
	if err := s.checkTLS(); err != nil {
		return err
	}
	if s.PublicURL != "" && !isOrigin(s.PublicURL) {
		return badSetting("--public-url %q has to be like https://chat.example.org, without a path: the server needs the root of its address", s.PublicURL)
	}
	for _, o := range s.AllowOrigin {
		if !isOrigin(o) {
			return badSetting("--allow-origin %q has to be like https://app.example.org, without a path", o)
		}
	}
	for name, d := range map[string]time.Duration{"session-idle": s.SessionIdle, "shutdown-timeout": s.ShutdownTimeout} {
		if d <= 0 {
			return badSetting("--%s has to be more than 0, as in 30m", name)
		}
	}
	if s.RememberGrace < 0 || s.LoginFailures != nil && *s.LoginFailures < 0 || s.PasswordHashes < 0 {
		return badSetting("--remember-grace, --login-failures and --password-hashes may not be negative")
	}
	if _, err := s.limits(); err != nil {
		return err
	}
	if err := tenant.CheckDefault(s.DefaultApp); err != nil {
		return badSetting("--default-app %q has to be ORG/APP, as in confab/chat, or none", s.DefaultApp)
	}
	if _, err := outbound.NewGuard(s.OutboundAllow); err != nil {
		return badSetting("--outbound-allow: %s", err.Error())
	}
	if s.CallbackDisableAfter <= 0 {
		return badSetting("--callback-disable-after has to be more than 0, as in 72h")
	}
	if s.PasswordMin < 1 || s.PasswordMin > chat.MaxPassword/4 {
		return badSetting("--password-min has to be between 1 and %d", chat.MaxPassword/4)
	}
	if _, err := s.keep(); err != nil {
		return err
	}
	if _, err := s.keepAudit(); err != nil {
		return err
	}
	if _, err := s.memory(os.DirFS("/")); err != nil {
		return err
	}
	if err := s.checkCluster(); err != nil {
		return err
	}
	if err := s.checkFiles(); err != nil {
		return err
	}
	for _, err := range []error{
		readSecret("--admin-password", &s.AdminPassword, &s.AdminPasswordFile),
		readSecret("--admin-token", &s.AdminToken, &s.AdminTokenFile),
		readSecret("--nats-password", &s.NatsPassword, &s.NatsPasswordFile),
	} {
		if err != nil {
			return err
		}
	}
	if s.NatsPassword != "" {
		urls, ok := withPassword(s.Nats, s.NatsPassword)
		if !ok {
			return badSetting("--nats-password needs a user in each URL of --nats, and no password there: nats://USER@HOST:PORT")
		}
		s.Nats, s.NatsPassword = urls, ""
	}
	if s.AdminLogin == "" && (s.AdminPassword != "" || s.AdminToken != "" && !s.tokenOfCommands()) {
		return badSetting("--admin-password and --admin-token need --admin-login (CONFAB_ADMIN_LOGIN): whose they are")
	}
	if err := (auth.Admin{Login: s.AdminLogin, Password: s.AdminPassword}).Check(); err != nil {
		return settingError{fmt.Errorf("--admin-login: %w", err)}
	}
	return nil
}

// isOrigin reports whether a text is an origin, with a slash behind it or without.
func isOrigin(text string) bool {
	_, err := api.NormalOrigin(text)
	return err == nil && strings.Count(strings.TrimSuffix(text, "/"), "/") == 2 && !strings.ContainsAny(text, "?#")
}

// checkTLS returns what is wrong with the settings of the listener's TLS.
func (s settings) checkTLS() error {
	switch {
	case s.TLSCert == "" && s.TLSKey == "":
		return nil
	case s.TLSCert == "" || s.TLSKey == "":
		return badSetting("--tls-cert and --tls-key belong together: a certificate and its key")
	case strings.HasPrefix(s.PublicURL, "http:"):
		return badSetting("--public-url %q has to be https with --tls-cert", s.PublicURL)
	}
	if _, err := tls.LoadX509KeyPair(s.TLSCert, s.TLSKey); err != nil {
		return settingError{fmt.Errorf("--tls-cert and --tls-key have to be a certificate and its key, in PEM: %w", err)}
	}
	return nil
}

// mostFileBytes bounds --max-file-bytes: a file goes to S3 in 10,000 parts of 5 MiB at most.
const mostFileBytes = 40 << 30

// checkFiles returns what is wrong with the settings of files.
func (s settings) checkFiles() error {
	if s.Files != "" {
		if err := buckets.Check(s.Files); err != nil {
			return badSetting("--files %q: %v", s.Files, err)
		}
	}
	if s.MaxFileBytes < 1 || s.MaxFileBytes > mostFileBytes {
		return badSetting("--max-file-bytes has to be from 1 to %d", int64(mostFileBytes))
	}
	return nil
}

// tokenOfCommands reports whether the token comes from the environment and without a login. There it is the token that
// confab admin sends, so serve in the same shell does not use it.
func (s settings) tokenOfCommands() bool {
	return s.AdminLogin == "" && s.AdminToken != "" && (s.AdminToken == os.Getenv("CONFAB_ADMIN_TOKEN") || os.Getenv("CONFAB_ADMIN_TOKEN_FILE") != "")
}

// checkCluster returns what is wrong with the settings of the bus.
func (s settings) checkCluster() error {
	if s.ClusterListen == "" && len(s.ClusterRoutes) == 0 && s.Nats == "" {
		return nil
	}
	if strings.HasPrefix(s.Store, "embedded:") {
		return badSetting("--cluster-listen, --cluster-routes and --nats are for servers that share a Cassandra: with --store %s there is only this one, so leave them out", s.Store)
	}
	if s.Nats != "" {
		if s.ClusterListen != "" || len(s.ClusterRoutes) > 0 {
			return badSetting("--nats replaces the embedded bus: give either it or --cluster-listen and --cluster-routes")
		}
		for _, u := range strings.Split(s.Nats, ",") {
			if !isNATS(u) {
				return badSetting("each URL of --nats has to be like nats://HOST:PORT or tls://HOST:PORT")
			}
		}
		return nil
	}
	if s.ClusterListen == "" {
		return badSetting("--cluster-routes needs --cluster-listen: other servers connect to this one, too")
	}
	if !isAddress(s.ClusterListen) {
		return badSetting("--cluster-listen %q has to be HOST:PORT or :PORT", s.ClusterListen)
	}
	if s.ClusterListen == s.Listen {
		return badSetting("--cluster-listen and --listen are both %s: the bus needs an address of its own", s.Listen)
	}
	for _, u := range s.ClusterRoutes {
		if !isRoute(u) {
			return badSetting("each of --cluster-routes has to be like nats://HOST:PORT")
		}
	}
	return nil
}

func isRoute(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "nats" && u.Hostname() != "" && isPort(u.Port()) && strings.Trim(u.Path, "/") == ""
}

func isNATS(text string) bool {
	u, err := url.Parse(strings.TrimSpace(text))
	return err == nil && slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme) && u.Hostname() != "" && (u.Port() == "" || isPort(u.Port()))
}

func isAddress(text string) bool {
	_, port, err := net.SplitHostPort(text)
	return err == nil && isPort(port)
}

func isPort(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil
}

// check reads the file with the password, and returns what is wrong with the settings of the store.
func (s *storeSettings) check() error {
	kind, rest, _ := strings.Cut(s.Store, ":")
	switch {
	case kind == "embedded" && rest != "":
		if s.StorePassword != "" || s.StorePasswordFile != "" {
			return badSetting("--store-password is for a Cassandra, and --store is %s", s.Store)
		}
		return nil
	case kind == "cassandra":
		_, err := s.cassandra()
		return err
	}
	return badSetting("--store %q has to be embedded:PATH or cassandra://HOST/KEYSPACE", maskURL(s.Store))
}

// cassandra returns the Cassandra that the settings name. It reads the files with secrets and certificates.
func (s *storeSettings) cassandra() (cassandra.Config, error) {
	if !strings.HasPrefix(s.Store, "cassandra:") {
		return cassandra.Config{}, badSetting("only a Cassandra has a schema: use --store cassandra://HOST/KEYSPACE")
	}
	c, err := cassandra.ParseURL(s.Store)
	if err == nil {
		err = c.Check()
	}
	if err != nil {
		return c, settingError{fmt.Errorf("--store: %w", err)}
	}
	if err := readSecret("--store-password", &s.StorePassword, &s.StorePasswordFile); err != nil {
		return c, err
	}
	switch {
	case s.StorePassword == "" && c.User != "" && c.Password == "":
		return c, badSetting("the user in --store needs a password: give --store-password-file, or CONFAB_STORE_PASSWORD in the environment")
	case s.StorePassword != "" && c.User == "":
		return c, badSetting("--store-password needs a user in --store: cassandra://USER@HOST/KEYSPACE")
	case s.StorePassword != "" && c.Password != "":
		return c, badSetting("give --store-password or a password in --store, not both")
	case s.StorePassword != "":
		c.Password = s.StorePassword
	}
	return c, nil
}

func (s logSettings) logger() *slog.Logger { return s.loggerTo(os.Stderr) }

func (s logSettings) loggerTo(w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(s.LogLevel)) // kong has checked it
	o := &slog.HandlerOptions{Level: level, ReplaceAttr: plainError}
	if s.LogFormat == "json" {
		return slog.New(newOutages(slog.NewJSONHandler(w, o)))
	}
	return slog.New(newOutages(slog.NewTextHandler(w, o)))
}

// plainError writes an error as its sentence. The text form of slog would ask an error for all it has, which for those of
// Pebble is a stack of thirty lines.
func plainError(_ []string, a slog.Attr) slog.Attr {
	if err, ok := a.Value.Any().(error); ok {
		a.Value = slog.StringValue(err.Error())
	}
	return a
}

// backupDir is beside the data by default: on its disk a backup shares the files that do not change.
func (s settings) backupDir() string {
	dir, embedded := strings.CutPrefix(s.Store, "embedded:")
	if s.BackupDir != "" || !embedded {
		return s.BackupDir
	}
	return filepath.Clean(dir) + "-backups"
}

// limits returns the limits that are given.
func (s settings) limits() (limit.Set, error) {
	set := limit.Set{}
	for _, text := range s.Limit {
		name, number, _ := strings.Cut(text, "=")
		k := limit.Kind(strings.TrimSpace(name))
		if !slices.Contains(limit.Kinds(), k) {
			return nil, badSetting("--limit %q: there is no limit of that name; there are %s", text, kindNames(limit.Kinds()))
		}
		n, err := strconv.Atoi(strings.TrimSpace(number))
		if err != nil || n < 0 {
			return nil, badSetting("--limit %q has to be like %s=600, or %s=0 for any number", text, k, k)
		}
		if _, twice := set[k]; twice {
			return nil, badSetting("--limit names %s twice: leave one of them out", k)
		}
		set[k] = n
	}
	return set, nil
}

func kindNames(kinds []limit.Kind) string {
	out := make([]string, len(kinds))
	for i, k := range kinds {
		out[i] = string(k)
	}
	return strings.Join(out, ", ")
}

// connections returns how many connections an address may have at the same time, of as many as there may be of all; 0 for
// any number. Behind a proxy that is its own affair: all connections are the proxy's.
func (s settings) connections(all int) int {
	set, _ := s.limits() // check has seen it
	n, given := set[limit.Connections]
	switch {
	case s.BehindProxy:
		return 0
	case given:
		return n
	case s.Limits == "off":
		return 0
	}
	return min(limit.Defaults()[limit.Connections], max(1, all/2))
}

// keep returns how long messages are kept; 0 for ever.
func (s settings) keep() (time.Duration, error) {
	if s.Retention == "" || s.Retention == "0" {
		return 0, nil
	}
	r, err := chat.ParseRetention(s.Retention)
	switch {
	case err != nil || r == chat.ServerRetention:
		return 0, badSetting("--retention %q has to be like 90d or 36h, from 1h to 36500d, or 0 to keep messages for ever", s.Retention)
	case r == chat.Forever:
		return 0, nil
	}
	return time.Duration(r), nil
}

// keepAudit returns how long the audit trail is kept.
func (s settings) keepAudit() (time.Duration, error) {
	r, err := chat.ParseRetention(s.AuditRetention)
	if err != nil || r <= 0 || time.Duration(r) > 10*365*24*time.Hour {
		return 0, badSetting("--audit-retention %q has to be like 365d or 36h, from 1h to 3650d", s.AuditRetention)
	}
	return time.Duration(r), nil
}

// node returns the settings as the server takes them.
func (s settings) node(log *slog.Logger) server.Config {
	failures := 0 // the default
	switch {
	case s.LoginFailures != nil && *s.LoginFailures > 0:
		failures = *s.LoginFailures
	case s.LoginFailures != nil || s.Limits == "off":
		failures = -1
	}
	heartBeat := s.Heartbeat
	if heartBeat == 0 {
		heartBeat = -1
	}
	// check has seen that they are origins.
	public := ""
	if s.PublicURL != "" {
		public, _ = api.NormalOrigin(s.PublicURL)
	}
	var origins []string
	for _, o := range s.AllowOrigin {
		origin, _ := api.NormalOrigin(o)
		origins = append(origins, origin)
	}
	keep, _ := s.keep() // check has seen it
	audit, _ := s.keepAudit()
	limits, _ := s.limits()
	guard, _ := outbound.NewGuard(s.OutboundAllow)
	return server.Config{
		Secure: strings.HasPrefix(public, "https://") || s.TLSCert != "", Public: public, Origins: origins, Proxied: s.BehindProxy,
		SessionIdle: s.SessionIdle, RememberGrace: s.RememberGrace, LoginFailures: failures, NoLimits: s.Limits == "off", Limits: limits,
		Hashes: s.PasswordHashes, PasswordMin: s.PasswordMin, SignUp: chat.SignUpMode(s.SignUp), PrivateEmail: s.ShowEmail == "owner", Memory: s.shares(),
		Cluster:   server.Cluster{Listen: s.ClusterListen, Routes: s.ClusterRoutes, NATS: s.Nats, Store: s.where()},
		HeartBeat: heartBeat,
		Admin:     auth.Admin{Login: s.AdminLogin, Password: s.AdminPassword, Token: s.AdminToken},
		BackupDir: s.backupDir(), Files: s.Files, MaxFileBytes: s.MaxFileBytes,
		Platform: server.Platform{DefaultApp: s.DefaultApp, OpenRegistration: s.OrgRegistration == "open", RequireTLS: s.RequireTLS,
			SealKey: s.SealKey, Outbound: guard, CallbackDisableAfter: s.CallbackDisableAfter, Version: versionText()},
		Retention: keep, AuditRetention: audit,
		Log: log,
	}
}
