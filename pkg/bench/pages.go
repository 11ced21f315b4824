package bench

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	chatclient "github.com/confab-chat/confab/pkg/client"
	"github.com/confab-chat/confab/pkg/id"
)

// positions is how many different positions pages are read at.
const positions = 256

// checkEvery is which answers are looked into: one of so many.
const checkEvery = 64

// Pages measures GET of pages of a room of o.Fill messages, at random positions
// (the same in every run).
func Pages(ctx context.Context, o Options) (Result, error) {
	s, err := setUp(ctx, o)
	if err != nil {
		return Result{}, err
	}
	defer s.tearDown(ctx)
	o = s.o
	if !s.guest {
		if err := s.fill(ctx); err != nil {
			return Result{}, err
		}
	}
	var requests [][]byte
	for i, room := range s.rooms {
		some, err := s.pageRequests(ctx, i, room)
		if err != nil {
			return Result{}, err
		}
		requests = append(requests, some...)
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
				return refused{why: fmt.Sprintf("a page has %d messages instead of %d", n, o.PageSize)}
			}
		}
		return nil
	})
	r.Setting = fmt.Sprintf("%d clients, page of %d, room of %d", o.Clients, o.PageSize, o.Fill)
	if s.guest {
		r.Room, r.Setting = o.Room, fmt.Sprintf("%d clients, page of %d, room %s", o.Clients, o.PageSize, o.Room)
	}
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

// pageKinds are the pages that can be read: the newest; the oldest; before a message, before the moment in the middle
// of the room's time, around a message, and around a moment as a jump to a date does.
var pageKinds = []string{"newest", "oldest", "older", "middle", "around", "date"}

func (s *stage) pageRequests(ctx context.Context, user int, room string) ([][]byte, error) {
	path := messages + room + "?fetchSize=" + strconv.Itoa(s.o.PageSize)
	get := func(query string) []byte { return request("GET", s.url, path+query, s.cookie(user), nil) }
	switch s.o.Page {
	case "newest":
		return [][]byte{get("")}, nil
	case "oldest":
		return [][]byte{get("&after=" + id.Min.String())}, nil
	case "middle", "date":
		return s.momentRequests(ctx, room, get)
	}
	param := map[string]string{"older": "&before=", "around": "&around="}[s.o.Page]
	ids, err := s.history(ctx, room)
	if err != nil {
		return nil, err
	}
	random := rand.New(rand.NewPCG(2, uint64(len(ids))))
	var out [][]byte
	for range positions {
		// Not so near the beginning that a page before it would not be full.
		out = append(out, get(param+ids[random.IntN(max(1, len(ids)-s.o.PageSize))]))
	}
	return out, nil
}

// momentRequests asks for pages at moments, without knowing the history.
func (s *stage) momentRequests(ctx context.Context, room string, get func(string) []byte) ([][]byte, error) {
	oldest, err := end(room, s.users[0].MessagesAfter(ctx, room, chatclient.ID{}))
	if err != nil {
		return nil, err
	}
	newest, err := end(room, s.users[0].MessagesBefore(ctx, room, chatclient.ID{}))
	if err != nil {
		return nil, err
	}
	reach := newest.Sub(oldest)
	if s.o.Page == "middle" {
		return [][]byte{get("&before=" + id.FirstAt(oldest.Add(reach/2)).String())}, nil
	}
	random := rand.New(rand.NewPCG(2, 2))
	var out [][]byte
	for range positions {
		out = append(out, get("&around="+id.FirstAt(oldest.Add(time.Duration(random.Int64N(int64(reach)+1)))).String()))
	}
	return out, nil
}

// end returns the moment of the first of a room's messages.
func end(room string, messages iter.Seq2[chatclient.Message, error]) (time.Time, error) {
	for m, err := range messages {
		return m.ID.Time(), err
	}
	return time.Time{}, fmt.Errorf("the room %s is empty", room)
}
