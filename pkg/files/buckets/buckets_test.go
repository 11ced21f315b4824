package buckets_test

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"errors"
	"io"
	"math/rand/v2"
	"net/url"
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

func (m *memory) HasPieces(_ context.Context, key string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pieces[key][0] != nil, nil
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

// s3Env names a bucket of a server that speaks S3, as in --files; scripts/s3.sh starts one. Without it S3 is left out.
const s3Env = "CONFAB_TEST_S3"

// each runs a test with every kind of bucket. Each test has a part of the S3 bucket for itself.
func each(t *testing.T, test func(t *testing.T, b files.Bucket)) {
	if at := os.Getenv(s3Env); at != "" {
		t.Run("S3", func(t *testing.T) {
			b, err := buckets.Open(t.Context(), at+"&prefix="+crand.Text()+"/", newMemory())
			require.NoError(t, err)
			test(t, b)
			require.NoError(t, b.Close())
		})
	}
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
		for name, size := range map[string]int{"none": 0, "one": 1, "a piece": buckets.PieceBytes, "a piece and one": buckets.PieceBytes + 1, "many": 3*buckets.PieceBytes - 7,
			"several parts": 11<<20 + 3} {
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
		require.Len(t, keys(t, b), 6)
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
		n, err := b.Size(t.Context(), "default/b")
		require.NoError(t, err)
		require.Contains(t, []int64{1, -1}, n)
		for _, key := range []string{"default/a", "other/a"} {
			_, err := b.Size(t.Context(), key)
			require.True(t, chat.IsKind(err, chat.NotFound), "%s: %v", key, err)
		}
	})
}

// An upload that breaks off is seen by nobody, and leaves nothing after Delete.
func TestAPutThatFails(t *testing.T) {
	broken := errors.New("the client is gone")
	each(t, func(t *testing.T, b files.Bucket) {
		for _, size := range []int{100, 2*buckets.PieceBytes + 100, 6 << 20} {
			body := io.MultiReader(bytes.NewReader(random(size)), iotest.ErrReader(broken))
			_, err := b.Put(t.Context(), "default/a", body)
			require.ErrorIs(t, err, broken)
			require.NoError(t, b.Delete(t.Context(), "default/a"))
			require.Empty(t, keys(t, b))
		}
		ended := io.MultiReader(bytes.NewReader(random(100)), iotest.ErrReader(io.ErrUnexpectedEOF))
		_, err := b.Put(t.Context(), "default/b", ended)
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

// What a bucket of S3 does not have, or does not show to whom the credentials belong, ends the start with words for an operator.
func TestABucketOfS3ThatIsNotThere(t *testing.T) {
	at := os.Getenv(s3Env)
	if at == "" {
		t.Skip(s3Env + " names no bucket: scripts/s3.sh")
	}
	u, err := url.Parse(at)
	require.NoError(t, err)
	u.Host = "no-such-bucket"
	_, err = buckets.Open(t.Context(), u.String(), newMemory())
	require.ErrorContains(t, err, "there is no bucket no-such-bucket, which --files names")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "another one")
	_, err = buckets.Open(t.Context(), at, newMemory())
	require.ErrorContains(t, err, "may not be listed with the credentials")
}
