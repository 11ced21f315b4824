package upkeep

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
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
	guard.Every(ctx, trimFirst, trimEvery, s.trimOnce)
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
	// The files go first: their list is what is left of messages that are gone, and the next call finds it.
	if err := s.files.TrimRoom(ctx, l.Tenant, l.ID, horizon); err != nil {
		return err
	}
	return s.store.Trim(ctx, l, horizon)
}

func (s *Service) trimOnce(ctx context.Context) {
	at, err := s.store.RemovalTime(ctx)
	if err != nil {
		s.trimsLater(ctx, err)
		return
	}
	keeps := map[chat.Tenant]time.Duration{}
	if s.apps != nil {
		err = s.apps(ctx, func(a App) error {
			if a.Rooms {
				keeps[a.Log.Tenant] = a.Keep
			}
			return s.trimLog(ctx, a.Log, chat.Retention(a.Keep), at)
		})
	}
	if err == nil {
		err = s.store.EachRetention(ctx, func(t chat.Tenant, room id.ID, r chat.Retention) error {
			if keep, there := keeps[t]; there {
				r = chat.Retention(keep)
			}
			return s.trimLog(ctx, chat.Log{Tenant: t, ID: room}, r, at)
		})
	}
	if err != nil {
		s.trimsLater(ctx, err)
	}
}

// trimLog trims one of many logs. A fault of that log alone is no error.
func (s *Service) trimLog(ctx context.Context, l chat.Log, r chat.Retention, at time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := s.trim(ctx, l, r, at)
	if err == nil {
		return nil
	}
	if away := s.store.Ping(ctx); away != nil {
		return err
	}
	// The store answers, so the fault concerns this log: some of the store's nodes may be down, or the log's rows
	// unreadable. Go on with the others.
	s.log.Warn("a room's old messages are not removed", "tenant", l.Tenant, "room", l.ID, "error", err)
	return nil
}

func (s *Service) trimsLater(ctx context.Context, err error) {
	if ctx.Err() == nil {
		s.log.Warn("old messages wait to be removed", "error", err)
	}
}
