package chat_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/chat/chattest"
	"github.com/confab-chat/confab/pkg/id"
)

func TestCreateRoom(t *testing.T) {
	w := newWorld(t)
	jdoe := w.user("jdoe")
	v, err := w.CreateRoom(t.Context(), jdoe, chat.NewRoom{Name: "Dallas", Creator: new("jdoe"), Banner: new("J.R.")})
	require.NoError(t, err)
	got, err := w.Room(t.Context(), app, "Dallas")
	require.NoError(t, err)
	require.Equal(t, v, got)
	require.Equal(t, "First-jdoe", v.Creator.FirstName, "persons come from the profile")
	require.Equal(t, []chat.Person{v.Creator}, v.Participants)
	require.Equal(t, v.ID.Time().UnixMilli(), v.CreatedAt.UnixMilli())
	u, err := w.User(t.Context(), tenant, "jdoe")
	require.NoError(t, err)
	require.Equal(t, []string{"Dallas"}, u.ChatRooms)
	require.Empty(t, w.contents(jdoe, "Dallas"), "a creation is no message")
	require.Empty(t, w.events.take())

	_, err = w.CreateRoom(t.Context(), jdoe, chat.NewRoom{Name: "Houston", Creator: new("other")})
	requireKind(t, chat.Forbidden, err)
	_, err = w.CreateRoom(t.Context(), as("nobody"), chat.NewRoom{Name: "Houston"})
	requireKind(t, chat.NotFound, err)
	_, err = w.Room(t.Context(), app, "Houston")
	requireKind(t, chat.NotFound, err)
}

func TestOneOfManyCreationsWins(t *testing.T) {
	w := newWorld(t)
	var users []chat.Identity
	for i := range 6 {
		users = append(users, w.user(fmt.Sprint("user", i)))
	}
	errs := together(len(users), func(i int) error {
		_, err := w.CreateRoom(t.Context(), users[i], chat.NewRoom{Name: "Dallas", Banner: &users[i].Login})
		return err
	})
	v, err := w.Room(t.Context(), app, "Dallas")
	require.NoError(t, err)
	for i, err := range errs {
		u, uerr := w.User(t.Context(), tenant, users[i].Login)
		require.NoError(t, uerr)
		if users[i].Login == v.Creator.Login {
			require.NoError(t, err)
			require.Equal(t, []string{"Dallas"}, u.ChatRooms)
			continue
		}
		requireKind(t, chat.Conflict, err)
		require.Empty(t, u.ChatRooms)
	}
	require.Equal(t, v.Creator.Login, *v.Banner)
	require.Equal(t, []chat.Person{v.Creator}, v.Participants)
}

func TestJoinAndLeave(t *testing.T) {
	w := newWorld(t)
	jdoe, other := w.user("jdoe"), w.user("other")
	w.room("Dallas", jdoe)
	joins, leaves := "message: First-other Last-other joins the room", "message: First-other Last-other leaves the room"

	require.NoError(t, w.Join(t.Context(), other, "Dallas", new("other")))
	require.Equal(t, []string{"joined: other", joins}, w.events.take(), "the participant first")
	require.NoError(t, w.Join(t.Context(), other, "Dallas", nil))
	require.Equal(t, []string{"joined before: other"}, w.events.take(), "no message; it reaches who does not know")
	require.Equal(t, []string{"jdoe", "other"}, w.participants("Dallas"))

	require.NoError(t, w.Leave(t.Context(), other, "Dallas", nil))
	require.Equal(t, []string{"left: other", leaves}, w.events.take())
	require.NoError(t, w.Leave(t.Context(), other, "Dallas", nil))
	require.Equal(t, []string{"left before: other"}, w.events.take())
	require.Equal(t, []string{"jdoe"}, w.participants("Dallas"))

	p, err := w.Messages(t.Context(), jdoe, "Dallas", chat.PageQuery{Limit: 10})
	require.NoError(t, err)
	require.Len(t, p.Messages, 2)
	for _, m := range p.Messages {
		require.True(t, m.System)
		require.Equal(t, chat.System, m.Author)
	}
}

