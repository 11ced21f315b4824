package inbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

var (
	ann     = chat.Identity{Tenant: "t", Login: "ann"}
	room    = id.FirstAt(time.Unix(1, 0))
	begun   = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	nothing id.ID
)

// nth is the id of a message; they rise with n.
func nth(n int) id.ID { return id.FirstAt(begun.Add(time.Duration(n) * time.Second)) }

func messages(from, to int) []id.ID {
	all := make([]id.ID, 0, to-from)
	for n := from; n < to; n++ {
		all = append(all, nth(n))
	}
	return all
}

func refs(ids ...id.ID) []Ref {
	all := make([]Ref, len(ids))
	for i, m := range ids {
		all[i] = Ref{Log: room, Message: m, Reason: ToUser}
	}
	return all
}

// waiting reads all that waits, in parts.
func waiting(t require.TestingT, s *Service, from int64) (all []id.ID) {
	last := from - 1
	for {
		some, next, more, err := s.Waiting(context.Background(), ann, from, 10)
		require.NoError(t, err)
		for _, r := range some {
			require.Greater(t, r.Position, last, "in order of positions")
			last = r.Position
			all = append(all, r.Message)
		}
		if !more {
			return all
		}
		require.Greater(t, next, from)
		from = next
	}
}

func TestWhatCameWaitsInOrderUntilItIsAcknowledged(t *testing.T) {
	s := New(Options{Store: newMemory()})
	all := messages(0, 1000)
	for some := range slices.Chunk(all, 7) {
		require.NoError(t, s.Append(t.Context(), ann, refs(some...)...))
	}
	require.Equal(t, all, waiting(t, s, 0))
	n, err := s.Acknowledge(t.Context(), ann, append(messages(990, 1010), messages(3, 700)...))
	require.NoError(t, err)
	require.Equal(t, 707, n)
	require.Equal(t, append(messages(0, 3), messages(700, 990)...), waiting(t, s, 0))
	count, err := s.Count(t.Context(), ann, nothing)
	require.NoError(t, err)
	require.EqualValues(t, 293, count)
	for m, want := range map[int]Status{0: Pending, 3: Acknowledged, 699: Acknowledged, 700: Pending, 999: Acknowledged, 1000: Unknown} {
		got, err := s.Status(t.Context(), ann, nth(m))
		require.NoError(t, err)
		require.Equal(t, want, got, m)
	}
}

func TestAMessageComesOnce(t *testing.T) {
	s := New(Options{Store: newMemory()})
	all := messages(0, 500)
	for range 3 {
		require.NoError(t, s.Append(t.Context(), ann, refs(all...)...))
		require.NoError(t, s.Append(t.Context(), ann, refs(all[250], all[250], all[0])...))
	}
	require.Equal(t, all, waiting(t, s, 0))
	_, err := s.Acknowledge(t.Context(), ann, all)
	require.NoError(t, err)
	require.NoError(t, s.Append(t.Context(), ann, refs(all...)...))
	require.Empty(t, waiting(t, s, 0), "acknowledged ones do not come anew")
}

func TestWhatComesLateWaits(t *testing.T) {
	s := New(Options{Store: newMemory()})
	for n := range 300 {
		if n%50 != 7 {
			require.NoError(t, s.Append(t.Context(), ann, refs(nth(n))...))
		}
	}
	_, err := s.Acknowledge(t.Context(), ann, messages(0, 300))
	require.NoError(t, err)
	require.NoError(t, s.Append(t.Context(), ann, refs(nth(57), nth(7))...))
	require.Equal(t, []id.ID{nth(57), nth(7)}, waiting(t, s, 0))
}

// However much came and was acknowledged, or waits, it is counted, and a mailbox in which nothing waits is opened, by one read.
func TestCountingAndOpeningCostOneRead(t *testing.T) {
	m := newMemory()
	s := New(Options{Store: m})
	all := messages(0, 20_000)
	require.NoError(t, s.Append(t.Context(), ann, refs(all...)...))
	clear(m.calls)
	count, err := s.Count(t.Context(), ann, nothing)
	require.NoError(t, err)
	require.EqualValues(t, len(all), count)
	require.Equal(t, map[string]int{"Inbox": 1}, m.calls)

	for some := range slices.Chunk(all, 1000) {
		_, err := s.Acknowledge(t.Context(), ann, some)
		require.NoError(t, err)
	}
	require.Empty(t, m.pages, "what is acknowledged leaves no pages")
	clear(m.calls)
	require.Empty(t, waiting(t, s, 0))
	require.Equal(t, map[string]int{"Inbox": 1}, m.calls)
	require.Less(t, len(m.state.Value), 5000)

	require.NoError(t, s.Append(t.Context(), ann, refs(nth(30_000))...))
	clear(m.calls)
	require.Equal(t, []id.ID{nth(30_000)}, waiting(t, s, 0))
	require.Equal(t, map[string]int{"Inbox": 1}, m.calls)
}

