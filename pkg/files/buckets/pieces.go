package buckets

import (
	"bytes"
	"context"
	"io"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/files"
)

// PieceBytes is the size of all pieces of a file but the last one.
const PieceBytes = 256 << 10

// PieceStore is a database that keeps files in pieces. The guarantees at the top of pkg/chat/store.go hold.
type PieceStore interface {
	// PutPiece stores a piece, numbered from 0, in place of one with the same number. Pieces are stored in order.
	PutPiece(ctx context.Context, key string, n int, data []byte) error
	// Piece returns a piece; NotFound (FileEntity) if there is none.
	Piece(ctx context.Context, key string, n int) ([]byte, error)
	// HasPieces reports whether there is a first piece.
	HasPieces(ctx context.Context, key string) (bool, error)
	// DeletePieces removes the pieces of a key that are there. One that breaks off leaves the first pieces, so that it can be
	// repeated. Nothing is stored under that key afterwards.
	DeletePieces(ctx context.Context, key string) error
	// EachPieced visits the keys that have a first piece, in any order.
	EachPieced(ctx context.Context, visit func(key string) error) error
}

// Pieces returns the bucket of a database.
func Pieces(st PieceStore) files.Bucket { return pieces{st} }

type pieces struct{ store PieceStore }

// Put implements files.Bucket. A file of no bytes has one piece, so that it is there.
func (p pieces) Put(ctx context.Context, key string, r io.Reader) (size int64, err error) {
	in := &source{Reader: r}
	buf := make([]byte, PieceBytes)
	for n := 0; ; n++ {
		got, err := io.ReadFull(in, buf)
		end := err == io.EOF || err == io.ErrUnexpectedEOF && in.err == nil //nolint:errorlint // ReadFull returns them as they are
		if err != nil && !end {
			return size, err
		}
		if got > 0 || n == 0 {
			if err := p.store.PutPiece(ctx, key, n, buf[:got]); err != nil {
				return size, err
			}
		}
		if size += int64(got); end {
			return size, nil
		}
	}
}

// Open implements files.Bucket.
func (p pieces) Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	r := &pieceReader{ctx: ctx, store: p.store, key: key, next: int(offset / PieceBytes), left: length}
	if err := r.fetch(); err != nil {
		return nil, err
	}
	if err := r.skip(int(offset % PieceBytes)); err != nil {
		return nil, err
	}
	return r, nil
}

// pieceReader reads a file, a piece at a time.
type pieceReader struct {
	ctx   context.Context //nolint:containedctx // io.Reader has no place for it
	store PieceStore
	key   string
	next  int
	left  int64
	now   bytes.Reader
}

func (r *pieceReader) fetch() error {
	data, err := r.store.Piece(r.ctx, r.key, r.next)
	if err != nil {
		return err
	}
	r.next++
	r.now.Reset(data)
	return nil
}

func (r *pieceReader) skip(n int) error {
	if n > r.now.Len() {
		return io.ErrUnexpectedEOF
	}
	_, err := r.now.Seek(int64(n), io.SeekCurrent)
	return err
}

// Read implements io.Reader.
func (r *pieceReader) Read(b []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	if r.now.Len() == 0 {
		if err := r.fetch(); chat.IsKind(err, chat.NotFound) || err == nil && r.now.Len() == 0 {
			return 0, io.ErrUnexpectedEOF
		} else if err != nil {
			return 0, err
		}
	}
	n, err := r.now.Read(b[:min(int64(len(b)), r.left)])
	r.left -= int64(n)
	return n, err
}

// Close implements io.Closer.
func (r *pieceReader) Close() error { return nil }

// Size implements files.Bucket.
func (p pieces) Size(ctx context.Context, key string) (int64, error) {
	there, err := p.store.HasPieces(ctx, key)
	if err == nil && !there {
		err = chat.ErrNotFound(chat.FileEntity, key)
	}
	return -1, err
}

// Delete implements files.Bucket.
func (p pieces) Delete(ctx context.Context, key string) error { return p.store.DeletePieces(ctx, key) }

// Each implements files.Bucket. How large a file is, its pieces alone say.
func (p pieces) Each(ctx context.Context, visit func(files.Object) error) error {
	return p.store.EachPieced(ctx, func(key string) error {
		return visit(files.Object{Key: key, Size: -1})
	})
}

// Close implements files.Bucket. The store is its caller's.
func (p pieces) Close() error { return nil }