func TestWhoMayJoinAndLeaveForWhom(t *testing.T) {
	w := newWorld(t)
	creator, member, stranger := w.user("creator"), w.user("member"), w.user("stranger")
	w.room("Dallas", creator, member)
	w.events.take()

	requireKind(t, chat.Forbidden, w.Join(t.Context(), creator, "Dallas", new("stranger")))
	requireKind(t, chat.Forbidden, w.Leave(t.Context(), member, "Dallas", new("creator")))
	requireKind(t, chat.Forbidden, w.Leave(t.Context(), stranger, "Dallas", new("member")))
	requireKind(t, chat.NotFound, w.Join(t.Context(), member, "nowhere", nil))
	requireKind(t, chat.NotFound, w.Leave(t.Context(), member, "nowhere", new("creator")))
	require.Empty(t, w.events.take())
	require.Equal(t, []string{"creator", "member"}, w.participants("Dallas"))

	require.NoError(t, w.Leave(t.Context(), creator, "Dallas", new("stranger")), "nobody to remove")
	require.Equal(t, []string{"left before: stranger"}, w.events.take())
	require.NoError(t, w.Leave(t.Context(), creator, "Dallas", new("member")))
	require.Equal(t, []string{"removed: member", "message: First-member Last-member leaves the room"}, w.events.take())
	require.NoError(t, w.Leave(t.Context(), creator, "Dallas", nil), "the creator may leave")
	require.Empty(t, w.participants("Dallas"))
	require.NoError(t, w.DeleteRoom(t.Context(), creator, "Dallas"), "and still delete the room")
}

func TestManyJoinsAtOnceAreOne(t *testing.T) {
	w := newWorld(t)
	jdoe, other := w.user("jdoe"), w.user("other")
	w.room("Dallas", jdoe)
	for _, err := range together(8, func(int) error { return w.Join(t.Context(), other, "Dallas", nil) }) {
		require.NoError(t, err)
	}
	before := func(e string) bool { return strings.Contains(e, " before: ") }
	require.Equal(t, []string{"joined: other", "message: First-other Last-other joins the room"}, slices.DeleteFunc(w.events.take(), before))
	require.Equal(t, []string{"jdoe", "other"}, w.participants("Dallas"))
	for _, err := range together(8, func(int) error { return w.Leave(t.Context(), other, "Dallas", nil) }) {
		require.NoError(t, err)
	}
	require.Equal(t, []string{"left: other", "message: First-other Last-other leaves the room"}, slices.DeleteFunc(w.events.take(), before))
}

func TestAMissingSystemMessageDoesNotHideAJoin(t *testing.T) {
	w := newWorld(t)
	jdoe, other := w.user("jdoe"), w.user("other")
	w.room("Dallas", jdoe)
	w.store.on(func(_ context.Context, call string) error {
		if call == "Append" {
			return chat.ErrUnavailable(errDisk)
		}
		return nil
	})
	require.NoError(t, w.Join(t.Context(), other, "Dallas", nil))
	require.Equal(t, []string{"joined: other"}, w.events.take())
}

func TestDeleteRoom(t *testing.T) {
	w := newWorld(t)
	jdoe, other, third := w.user("jdoe"), w.user("other"), w.user("third")
	w.room("Dallas", jdoe, other)
	old := w.post(jdoe, "Dallas", "oil")
	requireKind(t, chat.Forbidden, w.DeleteRoom(t.Context(), other, "Dallas"))
	requireKind(t, chat.NotFound, w.DeleteRoom(t.Context(), other, "nowhere"))
	w.events.take()

	require.NoError(t, w.DeleteRoom(t.Context(), jdoe, "Dallas"))
	require.Equal(t, []string{"deleted by jdoe"}, w.events.take())
	requireKind(t, chat.NotFound, w.DeleteRoom(t.Context(), jdoe, "Dallas"))
	_, err := w.Messages(t.Context(), jdoe, "Dallas", chat.PageQuery{Limit: 1})
	requireKind(t, chat.NotFound, err)
	_, err = w.Post(t.Context(), jdoe, "Dallas", chat.NewMessage{Content: new("anybody?")})
	requireKind(t, chat.NotFound, err)
	requireKind(t, chat.NotFound, w.Join(t.Context(), other, "Dallas", nil))
	for _, who := range []chat.Identity{jdoe, other} {
		u, err := w.User(t.Context(), tenant, who.Login)
		require.NoError(t, err)
		require.Empty(t, u.ChatRooms)
	}

	w.room("Dallas", third)
	require.Equal(t, []string{"third"}, w.participants("Dallas"))
	require.Empty(t, w.contents(third, "Dallas"))
	_, err = w.Message(t.Context(), third, "Dallas", old.ID)
	requireKind(t, chat.NotFound, err)
	_, err = w.Post(t.Context(), jdoe, "Dallas", chat.NewMessage{Content: new("me again")})
	requireKind(t, chat.Forbidden, err)
}

