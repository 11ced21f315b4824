package auth

import (
	"context"
	"crypto/subtle"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
)

// RememberFor is the lifetime of a remembered login, counted from its last use.
const RememberFor = 31 * 24 * time.Hour

// Remember manages remembered logins: a series per device, with one valid token at a time (the scheme of Barry Jaspan's
// "Improved Persistent Login Cookie Best Practice"). The use of an earlier token means that a cookie was stolen. It may
// be used concurrently.
type Remember struct {
	store    RememberStore
	sessions *Sessions
	grace    time.Duration
	now      func() time.Time
	log      *slog.Logger
}

// NewRemember returns the remembered logins of a store. grace is how long after a rotation the previous token is still
// accepted, for browsers that send several requests at the same time.
func NewRemember(store RememberStore, sessions *Sessions, grace time.Duration, now func() time.Time, log *slog.Logger) *Remember {
	return &Remember{store: store, sessions: sessions, grace: grace, now: now, log: log}
}

// Start begins a series and returns the value of its cookie.
func (r *Remember) Start(ctx context.Context, who Login) (cookie string, series Hash, err error) {
	seriesSecret, seriesHash := NewSecret()
	token, tokenHash := NewSecret()
	err = r.store.CreateRemembered(ctx, Remembered{Series: seriesHash, Tenant: who.Tenant, Login: who.Login,
		Token: tokenHash, Epoch: who.Epoch, ExpiresAt: r.now().Add(RememberFor).UTC()})
	if err != nil {
		return "", Hash{}, err
	}
	return seriesSecret + ":" + token, seriesHash, nil
}

// Resume accepts a cookie. It returns the login and the new value of the cookie. The value is empty if the browser
// should keep the value that it has or has just received. An invalid cookie is Unauthenticated. If the cookie was
// stolen, Resume has also ended its series and every session that came from it.
func (r *Remember) Resume(ctx context.Context, cookie string) (who Login, next string, err error) {
	unknown := &chat.Error{Kind: chat.Unauthenticated, Message: "the remembered login is not known (any more)"}
	seriesSecret, token, ok := splitCookie(cookie)
	if !ok {
		return who, "", unknown
	}
	series := HashOf(seriesSecret)
	tokenHash := HashOf(token)
	for {
		row, err := r.store.Remembered(ctx, series)
		if chat.IsKind(err, chat.NotFound) {
			return who, "", unknown
		}
		if err != nil {
			return who, "", err
		}
		who = Login{Identity: chat.Identity{Tenant: row.Tenant, Login: row.Login}, Series: series, Epoch: row.Epoch}
		if err := r.sessions.current(ctx, who.Identity, row.Epoch); chat.IsKind(err, chat.NotFound) {
			return who, "", unknown
		} else if err != nil {
			return who, "", err
		}
		now := r.now().UTC()
		switch {
		case equal(row.Token, tokenHash):
			fresh, freshHash := NewSecret()
			rotated, err := r.store.Rotate(ctx, row.Token, Remembered{Series: series, Tenant: row.Tenant, Login: row.Login,
				Epoch: row.Epoch, Token: freshHash, Previous: row.Token, RotatedAt: now, ExpiresAt: now.Add(RememberFor)})
			if err != nil {
				return who, "", err
			}
			if rotated {
				return who, seriesSecret + ":" + fresh, nil
			}
			// Another request of the same browser was first: read the row again.
		case equal(row.Previous, tokenHash) && r.inGrace(now.Sub(row.RotatedAt)):
			return who, "", nil
		default:
			r.log.Warn("a remembered login was used twice: its cookie was stolen; the series and its sessions are ended",
				"tenant", row.Tenant, "login", row.Login)
			if err := r.forget(ctx, row); err != nil && !errors.Is(err, ErrUnwritten) {
				return who, "", err
			}
			return who, "", unknown
		}
	}
}

// Knows reports whether a cookie is that of a remembered login of who. It does not renew it, nor does it end anything.
func (r *Remember) Knows(ctx context.Context, cookie string, who chat.Identity) bool {
	seriesSecret, token, ok := splitCookie(cookie)
	if !ok {
		return false
	}
	row, err := r.store.Remembered(ctx, HashOf(seriesSecret))
	if err != nil || (chat.Identity{Tenant: row.Tenant, Login: row.Login}) != who || r.sessions.current(ctx, who, row.Epoch) != nil {
		return false
	}
	tokenHash := HashOf(token)
	return equal(row.Token, tokenHash) || equal(row.Previous, tokenHash) && r.inGrace(r.now().UTC().Sub(row.RotatedAt))
}

// Has reports whether the store has the series that a cookie names, whatever its token.
func (r *Remember) Has(ctx context.Context, cookie string) bool {
	seriesSecret, _, ok := splitCookie(cookie)
	if !ok {
		return false
	}
	_, err := r.store.Remembered(ctx, HashOf(seriesSecret))
	return err == nil
}

// inGrace reports whether the previous token is accepted that long after a rotation. It is not accepted if the rotation
// is dated far in the future, by a wrong clock.
func (r *Remember) inGrace(since time.Duration) bool { return since < r.grace && since > -clocksDiffer }

// Forget ends the series that a cookie names, if it names one.
func (r *Remember) Forget(ctx context.Context, cookie string) error {
	seriesSecret, _, ok := splitCookie(cookie)
	if !ok {
		return nil
	}
	return r.store.DeleteRemembered(ctx, HashOf(seriesSecret))
}

// ForgetSeries ends a series.
func (r *Remember) ForgetSeries(ctx context.Context, series Hash) error {
	return r.store.DeleteRemembered(ctx, series)
}

// ForgetAll ends all series of a user. They have ended also if the error is ErrUnwritten.
func (r *Remember) ForgetAll(ctx context.Context, t chat.Tenant, login string) error {
	var unwritten error
	for {
		rows, err := r.store.RememberedOf(ctx, t, login, perUser)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := r.store.DeleteRemembered(ctx, row.Series); errors.Is(err, ErrUnwritten) {
				unwritten = err
			} else if err != nil {
				return err
			}
		}
		if len(rows) < perUser {
			return unwritten
		}
	}
}

func (r *Remember) forget(ctx context.Context, row Remembered) error {
	if err := r.store.DeleteRemembered(ctx, row.Series); err != nil && !errors.Is(err, ErrUnwritten) {
		return err
	}
	return r.sessions.EndWhere(ctx, row.Tenant, row.Login, func(s Session) bool { return s.Series == row.Series })
}

// maxCookie bounds the length of a cookie that is hashed.
const maxCookie = 256

func splitCookie(cookie string) (series, token string, ok bool) {
	if len(cookie) > maxCookie {
		return "", "", false
	}
	series, token, ok = strings.Cut(cookie, ":")
	return series, token, ok && series != "" && token != ""
}

func equal(a, b Hash) bool {
	return !b.IsZero() && subtle.ConstantTimeCompare(a[:], b[:]) == 1
}
