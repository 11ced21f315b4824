package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
)

// HTTPError is a refusal that belongs to HTTP rather than to the domain: a malformed
// body, an unknown path, a method that is not there.
type HTTPError struct {
	Status  int
	Message string
	Cause   error
}

func (e *HTTPError) Error() string {
	s := fmt.Sprintf("%d: %s", e.Status, e.Message)
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

func (e *HTTPError) Unwrap() error { return e.Cause }

// Malformed returns the error for a request that cannot be understood.
func Malformed(format string, args ...any) error {
	return &HTTPError{Status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...)}
}

// NotFound answers paths that do not exist.
func NotFound() error {
	return &HTTPError{Status: http.StatusNotFound, Message: "there is nothing at this path"}
}

// IsNotFound reports whether an error is NotFound's.
func IsNotFound(err error) bool {
	var h *HTTPError
	return errors.As(err, &h) && h.Status == http.StatusNotFound
}

// StatusOf returns the usual status of an error and the sentence for the user. A dialect may
// spell kinds in its own way; it starts from here.
func StatusOf(err error) (status int, message string) {
	var h *HTTPError
	if errors.As(err, &h) {
		return h.Status, h.Message
	}
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		return http.StatusRequestEntityTooLarge, fmt.Sprintf("a request body is at most %d bytes here", tooLong.Limit)
	}
	var e *chat.Error
	if !errors.As(err, &e) {
		return http.StatusInternalServerError, internalMessage
	}
	statuses := map[chat.Kind]int{
		chat.Invalid: http.StatusBadRequest, chat.NotFound: http.StatusNotFound, chat.Gone: http.StatusGone,
		chat.Conflict: http.StatusConflict, chat.Stale: http.StatusPreconditionFailed, chat.Forbidden: http.StatusForbidden,
		chat.Unauthenticated: http.StatusUnauthorized, chat.TooLarge: http.StatusRequestEntityTooLarge,
		chat.RateLimited: http.StatusTooManyRequests, chat.Unavailable: http.StatusServiceUnavailable,
		chat.Full: http.StatusConflict,
	}
	if e.Kind == chat.Invalid && len(e.Faults) > 0 {
		return http.StatusUnprocessableEntity, e.Message
	}
	status, ok := statuses[e.Kind]
	if !ok {
		return http.StatusInternalServerError, internalMessage
	}
	return status, e.Message
}

// CodeOf returns the stable word for programs that goes with the status of an error.
func CodeOf(status int) string {
	words := map[int]string{
		http.StatusBadRequest: "malformed", http.StatusUnauthorized: "unauthenticated", http.StatusPreconditionFailed: "stale",
		http.StatusRequestEntityTooLarge: "too_large", http.StatusUnprocessableEntity: "invalid", http.StatusTooManyRequests: "rate_limited",
	}
	if word, ok := words[status]; ok {
		return word
	}
	return strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "_")
}

const internalMessage = "something went wrong on the server; it has been logged"

// unavailableFor is the Retry-After, in seconds, of an answer that says that the store is away.
const unavailableFor = 2

// SetRetryAfter adds Retry-After to answers that ask to try again.
func SetRetryAfter(h http.Header, status int, err error) {
	var wait chat.RetryAfter
	switch {
	case errors.As(err, &wait):
		h.Set("Retry-After", strconv.Itoa(int((wait.Duration+time.Second-1)/time.Second)))
	case status == http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(unavailableFor))
	}
}
