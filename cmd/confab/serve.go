package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/confab-chat/confab/pkg/server"
)

type serveCmd struct{ settings }

// Run serves until ctx ends, which a signal does, and then lets requests under way end.
func (c *serveCmd) Run(ctx context.Context) error {
	if err := c.check(); err != nil {
		return err
	}
	collectLater(debug.SetGCPercent)
	limitMemory(c.shares())
	log := c.logger()
	if c.tokenOfCommands() {
		log.Info("CONFAB_ADMIN_TOKEN is not used: without CONFAB_ADMIN_LOGIN this server makes sure of no administrator")
	}
	if line := c.tooMuch(os.DirFS("/")); line != "" {
		log.Warn(line)
	}
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("cannot listen at %s: %w", c.Listen, err)
	}
	all := maxConnections(descriptors())
	capped := capConnections(listener, all, c.connections(all), log)
	front := &gate{}
	web := &http.Server{
		Handler:                      front,
		ReadHeaderTimeout:            10 * time.Second,
		IdleTimeout:                  2 * time.Minute,
		MaxHeaderBytes:               64 << 10,
		DisableGeneralOptionsHandler: true, // OPTIONS * is answered as every OPTIONS is
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	scheme, serve := "http", web.Serve
	if c.TLSCert != "" {
		own, err := loadCertificate(c.TLSCert, c.TLSKey, log)
		if err != nil {
			return err // it was good when the settings were checked
		}
		web.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: own.get}
		web.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){} // HTTP/2 has no upgrades to WebSockets
		scheme, serve = "https", func(l net.Listener) error { return web.ServeTLS(l, "", "") }
	}
	served := make(chan error, 1)
	go func() { served <- serve(capped) }()
	defer web.Close()

	st, err := c.openPatiently(ctx, c.AutoSchema, c.shares(), log)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil // stopped while it waited
	}
	if err != nil {
		return err
	}
	defer func() {
		if err := st.Close(); err != nil {
			log.Error("the store did not close cleanly", "error", err)
		}
	}()
	var node *server.Node
	err = patiently(ctx, log, c.where(), func() (err error) {
		node, err = server.New(ctx, c.node(log), st)
		return err
	})
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	if err != nil {
		return err
	}
	defer node.Close()
	front.open(node.Handler)
	fmt.Fprintf(os.Stdout, "confab is at %s://%s/ and keeps its data in %s\n", scheme, browsable(listener.Addr()), c.where())

	select {
	case err := <-served:
		return fmt.Errorf("the server ended: %w", err)
	case <-ctx.Done():
	}
	log.Info("stopping: no new requests, those under way may end", "within", c.ShutdownTimeout)
	front.close()
	drain, cancel := context.WithTimeout(context.Background(), c.ShutdownTimeout)
	defer cancel()
	if err := node.Drain(drain); err != nil {
		log.Warn("some sockets were cut off", "error", err)
	}
	if err := web.Shutdown(drain); err != nil && !errors.Is(err, http.ErrServerClosed) {
		log.Warn("some requests were cut off", "error", err)
	}
	return nil
}

// gate is the handler of a server that may not be ready yet, or no more.
type gate struct {
	inner   atomic.Pointer[http.Handler]
	leaving atomic.Bool
}

func (g *gate) open(h http.Handler) { g.inner.Store(&h) }

func (g *gate) close() { g.leaving.Store(true) }

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	inner := g.inner.Load()
	switch {
	case inner == nil && r.URL.Path == "/healthz":
		server.Alive(w, r)
	case inner == nil:
		server.NotReady(w, "the server waits for its store; its log says what for")
	case g.leaving.Load() && r.URL.Path == "/readyz":
		server.NotReady(w, "the server is stopping")
	default:
		(*inner).ServeHTTP(w, r)
	}
}

// browsable spells a listening address so that a browser on this machine can open it.
func browsable(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
