package tenant

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
)

// roomSpaces are the spaces of the directory that list the rooms of a tenant, in the order in which they were made. The
// platform shows open and private rooms, which only the chat API's tenant has, as groups. An entry is named by the room's
// number, as rooms are that the server names; of other rooms it keeps the name.
var roomSpaces = map[chat.RoomKind]directory.Kind{chat.OpenRoom: groupPrefix, chat.PrivateRoom: groupPrefix, chat.GroupRoom: groupPrefix, chat.ChatRoom: roomPrefix}

const (
	groupPrefix directory.Kind = "groups/"
	roomPrefix  directory.Kind = "chatrooms/"
)

func roomSpace(t chat.Tenant, k chat.RoomKind) string { return roomSpaces[k].Of(string(t)) }

// numbered is the name of an entry for a number.
func numbered(number int64) string { return "_" + strconv.FormatInt(number, 10) }

// roomEntry returns the entry of a room; false for rooms that the platform does not show.
func roomEntry(t chat.Tenant, r chat.Room) (e directory.Entry, listed bool) {
	if _, listed = roomSpaces[r.Settings.Kind]; !listed {
		return e, false
	}
	e = directory.Entry{Space: roomSpace(t, r.Settings.Kind), ID: r.ID, Name: numbered(r.Number()), Version: 1}
	if r.Name != e.Name {
		e.Value = []byte(r.Name)
	}
	return e, true
}

// roomIn is the name of the room that an entry stands for.
func roomIn(e directory.Entry) string {
	if len(e.Value) > 0 {
		return string(e.Value)
	}
	return e.Name
}

// RoomStore is what RoomIndex needs of the store.
type RoomStore interface {
	directory.Store
	// Room, RoomsByName and EachRoom are those of chat.RoomStore and chat.Inventory.
	RoomsByName(ctx context.Context, t chat.Tenant, names []string) (map[string]chat.Room, error)
	Room(ctx context.Context, t chat.Tenant, name string) (chat.Room, error)
	EachRoom(ctx context.Context, visit func(chat.Tenant, chat.Room) error) error
}

// RoomIndex keeps the entries of rooms; see chat.RoomIndex.
type RoomIndex struct {
	store RoomStore
	now   func() time.Time
}

// NewRoomIndex returns the index that Rooms reads. It goes by a clock; nil: the machine's.
func NewRoomIndex(store RoomStore, now func() time.Time) RoomIndex {
	if now == nil {
		now = time.Now
	}
	return RoomIndex{store, now}
}

var _ chat.RoomIndex = RoomIndex{}

// Enter implements chat.RoomIndex.
func (x RoomIndex) Enter(ctx context.Context, t chat.Tenant, r chat.Room) error {
	e, listed := roomEntry(t, r)
	if !listed {
		return nil
	}
	err := x.store.CreateEntry(ctx, e)
	if chat.IsKind(err, chat.Conflict) { // entered before, by an attempt that was not answered
		return nil
	}
	return err
}

// Remove implements chat.RoomIndex. If it fails, readers go on passing the entry.
func (x RoomIndex) Remove(ctx context.Context, t chat.Tenant, r chat.Room) {
	ctx = context.WithoutCancel(ctx)
	if r.Settings.Kind == chat.ChatRoom && x.clearAttributes(ctx, t, r.ID, func(attribute) bool { return true }) != nil {
		return // whoever removes the rooms of the app finds them by the entry
	}
	if e, listed := roomEntry(t, r); listed {
		_ = x.store.DeleteEntry(ctx, e.Space, e.ID)
	}
}

// countPage is how many entries Count reads at a time.
const countPage = 1000

// Count implements chat.RoomIndex. Only if there are as many entries as there may be it looks for those that stand for no
// room, and removes them.
func (x RoomIndex) Count(ctx context.Context, t chat.Tenant, k chat.RoomKind, most int) (int, error) {
	n, err := x.count(ctx, t, k, most, func([]directory.Entry) (int, error) { return 0, nil })
	if err != nil || n < most {
		return n, err
	}
	return x.count(ctx, t, k, most, func(es []directory.Entry) (int, error) { return x.tidy(ctx, t, k, es) })
}

