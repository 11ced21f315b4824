package cassandra

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

// A data centre that the cluster does not have is no cluster that is away: trying again would go on for ever.
func TestAnUnknownDataCentreIsRefusedWithThoseThereAre(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	dc, err := localDC(withTimeout(t), c, Options{}.withDefaults().Log)
	require.NoError(t, err)
	c.DC = "nosuch"
	check := func(err error) {
		t.Helper()
		require.ErrorContains(t, err, `no data centre "nosuch"`)
		require.ErrorContains(t, err, "it has "+dc)
		require.False(t, chat.IsKind(err, chat.Unavailable), "it is not tried again")
	}
	_, err = Open(withTimeout(t), c, Options{})
	check(err)
	_, err = Apply(withTimeout(t), c, nil)
	check(err)
}
