package cassandra

import (
	"cmp"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

func TestWider(t *testing.T) {
	const many = fullBucket
	for name, c := range map[string]struct {
		now  time.Duration
		past past
		want time.Duration // 0: stays
	}{
		"one message a week":                {7 * day, past{12, 84 * day}, 28 * day},
		"one step at a time":                {time.Hour, past{0, 3 * 364 * day}, 6 * time.Hour},
		"quiet, but not for long":           {7 * day, past{0, 83 * day}, 0},
		"nothing known":                     {7 * day, past{}, 0},
		"much for the wider":                {7 * day, past{many / quieter * patience, 84 * day}, 28 * day},
		"too much for the wider":            {7 * day, past{many/quieter*patience + 10, 84 * day}, 0},
		"some a day":                        {7 * day, past{6000, 84 * day}, 28 * day},
		"enough a day to fill pages":        {7 * day, past{7000, 84 * day}, 0},
		"the widest":                        {364 * day, past{0, 5000 * day}, 0},
		"nearly the widest":                 {112 * day, past{150, 3 * 364 * day}, 364 * day},
		"ten quiet minutes of a hot log":    {15 * time.Second, past{0, quietTime}, 45 * time.Second},
		"less than ten":                     {time.Second, past{0, quietTime - 1}, 0},
		"a pause of ten minutes, long ones": {10 * time.Minute, past{0, quietTime}, 0},
		"a lunch":                           {10 * time.Minute, past{0, time.Hour}, 0},
		"a night":                           {time.Hour, past{100, 14 * time.Hour}, 0},
		"a weekend":                         {6 * time.Hour, past{100, 64 * time.Hour}, 0},
		"a width of another version":        {5 * time.Hour, past{0, 3 * 6 * time.Hour}, 6 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			span, change := wider(c.now, c.past)
			require.Equal(t, c.want != 0, change)
			if change {
				require.Equal(t, c.want, span)
			} else {
				require.Equal(t, c.now, span)
			}
		})
	}
}

func TestNarrower(t *testing.T) {
	for name, c := range map[string]struct {
		now           time.Duration
		rate, average float64
		rows          int
		want          time.Duration
	}{
		"quiet":                       {364 * day, 0.001, 0.001, 34_000, 0},
		"a burst":                     {364 * day, 2000, 1, 10, 15 * time.Second},
		"a burst that began to fade":  {7 * day, 10, 900, 36_000, 15 * time.Second},
		"full before its time":        {364 * day, 0, fullBucket / (200 * day).Seconds(), fullBucket, 112 * day},
		"as narrow as it gets":        {time.Second, 100_000, 100_000, 100_000, 0},
		"as narrow as it has to be":   {15 * time.Second, 2000, 2000, 30_000, 0},
		"a wider one fits, full now":  {time.Hour, 0.1, 0.1, fullBucket, 0},
		"about to be full, and quick": {time.Hour, 500, 500, fullBucket - 500*26, time.Minute - 15*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			span, change := narrower(c.now, c.rate, c.average, c.rows)
			require.Equal(t, c.want != 0, change, span)
			if change {
				require.Equal(t, c.want, span)
			}
		})
	}
}

