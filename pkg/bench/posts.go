package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// minMessage is what the smallest content needs for its mark.
const minMessage = 32

// content returns a message's content of n bytes.
func content(n int) string { return strings.Repeat("confab bench ", n/13+1)[:n] }

func postRequest(u *url.URL, room, cookie, content string) ([]byte, error) {
	body, err := json.Marshal(map[string]string{"content": content})
	return request("POST", u, messages+room, cookie, body), err
}

// Posts measures POST of messages, each client with a connection and a user of
// its own, and then reads all rooms back: every message that was answered with success is there, once.
func Posts(ctx context.Context, o Options) (Result, error) {
	s, err := setUp(ctx, o)
	if err != nil {
		return Result{}, err
	}
	defer s.tearDown(ctx)
	o = s.o
	r, err := s.posts(ctx, "posts")
	if err != nil {
		return r, err
	}
	stored := 0
	for i, room := range s.rooms {
		o.Progress(int64(i), int64(len(s.rooms)), "reading all back")
		ids, err := s.history(ctx, room)
		if err != nil {
			return r, err
		}
		stored += len(ids)
	}
	r.more("read_back", float64(stored))
	if want := r.More["all_operations"]; r.FirstError == "" && float64(stored) != want {
		return r, fmt.Errorf("%.0f posts were answered with success, %d messages are there", want, stored)
	}
	return r, nil
}

func (s *stage) posts(ctx context.Context, name string) (Result, error) {
	o := s.o
	requests := make([][]byte, o.Clients)
	for i := range requests {
		var err error
		if requests[i], err = postRequest(s.url, s.room(i), s.cookie(i), content(o.MessageBytes)); err != nil {
			return Result{}, err
		}
	}
	cs, err := clients(ctx, s.url, o.Clients)
	if err != nil {
		return Result{}, err
	}
	defer closeAll(cs)
	r, err := closedLoop(ctx, o, name, func(ctx context.Context, i int) error { return cs[i].do(ctx, requests[i]) })
	r.Setting = fmt.Sprintf("%d clients, %d rooms, %d bytes", o.Clients, len(s.rooms), o.MessageBytes)
	return r, err
}
