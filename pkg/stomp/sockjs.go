package stomp

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"

	"github.com/confab-chat/confab/pkg/live"
)

// This file implements SockJS 0.3 as its clients use it: /info, the greeting and the transports websocket,
// xhr_streaming, xhr with xhr_send, and eventsource. The transports for foreign sites (jsonp, htmlfile, iframe) are
// omitted on purpose.
//
// We do not use igm/sockjs-go, for these reasons: it keeps unbounded queues, reads messages of any size, and encodes
// each message again for every session. It lets any login use a polling session, answers a poll right after another one
// with 2010, and sets CORS headers. Without these parts, it is little more than a routing table.

var (
	openFrame      = &live.Encoded{Head: []byte("o")}
	heartbeatFrame = &live.Encoded{Head: []byte("h")}
)

// SockJS serves STOMP over SockJS at prefix and below it, with the topics of KillrChat. prefix has no slash at its end.
func (s *Server) SockJS(prefix string, bodies Encoder) http.Handler {
	enc := s.encoding(bodies, true)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rest, ok := strings.CutPrefix(r.URL.Path, prefix)
		if !ok {
			s.opts.Refuse(w, r, http.StatusNotFound, "not found")
			return
		}
		s.route(w, r, rest, enc)
	})
}

func (s *Server) route(w http.ResponseWriter, r *http.Request, rest string, enc *encoding) {
	switch rest {
	case "", "/":
		if s.allow(w, r, http.MethodGet, http.MethodHead) {
			s.greet(w, r)
		}
		return
	case "/info":
		if s.allow(w, r, http.MethodGet, http.MethodHead) {
			s.info(w, r)
		}
		return
	}
	// /{server}/{session}/{transport}: the segments have no dot, and the first one has no meaning.
	parts := strings.Split(rest, "/")
	if len(parts) != 4 || parts[1] == "" || parts[2] == "" || strings.Contains(parts[1]+parts[2], ".") || len(parts[2]) > maxSession {
		s.opts.Refuse(w, r, http.StatusNotFound, "not found")
		return
	}
	session, transport := parts[2], parts[3]
	method, known := Transports[transport]
	if !known {
		s.opts.Refuse(w, r, http.StatusNotFound, "not found")
		return
	}
	methods := []string{method}
	if transport == "websocket" {
		methods = append(methods, http.MethodHead) // which upgrades nothing
	}
	if !s.allow(w, r, methods...) {
		return
	}
	switch transport {
	case "websocket":
		s.upgrade(w, r, enc, false, true)
	case "xhr":
		s.poll(w, r, session, enc, xhr)
	case "xhr_streaming":
		s.poll(w, r, session, enc, xhrStreaming)
	case "eventsource":
		s.poll(w, r, session, enc, eventSource)
	case "xhr_send":
		s.xhrSend(w, r, session)
	}
}

// Transports are the last segments of the paths of SockJS sessions, with the method of each.
var Transports = map[string]string{
	"websocket": http.MethodGet, "eventsource": http.MethodGet,
	"xhr": http.MethodPost, "xhr_streaming": http.MethodPost, "xhr_send": http.MethodPost,
}

func (s *Server) allow(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	for _, m := range methods {
		if r.Method == m {
			return true
		}
	}
	w.Header().Set("Allow", strings.Join(methods, ", "))
	s.opts.Refuse(w, r, http.StatusMethodNotAllowed, "method not allowed")
	return false
}

func (s *Server) greet(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.opts.Login(r); !ok {
		s.opts.Refuse(w, r, http.StatusUnauthorized, "log in first")
		return
	}
	w.Header().Set("Content-Type", textType)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, "Welcome to SockJS!\n")
}

func (s *Server) info(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.opts.Login(r); !ok {
		s.opts.Refuse(w, r, http.StatusUnauthorized, "log in first")
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = fmt.Fprintf(w, `{"websocket":true,"cookie_needed":true,"origins":["*:*"],"entropy":%d}`, rand.Uint32())
}

// sockjsLen returns the number of bytes that appendSockJS appends.
func sockjsLen(run []entry) int {
	n := len(`a[]`) + len(run) - 1
	for _, e := range run {
		n += len(`""`) + e.len()
	}
	return n
}

// appendSockJS appends the frame a["…","…"] of one or more entries.
func appendSockJS(out []byte, run []entry) []byte {
	out = append(out, "a["...)
	for i, e := range run {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(appendEntry(append(out, '"'), e), '"')
	}
	return append(out, ']')
}

// maxSession bounds the length of a polling session's id. Clients choose these ids.
const maxSession = 64

func (s *Server) xhrSend(w http.ResponseWriter, r *http.Request, session string) {
	login, ok := s.opts.Login(r)
	if !ok {
		s.opts.Refuse(w, r, http.StatusUnauthorized, "log in first")
		return
	}
	// The node is looked up before the body is read: for an unknown session nothing is read.
	node := ""
	p := s.polling(session, login.Identity)
	if p == nil {
		var err error
		switch node, err = s.find(r.Context(), session, login.Identity); {
		case err != nil:
			s.tryAgain(w, r)
			return
		case node == "":
			s.opts.Refuse(w, r, http.StatusNotFound, "unknown session")
			return
		}
	}
	texts, ok := s.sentTexts(w, r)
	if !ok {
		return
	}
	if p != nil {
		ok = p.take(texts)
	} else {
		q := relayRequest{Session: session, Tenant: login.Tenant, Login: login.Login, Texts: texts}
		ok, _ = s.opts.Hub.Request(r.Context(), node, relaySend, mustJSON(q)) // unanswered: the client has to connect again
	}
	if !ok {
		s.opts.Refuse(w, r, http.StatusNotFound, "unknown session")
		return
	}
	w.Header().Set("Content-Type", textType)
	w.WriteHeader(http.StatusNoContent)
}

// sentTexts reads the body of xhr_send. If the body is invalid, it answers the request and returns false.
func (s *Server) sentTexts(w http.ResponseWriter, r *http.Request) (texts []string, ok bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessage))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		s.opts.Refuse(w, r, http.StatusRequestEntityTooLarge, "message too large")
	case err != nil: // the client is gone, or the server has no memory for it now
		w.Header().Set("Retry-After", "2")
		s.opts.Refuse(w, r, http.StatusServiceUnavailable, "the message could not be received; try again")
	case len(body) == 0 || json.Unmarshal(body, &texts) != nil:
		s.opts.Refuse(w, r, http.StatusBadRequest, "a JSON array of strings is expected")
	default:
		return texts, true
	}
	return nil, false
}
