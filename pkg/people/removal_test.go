package people_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/people"
)

// involve gives two people everything that is kept.
func (w *world) involve(one, two account.Account) {
	w.Helper()
	require.NoError(w, w.Befriend(w.Context(), one, two))
	require.NoError(w, w.Block(w.Context(), two, []account.Account{one}))
	require.NoError(w, w.Block(w.Context(), one, []account.Account{two}))
	require.NoError(w, w.Mute(w.Context(), one.Identity(), people.Mutes{people.Direct: people.Forever}))
	_, err := w.SetNotification(w.Context(), one.Identity(), "chatgroup/1", func(n *people.Notification) { n.Type = "AT" })
	require.NoError(w, err)
}

// What concerns a deleted account is invisible immediately, and a job removes it. A later account of the name has nothing of
// it.
func TestDeletedAccountsAreForgotten(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.account("ann"), w.account("bob")
	w.involve(ann, bob)
	require.NoError(t, w.accounts.Delete(t.Context(), ann))
	none := func() {
		t.Helper()
		require.Empty(t, w.contacts(bob, 5))
		list, err := w.Blocked(t.Context(), bob.Identity())
		require.NoError(t, err)
		require.Empty(t, list)
		muted, err := w.AllMuted(t.Context(), app, 0, 10)
		require.NoError(t, err)
		require.Empty(t, muted)
	}
	none()
	again := w.account("ann")
	none()
	require.Empty(t, w.contacts(again, 5))
	for _, pair := range [][2]account.Account{{again, bob}, {bob, again}} {
		is, err := w.Blocks(t.Context(), app, pair[0].Identity().Login, pair[1].Identity().Login)
		require.NoError(t, err)
		require.False(t, is)
	}
	m, err := w.MutesOf(t.Context(), again.Identity())
	require.NoError(t, err)
	require.Empty(t, m)

	w.queue.Start()
	defer w.queue.Close()
	require.Eventually(t, func() bool {
		for _, e := range w.entries() {
			for _, who := range people.Of(e) {
				if who == ann.Identity() {
					return false
				}
			}
		}
		return true
	}, time.Minute, 5*time.Millisecond)
	require.Len(t, w.entries(), 1, "the record of the other one stays")
}

// A removal that breaks off anywhere can be repeated.
func TestARemovalBreaksOff(t *testing.T) {
	w := newWorld(t)
	ann, bob, carl := w.account("ann"), w.account("bob"), w.account("carl")
	w.involve(ann, bob)
	require.NoError(t, w.Befriend(t.Context(), ann, carl))
	require.NoError(t, w.accounts.Remove(t.Context(), ann))
	for left := 0; ; left++ {
		require.Less(t, left, 20)
		w.store.left = left
		if w.Remove(t.Context(), ann.Identity()) == nil {
			break
		}
	}
	w.store.left = -1
	require.NoError(t, w.Remove(t.Context(), ann.Identity()))
	require.Len(t, w.entries(), 1)
}
