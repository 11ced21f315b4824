package storetest

import (
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/invite"
)

var invitationTests = map[string]func(*env){
	"no more are used than it is good for": func(e *env) {
		// Two servers on the store.
		both := []*invite.Service{invite.New(e.s, e.ids, time.Now), invite.New(e.s, e.ids, time.Now)}
		five := 5
		secret, i, err := both[0].Create(e.ctx, chat.Identity{Tenant: e.tenant, Login: "root"}, invite.NewInvitation{Count: &five})
		require.NoError(e, err)
		var used atomic.Int64
		race(2*racers, func(n int) {
			giveBack, err := both[n%2].Use(e.ctx, e.tenant, secret)
			switch {
			case err == nil && n%4 == 0:
				giveBack(e.ctx)
			case err == nil:
				used.Add(1)
			case !chat.IsKind(err, chat.Forbidden):
				e.Errorf("neither used nor Forbidden: %v", err)
			}
		})
		for used.Load() < 5 { // what was given back
			_, err := both[0].Use(e.ctx, e.tenant, secret)
			require.NoError(e, err)
			used.Add(1)
		}
		require.EqualValues(e, 5, used.Load())
		_, err = both[1].Use(e.ctx, e.tenant, secret)
		require.True(e, chat.IsKind(err, chat.Forbidden), "%v", err)
		got, err := both[1].Get(e.ctx, e.tenant, i.ID)
		require.NoError(e, err)
		require.Equal(e, 5, got.Used)
		_, err = both[0].Use(e.ctx, newTenant(), secret)
		require.True(e, chat.IsKind(err, chat.Forbidden), "of another tenant: %v", err)
	},
	"over when its time is": func(e *env) {
		now := time.Now()
		s := invite.New(e.s, e.ids, func() time.Time { return now })
		root := chat.Identity{Tenant: e.tenant, Login: "root"}
		secret, _, err := s.Create(e.ctx, root, invite.NewInvitation{})
		require.NoError(e, err)
		now = now.Add(7*24*time.Hour + time.Second)
		_, err = s.Use(e.ctx, e.tenant, secret)
		require.True(e, chat.IsKind(err, chat.Forbidden), "%v", err)
		all, err := s.List(e.ctx, e.tenant)
		require.NoError(e, err)
		require.Len(e, all, 1)
		now = now.Add(31 * 24 * time.Hour)
		_, _, err = s.Create(e.ctx, root, invite.NewInvitation{})
		require.NoError(e, err)
		all, err = s.List(e.ctx, e.tenant)
		require.NoError(e, err)
		require.Len(e, all, 1, "what has been over for long goes")
	},
}
