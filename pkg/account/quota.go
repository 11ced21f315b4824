package account

import (
	"context"
	"errors"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/limit"
)

// ErrQuota is the cause of the error for an account for which the tenant has no room.
var ErrQuota = errors.New("the tenant has as many accounts as it may have")

// reserve is People.Reserve. count counts the accounts of a tenant, up to most of them.
func reserve(ctx context.Context, counts *limit.Counts, t chat.Tenant, now time.Time, most, n int,
	count func(ctx context.Context, t chat.Tenant, most int) (int, error)) (done func(made int), err error) {
	done, ok, err := counts.Reserve(ctx, now, limit.Quota{Key: string(t), Most: most,
		Count: func(ctx context.Context, most int) (int, error) { return count(ctx, t, most) }}, n)
	if err == nil && !ok {
		err = &chat.Error{Kind: chat.RateLimited, Cause: ErrQuota, Message: "limit of the edition exceeded: there are as many users as there may be"}
	}
	return done, err
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
