package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	socketsOfOne = 40 // idle sockets of one account, at an address of its own
	attacking    = 8  // accounts that attack
	honest       = 4  // accounts that post
	postEvery    = 200 * time.Millisecond
	// bigMessages of bigBytes fill the room whose pages and replays attackers ask for, as far as they may.
	bigMessages, bigBytes = 400, 60_000
)

// siege is a server under attack: idle sockets, honest users who post to a room, and attackers.
type siege struct {
	*stage
	logins []string // of the users

	big   string // a room of the attackers, with long messages
	tea   string // the room of the honest
	idle  []*listener
	ended atomic.Int64 // idle sockets that did not live to the end
}

// Attacks measures what attackers can do to others: o.Connections idle sockets are connected, a few honest users post five
// times a second each, and one attack after the other runs for o.Duration. Operations are the honest posts; the latency is
// theirs, as is the number of errors. The memory is the peak of the server's process (o.PID) since its start. All
// limits of the server may be on: accounts have addresses of their own where the server is at 127.0.0.1.
func Attacks(ctx context.Context, o Options) (Result, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Result{}, err
	}
	u, err := o.target()
	if err != nil {
		return Result{}, err
	}
	s := &siege{stage: &stage{o: o, url: u}}
	r := Result{Name: "attacks", Setting: fmt.Sprintf("%d idle sockets, %d honest users, %v each", o.Connections, honest, o.Duration)}
	defer func() {
		s.tearDown(ctx)
		closeListeners(s.idle)
	}()
	if err := s.prepare(ctx); err != nil {
		return r, err
	}
	idle, stop := s.watchIdle()
	defer idle.Wait()
	defer stop()

	var all Histogram
	m := startMeter(o.PID)
	for i, a := range attacks {
		if len(o.Attacks) > 0 && !slices.Contains(o.Attacks, a.name) {
			continue
		}
		o.Progress(int64(i), int64(len(attacks)), a.name)
		each, err := s.under(ctx, a, &all, &r)
		if err != nil {
			return r, err
		}
		r.more(a.name+"_p99_ms", float64(each.p99)/1e6)
		r.more(a.name+"_peak_MiB", float64(each.peak)/(1<<20))
	}
	r.Operations, r.Latency = all.Count(), all.Latency()
	m.stop(&r)
	if peak := peakOf(o.PID); peak > 0 {
		r.ServerRSS = peak
	}
	r.more("idle_sockets_ended", float64(s.ended.Load()))
	if r.Operations == 0 {
		return r, fmt.Errorf("no honest post worked: %s", r.FirstError)
	}
	return r, nil
}

// prepare makes accounts and rooms, connects the idle sockets and fills the big room.
func (s *siege) prepare(ctx context.Context) error {
	run := strings.ToLower(rand.Text()[:10])
	s.rooms = []string{"bench-" + run + "-big", "bench-" + run + "-tea"}
	s.big, s.tea = s.rooms[0], s.rooms[1]
	sleepers := (s.o.Connections + socketsOfOne - 1) / socketsOfOne
	for i := range attacking + honest + sleepers {
		from := s.from(ctx, i)
		s.logins = append(s.logins, fmt.Sprintf("bench-%s-u%d", run, i))
		c, cookie, err := s.user(from, s.logins[i])
		if err != nil {
			return err
		}
		s.users, s.cookies = append(s.users, c), append(s.cookies, cookie)
		if i == 0 {
			for _, room := range s.rooms {
				if _, err := c.CreateRoom(from, room, ""); err != nil {
					return err
				}
			}
		}
		switch {
		case i == 0: // created both
		case i < attacking:
			err = c.Join(from, s.big)
		case i < attacking+honest:
			err = c.Join(from, s.tea)
		}
		if err != nil {
			return err
		}
		s.o.Progress(int64(i), int64(attacking+honest+sleepers), "signing up")
	}
	for i := range s.o.Connections {
		who := attacking + honest + i/socketsOfOne
		l, err := listen(s.from(ctx, who), s.url, s.cookies[who], "/topic/me")
		if err != nil {
			return fmt.Errorf("idle socket %d: %w", i, err)
		}
		s.idle = append(s.idle, l)
		s.o.Progress(int64(i), int64(s.o.Connections), "connecting")
	}
	return s.fillBig(ctx)
}

