package cassandra

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	insertFootprint  = `INSERT INTO footprints_by_user (tenant, login, room_id, room_name) VALUES (?, ?, ?, ?)`
	listFootprints   = `SELECT room_id, room_name FROM footprints_by_user WHERE tenant = ? AND login = ? AND room_id > ? LIMIT ?`
	deleteFootprints = `DELETE FROM footprints_by_user WHERE tenant = ? AND login = ?`
	allFootprints    = `SELECT tenant, login, room_id, room_name FROM footprints_by_user`
	footprintsSince  = `SELECT applied_at FROM schema_versions WHERE component = ? AND version = ?`

	// The timestamp is ahead of time, as that of deletions: the message may be written once more with its author.
	disownMessage = `UPDATE messages USING TIMESTAMP ? SET author_login = ?, author_first_name = ?, author_last_name = ?
WHERE tenant = ? AND log_id = ? AND bucket = ? AND message_id = ?`
	rewriteMessage = `UPDATE messages USING TIMESTAMP ? SET author_login = ?, author_first_name = ?, author_last_name = ?, content = ?, payload = ?, subject = ?
WHERE tenant = ? AND log_id = ? AND bucket = ? AND message_id = ?`
	disownRoom = `UPDATE rooms SET change = ?, creator_login = ?, creator_first_name = ?, creator_last_name = ? WHERE tenant = ? AND name = ?
IF room_id = ? AND change = ?`
)

// AddFootprints implements chat.FootprintStore.
func (s *Store) AddFootprints(ctx context.Context, t chat.Tenant, r chat.RoomRef, logins []string) error {
	ctx, end, err := s.beginLong(ctx)
	if err != nil {
		return err
	}
	defer end()
	return forEach(ctx, len(logins), func(ctx context.Context, i int) error { return s.addFootprint(ctx, t, r, logins[i]) })
}

func (s *Store) addFootprint(ctx context.Context, t chat.Tenant, r chat.RoomRef, login string) error {
	return s.db.exec(ctx, insertFootprint, string(t), login, uuid(r.ID), r.Name)
}

// Footprints implements chat.FootprintStore.
func (s *Store) Footprints(ctx context.Context, t chat.Tenant, login string, after id.ID, limit int) ([]chat.RoomRef, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	if after.IsZero() {
		after = id.Min
	}
	var rooms []chat.RoomRef
	var r chat.RoomRef
	err = s.db.rows(ctx, min(limit, pageRows), func() { rooms = append(rooms, r) }, listFootprints,
		[]any{string(t), login, uuid(after), limit}, into(&r.ID), &r.Name)
	return rooms, err
}

// ForgetFootprints implements chat.FootprintStore.
func (s *Store) ForgetFootprints(ctx context.Context, t chat.Tenant, login string) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	return s.db.exec(ctx, deleteFootprints, string(t), login)
}

const (
	// footprintsVersion is the version of the schema that brought footprints.
	footprintsVersion = 5
	// upgradeTime is how long servers of an earlier version may run beside those that brought a version of the schema.
	upgradeTime = 24 * time.Hour
)

// FootprintsSince implements chat.FootprintStore.
func (s *Store) FootprintsSince(ctx context.Context) (since time.Time, err error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return since, err
	}
	defer end()
	found, err := s.db.row(ctx, footprintsSince, []any{component, footprintsVersion}, &since)
	if err != nil || !found {
		return time.Time{}, err
	}
	return since.Add(upgradeTime), nil
}

// EachFootprint implements chat.Inventory.
func (s *Store) EachFootprint(ctx context.Context, visit func(chat.Tenant, string, chat.RoomRef) error) error {
	type footprint struct {
		tenant, login string
		room          chat.RoomRef
	}
	var f footprint
	return everyRow(ctx, s, allFootprints, func() footprint { return f },
		func(f footprint) error { return visit(chat.Tenant(f.tenant), f.login, f.room) },
		func() []any { return []any{&f.tenant, &f.login, into(&f.room.ID), &f.room.Name} })
}

// MarkErased implements chat.EraseStore.
func (s *Store) MarkErased(ctx context.Context, t chat.Tenant, login string) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	_, err = s.db.apply(ctx, markUserErased, string(t), login)
	return err
}

// Disown implements chat.EraseStore.
func (s *Store) Disown(ctx context.Context, l chat.Log, ms []chat.Disowned) error {
	ctx, end, err := s.beginLong(ctx)
	if err != nil {
		return err
	}
	defer end()
	return forEach(ctx, len(ms), func(ctx context.Context, i int) error { return s.disown(ctx, l, ms[i]) })
}

func (s *Store) disown(ctx context.Context, l chat.Log, d chat.Disowned) error {
	// An update of a missing row would create an incomplete one.
	_, found, err := s.message(ctx, l, d.ID)
	if err != nil || !found {
		return err
	}
	b, err := s.bucket(ctx, l, d.ID)
	if err != nil {
		return err
	}
	args := []any{s.finalTime(), d.Author.Login, d.Author.FirstName, d.Author.LastName}
	row := []any{string(l.Tenant), uuid(l.ID), int64(b), uuid(d.ID)}
	if d.Content == nil {
		return s.db.exec(ctx, disownMessage, append(args, row...)...)
	}
	return s.db.exec(ctx, rewriteMessage, append(append(args, *d.Content, d.Payload.Encode(), d.Subject), row...)...)
}

// ForgetTraces implements chat.EraseStore.
func (s *Store) ForgetTraces(ctx context.Context, t chat.Tenant, r chat.RoomRef, login string) error {
	ctx, end, err := s.beginLong(ctx)
	if err != nil {
		return err
	}
	defer end()
	// A deleted room has its participants until it is swept. Nothing restores them.
	there, err := s.isRoom(ctx, t, r)
	if err != nil {
		return err
	}
	if !there {
		if _, err := s.leave(ctx, t, chat.Room{ID: r.ID, Name: r.Name}, login, false); err != nil {
			return err
		}
	}
	if _, err := s.db.apply(ctx, forgetLeave, string(t), uuid(r.ID), login); err != nil {
		return err
	}
	if err := s.forgetListed(ctx, t, r.ID, login); err != nil {
		return err
	}
	return s.forgetKeys(ctx, chat.Log{Tenant: t, ID: r.ID}, login)
}

// DisownRoom implements chat.EraseStore.
func (s *Store) DisownRoom(ctx context.Context, t chat.Tenant, r chat.RoomRef, creator chat.Person) error {
	err := s.changeRoom(ctx, t, r, nil, disownRoom, creator.Login, creator.FirstName, creator.LastName, string(t), r.Name, uuid(r.ID))
	if chat.IsKind(err, chat.NotFound) {
		return nil // it is deleted
	}
	return err
}
