package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

// Scope is what a personal token needs to have for an operation. The zero value is the scope to read for GET and for
// queries, and otherwise the one to manage, so that what says nothing is closed to most tokens.
type Scope string

// Scopes of operations. Reading needs none in particular: every token may read.
const (
	Reads Scope = auth.ReadScope
	Posts Scope = auth.PostScope
	// NoToken is for operations that want a session: with any token they are refused.
	NoToken Scope = "session"
)

// InsufficientScope is the code of ScopeError in answers.
const InsufficientScope = "insufficient_scope"

// ScopeError refuses a call that a token does not open.
type ScopeError struct{ Scope string }

func (e *ScopeError) Error() string { return "a token without the scope " + e.Scope }

// Unwrap makes it a Forbidden of the domain.
func (e *ScopeError) Unwrap() error {
	return chat.ErrForbidden("this token does not open this: it needs the scope '%s'", e.Scope)
}

// CheckScope refuses a call of an operation with a token that does not open it.
func CheckScope(l auth.Login, r *http.Request, op Operation) error {
	if l.Token.IsZero() {
		return nil
	}
	scope := op.Scope
	if scope == NoToken {
		return chat.ErrForbidden("this wants a session: log in with the password")
	}
	if scope == "" {
		switch {
		case op.Who == Administrator:
			scope = auth.AdminScope
		case r.Method == http.MethodGet || r.Method == http.MethodHead || strings.HasSuffix(r.URL.Path, "/queries"):
			scope = Reads
		default:
			scope = auth.ManageScope
		}
	}
	if l.Scopes == "" || scope == Reads || slices.Contains(strings.Fields(l.Scopes), string(scope)) {
		return nil
	}
	return &ScopeError{string(scope)}
}