// count counts entries, up to most of them, less what gone returns of each page.
func (x RoomIndex) count(ctx context.Context, t chat.Tenant, k chat.RoomKind, most int, gone func([]directory.Entry) (int, error)) (n int, err error) {
	for after := (id.ID{}); ; {
		es, err := x.store.Entries(ctx, roomSpace(t, k), after, countPage)
		if err != nil {
			return 0, err
		}
		if len(es) == 0 {
			return n, nil
		}
		less, err := gone(es)
		if err != nil {
			return 0, err
		}
		if n += len(es) - less; n >= most || len(es) < countPage {
			return n, nil
		}
		after = es[len(es)-1].ID
	}
}

// tidy removes entries that stand for no room, and returns how many they were.
func (x RoomIndex) tidy(ctx context.Context, t chat.Tenant, k chat.RoomKind, es []directory.Entry) (gone int, err error) {
	names := make([]string, len(es))
	for i, e := range es {
		names[i] = roomIn(e)
	}
	rooms, err := x.store.RoomsByName(ctx, t, names)
	if err != nil {
		return 0, err
	}
	for i, e := range es {
		if r, there := rooms[names[i]]; there && r.ID == e.ID || x.now().Sub(e.ID.Time()) < entryGrace {
			continue
		}
		x.Remove(ctx, t, chat.Room{ID: e.ID, Name: names[i], Settings: chat.RoomSettings{Kind: k}})
		gone++
	}
	return gone, nil
}

// Name returns the name of the room of a kind that has a number; it may be that of a room which has another number by now.
// Numbers that no room has may be NotFound, or a name that no room has.
func (s *Rooms) Name(ctx context.Context, t chat.Tenant, k chat.RoomKind, number int64) (string, error) {
	if t != chat.DefaultTenant && numbered(number) == chat.RoomNameOf(idOf(number)) {
		return numbered(number), nil
	}
	e, err := s.store.EntryNamed(ctx, roomSpace(t, k), numbered(number))
	if chat.IsKind(err, chat.NotFound) { // of a server of an earlier version
		return numbered(number), nil
	}
	return roomIn(e), err
}

// idOf is the id of a number; zero for a number that is made from a hash.
func idOf(number int64) id.ID {
	u, _ := id.FromNumber(number)
	return u
}

const (
	catchUpEvery = time.Hour
	// entryGrace is how long an entry may be without its room: the room may be about to be created.
	entryGrace = time.Hour
)

// CatchUp makes the index of the chat API's rooms complete: servers of earlier versions and imports do not enter rooms, or
// do not remove them. It reads all rooms, and holds the ids of those that are in the index.
func (x RoomIndex) CatchUp(ctx context.Context) error {
	const t = chat.DefaultTenant
	entered := map[id.ID]string{}
	for after := (id.ID{}); ; {
		es, err := x.store.Entries(ctx, roomSpace(t, chat.OpenRoom), after, deletionPage)
		if err != nil {
			return err
		}
		for _, e := range es {
			entered[e.ID] = roomIn(e)
		}
		if len(es) == 0 {
			break
		}
		after = es[len(es)-1].ID
	}
	err := x.store.EachRoom(ctx, func(of chat.Tenant, r chat.Room) error {
		if err := ctx.Err(); err != nil || of != t || roomSpaces[r.Settings.Kind] != groupPrefix {
			return err
		}
		_, known := entered[r.ID]
		delete(entered, r.ID)
		if known {
			return nil
		}
		return x.Enter(ctx, t, r)
	})
	if err != nil {
		return err
	}
	for u, name := range entered {
		if x.now().Sub(u.Time()) < entryGrace {
			continue
		}
		// The walk may have missed a room that was changed meanwhile.
		r, err := x.store.Room(ctx, t, name)
		if err == nil && r.ID != u || chat.IsKind(err, chat.NotFound) {
			err = x.store.DeleteEntry(ctx, roomSpace(t, chat.OpenRoom), u)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// keepUp runs CatchUp at the start and then hourly.
func (x RoomIndex) keepUp(ctx context.Context, log *slog.Logger) {
	guard.Every(ctx, 0, catchUpEvery, func(ctx context.Context) {
		if err := x.CatchUp(ctx); err != nil && ctx.Err() == nil {
			log.Warn("rooms that other versions made may be missing in the default app", "error", err)
		}
	})
}
