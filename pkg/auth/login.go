package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"

	"github.com/confab-chat/confab/pkg/chat"
)

// Login is an authenticated request or connection.
type Login struct {
	chat.Identity
	// Session is the session it belongs to; zero for a login with an API token.
	Session Hash
	// Token is the hash of the API token it was made with; zero for a login with a session.
	Token Hash
	// Scopes are what that token opens; empty: everything.
	Scopes string
	// Kind is that of the token.
	Kind TokenKind
	// Series is the remembered login the session came from; zero if none.
	Series Hash
	// Epoch is the epoch that the account had when the password was checked. A login of another epoch has ended.
	Epoch string
}

// Credential is the hash of what the login hangs on: its session, or its API token.
func (l Login) Credential() Hash {
	if l.Session.IsZero() {
		return l.Token
	}
	return l.Session
}

// secretBytes is the entropy of session ids, series and tokens.
const secretBytes = 32

// NewSecret returns a new random secret, safe in cookies and headers, and its hash.
func NewSecret() (string, Hash) {
	b := make([]byte, secretBytes)
	_, _ = rand.Read(b) // never fails: crypto/rand aborts the process instead
	s := base64.RawURLEncoding.EncodeToString(b)
	return s, HashOf(s)
}

// HashOf returns the hash of a secret, which is stored in its place. Secrets have 256 random bits, so a plain hash
// cannot be reversed by search.
func HashOf(secret string) Hash { return sha256.Sum256([]byte(secret)) }

// IsZero reports whether h is the zero Hash, which is no hash.
func (h Hash) IsZero() bool { return h == Hash{} }
