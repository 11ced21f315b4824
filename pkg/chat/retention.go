package chat

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/limit"
)

// Retention is how long the messages of a room are kept: whole seconds from MinRetention to MaxRetention, or one of
// ServerRetention and Forever.
type Retention time.Duration

const (
	// ServerRetention keeps messages as long as the server's default says; see ReaderOptions.Retention.
	ServerRetention Retention = 0
	// Forever keeps messages for ever, whatever the server's default is.
	Forever Retention = -1

	day          = 24 * time.Hour
	MinRetention = Retention(time.Hour)
	MaxRetention = Retention(36500 * day)
)

// Words for retentions that are not durations.
const (
	wordServer  = "default"
	wordForever = "forever"
)

// String spells r as ParseRetention reads it: 30d, 36h, default or forever.
func (r Retention) String() string {
	d := time.Duration(r)
	switch {
	case r == ServerRetention:
		return wordServer
	case r == Forever:
		return wordForever
	case d%day == 0:
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	out := fmt.Sprintf("%dh", d/time.Hour)
	if m := d % time.Hour / time.Minute; m > 0 {
		out += fmt.Sprintf("%dm", m)
	}
	if s := d % time.Minute / time.Second; s > 0 {
		out += fmt.Sprintf("%ds", s)
	}
	return out
}

// MarshalText implements encoding.TextMarshaler.
func (r Retention) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; see ParseRetention.
func (r *Retention) UnmarshalText(text []byte) error {
	v, err := ParseRetention(string(text))
	if err == nil {
		*r = v
	}
	return err
}

// ParseRetention reads days (30d), a duration in Go's spelling (36h, 1h30m), both (1d12h), default or forever. It
// returns Invalid for anything else and for a retention out of range.
func ParseRetention(text string) (Retention, error) {
	switch text {
	case wordServer:
		return ServerRetention, nil
	case wordForever:
		return Forever, nil
	}
	var d time.Duration
	days, rest, ok := strings.Cut(text, "d")
	if !ok {
		days, rest = "0", text
	}
	n, err := strconv.ParseUint(days, 10, 16)
	if err == nil && rest != "" {
		d, err = time.ParseDuration(rest)
	}
	if r := Retention(time.Duration(n)*day + d); err == nil && d >= 0 && r != ServerRetention {
		return r, r.Check()
	}
	return 0, errRetention()
}

// Check returns Invalid for a retention that no room can have.
func (r Retention) Check() error {
	inRange := r >= MinRetention && r <= MaxRetention && time.Duration(r)%time.Second == 0
	if inRange || r == ServerRetention || r == Forever {
		return nil
	}
	return errRetention()
}

func errRetention() error {
	var f faults
	f.add("retention", "has to be like 30d or 36h, from 1h to 36500d, or '"+wordForever+"' or '"+wordServer+"'", nil)
	return f.err(RoomEntity)
}

// keepFor returns how long messages are kept under a room's retention; 0 for ever.
func (rd *Reader) keepFor(r Retention) time.Duration {
	switch r {
	case ServerRetention:
		return rd.retention
	case Forever:
		return 0
	}
	return time.Duration(r)
}

func (rd *Reader) keep(r Room) time.Duration { return rd.keepFor(r.Retention) }

// horizon decides which messages are too old to be shown or kept: those that are not newer than the position it
// returns. It is zero, which is older than all messages, where messages are kept for ever.
func (rd *Reader) horizon(keep time.Duration) id.ID { return horizonAt(keep, rd.now()) }

func horizonAt(keep time.Duration, at time.Time) id.ID {
	if keep == 0 {
		return id.ID{}
	}
	return id.FirstAt(at.Add(-keep))
}

// Horizon returns the position up to which messages of rooms with that retention are too old at a time. It is zero,
// which is older than all messages, where messages are kept for ever. To remove messages, use the time of Clock.
func (rd *Reader) Horizon(r Retention, at time.Time) id.ID { return horizonAt(rd.keepFor(r), at) }

// shown reads a room's messages without those that are older than the horizon.
type shown struct {
	store Stores
	after id.ID // the horizon
}

func (rd *Reader) shown(r Room) shown { return shown{rd.store, rd.horizon(rd.keep(r))} }

func (v shown) hides(m id.ID) bool { return !v.after.IsZero() && m.Compare(v.after) <= 0 }

// Older is that of MessageStore.
func (v shown) Older(ctx context.Context, l Log, than id.ID, limit int) ([]Message, error) {
	switch {
	case v.after.IsZero():
		return v.store.Older(ctx, l, than, limit)
	case v.hides(than):
		return nil, nil
	}
	return v.store.Between(ctx, l, than, v.after, limit)
}

// Newer is that of MessageStore.
func (v shown) Newer(ctx context.Context, l Log, than id.ID, inclusive bool, limit int) ([]Message, error) {
	if v.hides(than) {
		than, inclusive = v.after, false
	}
	return v.store.Newer(ctx, l, than, inclusive, limit)
}

// Message is that of MessageStore.
func (v shown) Message(ctx context.Context, l Log, m id.ID) (Message, error) {
	if v.hides(m) {
		return Message{}, ErrNotFound(MessageEntity, m.String())
	}
	return v.store.Message(ctx, l, m)
}

// MessagesByID is that of ChangeStore.
func (v shown) MessagesByID(ctx context.Context, l Log, ids []id.ID) (map[id.ID]Message, error) {
	there := make([]id.ID, 0, len(ids))
	for _, m := range ids {
		if !v.hides(m) {
			there = append(there, m)
		}
	}
	return v.store.MessagesByID(ctx, l, there)
}

// horizons returns the horizon of each room, keyed by its ID, and those rooms that exist. The horizon of a room that does
// not exist (any more) hides all messages. It uses the same cached rooms as Access.
func (rd *Reader) horizons(ctx context.Context, t Tenant, refs []RoomRef) (out map[id.ID]id.ID, there map[id.ID]Room, err error) {
	keys := make([]roomKey, len(refs))
	for i, ref := range refs {
		keys[i] = roomKey{t, ref.Name}
	}
	rooms, err := rd.cachedRooms.GetAll(ctx, keys, rd.loadRooms)
	if err != nil {
		return nil, nil, err
	}
	out, there = make(map[id.ID]id.ID, len(refs)), make(map[id.ID]Room, len(refs))
	for i, ref := range refs {
		out[ref.ID] = id.Max
		if r, ok := rooms[keys[i]]; ok && r.ID == ref.ID {
			out[ref.ID], there[ref.ID] = rd.horizon(rd.keep(r)), r
		}
	}
	return out, there, nil
}

// loadRooms reads rooms of one tenant for the cache.
func (rd *Reader) loadRooms(ctx context.Context, keys []roomKey) (map[roomKey]Room, error) {
	ctx, cancel := changing(ctx) // other callers wait for this result too
	defer cancel()
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	found, err := rd.store.RoomsByName(ctx, keys[0].tenant, names)
	if err != nil {
		return nil, err
	}
	out := make(map[roomKey]Room, len(found))
	for name, r := range found {
		out[roomKey{keys[0].tenant, name}] = r
	}
	return out, nil
}

// SetRetention sets how long the messages of a room are kept; only its owner may do so. Older messages are hidden
// immediately and permanently removed within about an hour. Until then a longer retention shows them again.
func (s *Service) SetRetention(ctx context.Context, who Identity, name string, to Retention) (RoomView, error) {
	if err := s.may(who.does(limit.Changes)); err != nil {
		return RoomView{}, err
	}
	r, err := s.roomFor(ctx, who, GovernRoom, name)
	if err != nil {
		return RoomView{}, err
	}
	return s.setRetention(ctx, who.Tenant, r, to)
}

func (s *Service) setRetention(ctx context.Context, t Tenant, r Room, to Retention) (RoomView, error) {
	if err := to.Check(); err != nil {
		return RoomView{}, err
	}
	wctx, cancel := changing(ctx)
	defer cancel()
	err := s.store.SetRetention(wctx, t, r.Ref(), to)
	s.forgetRoom(t, r.Name)
	if err != nil {
		return RoomView{}, err
	}
	return s.sharedRoom(ctx, t, r.Name)
}
