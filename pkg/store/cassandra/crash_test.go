package cassandra

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// own opens a store that a test may break, on the shared keyspace.
func own(t testing.TB) *Store {
	shared(t)
	s := openStore(t, sharedConfig, Options{})
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

var ids = id.NewGenerator(nil)

// tenant is one that no other test has.
func tenant() chat.Tenant { return chat.Tenant("t-" + ids.New().String()) }

func person(login string) chat.Person {
	return chat.Person{Login: login, FirstName: "First " + login, LastName: "Last " + login}
}

func newRoom(name string) chat.Room {
	return chat.Room{ID: ids.New(), Name: name, Creator: person("creator"), CreatedAt: time.UnixMilli(1_700_000_000_000).UTC()}
}

// crashing stops the server at a statement: it and all that follow fail.
func crashing(at string) func(string, func() error) error {
	var dead atomic.Bool
	return func(statement string, run func() error) error {
		if statement == at {
			dead.Store(true)
		}
		if dead.Load() {
			return errors.New("crashed")
		}
		return run()
	}
}

// agree checks that both directions, and each method, say whether login is in the room.
func agree(t *testing.T, s *Store, of chat.Tenant, r chat.Room, login string, in bool) {
	t.Helper()
	listsAgree(t, s, of, r, login, in)
	_, err := s.Participant(withTimeout(t), of, r.ID, login)
	require.Equal(t, in, err == nil, "Participant")
}

func listsAgree(t *testing.T, s *Store, of chat.Tenant, r chat.Room, login string, in bool) {
	t.Helper()
	ctx := withTimeout(t)
	people, err := s.Participants(ctx, of, r.ID, "", 100)
	require.NoError(t, err)
	listed := false
	for _, p := range people {
		listed = listed || p == person(login)
	}
	require.Equal(t, in, listed, "Participants")
	rooms, err := s.RoomsOf(ctx, of, login, "", 100)
	require.NoError(t, err)
	if in {
		require.Equal(t, []chat.RoomRef{r.Ref()}, rooms, "RoomsOf")
	} else {
		require.Empty(t, rooms, "RoomsOf")
	}
}

func TestCrashWhileCreatingARoom(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]string{
		"before the claim":                  insertRoom,
		"before the creator's membership":   firstJoin,
		"before the rows that hang on it":   insertParticipant,
		"before it is known to be complete": readyRoom,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken, s, ctx, of, r := own(t), shared(t), withTimeout(t), tenant(), newRoom("games")
			broken.db.around.set(crashing(at))
			require.Error(t, broken.CreateRoom(ctx, of, r))
			if at == insertRoom {
				agree(t, s, of, r, "creator", false)
				require.NoError(t, s.CreateRoom(ctx, of, r), "the name is free")
			}
			// Whoever looks finds all of it.
			got, err := s.Room(ctx, of, "games")
			require.NoError(t, err)
			require.Equal(t, r, got)
			agree(t, s, of, r, "creator", true)
			list, err := s.Rooms(ctx, of, "", 10)
			require.NoError(t, err)
			require.Equal(t, []chat.Room{r}, list)
			require.True(t, chat.IsKind(s.CreateRoom(ctx, of, newRoom("games")), chat.Conflict))

			// The completion, come late, undoes nothing.
			changed, err := s.Leave(ctx, of, r, "creator")
			require.NoError(t, err)
			require.True(t, changed)
			require.NoError(t, s.completeRoom(ctx, of, r, micros(time.Now().Add(-time.Minute))))
			agree(t, s, of, r, "creator", false)
		})
	}
}

