package embedded

import (
	"context"

	"github.com/cockroachdb/pebble/v2"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

func encodeReading(r chat.Reading) []byte {
	return newRecord().someID(1, r.Read).flag(2, r.Muted).someID(3, r.Back.To).someID(4, r.Back.From)
}

func decodeReading(b []byte) (r chat.Reading, err error) {
	err = decode(b, func(f *field) {
		switch f.number {
		case 1:
			r.Read = f.id()
		case 2:
			r.Muted = f.flag()
		case 3:
			r.Back.To = f.id()
		case 4:
			r.Back.From = f.id()
		}
	})
	return r, err
}

func (s *Store) reading(k key) (chat.Reading, error) {
	v, found, err := s.find(k)
	if err != nil || !found {
		return chat.Reading{}, err
	}
	r, err := decodeReading(v)
	return r, s.corrupt(err)
}

func (s *Store) changeReading(ctx context.Context, t chat.Tenant, room id.ID, login string, change func(*chat.Reading)) error {
	k := readingsOf(t, login).lastID(room)
	return s.change(ctx, &s.reads, k, func(b *pebble.Batch) error {
		before, err := s.reading(k)
		if err != nil {
			return err
		}
		after := before
		if change(&after); after != before {
			set(b, k, encodeReading(after))
		}
		return nil
	})
}

// SetRead implements chat.ReadStore.
func (s *Store) SetRead(ctx context.Context, t chat.Tenant, room id.ID, login string, to id.ID) error {
	return s.changeReading(ctx, t, room, login, func(r *chat.Reading) {
		if r.Read.IsZero() || to.Compare(r.Read) > 0 {
			r.Read = to
		}
	})
}

// SetBack implements chat.ReadStore.
func (s *Store) SetBack(ctx context.Context, t chat.Tenant, room id.ID, login string, b chat.Back) error {
	return s.changeReading(ctx, t, room, login, func(r *chat.Reading) { r.Back = b })
}

// SetMuted implements chat.ReadStore.
func (s *Store) SetMuted(ctx context.Context, t chat.Tenant, room id.ID, login string, muted bool) error {
	return s.changeReading(ctx, t, room, login, func(r *chat.Reading) { r.Muted = muted })
}

// Readings implements chat.ReadStore.
func (s *Store) Readings(ctx context.Context, t chat.Tenant, login string, rooms []id.ID) (map[id.ID]chat.Reading, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	out := make(map[id.ID]chat.Reading, len(rooms))
	for _, room := range rooms {
		r, err := s.reading(readingsOf(t, login).lastID(room))
		if err != nil {
			return nil, err
		}
		if r != (chat.Reading{}) {
			out[room] = r
		}
	}
	return out, nil
}

// ForgetReading implements chat.ReadStore.
func (s *Store) ForgetReading(ctx context.Context, t chat.Tenant, room id.ID, login string) error {
	k := readingsOf(t, login).lastID(room)
	return s.change(ctx, &s.reads, k, func(b *pebble.Batch) error {
		remove(b, k)
		return nil
	})
}

// Newest implements chat.DigestStore.
func (s *Store) Newest(ctx context.Context, from []chat.Position) (map[id.ID]chat.Message, error) {
	out := make(map[id.ID]chat.Message, len(from))
	for _, p := range from {
		ms, err := s.Between(ctx, p.Log, id.Max, p.After, 1)
		if err != nil {
			return nil, err
		}
		if len(ms) > 0 {
			out[p.Log.ID] = ms[0]
		}
	}
	return out, nil
}

// CountUnread implements chat.DigestStore.
func (s *Store) CountUnread(ctx context.Context, spans []chat.Span, but string, bound int) (map[id.ID]int, error) {
	out := make(map[id.ID]int, len(spans))
	for _, p := range spans {
		n, err := p.CountUnread(but, bound, func(at id.ID) ([]chat.Message, error) { return s.Newer(ctx, p.Log, at, false, chat.CountPage) })
		if err != nil {
			return nil, err
		}
		out[p.Log.ID] = n
	}
	return out, nil
}
