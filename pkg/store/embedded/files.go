package embedded

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// filesFolder is where the files that people send are, in the folder of a store.
const filesFolder = "files"

// FilesFolder is the folder in that of the store where the files are that people send.
func (s *Store) FilesFolder() string { return filepath.Join(s.disk.dir, filesFolder) }

// copyFiles brings the files that people sent from the folder of a store into that of a copy: as links where both are on one
// disk, as nobody ever writes to a file that is complete. What is removed meanwhile is left out, and what was not complete. What
// cannot be read is passed to lost; if that returns an error, copyFiles ends with it.
func copyFiles(from, into string, lost func(name string, err error) error) error {
	var made []string
	root := filepath.Join(from, filesFolder)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name, relErr := filepath.Rel(from, path)
		switch {
		case relErr != nil:
			return relErr
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return lost(name, err)
		}
		target := filepath.Join(into, name)
		if d.IsDir() {
			made = append(made, target)
			return os.MkdirAll(target, folderMode)
		}
		if !d.Type().IsRegular() || strings.HasSuffix(name, ".tmp") {
			return nil
		}
		err = os.Link(path, target)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
			err = copyFile(path, target)
		}
		var unreadable *readError
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case errors.As(err, &unreadable):
			return lost(name, unreadable.error)
		}
		return err
	})
	for _, dir := range slices.Backward(made) {
		err = errors.Join(err, syncFolder(dir))
	}
	return err
}

// readError is the error of the file that is copied, not of the copy.
type readError struct{ error }

// copyFile copies a file to another disk. It leaves no part of one.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return &readError{err}
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, readerOf{in})
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return errors.Join(err, os.Remove(to))
	}
	return nil
}

// readerOf has errors that are told from those of the writer.
type readerOf struct{ io.Reader }

func (r readerOf) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &readError{err}
	}
	return n, err
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
