package upkeep_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/upkeep"
)

// deletions is the part of a store that clears deleted rooms.
type deletions struct {
	upkeep.Store
	mu    sync.Mutex
	todo  []chat.Sweep
	swept map[string]int
	fail  error
}

func (d *deletions) Erasures(context.Context, chat.Identity, int) ([]chat.Erasure, error) {
	return nil, nil
}

func (d *deletions) EachRetention(context.Context, func(chat.Tenant, id.ID, chat.Retention) error) error {
	return nil
}

func (d *deletions) RemovalTime(context.Context) (time.Time, error) { return time.Now(), nil }

func (d *deletions) Sweeps(_ context.Context, after chat.Sweep, limit int) ([]chat.Sweep, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var page []chat.Sweep
	for _, x := range d.todo { // ascending by name
		if x.Room.Name > after.Room.Name && len(page) < limit {
			page = append(page, x)
		}
	}
	return page, nil
}

func (d *deletions) SweepRoom(_ context.Context, s chat.Sweep, _ func(int)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail != nil {
		return d.fail
	}
	d.swept[s.Room.Name]++
	return nil
}

func (d *deletions) EndSweep(_ context.Context, s chat.Sweep) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, x := range d.todo {
		if x.Room == s.Room {
			d.todo = append(d.todo[:i:i], d.todo[i+1:]...)
			break
		}
	}
	return nil
}

func (d *deletions) state(room string) (swept int, open bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range d.todo {
		open = open || x.Room.Name == room
	}
	return d.swept[room], open
}

func TestDeletedRoomsAreCleared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &deletions{swept: map[string]int{}, fail: errors.New("the disk is on fire")}
		d.todo = []chat.Sweep{
			{Tenant: tenant, Room: chat.RoomRef{Name: "new"}, DeletedAt: time.Now()},
			{Tenant: tenant, Room: chat.RoomRef{Name: "old"}, DeletedAt: time.Now().Add(-time.Hour)},
		}
		s := upkeep.New(upkeep.Options{Store: d, Domain: domain(t, 0), Log: slog.New(slog.DiscardHandler)})
		synctest.Wait()
		_, open := d.state("old")
		require.True(t, open, "what could not be cleared is kept in mind")

		d.mu.Lock()
		d.fail = nil
		d.mu.Unlock()
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		swept, open := d.state("old")
		require.Equal(t, 1, swept)
		require.False(t, open)
		swept, open = d.state("new")
		require.Equal(t, 1, swept, "cleared at once")
		require.True(t, open, "but writers may still be under way")

		time.Sleep(3 * time.Minute)
		synctest.Wait()
		swept, open = d.state("new")
		require.Equal(t, 2, swept, "cleared again when nobody can be writing, and not in between")
		require.False(t, open)
		s.Close()
	})
}

// A deletion that was dated by a clock that was ahead does not wait for that time.
func TestADeletionFromTheFutureEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &deletions{swept: map[string]int{}}
		d.todo = []chat.Sweep{{Tenant: tenant, Room: chat.RoomRef{Name: "ahead"}, DeletedAt: time.Now().AddDate(1, 0, 0)}}
		s := upkeep.New(upkeep.Options{Store: d, Domain: domain(t, 0), Log: slog.New(slog.DiscardHandler)})
		time.Sleep(2*time.Minute - time.Second)
		synctest.Wait()
		_, open := d.state("ahead")
		require.True(t, open, "writers may still be under way")
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		swept, open := d.state("ahead")
		require.Equal(t, 2, swept)
		require.False(t, open)
		s.Close()
	})
}

func TestADeletionIsClearedAfterARestart(t *testing.T) {
	w := newWorld(t)
	jdoe := w.user("jdoe")
	w.room("Dallas", jdoe)
	w.post(jdoe, "Dallas", "oil")
	require.NoError(t, w.DeleteRoom(t.Context(), jdoe, "Dallas"))
	w.stop()
	left, err := w.store.Sweeps(t.Context(), chat.Sweep{}, 10)
	require.NoError(t, err)
	require.Len(t, left, 1, "the grace is not over")

	w.clock.Add(time.Hour)
	w.start(w.store)
	require.Eventually(t, func() bool {
		left, err := w.store.Sweeps(t.Context(), chat.Sweep{}, 10)
		return err == nil && len(left) == 0
	}, 20*time.Second, time.Millisecond)
}

// Each deletion is swept, however many there are, and although some cannot be finished.
func TestManyDeletionsHoldNoneUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &deletions{swept: map[string]int{}}
		for i := range 250 { // within the last two minutes
			d.todo = append(d.todo, chat.Sweep{Tenant: tenant, Room: chat.RoomRef{Name: fmt.Sprintf("fresh %03d", i)}, DeletedAt: time.Now()})
		}
		d.todo = append(d.todo, chat.Sweep{Tenant: tenant, Room: chat.RoomRef{Name: "old"}, DeletedAt: time.Now().Add(-time.Hour)})
		s := upkeep.New(upkeep.Options{Store: d, Domain: domain(t, 0), Log: slog.New(slog.DiscardHandler)})
		defer s.Close()
		synctest.Wait()
		_, open := d.state("old")
		require.False(t, open)
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		require.Empty(t, d.todo)
	})
}

// If a server dies after it removed a room and before it published that, the sweep publishes it.
func TestASweepPublishesTheEndOfARoom(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	w.room("games", ann)
	r, err := w.store.Room(t.Context(), tenant, "games")
	require.NoError(t, err)
	require.NoError(t, w.store.DeleteRoom(t.Context(), tenant, r))
	w.room("games", ann) // another one
	w.events.take()
	w.upkeep.SweepOnce(t.Context())
	require.Equal(t, []string{"games by " + chat.SystemLogin}, w.events.take())
}
