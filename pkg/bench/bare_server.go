package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// bareRoom is the hub's only room.
const bareRoom = "bare"

// ServeBare is the server that bare benchmarks run against: net/http that answers
// 204 to everything, and a hub without users, rooms, rules or storage that writes what is
// posted to each of its WebSockets, one after the other, encoded once. It listens on a free port of
// 127.0.0.1, writes its address as the first line to out, and returns nil when ctx ends or in does.
func ServeBare(ctx context.Context, in io.Reader, out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, in) // ends when the parent process does
		cancel()
	}()
	h := &hub{conns: map[net.Conn]bool{}}
	s := &http.Server{Handler: h, ReadHeaderTimeout: answerTime}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	if _, err := fmt.Fprintf(out, "http://%s\n", l.Addr()); err != nil {
		return errors.Join(err, s.Close())
	}
	<-ctx.Done()
	err = s.Close()
	h.close()
	if serr := <-ended; !errors.Is(serr, http.ErrServerClosed) {
		err = errors.Join(err, serr)
	}
	return err
}

type hub struct {
	mu    sync.Mutex
	conns map[net.Conn]bool
	ended bool
	wg    sync.WaitGroup
}

// ServeHTTP implements http.Handler.
func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/stomp"):
		conn, rw, _, err := ws.UpgradeHTTP(r, w)
		if err != nil {
			return
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.ended {
			_ = conn.Close()
			return
		}
		h.wg.Go(func() { h.serve(conn, rw) })
	case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/"+bareRoom):
		var m struct {
			Content string `json:"content"`
		}
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		h.publish(m.Content)
		w.WriteHeader(http.StatusNoContent)
	default:
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}
}

// serve speaks as much STOMP as a load needs.
func (h *hub) serve(conn net.Conn, rw *bufio.ReadWriter) {
	defer func() {
		h.mu.Lock()
		delete(h.conns, conn)
		h.mu.Unlock()
		_ = conn.Close()
	}()
	stream := struct {
		io.Reader
		io.Writer
	}{rw.Reader, conn}
	_ = conn.SetDeadline(time.Time{})
	for {
		b, err := wsutil.ReadClientText(stream)
		if err != nil {
			return
		}
		command, _, _ := bytes.Cut(b, []byte("\n"))
		answer := "CONNECTED\nversion:1.2\nheart-beat:0,0\n\n\x00"
		if string(command) != "CONNECT" {
			_, rest, _ := bytes.Cut(b, []byte("\nreceipt:"))
			receipt, _, _ := bytes.Cut(rest, []byte("\n"))
			answer = "RECEIPT\nreceipt-id:" + string(receipt) + "\n\n\x00"
		}
		h.mu.Lock()
		switch string(command) {
		case "SUBSCRIBE":
			h.conns[conn] = true
		case "UNSUBSCRIBE":
			delete(h.conns, conn)
		}
		err = wsutil.WriteServerText(conn, []byte(answer))
		h.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (h *hub) publish(content string) {
	stomp := fmt.Sprintf("MESSAGE\nsubscription:0\ncontent-length:%d\n\n%s\x00", len(content), content)
	frame := ws.MustCompileFrame(ws.NewTextFrame([]byte(stomp)))
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.conns {
		_, _ = c.Write(frame) // its reader sees to a broken connection
	}
}

func (h *hub) close() {
	h.mu.Lock()
	h.ended = true
	for c := range h.conns {
		_ = c.Close()
	}
	h.mu.Unlock()
	h.wg.Wait()
}
