package people_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/people"
)

func TestContactsAreMutual(t *testing.T) {
	w := newWorld(t)
	ann := w.account("ann")
	var want []string
	for i := range 7 {
		x := w.account(fmt.Sprint("x", i))
		require.NoError(t, w.Befriend(t.Context(), ann, x))
		require.NoError(t, w.Befriend(t.Context(), x, ann), "repeated")
		want = append(want, x.Name)
		require.Equal(t, []string{"ann"}, w.contacts(x, 10))
	}
	slices.Reverse(want)
	for _, page := range []int{1, 3, 7, 10} {
		require.Equal(t, want, w.contacts(ann, page), "the newest first")
	}
	require.True(t, chat.IsKind(w.Befriend(t.Context(), ann, ann), chat.Invalid))

	// A remark is one's own.
	x3, err := w.accounts.Named(t.Context(), app, account.Platform, "x3")
	require.NoError(t, err)
	require.NoError(t, w.SetRemark(t.Context(), ann, x3, "met in 梁"))
	require.True(t, chat.IsKind(w.SetRemark(t.Context(), ann, x3, strings.Repeat("梁", people.MaxRemark+1)), chat.Invalid))
	list, _, err := w.Contacts(t.Context(), ann.Identity(), id.ID{}, 10)
	require.NoError(t, err)
	require.Equal(t, "met in 梁", list[3].Remark)
	list, _, err = w.Contacts(t.Context(), x3.Identity(), id.ID{}, 10)
	require.NoError(t, err)
	require.Empty(t, list[0].Remark)

	require.NoError(t, w.Unfriend(t.Context(), x3, ann))
	require.NoError(t, w.Unfriend(t.Context(), x3, ann), "repeated")
	require.Equal(t, slices.DeleteFunc(want, func(s string) bool { return s == "x3" }), w.contacts(ann, 2))
	require.Empty(t, w.contacts(x3, 2))
	require.True(t, chat.IsKind(w.SetRemark(t.Context(), ann, x3, "x"), chat.NotFound))
}

// Both see each other or neither does, wherever a server crashes. The next call about the two does what is left.
func TestCrashesBetweenTheSidesOfAContact(t *testing.T) {
	for writes := range 2 {
		w := newWorld(t)
		ann, bob := w.account("ann"), w.account("bob")
		agree := func(want bool) {
			t.Helper()
			require.Equal(t, want, slices.Contains(w.contacts(ann, 5), "bob"))
			require.Equal(t, want, slices.Contains(w.contacts(bob, 5), "ann"))
			for _, pair := range [][2]account.Account{{ann, bob}, {bob, ann}} {
				is, err := w.Friends(t.Context(), app, pair[0].Identity().Login, pair[1].Identity().Login)
				require.NoError(t, err)
				require.Equal(t, want, is)
			}
		}
		w.store.left = writes
		require.Error(t, w.Befriend(t.Context(), ann, bob))
		agree(false)
		w.store.left = -1
		require.NoError(t, w.Befriend(t.Context(), bob, ann))
		agree(true)
		w.store.left = writes
		require.Error(t, w.Unfriend(t.Context(), ann, bob))
		agree(writes == 0)
		w.store.left = -1
		require.NoError(t, w.Unfriend(t.Context(), bob, ann))
		agree(false)
		require.Empty(t, w.entries())
	}
}

func TestBlocks(t *testing.T) {
	w := newWorld(t)
	ann, bob, carl := w.account("ann"), w.account("bob"), w.account("carl")
	blocks := func(by, whom account.Account) bool {
		t.Helper()
		is, err := w.Blocks(t.Context(), app, by.Identity().Login, whom.Identity().Login)
		require.NoError(t, err)
		return is
	}
	blocked := func() (names []string) {
		t.Helper()
		list, err := w.Blocked(t.Context(), ann.Identity())
		require.NoError(t, err)
		for _, a := range list {
			names = append(names, a.Name)
		}
		return names
	}
	require.False(t, blocks(ann, bob), "before there is anything")
	require.NoError(t, w.Block(t.Context(), ann, []account.Account{bob, bob}))
	require.NoError(t, w.Block(t.Context(), ann, []account.Account{carl, bob}))
	require.Equal(t, []string{"carl", "bob"}, blocked())
	require.True(t, blocks(ann, bob))
	require.False(t, blocks(bob, ann))
	require.NoError(t, w.Unblock(t.Context(), ann, carl))
	require.NoError(t, w.Unblock(t.Context(), ann, carl), "repeated")
	require.False(t, blocks(ann, carl))
	require.True(t, chat.IsKind(w.Block(t.Context(), ann, []account.Account{ann}), chat.Invalid))

	// There is a bound, and deleted accounts take no places.
	var others []account.Account
	for i := range people.MaxBlocks {
		others = append(others, account.Account{Tenant: app, ID: id.NewGenerator(nil).New(), Name: fmt.Sprint("ghost", i)})
	}
	require.True(t, chat.IsKind(w.Block(t.Context(), ann, others), chat.Invalid))
	require.Equal(t, []string{"bob"}, blocked())
	require.NoError(t, w.Block(t.Context(), ann, others[1:]))
	require.NoError(t, w.Block(t.Context(), ann, []account.Account{carl}))
	require.Equal(t, []string{"carl", "bob"}, blocked())
}

