package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// Fillable is what Fill needs of a store.
type Fillable interface {
	CreateUser(ctx context.Context, t chat.Tenant, u chat.User) error
	CreateRoom(ctx context.Context, t chat.Tenant, r chat.Room) error
	Room(ctx context.Context, t chat.Tenant, name string) (chat.Room, error)
	Join(ctx context.Context, t chat.Tenant, r chat.Room, p chat.Person, since id.ID) (changed bool, err error)
	AppendBatch(ctx context.Context, l chat.Log, ms []chat.Message) error
}

// FillOptions say what Fill writes.
type FillOptions struct {
	Room         string // made if it is not there, by a user who cannot log in
	Messages     int
	Participants int           // so many join, with logins of their own and without accounts
	Span         time.Duration // before now, over which their dates are spread evenly
	// Rate, if not 0, is how many are written a second, dated when they are; Span does not count then.
	Rate     int
	Bytes    int // of a content
	Progress func(done, total int64, note string)
}

const (
	fillBatch   = 1000
	fillBatches = 4 // concurrently
	fillJoins   = 32
	filler      = "bench-fill"
)

// Fill writes messages and participants straight into a store: a long history in a short time. It returns how
// long that took. The store may be in use by servers, but they publish none of these messages.
func Fill(ctx context.Context, st Fillable, o FillOptions) (time.Duration, error) {
	if o.Messages < 0 || o.Participants < 0 || o.Messages+o.Participants < 1 || o.Bytes < minMessage || o.Rate < 0 || o.Span < 0 {
		return 0, fmt.Errorf("too small a number: there have to be messages, of at least %d bytes, or participants", minMessage)
	}
	if o.Progress == nil {
		o.Progress = func(int64, int64, string) {}
	}
	r, err := fillRoom(ctx, st, o.Room)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if err := fillParticipants(ctx, st, r, o); err != nil {
		return 0, err
	}
	err = fillMessages(ctx, st, r.Log(chat.DefaultTenant), o)
	return time.Since(start), err
}

func fillParticipants(ctx context.Context, st Fillable, r chat.Room, o FillOptions) error {
	ids := id.NewGenerator(nil)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(fillJoins)
	for i := range o.Participants {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			p := chat.Person{Login: fmt.Sprintf("%s.%07d", filler, i), FirstName: "Bench", LastName: fmt.Sprintf("Fill %d", i)}
			return patiently(ctx, func() error {
				_, err := st.Join(ctx, chat.DefaultTenant, r, p, ids.New())
				return err
			})
		})
		o.Progress(int64(i+1), int64(o.Participants), "participants")
	}
	return g.Wait()
}

func fillMessages(ctx context.Context, st Fillable, l chat.Log, o FillOptions) error {
	var seed [8]byte
	_, _ = rand.Read(seed[:])
	ids := id.NewSequence(seed)
	start := time.Now()
	dated := func(i int) time.Time {
		if o.Rate > 0 {
			return time.Now()
		}
		// In this order a product of both would overflow.
		return start.Add(-o.Span).Add(time.Duration(float64(o.Span) / float64(o.Messages) * float64(i)))
	}
	batch := fillBatch
	if o.Rate > 0 {
		batch = max(1, min(fillBatch, o.Rate/10))
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(fillBatches)
	for from := 0; from < o.Messages && gctx.Err() == nil; from += batch {
		if o.Rate > 0 {
			wait(gctx, time.Until(start.Add(time.Duration(from)*time.Second/time.Duration(o.Rate))))
		}
		ms := make([]chat.Message, min(batch, o.Messages-from))
		for i := range ms {
			ms[i] = chat.Message{ID: ids.At(dated(from + i)), Author: chat.Person{Login: filler, FirstName: "Bench", LastName: "Fill"},
				Content: fillText(from+i, o.Bytes)}
		}
		g.Go(func() error { return patiently(gctx, func() error { return st.AppendBatch(gctx, l, ms) }) })
		o.Progress(int64(from+len(ms)), int64(o.Messages), fmt.Sprintf("%.0f/s", float64(from)/time.Since(start).Seconds()))
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// patiently tries again when a store is too busy: the same message or participant twice is the same as once.
func patiently(ctx context.Context, do func() error) error {
	const most = 20
	for n := 1; ; n++ {
		err := do()
		if !chat.IsKind(err, chat.Unavailable) || n == most || ctx.Err() != nil {
			return err
		}
		wait(ctx, time.Duration(n)*200*time.Millisecond)
	}
}

func fillRoom(ctx context.Context, st Fillable, name string) (chat.Room, error) {
	const t = chat.DefaultTenant
	r, err := st.Room(ctx, t, name)
	if err == nil {
		return r, nil
	}
	if !chat.IsKind(err, chat.NotFound) {
		return chat.Room{}, err
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	who := chat.Person{Login: filler, FirstName: "Bench", LastName: "Fill"}
	err = st.CreateUser(ctx, t, chat.User{Person: who, CreatedAt: now, PasswordHash: "-"})
	if err != nil && !chat.IsKind(err, chat.Conflict) {
		return chat.Room{}, err
	}
	r = chat.Room{ID: id.NewGenerator(nil).New(), Name: name, Creator: who, CreatedAt: now}
	if err := st.CreateRoom(ctx, t, r); err != nil {
		return chat.Room{}, errors.Join(fmt.Errorf("the room %q cannot be made", name), err)
	}
	return r, nil
}

// fillText is text that differs from message to message, as people's does, and compresses about as well.
func fillText(i, bytes int) string {
	words := [...]string{"yes ", "the server ", "I think ", "restart ", "tomorrow ", "did you see ", "that ", "build ", "fails ", "again ", "why ", "coffee? "}
	b := fmt.Appendf(make([]byte, 0, bytes+16), "%d ", i)
	for x := uint32(i)*2654435761 + 1; len(b) < bytes; x = x*1664525 + 1013904223 {
		b = append(b, words[(x>>16)%uint32(len(words))]...)
	}
	return string(b[:bytes])
}
