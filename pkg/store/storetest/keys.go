package storetest

import (
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

var keyTests = map[string]func(*env){
	"stored once, returned again": func(e *env) {
		l := e.newLog()
		first := e.message("hello")
		got, repeated, err := e.s.AppendOnce(e.ctx, l, "k", first, id.ID{})
		require.NoError(e, err)
		require.False(e, repeated)
		require.Equal(e, first, got)
		for range 3 {
			got, repeated, err := e.s.AppendOnce(e.ctx, l, "k", e.message("hello"), id.ID{})
			require.NoError(e, err)
			require.True(e, repeated)
			require.Equal(e, first, got)
		}
		// The very same message again, as after an unknown outcome.
		got, repeated, err = e.s.AppendOnce(e.ctx, l, "k", first, id.ID{})
		require.NoError(e, err)
		require.True(e, repeated)
		require.Equal(e, first, got)
		e.holds(l, first)
	},
	"another content is a conflict": func(e *env) {
		l := e.newLog()
		first := e.message("hello")
		_, _, err := e.s.AppendOnce(e.ctx, l, "k", first, id.ID{})
		require.NoError(e, err)
		for _, content := range []string{"", "hello ", "Hello"} {
			_, _, err = e.s.AppendOnce(e.ctx, l, "k", e.message(content), id.ID{})
			e.isAbout(err, chat.Conflict, chat.KeyEntity)
		}
		e.holds(l, first)
	},
	"keys are of a user and a log": func(e *env) {
		l, other := e.newLog(), e.newLog()
		elsewhere := chat.Log{Tenant: newTenant(), ID: l.ID}
		a, b, c, d, f := e.message("a"), e.message("b"), e.message("c"), e.message("d"), e.message("f")
		b.Author = person("somebody else")
		for _, put := range []struct {
			l   chat.Log
			key string
			m   chat.Message
		}{{l, "k", a}, {l, "k", b}, {other, "k", c}, {elsewhere, "k", d}, {l, "K", f}} {
			got, repeated, err := e.s.AppendOnce(e.ctx, put.l, put.key, put.m, id.ID{})
			require.NoError(e, err)
			require.False(e, repeated)
			require.Equal(e, put.m, got)
		}
		e.holds(l, a, b, f)
		e.holds(other, c)
		e.holds(elsewhere, d)
	},
	"keys and logins may hold any text and do not run into each other": func(e *env) {
		l := e.newLog()
		var want []chat.Message
		for _, pair := range [][2]string{
			{"a", "bc"}, {"ab", "c"}, {"abc", "\x01"}, {"a\x01", "bc"}, {"a", "\x01bc"},
			{"\u2028", "😀"}, {"😀", "\u2028"}, {"a:b", "c"}, {"a", "b:c"},
		} {
			m := e.message("from " + pair[0])
			m.Author.Login = pair[0]
			_, repeated, err := e.s.AppendOnce(e.ctx, l, pair[1], m, id.ID{})
			require.NoError(e, err)
			require.False(e, repeated, "%q", pair)
			want = append(want, m)
		}
		e.holds(l, want...)
	},
	"of calls at once one is stored": func(e *env) {
		for range 3 {
			l := e.newLog()
			ms := make([]chat.Message, racers)
			for i := range ms {
				ms[i] = e.message("hello")
			}
			got := make([]chat.Message, racers)
			winner := e.once(racers, func(i int) (bool, error) {
				var repeated bool
				var err error
				got[i], repeated, err = e.s.AppendOnce(e.ctx, l, "k", ms[i], id.ID{})
				return !repeated, err
			})
			for i := range got {
				require.Equal(e, ms[winner], got[i])
			}
			e.holds(l, ms[winner])
		}
	},
	"of calls at once with different content one is stored": func(e *env) {
		l := e.newLog()
		ms := make([]chat.Message, racers)
		for i := range ms {
			ms[i] = e.message(fmt.Sprint(i))
		}
		winner := e.claim(racers, chat.Conflict, func(i int) error {
			got, repeated, err := e.s.AppendOnce(e.ctx, l, "k", ms[i], id.ID{})
			if err == nil && (repeated || got.ID != ms[i].ID || got.Content != ms[i].Content) {
				e.Errorf("not what was stored: %v", got)
			}
			return err
		})
		e.holds(l, ms[winner])
	},
	"text comes back byte for byte": func(e *env) {
		l := e.newLog()
		for name, text := range texts {
			m := e.message(text)
			for _, again := range []bool{false, true} {
				got, repeated, err := e.s.AppendOnce(e.ctx, l, name, m, id.ID{})
				require.NoError(e, err)
				require.Equal(e, again, repeated)
				require.Equal(e, m, got)
			}
		}
	},
}
