package storetest

import (
	"maps"
	"slices"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// model is the reference for a store: plain maps, and one list for each log.
type model struct {
	users map[string]chat.User // deleted ones too
	rooms map[string]*modelRoom
	stale []chat.Room // deleted
	boxes map[string]*modelBox
}

type modelRoom struct {
	chat.Room
	people   map[string]chat.Member
	messages []chat.Message // in the order of their ids
	changes  []chat.Message // entries
	keys     map[[2]string]chat.Message
}

func newModel() *model {
	return &model{users: map[string]chat.User{}, rooms: map[string]*modelRoom{}, boxes: map[string]*modelBox{}}
}

func (m *model) createUser(u chat.User) bool {
	if _, taken := m.users[u.Login]; taken {
		return false
	}
	m.users[u.Login] = u
	return true
}

// changeUser changes a user that is there and not deleted.
func (m *model) changeUser(login string, change func(*chat.User)) bool {
	u, ok := m.users[login]
	if !ok || u.Deleted {
		return false
	}
	change(&u)
	m.users[login] = u
	return true
}

func (m *model) createRoom(r chat.Room) bool {
	if m.rooms[r.Name] != nil {
		return false
	}
	m.rooms[r.Name] = &modelRoom{
		Room: r, people: map[string]chat.Member{r.Creator.Login: {Person: r.Creator, Since: r.ID}}, keys: map[[2]string]chat.Message{},
	}
	return true
}

// same returns the room if it is r that has r's name now.
func (m *model) same(r chat.Room) *modelRoom {
	if now := m.rooms[r.Name]; now != nil && now.ID == r.ID {
		return now
	}
	return nil
}

func (m *model) deleteRoom(r chat.Room) bool {
	if m.same(r) == nil {
		return false
	}
	delete(m.rooms, r.Name)
	m.stale = append(m.stale, r)
	return true
}

func (r *modelRoom) join(p chat.Member) bool {
	if _, there := r.people[p.Login]; there {
		return false
	}
	r.people[p.Login] = p
	return true
}

func (r *modelRoom) leave(login string) bool {
	_, there := r.people[login]
	delete(r.people, login)
	return there
}

// find returns where a message is, or would be.
func (r *modelRoom) find(u id.ID) (at int, found bool) {
	return slices.BinarySearchFunc(r.messages, u, func(m chat.Message, u id.ID) int { return m.ID.Compare(u) })
}

func (r *modelRoom) append(m chat.Message) {
	if at, found := r.find(m.ID); !found {
		r.messages = slices.Insert(r.messages, at, m)
	}
}

// appendOnce returns the first message under the key; ok is false if its content is another.
func (r *modelRoom) appendOnce(key string, m chat.Message) (first chat.Message, repeated, ok bool) {
	k := [2]string{m.Author.Login, key}
	if first, repeated = r.keys[k]; repeated {
		at, _ := r.find(first.ID)
		return r.messages[at], true, first.Digest() == m.Digest()
	}
	r.keys[k] = m
	r.append(m)
	return m, false, true
}

// change changes a message as the store has to. A deletion is final.
func (m *modelMessage) change(c chat.Change) {
	if m.Deleted {
		return
	}
	switch c.Kind {
	case chat.Edit:
		m.Content, m.Payload, m.EditedAt = c.Content, c.Payload, chat.EditedAt(c.ID)
	case chat.Delete:
		*m = modelMessage{ID: m.ID, Author: m.Author, System: m.System, ReplyTo: m.ReplyTo, Deleted: true}
	case chat.React:
		at := slices.IndexFunc(m.Reactions, func(r chat.Reaction) bool { return r.Emoji == c.Emoji })
		switch {
		case at < 0 && c.On:
			m.Reactions = append(slices.Clone(m.Reactions), chat.Reaction{Emoji: c.Emoji, Logins: []string{c.By.Login}})
		case at >= 0:
			// The model has one user who reacts.
			if !c.On {
				m.Reactions = slices.Delete(slices.Clone(m.Reactions), at, at+1)
			}
		}
		if len(m.Reactions) == 0 {
			m.Reactions = nil
		}
	}
}

type modelMessage chat.Message

// listed returns up to limit of the names after the given one, ascending.
func listed(all []string, after string, limit int) []string {
	slices.Sort(all)
	at, found := slices.BinarySearch(all, after)
	if found {
		at++
	}
	return all[at:min(len(all), at+limit)]
}

func (m *model) logins(after string, limit int) []string {
	var all []string
	for login, u := range m.users {
		if !u.Deleted {
			all = append(all, login)
		}
	}
	return listed(all, after, limit)
}

func (m *model) names(after string, limit int) []string {
	return listed(slices.Collect(maps.Keys(m.rooms)), after, limit)
}

// open returns the names of open rooms.
func (m *model) open(after string, limit int) []string {
	var all []string
	for name, r := range m.rooms {
		if r.Settings.Kind == chat.OpenRoom {
			all = append(all, name)
		}
	}
	return listed(all, after, limit)
}

// members returns the first participants by joining.
func (r *modelRoom) members(limit int) []chat.Member {
	all := slices.SortedFunc(maps.Values(r.people), func(a, b chat.Member) int { return a.Since.Compare(b.Since) })
	return all[:min(len(all), limit)]
}

// roomsByJoining returns the rooms that a user joined last.
func (m *model) roomsByJoining(login string, limit int) (all []chat.JoinedRoom) {
	for _, r := range m.rooms {
		if member, in := r.people[login]; in {
			all = append(all, chat.JoinedRoom{RoomRef: r.Ref(), Since: member.Since})
		}
	}
	slices.SortFunc(all, func(a, b chat.JoinedRoom) int { return b.Since.Compare(a.Since) })
	return all[:min(len(all), limit)]
}

func (r *modelRoom) participants(after string, limit int) (people []chat.Person) {
	for _, login := range listed(slices.Collect(maps.Keys(r.people)), after, limit) {
		people = append(people, r.people[login].Person)
	}
	return people
}

func (m *model) roomsOf(login, after string, limit int) (refs []chat.RoomRef) {
	var all []string
	for name, r := range m.rooms {
		if _, in := r.people[login]; in {
			all = append(all, name)
		}
	}
	for _, name := range listed(all, after, limit) {
		refs = append(refs, chat.RoomRef{ID: m.rooms[name].ID, Name: name})
	}
	return refs
}
