package upkeep_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/jobs"
	"github.com/confab-chat/confab/pkg/store"
)

// sweeping counts the sweeps of rooms, and fails while it is told to.
type sweeping struct {
	store.Store
	swept, ended atomic.Int32
	fails        atomic.Bool
}

func (s *sweeping) SweepRoom(ctx context.Context, d chat.Sweep, progress func(int)) error {
	if s.fails.Load() {
		return errors.New("the disk is on fire")
	}
	s.swept.Add(1)
	return s.Store.SweepRoom(ctx, d, progress)
}

func (s *sweeping) EndSweep(ctx context.Context, d chat.Sweep) error {
	s.ended.Add(1)
	return s.Store.EndSweep(ctx, d)
}

func (w *world) ref(room string) chat.RoomRef {
	w.t.Helper()
	r, err := w.store.Room(w.t.Context(), tenant, room)
	require.NoError(w.t, err)
	return r.Ref()
}

func sweepOf(r chat.RoomRef) jobs.Ref {
	return jobs.Ref{Tenant: tenant, Kind: chat.SweepWork, Key: r.ID.String()}
}

func sweptOnce(j jobs.Job) bool { return j.State == jobs.Waiting && j.Cursor != nil }

func TestDeletedRoomsAreCleared(t *testing.T) {
	w := newWorld(t)
	w.stop()
	st := &sweeping{Store: w.store}
	st.fails.Store(true)
	w.start(st)
	ann := w.user("ann")
	w.room("games", ann)
	w.post(ann, "games", "hello")
	games := w.ref("games")
	require.NoError(t, w.DeleteRoom(t.Context(), ann, "games"))
	w.until(sweepOf(games), "what could not be cleared is kept", func(j jobs.Job) bool { return j.Failure != "" })
	all, err := w.upkeep.Deletions(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, games, all[0].Room)

	st.fails.Store(false)
	w.pass(time.Minute)
	w.until(sweepOf(games), "cleared, but writers may still be running", sweptOnce)
	require.EqualValues(t, 1, st.swept.Load())
	require.Zero(t, st.ended.Load())
	late := chat.Message{ID: id.NewGenerator(nil).New(), Author: chat.Person{Login: "ann"}, Content: "late"}
	require.NoError(t, w.store.Append(t.Context(), chat.Log{Tenant: tenant, ID: games.ID}, late))
	w.pass(3 * time.Minute)
	w.until(sweepOf(games), "it ends", ended)
	require.EqualValues(t, 2, st.swept.Load(), "cleared once more when nobody can be writing, and not in between")
	require.EqualValues(t, 1, st.ended.Load())
	left, err := w.store.Newer(t.Context(), chat.Log{Tenant: tenant, ID: games.ID}, id.Min, true, 10)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestADeletionIsClearedAfterARestart(t *testing.T) {
	w := newWorld(t)
	jdoe := w.user("jdoe")
	w.room("Dallas", jdoe)
	w.post(jdoe, "Dallas", "oil")
	dallas := w.ref("Dallas")
	require.NoError(t, w.DeleteRoom(t.Context(), jdoe, "Dallas"))
	w.until(sweepOf(dallas), "the grace is not over", sweptOnce)
	w.stop()
	w.clock.Add(time.Hour)
	w.start(w.store)
	w.until(sweepOf(dallas), "it ends", ended)
}

// A server dies after it stored the intent to delete a room. Another one deletes it, when that server cannot be at it any
// more, and publishes it.
func TestADeletionThatWasOnlyIntended(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	w.room("games", ann)
	w.post(ann, "games", "hello")
	games := w.ref("games")
	w.events.take()
	begin, err := w.queue.Intend(t.Context(), chat.Sweep{Tenant: tenant, Room: games, DeletedAt: w.clock.Now()}.Work())
	require.NoError(t, err)
	begin()
	w.until(sweepOf(games), "its server may be at it", func(j jobs.Job) bool { return j.State == jobs.Waiting && j.Due.After(w.clock.Now()) && j.Version > 0 })
	require.Equal(t, []string{"hello"}, w.contents("games"))
	w.pass(2 * time.Minute)
	w.until(sweepOf(games), "swept", sweptOnce)
	_, err = w.store.Room(t.Context(), tenant, "games")
	require.True(t, chat.IsKind(err, chat.NotFound))
	require.Equal(t, []string{"games by " + chat.SystemLogin}, w.events.take())
}

// If a server dies after it removed a room and before it published that, the sweep publishes it.
func TestASweepPublishesTheEndOfARoom(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	w.room("games", ann)
	games := w.ref("games")
	begin, err := w.queue.Intend(t.Context(), chat.Sweep{Tenant: tenant, Room: games, DeletedAt: w.clock.Now()}.Work())
	require.NoError(t, err)
	require.NoError(t, w.store.DeleteRoom(t.Context(), tenant, chat.Room{ID: games.ID, Name: games.Name}))
	late := chat.Message{ID: id.NewGenerator(nil).New(), Author: chat.Person{Login: "ann"}, Content: "late"}
	require.NoError(t, w.store.Append(t.Context(), chat.Log{Tenant: tenant, ID: games.ID}, late))
	w.room("games", ann) // another one
	w.events.take()
	begin()
	w.until(sweepOf(games), "swept", sweptOnce)
	require.Equal(t, []string{"games by " + chat.SystemLogin}, w.events.take())
	w.ref("games")
	all, err := w.upkeep.Deletions(t.Context())
	require.NoError(t, err)
	require.Positive(t, all[0].Removed)
}

// inheriting is a store that a server of an earlier version has used.
type inheriting struct {
	store.Store
	sweeps   []chat.Sweep
	erasures []chat.Erasure
	renamed  []chat.Identity
	ended    atomic.Int32
}

func (s *inheriting) InheritedSweeps(context.Context, int) ([]chat.Sweep, error) {
	return s.sweeps, nil
}
func (s *inheriting) InheritedErasures(context.Context, int) ([]chat.Erasure, error) {
	return s.erasures, nil
}
func (s *inheriting) InheritedRenames(context.Context, int) ([]chat.Identity, error) {
	return s.renamed, nil
}

func (s *inheriting) EndSweep(ctx context.Context, d chat.Sweep) error {
	s.ended.Add(1)
	return s.Store.EndSweep(ctx, d)
}

func (s *inheriting) EndErasure(ctx context.Context, of chat.Tenant, login string) error {
	s.ended.Add(1)
	return s.Store.EndErasure(ctx, of, login)
}

func (s *inheriting) EndRename(ctx context.Context, of chat.Tenant, login string) error {
	s.ended.Add(1)
	return s.Store.EndRename(ctx, of, login)
}

// What servers of earlier versions have left in their queues is done.
func TestTheWorkOfEarlierVersionsGoesOn(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ann, bob := w.user("ann"), w.user("bob")
	w.room("games", bob, ann)
	w.room("gone", bob)
	w.post(ann, "games", "a secret")
	gone := w.ref("gone")
	w.stop()
	require.NoError(t, w.store.DeleteRoom(ctx, tenant, chat.Room{ID: gone.ID, Name: gone.Name}))
	require.NoError(t, w.store.DeleteUser(ctx, tenant, "ann"))
	bobby := chat.User{Person: chat.Person{Login: "bob", FirstName: "Bobby", LastName: "Last-bob"}}
	require.NoError(t, w.store.UpdateProfile(ctx, tenant, bobby, nil))

	at := w.clock.Now()
	old := &inheriting{Store: w.store, sweeps: []chat.Sweep{{Tenant: tenant, Room: gone, DeletedAt: at}},
		erasures: []chat.Erasure{{Tenant: tenant, Login: "ann", StartedAt: at, UpdatedAt: at}}, renamed: []chat.Identity{bob}}
	w.start(old)
	w.until(sweepOf(gone), "swept", sweptOnce)
	w.finish("ann")
	w.until(sweepOf(gone), "the sweep ends", ended)
	w.until(jobs.Ref{Tenant: tenant, Kind: chat.RenameWork, Key: "bob"}, "the rename ends", ended)
	require.NotContains(t, w.everything("games"), "secret")
	require.NotContains(t, w.everything("games"), "First-bob]")
	p, err := w.store.Participant(ctx, tenant, w.ref("games").ID, "bob")
	require.NoError(t, err)
	require.Equal(t, bobby.Person, p)
	require.EqualValues(t, 3, old.ended.Load(), "they have left the old queues")
}
