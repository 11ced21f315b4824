package irclog

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/confab-chat/confab/pkg/chat"
)

// atOnce is how many calls that write one row run together: a store shares the
// cost of syncing among them.
const atOnce = 32

// maxCandidates is how many logins are tried for a nick. More than two are
// needed only if people signed up under the logins that imports make.
const maxCandidates = 8

// people knows which account stands for which nick, and makes those that are
// missing. An account that somebody signed up for is never taken, although it
// is called like a nick: the nick gets the next candidate.
type people struct {
	store   Stores
	tenant  chat.Tenant
	now     time.Time
	byNick  map[string]chat.Person
	created int
}

// meet makes sure that all nicks have accounts.
func (p *people) meet(ctx context.Context, nicks map[string]bool) error {
	var open []string
	for n := range nicks {
		if _, ok := p.byNick[n]; !ok {
			open = append(open, n)
		}
	}
	for round := 0; len(open) > 0; round++ {
		if round == maxCandidates {
			return chat.ErrExists(chat.UserEntity, Login(open[0]))
		}
		taken, err := p.try(ctx, open, round)
		if err != nil {
			return err
		}
		open = taken
	}
	return nil
}

// try gives nicks their login of this round, and returns those whose login is somebody else's.
func (p *people) try(ctx context.Context, nicks []string, round int) (taken []string, err error) {
	logins := make([]string, len(nicks))
	for i, n := range nicks {
		logins[i] = candidate(n, round)
	}
	there, err := p.store.UsersByLogin(ctx, p.tenant, logins)
	if err != nil {
		return nil, err
	}
	const (
		free = iota
		made
		others
	)
	state := make([]int, len(nicks))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i, n := range nicks {
		if u, ok := there[logins[i]]; ok {
			if !imported(u, n) {
				state[i] = others
			}
			continue
		}
		g.Go(func() error {
			u := chat.User{Person: person(logins[i], n), CreatedAt: p.now}
			err := p.store.CreateUser(gctx, p.tenant, u)
			switch {
			case err == nil:
				state[i] = made
			case chat.IsKind(err, chat.Conflict):
				// A deleted account, one signed up this moment, or another import's.
				old, err := p.store.User(gctx, p.tenant, logins[i])
				if err != nil {
					return err
				}
				if !imported(old, n) {
					state[i] = others
				}
			default:
				return err
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i, n := range nicks {
		if state[i] == others {
			taken = append(taken, n)
			continue
		}
		if state[i] == made {
			p.created++
		}
		p.byNick[n] = person(logins[i], n)
	}
	return taken, nil
}
