package chat

import (
	"context"
	"strings"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/confab-chat/confab/pkg/id"
)

// accessFor is how long a node trusts what it has read of rooms and participants on the
// path of a message: the greatest time for which a leave, a removal or a deletion on another
// node may go unnoticed there, should the word of it be lost. On its own node each takes effect at once.
const accessFor = time.Second

// cachedAccess bounds the memory of the two caches, some hundred bytes an entry.
const cachedAccess = 100_000

// access remembers rooms and participants for a moment, so that a message costs no reads in the usual case.
type access struct {
	rooms   *otter.Cache[roomKey, Room]
	members *otter.Cache[memberKey, Person]

	tellRoom, tellMember func(key string) // other nodes
}

type roomKey struct {
	tenant Tenant
	name   string
}

type memberKey struct {
	tenant Tenant
	room   id.ID
	login  string
}

func newAccess(tellRoom, tellMember func(string)) *access {
	if tellRoom == nil {
		tellRoom = func(string) {}
	}
	if tellMember == nil {
		tellMember = func(string) {}
	}
	return &access{
		rooms: otter.Must(&otter.Options[roomKey, Room]{MaximumSize: cachedAccess,
			ExpiryCalculator: otter.ExpiryWriting[roomKey, Room](accessFor)}),
		members: otter.Must(&otter.Options[memberKey, Person]{MaximumSize: cachedAccess,
			ExpiryCalculator: otter.ExpiryWriting[memberKey, Person](accessFor)}),
		tellRoom: tellRoom, tellMember: tellMember,
	}
}

func (a *access) close() {
	a.rooms.StopAllGoroutines()
	a.members.StopAllGoroutines()
}

// forgetRoom drops what is remembered of a room here and on other nodes.
func (a *access) forgetRoom(t Tenant, name string) {
	a.rooms.Invalidate(roomKey{t, name})
	a.tellRoom(string(t) + "\x00" + name)
}

// forgetMember drops what is remembered of a participant here and on other nodes.
func (a *access) forgetMember(t Tenant, room id.ID, login string) {
	a.members.Invalidate(memberKey{t, room, login})
	a.tellMember(string(t) + "\x00" + room.String() + "\x00" + login)
}

// ForgetRoom drops what this node remembers of the room that another node's RoomChanged named. An empty
// key drops all.
func (s *Service) ForgetRoom(key string) {
	tenant, name, ok := strings.Cut(key, "\x00")
	if !ok {
		s.access.rooms.InvalidateAll()
		return
	}
	s.access.rooms.Invalidate(roomKey{Tenant(tenant), name})
}

// ForgetMember is ForgetRoom for MemberChanged.
func (s *Service) ForgetMember(key string) {
	parts := strings.SplitN(key, "\x00", 3)
	if len(parts) < 3 {
		s.access.members.InvalidateAll()
		return
	}
	if room, err := id.Parse(parts[1]); err == nil {
		s.access.members.Invalidate(memberKey{Tenant(parts[0]), room, parts[2]})
	}
}

// Access returns the room and who as its participant: NotFound for an unknown room,
// Forbidden for somebody who is not in it. The answer may be up to a second old
// about changes made on other nodes; changes on this one show at once.
func (s *Service) Access(ctx context.Context, who Identity, name string) (Room, Person, error) {
	r, err := s.knownRoom(ctx, who.Tenant, name)
	if err != nil {
		return Room{}, Person{}, err
	}
	p, err := s.access.members.Get(ctx, memberKey{who.Tenant, r.ID, who.Login}, otter.LoaderFunc[memberKey, Person](
		func(ctx context.Context, k memberKey) (Person, error) {
			ctx, cancel := changing(ctx)
			defer cancel()
			return s.store.Participant(ctx, k.tenant, k.room, k.login)
		}))
	if IsKind(err, NotFound) {
		return Room{}, Person{}, errNotIn(name)
	}
	return r, p, err
}

// knownRoom is room with the cache.
func (s *Service) knownRoom(ctx context.Context, t Tenant, name string) (Room, error) {
	return s.access.rooms.Get(ctx, roomKey{t, name}, otter.LoaderFunc[roomKey, Room](
		func(ctx context.Context, k roomKey) (Room, error) {
			ctx, cancel := changing(ctx) // others wait for this answer too
			defer cancel()
			return s.room(ctx, k.tenant, k.name)
		}))
}

// Admit is Access with an answer as new as the call.
func (s *Service) Admit(ctx context.Context, who Identity, name string) (Room, error) {
	r, err := s.room(ctx, who.Tenant, name)
	if err != nil {
		return Room{}, err
	}
	_, err = s.store.Participant(ctx, who.Tenant, r.ID, who.Login)
	if IsKind(err, NotFound) {
		return Room{}, errNotIn(name)
	}
	return r, err
}

func errNotIn(room string) error {
	return &Error{Kind: Forbidden, Entity: RoomEntity, Name: room,
		Message: "only participants may do this: join the room '" + room + "' first"}
}