func TestCrashWhileJoiningAndLeaving(t *testing.T) {
	t.Parallel()
	ctx, of := withTimeout(t), tenant()
	broken, s := own(t), shared(t)
	r := newRoom("games")
	require.NoError(t, s.CreateRoom(ctx, of, r))

	// Decided, but not written to the views: both say what was before.
	broken.db.around.set(crashing(insertParticipant))
	_, err := broken.Join(ctx, of, r, person("ann"), ids.New())
	require.Error(t, err)
	agree(t, s, of, r, "ann", false)
	// A repetition repairs, and names are those of the decision.
	changed, err := s.Join(ctx, of, r, chat.Person{Login: "ann", FirstName: "Other"}, ids.New())
	require.NoError(t, err)
	require.False(t, changed)
	agree(t, s, of, r, "ann", true)

	broken.db.around.set(crashing(deleteParticipant))
	_, err = broken.Leave(ctx, of, r, "ann")
	require.Error(t, err)
	listsAgree(t, s, of, r, "ann", true)
	_, err = s.Participant(ctx, of, r.ID, "ann")
	require.True(t, chat.IsKind(err, chat.NotFound), "what was decided holds for what they may do")
	changed, err = s.Leave(ctx, of, r, "ann")
	require.NoError(t, err)
	require.False(t, changed)
	agree(t, s, of, r, "ann", false)

	// A view that is written late loses against the newer decision.
	m, err := s.membership(ctx, of, r.ID, "ann")
	require.NoError(t, err)
	late := membership{person: person("ann"), joined: true, version: m.version - 1}
	require.NoError(t, s.db.together(ctx, late.views(of, r.ID, r.Name)...))
	agree(t, s, of, r, "ann", false)
	changed, err = s.Join(ctx, of, r, person("ann"), ids.New())
	require.NoError(t, err)
	require.True(t, changed)
	agree(t, s, of, r, "ann", true)
}

func TestCrashWhileDeletingARoom(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]string{
		"before anything":            insertDeletion,
		"before it is decided":       deleteRoom,
		"before its rows are hidden": hideParticipants,
		"before its end":             doneDeletion,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken, s, ctx, of, r := own(t), own(t), withTimeout(t), tenant(), newRoom("games")
			require.NoError(t, s.CreateRoom(ctx, of, r))
			broken.db.around.set(crashing(at))
			require.Error(t, broken.DeleteRoom(ctx, of, r))

			decided := at == hideParticipants || at == doneDeletion
			_, err := s.Room(ctx, of, "games")
			require.Equal(t, decided, chat.IsKind(err, chat.NotFound))
			rooms, err := s.RoomsOf(ctx, of, "creator", "", 10)
			require.NoError(t, err)
			require.Equal(t, decided, len(rooms) == 0)
			agree(t, s, of, r, "creator", !decided)
			if at == insertDeletion {
				return
			}
			// The sweep waits for a deletion that may be at work, and ends one that is not.
			sweep := chat.Sweep{Tenant: of, Room: r.Ref(), DeletedAt: time.Now()}
			require.NoError(t, s.SweepRoom(ctx, sweep, nil))
			agree(t, s, of, r, "creator", !decided)
			s.now = func() time.Time { return time.Now().Add(2 * underWay) }
			require.NoError(t, s.SweepRoom(ctx, sweep, nil))
			agree(t, s, of, r, "creator", false)
			_, err = s.Room(ctx, of, "games")
			require.True(t, chat.IsKind(err, chat.NotFound))
		})
	}
}

func TestCrashAfterClaimingAKey(t *testing.T) {
	t.Parallel()
	broken, s, ctx := own(t), shared(t), withTimeout(t)
	l := chat.Log{Tenant: tenant(), ID: ids.New()}
	m := chat.Message{ID: ids.New(), Author: person("ann"), Content: "hello"}
	broken.db.around.set(crashing(insertMessage))
	_, _, err := broken.AppendOnce(ctx, l, "k", m, id.ID{})
	require.Error(t, err)

	again := chat.Message{ID: ids.New(), Author: chat.Person{Login: "ann", FirstName: "New"}, Content: "hello"}
	first, repeated, err := s.AppendOnce(ctx, l, "k", again, id.ID{})
	require.NoError(t, err)
	require.True(t, repeated)
	require.Equal(t, m, first)
	all, err := s.Older(ctx, l, id.Max, 10)
	require.NoError(t, err)
	require.Equal(t, []chat.Message{m}, all)
}

// A server that cannot reach the store any more says so; nothing it did by halves shows.
func TestEveryStatementMayFail(t *testing.T) {
	t.Parallel()
	s, of, r := own(t), tenant(), newRoom("games")
	s.db.around.set(func(string, func() error) error { return gocql.ErrNoConnections })
	require.True(t, chat.IsKind(s.CreateRoom(context.Background(), of, r), chat.Unavailable))
	require.True(t, chat.IsKind(s.Ping(context.Background()), chat.Unavailable))
	s.db.around.set(func(string, func() error) error { return errors.New("a bug") })
	require.True(t, chat.IsKind(s.CreateRoom(context.Background(), of, r), chat.Internal))
}
