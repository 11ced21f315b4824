package chat

import (
	"context"
	"fmt"

	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/limit"
)

// RoomQuotas are what a tenant may have of rooms; 0 is any number. Open and private rooms count as groups, direct
// conversations do not count.
type RoomQuotas struct {
	Groups    int
	ChatRooms int
	// Joined is how many groups one user may be in, their own included.
	Joined int
	// Members is the greatest MaxMembers of a room.
	Members int
}

// Quotas says what tenants may have; see tenant.Service.
type Quotas interface {
	// RoomQuotas usually costs no read.
	RoomQuotas(ctx context.Context, t Tenant) (RoomQuotas, error)
}

// isGroup reports whether rooms of the kind count as groups.
func (k RoomKind) isGroup() bool { return k == OpenRoom || k == PrivateRoom || k == GroupRoom }

func (s *Service) roomQuotas(ctx context.Context, t Tenant) (RoomQuotas, error) {
	if s.quotas == nil {
		return RoomQuotas{}, nil
	}
	return s.quotas.RoomQuotas(ctx, t)
}

// roomsKey is the key of a tenant's rooms among those that are counted.
func roomsKey(t Tenant, k RoomKind) string {
	if k.isGroup() {
		k = GroupRoom
	}
	return "rooms\x00" + string(t) + "\x00" + string(k)
}

// reserveRoom makes sure that a tenant may have one more room of a kind, with these people in it. done is called once with
// what came of it. Full if it may not.
func (s *Service) reserveRoom(ctx context.Context, t Tenant, k RoomKind, people []Person) (done func(error), err error) {
	q, err := s.roomQuotas(ctx, t)
	if err != nil {
		return nil, err
	}
	most, what := 0, "chat rooms"
	switch {
	case k.isGroup():
		most, what = q.Groups, "groups"
	case k == ChatRoom:
		most = q.ChatRooms
	}
	made, ok, err := s.counts.Reserve(ctx, s.now(), limit.Quota{Key: roomsKey(t, k), Most: most,
		Count: func(ctx context.Context, most int) (int, error) { return s.index.Count(ctx, t, k, most) }}, 1)
	if err == nil && !ok {
		err = &Error{Kind: Full, Message: "there are as many " + what + " as there may be"}
	}
	if err != nil {
		return nil, err
	}
	joined, err := s.reserveJoins(ctx, t, k, people)
	if err != nil {
		made(0)
		return nil, err
	}
	return func(err error) {
		joined(err)
		made(ones(err))
	}, nil
}

// ones is how many things a call that has ended with an error counts as having made. What is not known counts.
func ones(err error) int {
	if err == nil || IsKind(err, Unavailable) {
		return 1
	}
	return 0
}

// reserveJoins makes sure that people may be in one more room of a kind; see reserveRoom. Full if one of them may not.
func (s *Service) reserveJoins(ctx context.Context, t Tenant, k RoomKind, people []Person) (done func(error), err error) {
	nothing := func(error) {}
	if !k.isGroup() {
		return nothing, nil
	}
	q, err := s.roomQuotas(ctx, t)
	if err != nil || q.Joined == 0 {
		return nothing, err
	}
	joined := make([]func(int), len(people))
	done = func(err error) {
		for _, done := range joined {
			if done != nil {
				done(ones(err))
			}
		}
	}
	g, gctx := guard.WithContext(ctx)
	g.SetLimit(bulkParallel)
	for i, p := range people {
		g.Go(func() error {
			made, ok, err := s.counts.Reserve(gctx, s.now(), limit.Quota{Key: "joined\x00" + string(t) + "\x00" + p.Login, Most: q.Joined,
				Count: func(ctx context.Context, most int) (int, error) { return s.countJoined(ctx, t, p.Login, most) }}, 1)
			if err == nil && !ok {
				err = &Error{Kind: Full, Message: fmt.Sprintf("'%s' is in as many groups as one may be in", p.FirstName)}
			}
			joined[i] = made
			return err
		})
	}
	if err := g.Wait(); err != nil {
		done(err)
		return nil, err
	}
	return done, nil
}

// countJoined counts the groups that somebody is in, up to most of them.
func (s *Service) countJoined(ctx context.Context, t Tenant, login string, most int) (n int, err error) {
	const page = 200
	for after := ""; ; {
		refs, err := s.store.RoomsOf(ctx, t, login, after, page)
		if err != nil {
			return 0, err
		}
		joined := make([]JoinedRoom, len(refs))
		for i, ref := range refs {
			joined[i].RoomRef = ref
		}
		rooms, err := s.roomsOf(ctx, t, joined)
		if err != nil {
			return 0, err
		}
		for _, r := range rooms {
			if r.Settings.Kind.isGroup() {
				n++
			}
		}
		if n >= most || len(refs) < page {
			return n, nil
		}
		after = refs[page-1].Name
	}
}

// mayHold returns Full for a limit of members that rooms of a tenant may not have.
func (s *Service) mayHold(ctx context.Context, t Tenant, maxMembers int) error {
	q, err := s.roomQuotas(ctx, t)
	if err == nil && q.Members > 0 && maxMembers > q.Members {
		err = &Error{Kind: Full, Entity: RoomEntity, Message: fmt.Sprintf("a room may have %d members at most", q.Members)}
	}
	return err
}
