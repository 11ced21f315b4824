package embedded

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// syncRate returns how many small appends to a file, each with its own sync, the
// disk under dir takes a second.
func syncRate(b *testing.B, dir string) float64 {
	f, err := os.Create(filepath.Join(dir, "sync"))
	require.NoError(b, err)
	defer f.Close()
	const n = 200
	block := make([]byte, 256)
	start := time.Now()
	for range n {
		_, err := f.Write(block)
		require.NoError(b, err)
		require.NoError(b, f.Sync())
	}
	return n / time.Since(start).Seconds()
}

// BenchmarkAppend64 appends from 64 goroutines, each waiting until its message is
// durable, and reports the disk's own rate of syncs beside it.
func BenchmarkAppend64(b *testing.B) {
	dir := b.TempDir()
	bare := syncRate(b, dir)
	s := open(b, filepath.Join(dir, "data"), quiet())
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour) // as requests have one
	defer cancel()
	content := strings.Repeat("x", 100)
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := s.Append(ctx, aLog, message(content)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	rate := float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(rate, "appends/s")
	b.ReportMetric(bare, "syncs/s")
	b.ReportMetric(rate/bare, "appends/sync")
}

// BenchmarkPage20 reads pages of 20 all over a log.
func BenchmarkPage20(b *testing.B) {
	s := open(b, b.TempDir(), quiet())
	const n = 100_000
	seq := id.NewSequence([8]byte{1})
	at := time.Date(2014, 1, 1, 0, 0, 0, 0, time.UTC)
	ms := fill(n, func(i int) id.ID { return seq.At(at.Add(time.Duration(i) * time.Minute)) })
	require.NoError(b, s.AppendBatch(context.Background(), aLog, ms))
	b.ResetTimer()
	for i := range b.N {
		page, err := s.Older(context.Background(), aLog, ms[20+i*7919%(n-20)].ID, 20)
		if err != nil || len(page) != 20 {
			b.Fatal(len(page), err)
		}
	}
}

// BenchmarkAppendBatch writes messages as an import does.
func BenchmarkAppendBatch(b *testing.B) {
	s := open(b, b.TempDir(), quiet())
	ms := fill(b.N, func(int) id.ID { return ids.New() })
	b.ResetTimer()
	require.NoError(b, s.AppendBatch(context.Background(), aLog, ms))
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
}

func fill(n int, at func(i int) id.ID) []chat.Message {
	ms := make([]chat.Message, n)
	for i := range ms {
		ms[i] = chat.Message{ID: at(i), Author: author, Content: strings.Repeat("x", 100)}
	}
	return ms
}
