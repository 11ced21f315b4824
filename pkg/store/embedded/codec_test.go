package embedded

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

func TestUnknownFieldsArePassedOver(t *testing.T) {
	m := message("hello")
	v := newRecord().bytes(99, []byte("later")).flag(98, true)
	v = protowire.AppendFixed64(protowire.AppendTag(v, 97, protowire.Fixed64Type), 1)
	v = protowire.AppendFixed32(protowire.AppendTag(v, 96, protowire.Fixed32Type), 1)
	v = append(v, encodeMessage(m)[1:]...)
	v = v.time(95, time.Now())
	got, err := decodeMessage(m.ID, v)
	require.NoError(t, err)
	require.Equal(t, m, got)
}

func TestMalformedValues(t *testing.T) {
	whole := encodeMessage(message("hello"))
	for name, v := range map[string][]byte{
		"nothing":                 {},
		"another form":            append([]byte{2}, whole[1:]...),
		"cut":                     whole[:len(whole)-1],
		"a text that is a number": newRecord().flag(4, true),
		"a flag that is a text":   newRecord().text(5, "x"),
		"a length beyond the end": append(newRecord(), 0x0a, 0x7f, 'x'),
		"an endless number":       append(newRecord(), bytes.Repeat([]byte{0xff}, 20)...),
		"field zero":              append(newRecord(), 0x02, 0x00),
	} {
		_, err := decodeMessage(id.ID{}, v)
		require.ErrorIs(t, err, errValue, name)
	}
	_, err := decodeRoomOf("x", newRecord().bytes(1, make([]byte, 15)))
	require.ErrorIs(t, err, errValue)
	_, err = decodeClaim(newRecord().bytes(11, make([]byte, 33)))
	require.ErrorIs(t, err, errValue)
}

// A row that cannot be read is an error for its reader, and no danger to others.
func TestACorruptRow(t *testing.T) {
	s := open(t, t.TempDir(), quiet())
	good, bad := message("good"), message("bad")
	require.NoError(t, s.Append(t.Context(), aLog, good))
	require.NoError(t, s.db.Set(messagesOf(aLog).lastID(bad.ID), []byte{1, 0xff}, nil))
	_, err := s.Message(t.Context(), aLog, bad.ID)
	require.True(t, chat.IsKind(err, chat.Internal), "%v", err)
	_, err = s.Older(t.Context(), aLog, id.Max, 10)
	require.True(t, chat.IsKind(err, chat.Internal), "%v", err)
	got, err := s.Message(t.Context(), aLog, good.ID)
	require.NoError(t, err)
	require.Equal(t, good, got)
}

// FuzzDecode feeds any bytes to all decoders: an error or a value, never a
// panic; and a value that was read is written and read as the same.
func FuzzDecode(f *testing.F) {
	text := "text\u2028\xff"
	far := time.UnixMilli(1 << 50).UTC()
	f.Add(encodeMessage(chat.Message{Author: author, Content: text, System: true}))
	f.Add(encodeUser(chat.User{Person: author, Email: &text, Bio: new(string), CreatedAt: far, PasswordHash: "x"}))
	f.Add(roomRow(chat.Room{ID: id.Max, Creator: author, Banner: &text, CreatedAt: far, Settings: chat.RoomSettings{Kind: chat.GroupRoom, Admins: []string{"l"}}}))
	f.Add(encodeMember(chat.Member{Person: author, Since: id.Max}))
	f.Add(encodeRoomOf(id.Max))
	f.Add(encodeClaim(claim{lease: lease{ExpiresAt: far}, message: id.Max, content: auth.HashOf(text)}))
	f.Add(encodeSession(auth.Session{Tenant: "t", Login: "l", Series: auth.Hash{1}, CreatedAt: far, ExpiresAt: far}))
	f.Add(encodeRemembered(auth.Remembered{Tenant: "t", Token: auth.Hash{1}, Previous: auth.Hash{2}, RotatedAt: far, ExpiresAt: far}))
	f.Add(encodeOutcome(outcome{edit: id.Max, content: text, reactions: []chat.ReactionBy{{Emoji: "x", Login: "l", At: 1}}}))
	f.Add(encodeReading(chat.Reading{Read: id.Max, Muted: true}))
	f.Add([]byte(newRecord()))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		again(t, b, func(b []byte) (chat.Message, error) { return decodeMessage(id.Max, b) }, encodeMessage)
		again(t, b, decodeOutcome, encodeOutcome)
		again(t, b, decodeReading, encodeReading)
		again(t, b, func(b []byte) (chat.User, error) { return decodeUser("l", b) }, encodeUser)
		again(t, b, func(b []byte) (chat.Room, error) { return decodeRoom("r", b) }, roomRow)
		again(t, b, func(b []byte) (chat.Member, error) { return decodeMember("l", b) }, encodeMember)
		again(t, b, decodeClaim, encodeClaim)
		again(t, b, func(b []byte) (auth.Session, error) { return decodeSession(auth.Hash{}, b) }, encodeSession)
		again(t, b, func(b []byte) (auth.Remembered, error) { return decodeRemembered(auth.Hash{}, b) }, encodeRemembered)
		again(t, b, func(b []byte) (auth.APIToken, error) { return decodeToken(auth.Hash{}, b) }, encodeToken)
		_, _ = decodeRoomOf("r", b)
		_, _ = decodeSweep(b, b)
		_, _ = decodeJoined(b, b)
	})
}

