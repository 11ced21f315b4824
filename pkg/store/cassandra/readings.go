package cassandra

import (
	"context"
	"slices"
	"strconv"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	setRead            = `UPDATE readings_by_user USING TIMESTAMP ? SET last_read = ? WHERE tenant = ? AND login = ? AND room_id = ?`
	setBack            = `UPDATE readings_by_user USING TIMESTAMP ? SET moved_back = ? WHERE tenant = ? AND login = ? AND room_id = ?`
	setMuted           = `UPDATE readings_by_user USING TIMESTAMP ? SET muted = ? WHERE tenant = ? AND login = ? AND room_id = ?`
	selectReadings     = `SELECT room_id, last_read, moved_back, muted FROM readings_by_user WHERE tenant = ? AND login = ? AND room_id IN ?`
	deleteReading      = `DELETE FROM readings_by_user USING TIMESTAMP ? WHERE tenant = ? AND login = ? AND room_id = ?`
	deleteReadings     = `DELETE FROM readings_by_user USING TIMESTAMP ? WHERE tenant = ? AND login = ?`
	selectReadingDates = `SELECT WRITETIME(last_read), WRITETIME(muted) FROM readings_by_user WHERE tenant = ? AND login = ? AND room_id = ?`
	insertAvatar       = `INSERT INTO avatars (tenant, login, media_type, data) VALUES (?, ?, ?, ?) USING TIMESTAMP ?`
	selectAvatarDate   = `SELECT WRITETIME(media_type) FROM avatars WHERE tenant = ? AND login = ?`
	selectAvatar       = `SELECT media_type, data FROM avatars WHERE tenant = ? AND login = ?`
	deleteAvatar       = `DELETE FROM avatars USING TIMESTAMP ? WHERE tenant = ? AND login = ?`
	readingsAtATime    = 100 // rooms in one statement
)

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

// SetBack implements chat.ReadStore.
func (s *Store) SetBack(ctx context.Context, t chat.Tenant, room id.ID, login string, b chat.Back) error {
	value := []byte{}
	if b != (chat.Back{}) {
		to, from := b.To.Key(), b.From.Key()
		value = slices.Concat(to[:], from[:])
	}
	return s.changeReading(ctx, t, room, login, setBack, value)
}

// SetMuted implements chat.ReadStore.
func (s *Store) SetMuted(ctx context.Context, t chat.Tenant, room id.ID, login string, muted bool) error {
	return s.changeReading(ctx, t, room, login, setMuted, muted)
}

// changeReading writes a column of a reading that later calls replace, whatever it is.
func (s *Store) changeReading(ctx context.Context, t chat.Tenant, room id.ID, login, statement string, value any) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	at, err := s.version(ctx, 0, t, readingThing, login, room.String())
	if err != nil {
		return err
	}
	return s.db.exec(ctx, statement, ticks(at), value, string(t), login, uuid(room))
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
		var read, back []byte
		var muted bool
		err := s.db.rows(ctx, n, func() {
			r := chat.Reading{Muted: muted}
			if len(read) == len(id.Key{}) {
				r.Read = id.Key(read).ID()
			}
			if to := len(id.Key{}); len(back) == 2*to {
				r.Back = chat.Back{To: id.Key(back[:to]).ID(), From: id.Key(back[to:]).ID()}
			}
			out[room] = r
		}, selectReadings, []any{string(t), login, ids}, into(&room), &read, &back, &muted)
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
	var read, muted *int64
	if _, err := s.db.row(ctx, selectReadingDates, []any{string(t), login, uuid(room)}, &read, &muted); err != nil {
		return err
	}
	// A position is dated by the time of its id. Rows of earlier versions are dated by a server's clock.
	var least int64
	for _, p := range []*int64{read, muted} {
		if p != nil {
			least = max(least, microsOf(*p))
		}
	}
	at, err := s.version(ctx, least, t, readingThing, login, room.String())
	if err != nil {
		return err
	}
	return s.db.exec(ctx, deleteReading, ticks(at), string(t), login, uuid(room))
}

// SetAvatar implements chat.AvatarStore.
func (s *Store) SetAvatar(ctx context.Context, t chat.Tenant, login string, a chat.Avatar) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	at, err := s.version(ctx, 0, t, avatarThing, login)
	if err != nil {
		return err
	}
	return s.announcing(ctx, chat.AccountKey(t, login), func() error {
		return s.db.exec(ctx, insertAvatar, string(t), login, a.Type, a.Data, at)
	})
}

// AvatarTags implements chat.AvatarStore. A tag is the version of the picture, which is not read.
func (s *Store) AvatarTags(ctx context.Context, t chat.Tenant, logins []string) (map[string]string, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	return lookUp(ctx, distinct(logins), func(ctx context.Context, login string) (string, bool, error) {
		var version *int64
		found, err := s.db.row(ctx, selectAvatarDate, []any{string(t), login}, &version)
		if err != nil || !found || version == nil {
			return "", false, err
		}
		return strconv.FormatInt(*version, 36), true, nil
	})
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
	at, err := s.version(ctx, 0, t, avatarThing, login)
	if err != nil {
		return err
	}
	return s.announcing(ctx, chat.AccountKey(t, login), func() error {
		return s.db.exec(ctx, deleteAvatar, at, string(t), login)
	})
}
