package nodes

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/confab-chat/confab/pkg/clocktest"
	"github.com/confab-chat/confab/pkg/id"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a store that may fail, with or without having done what was asked.
type memory struct {
	mu     sync.Mutex
	leases map[int]Lease
	fail   func() (before, after bool)
}

var errAway = errors.New("the store is away")

func (m *memory) NodeLeases(context.Context) (all []Lease, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		if before, after := m.fail(); before || after {
			return nil, errAway
		}
	}
	for _, l := range m.leases {
		all = append(all, l)
	}
	return all, nil
}

func (m *memory) LeaseNode(_ context.Context, was, now Lease) (Lease, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before, after := false, false
	if m.fail != nil {
		before, after = m.fail()
	}
	if before {
		return Lease{}, errAway
	}
	present := m.leases[now.Node]
	present.Node = now.Node
	if present == was {
		present = now
		m.leases[now.Node] = now
	}
	if after {
		return Lease{}, errAway
	}
	return present, nil
}

var began = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// server is a process with a clock of its own.
type server struct {
	clock  *clocktest.Clock
	ids    *id.Generator
	keeper *Keeper
}

func start(m *memory, at time.Time) *server {
	s := &server{clock: clocktest.New(at)}
	s.ids = id.NewGenerator(s.clock.Now)
	s.keeper = newKeeper(Options{Store: m, IDs: s.ids, Now: s.clock.Now, Log: slog.New(slog.DiscardHandler)})
	s.look()
	return s
}

func (s *server) look() { s.keeper.look(context.Background()) }

// node returns the node number of a new id; -1 if it has none.
func node(u id.ID) int {
	n, ok := u.Number()
	if !ok {
		return -1
	}
	return int(n % id.Nodes)
}

// Servers start, end, crash, and are paused; their clocks differ and jump; the store fails, with and without having done
// what was asked. No number is ever made twice, and each server's ids only increase.
func TestNoTwoServersMakeTheSameNumber(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &memory{leases: map[int]Lease{}}
		// Few numbers are left, so that servers have those of others.
		for n := range id.Nodes {
			if n%perRole >= 2 {
				m.leases[n] = Lease{Node: n, Owner: "gone", Until: 1 << 60}
			}
		}
		fails := rapid.IntRange(0, 9)
		m.fail = func() (before, after bool) {
			switch fails.Draw(t, "the store") {
			case 0:
				return true, false
			case 1:
				return false, true
			}
			return false, false
		}
		seen := map[int64]id.ID{}
		room := id.ID{}
		servers := make([]*server, 3)
		last := make([]id.ID, len(servers))
		for i := range servers {
			servers[i] = start(m, began)
		}
		one := func(t *rapid.T) int { return rapid.IntRange(0, len(servers)-1).Draw(t, "server") }
		take := func(t *rapid.T, u id.ID) {
			if n, ok := u.Number(); ok {
				_, twice := seen[n]
				require.False(t, twice, "%v was made twice", u)
				seen[n] = u
			}
		}
		// Whole seconds, so that clocks often show the same time.
		seconds := rapid.SampledFrom([]int{1, 2, 5, 10, 15, 60, 3600})
		t.Repeat(map[string]func(*rapid.T){
			"time": func(t *rapid.T) {
				d := time.Duration(seconds.Draw(t, "s")) * time.Second
				for _, s := range servers {
					s.clock.Add(d)
				}
			},
			"a clock jumps": func(t *rapid.T) {
				servers[one(t)].clock.Add(time.Duration(seconds.Draw(t, "s")*rapid.SampledFrom([]int{1, -1}).Draw(t, "to")) * time.Second)
			},
			"ids": func(t *rapid.T) {
				i := one(t)
				for range rapid.IntRange(1, 5).Draw(t, "ids") {
					u := servers[i].ids.New()
					require.Greater(t, u.Micros(), last[i].Micros())
					last[i] = u
					take(t, u)
				}
			},
			"ids of a room": func(t *rapid.T) {
				u := servers[one(t)].ids.After(room)
				require.Greater(t, u.Micros(), room.Micros())
				room = u
				take(t, u)
			},
			"ids of a room that this server does not know well": func(t *rapid.T) {
				take(t, servers[one(t)].ids.After(id.FirstAt(room.Time().Add(-time.Millisecond))))
			},
			"look": func(t *rapid.T) { servers[one(t)].look() },
			"crash": func(t *rapid.T) {
				i := one(t)
				servers[i], last[i] = start(m, servers[i].clock.Now()), id.ID{}
			},
			"end": func(t *rapid.T) {
				i := one(t)
				for role := range servers[i].keeper.held {
					_ = servers[i].keeper.giveBack(context.Background(), id.Role(role))
				}
				servers[i], last[i] = start(m, servers[i].clock.Now()), id.ID{}
			},
		})
	})
}

