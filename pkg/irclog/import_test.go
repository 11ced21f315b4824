package irclog

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

func options() Options {
	now := func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }
	return Options{Room: "lounge", IDs: id.NewGenerator(now), Now: now}
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

var samples = []string{"testdata/odd-2012-04-01.log", "testdata/2011-03-05.txt"}

func TestGoldenImport(t *testing.T) {
	s := newMemory()
	report, err := Import(t.Context(), s, options(), samples...)
	require.NoError(t, err)

	var out strings.Builder
	for _, m := range s.messages() {
		fmt.Fprintf(&out, "%s %s", m.CreatedAt().Format("2006-01-02 15:04:05.0000000"), m.Author.Login)
		if m.System {
			out.WriteString(" (system)")
		} else {
			require.True(t, s.footprints[m.Author.Login], "who wrote something has been here")
		}
		fmt.Fprintf(&out, ": %q\n", m.Content)
	}
	fmt.Fprintf(&out, "participants: %s\n", strings.Join(slices.Sorted(maps.Keys(s.members)), " "))
	for _, l := range slices.Sorted(maps.Keys(s.users)) {
		u := s.users[l]
		fmt.Fprintf(&out, "user: %s = %s\n", l, u.FullName())
		require.Empty(t, u.PasswordHash)
	}
	report.Duration = 0
	out.WriteString(report.String())
	golden(t, "import.golden", out.String())
}

func TestTwiceAddsNothing(t *testing.T) {
	s := newMemory()
	_, err := Import(t.Context(), s, options(), samples...)
	require.NoError(t, err)
	users, members, log := maps.Clone(s.users), maps.Clone(s.members), maps.Clone(s.log)
	appends := s.appends

	report, err := Import(t.Context(), s, options(), samples...)
	require.NoError(t, err)
	require.Equal(t, 2, report.AlreadyThere)
	require.Zero(t, report.Messages+report.UsersCreated+report.JoinedRoom+report.LeftRoom)
	require.Equal(t, appends, s.appends, "what is there is not written again")
	require.Equal(t, users, s.users)
	require.Equal(t, members, s.members)
	require.Equal(t, log, s.log)
}

// The store learns how busy the past of a new room is before there is a room, and nothing of one that is there.
func TestANewRoomIsPlanned(t *testing.T) {
	dir := t.TempDir()
	busy := write(t, dir, "2020-05-02.txt", strings.Repeat("[10:00] <anna> x\n", 2500)+"[10:01] <ben> y\n[11:30] <ben> z\n")
	quiet := write(t, dir, "2020-05-01.txt", "[09:30] <anna> one\n[10:29] <ben> two\n[10:31] <ben> three\n")
	at := func(day, hour, minute int) time.Time { return time.Date(2020, 5, day, hour, minute, 0, 0, time.UTC) }
	s := newMemory()
	_, err := Import(t.Context(), s, options(), busy, quiet)
	require.NoError(t, err)
	require.Equal(t, map[id.ID][]chat.Bin{s.rooms["lounge"].ID: {
		{From: at(1, 9, 30), Messages: 2}, {From: at(1, 10, 31), Messages: 1},
		{From: at(2, 10, 0), Messages: 1000}, {From: at(2, 10, 0), Messages: 1000}, {From: at(2, 10, 0), Messages: 501},
		{From: at(2, 11, 30), Messages: 1},
	}}, s.planned)

	clear(s.planned)
	_, err = Import(t.Context(), s, options(), write(t, dir, "2020-05-03.txt", "[10:00] <anna> more\n"))
	require.NoError(t, err)
	require.Empty(t, s.planned)
}

// A file that misses its last message is written again whole, with the same ids.
func TestRecognitionIsOnlySpeed(t *testing.T) {
	s := newMemory()
	_, err := Import(t.Context(), s, options(), samples...)
	require.NoError(t, err)
	log := maps.Clone(s.log)
	all := s.messages()
	delete(s.log, all[len(all)-1].ID.Key())
	report, err := Import(t.Context(), s, options(), samples...)
	require.NoError(t, err)
	require.Equal(t, 1, report.AlreadyThere)
	require.Equal(t, log, s.log)
}

