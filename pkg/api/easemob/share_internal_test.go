package easemob

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/clocktest"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/limit"
	"github.com/confab-chat/confab/pkg/tenant"
)

// With several servers each gives out its share of a limit, at least one call.
func TestEachServerGivesOutItsShare(t *testing.T) {
	clock := clocktest.New(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	servers := 1
	a := New(Parts{Now: clock.Now, Limits: limit.NewBuckets(clock.Now, 1000), Servers: func() int { return servers }})
	defer a.Limits.Close()
	of := func(app tenant.App) (n int) {
		for a.take(&call{api: a, ofApp: true, app: app}, "GET /users") == nil {
			n++
		}
		return n
	}
	rate := int64(10)
	for n, want := range map[int]int{1: 10, 2: 5, 3: 3} {
		servers = n
		app := tenant.App{ID: id.NewGenerator(clock.Now).New(), Settings: tenant.Settings{RateLimit: &rate}}
		require.Equal(t, want, of(app), "%d servers", n)
	}
	app := tenant.App{ID: id.NewGenerator(clock.Now).New(), Settings: tenant.Settings{RateLimit: &rate}}
	servers = 100
	require.Equal(t, 1, of(app))
	servers = 1
	require.Equal(t, 10, of(app), "it holds for the next call")

	// Messages too.
	c := &call{api: a, ofApp: true, app: tenant.App{ID: app.ID, Settings: tenant.Settings{Quotas: tenant.Quotas{MessageRate: &rate}}}}
	servers = 2
	_, err := a.takeMessages(c, toUsers, 5)
	require.NoError(t, err)
	_, err = a.takeMessages(c, toUsers, 1)
	require.Error(t, err)
	servers = 1
	_, err = a.takeMessages(c, toRooms, 5)
	require.NoError(t, err)
	_, err = a.takeMessages(c, toRooms, 1)
	require.Error(t, err)
}
