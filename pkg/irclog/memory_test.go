package irclog

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// memory is a store for one tenant.
type memory struct {
	mu      sync.Mutex
	users   map[string]chat.User
	rooms   map[string]chat.Room
	members map[string]chat.Person
	// footprints holds the logins of who was ever in the room, as the importer has noted them.
	footprints map[string]bool
	log        map[id.Key]chat.Message

	planned map[id.ID][]chat.Bin // by log

	appends   int
	failAfter int // writes of messages until they fail; 0: never
}

func newMemory() *memory {
	return &memory{
		users: map[string]chat.User{}, rooms: map[string]chat.Room{},
		members: map[string]chat.Person{}, footprints: map[string]bool{}, log: map[id.Key]chat.Message{},
		planned: map[id.ID][]chat.Bin{},
	}
}

func (s *memory) AddFootprints(_ context.Context, _ chat.Tenant, _ chat.RoomRef, logins []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range logins {
		s.footprints[l] = true
	}
	return nil
}

func (s *memory) CreateUser(_ context.Context, _ chat.Tenant, u chat.User) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.users[u.Login]; ok {
		return chat.ErrExists(chat.UserEntity, u.Login)
	}
	s.users[u.Login] = u
	return nil
}

func (s *memory) User(_ context.Context, _ chat.Tenant, login string) (chat.User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u, ok := s.users[login]; ok {
		return u, nil
	}
	return chat.User{}, chat.ErrNotFound(chat.UserEntity, login)
}

func (s *memory) UsersByLogin(_ context.Context, _ chat.Tenant, logins []string) (map[string]chat.User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string]chat.User{}
	for _, l := range logins {
		if u, ok := s.users[l]; ok && !u.Deleted {
			found[l] = u
		}
	}
	return found, nil
}

func (s *memory) CreateRoom(_ context.Context, _ chat.Tenant, r chat.Room) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.rooms[r.Name]; ok {
		return chat.ErrExists(chat.RoomEntity, r.Name)
	}
	s.rooms[r.Name] = r
	s.members[r.Creator.Login] = r.Creator
	return nil
}

func (s *memory) PlanLog(_ context.Context, l chat.Log, history []chat.Bin) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rooms {
		if r.ID == l.ID {
			return errors.New("planned after others could know of it")
		}
	}
	s.planned[l.ID] = history
	return nil
}

func (s *memory) Room(_ context.Context, _ chat.Tenant, name string) (chat.Room, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.rooms[name]; ok {
		return r, nil
	}
	return chat.Room{}, chat.ErrNotFound(chat.RoomEntity, name)
}

func (s *memory) Join(_ context.Context, _ chat.Tenant, _ chat.Room, p chat.Person, _ id.ID) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, in := s.members[p.Login]
	s.members[p.Login] = p
	return !in, nil
}

func (s *memory) Leave(_ context.Context, _ chat.Tenant, _ chat.Room, login string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, in := s.members[login]
	delete(s.members, login)
	return in, nil
}

func (s *memory) Participants(_ context.Context, _ chat.Tenant, _ id.ID, after string, limit int) ([]chat.Person, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ps []chat.Person
	for _, l := range slices.Sorted(maps.Keys(s.members)) {
		if l > after && len(ps) < limit {
			ps = append(ps, s.members[l])
		}
	}
	return ps, nil
}

// AppendBatch stores half of the batch and the last of it when it fails, as a store may.
func (s *memory) AppendBatch(_ context.Context, _ chat.Log, ms []chat.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.appends++
	fails := s.failAfter > 0 && s.appends > s.failAfter
	for i, m := range ms {
		if fails && i%2 == 0 && i != len(ms)-1 {
			continue
		}
		if fails && len(ms) == 1 {
			continue
		}
		s.log[m.ID.Key()] = m
	}
	if fails {
		return chat.ErrUnavailable(nil)
	}
	return nil
}

func (s *memory) Message(_ context.Context, _ chat.Log, m id.ID) (chat.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m, ok := s.log[m.Key()]; ok {
		return m, nil
	}
	return chat.Message{}, chat.ErrNotFound(chat.MessageEntity, m.String())
}

func (s *memory) Newer(_ context.Context, _ chat.Log, than id.ID, inclusive bool, limit int) ([]chat.Message, error) {
	var found []chat.Message
	for _, m := range s.messages() {
		if c := m.ID.Compare(than); (c > 0 || inclusive && c == 0) && len(found) < limit {
			found = append(found, m)
		}
	}
	return found, nil
}

// messages returns all there are, oldest first.
func (s *memory) messages() []chat.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.log), func(a, b chat.Message) int { return a.ID.Compare(b.ID) })
}
