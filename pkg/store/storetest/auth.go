package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

// past is an end that has come; soon returns one that is about to.
var past = time.Now().Add(-time.Hour).UTC().Truncate(time.Millisecond)

func soon() time.Time {
	return time.Now().Add(1500 * time.Millisecond).UTC().Truncate(time.Millisecond)
}

// ends waits until reading answers NotFound, as it must once the end has come, and not before.
func (e *env) ends(end time.Time, read func() error) {
	e.Helper()
	for {
		before := time.Now()
		err := read()
		if err != nil {
			e.isKind(err, chat.NotFound)
			require.False(e, time.Now().Before(end), "ended before its time")
			return
		}
		// A second of grace: stores may keep time in whole seconds.
		require.True(e, before.Before(end.Add(2*time.Second)), "still there after its end")
		time.Sleep(50 * time.Millisecond)
	}
}

func (e *env) session(login string, end time.Time) auth.Session {
	return auth.Session{
		Hash: newHash(), Tenant: e.tenant, Login: login, Series: newHash(),
		CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC), ExpiresAt: end,
	}
}

var sessionTests = map[string]func(*env){
	"put, read, replace, delete": func(e *env) {
		n := e.session("jdoe", far)
		_, err := e.s.Session(e.ctx, n.Hash)
		e.isKind(err, chat.NotFound)
		require.NoError(e, e.s.DeleteSession(e.ctx, n.Hash))
		n = e.session("jdoe", far)
		require.NoError(e, e.s.PutSession(e.ctx, n))
		got, err := e.s.Session(e.ctx, n.Hash)
		require.NoError(e, err)
		require.Equal(e, n, got)

		n.Series, n.ExpiresAt = auth.Hash{}, far.Add(time.Hour)
		require.NoError(e, e.s.PutSession(e.ctx, n))
		got, err = e.s.Session(e.ctx, n.Hash)
		require.NoError(e, err)
		require.Equal(e, n, got)
		of, err := e.s.SessionsOf(e.ctx, e.tenant, "jdoe", 10)
		require.NoError(e, err)
		require.Equal(e, []auth.Session{n}, of)

		for range 2 {
			require.NoError(e, e.s.DeleteSession(e.ctx, n.Hash))
			_, err = e.s.Session(e.ctx, n.Hash)
			e.isKind(err, chat.NotFound)
		}
		of, err = e.s.SessionsOf(e.ctx, e.tenant, "jdoe", 10)
		require.NoError(e, err)
		require.Empty(e, of)
	},
	"of a user": func(e *env) {
		mine := map[auth.Hash]auth.Session{}
		for range 5 {
			n := e.session("jdoe", far)
			mine[n.Hash] = n
			require.NoError(e, e.s.PutSession(e.ctx, n))
		}
		require.NoError(e, e.s.PutSession(e.ctx, e.session("jdo", far)))
		require.NoError(e, e.s.PutSession(e.ctx, e.session("jdoe2", far)))
		dead := e.session("jdoe", past)
		require.NoError(e, e.s.PutSession(e.ctx, dead))
		of, err := e.s.SessionsOf(e.ctx, e.tenant, "jdoe", 10)
		require.NoError(e, err)
		require.Len(e, of, len(mine))
		for _, n := range of {
			require.Equal(e, mine[n.Hash], n)
		}
		of, err = e.s.SessionsOf(e.ctx, e.tenant, "jdoe", 2)
		require.NoError(e, err)
		require.Len(e, of, 2)
		of, err = e.s.SessionsOf(e.ctx, newTenant(), "jdoe", 10)
		require.NoError(e, err)
		require.Empty(e, of)
	},
	"past its end it is not found": func(e *env) {
		n := e.session("jdoe", past)
		require.NoError(e, e.s.PutSession(e.ctx, n))
		_, err := e.s.Session(e.ctx, n.Hash)
		e.isKind(err, chat.NotFound)
		// A live one that is replaced by one that has ended, as well.
		n = e.session("jdoe", far)
		require.NoError(e, e.s.PutSession(e.ctx, n))
		n.ExpiresAt = past
		require.NoError(e, e.s.PutSession(e.ctx, n))
		_, err = e.s.Session(e.ctx, n.Hash)
		e.isKind(err, chat.NotFound)
	},
	"it ends in time": func(e *env) {
		n := e.session("jdoe", soon())
		require.NoError(e, e.s.PutSession(e.ctx, n))
		e.ends(n.ExpiresAt, func() error {
			_, err := e.s.Session(e.ctx, n.Hash)
			return err
		})
		of, err := e.s.SessionsOf(e.ctx, e.tenant, "jdoe", 10)
		require.NoError(e, err)
		require.Empty(e, of)
	},
	"extended": func(e *env) {
		var n auth.Session
		var was time.Time
		for life := time.Second; ; life *= 2 { // long enough for a slow store to be extended in time
			was = time.Now().Add(life).UTC().Truncate(time.Millisecond)
			n = e.session("jdoe", was)
			require.NoError(e, e.s.PutSession(e.ctx, n))
			n.ExpiresAt = far
			require.NoError(e, e.s.ExtendSession(e.ctx, n.Hash, far))
			if time.Now().Before(was) {
				break
			}
			require.NoError(e, e.s.DeleteSession(e.ctx, n.Hash))
		}
		got, err := e.s.Session(e.ctx, n.Hash)
		require.NoError(e, err)
		require.Equal(e, n, got)
		time.Sleep(time.Until(was.Add(time.Second))) // the end it had must come and go
		got, err = e.s.Session(e.ctx, n.Hash)
		require.NoError(e, err)
		require.Equal(e, n, got)
		of, err := e.s.SessionsOf(e.ctx, e.tenant, "jdoe", 10)
		require.NoError(e, err)
		require.Equal(e, []auth.Session{n}, of)
	},
	"extending brings nothing back": func(e *env) {
		unknown := newHash()
		require.NoError(e, e.s.ExtendSession(e.ctx, unknown, far))
		ended := e.session("jdoe", far)
		require.NoError(e, e.s.PutSession(e.ctx, ended))
		require.NoError(e, e.s.DeleteSession(e.ctx, ended.Hash))
		require.NoError(e, e.s.ExtendSession(e.ctx, ended.Hash, far))
		raced := e.session("jdoe", far)
		require.NoError(e, e.s.PutSession(e.ctx, raced))
		race(racers, func(i int) {
			var err error
			if i == racers/2 {
				err = e.s.DeleteSession(e.ctx, raced.Hash)
			} else {
				err = e.s.ExtendSession(e.ctx, raced.Hash, far.Add(time.Hour))
			}
			if err != nil {
				e.Errorf("%v", err)
			}
		})
		for _, h := range []auth.Hash{unknown, ended.Hash, raced.Hash} {
			_, err := e.s.Session(e.ctx, h)
			e.isKind(err, chat.NotFound)
		}
		of, err := e.s.SessionsOf(e.ctx, e.tenant, "jdoe", 10)
		require.NoError(e, err)
		require.Empty(e, of)
	},
}

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

