package server

import (
	"context"
	"log/slog"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/sse"
	"github.com/confab-chat/confab/pkg/stomp"
	"github.com/confab-chat/confab/pkg/tenant"
)

// rechecker holds open sockets to what other servers have changed. Requests ask for each thing whether it is still
// allowed; a socket was asked when it was opened. The store announces what requests may not believe any longer (see
// pkg/cache), and the same announcements say which sockets to ask anew. It needs no bus.
type rechecker struct {
	hub      *live.Hub
	sockets  *stomp.Server
	streams  *sse.Server
	sessions *auth.Sessions
	tokens   *auth.Tokens
	accounts *account.Service
	tenants  *tenant.Service
	log      *slog.Logger
}

// recheckParallel bounds the checks that read the store concurrently.
const recheckParallel = 8

// check ends the sockets and subscriptions that are not allowed any more because of changes with these keys; with all,
// because of any change.
func (c *rechecker) check(ctx context.Context, keys []string, all bool) {
	ended := make(map[auth.Hash]bool) // sessions and tokens that may have ended
	accounts := make(map[chat.Identity]bool)
	tenants := make(map[chat.Tenant]bool) // apps
	g := guard.NewGroup()
	g.SetLimit(recheckParallel)
	run := func(check func() error) { g.Go(check) }
	for _, key := range keys {
		if h, ok := auth.ParseSessionKey(key); ok {
			c.sessions.Forget(h)
			ended[h] = true
		} else if h, ok := auth.ParseTokenKey(key); ok {
			c.tokens.Forget(h)
			ended[h] = true
		} else if space, u, ok := directory.ParseKey(key); ok {
			// Without this, what was cached less than cache.Brief ago would keep a stream open until a later poll.
			c.accounts.ForgetEntry(space, u)
			c.tenants.ForgetEntry(space, u)
			of, who := affected(space, u)
			tenants[of] = of != ""
			accounts[who] = who != chat.Identity{}
		} else if who, ok := chat.ParseAccountKey(key); ok {
			c.sessions.ForgetAccount(who)
			accounts[who] = true
		} else if t, name, ok := chat.ParseRoomKey(key); ok && !all {
			run(func() error { return c.hub.RecheckRoom(ctx, t, name) })
		} else if t, room, login, ok := chat.ParseMemberKey(key); ok && !all {
			run(func() error { return c.hub.RecheckMember(ctx, t, room, login) })
		}
	}
	if all {
		run(func() error { return c.hub.RecheckAll(ctx) })
	}
	if all || len(ended)+len(accounts)+len(tenants) > 0 {
		run(func() error {
			c.streams.Recheck(ctx, func(l auth.Login) bool {
				return all || ended[l.Credential()] || accounts[l.Identity] || tenants[l.Tenant]
			})
			return nil
		})
		run(func() error {
			c.sockets.Recheck(ctx, func(l auth.Login) bool { return all || ended[l.Credential()] || accounts[l.Identity] })
			return nil
		})
	}
	// A check that fails is repeated with the next poll, for half a minute.
	if err := g.Wait(); err != nil && ctx.Err() == nil {
		c.log.Debug("cannot check what open sockets may do; trying again", "error", err)
	}
}

// keepAlive keeps the session of an open socket alive, or checks its API token.
func keepAlive(sessions *auth.Sessions, tokens *auth.Tokens) func(context.Context, auth.Login) error {
	return func(ctx context.Context, l auth.Login) error {
		if l.Session.IsZero() {
			_, err := tokens.FindHash(ctx, l.Token)
			return err
		}
		_, err := sessions.Find(ctx, l.Session)
		return err
	}
}
