package auth

import (
	"context"

	"github.com/confab-chat/confab/pkg/chat"
)

// Users erases the data of users except their logins; see upkeep.Service.
type Users interface {
	EraseUser(ctx context.Context, t chat.Tenant, login string, keepMessages bool) (chat.Erasure, error)
}

// Eraser erases users: their logins by itself, the rest through Users. It may be used concurrently.
type Eraser struct {
	users    Users
	accounts *Accounts
}

// NewEraser returns an eraser.
func NewEraser(users Users, accounts *Accounts) *Eraser {
	return &Eraser{users: users, accounts: accounts}
}

// Erase removes all sessions, remembered logins, API tokens and roles of a user, and erases the rest through Users; see
// upkeep.Service.EraseUser. When it returns, the account has ended. Messages are erased in the background.
// Conflict if the user is the administrator in the operator's settings.
func (x *Eraser) Erase(ctx context.Context, t chat.Tenant, login string, keepMessages bool) (chat.Erasure, error) {
	if !chat.ValidName(login) {
		return chat.Erasure{}, chat.ErrNotFound(chat.UserEntity, login)
	}
	if err := x.accounts.mayEnd(chat.Identity{Tenant: t, Login: login}); err != nil {
		return chat.Erasure{}, err
	}
	e, err := x.users.EraseUser(ctx, t, login, keepMessages)
	if err != nil {
		return e, err
	}
	// Logins end after the account, because new ones could be made until then. After an error the operator repeats the
	// call.
	return e, x.endLogins(context.WithoutCancel(ctx), chat.Identity{Tenant: t, Login: login})
}

func (x *Eraser) endLogins(ctx context.Context, who chat.Identity) error {
	if err := x.accounts.endRights(ctx, who); err != nil {
		return err
	}
	x.accounts.sessions.EndAccount(ctx, who)
	return x.accounts.Clear(ctx, who)
}
