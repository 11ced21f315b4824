package cassandra

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// deadRows is more than Cassandra passes in one statement: its tombstone_failure_threshold is 100,000.
const deadRows = 120_000

// untilTaken repeats a write, which may be done twice, for as long as Cassandra answers too late: it is busy with other
// tests, and has taken a part of what is written or nothing.
func untilTaken(write func() error) error {
	for {
		if err := write(); !timedOut(err) {
			return err
		}
	}
}

// bury writes deletions of deadRows rows of one partition, a few at a time: Cassandra is busy with other tests.
func bury(t *testing.T, s *Store, deletion func(i int) write) {
	t.Helper()
	const size, atOnce = 1000, 3
	require.NoError(t, forEach(t.Context(), atOnce, func(ctx context.Context, worker int) error {
		for part := worker; part < deadRows/size; part += atOnce {
			writes := make([]write, size)
			for i := range writes {
				writes[i] = deletion(part*size + i)
			}
			if err := untilTaken(func() error { return s.db.samePartition(ctx, writes) }); err != nil {
				return err
			}
		}
		return nil
	}))
}

// deadName is that of a row that is gone: there are some before, between and after ann, mia and zoe.
func deadName(i int) string { return fmt.Sprintf("%c-user%06d", "abcdefgmnz"[i%10], i) }

func TestParticipantsAmongMoreWhoLeft(t *testing.T) {
	t.Parallel()
	s, ctx := shared(t), t.Context()
	of, ids := chat.Tenant("tombstones-participants"), id.NewGenerator(nil)
	ann, mia, zoe := chat.Person{Login: "ann"}, chat.Person{Login: "mia"}, chat.Person{Login: "zoe"}
	r := chat.Room{ID: ids.New(), Name: "busy", Creator: mia}
	require.NoError(t, s.CreateRoom(ctx, of, r))
	left := micros(s.now())
	bury(t, s, func(i int) write {
		return write{deleteParticipant, []any{left, string(of), uuid(r.ID), deadName(i)}}
	})
	for _, p := range []chat.Person{ann, zoe} {
		joined, err := s.Join(ctx, of, r, p, ids.New())
		require.NoError(t, err)
		require.True(t, joined)
	}

	all, err := s.Participants(ctx, of, r.ID, "", 100)
	require.NoError(t, err)
	require.Equal(t, []chat.Person{ann, mia, zoe}, all)
	first, err := s.ParticipantsOf(ctx, of, []id.ID{r.ID}, 1)
	require.NoError(t, err)
	require.Equal(t, []chat.Person{ann}, first[r.ID])
	after, err := s.Participants(ctx, of, r.ID, "ann", 1)
	require.NoError(t, err)
	require.Equal(t, []chat.Person{mia}, after)

	gone, err := s.Leave(ctx, of, r, "ann")
	require.NoError(t, err)
	require.True(t, gone)
	require.NoError(t, s.DeleteRoom(ctx, of, r))
	require.NoError(t, s.SweepRoom(ctx, chat.Sweep{Tenant: of, Room: r.Ref(), DeletedAt: s.now()}, nil))
	in, err := s.RoomsOf(ctx, of, "mia", "", 10)
	require.NoError(t, err)
	require.Empty(t, in)
}

