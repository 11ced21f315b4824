package embedded

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/clocktest"
	"github.com/confab-chat/confab/pkg/id"
)

func withClock(t *testing.T) (*Store, *clocktest.Clock) {
	c := clocktest.New(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	o := on(vfs.NewMem())
	o.Now, o.ExpireEvery = c.Now, time.Hour
	return open(t, "data", o), c
}

// pass moves the clock by d, as the time passes on a server that runs.
func pass(t *testing.T, s *Store, c *clocktest.Clock, d time.Duration) {
	t.Helper()
	for ; d > 0; d -= time.Hour {
		c.Add(min(d, time.Hour))
		_, err := s.RemovalTime(t.Context())
		require.NoError(t, err)
	}
}

// What has expired by a clock that jumped a year ahead is not removed, also after a start, until it has gone on for a day.
func TestAClockThatJumpsRemovesNothing(t *testing.T) {
	c := clocktest.New(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	o := on(vfs.NewMem())
	o.Now, o.ExpireEvery = c.Now, time.Hour
	s := open(t, "data", o)
	removed := func() int {
		n, err := s.removeExpired()
		require.NoError(t, err)
		return n
	}
	require.Zero(t, removed())
	_, _, err := s.AppendOnce(t.Context(), aLog, "k", message("hello"), id.ID{})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	year := 365 * 24 * time.Hour
	c.Add(year)
	s = open(t, "data", o)
	require.Zero(t, removed())
	_, repeated, err := s.AppendOnce(t.Context(), aLog, "k", message("hello"), id.ID{})
	require.NoError(t, err)
	require.True(t, repeated, "nor does its key end")
	c.Add(-year)
	require.Zero(t, removed())
	c.Add(year)
	pass(t, s, c, 24*time.Hour)
	require.Zero(t, removed(), "doubted from when it was noticed")
	pass(t, s, c, time.Hour)
	require.Equal(t, 1, removed())
}

// rows counts the rows of tables.
func rows(t *testing.T, s *Store, tables ...byte) (n int) {
	t.Helper()
	for _, b := range tables {
		it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: table(b), UpperBound: table(b).end()})
		require.NoError(t, err)
		for ok := it.First(); ok; ok = it.Next() {
			n++
		}
		require.NoError(t, it.Close())
	}
	return n
}

func TestEndsAreExact(t *testing.T) {
	s, c := withClock(t)
	ctx := t.Context()
	end := c.Now().Add(time.Minute)
	h := auth.Hash{1}
	require.NoError(t, s.PutSession(ctx, auth.Session{Hash: h, Tenant: "t", Login: "a", ExpiresAt: end}))
	require.NoError(t, s.CreateRemembered(ctx, auth.Remembered{Series: h, Tenant: "t", Login: "a", ExpiresAt: end}))
	require.NoError(t, s.PutToken(ctx, auth.APIToken{Hash: h, Tenant: "t", Login: "a", ExpiresAt: end}))
	kinds := func() (kinds []chat.Kind) {
		_, err := s.Session(ctx, h)
		_, err2 := s.Remembered(ctx, h)
		_, err3 := s.Token(ctx, h)
		for _, err := range []error{err, err2, err3} {
			if err != nil {
				kinds = append(kinds, chat.KindOf(err))
			}
		}
		return kinds
	}
	c.Add(time.Minute - time.Millisecond)
	require.Empty(t, kinds())
	c.Add(time.Millisecond)
	require.Equal(t, []chat.Kind{chat.NotFound, chat.NotFound, chat.NotFound}, kinds())
}

func TestKeysAreRememberedForTheirLifetime(t *testing.T) {
	s, c := withClock(t)
	ctx := t.Context()
	first, second := message("hello"), message("hello")
	_, _, err := s.AppendOnce(ctx, aLog, "k", first, id.ID{})
	require.NoError(t, err)
	pass(t, s, c, chat.KeyLifetime-time.Millisecond)
	got, repeated, err := s.AppendOnce(ctx, aLog, "k", second, id.ID{})
	require.NoError(t, err)
	require.True(t, repeated)
	require.Equal(t, first, got)

	c.Add(time.Millisecond)
	got, repeated, err = s.AppendOnce(ctx, aLog, "k", second, id.ID{})
	require.NoError(t, err)
	require.False(t, repeated)
	require.Equal(t, second, got)

	// The entry of the first life does not end the second.
	_, err = s.removeExpired()
	require.NoError(t, err)
	_, repeated, err = s.AppendOnce(ctx, aLog, "k", message("hello"), id.ID{})
	require.NoError(t, err)
	require.True(t, repeated)
	pass(t, s, c, chat.KeyLifetime)
	_, err = s.removeExpired()
	require.NoError(t, err)
	require.Zero(t, rows(t, s, tableKey, tableExpiry))
	require.Equal(t, 2, rows(t, s, tableMessage), "messages outlive their keys")
}

