package chat

import (
	"context"

	"github.com/confab-chat/confab/pkg/id"
)

// NewestInParts visits the newest messages of a room, or those before a position (q.Before), oldest first: q.Limit of
// them, or all there are. who has to be a participant. Unlike a Page they may take more than MaxRead, so they come in
// parts, each of which takes less. last is true for the last part, which may be empty. visit may not change the
// messages. An error of visit ends the reading and is returned as it is.
func (s *Service) NewestInParts(ctx context.Context, who Identity, room string, q PageQuery, visit func(part []Message, last bool) error) error {
	r, _, err := s.Access(ctx, who, room)
	if err != nil {
		return err
	}
	p, err := s.sharedPage(ctx, who.Tenant, r, PageQuery{Before: q.Before, Limit: q.Limit})
	if err != nil {
		return err
	}
	n := min(q.Limit, MaxPage)
	if !p.HasMoreBefore || len(p.Messages) == n {
		return visit(p.Messages, true)
	}
	// The page is large. It is read backwards to find its beginning, and then forwards, one part in memory at a time.
	v, l := s.shown(r), r.Log(who.Tenant)
	end := p.Messages[len(p.Messages)-1].ID
	first, err := v.nthBefore(ctx, l, p.Messages[0].ID, n-len(p.Messages))
	if err != nil {
		return err
	}
	p = Page{}
	for at, inclusive := first, true; ; inclusive = false {
		part, more, err := v.newerPart(ctx, l, at, inclusive, n)
		if err != nil {
			return err
		}
		for i, m := range part {
			if at = m.ID; at.Compare(end) > 0 { // posted meanwhile
				part, more = part[:i], false
				break
			}
		}
		more = more && at != end
		if err := visit(part, !more); err != nil || !more {
			return err
		}
	}
}

// nthBefore returns the id of the nth message before the position, or of the oldest one if there are fewer.
func (v shown) nthBefore(ctx context.Context, l Log, at id.ID, n int) (id.ID, error) {
	for n > 0 {
		part, more, err := v.olderPart(ctx, l, at, n)
		if err != nil {
			return at, err
		}
		if len(part) > 0 {
			at = part[len(part)-1].ID
		}
		if n -= len(part); !more {
			break
		}
	}
	return at, nil
}
