package budget

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func TestDivide(t *testing.T) {
	for _, total := range []int64{Least, 256 * mib, 512 * mib, 1024 * mib, 8 << 30, 1 << 40} {
		s := Divide(total)
		together := s.Cache + 4*s.MemTable + s.Hashing + s.Pictures + s.Receiving + s.Sending + s.Bus
		require.LessOrEqual(t, together+program, total, "%s: all shares together, and the program itself", Text(total))
		require.Less(t, s.Runtime+s.Cache+4*s.MemTable, total, Text(total))
		require.GreaterOrEqual(t, s.Hashing, int64(19*mib), "%s: a password can be hashed", Text(total))
		require.GreaterOrEqual(t, s.Pictures, int64(32*mib), "%s: a photograph can be decoded", Text(total))
		require.GreaterOrEqual(t, s.MemTable, int64(4*mib), Text(total))
		require.GreaterOrEqual(t, s.Receiving, int64(8*mib), "%s: several bodies fit", Text(total))
		require.GreaterOrEqual(t, s.Bus, int64(8*mib), "%s: some packets of a megabyte fit", Text(total))
		require.GreaterOrEqual(t, s.Sending, int64(16*mib), "%s: several pages fit", Text(total))
	}
}

func TestEntries(t *testing.T) {
	require.Equal(t, 100_000, Shares{}.Entries(100_000), "for tools and tests")
	before := 0
	for _, total := range []int64{Least, 512 * mib, 1024 * mib, 2048 * mib, 1 << 40} {
		n := Divide(total).Entries(100_000)
		require.Greater(t, n, before, Text(total))
		require.GreaterOrEqual(t, n, leastEntries)
		require.LessOrEqual(t, n, 100_000)
		before = n - n/100_000 // the last two are the same
		require.Equal(t, 500, Divide(total).Entries(500), "a small cache is whole")
	}
	require.Equal(t, 100_000, before+1)
	require.Less(t, Divide(Least).Entries(100_000)*1000, 100_000*1000/8)
}

func TestParse(t *testing.T) {
	for text, want := range map[string]int64{
		"536870912": 512 * mib, "512MiB": 512 * mib, "512 mib": 512 * mib, "512m": 512 * mib, "1.5GiB": 1536 * mib, "2GB": 2_000_000_000,
		"1T": 1 << 40, "100b": 100, "0": 0,
	} {
		got, err := Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "much", "-5MiB", "1e9", "MiB", "5 parsecs", "0x10", "inf", "99999999TiB", "1..5G"} {
		_, err := Parse(text)
		require.Error(t, err, text)
	}
}

func TestAvailable(t *testing.T) {
	const meminfo = "MemTotal:        8388608 kB\nMemFree:         1024 kB\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"nothing is known": {nil, 0},
		"a machine":        {map[string]string{"proc/meminfo": meminfo}, 4 << 30},
		"version 2": {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/a/b\n",
			"sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/memory.max": "1000000000\n"}, 900_000_000},
		"version 2, in a container that does not see its path": {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/kubepods/x\n",
			"sys/fs/cgroup/memory.max": "500000000\n"}, 450_000_000},
		"version 1": {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "9:name=systemd:/\n4:cpu,memory:/docker/x\n0::/\n",
			"sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes": "1000000000\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 900_000_000},
		"no limit": {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "4:memory:/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 4 << 30},
		"a limit above the machine's memory": {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n",
			"sys/fs/cgroup/memory.max": "99999999999\n"}, 4 << 30},
	} {
		root := fstest.MapFS{}
		for file, text := range c.files {
			root[file] = &fstest.MapFile{Data: []byte(text)}
		}
		got, source := Available(root)
		require.Equal(t, c.want, got, name)
		require.NotEmpty(t, source, name)
	}
}

func TestOneNameHasAQuarterOfAPool(t *testing.T) {
	p := NewPool(100)
	require.True(t, p.Take("mallory", 20))
	require.False(t, p.Take("mallory", 6), "a quarter at most")
	require.True(t, p.Take("mallory", 5))
	for _, name := range []string{"ann", "bob", "eve"} {
		require.True(t, p.Take(name, 25), name)
	}
	require.False(t, p.Take("zoe", 1), "nothing is left")
	p.Give("mallory", 25)
	require.True(t, p.Take("zoe", 25))
	for _, name := range []string{"ann", "bob", "eve", "zoe"} {
		p.Give(name, 25)
	}
	require.Zero(t, p.taken)
	require.Empty(t, p.of)
}
