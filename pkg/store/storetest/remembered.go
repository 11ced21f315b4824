package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

func (e *env) remembered(login string, end time.Time) auth.Remembered {
	return auth.Remembered{Series: newHash(), Tenant: e.tenant, Login: login, Token: newHash(), Epoch: "an epoch", ExpiresAt: end}
}

// rotated returns what r becomes when its token is replaced.
func rotated(r auth.Remembered) auth.Remembered {
	r.Previous, r.Token = r.Token, newHash()
	r.RotatedAt = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	r.ExpiresAt = r.ExpiresAt.Add(time.Hour)
	return r
}

var rememberedLeases = leases[auth.Remembered]{
	make: (*env).remembered,
	key:  func(r auth.Remembered) auth.Hash { return r.Series },
	put:  func(e *env, r auth.Remembered) error { return e.s.CreateRemembered(e.ctx, r) },
	get:  func(e *env, h auth.Hash) (auth.Remembered, error) { return e.s.Remembered(e.ctx, h) },
	del:  func(e *env, h auth.Hash) error { return e.s.DeleteRemembered(e.ctx, h) },
	of: func(e *env, t chat.Tenant, login string, limit int) ([]auth.Remembered, error) {
		return e.s.RememberedOf(e.ctx, t, login, limit)
	},
}

var rememberedTests = rememberedLeases.and(map[string]func(*env){
	"rotated": func(e *env) {
		r := e.remembered("jdoe", far)
		require.NoError(e, e.s.CreateRemembered(e.ctx, r))
		for range 3 {
			next := rotated(r)
			ok, err := e.s.Rotate(e.ctx, r.Token, next)
			require.NoError(e, err)
			require.True(e, ok)
			rememberedLeases.is(e, next)
			rememberedLeases.ofJdoe(e, next)
			// The previous token, and one that never existed, are rejected.
			for _, stale := range []auth.Hash{r.Token, newHash(), {}} {
				ok, err = e.s.Rotate(e.ctx, stale, rotated(next))
				require.NoError(e, err)
				require.False(e, ok)
			}
			rememberedLeases.is(e, next)
			r = next
		}
	},
	"of rotations at once one succeeds": func(e *env) {
		r := e.remembered("jdoe", far)
		require.NoError(e, e.s.CreateRemembered(e.ctx, r))
		next := make([]auth.Remembered, racers)
		for i := range next {
			next[i] = rotated(r)
		}
		winner := e.once(racers, func(i int) (bool, error) { return e.s.Rotate(e.ctx, r.Token, next[i]) })
		rememberedLeases.is(e, next[winner])
	},
	"what is not there is not rotated": func(e *env) {
		unknown := e.remembered("jdoe", far)
		deleted := e.remembered("jdoe", far)
		require.NoError(e, e.s.CreateRemembered(e.ctx, deleted))
		require.NoError(e, e.s.DeleteRemembered(e.ctx, deleted.Series))
		ended := e.remembered("jdoe", past)
		require.NoError(e, e.s.CreateRemembered(e.ctx, ended))
		for _, r := range []auth.Remembered{unknown, deleted, ended} {
			next := rotated(r)
			next.ExpiresAt = far
			ok, err := e.s.Rotate(e.ctx, r.Token, next)
			require.NoError(e, err)
			require.False(e, ok)
			rememberedLeases.missing(e, r.Series)
		}
	},
	"a rotation at once with the deletion brings nothing back": func(e *env) {
		r := e.remembered("jdoe", far)
		require.NoError(e, e.s.CreateRemembered(e.ctx, r))
		race(racers, func(i int) {
			var err error
			if i == racers/2 {
				err = e.s.DeleteRemembered(e.ctx, r.Series)
			} else {
				_, err = e.s.Rotate(e.ctx, r.Token, rotated(r))
			}
			if err != nil {
				e.Errorf("%v", err)
			}
		})
		rememberedLeases.missing(e, r.Series)
		rememberedLeases.ofJdoe(e)
	},
})
