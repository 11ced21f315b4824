package easemob_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/id"
)

// What the server makes has an id with a number, from the first on, and also after a restart.
func TestIDsHaveNumbers(t *testing.T) {
	st := openStore(t)
	last := int64(0)
	for range 2 {
		w, stop := serve(t, st, config())
		w.operator = w.logIn(adminLogin, adminPassword)
		org, boss := w.newOrg()
		a := w.newApp(org, boss, nil)
		user, _ := a.user("ann")
		for _, text := range []string{a.uuid, user} {
			u, err := id.Parse(text)
			require.NoError(t, err)
			n, ok := u.Number()
			require.True(t, ok, text)
			require.Greater(t, n, last)
			last = n
		}
		stop()
	}
}
