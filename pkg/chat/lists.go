package chat

import (
	"context"
	"slices"
	"time"

	"github.com/confab-chat/confab/pkg/limit"
)

// MaxNote is the greatest length of the note of who is listed, in characters.
const MaxNote = 500

// List puts people on MuteList, WhiteList or BlockList of a room, all or nobody. until ends a mute (zero: it has no end);
// note is shown to those who may see the list. Who is on it already gets the new until and note. Blocking ends the
// membership. The owner and admins may do so, but not to the owner or, as an admin, to another one: Forbidden. NotFound for
// somebody without an account. Conflict for a mute, or a place on the white list, of somebody who is not in the room.
// Invalid for another list, more than MaxBulk people, or a time that is over.
func (s *Service) List(ctx context.Context, who Principal, name string, list RoomList, logins []string, until time.Time, note string) error {
	if err := s.checkListing(list, logins, until, note); err != nil {
		return err
	}
	if err := s.limited(who, limit.Changes); err != nil {
		return err
	}
	v, err := s.visitNow(ctx, who, name)
	if err != nil {
		return err
	}
	if err := v.mayModerate(logins); err != nil {
		return err
	}
	all, err := s.candidates(ctx, who.Tenant, v.Room, logins)
	if err != nil {
		return err
	}
	for _, c := range all {
		if !c.in && list != BlockList {
			return errNotIn(v.Room, c.Person.Login)
		}
	}
	ctx, cancel := changing(ctx)
	defer cancel()
	told, err := s.intendIn(ctx, who, v.Room, Act{Deed: listDeeds[list], On: true, People: peopleIn(all)})
	if err != nil {
		return err
	}
	err = s.listAll(ctx, v, list, all, Listed{Until: until.Truncate(time.Millisecond), By: who.Login, Note: note})
	told(err)
	return err
}

// listDeeds are what the app is told of lists.
var listDeeds = map[RoomList]Deed{MuteList: DeedMute, WhiteList: DeedWhite, BlockList: DeedBlock}

// listAll puts people on a list. l has what their entries have in common.
func (s *Service) listAll(ctx context.Context, v visit, list RoomList, all []candidate, l Listed) error {
	var expelled []Notice
	for _, c := range all {
		l.Login, l.At = c.Person.Login, s.ids.New()
		if err := s.setListed(ctx, v, list, l); err != nil {
			return err
		}
		if list != BlockList {
			continue
		}
		n, err := s.expel(ctx, v, c)
		if err != nil {
			return err
		}
		if n.Who.Login != "" {
			expelled = append(expelled, n)
		}
	}
	_, err := s.departAll(ctx, v.who, v.Room, DeedBanned, expelled)
	return err
}

func (s *Service) checkListing(list RoomList, logins []string, until time.Time, note string) error {
	if !slices.Contains([]RoomList{MuteList, WhiteList, BlockList}, list) {
		return ErrInvalid("nobody can be put on the list '%s'", list)
	}
	if err := bulk(logins); err != nil {
		return err
	}
	var f faults
	f.upTo("note", &note, MaxNote)
	if !until.IsZero() && !until.After(s.now()) {
		f.add("until", "must be in the future", nil)
	}
	f.only("until", !until.IsZero(), list == MuteList)
	return f.err(RoomEntity)
}

// mayModerate returns the refusal if one of logins may not be muted or blocked, or the like, by the visitor.
func (v visit) mayModerate(logins []string) error {
	for _, login := range logins {
		if err := v.mayAbout(Moderate, login); err != nil {
			return err
		}
	}
	return nil
}

// setListed puts somebody on a list and publishes it.
func (s *Service) setListed(ctx context.Context, v visit, list RoomList, l Listed) error {
	err := s.store.SetListed(ctx, v.who.Tenant, v.Ref(), list, l)
	s.forgetMember(v.who.Tenant, v.ID, l.Login)
	if err != nil || list != MuteList && list != WhiteList {
		return err
	}
	return s.publishVoice(ctx, v, l.Login)
}

// publishVoice publishes that somebody may post now, or may not, because of a list.
func (s *Service) publishVoice(ctx context.Context, v visit, login string) error {
	lists, err := s.store.OnLists(ctx, v.who.Tenant, v.ID, login)
	if err != nil {
		return err
	}
	mute, on := lists[MuteList]
	s.order.begin(v.ID, s.ids).finish(ctx, MemberChanged{Place: v.place(v.who.Tenant), Login: login, Role: v.Role(login),
		Muted: on && !mute.ended(s.now()), Until: mute.Until})
	return nil
}

