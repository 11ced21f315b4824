package buckets_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/files"
	"github.com/confab-chat/confab/pkg/files/buckets"
)

// memory is a store of pieces and of secrets.
type memory struct {
	mu      sync.Mutex
	pieces  map[string]map[int][]byte
	secrets map[string][]byte
}

func newMemory() *memory {
	return &memory{pieces: map[string]map[int][]byte{}, secrets: map[string][]byte{}}
}

func (m *memory) PutPiece(_ context.Context, key string, n int, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pieces[key] == nil {
		m.pieces[key] = map[int][]byte{}
	}
	m.pieces[key][n] = bytes.Clone(data)
	return nil
}

func (m *memory) Piece(_ context.Context, key string, n int) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if data, ok := m.pieces[key][n]; ok {
		return data, nil
	}
	return nil, chat.ErrNotFound(chat.FileEntity, key)
}

func (m *memory) DeletePieces(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.pieces, key)
	return nil
}

func (m *memory) EachPieced(_ context.Context, visit func(string) error) error {
	for key := range m.pieces {
		if err := visit(key); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Secret(_ context.Context, name string, candidate []byte) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.secrets[name] == nil {
		m.secrets[name] = candidate
	}
	return m.secrets[name], nil
}

// each runs a test with every kind of bucket that needs no server.
func each(t *testing.T, test func(t *testing.T, b files.Bucket)) {
	t.Run("folder", func(t *testing.T) {
		b, err := buckets.Folder(filepath.Join(t.TempDir(), "files"))
		require.NoError(t, err)
		test(t, b)
		require.NoError(t, b.Close())
	})
	t.Run("pieces", func(t *testing.T) { test(t, buckets.Pieces(newMemory())) })
}

func random(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data)
	return data
}

func keys(t *testing.T, b files.Bucket) (all []string) {
	t.Helper()
	require.NoError(t, b.Each(t.Context(), func(o files.Object) error { all = append(all, o.Key); return nil }))
	return all
}

func TestBytesComeBackAsTheyWere(t *testing.T) {
	each(t, func(t *testing.T, b files.Bucket) {
		for name, size := range map[string]int{"none": 0, "one": 1, "a piece": buckets.PieceBytes, "a piece and one": buckets.PieceBytes + 1, "many": 3*buckets.PieceBytes - 7} {
			data := random(size)
			key := "app-1/" + strings.ReplaceAll(name, " ", "-")
			n, err := b.Put(t.Context(), key, iotest.HalfReader(bytes.NewReader(data)))
			require.NoError(t, err, name)
			require.EqualValues(t, size, n, name)
			for _, at := range []int{0, 1, buckets.PieceBytes - 1, buckets.PieceBytes, size / 2} {
				for _, length := range []int{0, 1, size - at} {
					if at+length > size || length < 0 || at == size {
						continue
					}
					r, err := b.Open(t.Context(), key, int64(at), int64(length))
					require.NoError(t, err, name)
					got, err := io.ReadAll(r)
					require.NoError(t, err, name)
					require.True(t, bytes.Equal(data[at:at+length], got), "%s from %d, %d bytes", name, at, length)
					require.NoError(t, r.Close())
				}
			}
		}
		require.Len(t, keys(t, b), 5)
	})
}

func TestWhatIsDeletedIsGone(t *testing.T) {
	each(t, func(t *testing.T, b files.Bucket) {
		_, err := b.Put(t.Context(), "default/a", strings.NewReader("a"))
		require.NoError(t, err)
		_, err = b.Put(t.Context(), "default/b", strings.NewReader("b"))
		require.NoError(t, err)
		for range 2 {
			require.NoError(t, b.Delete(t.Context(), "default/a"))
		}
		_, err = b.Open(t.Context(), "default/a", 0, 1)
		require.True(t, chat.IsKind(err, chat.NotFound), "%v", err)
		require.Equal(t, []string{"default/b"}, keys(t, b))
	})
}

// An upload that breaks off is seen by nobody, and leaves nothing after Delete.
func TestAPutThatFails(t *testing.T) {
	broken := errors.New("the client is gone")
	each(t, func(t *testing.T, b files.Bucket) {
		body := io.MultiReader(bytes.NewReader(random(2*buckets.PieceBytes+100)), iotest.ErrReader(broken))
		_, err := b.Put(t.Context(), "default/a", body)
		require.ErrorIs(t, err, broken)
		require.NoError(t, b.Delete(t.Context(), "default/a"))
		require.Empty(t, keys(t, b))
		ended := io.MultiReader(bytes.NewReader(random(100)), iotest.ErrReader(io.ErrUnexpectedEOF))
		_, err = b.Put(t.Context(), "default/b", ended)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "it is not the end of the file")
	})
}

func TestWhatAKilledServerLeavesInAFolder(t *testing.T) {
	dir := t.TempDir()
	b, err := buckets.Folder(dir)
	require.NoError(t, err)
	_, err = b.Put(t.Context(), "default/a", strings.NewReader("a"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "default", "b.18ab.tmp"), []byte("half"), 0o600))
	require.Equal(t, []string{"default/a"}, keys(t, b))
	require.NoError(t, b.Delete(t.Context(), "default/b"))
	left, err := os.ReadDir(filepath.Join(dir, "default"))
	require.NoError(t, err)
	require.Len(t, left, 1)
}

func TestAFolderHasToBeShared(t *testing.T) {
	st := newMemory()
	open := func(dir string) error {
		b, err := buckets.Open(t.Context(), "file://"+dir, st)
		if err == nil {
			err = b.Close()
		}
		return err
	}
	ours, theirs := filepath.Join(t.TempDir(), "files"), filepath.Join(t.TempDir(), "files")
	require.NoError(t, open(ours))
	require.NoError(t, open(ours), "a server that starts anew, or another one with the same folder")
	for range 2 {
		require.ErrorContains(t, open(theirs), "Mount the same folder on all machines")
	}
	require.NoError(t, os.Rename(ours, ours+"-moved"))
	require.NoError(t, open(ours+"-moved"))
	require.NoError(t, os.WriteFile(filepath.Join(theirs, "confab-files"), []byte("?"), 0o600))
	require.ErrorContains(t, open(theirs), "does not hold what a server wrote")
}

func TestURLs(t *testing.T) {
	for _, good := range []string{"file:///var/lib/confab/files", "s3://bucket?region=eu-west-1"} {
		require.NoError(t, buckets.Check(good), good)
	}
	for _, bad := range []string{"", "files", "file://files", "file:files", "file:///x?no_tmp_dir=1", "s3://", "s3://bucket/folder", "gs://bucket", "mem://"} {
		require.Error(t, buckets.Check(bad), bad)
	}
}
