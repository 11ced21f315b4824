package cassandra

import (
	"context"

	"github.com/gocql/gocql"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	insertRoom = `INSERT INTO rooms (tenant, name, room_id, claim, claimed_at, ready, creator_login, creator_first_name, creator_last_name, banner, created_at, retention, settings, max_members)
VALUES (?, ?, ?, ?, ?, false, ?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS`
	selectRoomClaim = `SELECT claim FROM rooms WHERE tenant = ? AND name = ?`
	selectRoom      = `SELECT ` + roomColumns + ` FROM rooms WHERE tenant = ? AND name = ?`
	roomColumns     = `room_id, claimed_at, ready, creator_login, creator_first_name, creator_last_name, banner, created_at, retention, settings`
	selectRoomID    = `SELECT room_id FROM rooms WHERE tenant = ? AND name = ?`
	selectLimit     = `SELECT room_id, max_members FROM rooms WHERE tenant = ? AND name = ?`
	readyRoom       = `UPDATE rooms SET ready = true WHERE tenant = ? AND name = ? IF room_id = ?`

	selectRoomWhole  = `SELECT ` + roomColumns + `, max_members, change FROM rooms WHERE tenant = ? AND name = ?`
	selectRoomChange = `SELECT room_id, change, creator_login, banner FROM rooms WHERE tenant = ? AND name = ?`
	setBanner        = `UPDATE rooms SET change = ?, banner = ? WHERE tenant = ? AND name = ? IF room_id = ? AND change = ?`
	setSettings      = `UPDATE rooms SET change = ?, settings = ?, max_members = ? WHERE tenant = ? AND name = ? IF room_id = ? AND change = ?`
	setCreator       = `UPDATE rooms SET change = ?, creator_first_name = ?, creator_last_name = ? WHERE tenant = ? AND name = ?
IF room_id = ? AND creator_login = ? AND change = ?`

	insertRoomIndex = `INSERT INTO rooms_by_tenant (tenant, shard, name, room_id) VALUES (?, ?, ?, ?) USING TIMESTAMP ?`
	listRooms       = `SELECT name, room_id FROM rooms_by_tenant
WHERE tenant = ? AND shard = ? AND (name, room_id) > (?, ?) AND (name, room_id) <= (?, ?) LIMIT ?`
)

// A room exists as soon as its name is claimed: this one transaction decides. The dependent rows (the list row, the
// creator's membership) are derived from the claimed row, by the creating call. If that call is interrupted, the first
// reader that finds ready false writes them. So no reader sees an incomplete room.

// CreateRoom implements chat.RoomStore.
func (s *Store) CreateRoom(ctx context.Context, t chat.Tenant, r chat.Room) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	if err := s.addFootprint(ctx, t, r.Ref(), r.Creator.Login); err != nil {
		return err
	}
	claim := gocql.MustRandomUUID()
	verify := func(ctx context.Context) (outcome, error) {
		var kept gocql.UUID
		found, err := s.db.decided(ctx, selectRoomClaim, []any{string(t), r.Name}, &kept)
		switch {
		case err != nil || !found:
			return undecided, err
		case kept == claim:
			return applied, nil
		default:
			return rejected, nil
		}
	}
	settings, err := r.Settings.Document()
	if err != nil {
		return err
	}
	var limit any = gocql.UnsetValue
	if r.Settings.MaxMembers > 0 {
		limit = r.Settings.MaxMembers
	}
	claimedAt := micros(s.present())
	claimed, err := s.db.decide(ctx, verify, insertRoom, string(t), r.Name, uuid(r.ID), claim, claimedAt, r.Creator.Login,
		r.Creator.FirstName, r.Creator.LastName, optional(r.Banner), r.CreatedAt.UTC(), ownRetention(r.Retention), optionalBytes(settings), limit)
	if err != nil {
		return err
	}
	if !claimed {
		return chat.ErrExists(chat.RoomEntity, r.Name)
	}
	return s.completeRoom(ctx, t, r, claimedAt)
}

