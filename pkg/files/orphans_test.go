package files_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/files"
	"github.com/confab-chat/confab/pkg/id"
)

// lose removes the bytes of a file behind the back of its record.
func (w *world) lose(f files.File) {
	w.Helper()
	require.NoError(w, w.bucket.Delete(w.Context(), string(f.Tenant)+"/"+f.ID.String()))
}

// stray stores bytes without a record.
func (w *world) stray(key string) string {
	w.Helper()
	_, err := w.bucket.Put(w.Context(), key, strings.NewReader("0123456789"))
	require.NoError(w, err)
	return key
}

func TestOrphansAreFoundAndRemoved(t *testing.T) {
	w := newWorld(t)
	whole, ofApp := w.named(), func() files.File { f, _ := w.inApp("whole"); return f }()
	waiting := w.inRoom("no message names it yet")
	lostOfApp, _ := w.inApp("lost")
	lost := w.inRoom("lost too")
	m := w.post(lost)
	w.lose(lostOfApp)
	w.lose(lost)
	stray := []string{w.stray(string(app) + "/" + w.ids.New().String()), w.stray("default/" + w.ids.New().String() + "-thumbnail")}
	foreign := w.stray("something/else")
	underWay := w.ids.New()
	require.NoError(t, w.st.CreateEntry(t.Context(), directory.Entry{Space: "uploads", ID: underWay, Name: underWay.String(), Value: []byte("default"), Version: 1}))
	w.stray("default/" + underWay.String())

	look := func(o files.Orphans, err error) {
		t.Helper()
		require.NoError(t, err)
		require.EqualValues(t, 8, o.Objects)
		require.EqualValues(t, 5, o.Records)
		require.EqualValues(t, 1, o.Foreign)
		require.EqualValues(t, 2, o.Unrecorded)
		require.EqualValues(t, 20, o.UnrecordedBytes)
		require.ElementsMatch(t, stray, o.UnrecordedKeys)
		require.EqualValues(t, 2, o.Unstored)
		require.ElementsMatch(t, []string{lost.UUID, lostOfApp.UUID}, []string{o.UnstoredFiles[0].UUID, o.UnstoredFiles[1].UUID})
	}
	look(w.Orphans(t.Context()))
	require.Len(t, w.keys(), 8, "nothing was removed")
	look(w.RemoveOrphans(t.Context()))
	require.Len(t, w.keys(), 6)
	require.Contains(t, w.keys(), foreign)
	require.NotContains(t, w.listed(), m)
	require.Equal(t, files.Usage{Bytes: ofApp.Size, Files: 1}, w.usage(app))
	require.Equal(t, files.Usage{Bytes: whole.Size + waiting.Size, Files: 2}, w.usage(chat.DefaultTenant))
	require.True(t, w.reads(bob, whole))
	require.True(t, w.reads(ann, waiting))
	o, err := w.Orphans(t.Context())
	require.NoError(t, err)
	require.Zero(t, o.Unrecorded+o.Unstored)
}

// unsized is a bucket that does not know how large things are.
type unsized struct{ files.Bucket }

func (b unsized) Size(ctx context.Context, key string) (int64, error) {
	_, err := b.Bucket.Size(ctx, key)
	return -1, err
}

// An inspector that looks at sizes finds files of which a part is there, or too much, and changes nothing.
func TestBytesOfAnotherSizeAreFound(t *testing.T) {
	w := newWorld(t)
	put := func(key, text string) {
		_, err := w.bucket.Put(t.Context(), key, strings.NewReader(text))
		require.NoError(t, err)
	}
	w.inApp("whole")
	w.inApp("")
	cut, _ := w.inApp("cut off")
	put("app-1/"+cut.ID.String(), "cut of")
	none, _ := w.inApp("nothing is left of it")
	put("app-1/"+none.ID.String(), "")
	long, _ := w.inApp("longer")
	put("app-1/"+long.ID.String(), "longer!")
	filled, _ := w.inApp("")
	put("app-1/"+filled.ID.String(), "!")
	blind, small, gone := w.named(), w.named(), w.named()
	require.NoError(t, w.bucket.Delete(t.Context(), "default/"+blind.ID.String()+"-thumbnail"))
	put("default/"+small.ID.String()+"-thumbnail", "x")
	w.lose(gone)
	before := w.keys()
	for name, bucket := range map[string]files.Bucket{"it knows sizes": w.bucket, "it does not": unsized{w.bucket}} {
		looked := int64(0)
		o, err := files.Inspector{Store: w.st, Bucket: bucket, Sizes: true, Progress: func(n int64) { looked = n }}.Orphans(t.Context())
		require.NoError(t, err)
		require.Equal(t, o.Objects+o.Records, looked)
		require.EqualValues(t, 9, o.Records)
		require.EqualValues(t, 6, o.Damaged, name)
		var ids []id.ID
		for _, f := range o.DamagedFiles {
			ids = append(ids, f.ID)
		}
		require.ElementsMatch(t, []id.ID{cut.ID, none.ID, long.ID, filled.ID, blind.ID, small.ID}, ids, name)
		require.EqualValues(t, 1, o.Unstored, name)
		require.Equal(t, gone.ID, o.UnstoredFiles[0].ID)
		require.Zero(t, o.Unrecorded)
	}
	require.Equal(t, before, w.keys())
	o, err := w.RemoveOrphans(t.Context())
	require.NoError(t, err)
	require.Zero(t, o.Damaged, "nobody has looked at sizes")
	require.EqualValues(t, 1, o.Unstored)
	require.Subset(t, w.keys(), []string{"app-1/" + none.ID.String(), "default/" + blind.ID.String()})
}

// A bucket or a store that is another one than it was loses nothing.
func TestNothingIsRemovedWhereNothingFits(t *testing.T) {
	w := newWorld(t)
	f := w.named()
	w.lose(f)
	require.NoError(t, w.bucket.Delete(t.Context(), "default/"+f.ID.String()+"-thumbnail"))
	w.stray("something/else")
	_, err := w.RemoveOrphans(t.Context())
	require.True(t, chat.IsKind(err, chat.Conflict), "%v", err)
	require.True(t, w.reads(bob, f))

	empty := newWorld(t)
	empty.stray("default/" + w.ids.New().String())
	_, err = empty.RemoveOrphans(t.Context())
	require.True(t, chat.IsKind(err, chat.Conflict), "%v", err)
	require.Len(t, empty.keys(), 1)
}

func TestUsagesArePaged(t *testing.T) {
	w := newWorld(t)
	w.inApp("some text")
	w.inRoom("text")
	var all []files.TenantUsage
	for after, more := (id.ID{}), true; more; {
		page, next, err := w.Usages(t.Context(), after, 1)
		require.NoError(t, err)
		require.Len(t, page, 1)
		all, after, more = append(all, page...), next, !next.IsZero()
	}
	require.Equal(t, []files.TenantUsage{{Tenant: app, Usage: files.Usage{Bytes: 9, Files: 1}}, {Tenant: chat.DefaultTenant, Usage: files.Usage{Bytes: 4, Files: 1}}}, all)
}
