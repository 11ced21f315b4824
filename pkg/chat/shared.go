package chat

import (
	"context"
	"errors"
	"time"

	"github.com/confab-chat/confab/pkg/coalesce"
	"github.com/confab-chat/confab/pkg/id"
)

// sharedReads coalesce the reads that many clients request at the same moment when something happens in a room. Each
// page is then read a few times instead of once per client. Each result is as new as a read for that request alone.
type sharedReads struct {
	pages coalesce.Group[pageKey, Page]
	rooms coalesce.Group[roomKey, RoomView]
}

type pageKey struct {
	log                   Log
	before, after, around id.ID // zero if not asked for
	limit                 int
	keep                  time.Duration // see Service.keep
}

func (q PageQuery) key(l Log, keep time.Duration) pageKey {
	at := func(u *id.ID) id.ID {
		if u == nil {
			return id.ID{}
		}
		return *u
	}
	return pageKey{l, at(q.Before), at(q.After), at(q.Around), min(q.Limit, MaxPage), keep}
}

func (s *Service) sharedPage(ctx context.Context, t Tenant, r Room, q PageQuery) (Page, error) {
	l := r.Log(t)
	p, err := s.shared.pages.Do(ctx, q.key(l, s.keep(r)), func(ctx context.Context) (Page, error) { return s.shown(r).page(ctx, l, q) })
	return p, ended(err)
}

func (s *Service) sharedRoom(ctx context.Context, t Tenant, name string) (RoomView, error) {
	v, err := s.shared.rooms.Do(ctx, roomKey{t, name}, func(ctx context.Context) (RoomView, error) { return s.roomView(ctx, t, name) })
	return v, ended(err)
}

// ended turns the error of a caller's own context into Unavailable, as a store does.
func ended(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		if !IsKind(err, Unavailable) {
			return ErrUnavailable(err)
		}
	}
	return err
}
