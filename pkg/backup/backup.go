// Package backup copies the data of a running server into a folder that a server can be started on.
package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
)

// Store is a store that can be copied while it is in use.
type Store interface {
	// Checkpoint makes a copy of the data as it is now in a new folder: all that was acknowledged before the
	// call is in it.
	Checkpoint(dir string) error
}

// Backup is a copy that was made.
type Backup struct {
	Dir  string // absolute
	Size int64  // bytes; files of the data folder that are shared with it count as well
	At   time.Time
}

// Backups makes backups below one folder, and nowhere else. It may be used concurrently.
type Backups struct {
	store Store // nil if the data cannot be copied this way
	root  string
	now   func() time.Time
	one   sync.Mutex // one backup at a time
}

// New returns the backups of a store below root; empty for none. The folder is made with the first backup.
// A store that is no Store has none either: Make says so.
func New(store any, root string, now func() time.Time) *Backups {
	s, _ := store.(Store)
	return &Backups{store: s, root: root, now: now}
}

// name is what a backup may be called: one folder, which is not hidden.
var name = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$`)

// Make copies the data into the folder of that name below root; empty for one named after the time. The name may be
// spelled as a path that leads there. Invalid for a folder elsewhere, and where there can be no backups;
// Conflict if the folder exists. A backup is there under its name as soon as it is complete.
func (b *Backups) Make(ctx context.Context, dir string) (Backup, error) {
	if b.store == nil {
		return Backup{}, chat.ErrInvalid("the data of this server cannot be copied into a folder: use the backups of its database, or confab export")
	}
	if b.root == "" {
		return Backup{}, chat.ErrInvalid("this server makes no backups: start it with --backup-dir")
	}
	root, err := filepath.Abs(b.root)
	if err != nil {
		return Backup{}, err
	}
	at := b.now().UTC()
	target, err := below(root, dir, at)
	if err != nil {
		return Backup{}, err
	}
	b.one.Lock()
	defer b.one.Unlock()
	if err := ctx.Err(); err != nil {
		return Backup{}, chat.ErrUnavailable(err)
	}
	if err := os.MkdirAll(root, 0o700); err != nil {
		return Backup{}, failed(err)
	}
	if err := Copy(b.store, target); err != nil {
		return Backup{}, err
	}
	size, err := sizeOf(target)
	if err != nil {
		return Backup{}, failed(err)
	}
	return Backup{Dir: target, Size: size, At: at}, nil
}

// below returns the folder that dir means.
func below(root, dir string, at time.Time) (string, error) {
	if dir == "" {
		dir = at.Format("20060102T150405Z")
	}
	if filepath.IsAbs(dir) {
		rel, err := filepath.Rel(root, filepath.Clean(dir))
		if err != nil {
			return "", chat.ErrInvalid("backups of this server are folders in %s", root)
		}
		dir = rel
	}
	if !name.MatchString(dir) {
		return "", chat.ErrInvalid("backups of this server are folders in %s: give the name of one, of letters, digits, dots, dashes and underscores", root)
	}
	return filepath.Join(root, dir), nil
}

// Copy copies a store into a new folder: Conflict if there is something of that name. The folder is there as soon as it
// is complete, and stays there in a power cut.
func Copy(store Store, target string) error {
	if _, err := os.Lstat(target); err == nil {
		return &chat.Error{Kind: chat.Conflict, Message: fmt.Sprintf("%s is there already: give the backup another name", target)}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return failed(err)
	}
	// Where an interrupted backup was, nothing is worth keeping.
	partial := filepath.Join(filepath.Dir(target), "."+filepath.Base(target)+".partial")
	if err := os.RemoveAll(partial); err != nil {
		return failed(err)
	}
	if err := store.Checkpoint(partial); err != nil {
		return errors.Join(err, os.RemoveAll(partial))
	}
	if err := os.Rename(partial, target); err != nil {
		return errors.Join(failed(err), os.RemoveAll(partial))
	}
	return syncDir(filepath.Dir(target))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return failed(err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return failed(err)
	}
	return nil
}

func sizeOf(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}

func failed(cause error) error {
	return &chat.Error{Kind: chat.Internal, Message: "the backup could not be made", Cause: cause}
}
