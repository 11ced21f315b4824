package upkeep_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

// rows are all keys and values of the store, which the scan closes.
func (w *world) rows() (all []string) {
	w.t.Helper()
	w.stop()
	require.NoError(w.t, w.store.Close())
	db, err := pebble.Open(w.dir, &pebble.Options{FS: vfs.Default, ReadOnly: true})
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, db.Close()) }()
	it, err := db.NewIter(nil)
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		all = append(all, fmt.Sprintf("%s = %s", it.Key(), it.Value()))
	}
	require.NoError(w.t, it.Error())
	return all
}

// When an erasure is done nothing of the user is on disk: no name, no text, also none that came once more; the login only
// where it is kept as taken.
func TestErasedUsersAreNowhereOnDisk(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	const login = "erased-one"
	ann, bob := w.user(login), w.user("bob")
	set := func(first string) {
		_, err := w.UpdateProfile(ctx, ann, login, chat.Profile{FirstName: &first, LastName: new("needle-last"),
			Email: new("needle@example.org"), Bio: new("a needle-bio")}.Replace())
		require.NoError(t, err)
	}
	set("needle-first")
	w.room("hers", ann, bob)
	w.room("his", bob, ann)
	require.NoError(t, w.store.SetAvatar(ctx, tenant, login, chat.Avatar{Type: "image/png", Data: []byte("needle-picture")}))
	var said []chat.Message
	for _, room := range []string{"hers", "his"} {
		m := w.post(ann, room, "needle-text")
		said = append(said, m)
		_, err := w.EditMessage(ctx, ann, room, m.ID, new("needle-edit"))
		require.NoError(t, err)
		other := w.post(bob, room, "what others say")
		_, err = w.React(ctx, ann, room, other.ID, "👍", true)
		require.NoError(t, err)
	}
	set("needle-other")
	w.post(ann, "his", "needle-text")
	require.NoError(t, w.Leave(ctx, ann, "his", nil))
	require.NoError(t, w.Join(ctx, ann, "his", nil))
	his, err := w.store.Room(ctx, tenant, "his")
	require.NoError(t, err)

	_, err = w.upkeep.EraseUser(ctx, tenant, login, false)
	require.NoError(t, err)
	w.finish(login)
	require.NoError(t, w.store.AppendBatch(ctx, his.Log(tenant), said[1:]))
	u, err := w.store.User(ctx, tenant, login)
	require.NoError(t, err)
	require.True(t, u.Erased, "for imports")
	named := 0
	for _, row := range w.rows() {
		require.NotContains(t, row, "needle")
		require.NotContains(t, row, "First-"+login)
		if strings.Contains(row, login) {
			named++
			t.Logf("%q", row)
		}
	}
	require.Equal(t, 1, named, "the login as it is kept as taken")
}
