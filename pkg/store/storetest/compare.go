package storetest

import (
	"slices"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// same is require.Equal for lists, of which an empty one may be nil.
func same[T any](t *rapid.T, want, got []T) {
	t.Helper()
	if len(want)+len(got) > 0 {
		require.Equal(t, want, got)
	}
}

// compareLists requires that all lists of the store are those of the model.
func (w *walk) compareLists(t *rapid.T, after string, limit int) {
	people, err := w.s.Users(w.ctx, w.tenant, after, limit)
	require.NoError(t, err)
	var wantPeople []chat.Person
	for _, login := range w.m.logins(after, limit) {
		wantPeople = append(wantPeople, w.m.users[login].Person)
	}
	same(t, wantPeople, people)

	rooms, err := w.s.Rooms(w.ctx, w.tenant, after, limit)
	require.NoError(t, err)
	var wantRooms []chat.Room
	for _, name := range w.m.open(after, limit) {
		wantRooms = append(wantRooms, w.m.rooms[name].Room)
	}
	same(t, wantRooms, rooms)

	for _, name := range w.m.names("", 100) {
		r := w.m.rooms[name]
		people, err := w.s.Participants(w.ctx, w.tenant, r.ID, after, limit)
		require.NoError(t, err)
		same(t, r.participants(after, limit), people)
		members, err := w.s.Members(w.ctx, w.tenant, r.ID, id.ID{}, false, limit)
		require.NoError(t, err)
		same(t, r.members(limit), members)
	}
	for _, login := range []string{"a", "ab", "B"} {
		refs, err := w.s.RoomsOf(w.ctx, w.tenant, login, after, limit)
		require.NoError(t, err)
		same(t, w.m.roomsOf(login, after, limit), refs)
		joined, err := w.s.RoomsByJoining(w.ctx, w.tenant, login, id.ID{}, limit)
		require.NoError(t, err)
		same(t, w.m.roomsByJoining(login, limit), joined)
	}
}

// compareAll requires that store and model hold the same.
func (w *walk) compareAll() {
	t := w.T
	w.compareLists(t, "", 100)
	var ids []id.ID
	for _, name := range w.m.names("", 100) {
		r := w.m.rooms[name]
		ids = append(ids, r.ID)
		got, err := w.s.Room(w.ctx, w.tenant, name)
		require.NoError(t, err)
		require.Equal(t, r.Room, got)
		w.comparePage(t, r, id.Max, 1000)
		w.comparePage(t, r, id.Min, 1000)
		if n := len(r.messages); n > 0 {
			got, err := w.s.Message(w.ctx, r.Log(w.tenant), r.messages[n/2].ID)
			require.NoError(t, err)
			require.Equal(t, r.messages[n/2], got)
		}
	}
	for _, r := range w.m.stale {
		ids = append(ids, r.ID)
	}
	of, err := w.s.ParticipantsOf(w.ctx, w.tenant, ids, 3)
	require.NoError(t, err)
	for _, room := range ids {
		var want []chat.Person
		for _, r := range w.m.rooms {
			if r.ID == room {
				want = r.participants("", 3)
			}
		}
		same(t, want, of[room])
	}
	for login, want := range w.m.users {
		got, err := w.s.User(w.ctx, w.tenant, login)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	found, err := w.s.UsersByLogin(w.ctx, w.tenant, []string{"a", "b", "ab", "B"})
	require.NoError(t, err)
	for _, login := range []string{"a", "b", "ab", "B"} {
		_, there := found[login]
		require.Equal(t, slices.Contains(w.m.logins("", 100), login), there)
	}
}
