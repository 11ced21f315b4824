package chat

import (
	"context"
	"reflect"
	"slices"
	"time"

	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/limit"
)

// Role is what a participant is in a room by the room's settings.
type Role string

// The roles.
const (
	PlainRole Role = ""
	AdminRole Role = "admin"
	OwnerRole Role = "owner"
)

// Role returns what a login is in the room by its settings. It says nothing about whether they are in it.
func (r Room) Role(login string) Role {
	switch r.governs(login) {
	case Owner:
		return OwnerRole
	case Admin:
		return AdminRole
	}
	return PlainRole
}

// Transfer makes another member the owner of a room; the owner becomes an ordinary member. Only the owner may do so.
// Conflict if login is not in the room, or owns it already.
func (s *Service) Transfer(ctx context.Context, who Principal, name, login string) (RoomView, error) {
	return s.setRole(ctx, who, name, login, NoticeOwner, func(now *RoomSettings, r Room) error {
		if r.governs(login) == Owner {
			return &Error{Kind: Conflict, Entity: RoomEntity, Message: "'" + login + "' is the owner already"}
		}
		now.own(login)
		return nil
	})
}

// SetAdmin makes a member an admin of a room, or an ordinary member. Only the owner may do so. What is so already changes
// nothing. Conflict if login is not in the room or is its owner, Full if the room has MaxAdmins already.
func (s *Service) SetAdmin(ctx context.Context, who Principal, name, login string, on bool) (RoomView, error) {
	what := NoticeAdmin
	if !on {
		what = NoticeMember
	}
	return s.setRole(ctx, who, name, login, what, func(now *RoomSettings, r Room) error {
		switch {
		case r.governs(login) == Owner:
			return &Error{Kind: Conflict, Entity: RoomEntity, Message: "'" + login + "' is the owner of the room"}
		case r.governs(login) == Admin == on:
			return errSame
		case on && len(now.Admins) >= MaxAdmins:
			return &Error{Kind: Full, Entity: RoomEntity, Name: r.Name, Message: "the room has as many admins as it may have"}
		case on:
			now.Admins = sortedWith(now.Admins, login)
		default:
			now.Admins = without(now.Admins, login)
		}
		return nil
	})
}

// errSame ends a change of settings that changes nothing. It is never returned to a caller.
var errSame = &Error{Kind: Conflict, Message: "nothing changes"}

// own hands the room over.
func (s *RoomSettings) own(login string) {
	s.Owner, s.Admins = login, without(s.Admins, login)
}

func sortedWith(logins []string, login string) []string {
	logins = append(slices.Clone(logins), login)
	slices.Sort(logins)
	return slices.Compact(logins)
}

func without(logins []string, login string) []string {
	return slices.DeleteFunc(slices.Clone(logins), func(l string) bool { return l == login })
}

// setRole changes what a member is in a room, posts the notice of it and publishes it.
func (s *Service) setRole(ctx context.Context, who Principal, name, login string, what NoticeType,
	change func(now *RoomSettings, r Room) error) (RoomView, error) {
	if err := s.limited(who, limit.Changes); err != nil {
		return RoomView{}, err
	}
	v, err := s.visitNow(ctx, who, name)
	if err != nil {
		return RoomView{}, err
	}
	if err := v.may(GovernRoom); err != nil {
		return RoomView{}, err
	}
	p, err := s.participantNow(ctx, who.Tenant, v.Room, login)
	if err == nil && p.Login == "" {
		err = errNotIn(v.Room, login)
	}
	if err != nil {
		return RoomView{}, err
	}
	wctx, cancel := changing(ctx)
	defer cancel()
	a := Act{Deed: DeedAdmin, On: what == NoticeAdmin, People: []Person{p}}
	if what == NoticeOwner {
		a = Act{Deed: DeedHandedOver, People: []Person{s.doer(wctx, Identity{Tenant: who.Tenant, Login: v.Owner()}.Principal()), p}}
	}
	told, err := s.intendIn(wctx, who, v.Room, a)
	if err != nil {
		return RoomView{}, err
	}
	now, err := s.changeSettings(wctx, v, GovernRoom, change)
	told(err)
	if err == errSame { //nolint:errorlint // it is this very value
		return s.viewAs(ctx, who, v.Room)
	}
	if err != nil {
		return RoomView{}, err
	}
	// Somebody who has left meanwhile has no role: either they find the role when they go, or this finds that they are gone.
	if err := s.endRoles(wctx, who.Tenant, now.Ref(), login); err != nil {
		return RoomView{}, err
	}
	s.publishRoles(wctx, who.Tenant, v.Room, now)
	if by, err := s.actor(wctx, v); err == nil { // otherwise only the notice is missing
		s.notify(wctx, who.Tenant, now, Notice{Type: what, Who: p, By: by})
	}
	return s.viewAs(ctx, who, now)
}

