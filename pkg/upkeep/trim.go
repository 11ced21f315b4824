package upkeep

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
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
	// So that a store that runs for less than a minute has seen the time, too.
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

// trimNow removes what is too old from one room, for who is about to go through all the rest: what has expired is
// slow to read past.
func (s *Service) trimNow(ctx context.Context, t chat.Tenant, ref chat.RoomRef) error {
	r, err := s.store.Room(ctx, t, ref.Name)
	switch {
	case chat.IsKind(err, chat.NotFound) || err == nil && r.ID != ref.ID:
		return nil
	case err != nil:
		return err
	}
	at, err := s.store.RemovalTime(ctx)
	if err != nil {
		return err
	}
	return s.trim(ctx, r.Log(t), r.Retention, at)
}

// trim removes what is too old under a room's retention at a time from its log.
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
		// What is wrong with one room is no reason to keep the messages of the others, whatever it is: a part of the
		// store's nodes may be away, or the room's rows unreadable.
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
