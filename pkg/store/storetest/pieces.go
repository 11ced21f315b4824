package storetest

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/files/buckets"
	"github.com/confab-chat/confab/pkg/store"
)

// RunPieces checks the guarantees of a store that keeps files in pieces. open returns the same kind of store as that of Run.
func RunPieces(t *testing.T, open func(t *testing.T) store.Store) {
	for name, test := range pieceTests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := open(t)
			test(newEnv(t, st), st.(buckets.PieceStore))
		})
	}
}

var pieceTests = map[string]func(*env, buckets.PieceStore){
	"kept until they are deleted": func(e *env, st buckets.PieceStore) {
		key, other := string(e.tenant)+"/"+e.ids.New().String(), string(e.tenant)+"/"+e.ids.New().String()
		const pieces = 520 // more than two partitions have
		piece := func(n int) []byte { return []byte(fmt.Sprintln("piece", n, "\x00\xff")) }
		for n := range pieces {
			require.NoError(e, st.PutPiece(e.ctx, key, n, []byte("replaced")))
			require.NoError(e, st.PutPiece(e.ctx, key, n, piece(n)))
		}
		whole := bytes.Repeat([]byte{0, 255}, buckets.PieceBytes/2)
		require.NoError(e, st.PutPiece(e.ctx, other, 0, whole))
		for n := range pieces {
			got, err := st.Piece(e.ctx, key, n)
			require.NoError(e, err)
			require.Equal(e, piece(n), got)
		}
		_, err := st.Piece(e.ctx, key, pieces)
		e.isAbout(err, chat.NotFound, chat.FileEntity)
		for k, want := range map[string]bool{key: true, other: true, key + "-thumbnail": false} {
			has, err := st.HasPieces(e.ctx, k)
			require.NoError(e, err)
			require.Equal(e, want, has, k)
		}
		require.ElementsMatch(e, []string{key, other}, e.pieced(st))

		for range 2 {
			require.NoError(e, st.DeletePieces(e.ctx, key))
		}
		require.NoError(e, st.PutPiece(e.ctx, key, 1, piece(1)), "an upload that is still running")
		for n := range pieces {
			_, err := st.Piece(e.ctx, key, n)
			e.isAbout(err, chat.NotFound, chat.FileEntity)
		}
		require.Equal(e, []string{other}, e.pieced(st))
		has, err := st.HasPieces(e.ctx, key)
		require.NoError(e, err)
		require.False(e, has)
		got, err := st.Piece(e.ctx, other, 0)
		require.NoError(e, err)
		require.Equal(e, whole, got)
	},
	"an empty one is there": func(e *env, st buckets.PieceStore) {
		key := string(e.tenant) + "/" + e.ids.New().String()
		require.NoError(e, st.PutPiece(e.ctx, key, 0, nil))
		got, err := st.Piece(e.ctx, key, 0)
		require.NoError(e, err)
		require.Empty(e, got)
		require.Equal(e, []string{key}, e.pieced(st))
	},
}

// pieced returns the keys of the test's tenant that have pieces.
func (e *env) pieced(st buckets.PieceStore) (keys []string) {
	e.Helper()
	require.NoError(e, st.EachPieced(e.ctx, func(key string) error {
		if len(key) > len(e.tenant) && key[:len(e.tenant)] == string(e.tenant) {
			keys = append(keys, key)
		}
		return nil
	}))
	return keys
}