// However an import breaks off, to run it again gives what one run gives.
func TestResume(t *testing.T) {
	dir := t.TempDir()
	var files []string
	for d := 1; d <= 3; d++ {
		var b strings.Builder
		for i := range 1200 {
			fmt.Fprintf(&b, "[%02d:%02d] <nick%d> message %d of day %d\n", i/60, i%60, i%50, i, d)
		}
		files = append(files, write(t, dir, fmt.Sprintf("2020-05-%02d.txt", d), b.String()))
	}
	whole := newMemory()
	_, err := Import(t.Context(), whole, options(), files...)
	require.NoError(t, err)
	require.Len(t, whole.log, 3600)

	for fail := 1; fail < whole.appends; fail++ {
		s := newMemory()
		s.rooms["lounge"] = whole.rooms["lounge"] // ids depend on the room's
		s.failAfter = fail
		_, err := Import(t.Context(), s, options(), files...)
		require.True(t, chat.IsKind(err, chat.Unavailable))
		s.failAfter = 0
		_, err = Import(t.Context(), s, options(), files...)
		require.NoError(t, err)
		require.Equal(t, whole.messages(), s.messages())
		require.Equal(t, whole.members, s.members)
		require.Equal(t, whole.users, s.users)
	}
}

func TestGrownFileKeepsItsIDs(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "2020-05-01.txt", "[10:00] <anna> one\n[10:00] <anna> two\n")
	s := newMemory()
	_, err := Import(t.Context(), s, options(), path)
	require.NoError(t, err)
	write(t, dir, "2020-05-01.txt", "[10:00] <anna> one\n[10:00] <anna> two\n[10:00] <ben> three\n")
	_, err = Import(t.Context(), s, options(), path)
	require.NoError(t, err)
	require.Equal(t, []string{"one", "two", "three"}, contents(s))
	require.Equal(t, []string{"anna", "ben"}, slices.Sorted(maps.Keys(s.members)))
}

func TestSameDayOfTwoChannels(t *testing.T) {
	a := write(t, t.TempDir(), "2020-05-01.txt", "[10:00] <anna> here\n")
	b := write(t, t.TempDir(), "2020-05-01.txt", "[10:00] <anna> there\n")
	s := newMemory()
	_, err := Import(t.Context(), s, options(), a, b)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"here", "there"}, contents(s))
}

func contents(s *memory) []string {
	var out []string
	for _, m := range s.messages() {
		out = append(out, m.Content)
	}
	return out
}

func TestAccountsOfOthersAreNotTaken(t *testing.T) {
	s := newMemory()
	anna := chat.User{Person: chat.Person{Login: "anna", FirstName: "Anna", LastName: "A"}, PasswordHash: "x"}
	s.users["anna"] = anna
	s.users["ben"] = chat.User{Person: chat.Person{Login: "ben"}, Deleted: true}
	s.users["irc.ben"] = chat.User{Person: chat.Person{Login: "irc.ben", FirstName: "Ben", LastName: "B"}, PasswordHash: "x"}
	path := write(t, t.TempDir(), "2020-05-01.txt", "[10:00] <anna> one\n[10:00] <ben> two\n")
	report, err := Import(t.Context(), s, options(), path)
	require.NoError(t, err)
	require.Equal(t, anna, s.users["anna"])
	ms := s.messages()
	require.Equal(t, "irc.anna", ms[0].Author.Login)
	require.Equal(t, hashed("ben", 0), ms[1].Author.Login)
	require.Equal(t, map[string]string{"anna": "irc.anna", "ben": hashed("ben", 0)}, report.OtherAccounts)

	again, err := Import(t.Context(), s, options(), path)
	require.NoError(t, err)
	require.Zero(t, again.UsersCreated)
}

func TestParticipants(t *testing.T) {
	dir := t.TempDir()
	first := write(t, dir, "2020-05-01.txt", "[10:00] <anna> one\n[10:00] <ben> two\n=== cleo [c@d]  has joined #x\n=== ben [c@d]  has left #x []\n")
	second := write(t, dir, "2020-05-02.txt", "[10:00] <anna> one\n=== anna is now known as anna2\n[10:00] <dora> x\n=== dora was kicked off #x by anna2 (no)\n=== edna [e@f]  has joined #x\n")
	s := newMemory()
	members := func() []string { return slices.Sorted(maps.Keys(s.members)) }
	owner := chat.Person{Login: "owner", FirstName: "Olga", LastName: "Owner"}
	s.users["owner"] = chat.User{Person: owner, PasswordHash: "x"}
	o := options()
	o.Creator = "owner"

	_, err := Import(t.Context(), s, o, first)
	require.NoError(t, err)
	require.Equal(t, owner, s.rooms["lounge"].Creator)
	require.Equal(t, []string{"anna", "cleo", "owner"}, members())

	_, err = Import(t.Context(), s, o, second)
	require.NoError(t, err)
	require.Equal(t, []string{"anna2", "edna", "owner"}, members())

	// An older day, and one older than a message of today: no participant changes.
	older := write(t, dir, "2020-04-30.txt", "[10:00] <fay> x\n")
	report, err := Import(t.Context(), s, o, older)
	require.NoError(t, err)
	require.NotEmpty(t, report.MembersKept)
	require.Equal(t, []string{"anna2", "edna", "owner"}, members())
}

