package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/store/embedded"
)

// A damaged store is described, saved and exported as far as it can be read, and left as it is.
func TestDamagedStore(t *testing.T) {
	dir, data := t.TempDir(), filepath.Join(t.TempDir(), "data")
	run := func(want int, args ...string) (string, string) {
		t.Helper()
		status, out, errs := outcome(t, command(t, args...))
		require.Equal(t, want, status, "%s%s", out, errs)
		return out, errs
	}
	var log strings.Builder
	for i := range 6000 {
		fmt.Fprintf(&log, "[04:%02d] <ann> %d %s\n", i/100, i, strings.Repeat(fmt.Sprint(i*i), 40))
	}
	logFile := filepath.Join(dir, "2006-08-23.txt")
	require.NoError(t, os.WriteFile(logFile, []byte(log.String()), 0o600))
	run(0, "import", "irc", "--store", "embedded:"+data, "--room", "lounge", logFile)
	s, err := embedded.Open(data, embedded.Options{})
	require.NoError(t, err)
	_, errs := run(2, "store", "check", data)
	require.Contains(t, errs, "is in use by another confab: stop that first")
	_, errs = run(2, "store", "repair", data, filepath.Join(dir, "not made"))
	require.Contains(t, errs, "is in use by another confab")
	_, errs = run(2, "store", "check", dir)
	require.Contains(t, errs, "is no data folder of confab")
	require.NoError(t, s.Close())
	out, _ := run(0, "store", "check", data)
	require.Contains(t, out, "Nothing is damaged.")
	whole := filepath.Join(dir, "whole")
	out, _ = run(0, "store", "repair", data, whole)
	require.Contains(t, out, "Nothing was lost.")
	run(0, "export", "--store", "embedded:"+data, filepath.Join(dir, "data.ndjson"))
	run(0, "export", "--store", "embedded:"+whole, filepath.Join(dir, "whole.ndjson"))
	require.Equal(t, lastLine(t, filepath.Join(dir, "data.ndjson")), lastLine(t, filepath.Join(dir, "whole.ndjson")))

	before := damageLargest(t, whole)
	out, errs = run(1, "store", "check", whole)
	require.Contains(t, out, "messages of the room lounge at 2006-08-23")
	require.Contains(t, errs, "confab store repair")
	saved := filepath.Join(dir, "saved")
	out, errs = run(1, "store", "repair", whole, saved)
	require.Contains(t, out, "messages of the room lounge at 2006-08-23")
	require.Contains(t, errs, "not all could be saved")
	out, _ = run(0, "store", "check", saved)
	require.Contains(t, out, "Nothing is damaged.")
	file := filepath.Join(dir, "part.ndjson")
	_, errs = run(1, "export", "--store", "embedded:"+whole, file)
	require.Contains(t, errs, "messages of the room lounge at 2006-08-23")
	out, _ = run(0, "import", "--store", "embedded:"+filepath.Join(dir, "imported"), file)
	require.Regexp(t, `messages +[1-9]`, out)
	require.Equal(t, before, names(t, whole), "the damaged folder is left as it is")

	_, errs = run(2, "store", "repair", whole, saved)
	require.Contains(t, errs, "is there already")
	_, errs = run(2, "store", "check", filepath.Join(dir, "nowhere"))
	require.Contains(t, errs, "no such data folder")
	require.NoDirExists(t, filepath.Join(dir, "nowhere"))
	_, errs = run(2, "store", "repair", t.TempDir(), filepath.Join(dir, "nothing"))
	require.Contains(t, errs, "is no data folder of confab")
	require.NoDirExists(t, filepath.Join(dir, "nothing"))
}

func lastLine(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// damageLargest overwrites a part of the largest file of a folder, and returns the names that are there.
func damageLargest(t *testing.T, dir string) []string {
	t.Helper()
	var largest string
	var size int64
	for _, name := range names(t, dir) {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		if filepath.Ext(name) == ".sst" && info.Size() > size {
			largest, size = filepath.Join(dir, name), info.Size()
		}
	}
	f, err := os.OpenFile(largest, os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	_, err = f.WriteAt([]byte(strings.Repeat("damage", 100)), size/2)
	require.NoError(t, err)
	return names(t, dir)
}
