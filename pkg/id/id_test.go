package id

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	const text = "4e831610-cb0b-11e4-8830-0800200c9a66"
	u, err := Parse(text)
	require.NoError(t, err)
	require.Equal(t, text, u.String())
	require.Equal(t, "2015-03-15T12:03:35.025Z", u.Time().Truncate(time.Millisecond).Format(time.RFC3339Nano))

	for _, bad := range []string{
		"", "nonsense", text + "0", text[:35],
		"4e831610-cb0b-41e4-8830-0800200c9a66", // version 4
		"4e831610xcb0b-11e4-8830-0800200c9a66",
		"4e83161g-cb0b-11e4-8830-0800200c9a66",
	} {
		_, err := Parse(bad)
		require.ErrorIs(t, err, ErrInvalid, bad)
	}
}

func TestOrderIsTimeThenSignedBytes(t *testing.T) {
	older := compose(100, 0x7f7f7f7f7f7f7f7f)
	newer := compose(101, 0x8080808080808080)
	require.Negative(t, older.Compare(newer))
	require.Negative(t, ID{}.Compare(older), "none is older than each")

	// 0x80 is -128: it comes before 0x7f, whatever their unsigned values say.
	negative := compose(100, 0x8000000000000000)
	positive := compose(100, 0x7f00000000000000)
	require.Negative(t, negative.Compare(positive))
	// In a later byte as well.
	require.Negative(t, compose(100, 0x01ff).Compare(compose(100, 0x0101)))
}

func TestMinMaxFirstAt(t *testing.T) {
	u := NewGenerator(nil).New()
	require.Negative(t, Min.Compare(u))
	require.Positive(t, Max.Compare(u))

	at := time.Date(2015, 3, 15, 12, 0, 0, 0, time.UTC)
	first := FirstAt(at)
	require.True(t, at.Equal(first.Time()))
	for _, low := range []uint64{0, signFlip, 0x7f7f7f7f7f7f7f7f, 0xffffffffffffffff} {
		require.LessOrEqual(t, first.Compare(compose(first.ticks(), low)), 0)
		require.Positive(t, first.Compare(compose(first.ticks()-1, low)))
	}
	require.Equal(t, Min, FirstAt(time.Time{}))
	require.Equal(t, Max, FirstAt(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)))
}

func TestGeneratorNeverGoesBack(t *testing.T) {
	clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	g := NewGenerator(func() time.Time { return clock })
	last := g.New()
	for _, step := range []time.Duration{0, 0, -time.Hour, time.Second, -time.Minute, 100, 0} {
		clock = clock.Add(step)
		next := g.New()
		require.Positive(t, next.Compare(last), "after a step of %v", step)
		require.Greater(t, next.Time().UnixMicro(), last.Time().UnixMicro(), "stores date changes by microseconds")
		last = next
	}
}

func TestAfterAFloor(t *testing.T) {
	clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now := func() time.Time { return clock }
	g := NewGenerator(now)
	past := FirstAt(clock.Add(-time.Hour))
	require.True(t, g.After(past).SameMaker(g.New()), "a floor of the past changes nothing")
	require.True(t, clock.Truncate(time.Millisecond).Equal(g.After(ID{}).Time().Truncate(time.Millisecond)))

	clock = clock.AddDate(1, 0, 0)
	floor := NewGenerator(now).New()
	clock = clock.AddDate(-1, 0, 0)
	last := floor
	for range 3 {
		next := g.After(last)
		require.Equal(t, last.Time().UnixMicro()+1, next.Time().UnixMicro())
		require.NotEqual(t, next, NewGenerator(now).After(last), "two servers never make the same id")
		last = next
	}
	require.Less(t, g.New().Time().Sub(clock), time.Second, "other rooms keep the time of the clock")
	clock = last.Time().Add(time.Second)
	require.True(t, g.After(last).SameMaker(g.New()), "the clock has caught up")
	require.NotPanics(t, func() { require.Less(t, g.After(Max).Compare(Max), 0) })
}

func TestGeneratorConcurrently(t *testing.T) {
	g := NewGenerator(nil)
	var mu sync.Mutex
	seen := map[ID]bool{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			mine := make([]ID, 1000)
			for i := range mine {
				mine[i] = g.New()
			}
			mu.Lock()
			defer mu.Unlock()
			for _, u := range mine {
				seen[u] = true
			}
		})
	}
	wg.Wait()
	require.Len(t, seen, 8000)
}

func TestSequenceRepeats(t *testing.T) {
	at := time.Date(2006, 8, 23, 1, 43, 0, 0, time.UTC)
	a, b := NewSequence([8]byte{1}), NewSequence([8]byte{1})
	other := NewSequence([8]byte{2})
	var last ID
	for range 3 {
		u := a.At(at)
		require.Equal(t, u, b.At(at))
		require.NotEqual(t, u, other.At(at))
		require.Positive(t, u.Compare(last))
		require.Equal(t, at.UnixMilli(), u.UnixMilli())
		last = u
	}
}

func TestBuckets(t *testing.T) {
	day, hour := int64(86400_000), int64(3600_000)
	w := Widths{{Span: 7 * day}, {From: 100*day + hour/2, Span: hour}}
	at := func(ms int64) ID { return FirstAt(time.UnixMilli(ms)) }
	require.Equal(t, Bucket(0), w.Of(at(0)))
	require.Equal(t, Bucket(-7*day), w.Of(at(-1)))
	require.Equal(t, Bucket(7*day), w.Of(at(14*day-1)))
	require.Equal(t, Bucket(98*day), w.Of(at(100*day)))
	require.Equal(t, Bucket(100*day+hour/2), w.Of(at(100*day+hour/2)), "the epoch opens a bucket of its own")
	require.Equal(t, Bucket(100*day+hour), w.Of(at(100*day+hour)))
}

func FuzzKey(f *testing.F) {
	f.Add([]byte("0123456789abcdef"), []byte("fedcba9876543210"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if len(a) != 16 || len(b) != 16 {
			return
		}
		a[6], b[6] = a[6]&0x0f|0x10, b[6]&0x0f|0x10
		u, v := ID(a), ID(b)
		require.Equal(t, u, u.Key().ID())
		ku, kv := u.Key(), v.Key()
		require.Equal(t, signedCompare(u, v), bytes.Compare(ku[:], kv[:]))
		back, err := Parse(u.String())
		require.NoError(t, err)
		require.Equal(t, u, back)
	})
}

// signedCompare is Cassandra's TimeUUIDType order, written from its definition.
func signedCompare(u, v ID) int {
	if a, b := u.ticks(), v.ticks(); a != b {
		if a < b {
			return -1
		}
		return 1
	}
	for i := 8; i < 16; i++ {
		if a, b := int8(u[i]), int8(v[i]); a != b {
			if a < b {
				return -1
			}
			return 1
		}
	}
	return 0
}
