package storetest

import (
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

var eraseTests = map[string]func(*env){
	"footprints stay when their maker leaves": func(e *env) {
		var want []chat.RoomRef
		for i := range 5 {
			r := e.newRoom(fmt.Sprint("room", i))
			want = append(want, r.Ref())
			e.join(r, "jdoe")
			_, err := e.s.Leave(e.ctx, e.tenant, r, "jdoe")
			require.NoError(e, err)
		}
		other := e.newRoom("other")
		for _, login := range []string{"jdoe", "creator"} {
			rooms := want
			if login == "creator" {
				rooms = append(append([]chat.RoomRef{}, want...), other.Ref())
			}
			for limit := 1; limit < 8; limit++ {
				var got []chat.RoomRef
				for after := (id.ID{}); ; {
					page, err := e.s.Footprints(e.ctx, e.tenant, login, after, limit)
					require.NoError(e, err)
					require.LessOrEqual(e, len(page), limit)
					got = append(got, page...)
					if len(page) < limit {
						break
					}
					after = page[len(page)-1].ID
				}
				require.Equal(e, rooms, got)
			}
		}
		require.NoError(e, e.s.AddFootprints(e.ctx, e.tenant, other.Ref(), nil))
		for range 2 {
			require.NoError(e, e.s.AddFootprints(e.ctx, e.tenant, other.Ref(), []string{"jdoe", "nick"}))
		}
		got, err := e.s.Footprints(e.ctx, e.tenant, "jdoe", id.ID{}, 100)
		require.NoError(e, err)
		require.Equal(e, append(want, other.Ref()), got)

		all := map[string]int{}
		require.NoError(e, e.s.EachFootprint(e.ctx, func(t chat.Tenant, login string, _ chat.RoomRef) error {
			if t == e.tenant {
				all[login]++
			}
			return nil
		}))
		require.Equal(e, map[string]int{"creator": 6, "jdoe": 6, "nick": 1}, all)

		require.NoError(e, e.s.ForgetFootprints(e.ctx, e.tenant, "jdoe"))
		got, err = e.s.Footprints(e.ctx, e.tenant, "jdoe", id.ID{}, 100)
		require.NoError(e, err)
		require.Empty(e, got)
		got, err = e.s.Footprints(e.ctx, e.tenant, "nick", id.ID{}, 100)
		require.NoError(e, err)
		require.Len(e, got, 1)
	},
	"disowned messages": func(e *env) {
		l := e.newLog()
		kept, gone, system, edited := e.message("kept"), e.message("gone"), e.message("First Last joins the room"), e.message("first")
		system.System, system.Author, system.Subject = true, chat.System, "jdoe"
		e.append(l, kept, gone, system, edited)
		original := []chat.Message{kept, gone, system, edited}
		e.holds(l, original...)
		change := chat.Change{Kind: chat.Edit, ID: e.ids.New(), By: edited.Author, Content: "second"}
		now, err := e.s.ChangeMessage(e.ctx, l, edited.ID, func(chat.Message) (chat.Change, error) { return change, nil })
		require.NoError(e, err)
		_, err = e.s.ChangeMessage(e.ctx, l, gone.ID, func(chat.Message) (chat.Change, error) {
			return chat.Change{Kind: chat.Delete, ID: e.ids.New(), By: gone.Author}, nil
		})
		require.NoError(e, err)
		never := e.ids.New()
		for range 2 {
			require.NoError(e, e.s.Disown(e.ctx, l, []chat.Disowned{{ID: gone.ID, Author: chat.Erased},
				{ID: system.ID, Author: chat.System, Content: ptr("Deleted User joins the room")},
				{ID: edited.ID, Author: chat.Erased}, {ID: never, Author: chat.Erased, Content: ptr("x")}}))
		}
		// Writing the original message again does not restore its author.
		require.NoError(e, e.s.AppendBatch(e.ctx, l, original))
		for _, m := range original {
			_, _, err := e.s.AppendOnce(e.ctx, l, m.ID.String(), m, id.ID{})
			require.NoError(e, err)
		}
		gone.Author, gone.Content, gone.Deleted = chat.Erased, "", true
		system.Content, system.Subject = "Deleted User joins the room", ""
		now.Author = chat.Erased
		e.holds(l, kept, gone, system, now)
		_, err = e.s.Message(e.ctx, l, never)
		e.isAbout(err, chat.NotFound, chat.MessageEntity)
		require.NoError(e, e.s.Disown(e.ctx, l, nil))

		// The log of changes is a log.
		entry := change.Entry(edited.ID)
		require.NoError(e, e.s.Disown(e.ctx, chat.ChangesOf(l), []chat.Disowned{{ID: change.ID, Author: chat.Erased}}))
		require.NoError(e, e.s.AppendBatch(e.ctx, chat.ChangesOf(l), []chat.Message{entry}))
		_, err = e.s.ChangeMessage(e.ctx, l, edited.ID, func(chat.Message) (chat.Change, error) { return change, nil })
		require.NoError(e, err)
		entry.Author = chat.Erased
		got, err := e.s.Message(e.ctx, chat.ChangesOf(l), change.ID)
		require.NoError(e, err)
		require.Equal(e, entry, got)
	},
	"disowned while it changes": func(e *env) {
		l := e.newLog()
		var ms []chat.Message
		for range 20 {
			ms = append(ms, e.message("x"))
		}
		e.append(l, ms...)
		race(2*len(ms), func(i int) {
			m := ms[i/2]
			var err error
			if i%2 == 0 {
				err = e.s.Disown(e.ctx, l, []chat.Disowned{{ID: m.ID, Author: chat.Erased}})
			} else {
				_, err = e.s.ChangeMessage(e.ctx, l, m.ID, func(chat.Message) (chat.Change, error) {
					return chat.Change{Kind: chat.Delete, ID: e.ids.New(), By: m.Author}, nil
				})
			}
			if err != nil {
				e.Errorf("%v", err)
			}
		})
		for i := range ms {
			ms[i].Author, ms[i].Content, ms[i].Deleted = chat.Erased, "", true
		}
		e.holds(l, ms...)
	},
	"traces of who left": func(e *env) {
		r, other := e.newRoom("games"), e.newRoom("other")
		e.join(r, "jdoe", "stays")
		e.join(other, "jdoe")
		post := func(in chat.Room, login, key, content string) (repeated bool) {
			m := e.message(content)
			m.Author = person(login)
			_, repeated, err := e.s.AppendOnce(e.ctx, in.Log(e.tenant), key, m, id.ID{})
			require.NoError(e, err)
			return repeated
		}
		keys := []string{"k", "K", " ", "~ last", "0b7e3f3c-8d2f-4d49-9a3d-2d9a2b1d9a11"}
		for _, key := range keys {
			for _, in := range []chat.Room{r, other} {
				require.False(e, post(in, "jdoe", key, "hello"))
			}
			require.False(e, post(r, "stays", key, "hello"))
		}
		// Who is a participant stays one.
		require.NoError(e, e.s.ForgetTraces(e.ctx, e.tenant, r.Ref(), "stays"))
		e.agrees(r, "creator", "jdoe", "stays")
		require.False(e, post(r, "stays", "k", "another"))

		_, err := e.s.Leave(e.ctx, e.tenant, r, "jdoe")
		require.NoError(e, err)
		for range 2 {
			require.NoError(e, e.s.ForgetTraces(e.ctx, e.tenant, r.Ref(), "jdoe"))
			e.agrees(r, "creator", "stays")
		}
		require.True(e, post(r, "stays", "k", "another"), "of others they stay")
		for _, key := range keys {
			require.False(e, post(r, "jdoe", key, "another"))
			require.True(e, post(other, "jdoe", key, "hello"), "in other rooms they stay")
		}
		e.agrees(other, "creator", "jdoe")

		// In a deleted room, swept or not, and where the user never was.
		require.NoError(e, e.s.DeleteRoom(e.ctx, e.tenant, other))
		require.NoError(e, e.s.ForgetTraces(e.ctx, e.tenant, other.Ref(), "jdoe"))
		require.False(e, post(other, "jdoe", "k", "another"))
		require.NoError(e, e.s.SweepRoom(e.ctx, e.sweepOf(other), nil))
		require.NoError(e, e.s.ForgetTraces(e.ctx, e.tenant, other.Ref(), "jdoe"))
		e.showsNothing(other.ID)
		require.NoError(e, e.s.ForgetTraces(e.ctx, e.tenant, r.Ref(), "nobody"))
		e.join(r, "jdoe")
		e.agrees(r, "creator", "jdoe", "stays")
	},
	"erased accounts": func(e *env) {
		require.NoError(e, e.s.CreateUser(e.ctx, e.tenant, user("jdoe")))
		require.NoError(e, e.s.MarkErased(e.ctx, e.tenant, "jdoe"))
		require.NoError(e, e.s.MarkErased(e.ctx, e.tenant, "nobody"))
		got, err := e.s.User(e.ctx, e.tenant, "jdoe")
		require.NoError(e, err)
		require.Equal(e, user("jdoe"), got, "an account that is not deleted")
		_, err = e.s.User(e.ctx, e.tenant, "nobody")
		e.isAbout(err, chat.NotFound, chat.UserEntity)
		require.NoError(e, e.s.DeleteUser(e.ctx, e.tenant, "jdoe"))
		for range 2 {
			require.NoError(e, e.s.MarkErased(e.ctx, e.tenant, "jdoe"))
			require.NoError(e, e.s.DeleteUser(e.ctx, e.tenant, "jdoe"))
		}
		want := chat.User{Person: chat.Person{Login: "jdoe"}, Deleted: true, Erased: true}
		got, err = e.s.User(e.ctx, e.tenant, "jdoe")
		require.NoError(e, err)
		require.Equal(e, want, got)
		var all []chat.User
		require.NoError(e, e.s.EachUser(e.ctx, func(t chat.Tenant, u chat.User) error {
			if t == e.tenant {
				all = append(all, u)
			}
			return nil
		}))
		require.Equal(e, []chat.User{want}, all)
		err = e.s.CreateUser(e.ctx, e.tenant, user("jdoe"))
		e.isAbout(err, chat.Conflict, chat.UserEntity)
	},
	"disowned rooms": func(e *env) {
		r := e.newRoom("games")
		require.NoError(e, e.s.DisownRoom(e.ctx, e.tenant, r.Ref(), chat.Erased))
		r.Creator = chat.Erased
		got, err := e.s.Room(e.ctx, e.tenant, "games")
		require.NoError(e, err)
		require.Equal(e, r, got)
		require.NoError(e, e.s.DisownRoom(e.ctx, e.tenant, chat.RoomRef{ID: e.ids.New(), Name: "games"}, person("other")))
		require.NoError(e, e.s.DisownRoom(e.ctx, e.tenant, chat.RoomRef{ID: e.ids.New(), Name: "nowhere"}, person("other")))
		got, err = e.s.Room(e.ctx, e.tenant, "games")
		require.NoError(e, err)
		require.Equal(e, r, got)
		_, err = e.s.Room(e.ctx, e.tenant, "nowhere")
		e.isAbout(err, chat.NotFound, chat.RoomEntity)
	},
}
