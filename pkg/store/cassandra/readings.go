package cassandra

import (
	"context"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	setRead         = `UPDATE readings_by_user USING TIMESTAMP ? SET last_read = ? WHERE tenant = ? AND login = ? AND room_id = ?`
	setMuted        = `UPDATE readings_by_user USING TIMESTAMP ? SET muted = ? WHERE tenant = ? AND login = ? AND room_id = ?`
	selectReadings  = `SELECT room_id, last_read, muted FROM readings_by_user WHERE tenant = ? AND login = ? AND room_id IN ?`
	deleteReading   = `DELETE FROM readings_by_user USING TIMESTAMP ? WHERE tenant = ? AND login = ? AND room_id = ?`
	deleteReadings  = `DELETE FROM readings_by_user USING TIMESTAMP ? WHERE tenant = ? AND login = ?`
	insertAvatar    = `INSERT INTO avatars (tenant, login, media_type, data) VALUES (?, ?, ?, ?)`
	selectAvatar    = `SELECT media_type, data FROM avatars WHERE tenant = ? AND login = ?`
	deleteAvatar    = `DELETE FROM avatars WHERE tenant = ? AND login = ?`
	readingsAtATime = 100 // rooms in one statement
)

// nowTicks is now as the timestamp of a write to readings_by_user.
func (s *Store) nowTicks() int64 { return id.FirstAt(s.now()).Ticks() }

// SetRead implements chat.ReadStore. Of two writes the newer id wins: by its time, as the timestamp, then by its bytes.
func (s *Store) SetRead(ctx context.Context, t chat.Tenant, room id.ID, login string, to id.ID) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	key := to.Key()
	return s.db.exec(ctx, setRead, to.Ticks(), key[:], string(t), login, uuid(room))
}

// SetMuted implements chat.ReadStore.
func (s *Store) SetMuted(ctx context.Context, t chat.Tenant, room id.ID, login string, muted bool) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	return s.db.exec(ctx, setMuted, s.nowTicks(), muted, string(t), login, uuid(room))
}

// Readings implements chat.ReadStore.
func (s *Store) Readings(ctx context.Context, t chat.Tenant, login string, rooms []id.ID) (map[id.ID]chat.Reading, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	out := make(map[id.ID]chat.Reading, len(rooms))
	for len(rooms) > 0 {
		n := min(len(rooms), readingsAtATime)
		ids := make([][16]byte, n)
		for i, r := range rooms[:n] {
			ids[i] = uuid(r)
		}
		rooms = rooms[n:]
		var room id.ID
		var read []byte
		var muted bool
		err := s.db.rows(ctx, n, func() {
			r := chat.Reading{Muted: muted}
			if len(read) == len(id.Key{}) {
				r.Read = id.Key(read).ID()
			}
			out[room] = r
		}, selectReadings, []any{string(t), login, ids}, into(&room), &read, &muted)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// ForgetReading implements chat.ReadStore.
func (s *Store) ForgetReading(ctx context.Context, t chat.Tenant, room id.ID, login string) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	return s.forgetReading(ctx, t, room, login)
}

func (s *Store) forgetReading(ctx context.Context, t chat.Tenant, room id.ID, login string) error {
	return s.db.exec(ctx, deleteReading, s.nowTicks(), string(t), login, uuid(room))
}

// SetAvatar implements chat.AvatarStore.
func (s *Store) SetAvatar(ctx context.Context, t chat.Tenant, login string, a chat.Avatar) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	return s.db.exec(ctx, insertAvatar, string(t), login, a.Type, a.Data)
}

// Avatar implements chat.AvatarStore.
func (s *Store) Avatar(ctx context.Context, t chat.Tenant, login string) (a chat.Avatar, err error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return a, err
	}
	defer end()
	found, err := s.db.row(ctx, selectAvatar, []any{string(t), login}, &a.Type, &a.Data)
	if err == nil && !found {
		err = chat.ErrNotFound(chat.AvatarEntity, login)
	}
	return a, err
}

// DeleteAvatar implements chat.AvatarStore.
func (s *Store) DeleteAvatar(ctx context.Context, t chat.Tenant, login string) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	return s.db.exec(ctx, deleteAvatar, string(t), login)
}
