package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"

	"golang.org/x/sync/errgroup"

	chatclient "github.com/confab-chat/confab/pkg/client"
)

// Uploads measures files: o.Count of o.FileBytes each (0: one of each client) are uploaded by o.Clients clients at the same time,
// each is named by a message, and all are read back at the same time. Operations are the uploads with their messages. The memory
// is the peak of the server's process (o.PID) since its start: it should not depend on how much is uploaded.
func Uploads(ctx context.Context, o Options) (Result, error) {
	or(&o.Clients, 20)
	or(&o.FileBytes, 50<<20)
	or(&o.Count, int64(o.Clients))
	s, err := setUp(ctx, o)
	if err != nil {
		return Result{}, err
	}
	defer s.tearDown(ctx)
	o = s.o
	before, _ := usageOf(o.PID)
	var mu sync.Mutex
	var sent []string
	r, err := closedLoop(ctx, o, "uploads", func(ctx context.Context, i int) error {
		c, room := s.users[i%len(s.users)], s.room(i)
		f, err := c.UploadFile(ctx, room, "bench.bin", newBlob(o.FileBytes))
		if err == nil {
			_, err = c.Post(ctx, room, "", chatclient.As("file", map[string]string{"file": f.ID}))
		}
		var no *chatclient.Error
		if errors.As(err, &no) {
			return refused{why: no.Error()}
		}
		mu.Lock()
		defer mu.Unlock()
		sent = append(sent, f.ID)
		return err
	})
	r.Setting = fmt.Sprintf("%d clients, %d files of %d MiB", o.Clients, o.Count, o.FileBytes>>20)
	if err != nil {
		return r, err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(o.Clients)
	for i, f := range sent {
		g.Go(func() error { return s.readBack(gctx, i, f) })
	}
	if err := g.Wait(); err != nil {
		return r, err
	}
	r.more("MiB_per_second", r.Rate*float64(o.FileBytes)/(1<<20))
	r.more("read_back", float64(len(sent)))
	r.more("before_MiB", float64(before.rss)/(1<<20))
	if peak := peakOf(o.PID); peak > 0 {
		r.ServerRSS = peak
		r.more("peak_MiB", float64(peak)/(1<<20))
	}
	return r, nil
}

// readBack reads a file and requires that it is whole. Whoever has sent it is in its room; others may not be.
func (s *stage) readBack(ctx context.Context, i int, f string) error {
	var err error
	for n := range s.users {
		var in io.ReadCloser
		if in, err = s.users[(i+n)%len(s.users)].OpenFile(ctx, f); err != nil {
			continue
		}
		size, err := io.Copy(io.Discard, in)
		_ = in.Close()
		if err == nil && size != s.o.FileBytes {
			err = fmt.Errorf("a file of %d bytes has %d when it is read", s.o.FileBytes, size)
		}
		return err
	}
	return err
}

// block is what files consist of: nothing compresses it.
var block = sync.OnceValue(func() []byte {
	b := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b)
	return b
})

// newBlob returns a file of a size, which is nowhere whole.
func newBlob(size int64) *io.SectionReader { return io.NewSectionReader(repeated{}, 0, size) }

// repeated is block, again and again.
type repeated struct{}

// ReadAt implements io.ReaderAt.
func (repeated) ReadAt(p []byte, at int64) (int, error) {
	for n := 0; n < len(p); {
		n += copy(p[n:], block()[(at+int64(n))%int64(len(block())):])
	}
	return len(p), nil
}
