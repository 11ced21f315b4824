package bench

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// The paths of the chat API.
const (
	api      = "/api/chat/v1"
	messages = api + "/messages/"
)

// stage is what a benchmark needs on the server: users that are logged in, and
// rooms with all of them in.
type stage struct {
	o       Options
	url     *url.URL
	cookies []string // of the users
	rooms   []string
	guest   bool // the rooms are not ours
}

// setUp signs users up, logs them in and makes rooms. Names are random: runs do not meet.
func setUp(ctx context.Context, o Options) (*stage, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	u, err := o.target()
	if err != nil {
		return nil, err
	}
	run := strings.ToLower(rand.Text()[:10])
	s := &stage{o: o, url: u, cookies: make([]string, o.Users)}
	if o.Room != "" {
		s.rooms, s.guest = []string{o.Room}, true
	}
	for i := range o.Rooms {
		if s.guest {
			break
		}
		s.rooms = append(s.rooms, fmt.Sprintf("bench-%s-%d", run, i))
	}
	var done atomic.Int64
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(4) // password hashing is the server's dearest work
	for i := range s.cookies {
		g.Go(func() (err error) {
			s.cookies[i], err = s.user(gctx, fmt.Sprintf("bench-%s-u%d", run, i))
			o.Progress(done.Add(1), int64(o.Users), "signing up")
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return s, s.makeRooms(ctx)
}

// makeRooms has the first user make the rooms, and those others join who will use
// them: client i is user i in room i, both counted round.
func (s *stage) makeRooms(ctx context.Context) error {
	var done atomic.Int64
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for i, room := range s.rooms {
		joins := map[int]bool{i % len(s.cookies): true}
		for c := i; c < max(s.o.Clients, len(s.cookies)); c += len(s.rooms) {
			joins[c%len(s.cookies)] = true
		}
		joins[0] = s.guest
		g.Go(func() error {
			if !s.guest {
				if _, _, err := s.call(gctx, "POST", "/rooms/"+room, s.cookies[0], map[string]any{}); err != nil {
					return err
				}
			}
			for u, does := range joins {
				if !does {
					continue
				}
				if _, _, err := s.call(gctx, "PUT", "/rooms/participant/"+room, s.cookies[u], nil); err != nil {
					return err
				}
			}
			s.o.Progress(done.Add(1), int64(len(s.rooms)), "making rooms")
			return nil
		})
	}
	return g.Wait()
}

func (s *stage) user(ctx context.Context, login string) (cookie string, err error) {
	password := rand.Text()
	_, _, err = s.call(ctx, "POST", "/users", "", map[string]any{
		"login": login, "password": password, "firstname": "Bench", "lastname": login,
	})
	if err != nil {
		return "", err
	}
	_, cookie, err = s.call(ctx, "POST", "/authenticate", "", map[string]any{"login": login, "password": password})
	if err == nil && cookie == "" {
		err = fmt.Errorf("POST /authenticate gave no cookie")
	}
	return cookie, err
}

// call makes one request of the chat API. A status other than 2xx is an error.
func (s *stage) call(ctx context.Context, method, path, cookie string, in any) (body []byte, cookies string, err error) {
	var payload []byte
	if in != nil {
		if payload, err = json.Marshal(in); err != nil {
			return nil, "", err
		}
	}
	return call(ctx, s.url, method, api+path, cookie, payload)
}

// tearDown deletes the rooms, unless they are to be kept. The users stay: they cannot do any harm.
func (s *stage) tearDown(ctx context.Context) {
	if s.o.Keep || s.guest {
		return
	}
	// Also after ctx has ended, but not forever.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	for _, room := range s.rooms {
		_, _, _ = s.call(ctx, "DELETE", "/rooms/"+room, s.cookies[0], nil)
	}
}

func (s *stage) cookie(i int) string { return s.cookies[i%len(s.cookies)] }
func (s *stage) room(i int) string   { return s.rooms[i%len(s.rooms)] }

// page is what the set-up reads of a page of messages.
type page struct {
	Messages []struct {
		ID     string `json:"messageId"`
		System bool   `json:"systemMessage"`
	} `json:"messages"`
	HasMore bool `json:"hasMore"`
}

// history reads a room back to its beginning and returns its message ids, newest
// first, without system messages. An id that comes twice is an error.
func (s *stage) history(ctx context.Context, room string) ([]string, error) {
	var ids []string
	seen := map[string]bool{}
	for before := ""; ; {
		path := "/messages/" + room + "?fetchSize=200"
		if before != "" {
			path += "&before=" + before
		}
		body, _, err := s.call(ctx, "GET", path, s.cookies[0], nil)
		if err != nil {
			return nil, err
		}
		var p page
		if err := json.Unmarshal(body, &p); err != nil {
			return nil, err
		}
		for _, m := range slices.Backward(p.Messages) {
			if seen[m.ID] {
				return nil, fmt.Errorf("the history of %s shows message %s twice", room, m.ID)
			}
			seen[m.ID] = true
			if !m.System {
				ids = append(ids, m.ID)
			}
		}
		if !p.HasMore || len(p.Messages) == 0 {
			return ids, nil
		}
		before = p.Messages[0].ID
	}
}
