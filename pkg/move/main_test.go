package move_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/move"
	"github.com/confab-chat/confab/pkg/store"
	"github.com/confab-chat/confab/pkg/store/cassandra/cassandratest"
	"github.com/confab-chat/confab/pkg/store/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

func openEmbedded(t *testing.T) store.Store {
	t.Helper()
	s, err := embedded.Open(t.TempDir(), embedded.Options{Logger: quiet, CacheBytes: 1 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// openCassandra opens an empty keyspace.
func openCassandra(t *testing.T) store.Store {
	t.Helper()
	return cassandratest.Open(t, cassandratest.Config(t))
}

var created = time.Date(2015, 3, 15, 12, 3, 35, 25e6, time.UTC)

func person(login string) chat.Person {
	return chat.Person{Login: login, FirstName: "First \u2028 " + login, LastName: "Last 😀"}
}

// fill puts something of everything into a store: two tenants, accounts with and without what is
// optional, deleted ones, roles, tokens, and rooms with years of history, none, and without their creator.
func fill(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	ids := id.NewGenerator(nil)
	fillPlatform(t, s)
	odd := "\x01\t\"\\ e\u0301 \u202e👩‍👩‍👧‍👦 \ufffd"
	for _, tenant := range []chat.Tenant{chat.DefaultTenant, "org#app"} {
		for i := range 40 {
			u := chat.User{Person: person(fmt.Sprintf("user%02d", i)), PasswordHash: "$argon2id$" + fmt.Sprint(i), CreatedAt: created}
			if i%3 == 0 {
				u.Email, u.Bio = new(string), &odd
			}
			require.NoError(t, s.CreateUser(ctx, tenant, u))
			if i%4 == 0 {
				require.NoError(t, s.SetAvatar(ctx, tenant, u.Login, chat.Avatar{Type: "image/png", Data: []byte{0, 255, byte(i)}}))
			}
			if i%10 == 9 {
				require.NoError(t, s.DeleteUser(ctx, tenant, u.Login))
			}
		}
		require.NoError(t, s.GrantRole(ctx, tenant, "user00", auth.SiteAdmin))
		require.NoError(t, s.GrantRole(ctx, tenant, "user00", auth.IntegrationAdmin))
		require.NoError(t, s.PutToken(ctx, auth.APIToken{Hash: auth.HashOf(string(tenant)), Tenant: tenant, Login: "user00"}))
		require.NoError(t, s.PutToken(ctx, auth.APIToken{Hash: auth.HashOf("x" + string(tenant)), Tenant: tenant, Login: "user01",
			ExpiresAt: time.Now().Add(1000 * time.Hour).UTC().Truncate(time.Millisecond)}))
		for n, name := range []string{"empty", "lounge", "left"} {
			r := chat.Room{ID: ids.New(), Name: name, Creator: person("user00"), CreatedAt: created}
			if n > 0 {
				r.Banner = &odd
				r.Retention = []chat.Retention{chat.Forever, chat.MaxRetention}[n-1]
			}
			if name == "left" {
				r.Settings = chat.RoomSettings{Title: odd, Admins: []string{"user01", "user02"}, MaxMembers: 30, Silent: true}
			}
			require.NoError(t, s.CreateRoom(ctx, tenant, r))
			for i := 1; i < 20; i++ {
				if i%10 != 9 {
					_, err := s.Join(ctx, tenant, r, person(fmt.Sprintf("user%02d", i)), ids.New())
					require.NoError(t, err)
				}
			}
			if name == "left" {
				_, err := s.Leave(ctx, tenant, r, "user00")
				require.NoError(t, err)
			}
			if name == "lounge" {
				for _, l := range []chat.Listed{{Login: "user03", At: ids.New(), Until: created.Add(time.Hour), By: "user00", Note: odd}, {Login: "user20", At: ids.New()}} {
					require.NoError(t, s.SetListed(ctx, tenant, r.Ref(), chat.InviteList, l))
					require.NoError(t, s.SetListed(ctx, tenant, r.Ref(), chat.MuteList, l))
				}
			}
			ms := history(n, odd)
			require.NoError(t, s.AppendBatch(ctx, r.Log(tenant), ms))
			require.NoError(t, s.AddFootprints(ctx, tenant, r.Ref(), authors(ms)))
			if n > 0 {
				happen(t, s, ids, tenant, r, ms)
			}
		}
	}
}

// authors returns the logins of people who wrote some of ms.
func authors(ms []chat.Message) (logins []string) {
	for _, m := range ms {
		if !m.System {
			logins = append(logins, m.Author.Login)
		}
	}
	return logins
}

// happen changes messages of a room, and what people keep about it.
func happen(t *testing.T, s store.Store, ids *id.Generator, tenant chat.Tenant, r chat.Room, ms []chat.Message) {
	t.Helper()
	ctx := t.Context()
	change := func(m chat.Message, c chat.Change) {
		c.ID = ids.New()
		_, err := s.ChangeMessage(ctx, r.Log(tenant), m.ID, func(chat.Message) (chat.Change, error) { return c, nil })
		require.NoError(t, err)
	}
	change(ms[11], chat.Change{Kind: chat.Edit, By: ms[11].Author, Content: "first edit"})
	change(ms[11], chat.Change{Kind: chat.Edit, By: ms[11].Author, Content: "second edit"})
	change(ms[12], chat.Change{Kind: chat.Delete, By: ms[12].Author})
	for _, login := range []string{"user05", "user03", "user04"} {
		for _, emoji := range []string{"👍", "🎉"} {
			change(ms[11], chat.Change{Kind: chat.React, By: person(login), Emoji: emoji, On: true})
			change(ms[13], chat.Change{Kind: chat.React, By: person(login), Emoji: emoji, On: true})
		}
	}
	change(ms[13], chat.Change{Kind: chat.React, By: person("user05"), Emoji: "🎉"})
	reply := chat.Message{ID: ids.New(), Author: person("user03"), Content: "a reply", ReplyTo: ms[11].ID}
	require.NoError(t, s.Append(ctx, r.Log(tenant), reply))
	image := chat.Message{ID: ids.New(), Author: person("user03"), Content: "[image]",
		Payload: chat.Payload{Kind: chat.ImageKind, Body: jsontext.Value(`{"url":"/1"}`), Ext: jsontext.Value(`{"n":1.0}`)}}
	wave := chat.Message{ID: ids.New(), Author: person("user03"), Content: "[custom] wave",
		Payload: chat.Payload{Kind: chat.CustomKind, Body: jsontext.Value(`{"event":"wave"}`)}}
	told := chat.Notice{Type: chat.NoticeRemoved, Who: person("user04"), By: person("user03")}.Message(ids.New())
	require.NoError(t, s.AppendBatch(ctx, r.Log(tenant), []chat.Message{image, wave, told}))
	change(wave, chat.Change{Kind: chat.Edit, By: wave.Author, Content: "[custom] bow",
		Payload: chat.Payload{Kind: chat.CustomKind, Body: jsontext.Value(`{"event":"bow"}`)}})
	require.NoError(t, s.SetRead(ctx, tenant, r.ID, "user03", reply.ID))
	require.NoError(t, s.SetMuted(ctx, tenant, r.ID, "user04", true))
}

// history is a channel's log: bursts of talk, years apart.
func history(n int, odd string) []chat.Message {
	seq := id.NewSequence([8]byte{byte(n)})
	at := time.Date(2006, 8, 23, 0, 0, 0, 0, time.UTC)
	ms := make([]chat.Message, 0, 1100*n)
	for i := range cap(ms) {
		m := chat.Message{ID: seq.At(at), Author: person(fmt.Sprintf("nick%d", i%37)), Content: fmt.Sprintf("<%d> %s", i, odd)}
		if i%50 == 0 {
			m.Author, m.System, m.Content = chat.System, true, "First Last joins the room"
		}
		ms = append(ms, m)
		at = at.Add(20 * time.Second)
		if i%200 == 199 {
			at = at.Add(300 * 24 * time.Hour)
		}
	}
	return ms
}

// export writes what a store has, with the bytes of its files.
func export(t *testing.T, s store.Store, o move.ExportOptions) []byte {
	t.Helper()
	o.Files = bucketOf(t, s)
	var b bytes.Buffer
	_, err := move.Export(t.Context(), &b, s, o)
	require.NoError(t, err)
	return b.Bytes()
}

func lastLine(file []byte) string {
	lines := strings.Split(strings.TrimSuffix(string(file), "\n"), "\n")
	return lines[len(lines)-1]
}

// canonical is what a file holds in an order that does not depend on the store: each room's lines behind
// the room's, and those of bytes behind their file's.
func canonical(file []byte) []string {
	var blocks []string
	for _, l := range strings.Split(strings.TrimSuffix(string(file), "\n"), "\n")[1:] {
		if strings.HasPrefix(l, `{"member"`) || strings.HasPrefix(l, `{"message"`) || strings.HasPrefix(l, `{"change"`) || strings.HasPrefix(l, `{"piece"`) {
			blocks[len(blocks)-1] += "\n" + l
			continue
		}
		blocks = append(blocks, l)
	}
	slices.Sort(blocks)
	return blocks
}

// samePages requires that every page of every room is the same in both stores.
func samePages(t *testing.T, a, b store.Store) {
	t.Helper()
	ctx := t.Context()
	require.NoError(t, a.EachRoom(ctx, func(tenant chat.Tenant, r chat.Room) error {
		other, err := b.Room(ctx, tenant, r.Name)
		require.NoError(t, err)
		require.Equal(t, r, other)
		for at := id.Max; ; {
			want, err := a.Older(ctx, r.Log(tenant), at, 200)
			require.NoError(t, err)
			got, err := b.Older(ctx, r.Log(tenant), at, 200)
			require.NoError(t, err)
			require.Equal(t, want, got)
			if len(want) < 200 {
				break
			}
			at = want[len(want)-1].ID
		}
		for _, login := range []string{"user00", "user01"} {
			want, err := a.RoomsOf(ctx, tenant, login, "", 100)
			require.NoError(t, err)
			got, err := b.RoomsOf(ctx, tenant, login, "", 100)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		for _, login := range []string{"user00", "user03", "user04", "user05"} {
			before, err := a.Footprints(ctx, tenant, login, id.ID{}, 100)
			require.NoError(t, err)
			after, err := b.Footprints(ctx, tenant, login, id.ID{}, 100)
			require.NoError(t, err)
			require.Equal(t, before, after, "where somebody has been")
			want, err := a.Readings(ctx, tenant, login, []id.ID{r.ID})
			require.NoError(t, err)
			got, err := b.Readings(ctx, tenant, login, []id.ID{r.ID})
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		return nil
	}))
}

// changesIn returns the changes of a room's messages that are newer than after.
func changesIn(t *testing.T, s store.Store, tenant chat.Tenant, name string, after id.ID) []chat.MessageChange {
	t.Helper()
	r, err := s.Room(t.Context(), tenant, name)
	require.NoError(t, err)
	page, err := chat.ReadChanges(t.Context(), s, r.Log(tenant), after, 1000)
	require.NoError(t, err)
	return page.Changes
}

func importInto(t *testing.T, s store.Store, file io.Reader) move.Report {
	t.Helper()
	report, err := move.Import(t.Context(), s, file, move.ImportOptions{Files: bucketOf(t, s)})
	require.NoError(t, err)
	return report
}
