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
		require.NoError(e, e.s.DeleteRoom(e.ctx, e.tenant, r))
		w := e.sweepOf(r)

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

		for range 2 {
			require.NoError(e, e.s.SweepRoom(e.ctx, w, nil))
			e.holds(l)
		}
		for range 2 {
			require.NoError(e, e.s.EndSweep(e.ctx, w))
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
	},
	"rooms of one name are swept apart": func(e *env) {
		var old []chat.Sweep
		for range 3 {
			r := e.newRoom("games")
			require.NoError(e, e.s.DeleteRoom(e.ctx, e.tenant, r))
			old = append(old, e.sweepOf(r))
		}
		r := e.newRoom("games")
		for _, w := range old {
			require.NoError(e, e.s.SweepRoom(e.ctx, w, nil))
			require.NoError(e, e.s.EndSweep(e.ctx, w))
		}
		e.showsRoom(r)
	},
}

// sweepOf is the work that the deletion of a room leaves.
func (e *env) sweepOf(r chat.Room) chat.Sweep {
	return chat.Sweep{Tenant: e.tenant, Room: r.Ref(), DeletedAt: time.Now().UTC()}
}
