package chat_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// changesLog is a log with changes, of which some have no message any more.
type changesLog struct {
	ids     *id.Generator
	log     chat.Log
	entries []chat.Message
	there   map[id.ID]chat.Message
	want    []id.ID // the changes whose message exists
	read    int     // entries
}

func newChangesLog() *changesLog {
	ids := id.NewGenerator(nil)
	return &changesLog{ids: ids, log: chat.Log{Tenant: tenant, ID: ids.New()}, there: map[id.ID]chat.Message{}}
}

// add adds n changes, each of another message.
func (l *changesLog) add(n int, gone bool) {
	for range n {
		m := chat.Message{ID: l.ids.New()}
		c := chat.Change{Kind: chat.Edit, ID: l.ids.New()}
		l.entries = append(l.entries, c.Entry(m.ID))
		if !gone {
			l.there[m.ID] = m
			l.want = append(l.want, c.ID)
		}
	}
}

func (l *changesLog) Newer(_ context.Context, _ chat.Log, than id.ID, _ bool, limit int) ([]chat.Message, error) {
	i := slices.IndexFunc(l.entries, func(e chat.Message) bool { return e.ID.Compare(than) > 0 })
	if i < 0 {
		return nil, nil
	}
	out := l.entries[i:min(i+limit, len(l.entries))]
	l.read += len(out)
	return out, nil
}

func (l *changesLog) MessagesByID(_ context.Context, _ chat.Log, ids []id.ID) (map[id.ID]chat.Message, error) {
	out := map[id.ID]chat.Message{}
	for _, m := range ids {
		if found, ok := l.there[m]; ok {
			out[m] = found
		}
	}
	return out, nil
}

func TestPagesOfChangesHaveNoHoles(t *testing.T) {
	l := newChangesLog()
	for i, n := range []int{1, 10, 5, 4999, 1, 250, 3, 1} {
		l.add(n, i%2 == 1)
	}
	for _, limit := range []int{1, 2, 5, 10, 1000} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			var got []id.ID
			page := chat.ChangePage{Next: id.Min, HasMore: true}
			for page.HasMore {
				l.read = 0
				var err error
				page, err = chat.ReadChanges(t.Context(), l, l.log, page.Next, limit)
				require.NoError(t, err)
				require.LessOrEqual(t, len(page.Changes), limit)
				require.LessOrEqual(t, l.read, 3002, "work for a page is bounded")
				for _, c := range page.Changes {
					got = append(got, c.ID)
				}
			}
			require.Equal(t, l.want, got)
		})
	}
}

// A page that is full with the last change has HasMore false.
func TestAPageOfChangesThatIsJustFull(t *testing.T) {
	l := newChangesLog()
	l.add(3, false)
	l.add(3, true)
	page, err := chat.ReadChanges(t.Context(), l, l.log, id.Min, 3)
	require.NoError(t, err)
	require.Len(t, page.Changes, 3)
	require.False(t, page.HasMore, "what is left has no message")
	page, err = chat.ReadChanges(t.Context(), l, l.log, id.Min, 2)
	require.NoError(t, err)
	require.Len(t, page.Changes, 2)
	require.True(t, page.HasMore)
	require.Equal(t, page.Changes[1].ID, page.Next)
}

// toggle adds n changes of one message.
func (l *changesLog) toggle(m id.ID, kind chat.ChangeKind, n int) (last id.ID) {
	l.there[m] = chat.Message{ID: m}
	for range n {
		last = l.ids.New()
		l.entries = append(l.entries, chat.Change{Kind: kind, ID: last}.Entry(m))
	}
	return last
}

// A message that was changed often has one entry of each kind on a page, the newest.
func TestAPageOfChangesHasTheNewestOfAMessage(t *testing.T) {
	l := newChangesLog()
	busy, calm := l.ids.New(), l.ids.New()
	l.toggle(busy, chat.React, 600)
	edited := l.toggle(calm, chat.Edit, 1)
	rewritten := l.toggle(busy, chat.Edit, 7)
	reacted := l.toggle(busy, chat.React, 600)
	page, err := chat.ReadChanges(t.Context(), l, l.log, id.Min, 3)
	require.NoError(t, err)
	require.False(t, page.HasMore)
	var got []id.ID
	for _, c := range page.Changes {
		got = append(got, c.ID)
	}
	require.Equal(t, []id.ID{edited, rewritten, reacted}, got)
}

// Whatever the pages are, who reads them all has the newest change of each kind of each message, and has it last.
func TestPagesOfRepeatedChangesLoseNone(t *testing.T) {
	l := newChangesLog()
	messages := []id.ID{l.ids.New(), l.ids.New(), l.ids.New(), l.ids.New()}
	want := map[id.ID]id.ID{}
	r := rand.New(rand.NewPCG(1, 2))
	for range 700 {
		m := messages[r.IntN(len(messages))]
		want[m] = l.toggle(m, chat.React, 1+r.IntN(9))
	}
	for _, limit := range []int{1, 2, 3, 4, 200} {
		got := map[id.ID]id.ID{}
		page := chat.ChangePage{Next: id.Min, HasMore: true}
		for last := id.Min; page.HasMore; {
			var err error
			page, err = chat.ReadChanges(t.Context(), l, l.log, page.Next, limit)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page.Changes), limit)
			for _, c := range page.Changes {
				require.Positive(t, c.ID.Compare(last), "ascending")
				last, got[c.Message.ID] = c.ID, c.ID
			}
			require.LessOrEqual(t, last.Compare(page.Next), 0)
		}
		require.Equal(t, want, got, limit)
	}
}