func (e *env) token(login string, end time.Time) auth.APIToken {
	return auth.APIToken{Hash: newHash(), Tenant: e.tenant, Login: login, ExpiresAt: end}
}

var tokenTests = map[string]func(*env){
	"put, read, delete": func(e *env) {
		for _, a := range []auth.APIToken{e.token("jdoe", far), e.token("jdoe", time.Time{})} {
			_, err := e.s.Token(e.ctx, a.Hash)
			e.isKind(err, chat.NotFound)
			for range 2 {
				require.NoError(e, e.s.PutToken(e.ctx, a))
				got, err := e.s.Token(e.ctx, a.Hash)
				require.NoError(e, err)
				require.Equal(e, a, got)
			}
			of, err := e.s.TokensOf(e.ctx, e.tenant, "jdoe", 10)
			require.NoError(e, err)
			require.Equal(e, []auth.APIToken{a}, of)
			for range 2 {
				require.NoError(e, e.s.DeleteToken(e.ctx, a.Hash))
				_, err = e.s.Token(e.ctx, a.Hash)
				e.isKind(err, chat.NotFound)
			}
			of, err = e.s.TokensOf(e.ctx, e.tenant, "jdoe", 10)
			require.NoError(e, err)
			require.Empty(e, of)
		}
	},
	"of a user": func(e *env) {
		mine := map[auth.Hash]auth.APIToken{}
		for range 4 {
			a := e.token("jdoe", far)
			mine[a.Hash] = a
			require.NoError(e, e.s.PutToken(e.ctx, a))
		}
		require.NoError(e, e.s.PutToken(e.ctx, e.token("jdo", far)))
		require.NoError(e, e.s.PutToken(e.ctx, e.token("jdoe", past)))
		of, err := e.s.TokensOf(e.ctx, e.tenant, "jdoe", 10)
		require.NoError(e, err)
		require.Len(e, of, len(mine))
		for _, a := range of {
			require.Equal(e, mine[a.Hash], a)
		}
		of, err = e.s.TokensOf(e.ctx, e.tenant, "jdoe", 3)
		require.NoError(e, err)
		require.Len(e, of, 3)
	},
	"it ends in time": func(e *env) {
		a := e.token("jdoe", soon())
		require.NoError(e, e.s.PutToken(e.ctx, a))
		e.ends(a.ExpiresAt, func() error {
			_, err := e.s.Token(e.ctx, a.Hash)
			return err
		})
		dead := e.token("jdoe", past)
		require.NoError(e, e.s.PutToken(e.ctx, dead))
		_, err := e.s.Token(e.ctx, dead.Hash)
		e.isKind(err, chat.NotFound)
	},
}