func roomRow(r chat.Room) []byte {
	b, err := encodeRoom(r)
	if err != nil {
		panic(err)
	}
	return b
}

func again[R any](t *testing.T, b []byte, read func([]byte) (R, error), write func(R) []byte) {
	t.Helper()
	r, err := read(b)
	if err != nil {
		require.ErrorIs(t, err, errValue)
		return
	}
	r2, err := read(write(r))
	require.NoError(t, err)
	require.Equal(t, r, r2)
}

// FuzzKeys checks that different columns never make one key, and that a row is in
// the range of its own prefix only.
func FuzzKeys(f *testing.F) {
	f.Add("t", "a", "bc", "t", "ab", "c")
	f.Add("", "\x00", "\xff", "\x00", "", "\xff\xff")
	f.Fuzz(func(t *testing.T, t1, l1, n1, t2, l2, n2 string) {
		p1, p2 := roomsOf(chat.Tenant(t1), l1), roomsOf(chat.Tenant(t2), l2)
		k1, k2 := p1.last(n1), p2.last(n2)
		require.Equal(t, t1 == t2 && l1 == l2 && n1 == n2, bytes.Equal(k1, k2))
		in := bytes.Compare(p2, k1) <= 0 && bytes.Compare(k1, p2.end()) < 0
		require.Equal(t, t1 == t2 && l1 == l2, in)
		require.Equal(t, t1 == t2 && l1 == l2, bytes.HasPrefix(k1, p2))
		if t1 == t2 && l1 == l2 {
			require.Equal(t, bytes.Compare([]byte(n1), []byte(n2)), bytes.Compare(k1, k2))
		}
	})
}

func TestKeysEnd(t *testing.T) {
	require.Equal(t, key{'m', 2}, key{'m', 1, 0xff, 0xff}.end())
	require.Equal(t, key{'n'}, key{'m'}.end())
	require.Equal(t, key{'m', 1, 0}, key{'m', 1}.after())
}

func TestSweepKeys(t *testing.T) {
	w := chat.Sweep{
		Tenant: "t\x00", Room: chat.RoomRef{ID: ids.New(), Name: "n"},
		DeletedAt: time.Date(1969, 12, 31, 0, 0, 0, 1e6, time.UTC),
	}
	got, err := decodeSweep(sweepKey(w)[1:], newRecord().text(1, w.Room.Name))
	require.NoError(t, err)
	require.Equal(t, w, got)
	later := w
	later.DeletedAt = w.DeletedAt.Add(48 * time.Hour)
	require.Negative(t, slices.Compare(sweepKey(w), sweepKey(later)), "oldest first, before and after 1970")
	_, err = decodeSweep(sweepKey(w)[1:12], nil)
	require.ErrorIs(t, err, errKey)
}
