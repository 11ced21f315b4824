package chat

import (
	"context"
	"slices"
	"time"

	"github.com/confab-chat/confab/pkg/id"
)

// The use cases of operators. The caller has checked that the user is an operator.

// RoomReport is a room as an operator sees it.
type RoomReport struct {
	Room
	Participants     int  // at most MaxParticipants
	MoreParticipants bool // there are more than that
	// Oldest and Newest are the times of its first and last messages; zero if there are none.
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
	rooms, err = s.store.Rooms(ctx, t, position(after), limit+1)
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
	return s.deleteRoom(ctx, Principal{Identity: Identity{Tenant: t, Login: by.Login}, App: true}, r)
}

// ImposeRetention is SetRetention by an operator.
func (s *Service) ImposeRetention(ctx context.Context, t Tenant, name string, to Retention) (RoomView, error) {
	r, err := s.room(ctx, t, name)
	if err != nil {
		return RoomView{}, err
	}
	return s.setRetention(ctx, t, r, to)
}

// The use cases of pkg/upkeep. An operator or the domain has decided that they may run.

// EndAccount ends a user's memberships and deletes the account. The login is never free again. Open and private rooms they
// created and messages they wrote stay. It can be repeated, also for a deleted account.
func (s *Service) EndAccount(ctx context.Context, t Tenant, login string) error {
	if err := s.EndMemberships(ctx, t, login); err != nil {
		return err
	}
	ctx, cancel := changing(ctx)
	defer cancel()
	forget, told := func() {}, func(error) {}
	if u, err := s.store.User(ctx, t, login); err != nil {
		return err
	} else if !u.Deleted {
		if forget, err = s.jobs.Intend(ctx, PeopleOf(Identity{Tenant: t, Login: login})); err != nil {
			return err
		}
		if told, err = IntendUser(ctx, s.outbox, Act{Tenant: t, Deed: DeedEnded, To: u.Person}); err != nil {
			return err
		}
	}
	err := s.store.DeleteUser(ctx, t, login)
	if told(err); err == nil {
		forget()
	}
	return err
}

// EndMemberships removes somebody from all rooms, whatever they are there, and ends their invitations and requests to join.
// Groups and chat rooms of which they are the owner are deleted; a private room gets another owner, as in Leave. It can be
// repeated.
func (s *Service) EndMemberships(ctx context.Context, t Tenant, login string) error {
	const page = 500
	for {
		// Each page is the first one again, because the user has left the rooms of the page before.
		refs, err := s.store.RoomsOf(ctx, t, login, "", page)
		if err != nil {
			return err
		}
		for _, ref := range refs {
			if err := s.endMembership(ctx, t, ref, login); err != nil && !IsKind(err, NotFound) {
				return err
			}
		}
		if len(refs) < page {
			break
		}
	}
	for _, list := range []RoomList{InviteList, RequestList} {
		if err := s.unlistEverywhere(ctx, t, list, login); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) endMembership(ctx context.Context, t Tenant, ref RoomRef, login string) error {
	r, err := s.store.Room(ctx, t, ref.Name)
	if err != nil {
		return err
	}
	if r.ID != ref.ID {
		return ErrNotFound(RoomEntity, ref.Name)
	}
	if r.governs(login) == Owner && r.Settings.Kind.needsOwner() {
		return s.deleteRoom(ctx, Principal{Identity: Identity{Tenant: t, Login: login}, App: true}, r)
	}
	p, err := s.participantNow(ctx, t, r, login)
	if err != nil || p.Login == "" {
		return err
	}
	_, err = s.departAll(ctx, Principal{Identity: Identity{Tenant: t, Login: login}, App: true}, r, DeedQuit, []Notice{{Type: NoticeLeft, Who: p}})
	return err
}

func (s *Service) unlistEverywhere(ctx context.Context, t Tenant, list RoomList, login string) error {
	const page = 500
	for before := (id.ID{}); ; {
		refs, err := s.store.ListedIn(ctx, t, login, list, before, page)
		if err != nil {
			return err
		}
		for _, ref := range refs {
			if _, err := s.store.Unlist(ctx, t, ref.ID, list, login); err != nil {
				return err
			}
			before = ref.Since
		}
		if len(refs) < page {
			return nil
		}
	}
}

// Redact deletes a message or withdraws a reaction, whoever its author is and however old the message is. It does
// nothing if the message is deleted or does not exist.
func (s *Service) Redact(ctx context.Context, p Place, m id.ID, c Change) error {
	t, err := s.begin(ctx, p.log())
	if err != nil {
		return err
	}
	c.ID = t.id
	changed := false
	now, err := s.store.ChangeMessage(ctx, p.log(), m, func(now Message) (Change, error) {
		if changed = !now.Deleted; !changed {
			return Change{}, nil
		}
		return c, nil
	})
	if err != nil || !changed {
		t.finish(ctx)
		if IsKind(err, NotFound) {
			return nil
		}
		return err
	}
	if c.Kind == Delete {
		now.Author = c.By
	}
	t.finish(ctx, MessageChanged{Place: p, Change: c.ID, Kind: c.Kind, Message: now})
	return nil
}

// DisownRoom takes an erased user out of what a room says of itself: Erased replaces them as its creator and owner, and
// nothing of them stays in its settings. ForgetTraces of the store takes them out of its lists.
func (s *Service) DisownRoom(ctx context.Context, p Place, login string) error {
	r, err := s.store.Room(ctx, p.Tenant, p.Room.Name)
	switch {
	case IsKind(err, NotFound) || err == nil && r.ID != p.Room.ID:
		return nil
	case err != nil:
		return err
	}
	if r.Creator.Login == login {
		err := s.store.DisownRoom(ctx, p.Tenant, p.Room, Erased)
		s.forgetRoom(p.Tenant, p.Room.Name)
		if err != nil {
			return err
		}
	}
	if now := r.Settings; now.Owner == login || slices.Contains(now.Admins, login) || slices.Contains(now.Between, login) {
		_, err := s.changeRoles(ctx, p.Tenant, r, func(now *RoomSettings, _ Room) error {
			if now.Owner == login {
				now.Owner = ErasedLogin // not none: the creator would be the owner anew
			}
			now.Admins, now.Between = without(now.Admins, login), without(now.Between, login)
			return nil
		})
		if err != nil && !IsKind(err, NotFound) {
			return err
		}
	}
	return nil
}

// ForgetReading removes a user's reading of a room, also a position that is not written yet.
func (s *Service) ForgetReading(ctx context.Context, t Tenant, room id.ID, login string) error {
	s.reads.drop(reader{Identity{t, login}, room})
	return s.store.ForgetReading(ctx, t, room, login)
}

// EndRoom publishes the end of a deleted room, because the node that deleted it may have died before it did so. It
// returns false if the room still exists. It can be repeated: the room then has no subscribers any more.
func (s *Service) EndRoom(ctx context.Context, p Place) (gone bool, err error) {
	r, err := s.store.Room(ctx, p.Tenant, p.Room.Name)
	switch {
	case err == nil && r.ID == p.Room.ID:
		return false, nil
	case err != nil && !IsKind(err, NotFound):
		return false, err
	}
	s.forgetRoom(p.Tenant, p.Room.Name)
	s.order.begin(p.Room.ID, s.ids).finish(ctx, RoomDeleted{Place: p, By: SystemLogin})
	return true, nil
}
