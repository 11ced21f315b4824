package cassandra

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Clusters whose --port are ten or more apart run side by side: all ports of one are in the ten from --port on.
func TestPortsOfAClusterAreOneBlock(t *testing.T) {
	const port = 9042
	out, err := exec.Command("bash", "../cassandra.sh", "ports", "--port", strconv.Itoa(port)).Output()
	require.NoError(t, err)
	seen := map[int]bool{}
	for _, line := range strings.Fields(string(out)) {
		p, err := strconv.Atoi(line)
		require.NoError(t, err)
		require.False(t, seen[p], "port %d is used twice", p)
		seen[p] = true
		require.GreaterOrEqual(t, p, port)
		require.Less(t, p, port+10)
	}
	require.GreaterOrEqual(t, len(seen), 6, "CQL, two storage ports, JMX of three nodes")
}
