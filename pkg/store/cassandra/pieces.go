package cassandra

import (
	"context"

	"github.com/confab-chat/confab/pkg/chat"
)

const (
	insertPiece      = `INSERT INTO file_pieces (key, block, piece, data) VALUES (?, ?, ?, ?)`
	selectPiece      = `SELECT data FROM file_pieces WHERE key = ? AND block = ? AND piece = ?`
	selectFirstPiece = `SELECT piece FROM file_pieces WHERE key = ? AND block = ? LIMIT 1`
	deletePieces     = `DELETE FROM file_pieces USING TIMESTAMP ? WHERE key = ? AND block = ?`
	allPieced        = `SELECT DISTINCT key, block FROM file_pieces`

	// piecesOfBlock is how many pieces are in a partition. Rows on disk depend on it.
	piecesOfBlock = 256
)

// PutPiece implements buckets.PieceStore.
func (s *Store) PutPiece(ctx context.Context, key string, n int, data []byte) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	return s.db.exec(ctx, insertPiece, key, n/piecesOfBlock, n, data)
}

// Piece implements buckets.PieceStore.
func (s *Store) Piece(ctx context.Context, key string, n int) (data []byte, err error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	found, err := s.db.row(ctx, selectPiece, []any{key, n / piecesOfBlock, n}, &data)
	if err == nil && !found {
		err = chat.ErrNotFound(chat.FileEntity, key)
	}
	return data, err
}

// HasPieces implements buckets.PieceStore.
func (s *Store) HasPieces(ctx context.Context, key string) (bool, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return false, err
	}
	defer end()
	var piece int
	return s.db.row(ctx, selectFirstPiece, []any{key, 0}, &piece)
}

// DeletePieces implements buckets.PieceStore. It deletes from the last block on, so that one that breaks off finds the last
// block anew. The deletions are dated ahead: what a Put is still writing stays deleted.
func (s *Store) DeletePieces(ctx context.Context, key string) error {
	ctx, end, err := s.beginLong(ctx)
	if err != nil {
		return err
	}
	defer end()
	last := 0
	for ; ; last++ {
		var piece int
		found, err := s.db.row(ctx, selectFirstPiece, []any{key, last}, &piece)
		if err != nil {
			return err
		}
		if !found {
			break
		}
	}
	for ; last >= 0; last-- {
		if err := s.db.exec(ctx, deletePieces, s.finalTime(), key, last); err != nil {
			return err
		}
	}
	return nil
}

// EachPieced implements buckets.PieceStore.
func (s *Store) EachPieced(ctx context.Context, visit func(key string) error) error {
	type block struct {
		key string
		n   int
	}
	var b block
	return everyRow(ctx, s, allPieced, func() block { return b }, func(b block) error {
		if b.n != 0 {
			return nil
		}
		return visit(b.key)
	}, func() []any { return []any{&b.key, &b.n} })
}
