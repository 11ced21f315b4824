package chat

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/limit"
)

// MaxDirect is how many people a direct conversation has at most.
const MaxDirect = 10

// Blocks says whom people do not want to hear from.
type Blocks interface {
	// Blocks reports whether by has blocked whom. It costs no read for those who write to each other.
	Blocks(ctx context.Context, t Tenant, by, whom string) (bool, error)
}

// GlobalMutes says who may not post in any room of a kind.
type GlobalMutes interface {
	// MutedUntil returns until when who may not post in rooms of that kind; a time that is over, or zero, if they may. It
	// costs no read for those who post.
	MutedUntil(ctx context.Context, who Identity, kind RoomKind) (time.Time, error)
}

func comparePeople(a, b Person) int { return strings.Compare(a.Login, b.Login) }

// OpenDirect returns the direct conversation of who with 1 to MaxDirect-1 others; it creates one if they have none. There is
// one of the same people, whoever of them opens it. Forbidden if who has blocked one of the others, or one of these them.
// NotFound, or Gone, for somebody without an account; Invalid for nobody or too many.
func (s *Service) OpenDirect(ctx context.Context, who Identity, logins []string) (view RoomView, created bool, err error) {
	all := append([]string{who.Login}, logins...)
	slices.Sort(all)
	if all = slices.Compact(all); len(all) < 2 || len(all) > MaxDirect {
		return RoomView{}, false, ErrInvalid("name 1 to %d others", MaxDirect-1)
	}
	people, err := s.peopleOf(ctx, who.Tenant, append([]string{who.Login}, all...)) // who comes first
	if err != nil {
		return RoomView{}, false, err
	}
	for _, p := range people[1:] {
		if err := s.unblockedBy(ctx, who, p.Login); err != nil {
			return RoomView{}, false, err
		}
	}
	return s.openDirect(ctx, who.Principal(), people)
}

// openDirect returns the direct conversation of people, and creates it, as the first of them, if there is none.
func (s *Service) openDirect(ctx context.Context, who Principal, people []Person) (view RoomView, created bool, err error) {
	all := make([]string, len(people))
	for i, p := range people {
		all[i] = p.Login
	}
	slices.Sort(all)
	name := DirectRoomName(who.Tenant, all)
	r, err := s.room(ctx, who.Tenant, name)
	if IsKind(err, NotFound) {
		if err := s.limited(who, limit.Rooms); err != nil {
			return RoomView{}, false, err
		}
		view, err = s.createWith(ctx, who, people, func(id.ID) Room {
			return Room{Name: name, Settings: RoomSettings{Kind: DirectRoom, Between: all}}
		})
		if !IsKind(err, Conflict) {
			return view, err == nil, err
		}
		r, err = s.room(ctx, who.Tenant, name) // another call was faster
	}
	if err != nil {
		return RoomView{}, false, err
	}
	view, err = s.complete(ctx, who.Tenant, r, people)
	return view, false, err
}

// conversation returns the direct conversation of two people, usually without a read. Nobody asks whether one of them has
// blocked the other.
func (s *Service) conversation(ctx context.Context, who Principal, one Person, login string) (Room, error) {
	name := DirectRoomName(who.Tenant, []string{one.Login, login})
	if r, err := s.cachedRooms.Get(ctx, roomKey{who.Tenant, name}); !IsKind(err, NotFound) {
		return r, err
	}
	other, err := s.Person(ctx, who.Tenant, login)
	if err != nil {
		return Room{}, err
	}
	view, _, err := s.openDirect(ctx, who, []Person{one, other})
	return view.Room, err
}

// complete returns a direct conversation with all its people in it: the server that created it may have died before they
// were.
func (s *Service) complete(ctx context.Context, t Tenant, r Room, people []Person) (RoomView, error) {
	view, err := s.viewOf(ctx, t, r)
	if err != nil || view.Count >= len(people) {
		return view, err
	}
	missing := slices.DeleteFunc(slices.Clone(people), func(p Person) bool {
		return slices.ContainsFunc(view.Participants, func(in Person) bool { return in.Login == p.Login })
	})
	ctx, cancel := changing(ctx)
	defer cancel()
	if err := s.joinAll(ctx, t, r, missing); err != nil {
		return RoomView{}, err
	}
	return s.viewOf(ctx, t, r)
}

// unblockedBy returns Forbidden if one of two people has blocked the other.
func (s *Service) unblockedBy(ctx context.Context, who Identity, other string) error {
	if s.blocks == nil {
		return nil
	}
	for _, pair := range [][2]string{{other, who.Login}, {who.Login, other}} {
		blocked, err := s.blocks.Blocks(ctx, who.Tenant, pair[0], pair[1])
		if err != nil {
			return err
		}
		if blocked {
			return ErrForbidden("you and '%s' cannot write to each other: one of you has blocked the other", other)
		}
	}
	return nil
}

// speaks is take for who posts in a room. It costs no reads while the caches have what it needs.
func (s *Service) speaks(ctx context.Context, who Principal, name string) (visit, error) {
	v, err := s.take(ctx, who, name)
	if err != nil {
		return visit{}, err
	}
	return v, s.maySpeak(ctx, v)
}

// maySpeak returns Forbidden if the visitor may not post now.
func (s *Service) maySpeak(ctx context.Context, v visit) error {
	if err := v.may(PostMessage); err != nil {
		return err
	}
	if v.who.App {
		return nil
	}
	if err := s.unmuted(ctx, v.who.Identity, v.Settings.Kind); err != nil {
		return err
	}
	if len(v.Settings.Between) != 2 {
		return nil
	}
	for _, login := range v.Settings.Between {
		if login != v.who.Login {
			return s.unblockedBy(ctx, v.who.Identity, login)
		}
	}
	return nil
}

// unmuted returns Forbidden for somebody whom an administrator has muted in all rooms of a kind. Who has no account is not.
func (s *Service) unmuted(ctx context.Context, who Identity, k RoomKind) error {
	if s.mutes == nil || who.Login == "" {
		return nil
	}
	until, err := s.mutes.MutedUntil(ctx, who, k)
	if err == nil && until.After(s.now()) {
		err = ErrForbidden("an administrator has muted the sender")
	}
	return err
}
