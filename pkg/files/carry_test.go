package files_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/files"
)

// copyOf carries a file of a world into another one, which has the same room.
func (w *world) copyOf(from *world, f files.File) (files.Restored, error) {
	w.Helper()
	e, err := from.st.EntryNamed(w.Context(), "files/"+string(f.Tenant), f.UUID)
	require.NoError(w, err)
	in := f.Carry(w.Context(), from.bucket)
	defer in.Close()
	return w.restorer().Restore(w.Context(), e, in)
}

func (w *world) restorer() *files.Restorer {
	return &files.Restorer{Store: failing{w.st, w}, Bucket: w.bucket, IDs: w.ids, Now: w.clock.Now,
		Try: func(ctx context.Context, call func(context.Context) error) error { return call(ctx) }}
}

// elsewhere is another world with the same room, and the message of a file that is named.
func elsewhere(t *testing.T, w *world, f files.File) *world {
	t.Helper()
	to := newWorld(t)
	to.room = w.room
	if !f.Message.IsZero() {
		require.NoError(t, to.st.Append(t.Context(), w.room.Log(chat.DefaultTenant), chat.Message{ID: f.Message, Author: chat.Person{Login: "ann"}, Content: "x"}))
	}
	return to
}

// named is a picture that a message names, with its thumbnail.
func (w *world) named() files.File {
	w.Helper()
	f, _, err := w.add(ann, nil, files.Upload{Body: bytes.NewReader(photo(w.T, 700, 350)), Bytes: -1, Name: "a.png"})
	require.NoError(w, err)
	w.post(f)
	f, err = w.OfRoom(w.Context(), ann, f.UUID)
	require.NoError(w, err)
	return f
}

