package files_test

import (
	"bytes"
	"image"
	"image/png"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/files"
	"github.com/confab-chat/confab/pkg/id"
)

func photo(t *testing.T, width, height int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	_, _ = rand.NewChaCha8([32]byte{}).Read(img.Pix)
	for i := 3; i < len(img.Pix); i += 4 {
		img.Pix[i] = 255
	}
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, img))
	return b.Bytes()
}

func (w *world) claim(f files.File, m id.ID, key *string) (chat.Attachment, error) {
	return w.Claim(w.Context(), chat.FileClaim{File: f.UUID, Author: ann, Room: w.room.Ref(), Message: m, Key: key})
}

// post stores a message that names a file.
func (w *world) post(f files.File) id.ID {
	w.Helper()
	m := w.ids.New()
	_, err := w.claim(f, m, nil)
	require.NoError(w, err)
	require.NoError(w, w.st.Append(w.Context(), w.room.Log(chat.DefaultTenant), chat.Message{ID: m, Author: chat.Person{Login: "ann"}, Content: "x",
		Payload: chat.Payload{Kind: chat.FileKind, Body: []byte(`{"file":"` + f.UUID + `"}`)}}))
	require.NoError(w, w.Claimed(w.Context(), chat.FileClaim{File: f.UUID, Author: ann, Room: w.room.Ref(), Message: m}))
	return m
}

func (w *world) reads(who chat.Identity, f files.File) bool {
	w.Helper()
	_, err := w.OfRoom(w.Context(), who, f.UUID)
	if chat.IsKind(err, chat.NotFound) {
		return false
	}
	require.NoError(w, err)
	return true
}

func TestWhoReadsAFileOfARoom(t *testing.T) {
	w := newWorld(t)
	f := w.inRoom("text")
	eve := chat.Identity{Tenant: chat.DefaultTenant, Login: "eve"}
	require.True(t, w.reads(ann, f))
	require.False(t, w.reads(bob, f), "no message names it yet")
	w.post(f)
	require.True(t, w.reads(ann, f))
	require.True(t, w.reads(bob, f))
	require.False(t, w.reads(eve, f), "not in the room")
	require.False(t, w.reads(chat.Identity{Tenant: app, Login: "ann"}, f), "of another tenant")
	require.Zero(t, w.uploads())
	w.clock.Add(25 * time.Hour)
	require.NoError(t, w.Sweep(t.Context()))
	require.True(t, w.reads(bob, f))
}

func TestAFileIsNamedByOneMessage(t *testing.T) {
	w := newWorld(t)
	f, key := w.inRoom("text"), "key"
	m := w.ids.New()
	_, err := w.claim(f, m, &key)
	require.NoError(t, err)
	_, err = w.claim(f, w.ids.New(), &key)
	require.NoError(t, err, "the request is repeated")
	_, err = w.claim(f, w.ids.New(), nil)
	require.True(t, chat.IsKind(err, chat.Conflict), "%v", err)
	w.clock.Add(2 * time.Minute)
	late := w.post(f) // the first message was never stored
	ids, err := w.InRoom(t.Context(), chat.DefaultTenant, w.room.ID, id.ID{}, 10)
	require.NoError(t, err)
	require.Equal(t, []id.ID{late}, ids)
	w.clock.Add(2 * time.Minute)
	_, err = w.claim(f, w.ids.New(), nil)
	require.True(t, chat.IsKind(err, chat.Conflict), "%v", err)
	_, err = w.Claim(t.Context(), chat.FileClaim{File: w.inRoom("x").UUID, Author: bob, Room: w.room.Ref(), Message: w.ids.New()})
	require.True(t, chat.IsKind(err, chat.NotFound), "it is ann's: %v", err)
}

func TestAClaimIsReleased(t *testing.T) {
	w := newWorld(t)
	f := w.inRoom("text")
	m := w.ids.New()
	_, err := w.claim(f, m, nil)
	require.NoError(t, err)
	require.NoError(t, w.Release(t.Context(), chat.FileClaim{File: f.UUID, Author: ann, Room: w.room.Ref(), Message: m}))
	ids, err := w.InRoom(t.Context(), chat.DefaultTenant, w.room.ID, id.ID{}, 10)
	require.NoError(t, err)
	require.Empty(t, ids)
	w.post(f)
}

// A server that dies between a claim and the message leaves a file that the sweep removes.
func TestTheSweepEndsClaimsWithoutAMessage(t *testing.T) {
	w := newWorld(t)
	_, err := w.claim(w.inRoom("text"), w.ids.New(), nil)
	require.NoError(t, err)
	w.clock.Add(25 * time.Hour)
	require.NoError(t, w.Sweep(t.Context()))
	w.nothing(chat.DefaultTenant)
	ids, err := w.InRoom(t.Context(), chat.DefaultTenant, w.room.ID, id.ID{}, 10)
	require.NoError(t, err)
	require.Empty(t, ids)
}

func TestAPictureIsLookedAt(t *testing.T) {
	w := newWorld(t)
	f, _, err := w.add(ann, nil, files.Upload{Body: bytes.NewReader(photo(t, 700, 350)), Bytes: -1, Name: "a.txt"})
	require.NoError(t, err)
	require.Equal(t, "image/png", f.Type)
	require.Equal(t, 700, f.Picture.Width)
	require.Equal(t, 350, f.Picture.Height)
	require.Less(t, len(f.Picture.Preview), 1024)
	c, err := w.Thumbnail(t.Context(), f)
	require.NoError(t, err)
	defer c.Close()
	small, _, err := image.DecodeConfig(c)
	require.NoError(t, err)
	require.Equal(t, []int{640, 320}, []int{small.Width, small.Height})
	a, err := w.claim(f, w.ids.New(), nil)
	require.NoError(t, err)
	require.Equal(t, chat.Attachment{Name: "a.txt", Type: "image/png", Size: f.Size, Width: 700, Height: 350, Preview: f.Picture.Preview, Thumbnail: true}, a)
}

