package embedded

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/store"
	"github.com/confab-chat/confab/pkg/store/storetest"
)

func TestConformance(t *testing.T) { storetest.Run(t, openForSuite) }
func TestLifecycle(t *testing.T)   { storetest.RunLifecycle(t, openForSuite) }

func openForSuite(t *testing.T) store.Store {
	s, err := Open(t.TempDir(), Options{CacheBytes: 1 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}
