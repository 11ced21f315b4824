package storetest

import (
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/audit"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// auditEvent returns an event of the environment's tenant at a time.
func (e *env) auditEvent(at time.Time, subject string) audit.Event {
	u := id.NewGenerator(func() time.Time { return at }).New()
	return audit.Event{ID: u, Tenant: e.tenant, Kind: audit.RoleGranted, Actor: "ann", Subject: subject, Address: "192.0.2.1", Detail: "site-admin", Count: 1}
}

var auditTests = map[string]func(*env){
	"the newest first, in pages, over days without any": func(e *env) {
		now := time.Now()
		var all []audit.Event
		for i, ago := range []time.Duration{80 * 24 * time.Hour, 79 * 24 * time.Hour, 30 * 24 * time.Hour, 2 * time.Hour, time.Minute, time.Second} {
			x := e.auditEvent(now.Add(-ago), string(rune('a'+i)))
			all = append(all, x)
			for range 2 { // repeating is no other event
				require.NoError(e, e.s.AddAuditEvent(e.ctx, x, far))
			}
		}
		other := e.auditEvent(now, "of another tenant")
		other.Tenant = newTenant()
		require.NoError(e, e.s.AddAuditEvent(e.ctx, other, far))
		slices.Reverse(all)
		since := now.Add(-90 * 24 * time.Hour)
		for limit := 1; limit <= len(all)+1; limit++ {
			var got []audit.Event
			for before := (id.ID{}); ; {
				page, err := e.s.AuditEvents(e.ctx, e.tenant, before, since, limit)
				require.NoError(e, err)
				require.LessOrEqual(e, len(page), limit)
				got = append(got, page...)
				if len(page) < limit {
					break
				}
				before = page[len(page)-1].ID
			}
			require.Equal(e, all, got, "%d at a time", limit)
		}
		some, err := e.s.AuditEvents(e.ctx, e.tenant, id.ID{}, now.Add(-80*24*time.Hour+time.Hour), 10)
		require.NoError(e, err)
		require.Equal(e, all[:5], some, "none that is older")
		// A position may be any id: one of the year 5236 costs no search through the days until then.
		some, err = e.s.AuditEvents(e.ctx, e.tenant, id.Max, since, 10)
		require.NoError(e, err)
		require.Equal(e, all, some)
	},
	"an event goes by itself": func(e *env) {
		x := e.auditEvent(time.Now(), "bob")
		require.NoError(e, e.s.AddAuditEvent(e.ctx, x, time.Now().Add(-time.Second)))
		require.Eventually(e, func() bool {
			all, err := e.s.AuditEvents(e.ctx, e.tenant, id.ID{}, time.Now().Add(-time.Hour), 10)
			require.NoError(e, err)
			return len(all) == 0
		}, 10*time.Second, 10*time.Millisecond)
	},
	"empty texts, and texts of all letters": func(e *env) {
		x := audit.Event{ID: e.ids.New(), Tenant: e.tenant, Kind: audit.LoginFailed, Detail: "größer \u2028 \"x\"", Count: 1000}
		require.NoError(e, e.s.AddAuditEvent(e.ctx, x, far))
		all, err := e.s.AuditEvents(e.ctx, e.tenant, id.ID{}, time.Now().Add(-time.Hour), 10)
		require.NoError(e, err)
		require.Equal(e, []audit.Event{x}, all)
		none, err := e.s.AuditEvents(e.ctx, chat.Tenant("nobody"+string(e.tenant)), id.ID{}, time.Now().Add(-time.Hour), 10)
		require.NoError(e, err)
		require.Empty(e, none)
	},
}
