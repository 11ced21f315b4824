package storetest

import (
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

var pagingTests = map[string]func(*env){
	"an empty log": func(e *env) {
		l := e.newLog()
		for _, at := range []id.ID{id.Min, e.ids.New(), id.Max} {
			e.page(l, nil, at)
		}
	},
	"positions, there or not": func(e *env) {
		l := e.newLog()
		start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		var ms []chat.Message
		positions := []id.ID{id.Min, id.Max, id.FirstAt(start.Add(-time.Hour)), e.ids.New()}
		for i := range 10 {
			at := start.Add(time.Duration(i) * time.Hour)
			ms = append(ms, chat.Message{ID: idAt(at, 0x4000), Content: at.String()})
			positions = append(positions, ms[i].ID, idAt(at, 0x3fff), idAt(at, 0x4001), idAt(at.Add(time.Minute), 0))
		}
		e.shuffled(l, ms)
		for _, at := range positions {
			e.page(l, ms, at)
		}
	},
	"one millisecond": func(e *env) {
		// 10,000 ticks are one millisecond: all ids are in it, and each is a position of its own.
		l := e.newLog()
		at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
		var ms []chat.Message
		for _, ticks := range []time.Duration{0, 1, 2, 255, 256, 9998, 9999} {
			ms = append(ms, chat.Message{ID: idAt(at.Add(100*ticks), 0), Content: ticks.String()})
		}
		e.shuffled(l, ms)
		for _, m := range ms {
			e.page(l, ms, m.ID)
		}
	},
	"the low half is ordered by signed bytes": func(e *env) {
		l := e.newLog()
		at := time.Date(2026, 3, 4, 5, 6, 7, 891234500, time.UTC)
		// In their order: of bytes, 0x80 is the lowest and 0x7f the highest.
		lows := []uint64{
			0x8080808080808080, 0x8080808080808081, 0x80808080808080ff, 0x8080808080808000, 0x808080808080807f,
			0x80ffffffffffffff, 0x8000000000000000, 0x8000000000000001, 0x807f7f7f7f7f7f7f,
			0xbf00000000000000, 0xff7f000000000000, 0xffffffffffffffff, 0xffffffffffffff00, 0xffffffffffffff7f,
			0x0080000000000000, 0x00ff000000000000, 0x0000000000000000, 0x0000000000000001, 0x007f000000000000,
			0x7f80808080808080, 0x7fffffffffffffff, 0x7f7f7f7f7f7f7f80, 0x7f7f7f7f7f7f7f7f,
		}
		var ms []chat.Message
		for i, low := range lows {
			ms = append(ms, chat.Message{ID: idAt(at, low), Content: string(rune('a' + i))})
		}
		slices.SortFunc(ms, func(a, b chat.Message) int { return a.ID.Compare(b.ID) })
		e.shuffled(l, ms)
		for _, m := range ms {
			e.page(l, ms, m.ID)
		}
	},
	"edges of seven-day buckets": func(e *env) {
		l := e.newLog()
		week := int64(7 * 24 * time.Hour / time.Millisecond)
		first := time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC).UnixMilli() / week
		var ms []chat.Message
		for n := first; n < first+4; n++ {
			edge := time.UnixMilli(n * week).UTC()
			for _, at := range []time.Time{edge.Add(-time.Millisecond), edge.Add(-100), edge, edge.Add(100), edge.Add(time.Millisecond)} {
				ms = append(ms, chat.Message{ID: idAt(at, 0x8080808080808080), Content: at.String()})
			}
			ms = append(ms, chat.Message{ID: idAt(edge.Add(2*time.Millisecond), 0x7f7f7f7f7f7f7f7f), Content: edge.String()})
		}
		e.shuffled(l, ms)
		for i := first - 1; i < first+5; i++ {
			edge := time.UnixMilli(i * week)
			e.page(l, ms, id.FirstAt(edge))
			e.page(l, ms, idAt(edge, 0x8080808080808080))
			e.page(l, ms, idAt(edge, 0x7f7f7f7f7f7f7f7f))
		}
		for _, m := range ms {
			e.page(l, ms, m.ID, 1, 3)
		}
	},
	"twelve years with big holes": func(e *env) {
		l := e.newLog()
		var ms []chat.Message
		for _, at := range []time.Time{
			time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC),
			time.Date(2006, 8, 23, 1, 43, 0, 0, time.UTC),
			time.Date(2006, 8, 23, 1, 43, 1, 0, time.UTC),
			time.Date(2006, 8, 31, 0, 0, 0, 0, time.UTC),
			time.Date(2011, 2, 28, 23, 59, 59, 0, time.UTC),
			time.Date(2018, 12, 31, 23, 59, 59, 999e6, time.UTC),
			time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC),
			time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC),
			time.Date(2038, 1, 19, 3, 14, 8, 0, time.UTC), // later than now: clocks differ
		} {
			ms = append(ms, chat.Message{ID: idAt(at, 1), Content: at.String()})
		}
		e.shuffled(l, ms)
		for _, m := range ms {
			e.page(l, ms, m.ID)
			e.page(l, ms, id.FirstAt(m.ID.Time().Add(400*24*time.Hour)))
		}
		e.page(l, ms, id.Min)
		e.page(l, ms, id.Max)
	},
	"a message that comes late takes its place": func(e *env) {
		l := e.newLog()
		first, late, last := e.message("first"), e.message("late"), e.message("last")
		e.append(l, first, last)
		e.holds(l, first, last)
		e.append(l, late)
		e.holds(l, first, late, last)
		// Also in a time before all others.
		oldest := chat.Message{ID: idAt(time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC), 0), Content: "oldest"}
		e.append(l, oldest)
		e.holds(l, oldest, first, late, last)
	},
	"a read stops when it holds MaxRead": func(e *env) {
		l := e.newLog()
		long, other := strings.Repeat("x", chat.MaxContent), strings.Repeat("\x01", chat.MaxContent)
		start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		var ms []chat.Message
		for i := range 60 {
			at := start.Add(time.Duration(i) * 20 * time.Minute) // many in one bucket
			if i >= 20 {
				at = start.Add(time.Duration(i) * 10 * 24 * time.Hour) // few in each
			}
			m := chat.Message{ID: idAt(at, 0x4000), Content: long}
			switch i % 10 {
			case 3:
				m.Content = other
			case 5, 6, 7:
				m.Content = "short"
			}
			ms = append(ms, m)
		}
		e.append(l, ms...)
		for i, edited := range map[int]string{5: other, 6: long, 25: other, 8: "short", 9: "short", 48: "short"} {
			m, err := e.s.ChangeMessage(e.ctx, l, ms[i].ID, func(chat.Message) (chat.Change, error) {
				return chat.Change{Kind: chat.Edit, ID: e.ids.New(), Content: edited}, nil
			})
			require.NoError(e, err)
			ms[i] = m
		}
		for _, i := range []int{10, 11, 12, 30} {
			m, err := e.s.ChangeMessage(e.ctx, l, ms[i].ID, func(chat.Message) (chat.Change, error) {
				return chat.Change{Kind: chat.Delete, ID: e.ids.New()}, nil
			})
			require.NoError(e, err)
			ms[i] = m
		}
		for _, at := range []id.ID{id.Min, id.Max, ms[7].ID, ms[19].ID, ms[20].ID, ms[40].ID} {
			e.page(l, ms, at, 1, 7, 200)
			between, err := e.s.Between(e.ctx, l, at, ms[2].ID, 200)
			require.NoError(e, err)
			sameMessages(e, modelOlder(ms[3:], at, 200), between)
		}
		e.holds(l, ms...)
	},
}

