package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// partialSuffix marks files that are being written. They are hidden, and locked while that goes on.
const partialSuffix = ".confab-partial"

// writeTo has a file written whole or not at all; only its owner can read it. With replace it takes the place of a file of
// that name, and of nothing else: a device, a link or a folder is refused. What a killed run has left in the folder is
// removed. The name - is standard output.
func writeTo(name string, replace bool, write func(io.Writer) error) (err error) {
	if name == "-" {
		return write(os.Stdout)
	}
	if err := replaceable(name, replace); err != nil {
		return err
	}
	dir := filepath.Dir(name)
	if err := removePartials(dir); err != nil {
		return err
	}
	partial := filepath.Join(dir, "."+filepath.Base(name)+partialSuffix)
	f, err := os.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is being written by another confab", name)
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(partial))
		}
		f.Close()
	}()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return err
	}
	if err := write(f); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := replaceable(name, replace); err != nil {
		return err
	}
	if err := os.Rename(partial, name); err != nil {
		return err
	}
	return syncFolder(dir)
}

// replaceable refuses what a file may not take the place of: without replace, anything.
func replaceable(name string, replace bool) error {
	info, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().IsRegular() && !replace:
		return badSetting("%s exists already: name another file, or add --force to replace it", name)
	case info.Mode().IsRegular():
		return nil
	}
	return badSetting("%s is no file but a %s: name a file, or - for standard output", name, kindOf(info.Mode()))
}

func kindOf(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "folder"
	case m&fs.ModeSymlink != 0:
		return "link"
	case m&fs.ModeNamedPipe != 0:
		return "pipe"
	case m&fs.ModeSocket != 0:
		return "socket"
	}
	return "device"
}

// removePartials removes what killed runs have left in dir: files that no process has locked.
func removePartials(dir string) error {
	found, err := filepath.Glob(filepath.Join(dir, ".*"+partialSuffix))
	if err != nil {
		return err
	}
	for _, name := range found {
		f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
		if err != nil {
			continue // somebody else's, or no file
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			err = os.Remove(name)
		}
		f.Close()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
