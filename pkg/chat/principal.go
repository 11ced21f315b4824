package chat

import (
	"context"

	"github.com/confab-chat/confab/pkg/limit"
)

// Principal returns who as one who asks for themselves.
func (who Identity) Principal() Principal { return Principal{Identity: who} }

// limited counts what a user is about to do. Apps have limits of their own.
func (s *Service) limited(who Principal, k limit.Kind) error {
	if who.App {
		return nil
	}
	return s.may(who.does(k))
}

// Accounts finds people of tenants whose accounts are not in the UserStore: those of the platform's apps. They have names
// that are shown, and a login that is never that of another account.
type Accounts interface {
	// Person returns somebody by their login: NotFound (UserEntity) if there is no such account, or no longer.
	Person(ctx context.Context, who Identity) (Person, error)
}
