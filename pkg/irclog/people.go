package irclog

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/confab-chat/confab/pkg/chat"
)

// atOnce is how many calls that write one row run concurrently: they share the cost of syncing.
const atOnce = 32

// maxCandidates is how many logins are tried for a nick. More than two are
// needed only if people signed up under the logins that imports make.
const maxCandidates = 8

// people maps nicks to accounts, and creates missing accounts. It never uses an account that a user signed up for, even
// if its login equals a nick: the nick gets the next candidate. But if that user was erased, the nick is theirs: it maps to
// chat.Erased.
type people struct {
	store   Stores
	tenant  chat.Tenant
	now     time.Time
	byNick  map[string]chat.Person
	created int
	// anyErased is set when a nick belongs to an erased user.
	anyErased bool
}

// erased reports whether a nick that was met belongs to an erased user.
func (p *people) erased(nick string) bool { return p.byNick[nick] == chat.Erased }

// meet creates the missing accounts of nicks.
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

// try gives nicks their candidate of this round, and returns the nicks whose candidate belongs to another account.
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
		erased
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
				if old.Erased {
					state[i] = erased
				} else if !imported(old, n) {
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
		if state[i] == erased {
			p.byNick[n], p.anyErased = chat.Erased, true
			continue
		}
		if state[i] == made {
			p.created++
		}
		p.byNick[n] = person(logins[i], n)
	}
	return taken, nil
}
