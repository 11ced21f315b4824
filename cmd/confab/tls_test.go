package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"
)

// writeCertificate writes a certificate for this machine that vouches for itself, and its key, and returns it.
func writeCertificate(t *testing.T, certFile, keyFile string, serial int64) *x509.CertPool {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	for name, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: secret}} {
		require.NoError(t, os.WriteFile(name+".new", pem.EncodeToMemory(block), 0o600))
		require.NoError(t, os.Rename(name+".new", name))
	}
	pool := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool.AddCert(parsed)
	return pool
}

// A server with a certificate speaks TLS, over which everything works, and takes a renewed one without a restart.
func TestServeOverTLS(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	pool := writeCertificate(t, certFile, keyFile, 1)
	s := serve(t, filepath.Join(dir, "data"), "--tls-cert", certFile, "--tls-key", keyFile)
	require.True(t, strings.HasPrefix(s.url, "https://127.0.0.1:"), s.url)
	jdoe := newUser(t, s, "jdoe")
	jdoe.http.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: pool}
	jdoe.signUp()
	resp, err := jdoe.http.Get(jdoe.base + "/users/jdoe")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 200, resp.StatusCode)
	require.NotEmpty(t, resp.Header.Get("Strict-Transport-Security"))
	var cookies []string
	for _, c := range jdoe.http.Jar.Cookies(resp.Request.URL) {
		require.True(t, strings.HasPrefix(c.Name, "__Host-"), c.Name)
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	socket := func(pool *x509.CertPool) error {
		d := ws.Dialer{TLSConfig: &tls.Config{RootCAs: pool, NextProtos: []string{"h2", "http/1.1"}},
			Header: ws.HandshakeHeaderHTTP{"Cookie": {strings.Join(cookies, "; ")}, "Origin": {s.url}}}
		c, _, _, err := d.Dial(t.Context(), "wss"+strings.TrimPrefix(jdoe.base, "https")+"/stomp")
		if err != nil {
			return err
		}
		return c.Close()
	}
	require.NoError(t, socket(pool))

	renewed := writeCertificate(t, certFile, keyFile, 2)
	require.NoError(t, socket(renewed))
	require.Error(t, socket(pool))

	require.NoError(t, os.WriteFile(keyFile, []byte("not yet"), 0o600))
	require.NoError(t, socket(renewed), "the last good one is used")
	require.Contains(t, s.out.String(), "the new certificate cannot be read")
	require.Zero(t, s.stop(syscall.SIGTERM))
}