func TestPlan(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	start := now.AddDate(-10, 0, 0)
	// from returns bins of some rows each, at a pace.
	from := func(at time.Time, n int, every time.Duration, rows int) (bins []chat.Bin) {
		for i := range n {
			bins = append(bins, chat.Bin{From: at.Add(time.Duration(i) * every), Messages: rows})
		}
		return bins
	}
	weekly := from(start, 521, 7*day, 1)
	evening := func(weeks int) time.Time { return start.Add(time.Duration(weeks) * 7 * day) }
	var evenings, years []chat.Bin
	for i := range 521 {
		evenings = append(evenings, from(evening(i), 3, time.Hour, 20_000)...)
	}
	for i := range 60 {
		years = append(years, from(now.AddDate(-i, 0, 0), 1, day, 30_000)...)
		years = append(years, from(now.AddDate(-i, 0, 0).Add(-20*time.Hour), 1, day, 30_000*(i%2))...)
	}
	for name, c := range map[string]struct {
		history []chat.Bin
		spans   []time.Duration // without the last
	}{
		"nothing":              {nil, nil},
		"only what is to come": {from(now.Add(time.Second), 3, day, 1), nil},
		"a message a week":     {weekly, []time.Duration{364 * day}},
		"one message":          {weekly[:1], []time.Duration{364 * day}},
		"some thousand a week": {from(start, 521*7, day, 2000),
			[]time.Duration{28 * day, 7 * day, 28 * day}},
		"a thousand a day":  {from(start, 521*7, day, 1000), []time.Duration{28 * day, 364 * day}},
		"thousands an hour": {from(start, 521*7*24, time.Hour, 3000), []time.Duration{6 * time.Hour}},
		"one hot evening": {append(from(evening(260), 6*60, time.Minute, 700), weekly...),
			[]time.Duration{364 * day, 7 * day, 10 * time.Minute, 28 * day, 364 * day}},
		"more at one moment than fits": {from(start, 1, day, 1_000_000), []time.Duration{364 * day}},
		"an evening every week":        {evenings, []time.Duration{time.Hour}},
		"each year another":            {years, []time.Duration{day}},
	} {
		t.Run(name, func(t *testing.T) {
			list := plan(c.history, now)
			var got []time.Duration
			for _, w := range list {
				got = append(got, time.Duration(w.Span)*time.Millisecond)
			}
			if c.spans != nil {
				c.spans = append(c.spans, 7*day)
			}
			require.Equal(t, c.spans, got)
			if len(list) > 0 {
				require.LessOrEqual(t, list[len(list)-1].From, now.UnixMilli())
			}
		})
	}
}

// Whatever the past was like, no bucket is too full that can be divided, and there are few widths.
func TestPlansKeepBucketsSmall(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		var history []chat.Bin
		for range rapid.IntRange(1, 40).Draw(t, "stretches") {
			at := now.Add(-time.Duration(rapid.Int64Range(0, int64(60*364*day)).Draw(t, "before")))
			every := rapid.SampledFrom([]time.Duration{time.Minute, time.Hour, day, 7 * day}).Draw(t, "every")
			rows := rapid.SampledFrom([]int{1, 100, 1000, 30_000}).Draw(t, "rows")
			for i := range rapid.IntRange(1, 200).Draw(t, "bins") {
				history = append(history, chat.Bin{From: at.Add(time.Duration(i) * every).Truncate(time.Minute), Messages: rows})
			}
		}
		list := plan(history, now)
		require.LessOrEqual(t, len(list), maxPlanned+1)
		require.True(t, slices.IsSortedFunc(list, func(a, b id.Width) int { return cmp.Compare(a.From, b.From) }))
		if len(list) > 0 {
			require.Equal(t, 7*day, list.Newest())
			require.LessOrEqual(t, list[len(list)-1].From, now.UnixMilli())
		}
		all := append(id.DefaultWidths[:1:1], list...)
		rows, moments := map[id.Bucket]int{}, map[id.Bucket]map[time.Time]bool{}
		for _, b := range history {
			if b.From.After(now) {
				continue
			}
			at := all.Of(id.FirstAt(b.From))
			rows[at] += b.Messages
			if moments[at] == nil {
				moments[at] = map[time.Time]bool{}
			}
			moments[at][b.From] = true
		}
		for b, n := range rows {
			require.True(t, n <= fullBucket || len(moments[b]) == 1, "%d rows of %d moments", n, len(moments[b]))
		}
	})
}

// simulation is a log that several servers write to, without a store.
type simulation struct {
	maker   *id.Sequence
	list    id.Widths
	rows    map[id.Bucket]int
	paces   []*pace
	fullest int
	changes int
}

func simulate(servers int) *simulation {
	s := &simulation{maker: id.NewSequence([8]byte{1}), list: id.DefaultWidths, rows: map[id.Bucket]int{}}
	for range servers {
		s.paces = append(s.paces, &pace{})
	}
	return s
}