// idAt returns an id of that moment, to 100 ns, with that low half.
func idAt(t time.Time, low uint64) id.ID {
	u := id.FirstAt(t)
	binary.BigEndian.PutUint64(u[8:], low)
	return u
}

// shuffled appends ms in an order that is not theirs, half of them in a batch.
func (e *env) shuffled(l chat.Log, ms []chat.Message) {
	e.Helper()
	var odd, even []chat.Message
	for i, m := range slices.Backward(ms) {
		if i%2 == 0 {
			even = append(even, m)
		} else {
			odd = append(odd, m)
		}
	}
	e.append(l, even...)
	require.NoError(e, e.s.AppendBatch(e.ctx, l, odd))
	e.holds(l, ms...)
}

// page requires that pages around a position are what ms, oldest first, says, for some limits.
func (e *env) page(l chat.Log, ms []chat.Message, at id.ID, limits ...int) {
	e.Helper()
	if len(limits) == 0 {
		limits = []int{1, 2, len(ms) + 1}
	}
	for _, limit := range limits {
		older, err := e.s.Older(e.ctx, l, at, limit)
		require.NoError(e, err)
		sameMessages(e, modelOlder(ms, at, limit), older)
		for _, inclusive := range []bool{false, true} {
			newer, err := e.s.Newer(e.ctx, l, at, inclusive, limit)
			require.NoError(e, err)
			sameMessages(e, modelNewer(ms, at, inclusive, limit), newer)
		}
	}
}

// modelOlder and modelNewer say what a page of ms, oldest first, is: at most limit messages, the last one that reaches
// MaxRead.
func modelOlder(ms []chat.Message, than id.ID, limit int) (page []chat.Message) {
	for _, m := range slices.Backward(ms) {
		if m.ID.Compare(than) < 0 && !full(page, limit) {
			page = append(page, m)
		}
	}
	return page
}

func modelNewer(ms []chat.Message, than id.ID, inclusive bool, limit int) (page []chat.Message) {
	for _, m := range ms {
		c := m.ID.Compare(than)
		if (c > 0 || c == 0 && inclusive) && !full(page, limit) {
			page = append(page, m)
		}
	}
	return page
}

func full(page []chat.Message, limit int) bool { return !chat.AtEnd(page, limit) }
