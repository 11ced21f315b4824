package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

var messageTests = map[string]func(*env){
	"append and read": func(e *env) {
		l := e.newLog()
		m := e.message("hello")
		_, err := e.s.Message(e.ctx, l, m.ID)
		e.isAbout(err, chat.NotFound, chat.MessageEntity)
		system := e.message("joined")
		system.System, system.Author = true, chat.System
		e.append(l, m, system)
		for _, want := range []chat.Message{m, system} {
			got, err := e.s.Message(e.ctx, l, want.ID)
			require.NoError(e, err)
			require.Equal(e, want, got)
		}
		e.holds(l, m, system)
	},
	"logs and tenants do not see each other": func(e *env) {
		l, m := e.newLog(), e.message("hello")
		e.append(l, m)
		for _, other := range []chat.Log{e.newLog(), {Tenant: newTenant(), ID: l.ID}} {
			_, err := e.s.Message(e.ctx, other, m.ID)
			e.isAbout(err, chat.NotFound, chat.MessageEntity)
			e.holds(other)
		}
		// One id may be in several logs.
		other := e.newLog()
		m2 := m
		m2.Content = "elsewhere"
		e.append(other, m2)
		e.holds(l, m)
		e.holds(other, m2)
	},
	"a plan changes nothing that is read": func(e *env) {
		for name, planned := range map[string]func(l chat.Log, history []chat.Bin){
			"before": func(l chat.Log, history []chat.Bin) { require.NoError(e, e.s.PlanLog(e.ctx, l, history)) },
			"twice": func(l chat.Log, history []chat.Bin) {
				require.NoError(e, e.s.PlanLog(e.ctx, l, history))
				require.NoError(e, e.s.PlanLog(e.ctx, l, history[:1]))
			},
			"never": func(chat.Log, []chat.Bin) {},
		} {
			l, seq := e.newLog(), id.NewSequence([8]byte{1})
			start := time.Date(2011, 2, 3, 4, 5, 6, 0, time.UTC)
			history := []chat.Bin{{From: start.AddDate(2, 0, 0), Messages: 20_000_000}, {From: start, Messages: 1}}
			for n := range 20 {
				history = append(history, chat.Bin{From: start.AddDate(1, 0, 0).Add(time.Duration(n) * time.Hour), Messages: 30_000})
			}
			planned(l, history)
			var ms []chat.Message
			for n := range 30 { // before the plan begins, all over it, and after its end
				ms = append(ms, chat.Message{ID: seq.At(start.AddDate(0, 2*n-12, 0)), Author: person("u"), Content: name})
			}
			ms = append(ms, e.message("now"))
			require.NoError(e, e.s.AppendBatch(e.ctx, l, ms))
			e.holds(l, ms...)
			require.NoError(e, e.s.PlanLog(e.ctx, l, history[1:]), "there are messages")
			e.holds(l, ms...)
		}
		require.NoError(e, e.s.PlanLog(e.ctx, e.newLog(), nil))
	},
	"a batch that is appended twice is appended once": func(e *env) {
		l, m := e.newLog(), e.message("hello")
		e.append(l, m)
		race(racers, func(int) {
			if err := e.s.AppendBatch(e.ctx, l, []chat.Message{m}); err != nil {
				e.Errorf("%v", err)
			}
		})
		require.NoError(e, e.s.AppendBatch(e.ctx, l, []chat.Message{m, m}))
		e.holds(l, m)
	},
	"text comes back byte for byte": func(e *env) {
		l := e.newLog()
		var want []chat.Message
		for _, text := range texts {
			m := e.message(text)
			m.Author = chat.Person{Login: "login" + text, FirstName: text, LastName: text}
			want = append(want, m)
			e.append(l, m)
		}
		for _, content := range []string{
			strings.Repeat("x", 64<<10),
			strings.Repeat("😀", 16<<10),
			strings.Repeat("\u2028", 64<<10/3),
		} {
			m := e.message(content)
			want = append(want, m)
			e.append(l, m)
		}
		e.holds(l, want...)
		for _, m := range want {
			got, err := e.s.Message(e.ctx, l, m.ID)
			require.NoError(e, err)
			require.Equal(e, m, got)
		}
	},
	"appended at once": func(e *env) {
		l := e.newLog()
		ms := make([]chat.Message, 64)
		for i := range ms {
			ms[i] = e.message(fmt.Sprint(i))
		}
		race(len(ms), func(i int) {
			if err := e.s.Append(e.ctx, l, ms[i]); err != nil {
				e.Errorf("%v", err)
			}
		})
		e.holds(l, ms...)
	},
	"a batch": func(e *env) {
		l := e.newLog()
		require.NoError(e, e.s.AppendBatch(e.ctx, l, nil))
		e.holds(l)
		// Three thousand messages over twelve years, in no order.
		seq := id.NewSequence([8]byte{1})
		ms := make([]chat.Message, 3000)
		at := time.Date(2006, 8, 23, 0, 0, 0, 0, time.UTC)
		for i := range ms {
			ms[i] = chat.Message{ID: seq.At(at), Author: person(fmt.Sprint("a", i%7)), Content: fmt.Sprint(i), System: i%5 == 0}
			at = at.Add(35 * time.Hour)
		}
		mixed := slices.Clone(ms)
		for i := range mixed {
			mixed[i] = ms[(i*1009)%len(ms)]
		}
		require.NoError(e, e.s.AppendBatch(e.ctx, l, mixed))
		e.holds(l, ms...)
		// A repeated import adds nothing.
		require.NoError(e, e.s.AppendBatch(e.ctx, l, mixed[:500]))
		e.holds(l, ms...)
	},
	"a batch of long messages": func(e *env) {
		l := e.newLog()
		ms := make([]chat.Message, 40)
		for i := range ms {
			ms[i] = e.message(strings.Repeat(string(rune('a'+i%26)), 64<<10))
		}
		require.NoError(e, e.s.AppendBatch(e.ctx, l, ms))
		e.holds(l, ms...)
	},
}