func TestAFilmForgetsWhereItWasTaken(t *testing.T) {
	w := newWorld(t)
	const place = "+48.8577+002.295/"
	ftyp, data := "\x00\x00\x00\x10ftypisom\x00\x00\x00\x00", "\x00\x00\x00\x0cmdatfilm"
	film := func(box, says string) string {
		udta := string([]byte{0, 0, 0, byte(8 + len(says))}) + box + says
		return ftyp + data + string([]byte{0, 0, 0, byte(8 + len(udta))}) + "moov" + udta
	}
	f := w.inRoom(film("udta", place))
	require.Equal(t, "video/mp4", f.Type)
	require.Nil(t, f.Picture)
	require.Equal(t, film("free", strings.Repeat("\x00", len(place))), w.read(f))
	_, _, err := w.add(ann, nil, upload(film("udta", place)[:50]))
	require.True(t, chat.IsKind(err, chat.Invalid), "%v", err)
}

func TestPicturesThatAreNoneLeaveNothing(t *testing.T) {
	whole := photo(t, 300, 300)
	for name, data := range map[string][]byte{"cut off": whole[:len(whole)/2], "only the beginning": whole[:20], "damaged": append(bytes.Clone(whole[:100]), bytes.Repeat([]byte("x"), 5000)...)} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_, _, err := w.add(ann, nil, files.Upload{Body: bytes.NewReader(data), Bytes: -1})
			require.True(t, chat.IsKind(err, chat.Invalid), "%v", err)
			w.nothing(chat.DefaultTenant)
		})
	}
}

func TestTheThumbnailOfAnAppsPicture(t *testing.T) {
	w := newWorld(t)
	data := photo(t, 340, 200)
	f, _, err := w.AddToApp(t.Context(), files.AppUpload{Upload: files.Upload{Body: bytes.NewReader(data), Bytes: -1}, Tenant: app, MaxBytes: 1 << 20,
		Box: func() (files.Box, error) { return files.Box{Width: 100}, nil }})
	require.NoError(t, err)
	for range 2 {
		f, err = w.OfApp(t.Context(), app, f.UUID)
		require.NoError(t, err)
		c, err := w.ThumbnailOfApp(t.Context(), f)
		require.NoError(t, err)
		small, _, err := image.DecodeConfig(c)
		require.NoError(t, err)
		require.Equal(t, []int{100, 59}, []int{small.Width, small.Height})
		require.NoError(t, c.Close())
	}
	require.Len(t, w.keys(), 2)
	text, _ := w.inApp("text")
	c, err := w.ThumbnailOfApp(t.Context(), text)
	require.NoError(t, err)
	all, err := io.ReadAll(c)
	require.NoError(t, err)
	require.Equal(t, "text", string(all))
	require.NoError(t, c.Close())
	require.NoError(t, w.RemoveTenant(t.Context(), app, func(int) error { return nil }))
	w.nothing(app)
}

func (w *world) listed() []id.ID {
	w.Helper()
	ids, err := w.InRoom(w.Context(), chat.DefaultTenant, w.room.ID, id.ID{}, 10)
	require.NoError(w, err)
	return ids
}

func TestFilesGoWithWhatRetentionTrims(t *testing.T) {
	w := newWorld(t)
	old := w.post(w.inRoom("old"))
	f := w.inRoom("young")
	young := w.post(f)
	for range 2 {
		require.NoError(t, w.TrimRoom(t.Context(), chat.DefaultTenant, w.room.ID, old))
	}
	require.Equal(t, []id.ID{young}, w.listed())
	require.Equal(t, "young", w.read(f))
	require.Equal(t, files.Usage{Bytes: 5, Files: 1}, w.usage(chat.DefaultTenant))
	require.NoError(t, w.TrimRoom(t.Context(), chat.DefaultTenant, w.room.ID, id.Max))
	w.nothing(chat.DefaultTenant)
}

// A removal that breaks off anywhere is completed by the next one, and is counted once.
func TestARemovalThatBreaksOff(t *testing.T) {
	for _, space := range []string{"files/default", "usage", "roomfiles", "uploads"} {
		t.Run(space, func(t *testing.T) {
			w := newWorld(t)
			m := w.post(w.inRoom("text"))
			w.post(w.inRoom("another"))
			w.broken = space
			require.Error(t, w.RemoveNamed(t.Context(), chat.DefaultTenant, w.room.ID, m))
			w.broken = ""
			require.NoError(t, w.RemoveNamed(t.Context(), chat.DefaultTenant, w.room.ID, m))
			require.NoError(t, w.TrimRoom(t.Context(), chat.DefaultTenant, w.room.ID, m))
			w.clock.Add(25 * time.Hour)
			require.NoError(t, w.Sweep(t.Context()))
			require.Equal(t, files.Usage{Bytes: 7, Files: 1}, w.usage(chat.DefaultTenant))
			require.Len(t, w.keys(), 1)
			require.Len(t, w.listed(), 1)
		})
	}
}

func TestTheFileOfAnErasedUserBelongsToNobody(t *testing.T) {
	w := newWorld(t)
	f := w.inRoom("text")
	m := w.post(f)
	require.NoError(t, w.Disown(t.Context(), chat.DefaultTenant, w.room.ID, m))
	now, err := w.OfRoom(t.Context(), bob, f.UUID)
	require.NoError(t, err)
	require.Equal(t, chat.ErasedLogin, now.By)
}