func TestRoomsOfAUserAmongMoreThatAreGone(t *testing.T) {
	t.Parallel()
	s, ctx := shared(t), t.Context()
	for of, name := range map[chat.Tenant]func(i int) string{
		"tombstones-names": deadName,
		"tombstones-name":  func(int) string { return "mia" }, // a room of one name after the other
	} {
		ids, me := id.NewGenerator(nil), chat.Person{Login: "creator"}
		deleted := s.finalTime()
		bury(t, s, func(i int) write {
			made := id.FirstAt(time.Now().Add(time.Duration(i-deadRows) * time.Second))
			return write{deleteRoomOfUser, []any{deleted, string(of), me.Login, name(i), uuid(made)}}
		})
		var want []chat.RoomRef
		for _, name := range []string{"ann", "mia", "zoe"} {
			r := chat.Room{ID: ids.New(), Name: name, Creator: me}
			require.NoError(t, s.CreateRoom(ctx, of, r))
			want = append(want, r.Ref())
		}
		in, err := s.RoomsOf(ctx, of, me.Login, "", 100)
		require.NoError(t, err)
		require.Equal(t, want, in)
		in, err = s.RoomsOf(ctx, of, me.Login, "ann", 1)
		require.NoError(t, err)
		require.Equal(t, want[1:2], in)
	}
}

// Who chooses the names can have all rows of a list in one of its partitions.
func TestListsOfATenantAmongMoreThatIsGone(t *testing.T) {
	t.Parallel()
	s, ctx := shared(t), t.Context()
	of, ids := chat.Tenant("tombstones-lists"), id.NewGenerator(nil)
	shard := shardOf("mia")
	bury(t, s, func(i int) write {
		return write{deleteUserIndex, []any{s.finalTime(), string(of), shard, deadName(i)}}
	})
	deleted := s.finalTime()
	bury(t, s, func(i int) write {
		return write{deleteRoomIndex, []any{deleted, string(of), shard, deadName(i), uuid(ids.New())}}
	})
	mia := chat.User{Person: chat.Person{Login: "mia"}, PasswordHash: "$"}
	r := chat.Room{ID: ids.New(), Name: "mia", Creator: mia.Person}
	require.NoError(t, s.CreateUser(ctx, of, mia))
	require.NoError(t, s.CreateRoom(ctx, of, r))
	people, err := s.Users(ctx, of, "", 100)
	require.NoError(t, err)
	require.Equal(t, []chat.Person{mia.Person}, people)
	rooms, err := s.Rooms(ctx, of, "", 100)
	require.NoError(t, err)
	require.Len(t, rooms, 1)
	require.Equal(t, r.ID, rooms[0].ID)
}

// The parts of a span have all that is in it, in order, and get smaller until they hold one row.
func TestDividing(t *testing.T) {
	now := time.Now()
	var rows []listed
	for i := range 500 {
		u := id.FirstAt(now.Add(time.Duration(-i*i) * time.Second))
		rows = append(rows, listed{deadName(i), id.Min}, listed{"same", u}, listed{fmt.Sprint("s", i), u})
	}
	for _, odd := range []string{"a", "a-", "a-user000000x", "zz", "ZZ", "__", "0", "same.", "samd", "sameness"} {
		rows = append(rows, listed{odd, id.Min}, listed{odd, id.FirstAt(now)})
	}
	slices.SortFunc(rows, func(a, b listed) int {
		if a.before(b) {
			return -1
		}
		return 1
	})
	refuse := fmt.Errorf("at last: %w", tombstoneError{})
	read := func(_ context.Context, sp span, limit int) (in []listed, err error) {
		for _, r := range rows {
			if sp.after.before(r) && !sp.to.before(r) {
				in = append(in, r)
			}
		}
		if len(in) > 20 {
			return nil, refuse
		}
		return in[:min(len(in), limit)], nil
	}
	for _, limit := range []int{len(rows), len(rows) + 1, 7} {
		for _, from := range []int{0, 1, 700, len(rows) - 1} {
			after := listed{id: id.Min}
			if from > 0 {
				after = rows[from-1]
			}
			got, err := inSpan(t.Context(), span{after, listEnd}, limit, read)
			require.NoError(t, err)
			require.Equal(t, rows[from:min(from+limit, len(rows))], got)
		}
	}
}

type tombstoneError struct{}

func (tombstoneError) Code() int { return gocql.ErrCodeReadFailure }
func (tombstoneError) Message() string {
	return "Operation failed: READ_TOO_MANY_TOMBSTONES from /10.0.0.1:7000"
}
func (tombstoneError) Error() string { return "refused" }

