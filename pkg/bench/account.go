package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	chatclient "github.com/confab-chat/confab/pkg/client"
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
	users   []*chatclient.Client
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
	s := &stage{o: o, url: u, users: make([]*chatclient.Client, o.Users), cookies: make([]string, o.Users)}
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
			s.users[i], s.cookies[i], err = s.user(gctx, fmt.Sprintf("bench-%s-u%d", run, i))
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
				if _, err := s.users[0].CreateRoom(gctx, room, ""); err != nil {
					return err
				}
			}
			for u, does := range joins {
				if !does {
					continue
				}
				if err := s.users[u].Join(gctx, room); err != nil {
					return err
				}
			}
			s.o.Progress(done.Add(1), int64(len(s.rooms)), "making rooms")
			return nil
		})
	}
	return g.Wait()
}

// user signs somebody up and logs in. The measured requests are encoded beforehand, with the cookie.
func (s *stage) user(ctx context.Context, login string) (c *chatclient.Client, cookie string, err error) {
	password := rand.Text()
	c, err = chatclient.New(s.url.String(), chatclient.WithPassword(login, password), chatclient.WithHTTPClient(setUpClient), chatclient.WithRetryFor(0))
	if err != nil {
		return nil, "", err
	}
	person := chatclient.Person{Login: login, FirstName: "Bench", LastName: login}
	if _, err = c.SignUp(ctx, chatclient.NewUser{Person: person, Password: password}); err != nil {
		return nil, "", err
	}
	h := http.Header{}
	err = c.Authorize(ctx, h)
	return c, h.Get("Cookie"), err
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
		_ = s.users[0].DeleteRoom(ctx, room)
	}
}

func (s *stage) cookie(i int) string { return s.cookies[i%len(s.cookies)] }
func (s *stage) room(i int) string   { return s.rooms[i%len(s.rooms)] }

// history reads a room back to its beginning and returns its message ids, newest
// first, without system messages. An id that comes twice is an error.
func (s *stage) history(ctx context.Context, room string) ([]string, error) {
	var ids []string
	seen := map[chatclient.ID]bool{}
	for m, err := range s.users[0].MessagesBefore(ctx, room, chatclient.ID{}) {
		if err != nil {
			return nil, err
		}
		if seen[m.ID] {
			return nil, fmt.Errorf("the history of %s shows message %s twice", room, m.ID)
		}
		seen[m.ID] = true
		if !m.System {
			ids = append(ids, m.ID.String())
		}
	}
	return ids, nil
}
