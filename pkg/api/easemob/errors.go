package easemob

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/files"
	"github.com/confab-chat/confab/pkg/tenant"
)

// problem is an error in the words of the API.
type problem struct {
	status int
	word   string // the member "error"
	text   string // the member "error_description"
	cause  error
	code   int // the member "error_code"; 0: none
}

func (p *problem) Error() string { return fmt.Sprintf("%d %s: %s", p.status, p.word, p.text) }
func (p *problem) Unwrap() error { return p.cause }

func illegal(format string, args ...any) error {
	return &problem{status: http.StatusBadRequest, word: "illegal_argument", text: fmt.Sprintf(format, args...)}
}

func forbidden(format string, args ...any) error {
	return &problem{status: http.StatusForbidden, word: "forbidden_op", text: fmt.Sprintf(format, args...)}
}

func invalidGrant(text string) error {
	return &problem{status: http.StatusBadRequest, word: "invalid_grant", text: text}
}

func badToken(text string) error {
	return &problem{status: http.StatusUnauthorized, word: "auth_bad_access_token", text: text}
}

func unauthorized(text string) error {
	return &problem{status: http.StatusUnauthorized, word: "unauthorized", text: text}
}

func reachedLimit(wait time.Duration) error {
	return &problem{status: http.StatusTooManyRequests, word: "reach_limit", text: "This request has reached api limit", cause: chat.RetryAfter{Duration: wait}}
}

func noApp(org, app, uri string) error {
	return &problem{status: http.StatusNotFound, word: "organization_application_not_found",
		text: fmt.Sprintf("Could not find application for %s/%s from URI: %s", org, app, uri)}
}

func noOrganisation(org, uri string) error {
	return &problem{status: http.StatusNotFound, word: "organization_application_not_found",
		text: fmt.Sprintf("Could not find organization for %s from URI: %s", org, uri)}
}

func errPath() error {
	return &problem{status: http.StatusNotFound, word: "service_resource_not_found", text: "Service resource not found"}
}

// words has the member "error" for statuses whose errors are not of this package.
var words = map[int]string{
	http.StatusBadRequest: "illegal_argument", http.StatusUnauthorized: "unauthorized", http.StatusForbidden: "forbidden_op",
	http.StatusNotFound: "service_resource_not_found", http.StatusGone: "service_resource_not_found", http.StatusConflict: "duplicate_unique_property_exists",
	http.StatusMethodNotAllowed: "method_not_allowed", http.StatusNotAcceptable: "not_acceptable", http.StatusRequestEntityTooLarge: "request_entity_too_large",
	http.StatusUnsupportedMediaType: "unsupported_media_type", http.StatusTooManyRequests: "reach_limit", http.StatusUnprocessableEntity: "illegal_argument",
	http.StatusNotImplemented: "not_implemented", http.StatusServiceUnavailable: "service_unavailable", http.StatusPreconditionFailed: "illegal_argument",
	http.StatusRequestedRangeNotSatisfiable: "illegal_argument",
}

// problemOf translates an error of the domain and of HTTP.
func problemOf(err error) *problem {
	var p *problem
	if errors.As(err, &p) {
		return p
	}
	var e *chat.Error
	if errors.As(err, &e) {
		switch e.Kind {
		case chat.Invalid:
			return &problem{status: http.StatusBadRequest, word: "illegal_argument", text: faultText(e), cause: err}
		case chat.Conflict:
			if e.Name == "" { // not about a name that is taken
				return &problem{status: http.StatusForbidden, word: "forbidden_op", text: e.Message, cause: err}
			}
			text := e.Message
			if e.Entity == chat.UserEntity {
				text = fmt.Sprintf("Application %s Entity user requires that property named username be unique, value of %s exists", "null", e.Name)
			}
			return &problem{status: http.StatusBadRequest, word: "duplicate_unique_property_exists", text: text, cause: err}
		case chat.NotFound, chat.Gone:
			if e.Entity == tenant.OrganisationEntity || e.Entity == tenant.AppEntity {
				return &problem{status: http.StatusNotFound, word: "organization_application_not_found", text: e.Message, cause: err}
			}
			if e.Entity == chat.UserEntity {
				return &problem{status: http.StatusNotFound, word: "service_resource_not_found", text: "username " + clip(e.Name) + " doesn't exist!", cause: err}
			}
		case chat.Full:
			return &problem{status: http.StatusForbidden, word: "exceed_limit", text: e.Message, cause: err}
		case chat.RateLimited:
			if errors.Is(err, account.ErrQuota) || errors.Is(err, files.ErrQuota) {
				return &problem{status: http.StatusTooManyRequests, word: "resource_limited", text: e.Message, cause: err}
			}
		}
	}
	status, message := api.StatusOf(err)
	word, ok := words[status]
	if !ok {
		status, word = http.StatusInternalServerError, "internal_error"
	}
	switch status {
	case http.StatusConflict, http.StatusUnprocessableEntity, http.StatusPreconditionFailed:
		status = http.StatusBadRequest
	case http.StatusGone:
		status = http.StatusNotFound
	}
	return &problem{status: status, word: word, text: message, cause: err}
}

// faultText words the first fault as clients know it.
func faultText(e *chat.Error) string {
	if len(e.Faults) == 0 {
		return e.Message
	}
	f := e.Faults[0]
	switch {
	case f.Field == "username" && f.Message == account.FaultMissing:
		return "Entity user requires a property named username"
	case f.Field == "password" && f.Message == account.FaultMissing:
		return "password or pin must provided"
	case f.Message == account.FaultTooLong:
		return strings.ToUpper(f.Field) + "_TOO_LONG"
	case f.Rejected != nil:
		return fmt.Sprintf("%s [%s] is not legal", f.Field, clip(*f.Rejected))
	default: // what the field has to be
		return f.Field + " " + f.Message
	}
}

func clip(s string) string {
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "…"
	}
	return s
}

// fail writes an error.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	api.SetRetryAfter(h, p.status, err)
	if p.status == http.StatusTooManyRequests && h.Get("Retry-After") == "" {
		h.Set("Retry-After", "1")
	}
	if p.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	if p.status >= http.StatusInternalServerError && !chat.Reported(err) && p.status != http.StatusNotImplemented {
		a.Log.Error("a request of the platform failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	now := a.Now()
	took := int64(0)
	if c := callOf(r); c != nil {
		took = now.Sub(c.began).Milliseconds()
	}
	out := map[string]any{"error": p.word, "exception": exceptions(p.word), "timestamp": now.UnixMilli(), "duration": max(took, 0), "error_description": p.text}
	if p.code != 0 {
		out["error_code"] = p.code
	}
	b, _ := json.Marshal(out, json.Deterministic(true))
	api.Write(w, p.status, "application/json", b)
}

// exceptions is the member "exception": a name as clients have seen it.
func exceptions(word string) string {
	parts := strings.Split(word, "_")
	for i, s := range parts {
		if s != "" {
			parts[i] = strings.ToUpper(s[:1]) + s[1:]
		}
	}
	return strings.Join(parts, "") + "Exception"
}
