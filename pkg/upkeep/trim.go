package upkeep

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	// trimFirst is how long after its start a node trims the rooms for the first time, trimEvery the interval afterwards.
	trimFirst = time.Minute
	trimEvery = time.Hour
)

// trimRooms removes messages that are older than their room's retention. Each node does so, one room after the other.
// Trimming twice costs little, and no node has to be elected.
func (s *Service) trimRooms(ctx context.Context) {
	// Read the time now, so that a store that runs for less than a minute observes it too.
	if _, err := s.store.RemovalTime(ctx); err != nil && ctx.Err() == nil {
		s.log.Debug("the store's time was not read", "error", err)
	}
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

// trimNow removes too old messages from one room before its caller reads all the others, because reading past expired
// messages is slow.
func (s *Service) trimNow(ctx context.Context, t chat.Tenant, ref chat.RoomRef, at time.Time) error {
	r, err := s.store.Room(ctx, t, ref.Name)
	switch {
	case chat.IsKind(err, chat.NotFound) || err == nil && r.ID != ref.ID:
		return nil
	case err != nil:
		return err
	}
	return s.trim(ctx, r.Log(t), r.Retention, at)
}

// trim removes the messages of a log that are too old under a retention at a time.
func (s *Service) trim(ctx context.Context, l chat.Log, r chat.Retention, at time.Time) error {
	horizon := s.domain.Horizon(r, at)
	if horizon.IsZero() {
		return nil
	}
	return s.store.Trim(ctx, l, horizon)
}

func (s *Service) trimOnce(ctx context.Context) {
	at, err := s.store.RemovalTime(ctx)
	if err != nil {
		s.trimsLater(ctx, err)
		return
	}
	err = s.store.EachRetention(ctx, func(t chat.Tenant, room id.ID, r chat.Retention) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := s.trim(ctx, chat.Log{Tenant: t, ID: room}, r, at)
		if err == nil {
			return nil
		}
		if away := s.store.Ping(ctx); away != nil {
			return err
		}
		// The store answers, so the fault concerns this room: some of the store's nodes may be down, or the room's rows
		// unreadable. Go on with the other rooms.
		s.log.Warn("a room's old messages are not removed", "tenant", t, "room", room, "error", err)
		return nil
	})
	if err != nil {
		s.trimsLater(ctx, err)
	}
}

func (s *Service) trimsLater(ctx context.Context, err error) {
	if ctx.Err() == nil {
		s.log.Warn("old messages wait to be removed", "error", err)
	}
}
