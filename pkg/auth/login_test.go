package auth

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

func (w *world) start(t *testing.T, series Hash) Hash {
	t.Helper()
	id, s, err := w.sessions.Start(t.Context(), Login{Identity: jdoe, Series: series})
	require.NoError(t, err)
	require.Equal(t, HashOf(id), s.Hash)
	return s.Hash
}

func TestSessionsEndWhenIdle(t *testing.T) {
	w := newWorld()
	h := w.start(t, Hash{})
	s, err := w.sessions.Find(t.Context(), h)
	require.NoError(t, err)
	require.Equal(t, jdoe, chat.Identity{Tenant: s.Tenant, Login: s.Login})
	for range 10 { // a session that is used often enough does not end
		w.clock.Add(idle - time.Second)
		w.sessions.Forget(h)
		_, err = w.sessions.Find(t.Context(), h)
		require.NoError(t, err)
	}
	w.clock.Add(idle)
	_, err = w.sessions.Find(t.Context(), h)
	requireKind(t, chat.NotFound, err)
	_, err = w.sessions.Find(t.Context(), HashOf("invented"))
	requireKind(t, chat.NotFound, err)
}

func TestUseDoesNotMeanAWrite(t *testing.T) {
	w := newWorld()
	h := w.start(t, Hash{})
	for range 20 {
		_, err := w.sessions.Find(t.Context(), h)
		require.NoError(t, err)
	}
	reads, extends := w.counted()
	require.Equal(t, 1, reads, "within a second the store is asked once")
	require.Zero(t, extends)
	w.clock.Add(idle / 10)
	w.sessions.Forget(h)
	_, err := w.sessions.Find(t.Context(), h)
	require.NoError(t, err)
	_, extends = w.counted()
	require.Equal(t, 1, extends)
}

func TestEndedSessionsStayDead(t *testing.T) {
	w := newWorld()
	h, other := w.start(t, Hash{}), w.start(t, Hash{})
	for _, x := range []Hash{h, other} {
		_, err := w.sessions.Find(t.Context(), x)
		require.NoError(t, err)
	}
	require.NoError(t, w.sessions.End(t.Context(), h))
	_, err := w.sessions.Find(t.Context(), h)
	requireKind(t, chat.NotFound, err)
	_, err = w.sessions.Find(t.Context(), other)
	require.NoError(t, err)
	require.Equal(t, []Hash{h}, w.ended)
	require.NoError(t, w.sessions.End(t.Context(), HashOf("unknown")))

	// A session that ended on another node is refused as soon as that is published.
	require.NoError(t, w.DeleteSession(t.Context(), other))
	w.sessions.Forget(other)
	_, err = w.sessions.Find(t.Context(), other)
	requireKind(t, chat.NotFound, err)
}

func TestAStoreThatIsDownIsNoLogout(t *testing.T) {
	w := newWorld()
	h := w.start(t, Hash{})
	cookie, _, err := w.remember.Start(t.Context(), Login{Identity: jdoe})
	require.NoError(t, err)
	w.down = chat.ErrUnavailable(errDown)
	_, err = w.sessions.Find(t.Context(), h)
	requireKind(t, chat.Unavailable, err)
	_, _, err = w.remember.Resume(t.Context(), cookie)
	requireKind(t, chat.Unavailable, err)
	_, err = NewTokens(w, w.sessions, nil, w.clock.Now, SettingsToken).Find(t.Context(), "x")
	requireKind(t, chat.Unavailable, err)
	_, err = w.accounts.LogIn(t.Context(), jdoe.Tenant, "jdoe", "x", From{})
	requireKind(t, chat.Unavailable, err)
}

func TestRememberedLoginsRotate(t *testing.T) {
	w := newWorld()
	cookie, series, err := w.remember.Start(t.Context(), Login{Identity: jdoe})
	require.NoError(t, err)
	for range 3 {
		w.clock.Add(RememberFor - time.Second) // each use renews it
		who, next, err := w.remember.Resume(t.Context(), cookie)
		require.NoError(t, err)
		require.Equal(t, Login{Identity: jdoe, Series: series}, who)
		require.NotEqual(t, cookie, next)
		cookie = next
	}
	w.clock.Add(RememberFor)
	_, _, err = w.remember.Resume(t.Context(), cookie)
	requireKind(t, chat.Unauthenticated, err)
}