// Whether somebody is blocked or muted costs no read while it is cached, also of people of whom nothing is kept.
func TestWhatEveryMessageAsksForIsCached(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.account("ann").Identity(), w.account("bob").Identity()
	ask := func() (reads int64) {
		t.Helper()
		before := w.store.reads.Load()
		for range 10 {
			_, err := w.Blocks(t.Context(), app, ann.Login, bob.Login)
			require.NoError(t, err)
			_, err = w.MutedUntil(t.Context(), ann, people.Group)
			require.NoError(t, err)
		}
		return w.store.reads.Load() - before
	}
	require.LessOrEqual(t, ask(), int64(1))
	require.Zero(t, ask())
	require.NoError(t, w.Mute(t.Context(), ann, people.Mutes{people.Group: people.Forever}))
	until, err := w.MutedUntil(t.Context(), ann, people.Group)
	require.NoError(t, err)
	require.Equal(t, people.Forever, until)
	require.Zero(t, ask())
}

func TestMutes(t *testing.T) {
	w := newWorld(t)
	ann, bob, carl := w.account("ann").Identity(), w.account("bob").Identity(), w.account("carl").Identity()
	mutes := func(who chat.Identity) people.Mutes {
		t.Helper()
		m, err := w.MutesOf(t.Context(), who)
		require.NoError(t, err)
		return m
	}
	listed := func(skip, limit int) (names []string) {
		t.Helper()
		list, err := w.AllMuted(t.Context(), app, skip, limit)
		require.NoError(t, err)
		for _, m := range list {
			names = append(names, m.Account.Name)
			require.NotEmpty(t, m.Mutes)
		}
		return names
	}
	in := func(d time.Duration) time.Time { return w.clock.Now().Add(d).UTC().Truncate(time.Second) }
	require.Empty(t, mutes(ann))
	hour := in(time.Hour)
	require.NoError(t, w.Mute(t.Context(), ann, people.Mutes{people.Direct: people.Forever, people.Room: hour}))
	require.NoError(t, w.Mute(t.Context(), bob, people.Mutes{people.Group: hour}))
	require.NoError(t, w.Mute(t.Context(), carl, people.Mutes{people.Group: hour}))
	require.NoError(t, w.Mute(t.Context(), ann, people.Mutes{people.Group: in(-1)}), "nothing new")
	require.Equal(t, people.Mutes{people.Direct: people.Forever, people.Room: hour}, mutes(ann))
	require.Equal(t, []string{"ann", "bob", "carl"}, listed(0, 10))
	require.Equal(t, []string{"bob"}, listed(1, 1))
	require.Empty(t, listed(3, 1))
	require.NoError(t, w.Mute(t.Context(), carl, people.Mutes{people.Group: in(0)}))
	require.Equal(t, []string{"ann", "bob"}, listed(0, 10))

	w.clock.Add(time.Hour + time.Second)
	require.Equal(t, people.Mutes{people.Direct: people.Forever}, mutes(ann))
	require.Empty(t, mutes(bob))
	require.Equal(t, []string{"ann"}, listed(0, 10))
	require.NoError(t, w.Mute(t.Context(), bob, people.Mutes{people.Group: people.Forever}))
	require.Equal(t, []string{"ann", "bob"}, listed(0, 10))
	require.NoError(t, w.Mute(t.Context(), ann, people.Mutes{people.Direct: in(0)}))
	require.NoError(t, w.Mute(t.Context(), bob, people.Mutes{people.Group: in(0)}))
	require.Empty(t, listed(0, 10))
}

// Whatever write a server crashes after, who is muted is in the list, and the list has nobody else.
func TestCrashesOfMutes(t *testing.T) {
	for writes := range 6 {
		w := newWorld(t)
		ann := w.account("ann").Identity()
		check := func() {
			t.Helper()
			m, err := w.MutesOf(t.Context(), ann)
			require.NoError(t, err)
			list, err := w.AllMuted(t.Context(), app, 0, 10)
			require.NoError(t, err)
			require.Equal(t, len(m) > 0, len(list) == 1)
		}
		for _, until := range []time.Time{people.Forever, w.clock.Now()} {
			w.store.left = writes
			_ = w.Mute(t.Context(), ann, people.Mutes{people.Group: until})
			w.store.left = -1
			check()
			require.NoError(t, w.Mute(t.Context(), ann, people.Mutes{people.Group: until}))
			check()
		}
	}
}

// Changes of one record at the same time are all made.
func TestConcurrentChangesOfARecord(t *testing.T) {
	w := newWorld(t)
	ann := w.account("ann").Identity()
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			_, err := w.SetNotification(t.Context(), ann, fmt.Sprint("chatgroup/", i), func(n *people.Notification) { n.Type = "NONE" })
			require.NoError(t, err)
		})
	}
	all.Wait()
	for i := range 10 {
		n, err := w.NotificationOf(t.Context(), ann, fmt.Sprint("chatgroup/", i))
		require.NoError(t, err)
		require.Equal(t, "NONE", n.Type)
	}
	n, err := w.NotificationOf(t.Context(), ann, "chatgroup/11")
	require.NoError(t, err)
	require.Zero(t, n)
}
