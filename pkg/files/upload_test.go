package files_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/files"
)

func TestAFileOfAnApp(t *testing.T) {
	w := newWorld(t)
	f, secret, err := w.AddToApp(t.Context(), files.AppUpload{Upload: upload("some text"), Tenant: app, By: "bob", Restricted: true, MaxBytes: 100})
	require.NoError(t, err)
	again, err := w.OfApp(t.Context(), app, f.UUID)
	require.NoError(t, err)
	require.Equal(t, f, again)
	require.Equal(t, "some text", w.read(again))
	require.Equal(t, files.Usage{Bytes: 9, Files: 1}, w.usage(app))
	require.Equal(t, "text/plain", f.Type)
	require.True(t, f.Opens(secret))
	require.False(t, f.Opens(""))
	require.False(t, f.Opens("x"+secret))
	require.Zero(t, w.uploads(), "it is complete")
	_, err = w.OfApp(t.Context(), "app-2", f.UUID)
	require.True(t, chat.IsKind(err, chat.NotFound), "another app's: %v", err)
	_, err = w.OfRoom(t.Context(), chat.Identity{Tenant: app, Login: "bob"}, f.UUID)
	require.True(t, chat.IsKind(err, chat.NotFound), "it is in no room: %v", err)
}

func TestReadingAPart(t *testing.T) {
	w := newWorld(t)
	f, _ := w.inApp("0123456789")
	c := w.Open(t.Context(), f)
	defer c.Close()
	for _, at := range []int64{7, 2, 2} {
		_, err := c.Seek(at, io.SeekStart)
		require.NoError(t, err)
		b := make([]byte, 3)
		_, err = io.ReadFull(c, b)
		require.NoError(t, err)
		require.Equal(t, "0123456789"[at:at+3], string(b))
	}
	end, err := c.Seek(0, io.SeekEnd)
	require.NoError(t, err)
	require.EqualValues(t, 10, end)
	_, err = c.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
}

// Whatever goes wrong: the error says it, and nothing is left.
func TestARefusedUploadLeavesNothing(t *testing.T) {
	broken := errors.New("broken")
	for name, x := range map[string]struct {
		upload files.AppUpload
		fails  string // the space of the entry that cannot be created
		want   func(error) bool
	}{
		"too large, as it says":       {files.AppUpload{Upload: files.Upload{Bytes: 10 << 30, Body: failingReader{io.ErrNoProgress}}, MaxBytes: 100}, "", kind(chat.TooLarge)},
		"too large":                   {files.AppUpload{Upload: files.Upload{Bytes: -1, Body: strings.NewReader(strings.Repeat("x", 101))}, MaxBytes: 100}, "", kind(chat.TooLarge)},
		"larger than it said":         {files.AppUpload{Upload: files.Upload{Bytes: 1, Body: strings.NewReader(strings.Repeat("x", 101))}, MaxBytes: 100}, "", kind(chat.TooLarge)},
		"more than the quota":         {files.AppUpload{Upload: upload("01234567890"), MaxBytes: 100, Quota: 10}, "", isQuota},
		"more than the quota, unsaid": {files.AppUpload{Upload: files.Upload{Bytes: -1, Body: strings.NewReader("01234567890")}, MaxBytes: 100, Quota: 10}, "", isQuota},
		"stops":                       {files.AppUpload{Upload: files.Upload{Bytes: -1, Body: stopping(200_000, broken)}, MaxBytes: 1 << 20}, "", func(err error) bool { return errors.Is(err, broken) }},
		"no record":                   {files.AppUpload{Upload: upload("x"), MaxBytes: 100}, "files/" + string(app), kind(chat.Unavailable)},
		"no count":                    {files.AppUpload{Upload: upload("x"), MaxBytes: 100}, "usage", kind(chat.Unavailable)},
		"no entry of the upload":      {files.AppUpload{Upload: upload("x"), MaxBytes: 100}, "uploads", kind(chat.Unavailable)},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.fail = func(e directory.Entry) error {
				if e.Space == x.fails {
					return chat.ErrUnavailable(broken)
				}
				return nil
			}
			x.upload.Tenant = app
			_, _, err := w.AddToApp(t.Context(), x.upload)
			require.True(t, x.want(err), "%v", err)
			w.nothing(app)
		})
	}
}

// A disk that is full refuses an upload, whatever it is, and nothing is left of it.
func TestAFullDiskKeepsNothing(t *testing.T) {
	for name, add := range map[string]func(w *world) error{
		"a file of an app": func(w *world) error {
			_, _, err := w.AddToApp(w.Context(), files.AppUpload{Upload: upload("some text"), Tenant: app, MaxBytes: 100})
			return err
		},
		"a picture": func(w *world) error {
			_, _, err := w.add(ann, nil, files.Upload{Body: bytes.NewReader(photo(w.T, 300, 300)), Bytes: -1})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.full = chat.ErrUnavailable(errors.New("no space"))
			require.ErrorIs(t, add(w), w.full)
			w.nothing(app)
			w.nothing(chat.DefaultTenant)
			w.full = nil
			require.NoError(t, add(w))
		})
	}
}

