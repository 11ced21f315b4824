package storetest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

var sweepTests = map[string]func(*env){
	"a deletion is swept and then forgotten": func(e *env) {
		before := time.Now().Add(-time.Minute)
		r := e.newRoom("games")
		l := r.Log(e.tenant)
		e.join(r, "a", "b")
		var ms []chat.Message
		for i := range 50 {
			ms = append(ms, chat.Message{
				ID: idAt(time.Date(2010+i/5, 1, 1, 0, 0, i, 0, time.UTC), uint64(i)), Content: fmt.Sprint(i),
			})
		}
		require.NoError(e, e.s.AppendBatch(e.ctx, l, ms))
		_, _, err := e.s.AppendOnce(e.ctx, l, "k", e.message("once"), id.ID{})
		require.NoError(e, err)
		require.False(e, e.hasSweep(r))
		require.NoError(e, e.s.DeleteRoom(e.ctx, e.tenant, r))

		w := e.sweepOf(r)
		require.Equal(e, r.Ref(), w.Room)
		require.True(e, w.DeletedAt.After(before) && w.DeletedAt.Before(before.Add(time.Hour)), w.DeletedAt)
		require.Equal(e, time.UTC, w.DeletedAt.Location())

		// Writers that were running when the room was deleted.
		e.append(l, e.message("late"))
		require.NoError(e, e.s.AppendBatch(e.ctx, l, ms[:3]))
		_, _, err = e.s.AppendOnce(e.ctx, l, "late", e.message("late once"), id.ID{})
		require.NoError(e, err)

		last := 0
		require.NoError(e, e.s.SweepRoom(e.ctx, w, func(removed int) {
			require.GreaterOrEqual(e, removed, last)
			last = removed
		}))
		require.Positive(e, last)
		e.holds(l)
		e.showsNothing(r.ID)
		for _, m := range ms[:3] {
			_, err := e.s.Message(e.ctx, l, m.ID)
			e.isAbout(err, chat.NotFound, chat.MessageEntity)
		}
		// Its idempotency keys are removed too: nothing refers to removed messages.
		for _, key := range []string{"k", "late"} {
			_, repeated, err := e.s.AppendOnce(e.ctx, l, key, e.message("another"), id.ID{})
			require.NoError(e, err)
			require.False(e, repeated)
		}

		require.True(e, e.hasSweep(r), "a sweep does not end by itself")
		for range 2 {
			require.NoError(e, e.s.SweepRoom(e.ctx, w, nil))
			e.holds(l)
		}
		for range 2 {
			require.NoError(e, e.s.EndSweep(e.ctx, w))
			require.False(e, e.hasSweep(r))
		}
	},
	"two sweep at once": func(e *env) {
		r := e.newRoom("games")
		l := r.Log(e.tenant)
		for range 20 {
			e.append(l, e.message("x"))
		}
		require.NoError(e, e.s.DeleteRoom(e.ctx, e.tenant, r))
		w := e.sweepOf(r)
		race(3, func(int) {
			if err := e.s.SweepRoom(e.ctx, w, nil); err != nil {
				e.Errorf("SweepRoom: %v", err)
			}
		})
		e.holds(l)
		race(3, func(int) {
			if err := e.s.EndSweep(e.ctx, w); err != nil {
				e.Errorf("EndSweep: %v", err)
			}
		})
		require.False(e, e.hasSweep(r))
	},
	"only the room itself is swept": func(e *env) {
		r, other := e.newRoom("games"), e.newRoom("other")
		m := e.message("stays")
		e.append(other.Log(e.tenant), m)
		e.append(r.Log(e.tenant), e.message("goes"))
		e.join(other, "jdoe")
		elsewhere := chat.Log{Tenant: newTenant(), ID: r.ID}
		e.append(elsewhere, m)
		require.NoError(e, e.s.DeleteRoom(e.ctx, e.tenant, r))
		require.NoError(e, e.s.SweepRoom(e.ctx, e.sweepOf(r), nil))
		e.holds(other.Log(e.tenant), m)
		e.holds(elsewhere, m)
		e.agrees(other, "creator", "jdoe")
		require.False(e, e.hasSweep(other))
	},
	"rooms of one name are swept apart": func(e *env) {
		for range 3 {
			r := e.newRoom("games")
			require.NoError(e, e.s.DeleteRoom(e.ctx, e.tenant, r))
			require.True(e, e.hasSweep(r))
		}
		r := e.newRoom("games")
		for _, w := range e.sweeps() {
			require.NoError(e, e.s.SweepRoom(e.ctx, w, nil))
			require.NoError(e, e.s.EndSweep(e.ctx, w))
		}
		require.Empty(e, e.sweeps())
		e.showsRoom(r)
	},
	"limited": func(e *env) {
		for i := range 3 {
			require.NoError(e, e.s.DeleteRoom(e.ctx, e.tenant, e.newRoom(fmt.Sprint(i))))
		}
		all := e.sweeps()
		require.Len(e, all, 3)
		// Also from one that has ended meanwhile.
		for _, ended := range []bool{false, true} {
			for limit := 1; limit < 4; limit++ {
				var own []chat.Sweep
				for after := (chat.Sweep{}); ; {
					page, err := e.s.Sweeps(e.ctx, after, limit)
					require.NoError(e, err)
					require.LessOrEqual(e, len(page), limit)
					for _, w := range page {
						if w.Tenant != e.tenant {
							continue
						}
						if own = append(own, w); ended {
							require.NoError(e, e.s.EndSweep(e.ctx, w))
						}
					}
					if len(page) < limit {
						break
					}
					after = page[len(page)-1]
				}
				require.Equal(e, all, own)
				if ended {
					require.Empty(e, e.sweeps())
					return
				}
			}
		}
	},
}

// sweeps returns the deletions of this test's tenant.
func (e *env) sweeps() (own []chat.Sweep) {
	e.Helper()
	all, err := e.s.Sweeps(e.ctx, chat.Sweep{}, 100_000)
	require.NoError(e, err)
	for _, w := range all {
		if w.Tenant == e.tenant {
			own = append(own, w)
		}
	}
	return own
}

func (e *env) sweepOf(r chat.Room) chat.Sweep {
	e.Helper()
	for _, w := range e.sweeps() {
		if w.Room.ID == r.ID {
			return w
		}
	}
	require.Fail(e, "the deletion is not in Sweeps")
	return chat.Sweep{}
}

func (e *env) hasSweep(r chat.Room) bool {
	e.Helper()
	for _, w := range e.sweeps() {
		if w.Room.ID == r.ID {
			return true
		}
	}
	return false
}
