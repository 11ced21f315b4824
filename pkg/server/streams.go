package server

import (
	"context"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/sse"
	"github.com/confab-chat/confab/pkg/tenant"
)

// signalMail says to all servers whose mailboxes have something new. Servers that the bus does not reach look now and then.
func signalMail(hub *live.Hub) func(chat.Tenant, []string) {
	hub.PollSignal(sse.MailArrived)
	return func(t chat.Tenant, logins []string) {
		if len(logins) > 0 {
			hub.Signal(sse.MailArrived, sse.ArrivedKey(t, logins))
		}
	}
}

// signalChange says to all servers that a message to a user was changed.
func signalChange(hub *live.Hub) func(chat.Log, chat.Letter) {
	return func(log chat.Log, l chat.Letter) { hub.Signal(sse.MailChanged, sse.ChangedKey(log, l)) }
}

// streamCheck says why the token of a stream is not good any more.
func streamCheck(tokens *auth.Tokens, accounts *account.Service) func(context.Context, auth.Login) (sse.Reason, time.Time, error) {
	return func(ctx context.Context, l auth.Login) (sse.Reason, time.Time, error) {
		_, err := tokens.FindHash(ctx, l.Token)
		if err == nil {
			until, err := tokens.ExpiresAt(ctx, l.Token)
			return "", until, err
		}
		if !chat.IsKind(err, chat.Unauthenticated) {
			return "", time.Time{}, err
		}
		if l.Tenant == chat.DefaultTenant {
			return sse.Expired, time.Time{}, nil
		}
		a, err := accounts.Cached(ctx, l.Identity)
		switch {
		case chat.IsKind(err, chat.NotFound):
			return sse.Deleted, time.Time{}, nil
		case err != nil:
			return "", time.Time{}, err
		case a.Inactive:
			return sse.Deactivated, time.Time{}, nil
		case a.Epoch != auth.AccountEpoch(l.Epoch):
			return sse.Password, time.Time{}, nil
		}
		return sse.Expired, time.Time{}, nil
	}
}

// affected says which streams a change of an entry of the directory concerns: those of an account, or of an app.
func affected(space string, u id.ID) (of chat.Tenant, who chat.Identity) {
	if owner, is := strings.CutPrefix(space, string(account.Spaces)); is {
		return "", chat.Identity{Tenant: chat.Tenant(owner), Login: u.String()}
	}
	if app, is := tenant.AppOf(directory.Entry{Space: space, ID: u}); is {
		of = app.Tenant()
	}
	return of, who
}