func kind(k chat.Kind) func(error) bool { return func(err error) bool { return chat.IsKind(err, k) } }

func isQuota(err error) bool {
	return errors.Is(err, files.ErrQuota) && chat.IsKind(err, chat.RateLimited)
}

func TestUploadsAtTheSameTimeKeepTheQuota(t *testing.T) {
	w := newWorld(t)
	var stored, refused int
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			_, _, err := w.AddToApp(context.Background(), files.AppUpload{Upload: upload("0123456789"), Tenant: app, MaxBytes: 100, Quota: 35})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				stored++
			} else if isQuota(err) {
				refused++
			}
		})
	}
	all.Wait()
	require.Equal(t, 3, stored)
	require.Equal(t, 7, refused)
	require.Equal(t, files.Usage{Bytes: 30, Files: 3}, w.usage(app))
	require.Len(t, w.keys(), 3)
}

func TestAnUploadIsRepeatedByItsKey(t *testing.T) {
	w := newWorld(t)
	key := "a key"
	first, repeated, err := w.add(ann, &key, upload("text"))
	require.NoError(t, err)
	require.False(t, repeated)
	second, repeated, err := w.add(ann, &key, upload("text"))
	require.NoError(t, err)
	require.True(t, repeated)
	require.Equal(t, first, second)
	_, _, err = w.add(ann, &key, upload("another text"))
	require.True(t, chat.IsKind(err, chat.Conflict), "%v", err)
	other, _, err := w.add(bob, &key, upload("text"))
	require.NoError(t, err)
	require.NotEqual(t, first.UUID, other.UUID)
	require.Len(t, w.keys(), 2)
}

func TestNames(t *testing.T) {
	w := newWorld(t)
	for given, want := range map[string]string{
		"": "file", "..": "file", "/": "file", "a/b/c.png": "c.png", `C:\Users\x\c.png`: "c.png", "new\nline\u202eexe.txt": "newlineexe.txt", "  spaces  ": "spaces", "\xff\xfeb": "b",
		strings.Repeat("x", 300) + ".jpeg": strings.Repeat("x", 250) + ".jpeg",
	} {
		u := upload("x")
		u.Name = given
		f, _, err := w.AddToApp(t.Context(), files.AppUpload{Upload: u, Tenant: app, MaxBytes: 100})
		require.NoError(t, err)
		require.Equal(t, want, f.Name, "%q", given)
	}
}

func TestTheSweepRemovesUploadsThatNobodyNamed(t *testing.T) {
	w := newWorld(t)
	f := w.inRoom("text")
	kept, _ := w.inApp("kept")
	w.clock.Add(23 * time.Hour)
	young := w.inRoom("young")
	require.NoError(t, w.Sweep(t.Context()))
	require.Equal(t, "text", w.read(f))
	w.clock.Add(2 * time.Hour)
	require.NoError(t, w.Sweep(t.Context()))
	_, err := w.OfRoom(t.Context(), ann, f.UUID)
	require.True(t, chat.IsKind(err, chat.NotFound), "%v", err)
	require.Equal(t, "young", w.read(young))
	require.Equal(t, "kept", w.read(kept))
	require.Equal(t, files.Usage{Bytes: 5, Files: 1}, w.usage(chat.DefaultTenant))
	require.Len(t, w.keys(), 2)
}

// A server that is killed leaves an entry of the upload, and whatever it had written by then.
func TestTheSweepRemovesWhatAKilledServerHasLeft(t *testing.T) {
	w := newWorld(t)
	intent := func() directory.Entry {
		u := w.ids.New()
		e := directory.Entry{Space: "uploads", ID: u, Name: u.String(), Value: []byte(app), Version: 1}
		require.NoError(t, w.st.CreateEntry(t.Context(), e))
		return e
	}
	intent()           // nothing else yet
	data := intent()   // the bytes
	record := intent() // the record too, but not the answer
	for _, e := range []directory.Entry{data, record} {
		_, err := w.bucket.Put(t.Context(), string(app)+"/"+e.ID.String(), strings.NewReader("0123456789"))
		require.NoError(t, err)
	}
	require.NoError(t, w.st.CreateEntry(t.Context(), directory.Entry{Space: "files/" + string(app), ID: record.ID, Name: "9f8b7c6d-0000-4000-8000-000000000000",
		Value: []byte(`{"name":"x","type":"text/plain","size":10}`), Version: 1}))
	require.NoError(t, w.st.CreateEntry(t.Context(), directory.Entry{Space: "usage", ID: w.ids.New(), Name: string(app), Value: []byte(`{"bytes":20,"files":2}`), Version: 1}))
	w.clock.Add(25 * time.Hour)
	require.NoError(t, w.Sweep(t.Context()))
	w.nothing(app)
}

func TestFilesGoWithTheirTenant(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.inApp("text")
	}
	removed := 0
	require.NoError(t, w.RemoveTenant(t.Context(), app, func(n int) error { removed = n; return nil }))
	require.Equal(t, 3, removed)
	w.nothing(app)
	require.NoError(t, w.RemoveTenant(t.Context(), app, func(int) error { return nil }), "repeated")
}
