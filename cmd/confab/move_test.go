package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What one server kept, another one that imported it shows.
func TestExportAndImport(t *testing.T) {
	data, other := t.TempDir(), t.TempDir()
	file := filepath.Join(t.TempDir(), "all.ndjson")
	logFile := filepath.Join(t.TempDir(), "2006-08-23.txt")
	require.NoError(t, os.WriteFile(logFile, []byte("[04:42] <ann> hello\n[04:43] <bob> hi ann\n"), 0o600))
	run := func(want int, args ...string) (string, string) {
		t.Helper()
		status, out, errs := outcome(t, command(t, args...))
		require.Equal(t, want, status, "%s%s", out, errs)
		return out, errs
	}
	run(0, "import", "irc", "--store", "embedded:"+data, "--room", "lounge", logFile)
	run(0, "export", "--store", "embedded:"+data, file)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	_, errs := run(2, "export", "--store", "embedded:"+data, file)
	require.Contains(t, errs, "exists already")
	run(0, "export", "--force", "--store", "embedded:"+data, file)
	out, _ := run(0, "import", "--store", "embedded:"+other, file)
	require.Regexp(t, `messages +2 added +0 there already`, out)
	out, _ = run(0, "import", "--store", "embedded:"+other, file)
	require.Regexp(t, `messages +0 added +2 there already`, out)

	first, _ := run(0, "export", "--store", "embedded:"+data, "-")
	second, _ := run(0, "export", "--store", "embedded:"+other, "--room", "lounge", "-")
	require.Contains(t, first, `"content":"hi ann"`)
	last := func(s string) string { ls := strings.Split(strings.TrimSpace(s), "\n"); return ls[len(ls)-1] }
	require.Equal(t, last(first), last(second), "all there is is this room")

	// Standard input, cut off.
	c := command(t, "import", "--store", "embedded:"+t.TempDir(), "-")
	c.Stdin = strings.NewReader(first[:len(first)/2])
	status, _, errs := outcome(t, c)
	require.Equal(t, 1, status)
	require.Contains(t, errs, "line")

	// Of a file that was changed nothing is imported. Through standard input, it is imported up to there.
	changed := filepath.Join(t.TempDir(), "changed.ndjson")
	require.NoError(t, os.WriteFile(changed, []byte(strings.Replace(first, "hi ann", "hi eve", 1)), 0o600))
	fresh := filepath.Join(t.TempDir(), "fresh")
	_, errs = run(1, "import", "--store", "embedded:"+fresh, changed)
	require.Contains(t, errs, "some were changed")
	require.Contains(t, errs, "nothing was imported")
	require.NoDirExists(t, fresh)
	// One that is cut off is.
	cut := filepath.Join(t.TempDir(), "cut.ndjson")
	require.NoError(t, os.WriteFile(cut, []byte(first[:strings.LastIndex(strings.TrimSpace(first), "\n")+1]), 0o600))
	out, errs = run(1, "import", "--store", "embedded:"+fresh, cut)
	require.Contains(t, errs, "what it holds is imported")
	require.Regexp(t, `messages +2 added`, out)

	// Failures leave no file behind, and make no store.
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	_, errs = run(2, "export", "--store", "embedded:"+nowhere, file+"2")
	require.Contains(t, errs, "no such data folder")
	require.NoDirExists(t, nowhere)
	_, errs = run(1, "export", "--store", "embedded:"+data, "--room", "unknown", file+"2")
	require.Equal(t, 1, strings.Count(errs, "\n"), "the error and nothing before it: %s", errs)
	out, errs = run(1, "import", "--store", "embedded:"+other, logFile)
	require.Contains(t, errs, "no file that confab export has written")
	require.Equal(t, 1, strings.Count(errs, "\n"), errs)
	require.Empty(t, out, "no table of nothing")
	left, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	require.Len(t, left, 1)
}

func TestLogsThatCannotBeImported(t *testing.T) {
	data := t.TempDir()
	name := filepath.Join(t.TempDir(), "2006-08-23.txt")
	require.NoError(t, os.WriteFile(name, []byte("ann said hello\n"), 0o600))
	for says, c := range map[string]struct {
		status int
		zone   string
	}{"The forms that are read are": {1, "UTC"}, "has to be like Europe/Paris": {2, "Paris"}} {
		status, _, errs := outcome(t, command(t, "import", "irc", "--store", "embedded:"+data, "--room", "tea", "--timezone", c.zone, name))
		require.Equal(t, c.status, status, errs)
		require.Contains(t, errs, says)
	}
}

// An import of something that is no history makes no store.
func TestAnImportOfGarbageLeavesNothingBehind(t *testing.T) {
	garbage := file(t, "to be or not to be\n")
	log := filepath.Join(t.TempDir(), "2006-08-23.txt")
	require.NoError(t, os.WriteFile(log, []byte("to be or not to be\n"), 0o600))
	for name, args := range map[string][]string{
		"an export":  {"import", garbage},
		"IRC logs":   {"import", "irc", "--room", "lounge", log},
		"a bad room": {"import", "irc", "--room", "a b", log},
	} {
		data := filepath.Join(t.TempDir(), "data")
		code, _, errs := outcome(t, command(t, append(args, "--store", "embedded:"+data)...))
		require.Equal(t, 1, code, "%s: %s", name, errs)
		require.NoDirExists(t, data, name)
	}
}
