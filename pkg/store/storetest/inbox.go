package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/inbox"
)

func (e *env) box(login string) chat.Identity { return chat.Identity{Tenant: e.tenant, Login: login} }

// replaces requires that a cell is replaced, and returns what it is then.
func (e *env) replaces(replace func(c inbox.Cell) (bool, error), c inbox.Cell, value string) inbox.Cell {
	e.Helper()
	c.Value = []byte(value)
	done, err := replace(c)
	require.NoError(e, err)
	require.True(e, done)
	c.Version++
	return c
}

var inboxTests = map[string]func(*env){
	"a state is replaced while it is what was read": func(e *env) {
		ann := e.box("ann")
		replace := func(c inbox.Cell) (bool, error) { return e.s.ReplaceInbox(e.ctx, ann, c) }
		holds := func(want inbox.Cell) {
			c, err := e.s.Inbox(e.ctx, ann)
			require.NoError(e, err)
			want.Number = c.Number
			require.Equal(e, want, c)
		}
		holds(inbox.Cell{})
		first := e.replaces(replace, inbox.Cell{}, "first")
		holds(first)
		second := e.replaces(replace, first, "second\x00\xff")
		holds(second)
		for _, stale := range []int64{0, 1, 3} {
			done, err := replace(inbox.Cell{Version: stale, Value: []byte("stale")})
			require.NoError(e, err)
			require.False(e, done)
		}
		holds(second)
		other, err := e.s.Inbox(e.ctx, chat.Identity{Tenant: newTenant(), Login: "ann"})
		require.NoError(e, err)
		require.Zero(e, other.Version, "of another tenant")
		for range 2 {
			require.NoError(e, e.s.RemoveInbox(e.ctx, ann))
			holds(inbox.Cell{})
		}
		holds(e.replaces(replace, inbox.Cell{}, "anew"))
	},
	"one of those who replace a state does": func(e *env) {
		ann := e.box("ann")
		for version := range int64(3) {
			winner := e.once(racers, func(i int) (bool, error) {
				return e.s.ReplaceInbox(e.ctx, ann, inbox.Cell{Version: version, Value: []byte(fmt.Sprint(version, i))})
			})
			c, err := e.s.Inbox(e.ctx, ann)
			require.NoError(e, err)
			require.Equal(e, fmt.Sprint(version, winner), string(c.Value))
		}
	},
	"pages": func(e *env) {
		ann := e.box("ann")
		replace := func(c inbox.Cell) (bool, error) { return e.s.ReplaceInboxPage(e.ctx, ann, c) }
		var want []inbox.Cell
		for _, n := range []int64{0, 1, 63, 64, 65, 200} {
			want = append(want, e.replaces(replace, inbox.Cell{Number: n}, fmt.Sprint("page ", n)))
		}
		want[2] = e.replaces(replace, want[2], "replaced")
		done, err := replace(inbox.Cell{Number: 63, Value: []byte("late")})
		require.NoError(e, err)
		require.False(e, done)
		e.replaces(func(c inbox.Cell) (bool, error) { return e.s.ReplaceInboxPage(e.ctx, e.box("anna"), c) }, inbox.Cell{Number: 2}, "another's")
		holds := func(from, to int64, want ...inbox.Cell) {
			e.Helper()
			got, err := e.s.InboxPages(e.ctx, ann, from, to)
			require.NoError(e, err)
			require.Equal(e, want, got)
		}
		holds(0, 1000, want...)
		holds(1, 65, want[1:4]...)
		holds(63, 64, want[2])
		holds(2, 63)
		holds(5, 5)
		require.NoError(e, e.s.RemoveInboxPages(e.ctx, ann, 1, 65))
		holds(0, 1000, want[0], want[4], want[5])
		require.NoError(e, e.s.RemoveInboxPages(e.ctx, ann, 0, 1000))
		holds(0, 1000)
	},
	"notes": func(e *env) {
		ann, day := e.box("ann"), time.Date(2016, 2, 29, 23, 59, 59, 0, time.UTC)
		var notes []inbox.Note
		var all []id.ID
		for i := range 250 {
			m := id.FirstAt(day.Add(time.Duration(i) * 10 * time.Minute))
			notes, all = append(notes, inbox.Note{Message: m, Position: int64(i)}), append(all, m)
		}
		require.NoError(e, e.s.NoteInbox(e.ctx, ann, notes[:200]))
		require.NoError(e, e.s.NoteInbox(e.ctx, ann, notes[:10]))
		require.NoError(e, e.s.NoteInbox(e.ctx, e.box("bob"), notes))
		holds := func(want []inbox.Note) {
			got, err := e.s.InboxNotes(e.ctx, ann, all)
			require.NoError(e, err)
			require.ElementsMatch(e, want, got)
		}
		holds(notes[:200])
		require.NoError(e, e.s.RemoveInboxNotes(e.ctx, ann, all[0], all[199]))
		holds(nil)
		got, err := e.s.InboxNotes(e.ctx, e.box("bob"), all)
		require.NoError(e, err)
		require.Len(e, got, 250)
	},
	"all mailboxes": func(e *env) {
		for _, login := range []string{"ann", "bob", "dan"} {
			who := e.box(login)
			e.replaces(func(c inbox.Cell) (bool, error) { return e.s.ReplaceInbox(e.ctx, who, c) }, inbox.Cell{}, "x")
			e.replaces(func(c inbox.Cell) (bool, error) { return e.s.ReplaceInboxPage(e.ctx, who, c) }, inbox.Cell{Number: 70}, "x")
		}
		require.NoError(e, e.s.RemoveInbox(e.ctx, e.box("dan")))
		var got []string
		require.NoError(e, e.s.EachInbox(e.ctx, func(who chat.Identity) error {
			if who.Tenant == e.tenant {
				got = append(got, who.Login)
			}
			return nil
		}))
		slices.Sort(got)
		require.Equal(e, []string{"ann", "bob"}, got)
	},
}