func TestALostLeaseEndsBeforeAnotherHasTheNumber(t *testing.T) {
	m := &memory{leases: map[int]Lease{}}
	a := start(m, began)
	n := node(a.ids.New())
	require.GreaterOrEqual(t, n, 0)
	m.fail = func() (bool, bool) { return true, false }
	a.clock.Add(leastAhead - time.Millisecond)
	a.look()
	require.Equal(t, n, node(a.ids.New()), "the store is away, and the lease lasts")
	paused := a.ids.New()

	m.fail = nil
	b := start(m, began.Add(leastAhead))
	first := b.ids.New()
	require.Equal(t, n, node(first), "the number that was in use last")
	require.Positive(t, first.Compare(paused))
	a.clock.Add(time.Millisecond)
	require.Equal(t, -1, node(a.ids.New()), "the lease is over")
	a.look()
	other := node(a.ids.New())
	require.GreaterOrEqual(t, other, 0)
	require.NotEqual(t, n, other)
}

func TestALeaseIsAsLongAsTheServerHasLived(t *testing.T) {
	m := &memory{leases: map[int]Lease{}}
	a := start(m, began)
	n := node(a.ids.New())
	until := func() time.Duration { return time.UnixMicro(m.leases[n].Until).Sub(a.clock.Now()) }
	require.Equal(t, leastAhead, until())
	for range 100 {
		a.clock.Add(checkEvery)
		a.look()
		require.Equal(t, n, node(a.ids.New()))
	}
	require.Greater(t, until(), 5*time.Minute)
	a.clock.Add(24 * time.Hour)
	require.Equal(t, -1, node(a.ids.New()), "a clock that jumps ends it")
	a.look()
	require.Equal(t, n, node(a.ids.New()), "nobody has taken the number")
	require.Equal(t, mostAhead, until())
	require.NoError(t, a.keeper.giveBack(t.Context(), id.Present))
	require.Equal(t, n, node(start(m, a.clock.Now().Add(time.Second)).ids.New()), "a number that is given back is free")
}

// A room that is a year ahead takes a number of its own, which nobody has until then. All else goes on as before.
func TestTheFutureHasNumbersOfItsOwn(t *testing.T) {
	m := &memory{leases: map[int]Lease{}}
	a := start(m, began)
	far := id.FirstAt(began.AddDate(1, 0, 0))
	require.Equal(t, -1, node(a.ids.After(far)), "the first one has none")
	a.look()
	n := node(a.ids.After(far))
	require.GreaterOrEqual(t, n, perRole)
	require.NoError(t, a.keeper.giveBack(t.Context(), id.Present))
	require.NoError(t, a.keeper.giveBack(t.Context(), id.Future))

	b := start(m, began.Add(time.Minute))
	require.Less(t, node(b.ids.New()), perRole)
	b.ids.After(far)
	b.look()
	other := node(b.ids.After(far))
	require.GreaterOrEqual(t, other, perRole)
	require.NotEqual(t, n, other)
	require.Less(t, m.leases[other].Until, began.AddDate(1, 0, 0).Add(2*id.FutureSpan).UnixMicro())
}

func TestWhenNoNumberIsFreeIDsHaveNone(t *testing.T) {
	m := &memory{leases: map[int]Lease{}}
	for n := range perRole {
		m.leases[n] = Lease{Node: n, Owner: "other", Until: began.Add(time.Hour).UnixMicro()}
	}
	a := start(m, began)
	require.Equal(t, -1, node(a.ids.New()))
	require.ErrorContains(t, a.keeper.step(t.Context()), "all 512 node numbers are in use")
	a.clock.Add(time.Hour)
	a.look()
	require.GreaterOrEqual(t, node(a.ids.New()), 0)
}

func TestAKeeperKeepsItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{leases: map[int]Lease{}}
		ids := id.NewGenerator(nil)
		k := New(t.Context(), Options{Store: m, IDs: ids, Log: slog.New(slog.DiscardHandler)})
		n := node(ids.New())
		require.GreaterOrEqual(t, n, 0)
		time.Sleep(time.Hour)
		require.Equal(t, n, node(ids.New()))
		far := id.FirstAt(time.Now().AddDate(1, 0, 0))
		ids.After(far)
		time.Sleep(pause)
		synctest.Wait()
		require.GreaterOrEqual(t, node(ids.After(far)), perRole, "it is leased when it is missed")
		newest := ids.New()
		k.Close()
		require.Equal(t, Lease{Node: n, Until: newest.Micros() + 1}, m.leases[n])
		require.Equal(t, -1, node(ids.New()))
	})
}
