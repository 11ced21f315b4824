package cassandra

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	insertExport = `INSERT INTO exports (tenant, export_id, login, room_id, room_name, requested_at, finished_at, failed, parts, gone_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) USING TTL ?`
	selectExport = `SELECT login, room_id, room_name, requested_at, finished_at, failed, parts, gone_at FROM exports WHERE tenant = ? AND export_id = ?`
	deleteExport = `DELETE FROM exports USING TIMESTAMP ? WHERE tenant = ? AND export_id = ?`

	insertExportOf  = `INSERT INTO exports_by_room (tenant, room_id, login, export_id) VALUES (?, ?, ?, ?) USING TTL ?`
	listExports     = `SELECT export_id FROM exports_by_room WHERE tenant = ? AND room_id = ? LIMIT ?`
	listExportsOf   = `SELECT export_id FROM exports_by_room WHERE tenant = ? AND room_id = ? AND login = ? LIMIT ?`
	deleteExportOf  = `DELETE FROM exports_by_room USING TIMESTAMP ? WHERE tenant = ? AND room_id = ? AND login = ? AND export_id = ?`
	insertPart      = `INSERT INTO export_parts (tenant, export_id, block, part, data) VALUES (?, ?, ?, ?, ?) USING TTL ?`
	selectPart      = `SELECT data FROM export_parts WHERE tenant = ? AND export_id = ? AND block = ? AND part = ?`
	selectFirstPart = `SELECT part FROM export_parts WHERE tenant = ? AND export_id = ? AND block = ? LIMIT 1`
	deleteParts     = `DELETE FROM export_parts USING TIMESTAMP ? WHERE tenant = ? AND export_id = ? AND block = ?`

	// partsOfBlock is how many parts are in a partition. Rows on disk depend on it.
	partsOfBlock = 64
)

// exportTTL is the remaining TTL of the rows of an export, in seconds.
func (s *Store) exportTTL(e chat.Export) int {
	return max(1, int(e.GoneAt.Sub(s.present())/time.Second))
}

func (s *Store) putExport(ctx context.Context, e chat.Export) error {
	return s.db.exec(ctx, insertExport, string(e.Tenant), uuid(e.ID), e.Login, uuid(e.Room.ID), e.Room.Name, e.RequestedAt, optionalTime(e.FinishedAt),
		e.Failed, e.Parts, e.GoneAt, s.exportTTL(e))
}

// AddExport implements chat.ExportStore.
func (s *Store) AddExport(ctx context.Context, e chat.Export) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	// The row of the list is first: an export that is not in it would not be deleted with its room.
	if err := s.db.exec(ctx, insertExportOf, string(e.Tenant), uuid(e.Room.ID), e.Login, uuid(e.ID), s.exportTTL(e)); err != nil {
		return err
	}
	return s.putExport(ctx, e)
}

// FinishExport implements chat.ExportStore. Deletions are dated ahead, so a write does not restore what was deleted.
func (s *Store) FinishExport(ctx context.Context, e chat.Export) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	if _, found, err := s.export(ctx, e.Tenant, e.ID); err != nil || !found {
		return err
	}
	return s.putExport(ctx, e)
}

func (s *Store) export(ctx context.Context, t chat.Tenant, u id.ID) (e chat.Export, found bool, err error) {
	e.Tenant, e.ID = t, u
	found, err = s.db.row(ctx, selectExport, []any{string(t), uuid(u)}, &e.Login, into(&e.Room.ID), &e.Room.Name, &e.RequestedAt, &e.FinishedAt,
		&e.Failed, &e.Parts, &e.GoneAt)
	return e, found, err
}

// Export implements chat.ExportStore.
func (s *Store) Export(ctx context.Context, t chat.Tenant, u id.ID) (chat.Export, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return chat.Export{}, err
	}
	defer end()
	e, found, err := s.export(ctx, t, u)
	if err == nil && !found {
		err = chat.ErrNotFound(chat.ExportEntity, u.String())
	}
	return e, err
}

// ExportsOf implements chat.ExportStore.
func (s *Store) ExportsOf(ctx context.Context, t chat.Tenant, room id.ID, login string, limit int) (all []id.ID, err error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	var u id.ID
	statement, args := listExports, []any{string(t), uuid(room), limit}
	if login != "" {
		statement, args = listExportsOf, []any{string(t), uuid(room), login, limit}
	}
	err = s.db.rows(ctx, min(limit, pageRows), func() { all = append(all, u) }, statement, args, into(&u))
	return all, err
}

// PutExportPart implements chat.ExportStore.
func (s *Store) PutExportPart(ctx context.Context, e chat.Export, n int, data []byte) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	return s.db.exec(ctx, insertPart, string(e.Tenant), uuid(e.ID), n/partsOfBlock, n, data, s.exportTTL(e))
}

// ExportPart implements chat.ExportStore.
func (s *Store) ExportPart(ctx context.Context, e chat.Export, n int) (data []byte, err error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	found, err := s.db.row(ctx, selectPart, []any{string(e.Tenant), uuid(e.ID), n / partsOfBlock, n}, &data)
	if err == nil && !found {
		err = chat.ErrNotFound(chat.ExportEntity, e.ID.String())
	}
	return data, err
}

// DeleteExport implements chat.ExportStore. It removes the row of the list last, so that a deletion that breaks off is
// repeated with that of the room.
func (s *Store) DeleteExport(ctx context.Context, e chat.Export) error {
	ctx, end, err := s.beginLong(ctx)
	if err != nil {
		return err
	}
	defer end()
	if err := s.db.exec(ctx, deleteExport, s.finalTime(), string(e.Tenant), uuid(e.ID)); err != nil {
		return err
	}
	for block := 0; ; block++ {
		var part int
		found, err := s.db.row(ctx, selectFirstPart, []any{string(e.Tenant), uuid(e.ID), block}, &part)
		if err != nil {
			return err
		}
		if !found && block*partsOfBlock >= e.Parts {
			break
		}
		if err := s.db.exec(ctx, deleteParts, s.finalTime(), string(e.Tenant), uuid(e.ID), block); err != nil {
			return err
		}
	}
	return s.db.exec(ctx, deleteExportOf, s.finalTime(), string(e.Tenant), uuid(e.Room.ID), e.Login, uuid(e.ID))
}
