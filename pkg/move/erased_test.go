package move_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/move"
	"github.com/confab-chat/confab/pkg/store"
)

const needle = "needle"

// fillWithNeedle fills a store with something of everything of the user "ann", whose names and texts are needles, in the
// rooms hers and his.
func fillWithNeedle(t *testing.T, s store.Store) {
	t.Helper()
	ctx, ids := t.Context(), id.NewGenerator(nil)
	bio := needle
	ann := chat.User{Person: chat.Person{Login: "ann", FirstName: needle, LastName: "Ann"}, PasswordHash: needle, Bio: &bio, CreatedAt: created}
	bob, eve := chat.User{Person: person("bob"), CreatedAt: created}, chat.User{Person: person("eve"), CreatedAt: created}
	for _, u := range []chat.User{ann, bob, eve} {
		require.NoError(t, s.CreateUser(ctx, chat.DefaultTenant, u))
	}
	require.NoError(t, s.SetAvatar(ctx, chat.DefaultTenant, "ann", chat.Avatar{Type: "image/png", Data: []byte(needle)}))
	require.NoError(t, s.GrantRole(ctx, chat.DefaultTenant, "ann", auth.SiteAdmin))
	require.NoError(t, s.PutToken(ctx, auth.APIToken{Hash: auth.HashOf(needle), Tenant: chat.DefaultTenant, Login: "ann"}))
	for name, creator := range map[string]chat.User{"hers": ann, "his": bob} {
		r := chat.Room{ID: ids.New(), Name: name, Creator: creator.Person, CreatedAt: created}
		require.NoError(t, s.CreateRoom(ctx, chat.DefaultTenant, r))
		for _, u := range []chat.User{ann, bob, eve} {
			_, err := s.Join(ctx, chat.DefaultTenant, r, u.Person, id.ID{})
			require.NoError(t, err)
		}
		require.NoError(t, s.SetMuted(ctx, chat.DefaultTenant, r.ID, "eve", true))
		require.NoError(t, s.SetRead(ctx, chat.DefaultTenant, r.ID, "ann", ids.New()))
		l := r.Log(chat.DefaultTenant)
		joins := chat.Message{ID: ids.New(), Author: chat.System, System: true, Content: chat.Notice{Type: chat.NoticeJoined, Who: ann.Person}.Sentence()}
		former := chat.Person{Login: "ann", FirstName: needle, LastName: "of old"}
		said := chat.Message{ID: ids.New(), Author: former, Content: needle}
		renamed := chat.Message{ID: ids.New(), Author: chat.System, System: true, Subject: "ann",
			Content: chat.Notice{Type: chat.NoticeLeft, Who: chat.Person{FirstName: needle, LastName: "in between"}}.Sentence()}
		told := chat.Notice{Type: chat.NoticeRemoved, Who: bob.Person, By: former}.Message(ids.New())
		others := chat.Message{ID: ids.New(), Author: bob.Person, Content: "what others say", ReplyTo: said.ID}
		require.NoError(t, s.AppendBatch(ctx, l, []chat.Message{joins, said, renamed, told, others}))
		for m, c := range map[id.ID]chat.Change{
			said.ID:   {Kind: chat.Edit, ID: ids.New(), By: former, Content: needle + " edited"},
			others.ID: {Kind: chat.React, ID: ids.New(), By: ann.Person, Emoji: "👍", On: true},
		} {
			_, err := s.ChangeMessage(ctx, l, m, func(chat.Message) (chat.Change, error) { return c, nil })
			require.NoError(t, err)
		}
	}
}

// A user who was erased stays erased, whatever is imported afterwards.
func TestErasedUsersStayErased(t *testing.T) {
	for name, open := range map[string]func(*testing.T) store.Store{"embedded": openEmbedded, "Cassandra": openCassandra} {
		t.Run(name, func(t *testing.T) {
			from, to, next := openEmbedded(t), open(t), openEmbedded(t)
			ctx := t.Context()
			fillWithNeedle(t, from)
			file := export(t, from, move.ExportOptions{})
			require.NoError(t, to.CreateUser(ctx, chat.DefaultTenant, chat.User{Person: person("ann"), CreatedAt: created}))
			require.NoError(t, to.DeleteUser(ctx, chat.DefaultTenant, "ann"))
			require.NoError(t, to.MarkErased(ctx, chat.DefaultTenant, "ann"))

			for _, want := range []move.Report{
				{Users: move.Outcome{Added: 2, Deleted: 1}, Roles: move.Outcome{Deleted: 1}, Tokens: move.Outcome{Deleted: 1},
					Rooms: move.Outcome{Added: 2}, Members: move.Outcome{Added: 4, Deleted: 2},
					Messages: move.Outcome{Added: 8, Deleted: 2}, Changes: move.Outcome{Added: 4}},
				{Users: move.Outcome{There: 2, Deleted: 1}, Roles: move.Outcome{Deleted: 1}, Tokens: move.Outcome{Deleted: 1},
					Rooms: move.Outcome{There: 2}, Members: move.Outcome{There: 4, Deleted: 2},
					Messages: move.Outcome{There: 10}, Changes: move.Outcome{There: 4}},
			} {
				got := importInto(t, to, bytes.NewReader(file))
				require.Contains(t, got.String(), "left out: the user was deleted here")
				got.Duration = 0
				require.Equal(t, want, got)
				requireErased(t, to)
			}
			r, err := to.Room(ctx, chat.DefaultTenant, "hers")
			require.NoError(t, err)
			require.Equal(t, chat.Erased, r.Creator)
			ms, err := to.Newer(ctx, r.Log(chat.DefaultTenant), id.Min, true, 10)
			require.NoError(t, err)
			require.Equal(t, chat.Message{ID: ms[1].ID, Author: chat.Erased, Deleted: true}, ms[1])
			require.Equal(t, "Deleted User joins the room", ms[0].Content)
			told, ok := ms[3].Notice()
			require.True(t, ok)
			require.Equal(t, chat.Notice{Type: chat.NoticeRemoved, Who: person("bob"), By: chat.Erased}, told)
			require.Equal(t, "what others say", ms[4].Content)

			// A copy of the store knows it too.
			importInto(t, next, bytes.NewReader(export(t, to, move.ExportOptions{})))
			importInto(t, next, bytes.NewReader(file))
			requireErased(t, next)
		})
	}
}

