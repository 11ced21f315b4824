package cassandra

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// TLS says how connections are encrypted. The zero value verifies the nodes' certificates by the machine's authorities.
type TLS struct {
	CA        string // path of the PEM file with the authorities that sign the nodes' certificates; empty: the machine's
	Cert, Key string // paths of the PEM files of this program's certificate; empty: none
	// ServerName is what the nodes' certificates are for. If it is empty, each has to be for the node's IP address.
	ServerName string
	// SkipVerify accepts any certificate. Who is between this program and Cassandra can read and change everything then.
	SkipVerify bool
}

// parseTLS reads the parameter of the URL called tls or tls_….
func (c *Config) parseTLS(name, v string) error {
	if c.TLS == nil {
		c.TLS = &TLS{}
	}
	switch name {
	case "tls_ca":
		c.TLS.CA = v
	case "tls_cert":
		c.TLS.Cert = v
	case "tls_key":
		c.TLS.Key = v
	case "tls_server_name":
		c.TLS.ServerName = v
	case "tls", "tls_verify":
		on, err := strconv.ParseBool(v)
		if err != nil || name == "tls" && !on {
			return fmt.Errorf("%s in the Cassandra URL must be true%s, not %q", name, map[bool]string{true: " or false"}[name == "tls_verify"], v)
		}
		if name == "tls_verify" {
			c.TLS.SkipVerify = !on
		}
	default:
		return fmt.Errorf("the Cassandra URL has an unknown parameter %q: of TLS there are tls, tls_ca, tls_cert, tls_key, tls_server_name and tls_verify", name)
	}
	if v == "" {
		return fmt.Errorf("%s in the Cassandra URL is empty", name)
	}
	return nil
}

// Check reads the files that c names, and returns what is wrong with them.
func (c Config) Check() error {
	_, err := c.tlsConfig()
	return err
}

// tlsConfig returns nil for connections without TLS.
func (c Config) tlsConfig() (*tls.Config, error) {
	if c.TLS == nil {
		return nil, nil
	}
	t := &tls.Config{ServerName: c.TLS.ServerName, InsecureSkipVerify: c.TLS.SkipVerify, MinVersion: tls.VersionTLS12}
	if c.TLS.CA != "" {
		pem, err := os.ReadFile(c.TLS.CA)
		if err != nil {
			return nil, fmt.Errorf("tls_ca in the Cassandra URL cannot be read: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls_ca in the Cassandra URL: %s holds no certificate in PEM", c.TLS.CA)
		}
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		return nil, fmt.Errorf("tls_cert and tls_key in the Cassandra URL need each other")
	}
	if c.TLS.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.TLS.Cert, c.TLS.Key)
		if err != nil {
			return nil, fmt.Errorf("tls_cert and tls_key in the Cassandra URL cannot be used: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

func isTLSParameter(name string) bool { return name == "tls" || strings.HasPrefix(name, "tls_") }