func TestSetBanner(t *testing.T) {
	w := newWorld(t)
	jdoe, other := w.user("jdoe"), w.user("other")
	w.room("Dallas", jdoe, other)
	_, err := w.SetBanner(t.Context(), other, "Dallas", new("mine"), nil)
	requireKind(t, chat.Forbidden, err)
	_, err = w.SetBanner(t.Context(), jdoe, "Dallas", nul("x"), nil)
	requireKind(t, chat.Invalid, err)
	v, err := w.SetBanner(t.Context(), jdoe, "Dallas", new("oil"), nil)
	require.NoError(t, err)
	require.Equal(t, "oil", *v.Banner)
	require.Len(t, v.Participants, 2)
	v, err = w.SetBanner(t.Context(), jdoe, "Dallas", nil, nil)
	require.NoError(t, err)
	require.Nil(t, v.Banner)
	_, err = w.SetBanner(t.Context(), jdoe, "nowhere", nil, nil)
	requireKind(t, chat.NotFound, err)
}

func TestListsOfRooms(t *testing.T) {
	w := newWorld(t)
	jdoe, other := w.user("jdoe"), w.user("other")
	w.room("Houston", jdoe)
	w.room("Austin", jdoe, other)
	w.room("Dallas", other)
	vs, more, err := w.Rooms(t.Context(), tenant, chat.Range{Limit: 2})
	require.NoError(t, err)
	require.True(t, more)
	require.Equal(t, "Austin", vs[0].Name)
	require.Len(t, vs[0].Participants, 2)
	require.Equal(t, "Dallas", vs[1].Name)
	vs, more, err = w.Rooms(t.Context(), tenant, chat.Range{Limit: 2, After: "Dallas"})
	require.NoError(t, err)
	require.False(t, more)
	require.Len(t, vs, 1)
	require.Equal(t, "Houston", vs[0].Name)
	vs, more, err = w.RoomsByName(t.Context(), app, []string{"Houston", "nowhere", "a/b", "Austin", "Houston"})
	require.NoError(t, err)
	require.False(t, more)
	require.Len(t, vs, 2)
	require.Equal(t, "Houston", vs[0].Name)
	require.Equal(t, "Austin", vs[1].Name)
}

