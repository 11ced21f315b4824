package live

import (
	"hash/maphash"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
)

// shards is the number of shards, a power of two.
const shards = 64

type shard struct {
	mu     sync.Mutex
	places map[place]*room
}

// locked calls f under the lock.
func (sh *shard) locked(f func()) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	f()
}

var shardSeed = maphash.MakeSeed()

func (h *Hub) shardOf(p place) *shard {
	return &h.shards[maphash.Comparable(shardSeed, p)%shards]
}

// room is a place that has subscribers or had some recently. The shard's lock guards all fields but the first four.
type room struct {
	hub   *Hub
	shard *shard
	key   place
	name  string

	creator string
	subs    [kinds][]*Subscription
	recent  recent
	// changed holds changes of messages that wait for delivery. delivering is true while a goroutine delivers them.
	changed    []chat.MessageChanged
	delivering bool
	emptySince time.Time
	// hold is the mark of the repair that events of other nodes wait for; 0 if they do not wait.
	hold   uint64
	held   []chat.Event
	polled span // see poll.go
	// readings counts the events of a user's topic that say what the user has read or muted.
	readings uint64
}

// open returns the room of that key. It makes the room if there is none. The shard's lock is held.
func (sh *shard) open(h *Hub, key place, name string) *room {
	r := sh.places[key]
	if r == nil {
		if sh.places == nil {
			sh.places = make(map[place]*room)
		}
		r = &room{hub: h, shard: sh, key: key, name: name}
		sh.places[key] = r
	}
	return r
}

func (r *room) empty() bool {
	for _, s := range r.subs {
		if len(s) > 0 {
			return false
		}
	}
	return true
}

func (r *room) add(s *Subscription) {
	s.index = int32(len(r.subs[s.kind]))
	r.subs[s.kind] = append(r.subs[s.kind], s)
}

// remove removes s. It returns false if s had been removed before.
func (r *room) remove(s *Subscription) bool {
	if s.index < 0 {
		return false
	}
	list := r.subs[s.kind]
	last := len(list) - 1
	list[s.index] = list[last]
	list[s.index].index = s.index
	list[last] = nil
	r.subs[s.kind] = list[:last]
	s.index = -1
	s.resuming = nil
	return true
}

// subscribed reports whether a login has a subscription of any kind.
func (r *room) subscribed(login string) bool {
	for _, subs := range r.subs {
		if slices.ContainsFunc(subs, func(s *Subscription) bool { return s.who.Login == login }) {
			return true
		}
	}
	return false
}

// endAll ends the subscriptions for which match is true and returns them.
func (r *room) endAll(match func(*Subscription) bool) []*Subscription {
	var out []*Subscription
	for kind := range r.subs {
		for i := len(r.subs[kind]) - 1; i >= 0; i-- {
			s := r.subs[kind][i]
			if !match(s) {
				continue
			}
			r.remove(s)
			s.to.Ended()
			out = append(out, s)
		}
	}
	return out
}

func (r *room) deliver(kind Kind, d *Delivery, now time.Time) {
	each(r.hub.log, r.subs[kind], func(s *Subscription) { s.deliver(d, now) })
}

// each calls f for all subscriptions. If f panics for one, that subscription is lost and each goes on with the others.
// The shard's lock is held.
func each(log *slog.Logger, subs []*Subscription, f func(s *Subscription)) {
	for i := 0; i < len(subs); i++ {
		i = eachFrom(log, subs, i, f)
	}
}

// eachFrom calls f for subs[i] and those after it. It returns the index of the subscription that f panicked for, or
// len(subs).
func eachFrom(log *slog.Logger, subs []*Subscription, i int, f func(s *Subscription)) (at int) {
	defer func() {
		if value := recover(); value != nil {
			guard.Note(log, "a delivery", value)
			guard.Run(log, "a lost subscription", subs[at].to.Lost)
		}
	}()
	for at = i; at < len(subs); at++ {
		f(subs[at])
	}
	return at
}

// delivered reports whether m is among the room's recent deliveries. It takes the shard's lock.
func (r *room) delivered(m id.ID) bool {
	r.shard.mu.Lock()
	defer r.shard.mu.Unlock()
	return r.recent.has(m)
}

func (r *room) at() chat.Place { return chat.Place{Tenant: r.key.tenant, Room: r.ref()} }

func (r *room) ref() chat.RoomRef { return chat.RoomRef{ID: r.key.room, Name: r.name} }
