package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func writing(text string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, text); return err }
}

func TestAFileTakesThePlaceOfAFileOnly(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, writeTo(file, false, writing("one")))
	require.NoError(t, os.Chmod(file, 0o644))
	require.ErrorContains(t, writeTo(file, false, writing("not")), "add --force")
	kept, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "one", string(kept))
	require.NoError(t, writeTo(file, true, writing("two")))
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())

	link, folder, pipe := filepath.Join(dir, "link"), filepath.Join(dir, "folder"), filepath.Join(dir, "pipe")
	require.NoError(t, os.Symlink(file, link))
	require.NoError(t, os.Mkdir(folder, 0o700))
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	for name, kind := range map[string]string{link: "link", folder: "folder", pipe: "pipe", "/dev/null": "device"} {
		before, err := os.Lstat(name)
		require.NoError(t, err)
		err = writeTo(name, true, writing("three"))
		require.ErrorContains(t, err, kind)
		require.ErrorAs(t, err, new(settingError))
		after, err := os.Lstat(name)
		require.NoError(t, err)
		require.Equal(t, before.Mode(), after.Mode())
	}
	kept, err = os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "two", string(kept))
}

func TestAFileIsWrittenWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	names := func() (names []string) {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	broken := errors.New("interrupted")
	require.ErrorIs(t, writeTo(file, false, func(w io.Writer) error {
		_, _ = io.WriteString(w, "a password hash")
		return broken
	}), broken)
	require.Empty(t, names())

	// What a killed run has left goes with the next one, whatever it writes; what another one is writing stays.
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".other.confab-partial"), []byte("a password hash"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".file.confab-partial"), []byte("a password hash"), 0o600))
	require.NoError(t, writeTo(file, false, func(io.Writer) error {
		require.ErrorContains(t, writeTo(file, false, writing("second")), "another confab")
		return writeTo(file+"2", false, writing("other"))
	}))
	require.Equal(t, []string{"file", "file2"}, names())
}

func TestAnInterruptedExportFails(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	file := filepath.Join(t.TempDir(), "file")
	require.Equal(t, 1, run(ctx, []string{"export", "--store", "embedded:" + t.TempDir(), file}))
	require.NoFileExists(t, file)
}
