package livetest

import (
	"context"
	"slices"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// MessagesByID implements live.History.
func (w *World) MessagesByID(_ context.Context, p chat.Place, ids []id.ID) (map[id.ID]chat.Message, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads++
	if w.fail != nil {
		return nil, w.fail
	}
	out := make(map[id.ID]chat.Message)
	for _, m := range w.logs[p.Room.ID] {
		if slices.Contains(ids, m.ID) {
			out[m.ID] = m
		}
	}
	return out, nil
}

// Changes implements live.History.
func (w *World) Changes(ctx context.Context, p chat.Place, after id.ID, limit int) (chat.ChangePage, error) {
	return chat.ReadChanges(ctx, logs{w}, chat.Log{Tenant: p.Tenant, ID: p.Room.ID}, after, limit)
}

// ChangesByID implements live.History.
func (w *World) ChangesByID(ctx context.Context, p chat.Place, ids []id.ID) ([]chat.MessageChange, error) {
	return chat.ChangesByID(ctx, logs{w}, chat.Log{Tenant: p.Tenant, ID: p.Room.ID}, ids)
}

// logs reads the world's logs by their ids.
type logs struct{ w *World }

func (l logs) Newer(ctx context.Context, of chat.Log, than id.ID, inclusive bool, limit int) ([]chat.Message, error) {
	return l.w.Newer(ctx, chat.Place{Tenant: of.Tenant, Room: chat.RoomRef{ID: of.ID}}, than, inclusive, limit)
}

func (l logs) MessagesByID(ctx context.Context, of chat.Log, ids []id.ID) (map[id.ID]chat.Message, error) {
	return l.w.MessagesByID(ctx, chat.Place{Tenant: of.Tenant, Room: chat.RoomRef{ID: of.ID}}, ids)
}

// RoomsOf can be used as live.Options.RoomsOf.
func (w *World) RoomsOf(_ context.Context, t chat.Tenant, login, after string, limit int) ([]chat.RoomRef, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fail != nil {
		return nil, w.fail
	}
	var out []chat.RoomRef
	for name, p := range w.rooms {
		if t == Tenant && p.members[login] && name > after {
			out = append(out, chat.RoomRef{ID: p.room.ID, Name: name})
		}
	}
	slices.SortFunc(out, func(a, b chat.RoomRef) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return out[:min(limit, len(out))], nil
}

// Edit changes the content of a message and adds the entry to the room's changes. It does not publish the event, but
// returns it.
func (w *World) Edit(r chat.Room, m id.ID, content string) chat.MessageChanged {
	c := chat.Change{Kind: chat.Edit, ID: w.ids.New(), By: Person(r.Creator.Login)}
	w.Store(chat.Room{ID: chat.ChangesOf(r.Log(Tenant)).ID}, c.Entry(m))
	w.mu.Lock()
	defer w.mu.Unlock()
	log := w.logs[r.ID]
	i := slices.IndexFunc(log, func(x chat.Message) bool { return x.ID == m })
	log[i].Content, log[i].EditedAt = content, chat.EditedAt(c.ID)
	return chat.MessageChanged{Place: At(r), Change: c.ID, Kind: chat.Edit, Message: log[i]}
}