// put has a server write n messages, of which it writes that share usually. A decision takes a second.
func (s *simulation) put(server int, share float64, at time.Time, n int) {
	u := s.maker.At(at)
	b, p := s.list.Of(u), s.paces[server]
	s.rows[b] += n
	s.fullest = max(s.fullest, s.rows[b])
	if q := p.add(b, n, at); q != nil {
		a := answer{max(share, 1.0/manyServers), q.counted, q.known}
		if !a.known {
			a.counted, a.known = count{min(s.rows[b], fullBucket), q.rows}, true
		}
		if span, change := q.fit(s.list.Newest(), a, at.Sub(time.UnixMilli(int64(b)))); change {
			s.change(at, span)
		}
		p.done(b, a)
	}
	if v := p.look(at); v != nil {
		_, over := step(s.list.Newest())
		seen := s.past(at, over)
		if seen.over == 0 && over == quietTime && v.over >= over {
			seen = past{v.rows / max(share, 1.0/manyServers), v.over}
		}
		if span, change := wider(s.list.Newest(), seen); change {
			s.change(at, span)
		}
		p.looked(b, v, min(s.rows[b], fullBucket), true)
	}
}

func (s *simulation) change(at time.Time, span time.Duration) {
	if s.list[len(s.list)-1].From > at.UnixMilli() {
		return
	}
	s.list = append(slices.Clone(s.list), id.Width{From: at.Add(time.Second + grace).UnixMilli(), Span: span.Milliseconds()})
	s.changes++
}

// past is Store.past.
func (s *simulation) past(at time.Time, over time.Duration) past {
	since := at.Add(-over).UnixMilli()
	reaches := false
	rows, buckets := 0, 0
	for b, n := range s.rows {
		reaches = reaches || int64(b) <= since
		if end, _ := s.list.Span(b); end > since {
			rows, buckets = rows+n, buckets+1
		}
	}
	if !reaches || rows > fewRows || buckets >= indexWindow {
		return past{}
	}
	return past{float64(rows), over}
}

var simulated = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// flood has so many messages come in a second, in tenths of a second from one server after the other.
func (s *simulation) flood(from time.Time, seconds int, rate func(second int) int) {
	weights := 0
	for i := range s.paces {
		weights += i + 1
	}
	for second := range seconds {
		for part := range 10 {
			at := from.Add(time.Duration(second)*time.Second + time.Duration(part)*100*time.Millisecond)
			for i := range s.paces {
				share := float64(i+1) / float64(weights) // some have more to do than others
				n := int(math.Round(float64(rate(second)) / 10 * share))
				if n == 0 && second%10 == 0 && part == 0 {
					n = 1
				}
				if n > 0 {
					s.put(i, share, at, n)
				}
			}
		}
	}
}

func TestBucketsStaySmall(t *testing.T) {
	for name, rate := range map[string]func(int) int{
		"a burst out of nothing":  func(int) int { return 2000 },
		"a burst after some days": func(s int) int { return map[bool]int{true: 30, false: 2000}[s < 1100] },
		"rising":                  func(s int) int { return s },
		"steady":                  func(int) int { return 50 },
		"waves":                   func(s int) int { return 2000 * (s / 100 % 2) },
	} {
		for _, servers := range []int{1, 3, 12} {
			for _, width := range []time.Duration{7 * day, 364 * day} {
				for _, before := range []int{0, 25_000, 40_000} { // by servers that are gone
					s := simulate(servers)
					s.list = id.Widths{{Span: width.Milliseconds()}}
					s.rows[s.list.Of(id.FirstAt(simulated))] = before
					s.flood(simulated, 2000, rate)
					require.Less(t, s.fullest, 100_000, "%s, %d servers, width %v, %d there", name, servers, width, before)
					require.Less(t, s.list.Newest(), 7*day, name)
				}
			}
		}
	}
	s := simulate(1)
	s.flood(simulated, 4000, func(s int) int { return map[bool]int{true: 1000, false: 0}[s < 500] })
	require.Less(t, s.fullest, 100_000)
	require.Equal(t, 10*time.Minute, s.list.Newest(), "wider again when it is quiet, but not wide at once")
	s = simulate(1)
	s.flood(simulated, 4000, func(int) int { return 0 })
	require.Equal(t, 7*day, s.list.Newest(), "a new log keeps its width")
}

