package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

// past is an expiry in the past; soon returns one in the near future.
var past = time.Now().Add(-time.Hour).UTC().Truncate(time.Millisecond)

func soon() time.Time {
	return time.Now().Add(1500 * time.Millisecond).UTC().Truncate(time.Millisecond)
}

// ends waits until reading answers NotFound. It must do so when the expiry has passed, and not before.
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
		Hash: newHash(), Tenant: e.tenant, Login: login, Series: newHash(), Epoch: "an epoch",
		CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC), ExpiresAt: end,
	}
}

var sessionLeases = leases[auth.Session]{
	make: (*env).session,
	key:  func(n auth.Session) auth.Hash { return n.Hash },
	put:  func(e *env, n auth.Session) error { return e.s.PutSession(e.ctx, n) },
	get:  func(e *env, h auth.Hash) (auth.Session, error) { return e.s.Session(e.ctx, h) },
	del:  func(e *env, h auth.Hash) error { return e.s.DeleteSession(e.ctx, h) },
	of: func(e *env, t chat.Tenant, login string, limit int) ([]auth.Session, error) {
		return e.s.SessionsOf(e.ctx, t, login, limit)
	},
}

var sessionTests = sessionLeases.and(map[string]func(*env){
	"replaced": func(e *env) {
		n := e.session("jdoe", far)
		require.NoError(e, e.s.PutSession(e.ctx, n))
		n.Series, n.ExpiresAt = auth.Hash{}, far.Add(time.Hour)
		require.NoError(e, e.s.PutSession(e.ctx, n))
		sessionLeases.is(e, n)
		sessionLeases.ofJdoe(e, n)
		n.ExpiresAt = past
		require.NoError(e, e.s.PutSession(e.ctx, n))
		sessionLeases.missing(e, n.Hash)
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
		sessionLeases.is(e, n)
		time.Sleep(time.Until(was.Add(time.Second))) // the original expiry must pass
		sessionLeases.is(e, n)
		sessionLeases.ofJdoe(e, n)
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
			sessionLeases.missing(e, h)
		}
		sessionLeases.ofJdoe(e)
	},
})
