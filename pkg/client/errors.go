package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Error is an answer of the server, or of what is on the way to it, that is no success. It never holds credentials.
type Error struct {
	Status  int    // of HTTP
	Code    string // stable, for programs: "not_found"; empty if the answer has none
	Message string // for people
	// Fields are the faults of single members of what was sent.
	Fields []Field
	// RetryAfter is how long the server asks to wait before the next try; 0 if it does not.
	RetryAfter time.Duration
	// Request is the method and the path below /api/chat/v1, without a query.
	Request string
}

// Field is a fault of one member of what was sent.
type Field struct {
	Name    string `json:"field"`
	Message string `json:"message"`
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s: %d %s: %s", e.Request, e.Status, http.StatusText(e.Status), e.Message)
	for _, f := range e.Fields {
		if fault := f.Name + " " + f.Message; !strings.Contains(text, fault) {
			text += "; " + fault
		}
	}
	return text
}

// ErrNoAnswer is wrapped by the errors of requests that got no answer: whether they took effect is unknown.
var ErrNoAnswer = errors.New("no answer")

// ErrClosed is the error of what was closed by the program itself.
var ErrClosed = errors.New("client: closed")

// StatusOf returns the HTTP status of an *Error in err's chain, 0 if there is none.
func StatusOf(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// RetryAfter returns how long the server asks to wait, 0 if it does not.
func RetryAfter(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) {
		return e.RetryAfter
	}
	return 0
}

// IsUnauthenticated reports whether the server does not accept the client's credentials.
func IsUnauthenticated(err error) bool { return StatusOf(err) == http.StatusUnauthorized }

// IsForbidden reports whether the user may not do this, as when they are not in the room, or the token's scopes do not
// cover it.
func IsForbidden(err error) bool { return StatusOf(err) == http.StatusForbidden }

// IsNotFound reports whether there is no such thing, or no more: a deleted user is gone permanently.
func IsNotFound(err error) bool {
	return StatusOf(err) == http.StatusNotFound || StatusOf(err) == http.StatusGone
}

// IsConflict reports whether there is such a thing already.
func IsConflict(err error) bool { return StatusOf(err) == http.StatusConflict }

// IsInvalid reports whether the server understood what was sent, and it breaks a rule. The faults are in Fields. Servers of
// earlier versions answer 400 instead of 422.
func IsInvalid(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Status == http.StatusUnprocessableEntity || e.Status == http.StatusBadRequest && len(e.Fields) > 0)
}

// IsTemporary reports whether the same request may succeed later.
func IsTemporary(err error) bool {
	switch StatusOf(err) {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return errors.Is(err, ErrNoAnswer)
}

// errorOf reads an answer that is no success: a problem object of any version, or something else.
func errorOf(r request, resp *http.Response, body []byte) error {
	var problem struct {
		Code, Message, Detail, Title string
		Fields                       []Field
	}
	e := &Error{Status: resp.StatusCode, Request: r.where(), Message: "this is not a confab server, or not its address"}
	if json.Unmarshal(body, &problem) == nil {
		e.Code, e.Fields = problem.Code, problem.Fields
		for _, text := range []string{problem.Title, problem.Detail, problem.Message} {
			if text != "" {
				e.Message = text
			}
		}
	}
	// The other form that HTTP allows, a date, is none that confab sends.
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return e
}

// noAnswer wraps an error of the way to the server. When the caller's context has ended, it is that.
func noAnswer(r request, err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the address and its query
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("client: %s: %w", r.where(), err)
	}
	return fmt.Errorf("client: %s: %w: %w", r.where(), ErrNoAnswer, err)
}
