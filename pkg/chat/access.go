package chat

import (
	"context"
	"strings"

	"github.com/confab-chat/confab/pkg/cache"
	"github.com/confab-chat/confab/pkg/id"
)

// cachedAccess bounds the memory of the two caches, some hundred bytes an entry.
const cachedAccess = 100_000

// access remembers rooms and participants, so that a message costs no reads in the usual case.
type access struct {
	rooms   *cache.Cache[roomKey, Room]
	members *cache.Cache[memberKey, Person]

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

// RoomKey is the key by which a store announces (see pkg/cache) that the room of this name is not what it was.
func RoomKey(t Tenant, name string) string { return "room\x00" + string(t) + "\x00" + name }

// MemberKey is the key by which a store announces that a participant is not what they were.
func MemberKey(t Tenant, room id.ID, login string) string {
	return "member\x00" + string(t) + "\x00" + room.String() + "\x00" + login
}

func newAccess(o Options) *access {
	tellRoom, tellMember := o.RoomChanged, o.MemberChanged
	if tellRoom == nil {
		tellRoom = func(string) {}
	}
	if tellMember == nil {
		tellMember = func(string) {}
	}
	return &access{
		rooms: cache.Of(cache.Options[roomKey, Room]{Watcher: o.Watcher, Now: o.Now, Size: cachedAccess,
			Name: func(k roomKey) string { return RoomKey(k.tenant, k.name) },
			Load: func(ctx context.Context, k roomKey) (Room, error) {
				ctx, cancel := changing(ctx) // others wait for this answer too
				defer cancel()
				return readRoom(ctx, o.Store, k.tenant, k.name)
			}}),
		members: cache.Of(cache.Options[memberKey, Person]{Watcher: o.Watcher, Now: o.Now, Size: cachedAccess,
			Name: func(k memberKey) string { return MemberKey(k.tenant, k.room, k.login) },
			Load: func(ctx context.Context, k memberKey) (Person, error) {
				ctx, cancel := changing(ctx)
				defer cancel()
				return o.Store.Participant(ctx, k.tenant, k.room, k.login)
			}}),
		tellRoom: tellRoom, tellMember: tellMember,
	}
}

func (a *access) close() {
	a.rooms.Close()
	a.members.Close()
}

// forgetRoom drops what is remembered of a room here and on other nodes.
func (a *access) forgetRoom(t Tenant, name string) {
	a.rooms.Forget(roomKey{t, name})
	a.tellRoom(string(t) + "\x00" + name)
}

// forgetMember drops what is remembered of a participant here and on other nodes.
func (a *access) forgetMember(t Tenant, room id.ID, login string) {
	a.members.Forget(memberKey{t, room, login})
	a.tellMember(string(t) + "\x00" + room.String() + "\x00" + login)
}

// ForgetRoom drops what this node remembers of the room that another node's RoomChanged named. An empty
// key drops all.
func (s *Service) ForgetRoom(key string) {
	tenant, name, ok := strings.Cut(key, "\x00")
	if !ok {
		s.access.rooms.ForgetAll()
		return
	}
	s.access.rooms.Forget(roomKey{Tenant(tenant), name})
}

// ForgetMember is ForgetRoom for MemberChanged.
func (s *Service) ForgetMember(key string) {
	parts := strings.SplitN(key, "\x00", 3)
	if len(parts) < 3 {
		s.access.members.ForgetAll()
		return
	}
	if room, err := id.Parse(parts[1]); err == nil {
		s.access.members.Forget(memberKey{Tenant(parts[0]), room, parts[2]})
	}
}

// Access returns the room and who as its participant: NotFound for an unknown room,
// Forbidden for somebody who is not in it. Changes made on this node show at once, those that others
// made after cache.Brief.
func (s *Service) Access(ctx context.Context, who Identity, name string) (Room, Person, error) {
	r, err := s.access.rooms.Get(ctx, roomKey{who.Tenant, name})
	if err != nil {
		return Room{}, Person{}, err
	}
	p, err := s.access.members.Get(ctx, memberKey{who.Tenant, r.ID, who.Login})
	if IsKind(err, NotFound) {
		return Room{}, Person{}, errNotIn(name)
	}
	return r, p, err
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
