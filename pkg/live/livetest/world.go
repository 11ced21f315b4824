// Package livetest helps to test hubs. Its types, in reading order:
//
//   - World has rooms, participants and messages in memory, shared by the nodes of a test. It stands in for the domain
//     and the store.
//   - Registry is a live.Registry in memory.
//   - Proxy cuts nodes off from each other.
package livetest

import (
	"context"
	"slices"
	"sync"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// Tenant is the tenant of everything in a World.
const Tenant = chat.DefaultTenant

// World has rooms, participants and messages. It may be used concurrently.
type World struct {
	mu    sync.Mutex
	ids   *id.Generator
	rooms map[string]*place
	logs  map[id.ID][]chat.Message
	fail  error
	reads int

	readings map[string]map[id.ID]chat.Reading // by login and room
}

type place struct {
	room    chat.Room
	members map[string]bool
}

// NewWorld returns an empty world.
func NewWorld() *World {
	return &World{ids: id.NewGenerator(nil), rooms: make(map[string]*place), logs: make(map[id.ID][]chat.Message)}
}

// Person returns the profile of a login.
func Person(login string) chat.Person {
	return chat.Person{Login: login, FirstName: "First " + login, LastName: "Last " + login}
}

// Who returns the identity of a login.
func Who(login string) chat.Identity { return chat.Identity{Tenant: Tenant, Login: login} }

// Room makes a room of that name with these participants, the first one its creator.
func (w *World) Room(name string, members ...string) chat.Room {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := &place{room: chat.Room{ID: w.ids.New(), Name: name, Creator: Person(members[0])}, members: make(map[string]bool)}
	for _, m := range members {
		p.members[m] = true
	}
	w.rooms[name] = p
	return p.room
}

// SetReading stores what a user has read and muted in a room.
func (w *World) SetReading(r chat.Room, login string, to chat.Reading) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.readings == nil {
		w.readings = make(map[string]map[id.ID]chat.Reading)
	}
	if w.readings[login] == nil {
		w.readings[login] = make(map[id.ID]chat.Reading)
	}
	w.readings[login][r.ID] = to
}

// Readings can be used as live.Options.Readings.
func (w *World) Readings(_ context.Context, _ chat.Tenant, login string, rooms []id.ID) (map[id.ID]chat.Reading, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fail != nil {
		return nil, w.fail
	}
	out := make(map[id.ID]chat.Reading)
	for _, r := range rooms {
		if is, ok := w.readings[login][r]; ok {
			out[r] = is
		}
	}
	return out, nil
}

// Fail makes all reads return err until it is called with nil.
func (w *World) Fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fail = err
}

// Reads returns how many reads of messages there were.
func (w *World) Reads() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reads
}

// Access can be used as live.Options.Access.
func (w *World) Access(_ context.Context, who chat.Identity, room string) (chat.Room, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fail != nil {
		return chat.Room{}, w.fail
	}
	p := w.rooms[room]
	if p == nil || who.Tenant != Tenant {
		return chat.Room{}, chat.ErrNotFound(chat.RoomEntity, room)
	}
	if !p.members[who.Login] {
		return chat.Room{}, chat.ErrForbidden("'%s' is not in the room '%s'", who.Login, room)
	}
	return p.room, nil
}

// Older implements live.History.
func (w *World) Older(_ context.Context, p chat.Place, than id.ID, limit int) ([]chat.Message, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads++
	if w.fail != nil {
		return nil, w.fail
	}
	var out []chat.Message
	for _, m := range slices.Backward(w.logs[p.Room.ID]) {
		if m.ID.Compare(than) < 0 && chat.AtEnd(out, limit) {
			out = append(out, m)
		}
	}
	return out, nil
}

// Newer implements live.History.
func (w *World) Newer(_ context.Context, p chat.Place, than id.ID, inclusive bool, limit int) ([]chat.Message, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads++
	if w.fail != nil {
		return nil, w.fail
	}
	var out []chat.Message
	for _, m := range w.logs[p.Room.ID] {
		if c := m.ID.Compare(than); (c > 0 || inclusive && c == 0) && chat.AtEnd(out, limit) {
			out = append(out, m)
		}
	}
	return out, nil
}

// Message makes a message without storing it.
func (w *World) Message(from, content string) chat.Message {
	return chat.Message{ID: w.ids.New(), Author: Person(from), Content: content}
}

// Store stores a message.
func (w *World) Store(r chat.Room, m chat.Message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	log := w.logs[r.ID]
	i, _ := slices.BinarySearchFunc(log, m, func(a, b chat.Message) int { return a.ID.Compare(b.ID) })
	w.logs[r.ID] = slices.Insert(log, i, m)
}

// Post stores a message and publishes it on a node.
func (w *World) Post(node chat.Publisher, r chat.Room, from, content string) chat.Message {
	m := w.Message(from, content)
	w.Store(r, m)
	node.Publish(context.Background(), Posted(r, m))
	return m
}

// Join adds a participant to a room and publishes that on a node, with the system message.
func (w *World) Join(node chat.Publisher, r chat.Room, login string) {
	w.setMember(r, login, true)
	m := w.system(r, Person(login).FullName()+" joins the room")
	node.Publish(context.Background(), chat.ParticipantJoined{Place: At(r), Person: Person(login)}, Posted(r, m))
}

// Leave removes a participant from a room and publishes that on a node, with the system message.
func (w *World) Leave(node chat.Publisher, r chat.Room, login string) {
	w.setMember(r, login, false)
	m := w.system(r, Person(login).FullName()+" leaves the room")
	node.Publish(context.Background(), chat.ParticipantLeft{Place: At(r), Person: Person(login)}, Posted(r, m))
}

// Delete deletes a room and publishes it on a node.
func (w *World) Delete(node chat.Publisher, r chat.Room) {
	w.Forget(r)
	node.Publish(context.Background(), chat.RoomDeleted{Place: At(r), By: r.Creator.Login})
}

// Forget deletes a room without publishing it.
func (w *World) Forget(r chat.Room) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.rooms, r.Name)
	delete(w.logs, r.ID)
}

// Remove removes a participant without publishing it.
func (w *World) Remove(r chat.Room, login string) { w.setMember(r, login, false) }

func (w *World) setMember(r chat.Room, login string, in bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rooms[r.Name].members[login] = in
}

func (w *World) system(r chat.Room, text string) chat.Message {
	m := w.Message(chat.SystemLogin, text)
	m.Author, m.System = chat.System, true
	w.Store(r, m)
	return m
}

// At returns the place of a room.
func At(r chat.Room) chat.Place {
	return chat.Place{Tenant: Tenant, Room: r.Ref()}
}

// Posted returns the event of a message.
func Posted(r chat.Room, m chat.Message) chat.MessagePosted {
	return chat.MessagePosted{Place: At(r), Message: m}
}