// holds requires that the log consists of these messages, given oldest first,
// by paging through it in both directions.
func (e *env) holds(l chat.Log, want ...chat.Message) {
	e.Helper()
	limit := max(1, min(len(want)/3+1, 500))
	sameMessages(e, want, e.allOlder(l, limit))
	sameMessages(e, want, e.allNewer(l, limit))
}

// sameMessages compares without printing thousands of messages.
func sameMessages(e *env, want, got []chat.Message) {
	e.Helper()
	for i := range min(len(want), len(got)) {
		if !assert.ObjectsAreEqual(want[i], got[i]) {
			require.Equal(e, want[i].ID, got[i].ID, "message %d of %d", i, len(want))
			require.Equal(e, want[i], got[i], "message %d of %d", i, len(want))
		}
	}
	require.Len(e, got, len(want))
}

// allOlder reads a log from its end to its start, and returns it oldest first.
func (e *env) allOlder(l chat.Log, limit int) []chat.Message {
	e.Helper()
	var all []chat.Message
	at := id.Max
	for {
		page, err := e.s.Older(e.ctx, l, at, limit)
		require.NoError(e, err)
		require.LessOrEqual(e, len(page), limit)
		for _, m := range page {
			require.Negative(e, m.ID.Compare(at), "newest first, and older than the position")
			at = m.ID
		}
		all = append(all, page...)
		if chat.AtEnd(page, limit) {
			slices.Reverse(all)
			return all
		}
	}
}

// allNewer reads a log from its start to its end.
func (e *env) allNewer(l chat.Log, limit int) []chat.Message {
	e.Helper()
	var all []chat.Message
	at, inclusive := id.Min, true
	for {
		page, err := e.s.Newer(e.ctx, l, at, inclusive, limit)
		require.NoError(e, err)
		require.LessOrEqual(e, len(page), limit)
		for i, m := range page {
			if i > 0 || !inclusive {
				require.Positive(e, m.ID.Compare(at), "oldest first, and newer than the position")
			}
			at = m.ID
		}
		all = append(all, page...)
		if chat.AtEnd(page, limit) {
			return all
		}
		inclusive = false
	}
}
