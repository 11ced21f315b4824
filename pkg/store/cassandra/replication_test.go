package cassandra

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

// A keyspace that a DBA has made is used as it is if the URL says nothing else. If it does, the error says what to run.
func TestReplicationThatIsNotWhatTheURLSays(t *testing.T) {
	network := func(copies map[string]string) map[string]string {
		copies["class"] = "org.apache.cassandra.locator.NetworkTopologyStrategy"
		return copies
	}
	simple := map[string]string{"class": "org.apache.cassandra.locator.SimpleStrategy", "replication_factor": "3"}
	for name, c := range map[string]struct {
		config      Config // DC is that of the server
		asked       string
		replication map[string]string
		says        []string
	}{
		"as it is":            {config: Config{DC: "dc1"}, replication: network(map[string]string{"dc1": "3"})},
		"what the URL says":   {config: Config{DC: "dc1", RF: 3}, asked: "dc1", replication: network(map[string]string{"dc1": "3", "dc2": "2"})},
		"transient copies":    {config: Config{DC: "dc1", RF: 3}, replication: network(map[string]string{"dc1": "3/1"})},
		"simple, as it is":    {config: Config{DC: "dc1"}, replication: simple},
		"simple, as many":     {config: Config{DC: "dc1", RF: 3}, replication: simple},
		"another rf":          {config: Config{DC: "dc1", RF: 3}, replication: network(map[string]string{"dc1": "1", "dc2": "2"}), says: []string{"has 1 copies in the data centre dc1", "rf=1 or leave it out", "ALTER KEYSPACE k WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': '3', 'dc2': '2'}", "nodetool repair"}},
		"another dc":          {config: Config{DC: "dc3"}, asked: "dc3", replication: network(map[string]string{"dc1": "3", "dc2": "2"}), says: []string{"no copies in the data centre dc3", "dc1 (3), dc2 (2)", "'dc3': '1'", "nodetool rebuild"}},
		"a dc that was found": {config: Config{DC: "dc3"}, replication: network(map[string]string{"dc1": "3"}), says: []string{"name one of these with dc"}},
		"simple, with dc":     {config: Config{DC: "dc1"}, asked: "dc1", replication: simple, says: []string{"SimpleStrategy", "'dc1': '3'"}},
		"simple, another rf":  {config: Config{DC: "dc1", RF: 2}, replication: simple, says: []string{"SimpleStrategy", "'dc1': '3'"}},
	} {
		c.config.Keyspace = "k"
		err := c.config.fits(c.asked, c.replication)
		if c.says == nil {
			require.NoError(t, err, name)
			continue
		}
		for _, text := range c.says {
			require.ErrorContains(t, err, text, name)
		}
	}
}

func TestAKeyspaceOfADBA(t *testing.T) {
	t.Parallel()
	c, ctx := testConfig(t), withTimeout(t)
	m := newSmall(t, c)
	require.NoError(t, m.change(ctx, m.admin, fmt.Sprintf(createKeyspace, c.Keyspace, m.config.DC, 1)))
	_, err := m.apply(ctx)
	require.NoError(t, err)

	for _, keep := range []bool{false, true} {
		c.RF = 3
		_, err = Open(ctx, c, Options{KeepSchema: keep})
		require.ErrorContains(t, err, "the URL says rf=3")
		require.False(t, chat.IsKind(err, chat.Unavailable), "it does not go away by itself")
	}
}

// With fewer nodes than copies nothing could be written: the start waits for more nodes, and says so.
func TestMoreCopiesThanNodes(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	c.RF = 100
	_, err := Open(withTimeout(t), c, Options{})
	require.True(t, chat.IsKind(err, chat.Unavailable), err)
	require.ErrorContains(t, err, "rf=100 in the Cassandra URL needs as many nodes")
	status, err := Check(withTimeout(t), c, nil)
	require.NoError(t, err)
	require.Zero(t, status.Applied)
}
