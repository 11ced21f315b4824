package cassandra

import (
	"context"
	"flag"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// posters is how many clients the benchmarks have.
const posters = 64

// BenchmarkRatio compares the store with bare gocql that runs the same statement, both with the same
// number of clients, by turns in the same run: "ratio" is the store's rate over the bare one.
//
//	go test -bench Ratio -benchtime 20000x ./pkg/store/cassandra
func BenchmarkRatio(b *testing.B) {
	shared(b)
	c := sharedConfig
	s := openStore(b, c, Options{})
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	log := slog.New(slog.DiscardHandler)
	dc, err := localDC(context.Background(), c, log)
	require.NoError(b, err)
	bare, err := connect(context.Background(), c, c.Keyspace, dc, log)
	require.NoError(b, err)
	b.Cleanup(bare.Close)

	ctx := context.Background()
	l := chat.Log{Tenant: tenant(), ID: ids.New()}
	message := func() chat.Message {
		return chat.Message{ID: ids.New(), Author: person("ann"), Content: "a message of a usual length, as people write them"}
	}
	for range 100 {
		require.NoError(b, s.Append(ctx, l, message()))
	}
	_, err = s.Older(ctx, l, id.Max, 20)
	require.NoError(b, err)

	b.Run("Append", func(b *testing.B) {
		ratio(b, func() error { return s.Append(ctx, l, message()) }, func() error {
			w := insert(l, id.DefaultWidths.Of(ids.New()), message())
			return bare.Query(w.statement, w.args...).Exec()
		})
	})
	b.Run("Older20", func(b *testing.B) {
		ratio(b, func() error { _, err := s.Older(ctx, l, id.Max, 20); return err }, func() error {
			iter := bare.Query(olderMessages, string(l.Tenant), uuid(l.ID), int64(id.DefaultWidths.Of(ids.New())), uuid(id.Max), 20).Iter()
			var row messageRow
			for iter.Scan(row.dest()...) {
			}
			return iter.Close()
		})
	})
}

// BenchmarkHotRoom opens one room from a thousand concurrent clients, and reports how many reads of messages Cassandra gets.
//
//	go test -bench HotRoom -benchtime 20x ./pkg/store/cassandra
func BenchmarkHotRoom(b *testing.B) {
	const clients = 1000
	shared(b)
	s := openStore(b, sharedConfig, Options{})
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	rooms := chat.NewReader(chat.ReaderOptions{Store: s})
	b.Cleanup(rooms.Close)
	service := chat.NewService(chat.Options{Reader: rooms})
	b.Cleanup(service.Close)
	ctx := b.Context()
	ann := person("ann")
	who := chat.Identity{Tenant: tenant(), Login: ann.Login}
	r := chat.Room{ID: ids.New(), Name: "hot", Creator: ann, CreatedAt: time.Now()}
	require.NoError(b, s.CreateRoom(ctx, who.Tenant, r))
	for range 30 {
		require.NoError(b, s.Append(ctx, r.Log(who.Tenant), chat.Message{ID: ids.New(), Author: ann, Content: "said by somebody"}))
	}
	c := &counting{n: map[string]int{}}
	s.db.around.set(c.around)
	ran := c.during(func() {
		for b.Loop() {
			var wg sync.WaitGroup
			for range clients {
				wg.Go(func() {
					p, err := service.Messages(ctx, who, r.Name, chat.PageQuery{Limit: 20})
					if err != nil || len(p.Messages) != 20 {
						b.Error(len(p.Messages), err)
					}
				})
			}
			wg.Wait()
		}
	})
	b.ReportMetric(float64(ran[olderMessages])/float64(b.N*clients), "reads/request")
	b.ReportMetric(float64(ran[olderMessages])/float64(b.N), "reads/op")
}

// ratio runs each of b.N operations both ways, in turns of a second or so.
func ratio(b *testing.B, ours, bare func() error) {
	const turns = 10
	n := max(b.N/turns, posters)
	var our, other time.Duration
	for range turns {
		our += spread(b, n, ours)
		other += spread(b, n, bare)
	}
	b.ReportMetric(other.Seconds()/our.Seconds(), "ratio")
	b.ReportMetric(float64(n*turns)/our.Seconds(), "ours/s")
	b.ReportMetric(float64(n*turns)/other.Seconds(), "bare/s")
	b.ReportMetric(0, "ns/op") // of both ways together it would say nothing
}

// spread runs f n times with all clients and returns how long that took.
func spread(b *testing.B, n int, f func() error) time.Duration {
	var wg sync.WaitGroup
	begin := time.Now()
	for range posters {
		wg.Go(func() {
			for range n / posters {
				if err := f(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(begin)
}

var benchEntries = flag.Int("entries", 1_000_000, "how many entries the list of BenchmarkEntryList has")

// BenchmarkEntryList reads a list of accounts from its start to its end in pages of 100, as clients of the platform do, and
// reports what a page takes in the first, the sixth and the last tenth. The rows are written as they are after CreateEntry,
// without its transactions, in the ids of two days.
//
//	go test -run '^$' -bench EntryList -benchtime 1x ./pkg/store/cassandra -args -entries 1000000
func BenchmarkEntryList(b *testing.B) {
	const page = 100
	shared(b)
	s := openStore(b, sharedConfig, Options{})
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	ctx := b.Context()
	space := "accounts/" + string(tenant())
	first := time.Now().Add(-48 * time.Hour)
	var g errgroup.Group
	g.SetLimit(posters)
	var hour int64
	for i := range *benchEntries {
		u := id.FirstAt(first.Add(time.Duration(float64(48*time.Hour) * float64(i) / float64(*benchEntries))))
		if h := entryHour(u); h != hour {
			hour = h
			require.NoError(b, s.db.exec(ctx, insertEntryHour, space, h))
		}
		g.Go(func() error {
			if err := s.db.exec(ctx, insertEntryIndex, space, entryHour(u), uuid(u)); err != nil {
				return err
			}
			return s.db.exec(ctx, `INSERT INTO directory_entries (space, id, name, value, version) VALUES (?, ?, ?, ?, 1)`,
				space, uuid(u), u.String(), []byte(`{"nickname":"a name of a usual length"}`))
		})
	}
	require.NoError(b, g.Wait())
	b.ResetTimer()
	for range b.N {
		var tenths [10]time.Duration
		pages := *benchEntries / page
		after := id.ID{}
		for i := range pages {
			began := time.Now()
			es, err := s.Entries(ctx, space, after, page)
			require.NoError(b, err)
			require.Len(b, es, page)
			after = es[page-1].ID
			tenths[i*10/pages] += time.Since(began)
		}
		for name, tenth := range map[string]int{"first": 0, "sixth": 5, "last": 9} {
			b.ReportMetric(float64(tenths[tenth].Microseconds())/float64(pages)*10, name+"-tenth-µs/page")
		}
	}
}
