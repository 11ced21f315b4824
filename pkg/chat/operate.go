package chat

import (
	"context"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/id"
)

// What operators of a server may do. That the caller is one, they have checked.

// RoomReport is a room as an operator sees it.
type RoomReport struct {
	Room
	Participants     int  // at most MaxParticipants
	MoreParticipants bool // there are more than that
	// Oldest and Newest are when the first and the last of its messages were written; zero if there are none.
	Oldest, Newest time.Time
}

// RoomReport returns a report on a room.
func (s *Service) RoomReport(ctx context.Context, t Tenant, name string) (RoomReport, error) {
	r, err := s.room(ctx, t, name)
	if err != nil {
		return RoomReport{}, err
	}
	ps, err := s.store.Participants(ctx, t, r.ID, "", MaxParticipants+1)
	if err != nil {
		return RoomReport{}, err
	}
	report := RoomReport{Room: r, Participants: min(len(ps), MaxParticipants), MoreParticipants: len(ps) > MaxParticipants}
	oldest, err := s.shown(r).Newer(ctx, r.Log(t), id.Min, true, 1)
	if err != nil || len(oldest) == 0 {
		return report, err
	}
	newest, err := s.shown(r).Older(ctx, r.Log(t), id.Max, 1)
	if err != nil || len(newest) == 0 {
		return report, err
	}
	report.Oldest, report.Newest = oldest[0].CreatedAt(), newest[0].CreatedAt()
	return report, nil
}

// RoomNames returns rooms ascending by name, after the given name (empty: from the first), and whether there are more.
func (s *Service) RoomNames(ctx context.Context, t Tenant, after string, limit int) (rooms []Room, more bool, err error) {
	rooms, err = s.store.Rooms(ctx, t, after, limit+1)
	if err != nil {
		return nil, false, err
	}
	return rooms[:min(limit, len(rooms))], len(rooms) > limit, nil
}

// RemoveRoom is DeleteRoom by an operator.
func (s *Service) RemoveRoom(ctx context.Context, by Identity, t Tenant, name string) error {
	r, err := s.room(ctx, t, name)
	if err != nil {
		return err
	}
	return s.deleteRoom(ctx, Identity{Tenant: t, Login: by.Login}, r)
}

// ImposeRetention is SetRetention by an operator.
func (s *Service) ImposeRetention(ctx context.Context, t Tenant, name string, to Retention) (RoomView, error) {
	r, err := s.room(ctx, t, name)
	if err != nil {
		return RoomView{}, err
	}
	return s.setRetention(ctx, t, r, to)
}

// Deletion is a deleted room whose rows are being removed.
type Deletion struct {
	Sweep
	// Removed is how many rows or partitions this node has removed.
	Removed int
}

// maxDeletions bounds the answer of Deletions.
const maxDeletions = 1000

// Deletions returns deletions of rooms that have not ended, a thousand at most. One stays for some minutes after its
// rows are gone, until nobody can be writing any more.
func (s *Service) Deletions(ctx context.Context) ([]Deletion, error) {
	todo, err := s.store.Sweeps(ctx, maxDeletions)
	if err != nil {
		return nil, err
	}
	out := make([]Deletion, len(todo))
	for i, d := range todo {
		out[i] = Deletion{Sweep: d, Removed: s.sweeping.of(d.Room)}
	}
	return out, nil
}

// sweeping is how far this node's sweeps are.
type sweeping struct {
	mu      sync.Mutex
	removed map[RoomRef]int
}

func (w *sweeping) set(r RoomRef, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.removed == nil {
		w.removed = map[RoomRef]int{}
	}
	// A later sweep begins at zero again.
	w.removed[r] = max(n, w.removed[r])
}

func (w *sweeping) forget(r RoomRef) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.removed, r)
}

func (w *sweeping) of(r RoomRef) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.removed[r]
}