func TestRefusals(t *testing.T) {
	good := write(t, t.TempDir(), "2020-05-01.txt", "[10:00] <anna> one\n")
	empty := write(t, t.TempDir(), "2020-05-01.txt", "nothing\n")
	for name, c := range map[string]struct {
		room, creator string
		files         []string
		kind          chat.Kind
	}{
		"no files":        {"lounge", "", nil, chat.Invalid},
		"no date":         {"lounge", "", []string{good, "log.txt"}, chat.Invalid},
		"a folder":        {"lounge", "", []string{good, t.TempDir() + "/../002"}, chat.Invalid},
		"room's name":     {"no room", "", []string{good}, chat.Invalid},
		"reserved name":   {"participant", "", []string{good}, chat.Invalid},
		"unknown creator": {"lounge", "nobody", []string{good}, chat.NotFound},
		"nobody in it":    {"lounge", "", []string{empty}, chat.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			s := newMemory()
			o := options()
			o.Room, o.Creator = c.room, c.creator
			_, err := Import(t.Context(), s, o, c.files...)
			require.Equal(t, c.kind, chat.KindOf(err), "%v", err)
			require.Empty(t, s.rooms)
			require.Empty(t, s.users)
			require.Empty(t, s.log)
		})
	}
	_, err := Import(t.Context(), newMemory(), options(), filepath.Join(t.TempDir(), "2020-05-01.txt"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestProgress(t *testing.T) {
	s := newMemory()
	o := options()
	var last Progress
	o.Progress = func(p Progress) {
		require.GreaterOrEqual(t, p.Messages, last.Messages)
		last = p
	}
	report, err := Import(t.Context(), s, o, samples...)
	require.NoError(t, err)
	require.Equal(t, 2, last.Files)
	require.Equal(t, 2, last.Of)
	require.Equal(t, last.OfBytes, last.Bytes)
	require.Equal(t, report.Messages, last.Messages)
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Import(ctx, newMemory(), options(), samples...)
	require.ErrorIs(t, err, context.Canceled)
}

// A nick whose user was erased stays erased: what they said is left out, and nothing names them.
func TestErasedNicks(t *testing.T) {
	s := newMemory()
	file := write(t, t.TempDir(), "2012-04-01.txt", "[10:00] <bob> hello\n=== gone [x@y]  has joined #room\n"+
		"[10:01] <gone> a secret\n[10:02]  * gone has a secret\n=== gone is now known as bob2\n[10:03] <gone> last secret\n")
	s.users["gone"] = chat.User{Person: chat.Person{Login: "gone"}, Deleted: true, Erased: true}
	for range 2 {
		report, err := Import(t.Context(), s, options(), file)
		require.NoError(t, err)
		require.Equal(t, 3, report.Skipped[Erased])
		require.Contains(t, report.String(), "3: of a user who was erased here")
		require.NotContains(t, report.String(), "secret")
		require.Equal(t, []string{"hello", "Deleted User (IRC) joins the room", "Deleted User is now known as bob2"}, contents(s))
		require.ElementsMatch(t, []string{"bob", "bob2", "gone"}, slices.Collect(maps.Keys(s.users)))
		require.ElementsMatch(t, []string{"bob", "bob2"}, slices.Collect(maps.Keys(s.members)))
		require.NotContains(t, s.footprints, "gone")
	}
	_, err := Import(t.Context(), s, Options{Room: "other", IDs: id.NewGenerator(nil)},
		write(t, t.TempDir(), "2012-04-02.txt", "[10:00] <gone> hello\n"))
	require.ErrorContains(t, err, "name another creator")
}
