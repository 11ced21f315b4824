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

// RememberFor is the life of a remembered login, counted from its last use.
const RememberFor = 31 * 24 * time.Hour

// Remember keeps remembered logins: a series for each device and in it one token that is
// good at a time (the scheme of Barry Jaspan's "Improved Persistent Login Cookie Best
// Practice"). A token that was good before means that a cookie was stolen. It may be used
// concurrently.
type Remember struct {
	store    RememberStore
	sessions *Sessions
	grace    time.Duration
	now      func() time.Time
	log      *slog.Logger
}

// NewRemember returns the remembered logins of a store. grace is how long after a rotation the
// token before it is still accepted, for browsers that send several requests at once.
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

// Resume accepts a cookie: it returns whose login it is and the cookie's new value, which
// is empty when the browser is to keep what it has or has just got. A cookie that is
// no good is Unauthenticated; one that was stolen has then ended its series and every session that came from it.
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
			// Another request of the same browser was first: look again.
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

// inGrace reports whether the token before a rotation is accepted so long after it. It is not if the rotation is far ahead:
// that was by a clock that was wrong.
func (r *Remember) inGrace(since time.Duration) bool { return since < r.grace && since > -clocksDiffer }

// Forget ends the series of a cookie, if the cookie knows it.
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

// maxCookie bounds what is hashed of a cookie that claims to be ours.
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
