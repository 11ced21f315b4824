package main

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificate is the server's own, in two files. When they change, the next handshake takes what they hold then. It may be
// used concurrently.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu     sync.Mutex
	loaded *tls.Certificate
	seen   [2]fileState // of what was read last, whether it was any good or not
}

// fileState is what tells a file that was replaced or changed.
type fileState struct {
	changed time.Time
	size    int64
}

func stateOf(name string) fileState {
	info, err := os.Stat(name)
	if err != nil {
		return fileState{}
	}
	return fileState{info.ModTime(), info.Size()}
}

func loadCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	return c, c.load()
}

func (c *certificate) load() error {
	c.seen = [2]fileState{stateOf(c.certFile), stateOf(c.keyFile)}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err == nil {
		c.loaded = &pair
	}
	return err
}

// get is a tls.Config's GetCertificate. While the files hold no certificate with its key, as in the middle of a renewal,
// the last one is used.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen != [2]fileState{stateOf(c.certFile), stateOf(c.keyFile)} {
		if err := c.load(); err != nil {
			c.log.Error("the new certificate cannot be read: the last one is used", "error", err, "what to do", "put a certificate and its key into the files of --tls-cert and --tls-key")
		} else {
			c.log.Info("the certificate was read anew", "file", c.certFile)
		}
	}
	return c.loaded, nil
}
