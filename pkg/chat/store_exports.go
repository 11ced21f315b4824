package chat

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/id"
)

// Export is a file of what a room shows, which a participant has asked for; see pkg/exports.
type Export struct {
	ID          id.ID
	Tenant      Tenant
	Login       string // who has asked for it, and alone may see it
	Room        RoomRef
	RequestedAt time.Time
	FinishedAt  time.Time // zero: not yet
	Failed      bool      // it has ended without a file
	Parts       int       // of the file, which are numbered from 0
	// GoneAt is when the store may forget the export and its parts. It never changes.
	GoneAt time.Time
}

// ExportStore keeps exports and their files. The guarantees at the top of store.go hold.
type ExportStore interface {
	// AddExport stores a new export.
	AddExport(ctx context.Context, e Export) error
	// FinishExport replaces FinishedAt, Failed and Parts. It changes nothing if the export was deleted.
	FinishExport(ctx context.Context, e Export) error
	// Export returns an export; NotFound (ExportEntity) if there is none.
	Export(ctx context.Context, t Tenant, e id.ID) (Export, error)
	// ExportsOf returns up to limit exports of a room: those of one user, or of everybody if login is empty.
	ExportsOf(ctx context.Context, t Tenant, room id.ID, login string, limit int) ([]id.ID, error)
	// PutExportPart stores a part of the file, at most a megabyte, in place of one with the same number.
	PutExportPart(ctx context.Context, e Export, n int, data []byte) error
	// ExportPart returns a part of the file; NotFound (ExportEntity) if there is none.
	ExportPart(ctx context.Context, e Export, n int) ([]byte, error)
	// DeleteExport removes an export, and its parts that are there now. Repeating it is no error.
	DeleteExport(ctx context.Context, e Export) error
}
