package storetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
)

func (e *env) entry(name, value string) directory.Entry {
	return directory.Entry{Space: string(e.tenant), ID: e.ids.New(), Name: name, Value: []byte("value " + value), Version: 1}
}

// entries reads a whole list in pages.
func (e *env) entries(limit int, page func(at id.ID, limit int) ([]directory.Entry, error)) []directory.Entry {
	e.Helper()
	var all []directory.Entry
	for at := (id.ID{}); ; {
		some, err := page(at, limit)
		require.NoError(e, err)
		require.LessOrEqual(e, len(some), limit)
		all = append(all, some...)
		if len(some) < limit {
			return all
		}
		at = some[len(some)-1].ID
	}
}

// holdsEntries checks that each way to read a space shows exactly these entries.
func (e *env) holdsEntries(want []directory.Entry) {
	e.Helper()
	slices.SortFunc(want, func(a, b directory.Entry) int { return a.ID.Compare(b.ID) })
	space := string(e.tenant)
	for _, limit := range []int{1, 3, 100} {
		forward := e.entries(limit, func(at id.ID, n int) ([]directory.Entry, error) { return e.s.Entries(e.ctx, space, at, n) })
		back := e.entries(limit, func(at id.ID, n int) ([]directory.Entry, error) { return e.s.NewestEntries(e.ctx, space, at, n) })
		slices.Reverse(back)
		require.ElementsMatch(e, want, forward)
		require.Equal(e, forward, back)
		require.True(e, slices.IsSortedFunc(forward, func(a, b directory.Entry) int { return a.ID.Compare(b.ID) }))
	}
	for _, w := range want {
		got, err := e.s.Entry(e.ctx, space, w.ID)
		require.NoError(e, err)
		require.Equal(e, w, got)
		got, err = e.s.EntryNamed(e.ctx, space, w.Name)
		require.NoError(e, err)
		require.Equal(e, w, got)
	}
}

var entryTests = map[string]func(*env){
	"created, found in every way, deleted": func(e *env) {
		e.holdsEntries(nil)
		var all []directory.Entry
		for name, text := range texts {
			x := e.entry(name, text)
			require.NoError(e, e.s.CreateEntry(e.ctx, x))
			all = append(all, x)
		}
		e.holdsEntries(all)
		other := newEnv(e.T, e.s)
		other.holdsEntries(nil)
		_, err := e.s.Entry(e.ctx, string(other.tenant), all[0].ID)
		e.isKind(err, chat.NotFound)
		for len(all) > 0 {
			require.NoError(e, e.s.DeleteEntry(e.ctx, all[0].Space, all[0].ID))
			require.NoError(e, e.s.DeleteEntry(e.ctx, all[0].Space, all[0].ID), "repeated")
			_, err := e.s.Entry(e.ctx, all[0].Space, all[0].ID)
			e.isKind(err, chat.NotFound)
			_, err = e.s.EntryNamed(e.ctx, all[0].Space, all[0].Name)
			e.isKind(err, chat.NotFound)
			e.isKind(e.s.ReplaceEntry(e.ctx, all[0]), chat.NotFound)
			all = all[1:]
			e.holdsEntries(all)
		}
		require.NoError(e, e.s.DeleteEntry(e.ctx, string(e.tenant), e.ids.New()), "one that never was")
	},
	"a name is taken once, and free after deletion": func(e *env) {
		first := e.entry("games", "first")
		require.NoError(e, e.s.CreateEntry(e.ctx, first))
		e.isKind(e.s.CreateEntry(e.ctx, e.entry("games", "second")), chat.Conflict)
		e.holdsEntries([]directory.Entry{first})
		require.NoError(e, e.s.DeleteEntry(e.ctx, first.Space, first.ID))
		second := e.entry("games", "second")
		require.NoError(e, e.s.CreateEntry(e.ctx, second))
		require.NoError(e, e.s.DeleteEntry(e.ctx, first.Space, first.ID), "it is not the first any more")
		e.holdsEntries([]directory.Entry{second})
	},
	"of concurrent creations one succeeds": func(e *env) {
		all := make([]directory.Entry, racers)
		for i := range all {
			all[i] = e.entry("games", fmt.Sprint(i))
		}
		winner := e.claim(racers, chat.Conflict, func(i int) error { return e.s.CreateEntry(e.ctx, all[i]) })
		e.holdsEntries(all[winner : winner+1])
	},
	"of concurrent replacements one succeeds": func(e *env) {
		x := e.entry("games", "first")
		require.NoError(e, e.s.CreateEntry(e.ctx, x))
		for round := range 3 {
			winner := e.claim(racers, chat.Stale, func(i int) error {
				y := x
				y.Value = fmt.Appendf(nil, "%d-%d", round, i)
				return e.s.ReplaceEntry(e.ctx, y)
			})
			x.Value, x.Version = fmt.Appendf(nil, "%d-%d", round, winner), x.Version+1
			e.holdsEntries([]directory.Entry{x})
		}
	},
	"over many hours": func(e *env) {
		seq := id.NewSequence([8]byte{1})
		var all []directory.Entry
		start := time.Now().Add(-1000 * time.Hour)
		for i := range 60 {
			x := e.entry(fmt.Sprint("user", i), "")
			x.ID = seq.At(start.Add(time.Duration(i*i) * 10 * time.Minute))
			x.Value = []byte{byte(i)}
			require.NoError(e, e.s.CreateEntry(e.ctx, x))
			all = append(all, x)
		}
		e.holdsEntries(slices.Clone(all))
		for _, x := range all[:40] {
			require.NoError(e, e.s.DeleteEntry(e.ctx, x.Space, x.ID))
		}
		for range 2 { // the first list may drop what is empty
			e.holdsEntries(slices.Clone(all[40:]))
		}
	},
	"random operations in two spaces agree with two maps": func(e *env) {
		spaces := []*env{e, newEnv(e.T, e.s)}
		models := []map[string]directory.Entry{{}, {}}
		var gone []directory.Entry
		for range 200 {
			i := rand.IntN(2)
			e, model := spaces[i], models[i]
			name := fmt.Sprint("name", rand.IntN(6))
			now, there := model[name]
			switch rand.IntN(4) {
			case 0, 1:
				x := e.entry(name, fmt.Sprint(rand.Int()))
				if err := e.s.CreateEntry(e.ctx, x); there {
					e.isKind(err, chat.Conflict)
				} else {
					require.NoError(e, err)
					model[name] = x
				}
			case 2:
				if there {
					now.Value = []byte(fmt.Sprint(rand.Int()))
					require.NoError(e, e.s.ReplaceEntry(e.ctx, now))
					e.isKind(e.s.ReplaceEntry(e.ctx, now), chat.Stale)
					now.Version++
					model[name] = now
				}
			default:
				if there {
					require.NoError(e, e.s.DeleteEntry(e.ctx, now.Space, now.ID))
					delete(model, name)
					gone = append(gone, now)
				} else if len(gone) > 0 { // a predecessor's deletion, repeated
					old := gone[rand.IntN(len(gone))]
					require.NoError(e, e.s.DeleteEntry(e.ctx, old.Space, old.ID))
				}
			}
		}
		visited := map[string][]directory.Entry{}
		require.NoError(e, e.s.EachEntry(e.ctx, func(x directory.Entry) error {
			visited[x.Space] = append(visited[x.Space], x)
			return nil
		}))
		for i, e := range spaces {
			want := slices.Collect(maps.Values(models[i]))
			e.holdsEntries(want)
			require.ElementsMatch(e, want, visited[string(e.tenant)])
		}
	},
}