// Lists show a few participants of each room and their count, and take less than MaxRead. RoomsInParts shows all.
func TestListsOfLargeRooms(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	banner := strings.Repeat("b", 2000)
	var names []string
	for i := range 30 {
		name := fmt.Sprintf("room%02d", i)
		_, err := w.CreateRoom(t.Context(), ann, chat.NewRoom{Name: name, Banner: &banner})
		require.NoError(t, err)
		names = append(names, name)
	}
	long := strings.Repeat("n", 900)
	counts := map[string]int{"room03": chat.ListedParticipants - 1, "room04": chat.ListedParticipants, "room05": chat.ListedParticipants + 1, "room06": 150}
	for name, n := range counts {
		r, err := w.store.Room(t.Context(), tenant, name)
		require.NoError(t, err)
		for i := range n - 1 {
			_, err := w.store.Join(t.Context(), tenant, r, chat.Person{Login: fmt.Sprintf("user%03d", i), FirstName: long, LastName: long}, id.ID{})
			require.NoError(t, err)
		}
	}
	check := func(v chat.RoomView, most int) {
		t.Helper()
		count := max(counts[v.Name], 1)
		require.Equal(t, count, v.Count, v.Name)
		require.Len(t, v.Participants, min(count, most), v.Name)
	}
	vs, more, err := w.Rooms(t.Context(), tenant, chat.Range{Limit: 1000})
	require.NoError(t, err)
	require.False(t, more)
	require.Len(t, vs, len(names))
	for _, v := range vs {
		check(v, chat.ListedParticipants)
	}
	var whole []string
	err = w.RoomsInParts(t.Context(), tenant, chat.Range{Limit: 1000}, func(part []chat.RoomView, _ bool) error {
		for _, v := range part {
			check(v, chat.MaxParticipants)
			whole = append(whole, v.Name)
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, names, whole)

	for i := range 30 { // each of them shows 40 kB of names
		r, err := w.store.Room(t.Context(), tenant, names[i])
		require.NoError(t, err)
		for i := range chat.ListedParticipants {
			_, err := w.store.Join(t.Context(), tenant, r, chat.Person{Login: fmt.Sprintf("abc%02d", i), FirstName: long, LastName: long}, id.ID{})
			require.NoError(t, err)
		}
	}
	var got []string
	pages := 0
	for after, more := "", true; more; pages++ {
		vs, more, err = w.Rooms(t.Context(), tenant, chat.Range{Limit: 1000, After: after})
		require.NoError(t, err)
		for _, v := range vs {
			got, after = append(got, v.Name), v.Name
		}
	}
	require.Equal(t, names, got)
	require.Equal(t, 2, pages)
	vs, more, err = w.RoomsByName(t.Context(), app, names)
	require.NoError(t, err)
	require.True(t, more)
	require.Equal(t, names[len(vs)-1], vs[len(vs)-1].Name)
}

// A change continues when its client disconnects, and is applied completely.
func TestAChangeOutlivesItsClient(t *testing.T) {
	w := newWorld(t)
	jdoe, other := w.user("jdoe"), w.user("other")
	w.room("Dallas", jdoe)
	w.post(jdoe, "Dallas", "warm")
	hangUpAt := func(call string, f func(ctx context.Context) error) {
		ctx, hangUp := context.WithCancel(t.Context())
		var seen error
		w.store.on(func(inner context.Context, name string) error {
			if name == call {
				hangUp()
				seen = inner.Err()
			}
			return nil
		})
		defer w.store.on(nil)
		require.NoError(t, f(ctx), call)
		require.ErrorIs(t, ctx.Err(), context.Canceled, "the call %s was not made", call)
		require.NoError(t, seen, "the store still works on %s", call)
	}
	hangUpAt("Append", func(ctx context.Context) error {
		_, err := w.Post(ctx, jdoe, "Dallas", chat.NewMessage{Content: new("hello")})
		return err
	})
	hangUpAt("AppendOnce", func(ctx context.Context) error {
		_, err := w.Post(ctx, jdoe, "Dallas", chat.NewMessage{Content: new("once"), Key: new("k")})
		return err
	})
	hangUpAt("Join", func(ctx context.Context) error { return w.Join(ctx, other, "Dallas", nil) })
	hangUpAt("Leave", func(ctx context.Context) error { return w.Leave(ctx, other, "Dallas", nil) })
	hangUpAt("CreateUser", func(ctx context.Context) error { _, err := w.SignUp(ctx, tenant, chattest.NewUser("late")); return err })
	hangUpAt("CreateRoom", func(ctx context.Context) error {
		_, err := w.CreateRoom(ctx, jdoe, chat.NewRoom{Name: "Houston"})
		return err
	})
	require.Equal(t, []string{"warm", "hello", "once", "First-other Last-other joins the room",
		"First-other Last-other leaves the room"}, w.contents(jdoe, "Dallas"))
	hangUpAt("DeleteRoom", func(ctx context.Context) error { return w.DeleteRoom(ctx, jdoe, "Dallas") })
}

// A change that ends access shows immediately on its own node, also to a look-up that had read the state before.
func TestEndedAccessIsNotRememberedFromBefore(t *testing.T) {
	ends := map[string]struct {
		read string // the call that reads what is about to end
		kind chat.Kind
		end  func(ctx context.Context, w *world) error
	}{
		"leave":   {"Participant", chat.Forbidden, func(ctx context.Context, w *world) error { return w.Leave(ctx, as("member"), "Dallas", nil) }},
		"removal": {"Participant", chat.Forbidden, func(ctx context.Context, w *world) error { return w.Leave(ctx, as("creator"), "Dallas", new("member")) }},
		"deletion": {"Room", chat.NotFound, func(ctx context.Context, w *world) error {
			return w.DeleteRoom(ctx, as("creator"), "Dallas")
		}},
	}
	for name, c := range ends {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.room("Dallas", w.user("creator"), w.user("member"))
			member := as("member")
			_, _, err := w.Access(t.Context(), member, "Dallas")
			require.NoError(t, err)
			require.NoError(t, c.end(t.Context(), w))
			_, _, err = w.Access(t.Context(), member, "Dallas")
			requireKind(t, c.kind, err)
		})
		t.Run(name+" while it is looked up", func(t *testing.T) {
			w := newWorld(t)
			w.room("Dallas", w.user("creator"), w.user("member"))
			member := as("member")
			read, goOn := make(chan struct{}), make(chan struct{})
			finish := sync.OnceFunc(func() { close(goOn) })
			t.Cleanup(finish) // also when a check fails: the store waits for its calls
			soon, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			var first atomic.Bool
			w.store.onDone(func(call string) {
				if call == c.read {
					if first.CompareAndSwap(false, true) {
						close(read)
						<-goOn
					}
				}
			})
			var looking sync.WaitGroup
			looking.Go(func() { _, _, _ = w.Access(t.Context(), member, "Dallas") })
			<-read // the old state is read, and not yet cached
			require.NoError(t, c.end(t.Context(), w))
			_, _, err := w.Access(soon, member, "Dallas")
			requireKind(t, c.kind, err)
			finish()
			looking.Wait()
			_, _, err = w.Access(t.Context(), member, "Dallas")
			requireKind(t, c.kind, err)
		})
	}
}

// A store is asked for no participant whose login cannot be one: it may be longer than its keys.
func TestRemovingWhoCannotBe(t *testing.T) {
	w := newWorld(t)
	jdoe := w.user("jdoe")
	w.room("Dallas", jdoe)
	for _, login := range []string{"", "a b", strings.Repeat("a", 70_000)} {
		requireKind(t, chat.NotFound, w.Leave(t.Context(), jdoe, "Dallas", &login))
	}
}