func TestADeviceOfARememberedLoginIsKnown(t *testing.T) {
	w := newWorld()
	first, _, err := w.remember.Start(t.Context(), Login{Identity: jdoe})
	require.NoError(t, err)
	knows := func(cookie string, who chat.Identity) bool { return w.remember.Knows(t.Context(), cookie, who) }
	require.True(t, knows(first, jdoe))
	require.False(t, knows(first, chat.Identity{Tenant: jdoe.Tenant, Login: "other"}))
	require.False(t, knows(first, chat.Identity{Tenant: "other", Login: jdoe.Login}))
	for _, cookie := range []string{"", "garbage", first + "x", strings.Replace(first, ":", ":x", 1)} {
		require.False(t, knows(cookie, jdoe), cookie)
	}
	_, next, err := w.remember.Resume(t.Context(), first)
	require.NoError(t, err, "nothing was ended")
	require.True(t, knows(next, jdoe))
	require.True(t, knows(first, jdoe), "within the grace")
	w.clock.Add(grace)
	require.False(t, knows(first, jdoe))
	require.True(t, knows(next, jdoe))
	require.NoError(t, w.remember.Forget(t.Context(), next))
	require.False(t, knows(next, jdoe))
}

func TestOneTokenUsedInParallel(t *testing.T) {
	w := newWorld()
	cookie, _, err := w.remember.Start(t.Context(), Login{Identity: jdoe})
	require.NoError(t, err)
	const n = 16
	next, errs := make([]string, n), make([]error, n)
	var done sync.WaitGroup
	for i := range n {
		done.Go(func() { _, next[i], errs[i] = w.remember.Resume(t.Context(), cookie) })
	}
	done.Wait()
	rotated := ""
	for i := range n {
		require.NoError(t, errs[i])
		if next[i] != "" {
			require.Empty(t, rotated, "one rotation only")
			rotated = next[i]
		}
	}
	require.NotEmpty(t, rotated)
	w.clock.Add(grace - time.Millisecond)
	_, again, err := w.remember.Resume(t.Context(), cookie)
	require.NoError(t, err, "within the grace")
	require.Empty(t, again)
	_, _, err = w.remember.Resume(t.Context(), rotated)
	require.NoError(t, err)
}

func TestTheftEndsTheSeriesAndItsSessionsOnly(t *testing.T) {
	for name, steal := range map[string]func(w *world, resume func(string) string, cookie string) string{
		"previous token after the grace": func(w *world, resume func(string) string, cookie string) string {
			resume(cookie)
			w.clock.Add(grace)
			return cookie
		},
		"older token": func(_ *world, resume func(string) string, cookie string) string {
			resume(resume(cookie))
			return cookie
		},
		"invented token of a known series": func(_ *world, _ func(string) string, cookie string) string { return cookie + "x" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			cookie, series, err := w.remember.Start(t.Context(), Login{Identity: jdoe})
			require.NoError(t, err)
			otherCookie, otherSeries, err := w.remember.Start(t.Context(), Login{Identity: jdoe})
			require.NoError(t, err)
			mine, others, plain := w.start(t, series), w.start(t, otherSeries), w.start(t, Hash{})
			stolen := steal(w, func(c string) string {
				_, next, err := w.remember.Resume(t.Context(), c)
				require.NoError(t, err)
				return next
			}, cookie)
			_, _, err = w.remember.Resume(t.Context(), stolen)
			requireKind(t, chat.Unauthenticated, err)
			_, err = w.Remembered(t.Context(), series)
			requireKind(t, chat.NotFound, err)
			_, err = w.sessions.Find(t.Context(), mine)
			requireKind(t, chat.NotFound, err)
			for _, h := range []Hash{others, plain} {
				_, err = w.sessions.Find(t.Context(), h)
				require.NoError(t, err)
			}
			_, _, err = w.remember.Resume(t.Context(), otherCookie)
			require.NoError(t, err)
		})
	}
}

