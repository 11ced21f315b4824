package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// chaosMail sends messages to 600 users of an app each while the store is broken.
type chaosMail struct {
	*platform
	tokens []string
	to     []string
	wait   time.Duration // for a message, at the end

	mu    sync.Mutex
	acked []map[string]string // the ids of each acknowledged message, by user
}

// mailEvery is the pause between two such messages.
const mailEvery = 5 * time.Second

func newChaosMail(ctx context.Context, o ChaosOptions) (*chaosMail, error) {
	p, err := setUpApp(ctx, Options{URL: o.URL, AllowRemote: o.AllowRemote, AdminLogin: o.AdminLogin, AdminPassword: o.AdminPassword, Keep: true, Progress: o.Progress})
	if err != nil {
		return nil, err
	}
	m := &chaosMail{platform: p, wait: o.MailTime}
	if m.tokens, err = p.users(ctx, manyReceivers); err != nil {
		return nil, err
	}
	for i := range m.tokens {
		m.to = append(m.to, fmt.Sprint("u", i))
	}
	return m, nil
}

// post sends one message. It is not repeated: after 503 nobody knows whether it was stored.
func (m *chaosMail) post(ctx context.Context, report func(why string, unavailable bool)) {
	var out struct {
		Data map[string]string `json:"data"`
	}
	err := m.call(ctx, "POST", m.path("/messages/users"), m.token, map[string]any{"to": m.to, "type": "txt", "body": map[string]string{"msg": "chaos"}}, &out)
	var no refused
	switch {
	case ctx.Err() != nil:
	case errors.As(err, &no):
		report(no.why, no.status == http.StatusServiceUnavailable)
	case err != nil:
		report(err.Error(), false)
	default:
		report("", false)
		m.mu.Lock()
		defer m.mu.Unlock()
		m.acked = append(m.acked, out.Data)
	}
}

// check reads what waits for each user, and counts the acknowledged messages that do not come, and those that come twice.
func (m *chaosMail) check(ctx context.Context, r *ChaosReport) error {
	r.Mailed = int64(len(m.acked))
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i := range m.to {
		g.Go(func() error {
			seen, err := m.read(ctx, i)
			if err != nil {
				return fmt.Errorf("the messages of a user cannot be read at the end: %w", err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, ids := range m.acked {
				if seen[ids[m.to[i]]] == 0 {
					r.MailLost++
				}
			}
			for _, n := range seen {
				if n > 1 {
					r.MailDoubled++
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// copyWait is for how long a second copy of a message is waited for.
const copyWait = 200 * time.Millisecond

// read returns how often each message comes to a user, until all acknowledged ones have come and no more does.
func (m *chaosMail) read(ctx context.Context, user int) (map[string]int, error) {
	s, err := m.open(ctx, user, m.tokens[user])
	if err != nil {
		return nil, err
	}
	defer s.Close()
	missing := map[string]bool{}
	for _, ids := range m.acked {
		missing[ids[m.to[user]]] = true
	}
	seen := map[string]int{}
	for {
		wait := m.wait
		if len(missing) == 0 {
			wait = copyWait
		}
		_ = s.SetReadDeadline(time.Now().Add(wait))
		name, id, err := s.next()
		if err != nil {
			return seen, ctx.Err() // what is missing is counted
		}
		if name == "message" {
			seen[id]++
			delete(missing, id)
		}
	}
}
