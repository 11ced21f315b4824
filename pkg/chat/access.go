package chat

import (
	"context"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/cache"
	"github.com/confab-chat/confab/pkg/id"
)

// cachedAccess bounds the entries of each of the two caches. An entry takes some hundred bytes.
const cachedAccess = 100_000

// Reader reads rooms: who may use them, and which messages they show. It caches rooms and participants, so a message
// usually costs no reads. A Service uses one, and so does the delivery of the Service's events. Its methods may be
// called concurrently; they return *Error.
type Reader struct {
	store Stores
	now   func() time.Time
	// retention is how long messages are kept in rooms without a retention of their own; 0 for ever.
	retention time.Duration

	cachedRooms   *cache.Cache[roomKey, Room]
	cachedMembers *cache.Cache[memberKey, member]
	cachedAvatars *cache.Cache[Identity, string] // the tags of pictures; empty for users without one
	floors        *floors
}

// ReaderOptions are the parts of a Reader; only Store is needed.
type ReaderOptions struct {
	Store Stores
	// Watcher, if set, reports changes that other nodes make in the store.
	Watcher *cache.Watcher
	// Retention is how long messages are kept in rooms that have none of their own; 0 for ever.
	Retention time.Duration
	Now       func() time.Time
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

// RoomKey is the key by which a store announces (see pkg/cache) that the room of this name has changed.
func RoomKey(t Tenant, name string) string { return "room\x00" + string(t) + "\x00" + name }

// AccountKey is the key by which a store announces that an account has another epoch or picture, or was deleted.
func AccountKey(t Tenant, login string) string { return "account\x00" + string(t) + "\x00" + login }

// MemberKey is the key by which a store announces that a participant has changed, or what a room's lists have of somebody.
func MemberKey(t Tenant, room id.ID, login string) string {
	return "member\x00" + string(t) + "\x00" + room.String() + "\x00" + login
}

// ParseRoomKey returns what a RoomKey was made of; false for another key.
func ParseRoomKey(key string) (t Tenant, name string, ok bool) {
	parts := strings.Split(key, "\x00")
	if len(parts) != 3 || parts[0] != "room" {
		return "", "", false
	}
	return Tenant(parts[1]), parts[2], true
}

// ParseAccountKey returns what an AccountKey was made of; false for another key.
func ParseAccountKey(key string) (who Identity, ok bool) {
	parts := strings.Split(key, "\x00")
	if len(parts) != 3 || parts[0] != "account" {
		return Identity{}, false
	}
	return Identity{Tenant: Tenant(parts[1]), Login: parts[2]}, true
}

// ParseMemberKey returns what a MemberKey was made of; false for another key.
func ParseMemberKey(key string) (t Tenant, room id.ID, login string, ok bool) {
	parts := strings.Split(key, "\x00")
	if len(parts) != 4 || parts[0] != "member" {
		return "", id.ID{}, "", false
	}
	room, err := id.Parse(parts[2])
	return Tenant(parts[1]), room, parts[3], err == nil
}

// NewReader returns a reader of a store. The caller closes it after everything that uses it.
func NewReader(o ReaderOptions) *Reader {
	if o.Now == nil {
		o.Now = time.Now
	}
	rd := &Reader{
		store: o.Store, now: o.Now, retention: o.Retention, floors: newFloors(o.Store, o.Now, o.Watcher.Entries(flooredRooms)),
		cachedRooms: cache.Of(cache.Options[roomKey, Room]{Watcher: o.Watcher, Now: o.Now, Size: cachedAccess,
			Name: func(k roomKey) string { return RoomKey(k.tenant, k.name) },
			Load: func(ctx context.Context, k roomKey) (Room, error) {
				ctx, cancel := changing(ctx) // other callers wait for this result too
				defer cancel()
				return readRoom(ctx, o.Store, k.tenant, k.name)
			}}),
		cachedAvatars: cache.Of(cache.Options[Identity, string]{Watcher: o.Watcher, Now: o.Now, Size: cachedAccess,
			Name: func(who Identity) string { return AccountKey(who.Tenant, who.Login) },
			Load: func(ctx context.Context, who Identity) (string, error) {
				tags, err := o.Store.AvatarTags(ctx, who.Tenant, []string{who.Login})
				return tags[who.Login], err
			}}),
	}
	rd.cachedMembers = cache.Of(cache.Options[memberKey, member]{Watcher: o.Watcher, Now: o.Now, Size: cachedAccess,
		Name: func(k memberKey) string { return MemberKey(k.tenant, k.room, k.login) }, Load: rd.loadMember})
	return rd
}

// Close stops the background work of the caches.
func (rd *Reader) Close() {
	rd.cachedRooms.Close()
	rd.cachedMembers.Close()
	rd.cachedAvatars.Close()
}

// room reads a room without the cache.
func (rd *Reader) room(ctx context.Context, t Tenant, name string) (Room, error) {
	return readRoom(ctx, rd.store, t, name)
}

func readRoom(ctx context.Context, store RoomStore, t Tenant, name string) (Room, error) {
	if !ValidRoomName(name) {
		return Room{}, ErrNotFound(RoomEntity, name)
	}
	return store.Room(ctx, t, name)
}

// forgetRoom invalidates a cached room, on this node and on others.
func (s *Service) forgetRoom(t Tenant, name string) {
	s.cachedRooms.Forget(roomKey{t, name})
	s.roomChanged(string(t) + "\x00" + name)
}

// forgetMember invalidates a cached participant, on this node and on others.
func (s *Service) forgetMember(t Tenant, room id.ID, login string) {
	s.cachedMembers.Forget(memberKey{t, room, login})
	s.memberChanged(string(t) + "\x00" + room.String() + "\x00" + login)
}

// ForgetRoom invalidates the cached room of a key that another node's RoomChanged was called with. An empty key
// invalidates all rooms.
func (rd *Reader) ForgetRoom(key string) {
	tenant, name, ok := strings.Cut(key, "\x00")
	if !ok {
		rd.cachedRooms.ForgetAll()
		return
	}
	rd.cachedRooms.Forget(roomKey{Tenant(tenant), name})
}

// ForgetMember is ForgetRoom for participants and MemberChanged.
func (rd *Reader) ForgetMember(key string) {
	parts := strings.SplitN(key, "\x00", 3)
	if len(parts) < 3 {
		rd.cachedMembers.ForgetAll()
		return
	}
	if room, err := id.Parse(parts[1]); err == nil {
		rd.cachedMembers.Forget(memberKey{Tenant(parts[0]), room, parts[2]})
	}
}

// membersPage is how many participants Members reads at a time.
const membersPage = 1000

// Members returns which of some logins are in a room. The logins have to be ascending. It reads without the caches. It
// reads the participants from one login to the next, a page at a time: at most two reads per login, and few reads for
// many logins of one room.
func (rd *Reader) Members(ctx context.Context, t Tenant, room RoomRef, logins []string) (map[string]bool, error) {
	in := make(map[string]bool, len(logins))
	for len(logins) > 0 {
		first := logins[0]
		_, err := rd.store.Participant(ctx, t, room.ID, first)
		if err != nil && !IsKind(err, NotFound) {
			return nil, err
		}
		in[first] = err == nil
		logins = logins[1:]
		page, err := rd.store.Participants(ctx, t, room.ID, first, membersPage)
		if err != nil {
			return nil, err
		}
		for _, p := range page {
			for len(logins) > 0 && logins[0] < p.Login {
				logins = logins[1:]
			}
			if len(logins) > 0 && logins[0] == p.Login {
				in[p.Login], logins = true, logins[1:]
			}
		}
		if len(page) < membersPage {
			return in, nil
		}
	}
	return in, nil
}
