package chat

import (
	"context"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/guard"
)

// LoginKey is what a login has in common with those that differ from it only in case. Of those, one may sign up.
func LoginKey(login string) string { return strings.ToLower(login) }

// reservedLogins are logins that nobody may sign up with, in any case: they would be taken for the operator's or for
// the server itself. The operator may make accounts with them.
var reservedLogins = map[string]bool{"admin": true, "administrator": true, "root": true, "system": true, "support": true, SystemLogin: true}

// claimsDone is claimed when all accounts from before there were claims have one. It is no login.
const claimsDone = "*"

const (
	claimsPage = 500
	// claimsAtOnce is how many accounts are looked after concurrently: each claim is a transaction.
	claimsAtOnce = 32
	claimsRetry  = time.Second
	// claimsWait is how long a sign-up waits until the accounts that are there already have their claims.
	claimsWait = 3 * time.Second
)

// claimLogins gives the accounts of a store from before there were claims theirs, so that nobody can sign up with a login
// that differs from one of them only in case. Where two do, both stay, and one of them has the claim. Servers of the
// version before may create accounts without a claim while they run beside this one.
func (s *Service) claimLogins(ctx context.Context) {
	for ctx.Err() == nil {
		err := s.claimAll(ctx, DefaultTenant)
		if err == nil {
			close(s.claimed)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(claimsRetry):
		}
	}
}

func (s *Service) claimAll(ctx context.Context, t Tenant) error {
	if done, err := s.store.LoginClaimed(ctx, t, claimsDone); err != nil || done != "" {
		return err
	}
	for after := ""; ; {
		users, err := s.store.Users(ctx, t, after, claimsPage)
		if err != nil {
			return err
		}
		g, gctx := guard.WithContext(ctx)
		g.SetLimit(claimsAtOnce)
		for _, u := range users {
			g.Go(func() error {
				_, err := s.store.ClaimLogin(gctx, t, u.Login)
				return err
			})
			after = u.Login
		}
		if err := g.Wait(); err != nil {
			return err
		}
		if len(users) < claimsPage {
			_, err := s.store.ClaimLogin(ctx, t, claimsDone)
			return err
		}
	}
}

// claim claims a login for a sign-up: Conflict if it is reserved, or if there is one that differs only in case.
func (s *Service) claim(ctx context.Context, t Tenant, login string) error {
	select {
	case <-s.claimed:
	case <-time.After(claimsWait):
		return &Error{Kind: Unavailable, Message: "the server is still looking through the accounts it has; sign up in a moment"}
	case <-ctx.Done():
		return ErrUnavailable(ctx.Err())
	}
	holder, err := s.store.ClaimLogin(ctx, t, login)
	if err == nil && holder != login {
		err = ErrExists(UserEntity, login)
	}
	return err
}
