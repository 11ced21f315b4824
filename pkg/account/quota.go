package account

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// ErrQuota is the cause of the error for an account for which the tenant has no room.
var ErrQuota = errors.New("the tenant has as many accounts as it may have")

// countFor is how long a count is used before the accounts are counted anew. Other servers create accounts too.
const countFor = time.Minute

// counts are how many accounts the tenants with a quota have.
type counts struct {
	mu sync.Mutex
	of map[chat.Tenant]*counted
}

type counted struct {
	mu sync.Mutex // held while the accounts are counted, so that it is done once
	n  int
	at time.Time
}

// reserve is People.Reserve. count counts the accounts of a tenant, up to most of them.
func (cs *counts) reserve(ctx context.Context, t chat.Tenant, now time.Time, most, n int,
	count func(ctx context.Context, t chat.Tenant, most int) (int, error)) (release func(n int), err error) {
	if most <= 0 {
		return func(int) {}, nil
	}
	cs.mu.Lock()
	if cs.of == nil {
		cs.of = map[chat.Tenant]*counted{}
	}
	c := cs.of[t]
	if c == nil {
		c = &counted{}
		cs.of[t] = c
	}
	cs.mu.Unlock()

	c.mu.Lock()
	defer c.mu.Unlock()
	fresh := !c.at.IsZero() && now.Sub(c.at) < countFor
	if !fresh || c.n+n > most && now.Sub(c.at) > time.Second { // there may be room again
		if c.n, err = count(ctx, t, most); err != nil {
			return nil, err
		}
		c.at = now
	}
	if c.n+n > most {
		return nil, &chat.Error{Kind: chat.RateLimited, Cause: ErrQuota, Message: "limit of the edition exceeded: there are as many users as there may be"}
	}
	c.n += n
	return func(n int) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.n -= n
	}, nil
}

// count counts accounts, up to most of them.
func (s *Service) count(ctx context.Context, t chat.Tenant, most int) (n int, err error) {
	const page = 1000
	for after := (id.ID{}); ; {
		es, err := s.store.Entries(ctx, spaceOf(t), after, page)
		if err != nil {
			return 0, err
		}
		if n += len(es); n >= most || len(es) < page {
			return n, nil
		}
		after = es[len(es)-1].ID
	}
}

// deleted notes that an account is gone.
func (cs *counts) deleted(t chat.Tenant) {
	cs.mu.Lock()
	n := cs.of[t]
	cs.mu.Unlock()
	if n != nil {
		n.mu.Lock()
		n.n--
		n.mu.Unlock()
	}
}
