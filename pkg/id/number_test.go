package id

import (
	"cmp"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// always grants a node number for all times.
func always(g *Generator, node int) *Generator {
	g.Grant(Present, Span{Node: node, Until: math.MaxInt64})
	return g
}

func TestANumberIsTheTimeAndTheNode(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 123_456_000, time.UTC)
	u := always(NewGenerator(func() time.Time { return at }), 5).New()
	n, ok := u.Number()
	require.True(t, ok)
	require.Equal(t, at.UnixMicro()<<10|5, n)
	require.True(t, at.Equal(u.Time()))
	require.Equal(t, at.UnixMicro(), u.Micros())
	back, ok := FromNumber(n)
	require.True(t, ok)
	require.Equal(t, u, back)
	again, err := Parse(u.String())
	require.NoError(t, err)
	require.Equal(t, u, again, "it is a version-1 UUID")
}

func TestWhatHasNoNumber(t *testing.T) {
	for _, n := range []int64{0, -1, math.MinInt64} {
		_, ok := FromNumber(n)
		require.False(t, ok, "%d", n)
	}
	low := lowOf(5)
	for name, u := range map[string]ID{
		"no id":            {},
		"before":           NewGenerator(nil).New(),
		"an import":        NewSequence([8]byte{1}).At(time.Now()),
		"a position":       FirstAt(time.Now()),
		"the first":        Min,
		"the last":         Max,
		"before 1970":      compose(gregorian-ticksPerMicro, low),
		"after 2255":       compose(gregorian+(maxMicros+1)*ticksPerMicro, low),
		"between two":      compose(gregorian+ticksPerMicro+1, low),
		"a node too large": compose(gregorian+ticksPerMicro, low|0x20),
		"1970 of node 0":   compose(gregorian, lowOf(0)),
	} {
		_, ok := u.Number()
		require.False(t, ok, name)
	}
}

func TestBothSpellingsAreInverseAndOrderedAlike(t *testing.T) {
	number := rapid.OneOf(rapid.Int64Range(1, math.MaxInt64), rapid.Int64Range(1<<60, 1<<60+3<<10), rapid.Just(int64(math.MaxInt64)))
	rapid.Check(t, func(t *rapid.T) {
		a, b := number.Draw(t, "a"), number.Draw(t, "b")
		u, ok := FromNumber(a)
		v, both := FromNumber(b)
		require.True(t, ok && both)
		n, ok := u.Number()
		require.True(t, ok)
		require.Equal(t, a, n)
		require.Equal(t, cmp.Compare(a, b), u.Compare(v), "%v and %v", u, v)
	})
}

// One generator, whose clock jumps, makes ids of several rooms, some of which are ahead of time.
func TestAGeneratorNeverMakesANumberTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		g := always(NewGenerator(func() time.Time { return clock }), 7)
		seen, rooms := map[int64]bool{}, make([]ID, 3)
		var last ID
		take := func(u ID) {
			n, ok := u.Number()
			require.True(t, ok)
			require.False(t, seen[n], "%v was made twice", u)
			seen[n] = true
		}
		t.Repeat(map[string]func(*rapid.T){
			"clock": func(t *rapid.T) {
				clock = clock.Add(time.Duration(rapid.Int64Range(-2000, 3000).Draw(t, "step")) * time.Microsecond)
			},
			"new": func(t *rapid.T) {
				u := g.New()
				take(u)
				require.Greater(t, u.Micros(), last.Micros())
				last = u
			},
			"after": func(t *rapid.T) {
				r := rapid.IntRange(0, len(rooms)-1).Draw(t, "room")
				u := g.After(rooms[r])
				take(u)
				require.Greater(t, u.Micros(), rooms[r].Micros())
				rooms[r] = u
			},
			"another server's": func(t *rapid.T) {
				r := rapid.IntRange(0, len(rooms)-1).Draw(t, "room")
				ahead := time.Duration(rapid.Int64Range(0, 2000).Draw(t, "ahead")) * time.Microsecond
				if u := FirstAt(clock.Add(ahead)); u.Compare(rooms[r]) > 0 {
					rooms[r] = u
				}
			},
		})
	})
}

func TestOnlyWhatIsGrantedHasANumber(t *testing.T) {
	clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	g := NewGenerator(func() time.Time { return clock })
	has := func(u ID) bool { _, ok := u.Number(); return ok }
	micros := func(d time.Duration) int64 { return clock.Add(d).UnixMicro() }
	require.False(t, has(g.New()))
	require.Equal(t, micros(0), g.Wanted(Present))
	require.Zero(t, g.Wanted(Present), "it was said")

	g.Grant(Present, Span{Node: 1, From: micros(time.Second), Until: micros(time.Minute)})
	require.False(t, has(g.New()), "too early")
	clock = clock.Add(time.Second)
	require.True(t, has(g.New()))
	g.Grant(Present, Span{Node: 1, Until: micros(0)})
	require.False(t, has(g.New()), "used up")
	require.NotZero(t, g.Wanted(Present))
	g.Grant(Present, Span{Node: 1, Until: micros(time.Minute)})
	newest := g.New()
	require.True(t, has(newest))
	require.Equal(t, newest.Micros()+1, g.Revoke(Present))
	require.False(t, has(g.New()))
	require.Zero(t, g.Revoke(Present))

	g.Grant(Present, Span{Node: 2, From: micros(0), Until: micros(time.Minute)})
	far := FirstAt(clock.AddDate(1, 0, 0))
	u := g.After(far)
	require.False(t, has(u))
	require.Equal(t, far.Micros()+1, u.Micros())
	require.Equal(t, u.Micros(), g.Wanted(Future))
	g.Grant(Future, Span{Node: 600, From: micros(0), Until: u.Micros() + FutureSpan.Microseconds()})
	n, ok := g.After(u).Number()
	require.True(t, ok)
	require.EqualValues(t, 600, n%Nodes)
	require.Zero(t, g.Wanted(Future))
	require.True(t, has(g.After(FirstAt(clock.AddDate(1, 0, 0).Add(600*time.Millisecond)))))
	require.NotZero(t, g.Wanted(Future), "soon there are no more")
	n, ok = g.After(FirstAt(clock.Add(time.Second))).Number()
	require.True(t, ok)
	require.EqualValues(t, 2, n%Nodes, "what is near has the number of the present")
}

// More milliseconds of the future than a generator knows: ids go on, without a number.
func TestTheFutureIsBounded(t *testing.T) {
	clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	g := always(NewGenerator(func() time.Time { return clock }), 1)
	numbers := 0
	for i := range maxAhead + 10 {
		if _, ok := g.After(FirstAt(clock.Add(time.Hour + time.Duration(i)*time.Millisecond))).Number(); ok {
			numbers++
		}
	}
	require.Equal(t, maxAhead, numbers)
	clock = clock.Add(2 * time.Hour)
	g.New()
	_, ok := g.After(FirstAt(clock.Add(time.Hour))).Number()
	require.True(t, ok, "what is over is not known any more")
	require.Len(t, g.grants[Present].ahead, 1)
}