func TestCookiesThatAreNone(t *testing.T) {
	w := newWorld()
	long := make([]byte, 300)
	for _, c := range []string{"", ":", "a", "a:", ":b", "a:b", string(long) + ":x"} {
		_, _, err := w.remember.Resume(t.Context(), c)
		requireKind(t, chat.Unauthenticated, err)
		require.NoError(t, w.remember.Forget(t.Context(), c))
	}
}

func TestWhateverIsWrongTheAnswerIsTheSame(t *testing.T) {
	w := newWorld()
	w.signUp(t, "jdoe", "secret")
	w.users["gone"] = chat.User{Person: chat.Person{Login: "gone"}, Deleted: true}
	for _, c := range [][2]string{{"jdoe", "wrong"}, {"jdoe", ""}, {"nobody", "secret"}, {"gone", ""}, {"", ""}, {"a/b", "x"}, {"JDOE", "secret"}} {
		_, err := w.accounts.LogIn(t.Context(), jdoe.Tenant, c[0], c[1], From{})
		require.EqualError(t, err, "unauthenticated: Invalid login/password")
	}
	who, err := w.accounts.LogIn(t.Context(), jdoe.Tenant, "jdoe", "secret", From{})
	require.NoError(t, err)
	require.Equal(t, Login{Identity: jdoe}, who)
}

func TestAPasswordChangeEndsEverything(t *testing.T) {
	w := newWorld()
	w.signUp(t, "jdoe", "secret")
	cookie, series, err := w.remember.Start(t.Context(), Login{Identity: jdoe})
	require.NoError(t, err)
	h := w.start(t, series)
	requireKind(t, chat.Forbidden, w.accounts.ChangePassword(t.Context(), jdoe, "wrong", "new", ""))
	requireKind(t, chat.Invalid, w.accounts.ChangePassword(t.Context(), jdoe, "secret", "", ""))
	_, err = w.sessions.Find(t.Context(), h)
	require.NoError(t, err)
	require.NoError(t, w.accounts.ChangePassword(t.Context(), jdoe, "secret", "new", ""))
	_, err = w.sessions.Find(t.Context(), h)
	requireKind(t, chat.NotFound, err)
	_, _, err = w.remember.Resume(t.Context(), cookie)
	requireKind(t, chat.Unauthenticated, err)
	_, err = w.accounts.LogIn(t.Context(), jdoe.Tenant, "jdoe", "secret", From{})
	requireKind(t, chat.Unauthenticated, err)
	_, err = w.accounts.LogIn(t.Context(), jdoe.Tenant, "jdoe", "new", From{})
	require.NoError(t, err)
}

// All logins end, however many there are, and also one that begins meanwhile.
func TestAPasswordChangeEndsAllInOneWrite(t *testing.T) {
	w := newWorld()
	w.signUp(t, "jdoe", "secret")
	late, err := w.accounts.LogIn(t.Context(), jdoe.Tenant, "jdoe", "secret", From{})
	require.NoError(t, err)
	var hs []Hash
	for range 3 * perUser {
		hs = append(hs, w.start(t, Hash{}))
	}
	_, err = w.sessions.Find(t.Context(), hs[0]) // and is cached by this node
	require.NoError(t, err)
	require.NoError(t, w.accounts.ChangePassword(t.Context(), jdoe, "secret", "new", ""))
	require.Equal(t, []chat.Identity{jdoe}, w.over)

	// The login was checked against the old password, and continues now.
	_, s, err := w.sessions.Start(t.Context(), late)
	require.NoError(t, err)
	cookie, _, err := w.remember.Start(t.Context(), late)
	require.NoError(t, err)
	for _, h := range append(hs, s.Hash) {
		_, err := w.sessions.Find(t.Context(), h)
		requireKind(t, chat.NotFound, err)
	}
	_, _, err = w.remember.Resume(t.Context(), cookie)
	requireKind(t, chat.Unauthenticated, err)

	fresh, err := w.accounts.LogIn(t.Context(), jdoe.Tenant, "jdoe", "new", From{})
	require.NoError(t, err)
	_, s, err = w.sessions.Start(t.Context(), fresh)
	require.NoError(t, err)
	_, err = w.sessions.Find(t.Context(), s.Hash)
	require.NoError(t, err)
	cookie, _, err = w.remember.Start(t.Context(), fresh)
	require.NoError(t, err)
	for range 2 {
		who, next, err := w.remember.Resume(t.Context(), cookie)
		require.NoError(t, err)
		require.Equal(t, fresh.Epoch, who.Epoch)
		cookie = next
	}
}

