package cassandra

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// limited is a room that takes a number of members.
func limited(most int) chat.Room {
	r := newRoom("")
	r.Name, r.Settings = chat.RoomNameOf(r.ID), chat.RoomSettings{Kind: chat.GroupRoom, MaxMembers: most}
	return r
}

// countsMembers requires that a room has so many members, by its places and by its list.
func countsMembers(t *testing.T, s *Store, of chat.Tenant, r chat.Room, want int) {
	t.Helper()
	n, err := s.CountParticipants(t.Context(), of, []chat.Room{r}, 1000)
	require.NoError(t, err)
	require.Equal(t, want, n[r.ID])
	people, err := s.Participants(t.Context(), of, r.ID, "", 1000)
	require.NoError(t, err)
	require.Len(t, people, want)
}

// 200 people join a room of 50 places through two servers.
func TestNeverOneTooManyOnTwoServers(t *testing.T) {
	t.Parallel()
	const most, people = 50, 200
	servers, ctx, of, r := []*Store{own(t), own(t)}, withTimeout(t), tenant(), limited(most)
	require.NoError(t, servers[0].CreateRoom(ctx, of, r))
	var in atomic.Int32
	errs := make(chan error, people)
	for i := range people {
		go func() {
			for {
				_, err := servers[i%2].Join(ctx, of, r, person(fmt.Sprintf("user%03d", i)), ids.New())
				if chat.IsKind(err, chat.Unavailable) && ctx.Err() == nil {
					continue // the machine is busy; repeating is safe
				}
				if err == nil {
					in.Add(1)
				}
				errs <- err
				return
			}
		}()
	}
	for range people {
		if err := <-errs; err != nil {
			require.True(t, chat.IsKind(err, chat.Full), "%v", err)
		}
	}
	require.EqualValues(t, most-1, in.Load(), "all places but the creator's")
	countsMembers(t, servers[1], of, r, most)
	changed, err := servers[1].Leave(ctx, of, r, "creator")
	require.NoError(t, err)
	require.True(t, changed)
	_, err = servers[0].Join(ctx, of, r, person("late"), ids.New())
	require.NoError(t, err)
	countsMembers(t, servers[0], of, r, most)
}

// A join that broke off leaves its place taken. Who finds the room full a minute later gives it back, and the join, should
// it go on, cannot use it any more.
func TestAPlaceWithoutAMemberIsGivenBack(t *testing.T) {
	t.Parallel()
	broken, s, ctx, of, r := own(t), own(t), withTimeout(t), tenant(), limited(2)
	require.NoError(t, s.CreateRoom(ctx, of, r))
	broken.db.around.set(crashing(firstJoin))
	_, err := broken.Join(ctx, of, r, person("ann"), ids.New())
	require.Error(t, err)
	_, err = s.Join(ctx, of, r, person("bob"), ids.New())
	require.True(t, chat.IsKind(err, chat.Full), "ann may still join: %v", err)

	now, err := s.readPlaces(ctx, placeRoom{of, r.ID}, []string{"ann"})
	require.NoError(t, err)
	require.Equal(t, 2, now.taken)
	late := membership{person: person("ann"), since: ids.New(), place: now.rows["ann"], joined: true}

	s.setClock(func() time.Time { return time.Now().Add(2 * lookEvery) })
	_, err = s.Join(ctx, of, r, person("bob"), ids.New())
	require.NoError(t, err)
	countsMembers(t, s, of, r, 2)
	_, done, err := s.decideMembership(ctx, of, r.ID, membership{}, late)
	require.NoError(t, err)
	require.False(t, done, "ann's join, which went on")
	_, err = s.Join(ctx, of, r, person("ann"), ids.New())
	require.True(t, chat.IsKind(err, chat.Full), "%v", err)
	countsMembers(t, s, of, r, 2)

	_, err = s.Leave(ctx, of, r, "bob")
	require.NoError(t, err)
	changed, err := s.Join(ctx, of, r, person("ann"), ids.New())
	require.NoError(t, err)
	require.True(t, changed)
	countsMembers(t, s, of, r, 2)
}

// A leave that breaks off before it gives the place back leaves it taken; the same user takes it over with their next join.
func TestALeaveThatKeepsItsPlace(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]string{"before it is read": selectPlaces, "before it is given back": deletePlace} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken, s, ctx, of, r := own(t), own(t), withTimeout(t), tenant(), limited(2)
			require.NoError(t, s.CreateRoom(ctx, of, r))
			_, err := s.Join(ctx, of, r, person("ann"), ids.New())
			require.NoError(t, err)
			broken.db.around.set(crashing(at))
			_, err = broken.Leave(ctx, of, r, "ann")
			require.Error(t, err)
			agree(t, s, of, r, "ann", false)

			changed, err := s.Join(ctx, of, r, person("ann"), ids.New())
			require.NoError(t, err, "the place is ann's")
			require.True(t, changed)
			countsMembers(t, s, of, r, 2)
			_, err = s.Join(ctx, of, r, person("bob"), ids.New())
			require.True(t, chat.IsKind(err, chat.Full), "%v", err)

			// What gives back the place of the earlier membership comes late.
			require.NoError(t, s.places(ctx, placeRoom{of, r.ID}, &placeCall{give: []*seat{{login: "ann"}}}))
			countsMembers(t, s, of, r, 2)
			changed, err = s.Leave(ctx, of, r, "ann")
			require.NoError(t, err)
			require.True(t, changed)
			countsMembers(t, s, of, r, 1)
		})
	}
}