func TestAFileIsRestoredElsewhere(t *testing.T) {
	from := newWorld(t)
	f := from.named()
	ofApp, secret := from.inApp("some text")
	to := elsewhere(t, from, f)
	for _, want := range []files.Restored{files.Added, files.There} {
		for _, x := range []files.File{f, ofApp} {
			got, err := to.copyOf(from, x)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
	}
	require.True(t, to.reads(bob, f))
	here, err := to.OfRoom(t.Context(), ann, f.UUID)
	require.NoError(t, err)
	require.Equal(t, from.read(f), to.read(here))
	small, err := to.Thumbnail(t.Context(), here)
	require.NoError(t, err)
	defer small.Close()
	n, err := io.Copy(io.Discard, small)
	require.NoError(t, err)
	require.Equal(t, f.Thumbnail.Size, n)
	require.Len(t, to.listed(), 1)
	app2, err := to.OfApp(t.Context(), app, ofApp.UUID)
	require.NoError(t, err)
	require.True(t, app2.Opens(secret))
	require.Equal(t, "some text", to.read(app2))
	for _, of := range []chat.Tenant{chat.DefaultTenant, app} {
		require.NoError(t, to.restorer().Recount(t.Context(), of))
		require.Equal(t, from.usage(of), to.usage(of))
	}
	to.clock.Add(25 * time.Hour)
	require.NoError(t, to.Sweep(t.Context()))
	require.Zero(t, to.uploads())
	require.Len(t, to.keys(), 3)

	// Bytes that got lost here come back.
	require.NoError(t, to.bucket.Delete(t.Context(), "default/"+f.ID.String()))
	got, err := to.copyOf(from, f)
	require.NoError(t, err)
	require.Equal(t, files.There, got)
	require.Equal(t, from.read(f), to.read(here))
}

// A file does not arrive without its message, and not after its message was deleted or its removal begun.
func TestAFileWithoutItsMessageIsLeftOut(t *testing.T) {
	from := newWorld(t)
	f := from.named()
	nowhere, deleted := elsewhere(t, from, files.File{}), elsewhere(t, from, f)
	_, err := deleted.st.ChangeMessage(t.Context(), from.room.Log(chat.DefaultTenant), f.Message, func(m chat.Message) (chat.Change, error) {
		return chat.Change{Kind: chat.Delete, ID: deleted.ids.New(), By: m.Author}, nil
	})
	require.NoError(t, err)
	for _, to := range []*world{nowhere, deleted} {
		got, err := to.copyOf(from, f)
		require.NoError(t, err)
		require.Equal(t, files.Unnamed, got)
		to.nothing(chat.DefaultTenant)
		require.Empty(t, to.listed())
	}
}

// A message that is deleted while its file arrives takes the file along.
func TestAMessageIsDeletedWhileItsFileArrives(t *testing.T) {
	from := newWorld(t)
	f := from.named()
	to := elsewhere(t, from, f)
	to.fail = func(e directory.Entry) error {
		if e.Space != "files/default" {
			return nil
		}
		_, err := to.st.ChangeMessage(t.Context(), from.room.Log(chat.DefaultTenant), f.Message, func(m chat.Message) (chat.Change, error) {
			return chat.Change{Kind: chat.Delete, ID: to.ids.New(), By: m.Author}, nil
		})
		return err
	}
	got, err := to.copyOf(from, f)
	require.NoError(t, err)
	require.Equal(t, files.Unnamed, got)
	to.nothing(chat.DefaultTenant)
	require.Empty(t, to.listed())
}

// What an erased user has sent, and is kept, names nobody.
func TestTheFileOfSomebodyWhoWasErasedHere(t *testing.T) {
	from := newWorld(t)
	f := from.named()
	to := elsewhere(t, from, files.File{})
	require.NoError(t, to.st.Append(t.Context(), from.room.Log(chat.DefaultTenant), chat.Message{ID: f.Message, Author: chat.Erased, Content: "x"}))
	got, err := to.copyOf(from, f)
	require.NoError(t, err)
	require.Equal(t, files.Added, got)
	here, err := to.OfRoom(t.Context(), bob, f.UUID)
	require.NoError(t, err)
	require.Equal(t, chat.ErasedLogin, here.By)
}

// Restoring that breaks off anywhere is completed by the next call; if none comes, the sweep removes all of it, but not within
// a day: another call may be on its way.
func TestRestoringThatBreaksOff(t *testing.T) {
	for _, space := range []string{"uploads", "files/default", "roomfiles"} {
		t.Run(space, func(t *testing.T) {
			from := newWorld(t)
			f := from.named()
			from.clock.Add(50 * time.Hour)
			broken := func() *world {
				to := elsewhere(t, from, f)
				to.clock.Add(50 * time.Hour)
				to.fail = func(e directory.Entry) error {
					if strings.HasPrefix(e.Space, space) {
						return errBroken
					}
					return nil
				}
				_, err := to.copyOf(from, f)
				require.ErrorIs(t, err, errBroken)
				to.fail = nil
				require.NoError(t, to.Sweep(t.Context()))
				return to
			}
			to := broken()
			_, err := to.copyOf(from, f)
			require.NoError(t, err)
			to.clock.Add(25 * time.Hour)
			require.NoError(t, to.Sweep(t.Context()))
			require.True(t, to.reads(bob, f))
			require.Len(t, to.listed(), 1)
			require.Zero(t, to.uploads())

			to = broken()
			to.clock.Add(25 * time.Hour)
			require.NoError(t, to.Sweep(t.Context()))
			to.nothing(chat.DefaultTenant)
		})
	}
}

// Bytes that are lost are said to be: at the beginning, in the middle, and those of a thumbnail, without which a picture can be
// shown.
func TestLostBytes(t *testing.T) {
	from := newWorld(t)
	f := from.named()
	e, err := from.st.EntryNamed(t.Context(), "files/default", f.UUID)
	require.NoError(t, err)
	for name, x := range map[string]struct {
		bytes int64
		want  files.Restored
	}{"all": {0, files.Lost}, "some": {f.Size - 1, files.Lost}, "the thumbnail's": {f.Size, files.Added}} {
		t.Run(name, func(t *testing.T) {
			to := elsewhere(t, from, f)
			in := io.MultiReader(io.LimitReader(f.Carry(t.Context(), from.bucket), x.bytes), failingReader{files.ErrLost})
			got, err := to.restorer().Restore(t.Context(), e, in)
			require.NoError(t, err)
			require.Equal(t, x.want, got)
			if x.want == files.Lost {
				to.nothing(chat.DefaultTenant)
			} else {
				require.Equal(t, from.read(f), to.read(f))
			}
		})
	}
	to := elsewhere(t, from, f)
	got, err := to.restorer().Restore(t.Context(), e, nil)
	require.NoError(t, err)
	require.Equal(t, files.Lost, got, "they stay in a bucket, which is another one")

	require.NoError(t, from.bucket.Delete(t.Context(), "default/"+f.ID.String()))
	_, err = io.ReadAll(f.Carry(t.Context(), from.bucket))
	require.ErrorIs(t, err, files.ErrLost)
	ended := errors.New("ended")
	_, err = to.restorer().Restore(t.Context(), e, failingReader{ended})
	require.ErrorIs(t, err, ended, "what is read ends too early: nothing is lost for good")
	require.Equal(t, 1, to.uploads())
}