func TestExpiredRowsAreRemovedInBatches(t *testing.T) {
	s, c := withClock(t)
	ctx := t.Context()
	const n = expiryRun + expiryRun/2
	for i := range n {
		h := auth.Hash{byte(i), byte(i >> 8), 1}
		end := c.Now().Add(time.Duration(i) * time.Millisecond)
		require.NoError(t, s.PutSession(ctx, auth.Session{Hash: h, Tenant: "t", Login: "a", ExpiresAt: end}))
	}
	lives := auth.Session{Hash: auth.Hash{2}, Tenant: "t", Login: "a", ExpiresAt: c.Now().Add(time.Hour)}
	forever := auth.APIToken{Hash: auth.Hash{2}, Tenant: "t", Login: "a"}
	require.NoError(t, s.PutSession(ctx, lives))
	require.NoError(t, s.PutToken(ctx, forever))

	done, err := s.removeExpired()
	require.NoError(t, err)
	require.Equal(t, 1, done, "the first has come to its end")
	c.Add(10 * time.Second)
	done, err = s.removeExpired()
	require.NoError(t, err)
	require.Equal(t, expiryRun, done)
	done, err = s.removeExpired()
	require.NoError(t, err)
	require.Equal(t, n-1-expiryRun, done)
	require.Equal(t, 1, rows(t, s, tableSession))
	require.Equal(t, 1, rows(t, s, tableSessionOf))
	require.Equal(t, 1, rows(t, s, tableExpiry))

	pass(t, s, c, 1000*time.Hour)
	done, err = s.removeExpired()
	require.NoError(t, err)
	require.Equal(t, 1, done)
	got, err := s.Token(ctx, forever.Hash)
	require.NoError(t, err)
	require.Equal(t, forever, got)
}

func TestExtendedRowsAreNotRemovedAtTheirFirstEnd(t *testing.T) {
	s, c := withClock(t)
	ctx := t.Context()
	n := auth.Session{Hash: auth.Hash{1}, Tenant: "t", Login: "a", ExpiresAt: c.Now().Add(time.Minute)}
	require.NoError(t, s.PutSession(ctx, n))
	n.ExpiresAt = c.Now().Add(time.Hour)
	require.NoError(t, s.ExtendSession(ctx, n.Hash, n.ExpiresAt))
	require.Equal(t, 1, rows(t, s, tableExpiry))
	c.Add(2 * time.Minute)
	_, err := s.removeExpired()
	require.NoError(t, err)
	got, err := s.Session(ctx, n.Hash)
	require.NoError(t, err)
	require.Equal(t, n, got)

	// An end that has come is not moved.
	c.Add(time.Hour)
	require.NoError(t, s.ExtendSession(ctx, n.Hash, c.Now().Add(time.Hour)))
	_, err = s.Session(ctx, n.Hash)
	require.True(t, chat.IsKind(err, chat.NotFound))
}

func TestASessionThatChangesHandsIsListedOnce(t *testing.T) {
	s, c := withClock(t)
	ctx := t.Context()
	n := auth.Session{Hash: auth.Hash{1}, Tenant: "t", Login: "a", ExpiresAt: c.Now().Add(time.Minute)}
	require.NoError(t, s.PutSession(ctx, n))
	n.Login = "b"
	require.NoError(t, s.PutSession(ctx, n))
	require.Equal(t, 1, rows(t, s, tableSessionOf))
	require.NoError(t, s.DeleteSession(ctx, n.Hash))
	require.Zero(t, rows(t, s, tableSession, tableSessionOf, tableExpiry))
}

func TestTheBackgroundRemovesWhatHasExpired(t *testing.T) {
	c := clocktest.New(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	o := on(vfs.NewMem())
	o.Now, o.ExpireEvery = c.Now, time.Millisecond
	s := open(t, "data", o)
	require.NoError(t, s.PutSession(t.Context(), auth.Session{Hash: auth.Hash{1}, Login: "a", ExpiresAt: c.Now().Add(time.Minute)}))
	c.Add(time.Hour)
	require.Eventually(t, func() bool { return rows(t, s, tableSession, tableSessionOf, tableExpiry) == 0 },
		10*time.Second, time.Millisecond)
}

func TestACorruptRowDoesNotHoldUpTheOthers(t *testing.T) {
	s, c := withClock(t)
	for i := range 3 {
		n := auth.Session{Hash: auth.Hash{byte(i)}, Tenant: "t", Login: "a", ExpiresAt: c.Now().Add(time.Duration(i+1) * time.Minute)}
		require.NoError(t, s.PutSession(t.Context(), n))
	}
	require.NoError(t, s.db.Set(sessions.key(auth.Hash{0}), []byte("nonsense"), pebble.Sync))
	require.NoError(t, s.db.Set(table(tableExpiry).last("short"), nil, pebble.Sync))
	c.Add(time.Hour)
	done, err := s.removeExpired()
	require.NoError(t, err)
	require.Equal(t, 3, done)
	require.Equal(t, 1, rows(t, s, tableSession))
	done, err = s.removeExpired()
	require.NoError(t, err)
	require.Zero(t, done)
}
