package cassandra

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

// authority signs certificates of a test.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	// file has the authority's certificate.
	file string
}

func (a *authority) write(name, kind string, der []byte) string {
	path := filepath.Join(a.t.TempDir(), name)
	require.NoError(a.t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	return path
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	var err error
	a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	require.NoError(t, err)
	a.cert, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	a.file = a.write("ca.pem", "CERTIFICATE", der)
	return a
}

// issue returns the paths of a certificate and its key.
func (a *authority) issue(names []string, ips ...net.IP) (cert, key string) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour), DNSNames: names, IPAddresses: ips,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}, a.cert, &k.PublicKey, a.key)
	require.NoError(a.t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(k)
	require.NoError(a.t, err)
	return a.write("cert.pem", "CERTIFICATE", der), a.write("key.pem", "PRIVATE KEY", secret)
}

// encrypted returns the address of something that takes TLS and hands it on to the tests' Cassandra.
func (a *authority) encrypted(clients tls.ClientAuthType, names []string, ips ...net.IP) string {
	cert, key := a.issue(names, ips...)
	pair, err := tls.LoadX509KeyPair(cert, key)
	require.NoError(a.t, err)
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: clients, ClientCAs: pool})
	require.NoError(a.t, err)
	return newLinkAt(a.t, l, sharedConfig.Hosts[0]).listener.Addr().String()
}

func TestTLS(t *testing.T) {
	t.Parallel()
	shared(t)
	a := newAuthority(t)
	byIP := a.encrypted(tls.NoClientCert, nil, net.IPv4(127, 0, 0, 1))
	byName := a.encrypted(tls.NoClientCert, []string{"db.example"})
	mutual := a.encrypted(tls.RequireAndVerifyClientCert, nil, net.IPv4(127, 0, 0, 1))
	cert, key := a.issue(nil)
	log := Options{}.withDefaults().Log
	for name, c := range map[string]struct{ address, parameters, says string }{
		"by the authority":      {byIP, "tls_ca=" + a.file, ""},
		"an unknown authority":  {byIP, "tls=true", "shows a certificate that is not accepted"},
		"another name":          {byIP, "tls_ca=" + a.file + "&tls_server_name=other.example", "shows a certificate that is not accepted"},
		"a certificate by name": {byName, "tls_ca=" + a.file + "&tls_server_name=db.example", ""},
		"no name said":          {byName, "tls_ca=" + a.file, "shows a certificate that is not accepted"},
		"not verified":          {byName, "tls_verify=false", ""},
		"a client's":            {mutual, "tls_ca=" + a.file + "&tls_cert=" + cert + "&tls_key=" + key, ""},
		"no client's":           {mutual, "tls_ca=" + a.file, "refuses the TLS connection"},
		"Cassandra without TLS": {sharedConfig.Hosts[0], "tls_ca=" + a.file, "does not speak TLS"},
	} {
		u, err := ParseURL("cassandra://" + c.address + "/" + sharedConfig.Keyspace + "?timeout=20s&" + c.parameters)
		require.NoError(t, err, name)
		require.NoError(t, u.Check(), name)
		dc, err := localDC(withTimeout(t), u, log)
		if c.says != "" {
			require.ErrorContains(t, err, c.says, name)
			require.False(t, chat.IsKind(err, chat.Unavailable), name)
			continue
		}
		require.NoError(t, err, name)
		s, err := connect(withTimeout(t), u, u.Keyspace, dc, log) // to the nodes that it finds, too
		require.NoError(t, err, name)
		s.Close()
	}
}

func TestTLSFilesThatAreWrong(t *testing.T) {
	a := newAuthority(t)
	cert, key := a.issue(nil)
	for parameters, says := range map[string]string{
		"tls_ca=" + a.file + ".none":                "tls_ca in the Cassandra URL cannot be read",
		"tls_ca=" + key:                             "holds no certificate",
		"tls_cert=" + cert:                          "need each other",
		"tls_key=" + key:                            "need each other",
		"tls_cert=" + a.file + "&tls_key=" + key:    "cannot be used",
		"tls_cert=" + cert + ".none&tls_key=" + key: "cannot be used",
	} {
		u, err := ParseURL("cassandra://h/k?" + parameters)
		require.NoError(t, err)
		require.ErrorContains(t, u.Check(), says)
	}
}