// expel ends what a blocked person has in a room but the membership, and returns the notice of its end if there is one. That
// they are blocked is stored before: who joins meanwhile finds it.
func (s *Service) expel(ctx context.Context, v visit, c candidate) (Notice, error) {
	for _, list := range []RoomList{InviteList, RequestList, WhiteList} {
		if _, on := c.lists[list]; !on {
			continue
		}
		if _, err := s.store.Unlist(ctx, v.who.Tenant, v.ID, list, c.Person.Login); err != nil {
			return Notice{}, err
		}
	}
	p, err := s.participantNow(ctx, v.who.Tenant, v.Room, c.Person.Login)
	if err != nil || p.Login == "" {
		return Notice{}, err
	}
	by, err := s.actor(ctx, v)
	return Notice{Type: NoticeBanned, Who: p, By: by}, err
}

// Unlist takes people off a list of a room, and returns those who were on it. The owner and admins may do so as in List.
// For InviteList, who may invite others takes invitations back; for RequestList, who may add others refuses requests.
// Who is on no list needs no account.
func (s *Service) Unlist(ctx context.Context, who Principal, name string, list RoomList, logins []string) (removed []string, err error) {
	if err := bulk(logins); err != nil {
		return nil, err
	}
	if err := s.limited(who, limit.Changes); err != nil {
		return nil, err
	}
	v, err := s.visitNow(ctx, who, name)
	if err != nil {
		return nil, err
	}
	switch list {
	case InviteList, RequestList:
		err = v.may(AddParticipant)
	case MuteList, WhiteList, BlockList:
		err = v.mayModerate(logins)
	default:
		err = ErrInvalid("there is no list '%s'", list)
	}
	if err != nil {
		return nil, err
	}
	ctx, cancel := changing(ctx)
	defer cancel()
	told, err := s.intendUnlist(ctx, v, list, logins)
	if err != nil {
		return nil, err
	}
	removed, err = s.unlistAll(ctx, v, list, logins)
	told(unless(len(removed) == 0, err))
	return removed, err
}

// intendUnlist is intendIn for those of logins that are on a list.
func (s *Service) intendUnlist(ctx context.Context, v visit, list RoomList, logins []string) (told func(error), err error) {
	return s.intend(ctx, v.who.Tenant, GroupAct, func() ([]Act, error) {
		if listDeeds[list] == 0 || !v.Room.told() {
			return nil, nil
		}
		var people []Person
		for _, login := range logins {
			lists, err := s.store.OnLists(ctx, v.who.Tenant, v.ID, login)
			if err != nil {
				return nil, err
			}
			if _, on := lists[list]; on {
				p, err := s.Person(ctx, v.who.Tenant, login)
				if err != nil {
					continue // the account is gone
				}
				people = append(people, p)
			}
		}
		if len(people) == 0 {
			return nil, nil
		}
		return []Act{{Tenant: v.who.Tenant, Kind: GroupAct, Deed: listDeeds[list], Room: v.Room, By: s.doer(ctx, v.who), People: people}}, nil
	})
}

func (s *Service) unlistAll(ctx context.Context, v visit, list RoomList, logins []string) (removed []string, err error) {
	for _, login := range logins {
		if !validLogin(login) {
			continue
		}
		was, err := s.store.Unlist(ctx, v.who.Tenant, v.ID, list, login)
		s.forgetMember(v.who.Tenant, v.ID, login)
		if err != nil {
			return removed, err
		}
		if was {
			removed = append(removed, login)
		}
		if was && (list == MuteList || list == WhiteList) {
			if err := s.publishVoice(ctx, v, login); err != nil {
				return removed, err
			}
		}
	}
	return removed, nil
}

// Listed returns who is on a list of a room, ascending by login, after a login, and whether there are more. Mutes that have
// ended are left out. The owner, admins and apps may see the lists.
func (s *Service) Listed(ctx context.Context, who Principal, name string, list RoomList, after string, limit int) (all []Listed, more bool, err error) {
	if !slices.Contains(RoomLists, list) {
		return nil, false, ErrInvalid("there is no list '%s'", list)
	}
	v, err := s.visitNow(ctx, who, name)
	if err != nil {
		return nil, false, err
	}
	if err := v.may(SeeLists); err != nil {
		return nil, false, err
	}
	for now := s.now(); len(all) <= limit; {
		page, err := s.store.Listed(ctx, who.Tenant, v.ID, list, after, limit+1)
		if err != nil {
			return nil, false, err
		}
		for _, l := range page {
			if after = l.Login; !l.ended(now) {
				all = append(all, l)
			}
		}
		if len(page) <= limit {
			break
		}
	}
	return all[:min(limit, len(all))], len(all) > limit, nil
}
