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
