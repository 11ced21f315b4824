package chat

import (
	"context"

	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/limit"
)

// MaxInvitations bounds the invitations in one answer.
const MaxInvitations = 50

// Invitation is a room that somebody is invited to, as they may see it.
type Invitation struct {
	Room RoomView
	At   id.ID
	By   string // the login of who has invited them; empty if that account was erased
	Note string
}

// Invite invites people to a room: they see it, and may join it. Who may add others may invite them. Who is in the room or
// invited already stays so; the owner and admins take somebody off the block list by inviting them. Forbidden for others
// who invite somebody who is blocked, and for who invites somebody who has blocked them. NotFound for somebody without an
// account. Invalid for more than MaxBulk people. Nobody is invited then.
func (s *Service) Invite(ctx context.Context, who Identity, name string, logins []string, note string) error {
	if err := bulk(logins); err != nil {
		return err
	}
	var f faults
	f.upTo("note", &note, MaxNote)
	if err := f.err(RoomEntity); err != nil {
		return err
	}
	if err := s.may(who.does(limit.Joins)); err != nil {
		return err
	}
	v, err := s.visitNow(ctx, who.Principal(), name)
	if err != nil {
		return err
	}
	if err := v.may(AddParticipant); err != nil {
		return err
	}
	all, err := s.candidates(ctx, who.Tenant, v.Room, logins)
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.blocked() {
			err = v.mayAbout(Moderate, c.Person.Login)
		} else {
			err = s.unblockedBy(ctx, who, c.Person.Login)
		}
		if err != nil {
			return err
		}
	}
	ctx, cancel := changing(ctx)
	defer cancel()
	for _, c := range all {
		if _, invited := c.lists[InviteList]; c.in || invited {
			continue
		}
		l := Listed{Login: c.Person.Login, At: s.ids.New(), By: who.Login, Note: note}
		if err := s.setListed(ctx, v, InviteList, l); err != nil {
			return err
		}
		if c.blocked() {
			if _, err := s.store.Unlist(ctx, who.Tenant, v.ID, BlockList, l.Login); err != nil {
				return err
			}
		}
		s.order.begin(v.ID, s.ids).finish(ctx, Invited{Place: v.place(who.Tenant), Login: l.Login, By: v.member.Person, Title: v.Called()})
	}
	return nil
}

// Invitations returns the rooms that who is invited to, the newest invitation first: those made before the position (zero:
// from the newest), and whether there may be more. A limit above MaxInvitations counts as that.
func (s *Service) Invitations(ctx context.Context, who Identity, before id.ID, limit int) (all []Invitation, more bool, err error) {
	limit = min(limit, MaxInvitations)
	refs, err := s.store.ListedIn(ctx, who.Tenant, who.Login, InviteList, before, limit+1)
	if err != nil {
		return nil, false, err
	}
	more = len(refs) > limit
	rooms, err := s.roomsOf(ctx, who.Tenant, refs[:min(limit, len(refs))])
	if err != nil {
		return nil, false, err
	}
	found := make([]*Invitation, len(rooms))
	g, gctx := guard.WithContext(ctx)
	g.SetLimit(bulkParallel)
	for i, r := range rooms {
		g.Go(func() error {
			v, err := s.visitRoom(gctx, who.Principal(), r.Room)
			if IsKind(err, NotFound) || err == nil && v.is&Invitee == 0 {
				return nil // taken back meanwhile
			}
			if err == nil {
				l := v.member.lists[InviteList]
				found[i] = &Invitation{Room: v.show(RoomView{Room: r.Room, Keep: s.keep(r.Room)}), At: r.Since, By: l.By, Note: l.Note}
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, false, err
	}
	for _, inv := range found {
		if inv != nil {
			all = append(all, *inv)
		}
	}
	return all, more, nil
}

// Decline ends an invitation of who. NotFound if they have none to a room of that name.
func (s *Service) Decline(ctx context.Context, who Identity, name string) error {
	v, err := s.visitNow(ctx, who.Principal(), name)
	if err != nil {
		return err
	}
	return s.withdraw(ctx, v, InviteList)
}

// Ask asks to join a room that who sees and is not in: its owner or an admin adds them, or refuses. Asking once more
// replaces the note. Forbidden for who is blocked; Conflict for who is in the room already.
func (s *Service) Ask(ctx context.Context, who Identity, name, note string) error {
	var f faults
	f.upTo("note", &note, MaxNote)
	if err := f.err(RoomEntity); err != nil {
		return err
	}
	if err := s.may(who.does(limit.Joins)); err != nil {
		return err
	}
	v, err := s.visitNow(ctx, who.Principal(), name)
	if err != nil {
		return err
	}
	if err := v.may(AskToJoin); err != nil {
		return err
	}
	if v.member.in {
		return errIn(v.Room, who.Login)
	}
	ctx, cancel := changing(ctx)
	defer cancel()
	return s.setListed(ctx, v, RequestList, Listed{Login: who.Login, At: s.ids.New(), By: who.Login, Note: note})
}

// Unask takes a request to join back. NotFound if who has made none.
func (s *Service) Unask(ctx context.Context, who Identity, name string) error {
	v, err := s.visitNow(ctx, who.Principal(), name)
	if err != nil {
		return err
	}
	return s.withdraw(ctx, v, RequestList)
}

// withdraw takes the visitor off a list that they are on.
func (s *Service) withdraw(ctx context.Context, v visit, list RoomList) error {
	ctx, cancel := changing(ctx)
	defer cancel()
	was, err := s.store.Unlist(ctx, v.who.Tenant, v.ID, list, v.who.Login)
	s.forgetMember(v.who.Tenant, v.ID, v.who.Login)
	if err == nil && !was {
		err = ErrNotFound(RoomEntity, v.Name)
	}
	return err
}