func TestTokens(t *testing.T) {
	w := newWorld()
	tokens := NewTokens(w, w.sessions, nil, w.clock.Now, SettingsToken)
	require.NoError(t, w.PutToken(t.Context(), APIToken{Hash: HashOf("forever"), Tenant: jdoe.Tenant, Login: "jdoe"}))
	require.NoError(t, w.PutToken(t.Context(), APIToken{Hash: HashOf("hour"), Tenant: jdoe.Tenant, Login: "jdoe",
		ExpiresAt: w.clock.Now().Add(time.Hour)}))
	for _, good := range []string{"forever", "hour"} {
		l, err := tokens.Find(t.Context(), good)
		require.NoError(t, err)
		require.Equal(t, Login{Identity: jdoe, Token: HashOf(good)}, l)
	}
	w.clock.Add(time.Hour)
	_, err := tokens.Find(t.Context(), "forever")
	require.NoError(t, err)
	for _, bad := range []string{"hour", "", "x", string(make([]byte, 5000))} {
		_, err := tokens.Find(t.Context(), bad)
		requireKind(t, chat.Unauthenticated, err)
	}
}

// A deleted account has no rights left: its tokens and roles are gone, and a token that an import or an error has left
// lets nobody in.
func TestADeletedAccountHasNoRights(t *testing.T) {
	w := newWorld()
	w.signUp(t, "jdoe", "secret")
	tokens := w.accounts.tokens
	require.NoError(t, w.PutToken(t.Context(), APIToken{Hash: HashOf("token"), Tenant: jdoe.Tenant, Login: "jdoe"}))
	require.NoError(t, w.GrantRole(t.Context(), jdoe.Tenant, "jdoe", SiteAdmin))
	_, err := tokens.Find(t.Context(), "token")
	require.NoError(t, err)
	require.NoError(t, w.accounts.Delete(t.Context(), deletes{w}, jdoe, "jdoe"))
	_, err = tokens.Find(t.Context(), "token")
	requireKind(t, chat.Unauthenticated, err)
	require.Empty(t, w.roles["jdoe"])
	require.Empty(t, w.tokens)
	require.NoError(t, w.PutToken(t.Context(), APIToken{Hash: HashOf("left"), Tenant: jdoe.Tenant, Login: "jdoe"}))
	_, err = tokens.Find(t.Context(), "left")
	requireKind(t, chat.Unauthenticated, err)
}

// deletes is the domain that deletes accounts of a world.
type deletes struct{ *world }

func (d deletes) DeleteUser(_ context.Context, who chat.Identity, login string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	u := d.users[login]
	u.Deleted = true
	d.users[login] = u
	return nil
}

// ensure is EnsureAdmin of a node with that administrator in its settings.
func (w *world) ensure(t *testing.T, admin Admin) error {
	w.accounts.admin = admin
	return w.accounts.EnsureAdmin(t.Context(), w)
}

func TestWhatIsEasyToGuessIsSaid(t *testing.T) {
	const token = "0123456789abcdef0123456789"
	require.Empty(t, Admin{Login: "administrator", Password: "long enough", Token: token}.weaknesses(8))
	require.Empty(t, Admin{Login: "administrator"}.weaknesses(8))
	weak := Admin{Login: "administrator", Password: "short", Token: "short"}.weaknesses(8)
	require.Len(t, weak, 2)
	require.Contains(t, weak[0], "8 characters at least")
	require.Contains(t, weak[1], "token is easy to guess")
	require.NotContains(t, weak[0]+weak[1], "short")
}

