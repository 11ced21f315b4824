package chat

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"

	"github.com/confab-chat/confab/pkg/id"
)

// The order of a room is that of ids, and ids have the time of a server's clock. If a clock was ahead, the room holds
// ids that are ahead of time. A new message with the time of a right clock would be stored below them: not on the newest
// page, not unread, not replayed. The same holds for changes: the edit with the newest id wins.
//
// So each room has a floor: the newest id that its log and the log of its changes are known to hold. New ids of the room
// are newer than its floor. It is read from the store when a node first writes to the room, and once a minute while it
// writes; ids that this node makes, and events that other nodes publish, raise it meanwhile. So a node that does not
// receive the others' events learns of an id that is ahead of time after a minute at most.
//
// Floors are of rooms, not of the node: the ids of all other rooms have the time of the clock, and those of the room have
// it when the clock has passed its floor. Any distance is accepted. Messages of the room have nearly the same time until
// then, that of the floor. Their dates are those of their ids, so they never fall from one message to the next.

const (
	// flooredRooms bounds the rooms whose floors are cached.
	flooredRooms = 50_000
	// floorFor is how long a floor that was read from the store is used.
	floorFor = time.Minute
)

// floors caches the floors of rooms. Its methods may be called concurrently.
type floors struct {
	store IDStore
	now   func() time.Time
	rooms *otter.Cache[Log, *floor]
	reads singleflight.Group
	used  atomic.Int64 // the ticks of the newest id that was made
}

// floor is the floor of a room.
type floor struct {
	mu     sync.Mutex
	newest id.ID
	read   time.Time // when its last reading from the store began; zero: never
}

func newFloors(store IDStore, now func() time.Time, rooms int) *floors {
	return &floors{store: store, now: now, rooms: otter.Must(&otter.Options[Log, *floor]{MaximumSize: rooms})}
}

// of returns the floor of a room. It reads the store if the floor was not read within the last minute.
func (fs *floors) of(ctx context.Context, l Log) (*floor, error) {
	if f, ok := fs.rooms.GetIfPresent(l); ok && f.fresh(fs.now()) {
		return f, nil
	}
	f, err, _ := fs.reads.Do(string(l.ID[:])+string(l.Tenant), func() (any, error) {
		ctx, cancel := changing(ctx) // other callers wait for this result too
		defer cancel()
		began := fs.now()
		newest, err := fs.store.NewestID(ctx, l)
		if err != nil {
			return nil, err
		}
		f := fs.cached(l)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.raise(newest)
		f.read = began
		return f, nil
	})
	if err != nil {
		return nil, err
	}
	return f.(*floor), nil
}

// cached returns the cached floor of a room, a new one if there is none.
func (fs *floors) cached(l Log) *floor {
	f, _ := fs.rooms.SetIfAbsent(l, &floor{})
	return f
}

// observed raises the floor of a room to an id that another node has made. An id that is not ahead of this node's clock
// makes no difference.
func (fs *floors) observed(l Log, m id.ID) {
	if !m.Time().After(fs.now()) {
		return
	}
	f := fs.cached(l)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.raise(m)
}

func (f *floor) fresh(now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	age := now.Sub(f.read)
	return age >= 0 && age < floorFor
}

func (f *floor) raise(to id.ID) {
	if to.Compare(f.newest) > 0 {
		f.newest = to
	}
}

// roomIDs makes the ids of a room.
type roomIDs struct {
	ids    *id.Generator
	floor  *floor
	floors *floors
}

// New returns the next id of the room.
func (r roomIDs) New() id.ID {
	r.floor.mu.Lock()
	defer r.floor.mu.Unlock()
	r.floor.newest = r.ids.After(r.floor.newest)
	ticks := r.floor.newest.Ticks()
	for used := r.floors.used.Load(); ticks > used && !r.floors.used.CompareAndSwap(used, ticks); {
		used = r.floors.used.Load()
	}
	return r.floor.newest
}

// begin takes the next id of a room, for a message or a change. Every ticket has to be finished.
func (s *Service) begin(ctx context.Context, l Log) (*ticket, error) {
	f, err := s.floors.of(ctx, l)
	if err != nil {
		return nil, err
	}
	return s.order.begin(l.ID, roomIDs{s.ids, f, s.floors}), nil
}

// Observed is called with the events that other nodes publish. It does not block.
func (rd *Reader) Observed(e Event) {
	switch e := e.(type) {
	case MessagePosted:
		rd.floors.observed(e.log(), e.Message.ID)
	case MessageChanged:
		rd.floors.observed(e.log(), e.Change)
	}
}

// noteEvery is the interval at which the newest id that was made is noted in the store.
const noteEvery = time.Minute

// noteIDs warns if the clock is behind the ids that the store had at the start. Until ctx ends, and then once more, it
// notes in the store up to which time it has ids.
func (fs *floors) noteIDs(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(noteEvery)
	defer tick.Stop()
	checked, noted := false, int64(0)
	for {
		if !checked {
			checked = fs.check(ctx, log)
		}
		select {
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastReads)
			defer cancel()
			fs.note(ctx, log, noted)
			return
		case <-tick.C:
			noted = fs.note(ctx, log, noted)
		}
	}
}

// check warns if the clock is behind the ids of the store. It returns false if they could not be read.
func (fs *floors) check(ctx context.Context, log *slog.Logger) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastReads) // also on a node that ends soon
	defer cancel()
	newest, err := fs.store.NotedIDs(ctx)
	if err != nil {
		log.Debug("the time of the store's newest id was not read", "error", err)
		return false
	}
	now := fs.now()
	if behind := newest.Sub(now).Truncate(time.Second); behind >= setBack {
		log.Warn(fmt.Sprintf("the clock is behind the store's newest id by %s: it is %s, and messages were written at %s. "+
			"If the clock is wrong now, set it right (NTP). If it was ahead then, there is nothing to do: in the rooms that were "+
			"written to, new messages are dated after the newest until the clock has passed it", behind, spell(now), spell(newest)))
	}
	return true
}

// note notes the newest id that was made, if it is newer than the one noted. It returns the one noted now.
func (fs *floors) note(ctx context.Context, log *slog.Logger, noted int64) int64 {
	used := fs.used.Load()
	if used == noted {
		return noted
	}
	if err := fs.store.NoteIDs(ctx, id.AtTicks(used)); err != nil {
		log.Debug("the time of the newest id was not noted", "error", err)
		return noted
	}
	return used
}