// completeRoom writes the dependent rows of a claimed room. It may run several times, concurrently and late: all writes
// are dated by the claim, so they never undo later ones.
func (s *Store) completeRoom(ctx context.Context, t chat.Tenant, r chat.Room, claimedAt int64) error {
	place, err := s.firstPlace(ctx, t, r)
	if err != nil {
		return err
	}
	first, err := s.firstMembership(ctx, t, r, claimedAt, place)
	if err != nil {
		return err
	}
	views := first.views(t, r.ID, r.Name)
	if r.Settings.Kind == chat.OpenRoom {
		views = append(views, write{insertRoomIndex, []any{string(t), shardOf(r.Name), r.Name, uuid(r.ID), claimedAt}})
	}
	if err := s.db.together(ctx, views...); err != nil {
		return err
	}
	// Not applied means that the room is deleted already. So it existed before.
	_, err = s.db.apply(ctx, readyRoom, string(t), r.Name, uuid(r.ID))
	return err
}

// Room implements chat.RoomStore.
func (s *Store) Room(ctx context.Context, t chat.Tenant, name string) (chat.Room, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return chat.Room{}, err
	}
	defer end()
	r, found, err := s.room(ctx, t, name)
	if err == nil && !found {
		err = chat.ErrNotFound(chat.RoomEntity, name)
	}
	return r, err
}

func (s *Store) room(ctx context.Context, t chat.Tenant, name string) (chat.Room, bool, error) {
	row := roomRow{Room: chat.Room{Name: name}}
	found, err := s.db.row(ctx, selectRoom, []any{string(t), name}, row.columns()...)
	if err != nil || !found {
		return chat.Room{}, false, err
	}
	r, err := row.room()
	if err != nil {
		return chat.Room{}, false, err
	}
	if !row.ready {
		// An attempt of the claim may be applied after its room was created, by a repetition, and deleted.
		deleted, err := s.deletedOf(ctx, t, []chat.RoomRef{r.Ref()})
		if err == nil && deleted[r.ID] {
			_, err = s.removeRoom(ctx, t, r.Ref())
			return chat.Room{}, false, err
		}
		if err != nil {
			return chat.Room{}, false, err
		}
		if err := s.completeRoom(ctx, t, r, row.claimedAt); err != nil {
			return chat.Room{}, false, err
		}
	}
	return r, true, nil
}

// roomRow are the columns of a room, as selectRoom reads them.
type roomRow struct {
	chat.Room
	claimedAt, retention int64
	ready                bool
	settings             []byte
}

func (r *roomRow) columns() []any {
	return []any{into(&r.ID), &r.claimedAt, &r.ready, &r.Creator.Login, &r.Creator.FirstName, &r.Creator.LastName, &r.Banner, &r.CreatedAt,
		&r.retention, &r.settings}
}

func (r *roomRow) room() (chat.Room, error) {
	room := r.Room
	room.Retention = retentionOf(r.retention)
	var err error
	room.Settings, err = chat.SettingsOf(r.settings)
	return room, err
}

// limitOf returns how many members the room may have (0: any number), whether members have places, and whether the room
// still has its name.
func (s *Store) limitOf(ctx context.Context, t chat.Tenant, r chat.RoomRef) (limit int, places, there bool, err error) {
	var kept id.ID
	var most *int
	found, err := s.db.row(ctx, selectLimit, []any{string(t), r.Name}, into(&kept), &most)
	if most != nil {
		limit = *most
	}
	return limit, most != nil, found && kept == r.ID, err
}

// isRoom reports whether this room still has its name.
func (s *Store) isRoom(ctx context.Context, t chat.Tenant, r chat.RoomRef) (bool, error) {
	var kept id.ID
	found, err := s.db.row(ctx, selectRoomID, []any{string(t), r.Name}, into(&kept))
	return found && kept == r.ID, err
}

// RoomsByName implements chat.RoomStore.
func (s *Store) RoomsByName(ctx context.Context, t chat.Tenant, names []string) (map[string]chat.Room, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	return lookUp(ctx, distinct(names), s.roomsIn(t))
}

// roomsIn returns the function that reads a room of the tenant.
func (s *Store) roomsIn(t chat.Tenant) func(context.Context, string) (chat.Room, bool, error) {
	return func(ctx context.Context, name string) (chat.Room, bool, error) { return s.room(ctx, t, name) }
}

// Rooms implements chat.RoomStore.
func (s *Store) Rooms(ctx context.Context, t chat.Tenant, after string, limit int) ([]chat.Room, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	return named(ctx, s.db.lister(listRooms, t, true, after), limit, s.roomsIn(t), func(row listed, r chat.Room) (chat.Room, bool) {
		// The row may be that of an earlier room of this name. One of a room that is not open is from a server of an earlier version.
		return r, r.ID == row.id && r.Settings.Kind == chat.OpenRoom
	})
}