// Somebody acknowledges every other message: the state stays small, and nothing is lost.
func TestTheStateStaysSmallWhateverIsAcknowledged(t *testing.T) {
	m := newMemory()
	s := New(Options{Store: m})
	all := messages(0, 10_000)
	require.NoError(t, s.Append(t.Context(), ann, refs(all...)...))
	var odd, even []id.ID
	for i, u := range all {
		if i%2 == 1 {
			odd = append(odd, u)
		} else {
			even = append(even, u)
		}
	}
	for some := range slices.Chunk(odd, 900) {
		n, err := s.Acknowledge(t.Context(), ann, some)
		require.NoError(t, err)
		require.Equal(t, len(some), n)
		require.Less(t, len(m.state.Value), 6000)
		n, err = s.Acknowledge(t.Context(), ann, some)
		require.NoError(t, err)
		require.Zero(t, n, "acknowledged before")
	}
	require.Equal(t, even, waiting(t, s, 0))
	_, err := s.Acknowledge(t.Context(), ann, even[:4000])
	require.NoError(t, err)
	require.Equal(t, even[4000:], waiting(t, s, 0))
	clear(m.calls)
	waiting(t, s, 0)
	require.LessOrEqual(t, m.calls["InboxPages"], 5, "the mark has passed the pages in which nothing waits")
	_, err = s.Acknowledge(t.Context(), ann, even)
	require.NoError(t, err)
	require.Empty(t, waiting(t, s, 0))
}

func TestConcurrentSendersAndReaders(t *testing.T) {
	m := newMemory()
	servers := []*Service{New(Options{Store: m}), New(Options{Store: m})}
	var wg sync.WaitGroup
	const each, senders = 60, 8
	for sender := range senders {
		wg.Go(func() {
			for i := range each {
				u := nth(sender*1000 + i)
				if err := servers[sender%2].Append(t.Context(), ann, refs(u)...); err != nil {
					t.Error(err)
				}
				if i%2 == 0 {
					if n, err := servers[i%2].Acknowledge(t.Context(), ann, []id.ID{u}); n != 1 || err != nil {
						t.Error(n, err)
					}
				}
			}
		})
	}
	wg.Wait()
	got := waiting(t, servers[0], 0)
	count, err := servers[1].Count(t.Context(), ann, nothing)
	require.NoError(t, err)
	require.EqualValues(t, senders*each/2, count)
	require.Len(t, got, senders*each/2)
	slices.SortFunc(got, id.ID.Compare)
	require.Len(t, slices.Compact(got), senders*each/2)
}

func TestWhatIsTooOldDoesNotCount(t *testing.T) {
	s := New(Options{Store: newMemory()})
	require.NoError(t, s.Append(t.Context(), ann, refs(messages(0, 500)...)...))
	for _, c := range []struct {
		horizon int
		want    int64
	}{{-1, 500}, {99, 400}, {50, 400}, {479, 20}, {600, 0}} {
		n, err := s.Count(t.Context(), ann, nth(c.horizon))
		require.NoError(t, err)
		require.Equal(t, c.want, n, c.horizon)
	}
}

func TestARemovedMailboxIsEmpty(t *testing.T) {
	m := newMemory()
	s := New(Options{Store: m})
	require.NoError(t, s.Append(t.Context(), ann, refs(messages(0, 300)...)...))
	require.NoError(t, s.Remove(t.Context(), ann))
	require.NoError(t, s.Remove(t.Context(), ann))
	require.Empty(t, m.pages)
	require.Empty(t, m.notes)
	require.Empty(t, waiting(t, s, 0))
	require.NoError(t, s.Append(t.Context(), ann, refs(nth(1))...))
	require.Equal(t, []id.ID{nth(1)}, waiting(t, s, 0))
}

// Random calls on two servers agree with a model; calls of the store fail at random before or after they are done, as when a
// server dies in between.
func TestAgreesWithAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMemory()
		failing := 0
		m.fail = func(string) error {
			if failing > 0 {
				if failing--; failing == 0 {
					return chat.ErrUnavailable(errors.New("down"))
				}
			}
			return nil
		}
		s := New(Options{Store: m})
		came, acked := map[id.ID]bool{}, map[id.ID]bool{}
		some := func(t *rapid.T) []id.ID {
			from := rapid.IntRange(0, 3000).Draw(t, "from")
			step := rapid.SampledFrom([]int{1, 1, 2, 3, 64}).Draw(t, "step")
			var all []id.ID
			for i := range rapid.IntRange(1, 200).Draw(t, "n") {
				all = append(all, nth(from+i*step))
			}
			return all
		}
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				all := some(t)
				failing = rapid.IntRange(0, 20).Draw(t, "failing")
				_ = s.Append(t.Context(), ann, refs(all...)...)
				failing = 0
				require.NoError(t, s.Append(t.Context(), ann, refs(all...)...))
				for _, u := range all {
					came[u] = true
				}
			},
			"acknowledge": func(t *rapid.T) {
				all := some(t)
				failing = rapid.IntRange(0, 20).Draw(t, "failing")
				_, _ = s.Acknowledge(t.Context(), ann, all)
				failing = 0
				_, err := s.Acknowledge(t.Context(), ann, all)
				require.NoError(t, err)
				for _, u := range all {
					acked[u] = acked[u] || came[u]
				}
			},
			"": func(t *rapid.T) {
				var want []id.ID
				for u := range came {
					if !acked[u] {
						want = append(want, u)
					}
				}
				got := waiting(t, s, 0)
				slices.SortFunc(want, id.ID.Compare)
				slices.SortFunc(got, id.ID.Compare)
				require.Equal(t, want, got)
				count, err := s.Count(t.Context(), ann, nothing)
				require.NoError(t, err)
				require.EqualValues(t, len(want), count)
				for u := range came {
					status, err := s.Status(t.Context(), ann, u)
					require.NoError(t, err)
					require.Equal(t, acked[u], status == Acknowledged, fmt.Sprint(u))
					break
				}
			},
		})
	})
}
