package sse

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
)

// Session is what a stream is opened with.
type Session struct {
	auth.Login
	Name   string // of the user, as messages say it
	Device string // a name, which is checked
	// Gone says whether what the user belongs to was deleted. May be nil.
	Gone func(ctx context.Context) (bool, error)
}

// Open begins a stream. If it returns an error nothing was written. Otherwise the request is answered: the connection is the
// stream's, or Open returns when the stream has ended.
func (s *Server) Open(w http.ResponseWriter, r *http.Request, with Session) error {
	why, until, err := s.check(r.Context(), with.Login, with.Gone)
	if err != nil {
		return err
	}
	if why != "" {
		return &chat.Error{Kind: chat.Unauthenticated, Message: "this token is not valid (any more)"}
	}
	who := with.Identity
	if all := s.opts.Hub.Devices(who); len(all) >= MaxStreams && !slices.Contains(all, with.Device) {
		return ErrFull
	}
	st := &stream{srv: s, id: s.ids.New(), login: with.Login, who: who, name: with.Name, device: with.Device, appGone: with.Gone, wake: make(chan struct{}, 1), mail: true, until: until}
	if err := s.enter(st); err != nil {
		return err
	}
	s.end(who, st.device, Replaced, st.id)
	sub, err := s.opts.Hub.SubscribeUser(r.Context(), who, st)
	if err != nil {
		s.leave(st)
		return err
	}
	offline, detached := s.opts.Hub.Connected(who), s.opts.Hub.Attached(who, st.device)
	s.report(r.Context(), st, chat.Status{Reason: "login", Online: true, Resource: st.device})
	finish := func() {
		sub.End()
		detached()
		offline()
		s.report(context.Background(), st, st.last())
		s.leave(st)
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	data, _ := json.Marshal(map[string]string{"resource": st.device})
	st.put("ready", "", data)
	if own, err := hijack(w, r); err == nil {
		gone := make(chan struct{})
		st.out, st.gone = own, gone
		go guard.Run(s.opts.Log, "waiting for a client to go", func() {
			defer close(gone)
			var b [16]byte
			for {
				if _, err := own.Read(b[:]); err != nil { // what clients send means nothing
					return
				}
			}
		})
		go guard.Run(s.opts.Log, "an event stream", func() {
			defer finish()
			defer own.close()
			st.run(context.Background())
		})
		return nil
	}
	defer finish()
	w.WriteHeader(http.StatusOK)
	st.out, st.gone = answer{w, http.NewResponseController(w)}, r.Context().Done()
	st.run(r.Context())
	return nil
}

// report says how a session has begun or ended. A failure is logged: the session is what it is.
func (s *Server) report(ctx context.Context, st *stream, is chat.Status) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeFor)
	defer cancel()
	if err := s.opts.Status(ctx, st.who.Tenant, chat.Person{Login: st.who.Login, FirstName: st.name}, is); err != nil {
		s.opts.Log.Warn("the status of a user was not passed on", "tenant", st.who.Tenant, "login", st.who.Login, "error", err)
	}
}

// connection is a connection that was taken from net/http.
type connection struct{ net.Conn }

// hijack takes the connection of a request, and writes the head of the answer.
func hijack(w http.ResponseWriter, r *http.Request) (connection, error) {
	if r.ProtoMajor != 1 {
		return connection{}, http.ErrNotSupported
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return connection{}, err
	}
	own := connection{conn}
	_ = conn.SetDeadline(time.Time{})
	w.Header().Set("Connection", "close")
	w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
	head := &head{}
	fmt.Fprint(head, "HTTP/1.1 200 OK\r\n")
	_ = w.Header().Write(head)
	fmt.Fprint(head, "\r\n")
	_ = own.write(head.b) // if the client is gone, the stream notices
	return own, nil
}

type head struct{ b []byte }

func (h *head) Write(p []byte) (int, error) { h.b = append(h.b, p...); return len(p), nil }

func (c connection) write(b []byte) error {
	_ = c.SetWriteDeadline(time.Now().Add(writeFor))
	_, err := c.Write(b)
	return err
}

func (c connection) close() { _ = c.Conn.Close() }

// answer is the answer to a request whose connection has other requests too.
type answer struct {
	http.ResponseWriter
	control *http.ResponseController
}

func (a answer) write(b []byte) error {
	_ = a.control.SetWriteDeadline(time.Now().Add(writeFor))
	if _, err := a.Write(b); err != nil {
		return err
	}
	return a.control.Flush()
}

func (answer) close() {}