// fillBig posts long messages. If the server limits that, there are fewer.
func (s *siege) fillBig(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, max(s.o.Duration, time.Second))
	defer cancel()
	g, gctx := errgroup.WithContext(ctx)
	for i := range attacking {
		req, err := postRequest(s.url, s.big, s.cookies[i], content(bigBytes))
		if err != nil {
			return err
		}
		g.Go(func() error {
			c := &client{url: s.url}
			defer c.close()
			for n := 0; n < bigMessages/attacking && gctx.Err() == nil; {
				err := c.do(s.from(gctx, i), req)
				switch {
				case err == nil:
					n++
				case errors.As(err, new(refused)):
					wait(gctx, 100*time.Millisecond)
				default:
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// watchIdle reads the idle sockets, until stop is called.
func (s *siege) watchIdle() (wg *sync.WaitGroup, stop func()) {
	wg = &sync.WaitGroup{}
	var stopped atomic.Bool
	for _, l := range s.idle {
		wg.Go(func() {
			for {
				if _, err := l.frames.next(); err != nil {
					if !stopped.Load() {
						s.ended.Add(1)
					}
					return
				}
			}
		})
	}
	return wg, func() {
		stopped.Store(true)
		closeListeners(s.idle)
	}
}

// effect is what an attack has done.
type effect struct {
	p99  time.Duration
	peak int64
}

// under runs one attack for o.Duration while the honest post and the server's memory is watched.
func (s *siege) under(ctx context.Context, a attack, all *Histogram, r *Result) (effect, error) {
	var each Histogram
	var mu sync.Mutex
	var wg sync.WaitGroup
	stop, err := startAttack(ctx, s.o.AttackCommand, a.name, attackers{URL: s.url.String(), Connections: s.o.Connections,
		Logins: s.logins[:attacking], Cookies: s.cookies[:attacking], Big: s.big})
	if err != nil {
		return effect{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.o.Duration)
	defer cancel()
	for i := range honest {
		who := attacking + i
		req, err := postRequest(s.url, s.tea, s.cookies[who], content(s.o.MessageBytes))
		if err != nil {
			return effect{}, errors.Join(err, stop())
		}
		wg.Go(func() {
			c := &client{url: s.url}
			defer c.close()
			next := time.NewTicker(postEvery)
			defer next.Stop()
			for {
				start := time.Now()
				err := c.do(s.from(context.WithoutCancel(ctx), who), req)
				took := time.Since(start)
				if err == nil {
					each.Add(took)
					all.Add(took)
				} else {
					mu.Lock()
					r.Errors++
					or(&r.FirstError, a.name+": "+err.Error())
					mu.Unlock()
				}
				select {
				case <-next.C:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	var peak int64
	for ctx.Err() == nil {
		if u, ok := usageOf(s.o.PID); ok && s.o.PID > 0 {
			peak = max(peak, u.rss)
		}
		wait(ctx, 20*time.Millisecond)
	}
	wg.Wait()
	if err := stop(); err != nil {
		return effect{}, err
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return effect{}, ctx.Err()
	}
	return effect{each.Quantile(.99), peak}, nil
}

// from makes connections come from an address of the account's own, where the server is on loopback.
func (s *siege) from(ctx context.Context, account int) context.Context {
	return fromAddress(ctx, s.url, account)
}

func fromAddress(ctx context.Context, server *url.URL, account int) context.Context {
	if !strings.HasPrefix(server.Hostname(), "127.") {
		return ctx
	}
	return withAddress(ctx, fmt.Sprintf("127.9.%d.%d", account/250, account%250+1))
}

// peakOf returns the greatest memory of a process since its start; 0 if it is not known.
func peakOf(pid int) int64 {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kib, _ := strconv.ParseInt(fields[0], 10, 64)
	return kib << 10
}
