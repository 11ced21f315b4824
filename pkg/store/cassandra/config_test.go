package cassandra

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/stretchr/testify/require"
)

func TestParseURL(t *testing.T) {
	c, err := ParseURL("cassandra://127.0.0.1/confab")
	require.NoError(t, err)
	require.Equal(t, Config{Hosts: []string{"127.0.0.1:9042"}, Keyspace: "confab",
		Consistency: gocql.LocalQuorum, Serial: gocql.Serial, Timeout: 5 * time.Second}, c)

	c, err = ParseURL("cassandra://me:p%40ss%2F:w@db1:9043,db2,[::1]:9044,[::2]/chat_1?dc=dc-1&rf=3&consistency=QUORUM&serial_consistency=LOCAL_SERIAL&timeout=750ms")
	require.NoError(t, err)
	require.Equal(t, Config{
		Hosts: []string{"db1:9043", "db2:9042", "[::1]:9044", "[::2]:9042"},
		User:  "me", Password: "p@ss/:w", Keyspace: "chat_1", DC: "dc-1", RF: 3,
		Consistency: gocql.Quorum, Serial: gocql.LocalSerial, Timeout: 750 * time.Millisecond,
	}, c)
	withUser, err := ParseURL("cassandra://me@h/k?tls=true")
	require.NoError(t, err)
	require.Equal(t, "me", withUser.User)
	require.Empty(t, withUser.Password)
	require.Equal(t, &TLS{}, withUser.TLS)
	withUser, err = ParseURL("cassandra://me@h/k?tls_ca=/etc/ca.pem&tls_cert=c.pem&tls_key=k.pem&tls_server_name=db.example&tls_verify=false")
	require.NoError(t, err)
	require.Equal(t, &TLS{CA: "/etc/ca.pem", Cert: "c.pem", Key: "k.pem", ServerName: "db.example", SkipVerify: true}, withUser.TLS)
	for _, s := range []string{c.String(), fmt.Sprint(c), fmt.Sprintf("%v %+v %#v", c, c, c)} {
		require.NotContains(t, s, "p@ss")
		require.NotContains(t, s, "p%40ss")
		require.Contains(t, s, "db1:9043")
	}
}

func TestParseURLRefuses(t *testing.T) {
	for url, says := range map[string]string{
		"":                                                "starts with cassandra://",
		"http://127.0.0.1/confab":                         "starts with cassandra://",
		"cassandra://127.0.0.1":                           "needs a keyspace",
		"cassandra://127.0.0.1/":                          "needs a keyspace",
		"cassandra://h/Confab":                            "needs a keyspace",
		"cassandra://h/a;drop":                            "needs a keyspace",
		"cassandra://h/a/b":                               "needs a keyspace",
		"cassandra:///confab":                             "empty or bad host",
		"cassandra://a,,b/confab":                         "empty or bad host",
		"cassandra://a:x/confab":                          "bad port",
		"cassandra://a:0/confab":                          "bad port",
		"cassandra://::1/confab":                          "bad host",
		"cassandra://:secret@h/k":                         "USER:PASSWORD",
		"cassandra://h/k?tls=maybe":                       "must be true, not",
		"cassandra://h/k?tls=false":                       "must be true, not",
		"cassandra://h/k?tls_verify=maybe":                "must be true or false",
		"cassandra://h/k?tls_ca=":                         "is empty",
		"cassandra://h/k?tls_cacert=x":                    "unknown parameter",
		"cassandra://u:secret%@/k":                        "percent-encoded",
		"cassandra://h/k?rf=0":                            "rf",
		"cassandra://h/k?rf=x":                            "rf",
		"cassandra://h/k?rf=1&rf=2":                       "twice",
		"cassandra://h/k?consistency=one":                 "consistency",
		"cassandra://h/k?timeout=5":                       "timeout",
		"cassandra://h/k?serial_consistency=quorum":       "must be serial",
		"cassandra://h/k?serial_consistency=local_serial": "needs dc",
		"cassandra://h/k?timeout=-1s":                     "timeout",
		"cassandra://h/k?dc=a'b":                          "dc",
		"cassandra://h/k?datacenter=a":                    "unknown parameter",
		"cassandra://u:secret@h/k?retries=":               "unknown parameter",
		"cassandra://u:secret@h:99999/k":                  "bad port",
	} {
		_, err := ParseURL(url)
		require.ErrorContains(t, err, says, url)
		require.NotContains(t, err.Error(), "secret", url)
	}
}

func FuzzParseURL(f *testing.F) {
	f.Add("cassandra://me:pass@db1:9043,db2/chat_1?dc=dc-1&rf=3&consistency=quorum&timeout=750ms")
	f.Add("cassandra://[::1]/k")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseURL(s)
		if err != nil {
			return
		}
		require.NotEmpty(t, c.Hosts)
		require.Regexp(t, keyspacePattern, c.Keyspace)
		require.Positive(t, c.Timeout)
		if len(c.Password) > 12 && !strings.Contains(c.User+strings.Join(c.Hosts, ","), c.Password) {
			require.NotContains(t, c.String(), c.Password)
		}
	})
}