// requireErased requires that nothing of ann is in a store but the login as it is kept as taken.
func requireErased(t *testing.T, s store.Store) {
	t.Helper()
	all := string(export(t, s, move.ExportOptions{}))
	require.NotContains(t, all, needle)
	require.Equal(t, 1, strings.Count(all, `"ann"`), all)
	require.Contains(t, all, `"login":"ann","firstname":"","lastname":"","deleted":true,"erased":true`)
	require.NotContains(t, all, `footprint":{"tenant":"default","login":"ann"`)
}

// Messages that an erasure kept stay when they are imported again.
func TestMessagesKeptByAnErasure(t *testing.T) {
	s := openEmbedded(t)
	ctx := t.Context()
	fillWithNeedle(t, s)
	file := export(t, s, move.ExportOptions{})
	r, err := s.Room(ctx, chat.DefaultTenant, "his")
	require.NoError(t, err)
	l := r.Log(chat.DefaultTenant)
	ms, err := s.Newer(ctx, l, id.Min, true, 10)
	require.NoError(t, err)
	require.NoError(t, s.Disown(ctx, l, []chat.Disowned{{ID: ms[1].ID, Author: chat.Erased}}))
	require.NoError(t, s.DeleteUser(ctx, chat.DefaultTenant, "ann"))
	require.NoError(t, s.MarkErased(ctx, chat.DefaultTenant, "ann"))
	importInto(t, s, bytes.NewReader(file))
	ms[1].Author = chat.Erased
	got, err := s.Message(ctx, l, ms[1].ID)
	require.NoError(t, err)
	require.Equal(t, ms[1], got)
}

// An import does not undo that somebody left a room, came back to one, or unmuted it.
func TestParticipantsSinceTheExport(t *testing.T) {
	from, to := openEmbedded(t), openEmbedded(t)
	ctx := t.Context()
	fillWithNeedle(t, from)
	hers, err := from.Room(ctx, chat.DefaultTenant, "hers")
	require.NoError(t, err)
	_, err = from.Leave(ctx, chat.DefaultTenant, hers, "ann")
	require.NoError(t, err)
	file := export(t, from, move.ExportOptions{})
	importInto(t, to, bytes.NewReader(file))

	his, err := to.Room(ctx, chat.DefaultTenant, "his")
	require.NoError(t, err)
	_, err = to.Leave(ctx, chat.DefaultTenant, his, "bob")
	require.NoError(t, err)
	_, err = to.Join(ctx, chat.DefaultTenant, hers, chat.Person{Login: "ann"}, id.ID{})
	require.NoError(t, err)
	require.NoError(t, to.SetMuted(ctx, chat.DefaultTenant, hers.ID, "eve", false))
	require.NoError(t, to.DeleteUser(ctx, chat.DefaultTenant, "eve"))
	_, err = to.Leave(ctx, chat.DefaultTenant, his, "eve")
	require.NoError(t, err)

	report := importInto(t, to, bytes.NewReader(file))
	require.Equal(t, move.Outcome{There: 2, Deleted: 2, Left: 1}, report.Members)
	require.Contains(t, report.String(), "1 left out: they left the room since")
	ps, err := to.Participants(ctx, chat.DefaultTenant, his.ID, "", 10)
	require.NoError(t, err)
	require.Len(t, ps, 1)
	require.Equal(t, "ann", ps[0].Login)
	_, err = to.Participant(ctx, chat.DefaultTenant, hers.ID, "ann")
	require.NoError(t, err, "she came back")
	readings, err := to.Readings(ctx, chat.DefaultTenant, "eve", []id.ID{hers.ID})
	require.NoError(t, err)
	require.False(t, readings[hers.ID].Muted)
}

// A file from before there were footprints says who was in a room by the messages alone.
func TestFootprintsOfAuthors(t *testing.T) {
	from, to := openEmbedded(t), openEmbedded(t)
	ctx := t.Context()
	fillWithNeedle(t, from)
	for _, name := range []string{"hers", "his"} {
		r, err := from.Room(ctx, chat.DefaultTenant, name)
		require.NoError(t, err)
		for _, login := range []string{"ann", "bob"} {
			_, err := from.Leave(ctx, chat.DefaultTenant, r, login)
			require.NoError(t, err)
		}
	}
	lines := bytes.SplitAfter(export(t, from, move.ExportOptions{}), []byte("\n"))
	file := slices.Concat(slices.DeleteFunc(lines, func(l []byte) bool {
		return bytes.HasPrefix(l, []byte(`{"footprint"`)) || bytes.HasPrefix(l, []byte(`{"end"`))
	})...)
	_, err := move.Import(ctx, to, bytes.NewReader(file), move.ImportOptions{})
	require.ErrorIs(t, err, move.ErrIncomplete)
	for _, login := range []string{"ann", "bob"} {
		want, err := from.Footprints(ctx, chat.DefaultTenant, login, id.ID{}, 10)
		require.NoError(t, err)
		require.NotEmpty(t, want)
		got, err := to.Footprints(ctx, chat.DefaultTenant, login, id.ID{}, 10)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}
