package storetest

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/files"
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
	"an inspector sees whether files are whole": func(e *env, st buckets.PieceStore) {
		bucket := buckets.Pieces(st)
		sizes := []int{0, 1, buckets.PieceBytes, buckets.PieceBytes + 1}
		for _, size := range sizes {
			for _, there := range []int{size - 1, size, size + 1} {
				u := e.ids.New()
				value, err := json.Marshal(files.File{Name: "a", Size: int64(size)})
				require.NoError(e, err)
				require.NoError(e, e.s.CreateEntry(e.ctx, directory.Entry{Space: files.RecordSpaces.Of(string(e.tenant)), ID: u, Name: fmt.Sprint(size, there), Value: value, Version: 1}))
				if there >= 0 {
					_, err = bucket.Put(e.ctx, string(e.tenant)+"/"+u.String(), bytes.NewReader(make([]byte, there)))
					require.NoError(e, err)
				}
			}
		}
		o, err := files.Inspector{Store: ofTenant{e.s, e.tenant}, Bucket: bucket, Sizes: true}.Orphans(e.ctx)
		require.NoError(e, err)
		require.EqualValues(e, 3*len(sizes), o.Records)
		require.EqualValues(e, 1, o.Unstored)
		var damaged []string
		for _, f := range o.DamagedFiles {
			damaged = append(damaged, f.UUID)
		}
		require.ElementsMatch(e, []string{"0 1", "1 0", "1 2", "262144 262143", "262144 262145", "262145 262144", "262145 262146"}, damaged)
	},
	"a file that was removed is not restored so soon": func(e *env, st buckets.PieceStore) {
		bucket := buckets.Pieces(st)
		r := files.Restorer{Store: e.s, Bucket: bucket, IDs: e.ids, Now: time.Now, Try: func(ctx context.Context, call func(context.Context) error) error { return call(ctx) }}
		restore := func(f files.File) files.Restored {
			value, err := json.Marshal(f)
			require.NoError(e, err)
			got, err := r.Restore(e.ctx, directory.Entry{Space: files.RecordSpaces.Of(string(e.tenant)), ID: f.ID, Name: f.UUID, Value: value}, bytes.NewReader(make([]byte, f.Size)))
			require.NoError(e, err)
			return got
		}
		remove := func(f files.File) {
			require.NoError(e, bucket.Delete(e.ctx, string(e.tenant)+"/"+f.ID.String()))
			require.NoError(e, e.s.DeleteEntry(e.ctx, files.RecordSpaces.Of(string(e.tenant)), f.ID))
		}
		sent, other := files.File{ID: e.ids.New(), UUID: "one", Size: 3}, files.File{ID: e.ids.New(), UUID: "two", Size: 3}
		require.Equal(e, files.Added, restore(sent))
		require.Equal(e, files.There, restore(sent))
		remove(sent)
		for range 2 {
			require.Equal(e, files.Removed, restore(sent))
			_, err := e.s.EntryNamed(e.ctx, files.RecordSpaces.Of(string(e.tenant)), sent.UUID)
			e.isKind(err, chat.NotFound)
		}
		require.Equal(e, files.Added, restore(other), "the others are")
		other.ID = e.ids.New()
		other.UUID = sent.UUID
		require.Equal(e, files.Added, restore(other), "its name is free")
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

// ofTenant shows the entries of one tenant's files.
type ofTenant struct {
	store.Store
	of chat.Tenant
}

func (s ofTenant) EachEntry(ctx context.Context, visit func(directory.Entry) error) error {
	return s.Store.EachEntry(ctx, func(e directory.Entry) error {
		if e.Space != files.RecordSpaces.Of(string(s.of)) {
			return nil
		}
		return visit(e)
	})
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
