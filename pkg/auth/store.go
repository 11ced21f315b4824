package auth

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
)

// Hash is the SHA-256 of a secret (a session id, a series, a token). Only hashes are stored.
type Hash [32]byte

// Session is a login that has not ended. Only the client knows its id.
type Session struct {
	Hash      Hash
	Tenant    chat.Tenant
	Login     string
	Series    Hash   // the remembered login it came from or brought along; zero if none
	Epoch     string // of the account when it logged in
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Remembered is a remember-me login: one device.
type Remembered struct {
	Series    Hash
	Tenant    chat.Tenant
	Login     string
	Token     Hash      // the valid token
	Previous  Hash      // the one before it; zero before the first rotation
	RotatedAt time.Time // when Token replaced Previous
	ExpiresAt time.Time
	Epoch     string // of the account when it logged in
}

// APIToken is a bearer token. An exact copy of its fields but Hash is what a store keeps.
type APIToken struct {
	Hash      Hash
	Tenant    chat.Tenant
	Login     string    // whose it is; empty for an AppToken
	ExpiresAt time.Time // zero: never
	Kind      TokenKind
	// Bound says that the token ends when its account gets another epoch than Epoch: with a new password, for example.
	Bound bool
	Epoch string
	// Name is what the owner calls it. Scopes are what it opens, separated by spaces; empty: everything.
	Name, Scopes string
	CreatedAt    time.Time // zero for tokens of the settings and of earlier versions
	LastUsedAt   time.Time // about; zero: never, or not recorded
}

// TokenKind is where a token comes from. A mount accepts some kinds; all other tokens are invalid there.
type TokenKind string

// The kinds of tokens.
const (
	// SettingsToken is the one in the operator's settings. Tokens of earlier versions are of this kind.
	SettingsToken TokenKind = ""
	// PersonalToken was made by a user of the default tenant, or by an administrator for a bot.
	PersonalToken TokenKind = "personal"
	// AppToken acts for a whole app of the platform, UserToken for one of the app's users.
	AppToken  TokenKind = "app"
	UserToken TokenKind = "app-user"
	// ManagementToken is of an administrator of an organisation or of the server, for the platform's management.
	ManagementToken TokenKind = "management"
)

// The interfaces below are the storage that authentication needs. The guarantees at the top of pkg/chat/store.go hold
// for them too. Items past their ExpiresAt are NotFound and are removed from disk some time later. DeleteSession,
// DeleteToken and PutToken announce what they change (see pkg/cache) by the keys below.

// SessionKey is the key by which a store announces that a session ends.
func SessionKey(h Hash) string { return "session\x00" + hex.EncodeToString(h[:]) }

// ParseSessionKey returns what a SessionKey was made of; false for another key.
func ParseSessionKey(key string) (Hash, bool) { return parseKey(key, "session") }

// ParseTokenKey returns what a TokenKey was made of; false for another key.
func ParseTokenKey(key string) (Hash, bool) { return parseKey(key, "token") }

func parseKey(key, kind string) (h Hash, ok bool) {
	got, text, _ := strings.Cut(key, "\x00")
	if got != kind || len(text) != hex.EncodedLen(len(h)) {
		return h, false
	}
	_, err := hex.Decode(h[:], []byte(text))
	return h, err == nil
}

// TokenKey is the key by which a store announces that a token has changed.
func TokenKey(h Hash) string { return "token\x00" + hex.EncodeToString(h[:]) }

// ErrUnwritten is in the Unavailable error of DeleteSession, DeleteRemembered and DeleteToken if the deletion takes
// effect but cannot be written now. It is written as soon as possible. If the process ends before, what was deleted is
// valid again until it expires.
var ErrUnwritten = errors.New("it has ended, which is written down later")

// SessionStore keeps sessions by the hash of their id. The store of a server that runs alone may keep sessions and
// their extensions in memory while it cannot write. Users can then log in, and stay logged in until the process ends.
type SessionStore interface {
	// PutSession stores or replaces a session until its ExpiresAt. It does not announce the replacement.
	PutSession(ctx context.Context, s Session) error
	Session(ctx context.Context, h Hash) (Session, error)
	// ExtendSession replaces the ExpiresAt of a live session. It never revives a session that DeleteSession has ended,
	// also if the two run at the same time. (A store without cheap transactions may date the deletion into the future,
	// because ids are never used again.) An unknown session is no error.
	ExtendSession(ctx context.Context, h Hash, expiresAt time.Time) error
	// DeleteSession ends a session permanently; an unknown one is no error.
	DeleteSession(ctx context.Context, h Hash) error
	// SessionsOf returns the user's live sessions, at most limit.
	SessionsOf(ctx context.Context, t chat.Tenant, login string, limit int) ([]Session, error)
}

// RememberStore keeps remember-me series.
type RememberStore interface {
	CreateRemembered(ctx context.Context, r Remembered) error
	Remembered(ctx context.Context, series Hash) (Remembered, error)
	// Rotate replaces the row by next (same Series) if its Token still is from. Of concurrent calls with the same from
	// exactly one returns true.
	Rotate(ctx context.Context, from Hash, next Remembered) (rotated bool, err error)
	// DeleteRemembered removes a series; an unknown one is no error.
	DeleteRemembered(ctx context.Context, series Hash) error
	// RememberedOf returns the user's live series, at most limit.
	RememberedOf(ctx context.Context, t chat.Tenant, login string, limit int) ([]Remembered, error)
}

// TokenStore keeps API tokens by their hash.
type TokenStore interface {
	PutToken(ctx context.Context, a APIToken) error
	Token(ctx context.Context, h Hash) (APIToken, error)
	DeleteToken(ctx context.Context, h Hash) error
	TokensOf(ctx context.Context, t chat.Tenant, login string, limit int) ([]APIToken, error)
	// TouchToken replaces the LastUsedAt of a live token. It never revives a token that DeleteToken has ended. An unknown
	// token is no error.
	TouchToken(ctx context.Context, h Hash, at time.Time) error
}

// SecretStore keeps the server's own keys, made on first start and shared by all nodes.
type SecretStore interface {
	// Secret returns the secret of that name. If there is none, it stores candidate. Concurrent first calls all return the
	// same candidate.
	Secret(ctx context.Context, name string, candidate []byte) ([]byte, error)
}

// RoleStore keeps the roles of users that have any.
type RoleStore interface {
	GrantRole(ctx context.Context, t chat.Tenant, login, role string) error
	RevokeRole(ctx context.Context, t chat.Tenant, login, role string) error
	// Roles returns the user's roles, ascending.
	Roles(ctx context.Context, t chat.Tenant, login string) ([]string, error)
}
