package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

func (e *env) remembered(login string, end time.Time) auth.Remembered {
	return auth.Remembered{Series: newHash(), Tenant: e.tenant, Login: login, Token: newHash(), ExpiresAt: end}
}

// rotated returns what r becomes when its token is replaced.
func rotated(r auth.Remembered) auth.Remembered {
	r.Previous, r.Token = r.Token, newHash()
	r.RotatedAt = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	r.ExpiresAt = r.ExpiresAt.Add(time.Hour)
	return r
}

var rememberedTests = map[string]func(*env){
	"create, read, delete": func(e *env) {
		r := e.remembered("jdoe", far)
		_, err := e.s.Remembered(e.ctx, r.Series)
		e.isKind(err, chat.NotFound)
		require.NoError(e, e.s.CreateRemembered(e.ctx, r))
		got, err := e.s.Remembered(e.ctx, r.Series)
		require.NoError(e, err)
		require.Equal(e, r, got)
		for range 2 {
			require.NoError(e, e.s.DeleteRemembered(e.ctx, r.Series))
			_, err = e.s.Remembered(e.ctx, r.Series)
			e.isKind(err, chat.NotFound)
		}
		of, err := e.s.RememberedOf(e.ctx, e.tenant, "jdoe", 10)
		require.NoError(e, err)
		require.Empty(e, of)
	},
	"rotated": func(e *env) {
		r := e.remembered("jdoe", far)
		require.NoError(e, e.s.CreateRemembered(e.ctx, r))
		for range 3 {
			next := rotated(r)
			ok, err := e.s.Rotate(e.ctx, r.Token, next)
			require.NoError(e, err)
			require.True(e, ok)
			got, err := e.s.Remembered(e.ctx, r.Series)
			require.NoError(e, err)
			require.Equal(e, next, got)
			of, err := e.s.RememberedOf(e.ctx, e.tenant, "jdoe", 10)
			require.NoError(e, err)
			require.Equal(e, []auth.Remembered{next}, of)
			// The token of before, and one that never was, are good for nothing.
			for _, stale := range []auth.Hash{r.Token, newHash(), {}} {
				ok, err = e.s.Rotate(e.ctx, stale, rotated(next))
				require.NoError(e, err)
				require.False(e, ok)
			}
			got, err = e.s.Remembered(e.ctx, r.Series)
			require.NoError(e, err)
			require.Equal(e, next, got)
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
		got, err := e.s.Remembered(e.ctx, r.Series)
		require.NoError(e, err)
		require.Equal(e, next[winner], got)
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
			_, err = e.s.Remembered(e.ctx, r.Series)
			e.isKind(err, chat.NotFound)
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
		_, err := e.s.Remembered(e.ctx, r.Series)
		e.isKind(err, chat.NotFound)
		of, err := e.s.RememberedOf(e.ctx, e.tenant, "jdoe", 10)
		require.NoError(e, err)
		require.Empty(e, of)
	},
	"of a user": func(e *env) {
		mine := map[auth.Hash]auth.Remembered{}
		for range 4 {
			r := e.remembered("jdoe", far)
			mine[r.Series] = r
			require.NoError(e, e.s.CreateRemembered(e.ctx, r))
		}
		require.NoError(e, e.s.CreateRemembered(e.ctx, e.remembered("jdo", far)))
		require.NoError(e, e.s.CreateRemembered(e.ctx, e.remembered("jdoe", past)))
		of, err := e.s.RememberedOf(e.ctx, e.tenant, "jdoe", 10)
		require.NoError(e, err)
		require.Len(e, of, len(mine))
		for _, r := range of {
			require.Equal(e, mine[r.Series], r)
		}
		of, err = e.s.RememberedOf(e.ctx, e.tenant, "jdoe", 3)
		require.NoError(e, err)
		require.Len(e, of, 3)
	},
	"it ends in time": func(e *env) {
		r := e.remembered("jdoe", soon())
		require.NoError(e, e.s.CreateRemembered(e.ctx, r))
		e.ends(r.ExpiresAt, func() error {
			_, err := e.s.Remembered(e.ctx, r.Series)
			return err
		})
		of, err := e.s.RememberedOf(e.ctx, e.tenant, "jdoe", 10)
		require.NoError(e, err)
		require.Empty(e, of)
	},
}
