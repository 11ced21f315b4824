package chatapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/chat"
)

// op is what a request was about, where KillrChat's words depend on it.
type op int

const (
	opOther op = iota
	// opRead reads a room, or reads or writes its messages.
	opRead
	// opJoin joins or leaves.
	opJoin
	// opDelete deletes a room.
	opDelete
)

// problem is the JSON body of an error. The plain mounts leave the members of v1 out.
type problem struct {
	Type      string  `json:"type,omitempty"`
	Title     string  `json:"title,omitempty"`
	Code      string  `json:"code,omitempty"`
	Timestamp any     `json:"timestamp"`
	Status    int     `json:"status"`
	Error     string  `json:"error"`
	Message   string  `json:"message"`
	Path      string  `json:"path"`
	Fields    []field `json:"fields,omitempty"`
}

type field struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// logFailure logs the cause of an error of the server. Query strings stay out of it: they may hold
// credentials.
func logFailure(log *slog.Logger, r *http.Request, status int, err error) {
	switch {
	case chat.Reported(err):
	case errors.Is(err, context.Canceled) && r.Context().Err() != nil: // the client has gone
	case errors.As(err, new(chat.RetryAfter)): // nothing is wrong here, and strangers must not fill the log
	case status == http.StatusServiceUnavailable:
		log.Warn("the store could not answer", "method", r.Method, "path", r.URL.Path, "error", err)
	case status >= http.StatusInternalServerError && status != http.StatusNotImplemented:
		log.Error("a request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
}

// failPlain answers as KillrChat does: bare text where its front ends print the body, a JSON object elsewhere.
func (a *API) failPlain(w http.ResponseWriter, r *http.Request, what op, err error) {
	var e *chat.Error
	if errors.As(err, &e) {
		if status, text := plainText(what, e); text != "" {
			w.Header().Set("Content-Type", "text/plain;charset=UTF-8")
			w.Header().Set("X-Content-Type-Options", "nosniff")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(text))
			return
		}
	}
	status, message := api.StatusOf(err)
	if e != nil && e.Kind == chat.NotFound {
		status = http.StatusBadRequest
	}
	logFailure(a.log, r, status, err)
	api.SetRetryAfter(w.Header(), status, err)
	api.Write(w, status, "application/json;charset=UTF-8", encode(problem{Timestamp: a.now().UnixMilli(), Status: status,
		Error: http.StatusText(status), Message: message, Path: r.URL.Path}))
}

// plainText returns status and body where KillrChat answers in bare text.
func plainText(what op, e *chat.Error) (int, string) {
	const bad = http.StatusBadRequest
	switch {
	case e.Kind == chat.Invalid && len(e.Faults) > 0:
		return http.StatusPreconditionFailed, faultLines(e.Faults)
	case e.Kind == chat.Conflict && e.Entity == chat.UserEntity:
		return bad, "The user with the login '" + e.Name + "' already exists"
	case e.Kind == chat.Conflict && e.Entity == chat.RoomEntity:
		return bad, "The room '" + e.Name + "' already exists"
	case (e.Kind == chat.NotFound || e.Kind == chat.Gone) && e.Entity == chat.UserEntity:
		return bad, "Cannot find user with login '" + e.Name + "'"
	case e.Kind == chat.NotFound && e.Entity == chat.RoomEntity && what == opRead:
		return bad, "Chat room '" + e.Name + "' does not exists"
	case e.Kind == chat.NotFound && e.Entity == chat.RoomEntity:
		return bad, "The chat room '" + e.Name + "' does not exist"
	case e.Kind == chat.Forbidden && what == opDelete:
		return bad, "The room '" + e.Name + "' can only be deleted by its creator"
	}
	return 0, ""
}

// faultLines spells validation faults, one a line, as front ends expect them.
func faultLines(faults []chat.Fault) string {
	var b strings.Builder
	for _, f := range faults {
		value := "null"
		if f.Rejected != nil {
			value = *f.Rejected
		}
		b.WriteString("\n\t Error on field '" + f.Field + "'. Failed validation : '" + f.Message +
			"'. Rejected value : '" + value + "'")
	}
	return b.String()
}

// FailV1 answers an error with a problem object, as v1 does.
func (a *API) FailV1(w http.ResponseWriter, r *http.Request, err error) {
	status, message := api.StatusOf(err)
	logFailure(a.log, r, status, err)
	api.SetRetryAfter(w.Header(), status, err)
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	p := problem{Type: "about:blank", Title: http.StatusText(status), Code: api.CodeOf(status),
		Timestamp: isoForm.time(a.now()), Status: status, Error: http.StatusText(status), Message: message, Path: r.URL.Path}
	var scope *api.ScopeError
	if errors.As(err, &scope) {
		p.Code = api.InsufficientScope
		w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="`+scope.Scope+`"`)
	}
	var e *chat.Error
	if errors.As(err, &e) {
		for _, f := range e.Faults {
			p.Fields = append(p.Fields, field{Field: f.Field, Message: f.Message})
		}
	}
	api.Write(w, status, "application/problem+json", encode(p))
}

func (a *API) now() time.Time { return a.clock() }

// Fail writes an error about a path that belongs to no mount, as KillrChat would.
func (a *API) Fail(w http.ResponseWriter, r *http.Request, err error) {
	a.failPlain(w, r, opOther, err)
}