// A room with a limit is complete after a crash at any step of its creation.
func TestCrashWhileCreatingARoomWithALimit(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]string{"before the first place": insertPlace, "before the membership": firstJoin, "before the views": insertParticipant} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken, s, ctx, of, r := own(t), own(t), withTimeout(t), tenant(), limited(2)
			broken.db.around.set(crashing(at))
			require.Error(t, broken.CreateRoom(ctx, of, r))
			got, err := s.Room(ctx, of, r.Name)
			require.NoError(t, err)
			require.Equal(t, r, got)
			countsMembers(t, s, of, r, 1)
			_, err = s.Join(ctx, of, r, person("ann"), ids.New())
			require.NoError(t, err)
			_, err = s.Join(ctx, of, r, person("bob"), ids.New())
			require.True(t, chat.IsKind(err, chat.Full), "%v", err)
		})
	}
}

// A member who is shown in the views costs an open room what it did: the two new rows are in the batch of the others.
func TestAJoinOfAnOpenRoom(t *testing.T) {
	t.Parallel()
	s, ctx, of, r := own(t), withTimeout(t), tenant(), newRoom("games")
	require.NoError(t, s.CreateRoom(ctx, of, r))
	var statements atomic.Int32
	s.db.around.set(func(_ string, run func() error) error { statements.Add(1); return run() })
	_, err := s.Join(ctx, of, r, person("ann"), ids.New())
	require.NoError(t, err)
	require.EqualValues(t, 5, statements.Load(), "the room, the footprint, the decision, the views, the room")
	statements.Store(0)
	_, err = s.Leave(ctx, of, r, "ann")
	require.NoError(t, err)
	require.EqualValues(t, 5, statements.Load(), "the room, the membership, the announcement, the decision, the views")
	s.db.around.set(nil)
	members, err := s.Members(ctx, of, r.ID, id.ID{}, false, 10)
	require.NoError(t, err)
	require.Len(t, members, 1)
}

// Rows of lists in the order of joining that stand for nothing are passed over.
func TestMembersAmongRowsOfMembershipsThatEnded(t *testing.T) {
	t.Parallel()
	s, ctx, of, r := own(t), withTimeout(t), tenant(), newRoom("games")
	require.NoError(t, s.CreateRoom(ctx, of, r))
	var want []chat.Member
	for i := range 230 {
		m := chat.Member{Person: person(fmt.Sprintf("user%03d", i)), Since: ids.New()}
		shown := membership{person: m.Person, since: m.Since, version: 1, joined: true}
		if i%3 == 0 {
			want = append(want, m)
			require.NoError(t, s.db.together(ctx, shown.views(of, r.ID, r.Name)...))
			continue
		}
		require.NoError(t, s.db.together(ctx, shown.views(of, r.ID, r.Name)[2:]...)) // as after a crash, and a leave through an earlier version
	}
	got, err := s.Members(ctx, of, r.ID, r.ID, false, 1000)
	require.NoError(t, err)
	require.Equal(t, want, got)
	in, err := s.RoomsByJoining(ctx, of, "user001", id.ID{}, 10)
	require.NoError(t, err)
	require.Empty(t, in)
	in, err = s.RoomsByJoining(ctx, of, "user003", id.ID{}, 10)
	require.NoError(t, err)
	require.Len(t, in, 1)
}

// Places of those who have left do not keep anybody from joining, nor from looking for places that nobody has.
func TestPlacesAmongMoreThatWereGivenBack(t *testing.T) {
	t.Parallel()
	s, ctx, of, r := own(t), t.Context(), tenant(), limited(2)
	require.NoError(t, s.CreateRoom(ctx, of, r))
	_, err := s.Join(ctx, of, r, person("mia"), ids.New())
	require.NoError(t, err)
	bury(t, s, func(i int) write {
		return write{"DELETE FROM room_places WHERE tenant = ? AND room_id = ? AND login = ?", []any{string(of), uuid(r.ID), deadName(i)}}
	})
	s.setClock(func() time.Time { return time.Now().Add(2 * lookEvery) })
	_, err = s.Join(ctx, of, r, person("zoe"), ids.New())
	require.True(t, chat.IsKind(err, chat.Full), "%v", err)
	countsMembers(t, s, of, r, 2)
	require.NoError(t, s.DeleteRoom(ctx, of, r))
	require.NoError(t, s.SweepRoom(ctx, chat.Sweep{Tenant: of, Room: r.Ref(), DeletedAt: time.Now()}, nil))
	now, err := s.readPlaces(context.Background(), placeRoom{of, r.ID}, []string{"mia", "creator"})
	require.NoError(t, err)
	require.Empty(t, now.rows)
	require.Zero(t, now.change)
}