// changeSettings changes the settings of a room, if the action is open to the visitor at that moment.
func (s *Service) changeSettings(ctx context.Context, v visit, a Action, change func(now *RoomSettings, r Room) error) (Room, error) {
	r, err := s.store.ChangeSettings(ctx, v.who.Tenant, v.Ref(), func(now *RoomSettings) error {
		current := v.Room
		current.Settings = now.Clone()
		if !May(a, v.member.relation(current, current.relation(v.who), s.now())) {
			return refuse(a, current)
		}
		return s.modify(now, current, change)
	})
	s.forgetRoom(v.who.Tenant, v.Name)
	return r, err
}

// modify makes a change of settings and notes when.
func (s *Service) modify(now *RoomSettings, current Room, change func(now *RoomSettings, r Room) error) error {
	if err := change(now, current); err != nil {
		return err
	}
	if !reflect.DeepEqual(now.normal(), current.Settings.normal()) {
		now.Modified = max(s.now().UnixMilli(), current.ModifiedAt().UnixMilli()+1)
	}
	return nil
}

// ModifiedAt is when the room's settings were changed last, or when it was created.
func (r Room) ModifiedAt() time.Time {
	if at := r.Settings.Modified; at > 0 {
		return time.UnixMilli(at).UTC()
	}
	return r.CreatedAt
}

// publishRoles publishes what has changed from before to now of who owns the room and who its admins are.
func (s *Service) publishRoles(ctx context.Context, t Tenant, before, now Room) {
	events := []Event{RoomChanged{Place: now.place(t), Settings: now.Settings}}
	seen := map[string]bool{}
	for _, login := range slices.Concat([]string{before.Owner(), now.Owner()}, before.Settings.Admins, now.Settings.Admins) {
		if !seen[login] && before.Role(login) != now.Role(login) {
			events = append(events, MemberChanged{Place: now.place(t), Login: login, Role: now.Role(login)})
		}
		seen[login] = true
	}
	s.order.begin(now.ID, s.ids).finish(ctx, events...)
}

// endRoles ends what a login is in a room that they are not in any more. An open room keeps its owner.
func (s *Service) endRoles(ctx context.Context, t Tenant, ref RoomRef, login string) error {
	r, err := s.store.Room(ctx, t, ref.Name)
	switch {
	case IsKind(err, NotFound) || err == nil && r.ID != ref.ID:
		return nil
	case err != nil:
		return err
	case r.governs(login) == 0, r.governs(login) == Owner && r.Settings.Kind == OpenRoom:
		return nil
	}
	if p, err := s.participantNow(ctx, t, r, login); err != nil || p.Login != "" {
		return err
	}
	if r.governs(login) == Owner {
		return s.handOver(ctx, t, r, login)
	}
	now, err := s.changeRoles(ctx, t, r, func(now *RoomSettings, _ Room) error {
		now.Admins = without(now.Admins, login)
		return nil
	})
	if err == nil {
		s.publishRoles(ctx, t, r, now)
	}
	return err
}

// changeRoles changes the settings of a room whoever asks: because of what has happened to a participant.
func (s *Service) changeRoles(ctx context.Context, t Tenant, r Room, change func(now *RoomSettings, r Room) error) (Room, error) {
	now, err := s.store.ChangeSettings(ctx, t, r.Ref(), func(now *RoomSettings) error {
		current := r
		current.Settings = now.Clone()
		return s.modify(now, current, change)
	})
	s.forgetRoom(t, r.Name)
	return now, err
}

// handOver gives a room, which is not an open one, a new owner in place of one who leaves: the admin, otherwise the
// participant, who has been in it for longest. A room without others stays theirs.
func (s *Service) handOver(ctx context.Context, t Tenant, r Room, leaving string) error {
	for {
		heir, err := s.heir(ctx, t, r, leaving)
		if err != nil || heir == "" {
			return err
		}
		now, err := s.changeRoles(ctx, t, r, func(now *RoomSettings, current Room) error {
			if current.governs(leaving) != Owner {
				return errSame
			}
			now.own(heir)
			return nil
		})
		if err == errSame || IsKind(err, NotFound) { //nolint:errorlint // it is this very value
			return nil
		}
		if err != nil {
			return err
		}
		s.publishRoles(ctx, t, r, now)
		p, err := s.participantNow(ctx, t, now, heir)
		if err != nil {
			return err
		}
		if p.Login != "" {
			s.notify(ctx, t, now, Notice{Type: NoticeOwner, Who: p})
			return nil
		}
		r, leaving = now, heir // who has left meanwhile, perhaps before they could see that the room is theirs
	}
}

// heir returns who gets a room when its owner leaves; empty if nobody else is in it.
func (s *Service) heir(ctx context.Context, t Tenant, r Room, leaving string) (string, error) {
	oldest := ""
	for from := (id.ID{}); ; {
		page, err := s.store.Members(ctx, t, r.ID, from, false, membersPage)
		if err != nil {
			return "", err
		}
		for _, m := range page {
			switch {
			case m.Login == leaving:
			case len(r.Settings.Admins) == 0, r.governs(m.Login) == Admin:
				return m.Login, nil
			case oldest == "":
				oldest = m.Login
			}
		}
		if len(page) < membersPage {
			return oldest, nil
		}
		from = page[len(page)-1].Since
	}
}
