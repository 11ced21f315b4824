package upkeep

import (
	"context"
	"errors"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/jobs"
)

const (
	// sweepGrace is how long after a deletion a write to the room may still be running. It is well above writeTimeout
	// plus cache.Brief.
	sweepGrace = 2 * time.Minute
	// deleting is how long the server that deletes a room may take.
	deleting = time.Minute
	// deletingPause is the pause before the next look at a room that is being deleted.
	deletingPause = 10 * time.Second
)

// swept is the cursor of a sweep whose first pass is done.
var swept = []byte("swept")

// sweep removes the rows that a deleted room left on disk: immediately, and once more when no write to the room can be
// running any more.
func (s *Service) sweep(ctx context.Context, r *jobs.Run) error {
	d, err := chat.ParseSweep(r.Tenant, r.Key, r.Payload)
	if err != nil {
		return err
	}
	there, err := s.endDeletion(ctx, d)
	if err != nil {
		return err
	}
	if there {
		return jobs.After(deletingPause)
	}
	last := r.Cursor != nil
	if err := s.deleteExports(ctx, d.Tenant, d.Room.ID); err != nil {
		return err
	}
	if err := s.files.TrimRoom(ctx, d.Tenant, d.Room.ID, id.Max); err != nil {
		return err
	}
	removed, noted := 0, time.Now()
	err = s.store.SweepRoom(ctx, d, func(n int) {
		if removed = n; time.Since(noted) > time.Second {
			noted = time.Now()
			_ = r.Save(ctx, r.Cursor, max(r.Done, int64(n)), 0) // only for those who look; a lost lease ends ctx
		}
	})
	gone, goneErr := s.domain.EndRoom(ctx, chat.Place{Tenant: d.Tenant, Room: d.Room})
	if err := errors.Join(err, goneErr); err != nil {
		return err
	}
	if !gone {
		return jobs.After(deletingPause)
	}
	if last {
		return s.store.EndSweep(ctx, d)
	}
	if err := r.Save(ctx, swept, max(r.Done, int64(removed)), 0); err != nil {
		return err
	}
	return jobs.After(sweepGrace)
}

// endDeletion completes a deletion whose server died before it removed the room. there is true while that server may
// still be at it.
func (s *Service) endDeletion(ctx context.Context, d chat.Sweep) (there bool, err error) {
	r, err := s.store.Room(ctx, d.Tenant, d.Room.Name)
	switch {
	case chat.IsKind(err, chat.NotFound) || err == nil && r.ID != d.Room.ID:
		return false, nil
	case err != nil:
		return false, err
	case s.now().Sub(d.DeletedAt).Abs() < deleting:
		return true, nil
	}
	err = s.store.DeleteRoom(ctx, d.Tenant, r)
	if chat.IsKind(err, chat.NotFound) {
		err = nil
	}
	return false, err
}

// deleteExports removes the files that were made of a room: what is removed from the room is in them.
func (s *Service) deleteExports(ctx context.Context, t chat.Tenant, room id.ID) error {
	const page = 1000
	for {
		all, err := s.store.ExportsOf(ctx, t, room, "", page)
		if err != nil {
			return err
		}
		deleted := false
		for _, x := range all {
			e, err := s.store.Export(ctx, t, x)
			if chat.IsKind(err, chat.NotFound) {
				continue // its request broke off
			}
			if err == nil {
				err = s.store.DeleteExport(ctx, e)
			}
			if err != nil {
				return err
			}
			deleted = true
		}
		if !deleted || len(all) < page {
			return nil
		}
	}
}

// Deletion is a deleted room whose rows are being removed.
type Deletion struct {
	chat.Sweep
	// Removed is how many rows or partitions were removed, about.
	Removed int
}

// maxDeletions bounds the answer of Deletions.
const maxDeletions = 1000

// Deletions returns up to a thousand deletions of rooms that have not ended. A deletion stays for some minutes after
// its rows are gone, until no write to the room can be running any more.
func (s *Service) Deletions(ctx context.Context) ([]Deletion, error) {
	todo, err := s.queue.List(ctx, maxDeletions, func(j jobs.Job) bool { return j.Kind == chat.SweepWork })
	if err != nil {
		return nil, err
	}
	out := make([]Deletion, len(todo))
	for i, j := range todo {
		out[i].Removed = int(j.Done)
		if out[i].Sweep, err = chat.ParseSweep(j.Tenant, j.Key, j.Payload); err != nil {
			return nil, err
		}
	}
	return out, nil
}
