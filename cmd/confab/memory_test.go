package main

import (
	"math"
	"runtime/debug"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/budget"
)

func TestMemory(t *testing.T) {
	large := fstest.MapFS{"proc/meminfo": {Data: []byte("MemTotal: 8388608 kB\n")}}
	small := fstest.MapFS{"proc/meminfo": {Data: []byte("MemTotal: 262144 kB\n")}}
	for name, c := range map[string]struct {
		given string
		root  fstest.MapFS
		want  int64
		says  string
	}{
		"half of the machine": {"", large, 4 << 30, ""},
		"given":               {"512MiB", large, 512 << 20, ""},
		"more than there is":  {"16GiB", large, 16 << 30, ""},
		"given on a machine whose half would be too little": {"200MiB", small, 200 << 20, ""},
		"a small machine":    {"", small, 0, "by the machine there are 128 MiB for confab, and it needs 192 MiB"},
		"an unknown machine": {"", nil, 0, "give --memory"},
		"too little":         {"64MiB", large, 0, "--memory 64MiB is too little: confab needs at least 192 MiB"},
		"no amount":          {"lots", large, 0, `--memory: "lots" is no amount of memory: write it like 512MiB or 2GiB`},
	} {
		got, err := settings{Memory: c.given}.memory(c.root)
		require.Equal(t, c.want, got, name)
		if c.says == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorContains(t, err, c.says, name)
		require.ErrorAs(t, err, new(settingError), name)
	}
}

func TestMoreMemoryThanThereIsIsSaid(t *testing.T) {
	machine := fstest.MapFS{"proc/meminfo": {Data: []byte("MemTotal: 8388608 kB\n")}}
	container := fstest.MapFS{"proc/meminfo": machine["proc/meminfo"], "proc/self/cgroup": {Data: []byte("0::/\n")}, "sys/fs/cgroup/memory.max": {Data: []byte("1073741824\n")}}
	require.Contains(t, settings{Memory: "64TiB"}.tooMuch(machine), "there are 8192 MiB")
	require.Empty(t, settings{Memory: "8GiB"}.tooMuch(machine))
	require.Contains(t, settings{Memory: "8GiB"}.tooMuch(container), "there are 1024 MiB")
	require.Empty(t, settings{Memory: "64TiB"}.tooMuch(fstest.MapFS{}), "not known")
	require.Empty(t, settings{}.tooMuch(machine), "not given")
}

func TestTheOperatorsMemoryLimitStays(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	s := budget.Divide(1 << 40) // so that the test itself is not limited
	t.Setenv("GOMEMLIMIT", "off")
	limitMemory(s)
	require.Equal(t, before, debug.SetMemoryLimit(-1))
	t.Setenv("GOMEMLIMIT", "")
	limitMemory(s)
	require.Equal(t, s.Runtime, debug.SetMemoryLimit(math.MaxInt64))
}