// Reactions that come and go leave values, not deleted cells, of which a page can only have so many.
func TestReactionsThatWereTakenBackAreNoTombstones(t *testing.T) {
	t.Parallel()
	s, ctx := shared(t), t.Context()
	l, ids := newLog(), id.NewGenerator(nil)
	m := chat.Message{ID: ids.New(), Author: chat.Person{Login: "ann"}, Content: "hello"}
	require.NoError(t, s.Append(ctx, l, m))
	b, err := s.bucket(ctx, l, m.ID)
	require.NoError(t, err)
	change := ids.New()
	back := s.change(l, b, m.ID, chat.Change{Kind: chat.React, ID: change, By: m.Author, Emoji: "any"})
	for part := range 12 { // of one row Cassandra takes many cells faster than one by one
		cells := map[string]int64{}
		for i := range deadRows / 12 {
			cells[fmt.Sprintf("%d-%d ann", part, i)] = back.args[3].(int64)
		}
		statement := strings.Replace(back.statement, "reactions[?] = ?", "reactions = reactions + ?", 1)
		args := append([]any{back.args[0], back.args[1], cells}, back.args[4:]...)
		require.NoError(t, untilTaken(func() error { return s.db.exec(ctx, statement, args...) }))
	}
	read := func(want chat.Message) {
		t.Helper()
		page, err := s.Older(ctx, l, id.Max, 10)
		require.NoError(t, err)
		require.Equal(t, []chat.Message{want}, page)
	}
	read(m)
	apply := func(c chat.Change) {
		t.Helper()
		c.ID, c.By = ids.New(), m.Author
		_, err := s.ChangeMessage(ctx, l, m.ID, func(now chat.Message) (chat.Change, error) {
			require.Len(t, now.Withdrawn, deadRows)
			return c, nil
		})
		require.NoError(t, err)
	}
	apply(chat.Change{Kind: chat.React, Emoji: "new", On: true})
	with := m
	with.Reactions = []chat.Reaction{{Emoji: "new", Logins: []string{"ann"}}}
	read(with)
	apply(chat.Change{Kind: chat.Delete})
	m.Content, m.Deleted = "", true
	read(m)
}

// Sessions and remembered logins that have ended delay no call: of the user who changes the password, is erased, or
// whose cookie was stolen.
func TestLoginsAmongMoreThatEnded(t *testing.T) {
	t.Parallel()
	s, ctx := shared(t), t.Context()
	of, login := chat.Tenant("tombstones-logins"), "ann"
	ended := s.finalTime()
	for _, deletion := range []string{deleteSessionOfUser, deleteRememberedOfUser} {
		bury(t, s, func(i int) write {
			h := auth.HashOf(fmt.Sprint(i))
			return write{deletion, []any{ended, string(of), login, h[:]}}
		})
	}
	end := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	var sessions []auth.Session
	var remembered []auth.Remembered
	for i := range 3 {
		h := auth.HashOf(fmt.Sprint("alive", i))
		sessions = append(sessions, auth.Session{Hash: h, Tenant: of, Login: login, CreatedAt: end, ExpiresAt: end})
		require.NoError(t, s.PutSession(ctx, sessions[i]))
		remembered = append(remembered, auth.Remembered{Series: h, Tenant: of, Login: login, Token: h, ExpiresAt: end})
		require.NoError(t, s.CreateRemembered(ctx, remembered[i]))
	}
	for _, limit := range []int{1, 3, 1000} {
		some, err := s.SessionsOf(ctx, of, login, limit)
		require.NoError(t, err)
		require.Len(t, some, min(limit, 3))
		require.Subset(t, sessions, some)
		logins, err := s.RememberedOf(ctx, of, login, limit)
		require.NoError(t, err)
		require.Len(t, logins, min(limit, 3))
	}
}
