package bench

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
)

// positions is how many different positions pages are read at.
const positions = 256

// checkEvery is which answers are looked into: one of so many.
const checkEvery = 64

// Pages measures GET of pages of a room of o.Fill messages, at random positions
// (the same in every run).
func Pages(ctx context.Context, o Options) (Result, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Result{}, err
	}
	s, err := setUp(ctx, o)
	if err != nil {
		return Result{}, err
	}
	defer s.tearDown(ctx)
	if err := s.fill(ctx); err != nil {
		return Result{}, err
	}
	var requests [][]byte
	for i, room := range s.rooms {
		ids, err := s.history(ctx, room)
		if err != nil {
			return Result{}, err
		}
		requests = append(requests, s.pageRequests(i, room, ids)...)
	}
	cs, err := clients(ctx, s.url, o.Clients)
	if err != nil {
		return Result{}, err
	}
	defer closeAll(cs)
	type reader struct {
		random *rand.Rand
		n      int
	}
	readers := make([]reader, o.Clients)
	for i := range readers {
		readers[i].random = rand.New(rand.NewPCG(1, uint64(i)))
	}
	r, err := closedLoop(ctx, o, "pages-"+o.Page, func(ctx context.Context, i int) error {
		me := &readers[i]
		if err := cs[i].do(ctx, requests[me.random.IntN(len(requests))]); err != nil {
			return err
		}
		me.n++
		if me.n%checkEvery == 1 {
			if n := bytes.Count(cs[i].body(), []byte(`"messageId"`)); n != o.PageSize {
				return refused{fmt.Sprintf("a page has %d messages instead of %d", n, o.PageSize)}
			}
		}
		return nil
	})
	r.Setting = fmt.Sprintf("%d clients, page of %d, room of %d", o.Clients, o.PageSize, o.Fill)
	return r, err
}

// fill posts o.Fill messages to each room.
func (s *stage) fill(ctx context.Context) error {
	requests := make([][]byte, len(s.rooms))
	for i, room := range s.rooms {
		var err error
		if requests[i], err = postRequest(s.url, room, s.cookie(i), content(s.o.MessageBytes)); err != nil {
			return err
		}
	}
	cs, err := clients(ctx, s.url, s.o.Clients)
	if err != nil {
		return err
	}
	defer closeAll(cs)
	o := s.o
	o.Count, o.PID = int64(o.Fill*o.Rooms), 0
	var next atomic.Int64
	r, err := closedLoop(ctx, o, "filling rooms", func(ctx context.Context, i int) error {
		return cs[i].do(ctx, requests[next.Add(1)%int64(len(requests))])
	})
	if err == nil && r.Errors > 0 {
		err = fmt.Errorf("%d of %d posts were refused: %s", r.Errors, o.Count, r.FirstError)
	}
	return err
}

func (s *stage) pageRequests(user int, room string, ids []string) [][]byte {
	path := messages + room + "?fetchSize=" + strconv.Itoa(s.o.PageSize)
	if s.o.Page == "newest" {
		return [][]byte{request("GET", s.url, path, s.cookie(user), nil)}
	}
	param := map[string]string{"older": "&before=", "around": "&around="}[s.o.Page]
	random := rand.New(rand.NewPCG(2, uint64(len(ids))))
	var out [][]byte
	for range positions {
		// Not so near the beginning that a page before it would not be full.
		id := ids[random.IntN(max(1, len(ids)-s.o.PageSize))]
		out = append(out, request("GET", s.url, path+param+id, s.cookie(user), nil))
	}
	return out
}
