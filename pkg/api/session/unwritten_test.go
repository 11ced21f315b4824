package session_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

// full is a store whose disk takes nothing: sessions are extended no more, and what ends does so in memory.
func (f *faulty) unwritten(err error) error {
	if err == nil && f.full.Load() {
		return &chat.Error{Kind: chat.Unavailable, Message: "not written", Cause: auth.ErrUnwritten}
	}
	return err
}

func (f *faulty) ExtendSession(ctx context.Context, h auth.Hash, expiresAt time.Time) error {
	if f.full.Load() {
		return errAway
	}
	return f.Store.ExtendSession(ctx, h, expiresAt)
}

func (f *faulty) DeleteSession(ctx context.Context, h auth.Hash) error {
	return f.unwritten(f.Store.DeleteSession(ctx, h))
}

func (f *faulty) DeleteRemembered(ctx context.Context, series auth.Hash) error {
	return f.unwritten(f.Store.DeleteRemembered(ctx, series))
}

func TestALogoutCountsAlsoWhenItCannotBeWritten(t *testing.T) {
	w := newWorld(t)
	n := w.node(nodeOptions{})
	b := n.browser(t)
	b.do("POST", "/login?as=ann&remember")
	kept := b.copied()
	w.store.full.Store(true)
	w.clock.Add(idle / 2)
	b.isIn("ann") // though the session cannot be extended

	a := b.do("POST", "/logout")
	require.Equal(t, http.StatusServiceUnavailable, a.status, "the mount has its own words for it")
	require.Len(t, a.set, 2, "both cookies are expired")
	for _, c := range []*browser{kept, kept.copied().without(sessionCookie), kept.copied().without(rememberCookie)} {
		require.Equal(t, http.StatusUnauthorized, c.do("GET", "/me").status)
	}
	// A login takes the place of the session before it.
	b = n.browser(t)
	b.do("POST", "/login?as=ann")
	before := b.copied()
	require.Less(t, b.do("POST", "/login?as=bob").status, 300)
	b.isIn("bob")
	require.Equal(t, http.StatusUnauthorized, before.do("GET", "/me").status)
}
