package cassandra

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gocql/gocql"
)

// Config says which cluster and how to talk to it.
type Config struct {
	Hosts    []string // HOST:PORT each, at least one
	User     string   // empty: no authentication
	Password string
	Keyspace string
	// DC is the local data centre; empty: that of the first host that answers.
	DC string
	// RF is the number of copies in DC. A keyspace that is created has that many, one that exists has to have them. 0: 1
	// for a new keyspace, and any number.
	RF int
	// Consistency is that of all reads and writes that are no lightweight transactions.
	Consistency gocql.Consistency
	// Serial selects the replicas that decide lightweight transactions: those of all data centres (gocql.Serial), or
	// those of DC (gocql.LocalSerial). The latter is correct only if all servers of the keyspace use the same DC.
	Serial gocql.SerialConsistency
	// Timeout is that of a whole request whose context has no deadline. One attempt may take two fifths of it, so that
	// another node can be tried if one does not answer.
	Timeout time.Duration
	// TLS encrypts the connections; nil: they are not encrypted.
	TLS *TLS
}

const (
	scheme         = "cassandra://"
	defaultPort    = "9042"
	defaultTimeout = 5 * time.Second
)

var (
	keyspacePattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,47}$`)
	dcPattern       = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)
)

// ParseURL reads cassandra://[user[:password]@]HOST[:PORT][,HOST[:PORT]…]/KEYSPACE
// with the optional parameters dc, rf, consistency, serial_consistency, timeout, tls and those that begin with tls_. Its
// errors say what is wrong and never hold the password. It reads no files; see Check.
func ParseURL(s string) (Config, error) {
	c := Config{Consistency: gocql.LocalQuorum, Serial: gocql.Serial, Timeout: defaultTimeout}
	rest, ok := strings.CutPrefix(s, scheme)
	if !ok {
		return Config{}, fmt.Errorf("a Cassandra URL starts with %s", scheme)
	}
	// net/url knows one host only, so the authority is read here.
	rest, query, _ := strings.Cut(rest, "?")
	authority, keyspace, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		if err := c.parseUser(authority[:at]); err != nil {
			return Config{}, err
		}
		authority = authority[at+1:]
	}
	for _, host := range strings.Split(authority, ",") {
		h, err := parseHost(host)
		if err != nil {
			return Config{}, err
		}
		c.Hosts = append(c.Hosts, h)
	}
	if !keyspacePattern.MatchString(keyspace) {
		return Config{}, fmt.Errorf("the Cassandra URL needs a keyspace after the hosts, as in %s127.0.0.1/confab: "+
			"lower-case letters, digits and _, at most 48, a letter first", scheme)
	}
	c.Keyspace = keyspace
	if err := c.parseQuery(query); err != nil {
		return Config{}, err
	}
	if c.Serial == gocql.LocalSerial && c.DC == "" {
		// A server without dc would decide in the data centre of the host that answers first.
		return Config{}, fmt.Errorf("serial_consistency=local_serial in the Cassandra URL needs dc: the data centre that decides, the same for all servers")
	}
	return c, nil
}

func (c *Config) parseUser(s string) error {
	user, password, _ := strings.Cut(s, ":")
	var err error
	if c.User, err = url.PathUnescape(user); err != nil || c.User == "" {
		return fmt.Errorf("the user in the Cassandra URL must be USER or USER:PASSWORD, percent-encoded")
	}
	if c.Password, err = url.PathUnescape(password); err != nil {
		return fmt.Errorf("the password in the Cassandra URL is not percent-encoded properly")
	}
	return nil
}

func parseHost(s string) (string, error) {
	host, port := s, defaultPort
	if strings.HasPrefix(s, "[") || strings.Contains(s, ":") {
		var err error
		if strings.HasSuffix(s, "]") {
			s += ":" + defaultPort
		}
		if host, port, err = net.SplitHostPort(s); err != nil {
			return "", fmt.Errorf("the Cassandra URL has a bad host %q: it must be HOST or HOST:PORT", s)
		}
	}
	if host == "" || strings.ContainsAny(host, " /@") {
		return "", fmt.Errorf("the Cassandra URL has an empty or bad host")
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "", fmt.Errorf("the Cassandra URL has a bad port %q", port)
	}
	return net.JoinHostPort(host, port), nil
}

var consistencies = map[string]gocql.Consistency{
	"local_quorum": gocql.LocalQuorum,
	"quorum":       gocql.Quorum,
	"all":          gocql.All,
}

var serialConsistencies = map[string]gocql.SerialConsistency{
	"serial":       gocql.Serial,
	"local_serial": gocql.LocalSerial,
}

func (c *Config) parseQuery(s string) error {
	values, err := url.ParseQuery(s)
	if err != nil {
		return fmt.Errorf("the parameters of the Cassandra URL are not encoded properly")
	}
	for name, list := range values {
		if len(list) > 1 {
			return fmt.Errorf("the Cassandra URL has %s twice", name)
		}
		v := list[0]
		switch name {
		case "dc":
			if !dcPattern.MatchString(v) {
				return fmt.Errorf("the Cassandra URL has a bad dc %q", v)
			}
			c.DC = v
		case "rf":
			if c.RF, err = strconv.Atoi(v); err != nil || c.RF < 1 || c.RF > 100 {
				return fmt.Errorf("rf in the Cassandra URL must be a number from 1 to 100, not %q", v)
			}
		case "consistency":
			var ok bool
			// With a weaker consistency, reads would miss acknowledged writes.
			if c.Consistency, ok = consistencies[strings.ToLower(v)]; !ok {
				return fmt.Errorf("consistency in the Cassandra URL must be local_quorum, quorum or all, not %q", v)
			}
		case "serial_consistency":
			var ok bool
			if c.Serial, ok = serialConsistencies[strings.ToLower(v)]; !ok {
				return fmt.Errorf("serial_consistency in the Cassandra URL must be serial (all data centres decide together) or "+
					"local_serial (the data centre that all servers use decides alone), not %q", v)
			}
		case "timeout":
			if c.Timeout, err = time.ParseDuration(v); err != nil || c.Timeout < 10*time.Millisecond || c.Timeout > 10*time.Minute {
				return fmt.Errorf("timeout in the Cassandra URL must be a time from 10ms to 10m, such as 5s, not %q", v)
			}
		default:
			if !isTLSParameter(name) {
				return fmt.Errorf("the Cassandra URL has an unknown parameter %q: there are dc, rf, consistency, serial_consistency, timeout, tls, "+
					"tls_ca, tls_cert, tls_key, tls_server_name and tls_verify", name)
			}
			if err := c.parseTLS(name, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// String returns the URL of c without the password.
func (c Config) String() string {
	s := scheme
	if c.User != "" {
		s += url.PathEscape(c.User) + ":***@"
	}
	return s + strings.Join(c.Hosts, ",") + "/" + c.Keyspace
}

// eachAttempt is c for a session whose statements are retried on another node.
func (c Config) eachAttempt() Config {
	c.Timeout = c.Timeout * 2 / 5
	return c
}

// GoString keeps the password out of %#v too.
func (c Config) GoString() string { return c.String() }
