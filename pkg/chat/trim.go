package chat

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/id"
)

const (
	// trimFirst is how long a node that starts leaves the rooms alone, trimEvery how often it goes through them then.
	trimFirst = time.Minute
	trimEvery = time.Hour
)

// trimRooms removes what is older than its room's retention. Each node does so, one room after the other: to do it
// twice costs little, and nobody has to be elected.
func (s *Service) trimRooms(ctx context.Context) {
	timer := time.NewTimer(trimFirst)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		s.trimOnce(ctx)
		timer.Reset(trimEvery)
	}
}

// trimNow removes what is too old from one room, for who is about to go through all the rest: what has expired is
// slow to read past.
func (s *Service) trimNow(ctx context.Context, t Tenant, ref RoomRef) error {
	r, err := s.store.Room(ctx, t, ref.Name)
	switch {
	case IsKind(err, NotFound) || err == nil && r.ID != ref.ID:
		return nil
	case err != nil:
		return err
	}
	return s.trim(ctx, r.Log(t), r.Retention)
}

// trim removes what is too old under a room's retention from its log.
func (s *Service) trim(ctx context.Context, l Log, r Retention) error {
	keep := s.keepFor(r)
	if keep == 0 {
		return nil
	}
	return s.store.Trim(ctx, l, s.horizon(keep))
}

func (s *Service) trimOnce(ctx context.Context) {
	err := s.store.EachRetention(ctx, func(t Tenant, room id.ID, r Retention) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := s.trim(ctx, Log{Tenant: t, ID: room}, r)
		if err == nil || IsKind(err, Unavailable) {
			return err
		}
		// What is wrong with one room is no reason to keep the others'.
		s.log.Warn("a room's old messages are not removed", "tenant", t, "room", room, "error", err)
		return nil
	})
	if err != nil && ctx.Err() == nil {
		s.log.Warn("old messages wait to be removed", "error", err)
	}
}