var secretTests = map[string]func(*env){
	"the first candidate stays": func(e *env) {
		name, other := string(newTenant()), string(newTenant())
		first := []byte{0, 1, 0xff, 0x80, '\n'}
		for _, candidate := range [][]byte{first, []byte("another"), {}} {
			got, err := e.s.Secret(e.ctx, name, candidate)
			require.NoError(e, err)
			require.Equal(e, first, got)
		}
		got, err := e.s.Secret(e.ctx, other, []byte("another"))
		require.NoError(e, err)
		require.Equal(e, []byte("another"), got)
	},
	"of first calls at once all get one": func(e *env) {
		name := string(newTenant())
		got := make([]string, racers)
		race(racers, func(i int) {
			secret, err := e.s.Secret(e.ctx, name, []byte{byte(i)})
			if err != nil {
				e.Errorf("%v", err)
			}
			got[i] = string(secret)
		})
		for _, secret := range got {
			require.Len(e, secret, 1)
			require.Equal(e, got[0], secret)
		}
	},
}

var roleTests = map[string]func(*env){
	"granted and revoked": func(e *env) {
		roles := func(want ...string) {
			e.Helper()
			got, err := e.s.Roles(e.ctx, e.tenant, "jdoe")
			require.NoError(e, err)
			require.ElementsMatch(e, want, got)
			require.IsIncreasing(e, append([]string{""}, got...))
		}
		grant := func(login, role string) { require.NoError(e, e.s.GrantRole(e.ctx, e.tenant, login, role)) }
		roles()
		grant("jdoe", "moderator")
		grant("jdoe", "admin")
		grant("jdoe", "admin")
		grant("jdo", "owner")
		roles("admin", "moderator")
		other, err := e.s.Roles(e.ctx, newTenant(), "jdoe")
		require.NoError(e, err)
		require.Empty(e, other)
		for range 2 {
			require.NoError(e, e.s.RevokeRole(e.ctx, e.tenant, "jdoe", "moderator"))
			roles("admin")
		}
		require.NoError(e, e.s.RevokeRole(e.ctx, e.tenant, "nobody", "admin"))
		grant("jdoe", "moderator")
		roles("admin", "moderator")
	},
}