// A burst begins at the worst moment: just when it was decided to make the buckets wider.
func TestABurstWhileBucketsGetWider(t *testing.T) {
	for _, servers := range []int{1, 3, 12} {
		s := simulate(servers)
		s.list = id.Widths{{Span: (112 * day).Milliseconds()}}
		s.rows[s.list.Of(id.FirstAt(simulated))] = 30_000
		s.change(simulated, 364*day)
		s.flood(simulated, 600, func(int) int { return 2000 })
		require.Less(t, s.fullest, 100_000)
		require.LessOrEqual(t, s.list.Newest(), 45*time.Second)
	}
}

// Servers that write a little each, and forget what they counted when they are started again.
func TestRowsOfManyServersAreCounted(t *testing.T) {
	for name, everyMinutes := range map[string]int{"a year's bucket fills in a month": 1, "in a season": 4, "in a year": 15} {
		for _, servers := range []int{1, 3, 16} {
			for _, before := range []int{0, 34_000} { // after a burst
				for _, restart := range []int{1440, math.MaxInt} { // a day and never
					s := simulate(servers)
					s.list = id.Widths{{Span: (364 * day).Milliseconds()}}
					s.rows[s.list.Of(id.FirstAt(simulated))] = before
					n := 0
					for at := simulated; at.Before(simulated.Add(364 * day)); at = at.Add(time.Duration(everyMinutes) * time.Minute) {
						if n++; n*everyMinutes%restart == 0 {
							for i := range s.paces {
								s.paces[i] = &pace{}
							}
						}
						s.put(n%servers, 1/float64(servers), at, 1)
					}
					require.Less(t, s.fullest, 45_000, "%s, %d servers, %d before, restarts every %d minutes", name, servers, before, restart)
				}
			}
		}
	}
}

// Working hours, nights and weekends do not make widths go to and fro for ever.
func TestWidthsDoNotFlap(t *testing.T) {
	s := simulate(2)
	for at := simulated; at.Before(simulated.Add(8 * 7 * day)); at = at.Add(time.Second) {
		work := at.Weekday() != time.Saturday && at.Weekday() != time.Sunday && at.Hour() >= 9 && at.Hour() < 17 && at.Hour() != 12
		switch {
		case work:
			s.put(at.Second()%2, 0.5, at, 5)
		case at.Second() == 0:
			s.put(at.Minute()%2, 0.5, at, 1)
		}
	}
	require.Less(t, s.fullest, 100_000)
	require.Less(t, s.changes, 60, "%v", s.list)
}

// A log with one message a week gets the widest buckets there are, hot again narrow ones, and wide ones again.
func TestAQuietLogGetsWideBuckets(t *testing.T) {
	s := simulate(2)
	at := simulated
	weeks := func(n int) {
		for range n {
			at = at.Add(7 * day)
			s.paces[0] = &pace{} // started again
			s.put(0, 1, at, 1)
		}
	}
	weeks(20)
	require.Equal(t, 28*day, s.list.Newest())
	weeks(40)
	require.Equal(t, 112*day, s.list.Newest())
	weeks(160)
	require.Equal(t, 364*day, s.list.Newest())
	weeks(100)
	require.Equal(t, 364*day, s.list.Newest())
	require.Equal(t, 3, s.changes)
	s.flood(at, 300, func(int) int { return 2000 })
	require.Less(t, s.fullest, 100_000)
	require.Less(t, s.list.Newest(), time.Minute)
	before := s.changes
	weeks(60)
	require.GreaterOrEqual(t, s.list.Newest(), 28*day)
	require.Less(t, s.changes-before, 12)
}

// A look at the past that a store refuses because it is being closed is ended like one that failed.
func TestLooksEndWhenRefused(t *testing.T) {
	s := &Store{closed: true}
	s.book = s.newWidthBook(MostEntries)
	p, now := &pace{}, time.Unix(1e9, 0)
	p.add(0, 1, now)
	v := p.look(now)
	require.NotNil(t, v)
	s.lookBack(chat.Log{}, 0, id.ID{}, p, v)
	require.Empty(t, s.book.looks, "no place is held")
	require.Nil(t, p.look(now.Add(lookAgain-1)))
	require.NotNil(t, p.look(now.Add(lookAgain)))
}