// SetBanner implements chat.RoomStore.
func (s *Store) SetBanner(ctx context.Context, t chat.Tenant, r chat.RoomRef, banner *string, was *chat.Room) error {
	check := func(now chat.Room) error {
		if was != nil && !chat.SameBanner(now, *was) {
			return chat.ErrStale(chat.RoomEntity, r.Name)
		}
		return nil
	}
	return s.changeRoom(ctx, t, r, check, setBanner, replacing(banner), string(t), r.Name, uuid(r.ID))
}

// ChangeSettings implements chat.RoomStore.
func (s *Store) ChangeSettings(ctx context.Context, t chat.Tenant, r chat.RoomRef, change func(*chat.RoomSettings) error) (chat.Room, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return chat.Room{}, err
	}
	defer end()
	var now chat.Room
	var limit *int
	look := func(ctx context.Context, read rowReader) (version gocql.UUID, err error) {
		row := roomRow{Room: chat.Room{Name: r.Name}}
		found, err := read(ctx, selectRoomWhole, []any{string(t), r.Name}, append(row.columns(), &limit, &version)...)
		if err == nil && (!found || row.ID != r.ID) {
			return gocql.UUID{}, chat.ErrNotFound(chat.RoomEntity, r.Name)
		}
		if err == nil {
			now, err = row.room()
		}
		return version, err
	}
	var changed chat.Room
	args := func() ([]any, error) {
		changed = now
		changed.Settings = now.Settings.Clone()
		if err := change(&changed.Settings); err != nil {
			return nil, err
		}
		changed.Settings.Kind = now.Settings.Kind
		if err := s.fits(ctx, t, now, changed.Settings.MaxMembers); err != nil {
			return nil, err
		}
		settings, err := changed.Settings.Document()
		var most any // a room that had a limit once goes on counting, so that its places are right when it has one again
		if limit != nil || changed.Settings.MaxMembers > 0 {
			most = changed.Settings.MaxMembers
		}
		return []any{settings, most, string(t), r.Name, uuid(r.ID)}, err
	}
	err = s.announcing(ctx, chat.RoomKey(t, r.Name), func() error { return s.replaceBy(ctx, look, args, setSettings) })
	if err == nil && changed.Settings.MaxMembers > 0 {
		err = s.places(ctx, placeRoom{t, r.ID}, &placeCall{}) // fills them, if the limit is the first one
	}
	if err != nil {
		return chat.Room{}, err
	}
	return changed, nil
}

// fits returns Full if a room has more members than a new limit allows.
func (s *Store) fits(ctx context.Context, t chat.Tenant, r chat.Room, limit int) error {
	if limit == 0 || limit == r.Settings.MaxMembers {
		return nil
	}
	n, err := s.countMembers(ctx, t, r, limit+1)
	if err == nil && n > limit {
		err = chat.ErrFull(r.Name)
	}
	return err
}

// RenameCreator implements chat.RoomStore.
func (s *Store) RenameCreator(ctx context.Context, t chat.Tenant, r chat.RoomRef, p chat.Person) error {
	check := func(now chat.Room) error {
		if now.Creator.Login != p.Login {
			return chat.ErrNotFound(chat.RoomEntity, r.Name)
		}
		return nil
	}
	return s.changeRoom(ctx, t, r, check, setCreator, p.FirstName, p.LastName, string(t), r.Name, uuid(r.ID), p.Login)
}

// changeRoom replaces a part of a room (see replace), if check, which gets the room's banner and its creator's login,
// has no objection. The error is NotFound if the room is gone.
func (s *Store) changeRoom(ctx context.Context, t chat.Tenant, r chat.RoomRef, check func(now chat.Room) error, statement string, args ...any) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	look := func(ctx context.Context, read rowReader) (change gocql.UUID, err error) {
		var now chat.Room
		found, err := read(ctx, selectRoomChange, []any{string(t), r.Name}, into(&now.ID), &change, &now.Creator.Login, &now.Banner)
		if err == nil && (!found || now.ID != r.ID) {
			return gocql.UUID{}, chat.ErrNotFound(chat.RoomEntity, r.Name)
		}
		if err == nil && check != nil {
			err = check(now)
		}
		return change, err
	}
	return s.announcing(ctx, chat.RoomKey(t, r.Name), func() error { return s.replace(ctx, look, statement, args...) })
}
