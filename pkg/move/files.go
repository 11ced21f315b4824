package move

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/files"
	"github.com/confab-chat/confab/pkg/files/buckets"
	"github.com/confab-chat/confab/pkg/id"
)

// pieceBytes is how many bytes of a file are in a line.
const pieceBytes = 256 << 10

// Pieces returns the bucket of a database that keeps files in pieces. Each piece is tried as patiently as Import tries its
// writes.
func Pieces(st buckets.PieceStore) files.Bucket { return buckets.Pieces(patientPieces{st}) }

type patientPieces struct{ buckets.PieceStore }

func (p patientPieces) PutPiece(ctx context.Context, key string, n int, data []byte) error {
	return patiently(ctx, func(ctx context.Context) error { return p.PieceStore.PutPiece(ctx, key, n, data) })
}

func (p patientPieces) Piece(ctx context.Context, key string, n int) (data []byte, err error) {
	err = patiently(ctx, func(ctx context.Context) error {
		data, err = p.PieceStore.Piece(ctx, key, n)
		return err
	})
	return data, err
}

// files writes the files that people sent, with their bytes.
func (x *exporter) files(ctx context.Context, movable func(directory.Entry) bool) error {
	return x.from.EachEntry(ctx, func(e directory.Entry) error {
		if !files.IsRecord(e) || !movable(e) {
			return nil
		}
		return x.file(ctx, e)
	})
}

// filesOf writes the files of a room.
func (x *exporter) filesOf(ctx context.Context, t chat.Tenant, room id.ID) error {
	for after := (id.ID{}); ; {
		page, err := x.from.Entries(ctx, files.RoomSpaces.Of(room.String()), after, pageRows)
		if err != nil {
			return err
		}
		for _, l := range page {
			after = l.ID
			e, err := x.from.EntryNamed(ctx, files.RecordSpaces.Of(string(t)), l.Name)
			if chat.IsKind(err, chat.NotFound) {
				continue
			}
			if err == nil {
				err = x.file(ctx, e)
			}
			if err != nil {
				return err
			}
		}
		if len(page) < pageRows {
			return nil
		}
	}
}

// file writes a file, unless it is being removed or no message names it yet.
func (x *exporter) file(ctx context.Context, e directory.Entry) error {
	f, err := files.Decode(e)
	if err != nil {
		return err
	}
	if f.Gone || !f.Room.ID.IsZero() && f.Message.IsZero() {
		return nil
	}
	l := line{File: &file{Tenant: f.Tenant, ID: f.ID, UUID: f.UUID, Value: e.Value, Elsewhere: x.o.Files == nil}}
	if l.File.Elsewhere {
		return x.write(l)
	}
	in := f.Carry(ctx, x.o.Files)
	defer in.Close()
	if x.piece == nil {
		x.piece = make([]byte, pieceBytes)
	}
	for at := int64(0); ; {
		n, err := io.ReadFull(in, x.piece)
		lost := errors.Is(err, files.ErrLost)
		if err != nil && !lost && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		if at == 0 {
			if lost {
				return x.lost(ctx, f)
			}
			if err := x.write(l); err != nil {
				return err
			}
		}
		if lost {
			return errors.Join(x.write(line{Piece: &piece{At: at, Lost: true}}), x.lost(ctx, f))
		}
		if n > 0 {
			if err := x.write(line{Piece: &piece{At: at, Data: x.piece[:n]}}); err != nil {
				return err
			}
		}
		if at += int64(n); n < pieceBytes {
			x.o.Progress(x.tally.Counts)
			return nil
		}
	}
}

// lost reports a file whose bytes are not there, unless it was removed meanwhile.
func (x *exporter) lost(ctx context.Context, f files.File) error {
	now, err := x.from.Entry(ctx, files.RecordSpaces.Of(string(f.Tenant)), f.ID)
	if chat.IsKind(err, chat.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if f, err = files.Decode(now); err == nil && !f.Gone {
		x.o.Lost(f)
	}
	return err
}

// arriving is the file whose bytes are being read.
type arriving struct {
	out       *io.PipeWriter
	at, total int64
}

// arrive begins to store a file. The lines of its bytes follow.
func (im *importer) arrive(l *file) error {
	if im.files.Bucket == nil {
		return im.lines.at(errors.New("there is no place for the files that people sent"))
	}
	e := directory.Entry{Space: files.RecordSpaces.Of(string(l.Tenant)), ID: l.ID, Name: l.UUID, Value: l.Value}
	f, err := files.Decode(e)
	if err != nil {
		return im.lines.at(errors.New("the record of the file cannot be read"))
	}
	im.withFiles[l.Tenant] = true
	if l.Elsewhere {
		im.concurrently(func(ctx context.Context) error { return im.restore(ctx, e, nil) })
		return nil
	}
	in, out := io.Pipe()
	im.arriving = &arriving{out: out, total: f.Stored()}
	ctx := im.ctx
	im.work.Go(func() error {
		err := im.restore(ctx, e, in)
		if err == nil { // what it did not need
			_, err = io.Copy(io.Discard, in)
		}
		if errors.Is(err, files.ErrLost) {
			err = nil
		}
		_ = in.CloseWithError(errors.Join(errEnded, err))
		return err
	})
	return nil
}

// errEnded is the error of a piece that comes after its file has failed.
var errEnded = errors.New("the file is not stored any more")

// restore stores a file and counts what has become of it.
func (im *importer) restore(ctx context.Context, e directory.Entry, in io.Reader) error {
	what, err := im.files.Restore(ctx, e, in)
	if err == nil {
		im.done.count(&im.done.Files, map[files.Restored]outcome{files.Added: added, files.There: there, files.Differs: differs, files.Unnamed: ofDeleted, files.Removed: ofDeleted, files.Lost: hasLeft}[what], 1)
	}
	return err
}

// bytes hands the next bytes to the file that arrives.
func (im *importer) bytes(p *piece) error {
	a := im.arriving
	if a == nil || p.At != a.at || a.at+int64(len(p.Data)) > a.total {
		return im.lines.at(errors.New("bytes of a file are missing before it, or too many"))
	}
	if p.Lost {
		im.arriving = nil
		return a.out.CloseWithError(files.ErrLost)
	}
	a.at += int64(len(p.Data))
	if _, err := a.out.Write(p.Data); err != nil {
		return chat.ErrUnavailable(err) // the file has failed: its error comes first
	}
	return nil
}

// endFile ends the file that arrives. With an error of the import, or without all of its bytes, it is not stored.
func (im *importer) endFile(err error) error {
	a := im.arriving
	if a == nil {
		return nil
	}
	im.arriving = nil
	if err == nil && a.at < a.total {
		err = im.lines.at(fmt.Errorf("of the file before it %d bytes are missing", a.total-a.at))
	}
	_ = a.out.CloseWithError(err)
	return err
}

// recount counts anew what the files of tenants take.
func (im *importer) recount(ctx context.Context) error {
	for t := range im.withFiles {
		if err := im.files.Recount(ctx, t); err != nil {
			return err
		}
	}
	return nil
}