func TestEnsureAdmin(t *testing.T) {
	w := newWorld()
	admin := Admin{Login: "administrator", Password: "secret", Token: "token"}
	for _, bad := range []Admin{{Login: "a b"}, {Login: chat.SystemLogin, Password: "x"}, {Login: "administrator"},
		{Login: "administrator", Password: string(make([]byte, chat.MaxPassword+1))}} {
		require.Error(t, w.ensure(t, bad))
	}
	require.NoError(t, w.ensure(t, Admin{}), "none in the settings")
	require.Empty(t, w.users)
	require.NoError(t, w.ensure(t, admin))
	before := w.users["administrator"]
	h := func() Hash {
		_, s, err := w.sessions.Start(t.Context(), Login{Identity: chat.Identity{Tenant: chat.DefaultTenant, Login: "administrator"}})
		require.NoError(t, err)
		return s.Hash
	}()
	require.NoError(t, w.ensure(t, admin))
	require.NoError(t, w.ensure(t, Admin{Login: "administrator"}))
	require.Equal(t, before, w.users["administrator"], "repeating it changes nothing")
	_, err := w.sessions.Find(t.Context(), h)
	require.NoError(t, err, "and ends no session")
	require.Equal(t, map[string]bool{SiteAdmin: true, IntegrationAdmin: true}, w.roles["administrator"])
	l, err := NewTokens(w, w.sessions, nil, w.clock.Now, SettingsToken).Find(t.Context(), "token")
	require.NoError(t, err)
	require.Equal(t, "administrator", l.Login)

	admin.Password, admin.Token = "another", "another token"
	require.NoError(t, w.ensure(t, admin))
	_, err = NewTokens(w, w.sessions, nil, w.clock.Now, SettingsToken).Find(t.Context(), "another token")
	require.NoError(t, err)
	_, err = NewTokens(w, w.sessions, nil, w.clock.Now, SettingsToken).Find(t.Context(), "token")
	requireKind(t, chat.Unauthenticated, err)
	_, err = w.accounts.LogIn(t.Context(), chat.DefaultTenant, "administrator", "another", From{})
	require.NoError(t, err)
	_, err = w.sessions.Find(t.Context(), h)
	requireKind(t, chat.NotFound, err)
	w.users["administrator"] = chat.User{Person: chat.Person{Login: "administrator"}, Deleted: true}
	require.ErrorContains(t, w.ensure(t, admin), "deleted")
}

// A login that began while the clock was a year ahead does not last for a year once the clock is right.
func TestSessionsOfAClockThatWasAhead(t *testing.T) {
	w := newWorld()
	year := 365 * 24 * time.Hour
	w.clock.Add(year)
	h := w.start(t, Hash{})
	cookie, series, err := w.remember.Start(t.Context(), Login{Identity: jdoe})
	require.NoError(t, err)
	_, next, err := w.remember.Resume(t.Context(), cookie)
	require.NoError(t, err)
	w.clock.Add(-year)

	w.sessions.Forget(h)
	s, err := w.sessions.Find(t.Context(), h)
	require.NoError(t, err)
	require.Equal(t, w.clock.Now().Add(idle).UTC(), s.ExpiresAt)
	w.clock.Add(idle)
	w.sessions.Forget(h)
	_, err = w.sessions.Find(t.Context(), h)
	requireKind(t, chat.NotFound, err)

	_, next, err = w.remember.Resume(t.Context(), next)
	require.NoError(t, err)
	require.NotEmpty(t, next)
	row, err := w.memory.Remembered(t.Context(), series)
	require.NoError(t, err)
	require.Equal(t, w.clock.Now().Add(RememberFor).UTC(), row.ExpiresAt)

	// Nor is a token that was replaced at that time accepted for so long.
	w.clock.Add(year)
	cookie, _, err = w.remember.Start(t.Context(), Login{Identity: jdoe})
	require.NoError(t, err)
	_, _, err = w.remember.Resume(t.Context(), cookie)
	require.NoError(t, err)
	w.clock.Add(-year)
	_, _, err = w.remember.Resume(t.Context(), cookie)
	requireKind(t, chat.Unauthenticated, err)
}
