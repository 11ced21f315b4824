package embedded

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// disk is the file system that the database uses. Writes in the database's folder succeed eventually (see health).
// Elsewhere, where backups are written, a failure is returned.
type disk struct {
	vfs.FS
	dir    string
	health *health

	notesMu sync.Mutex
	notes   vfs.File // lengthsFile; nil until something is noted
}

const (
	// compactionPause is the time between two attempts to write files that only save space and time.
	compactionPause = 10 * time.Second
	// openWithin is how long to retry opening a file when there are no free descriptors.
	openWithin = 5 * time.Second
	// spaceEnough is the free space from which on a failed write is retried.
	spaceEnough = 1 << 20
)

func (d *disk) hasSpace() bool {
	u, err := d.FS.GetDiskUsage(d.dir)
	return err != nil || u.AvailBytes >= spaceEnough
}

func (d *disk) inside(name string) bool {
	rel, err := filepath.Rel(d.dir, name)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// try is health.try inside the folder.
func (d *disk) try(name string, op func() error) (err error) {
	if !d.inside(name) {
		return op()
	}
	d.health.try(op)
	return nil
}

// optional reports whether the database can do without a file of this category: then it handles an error of a write.
func optional(c vfs.DiskWriteCategory) bool {
	return c == "pebble-compaction" || c == "pebble-blob-file-rewrite"
}

func (d *disk) open(name string, c vfs.DiskWriteCategory, open func() (vfs.File, error)) (f vfs.File, err error) {
	if optional(c) && d.inside(name) {
		f, err = open()
		if err != nil {
			return nil, d.putOff(err)
		}
		return &file{File: f, disk: d, name: name, optional: true}, nil
	}
	err = d.try(name, func() error { f, err = open(); return err })
	switch {
	case err != nil || !d.inside(name):
		return f, err
	case f == nil: // cut off
		return vfs.NewMem().Create("nothing", c)
	}
	return &file{File: f, disk: d, name: name}, nil
}

// putOff returns err after a pause, because the database retries as soon as it receives the error.
func (d *disk) putOff(err error) error {
	if passing(err) {
		d.health.diary.error("embedded store: files cannot be merged now; it is tried again", "error", err)
	}
	select {
	case <-time.After(compactionPause):
	case <-d.health.cutOff:
	case <-d.health.closing:
	}
	return err
}

// Create implements vfs.FS.
func (d *disk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.open(name, c, func() (vfs.File, error) { return d.FS.Create(name, c) })
}

// OpenReadWrite implements vfs.FS.
func (d *disk) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return d.open(name, c, func() (vfs.File, error) { return d.FS.OpenReadWrite(name, c, opts...) })
}

// ReuseForWrite implements vfs.FS.
func (d *disk) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.open(to, c, func() (vfs.File, error) { return d.FS.ReuseForWrite(from, to, c) })
}

// OpenDir implements vfs.FS.
func (d *disk) OpenDir(name string) (vfs.File, error) {
	return d.open(name, vfs.WriteCategoryUnspecified, func() (vfs.File, error) { return d.FS.OpenDir(name) })
}

// Open implements vfs.FS. It opens files for reading, so it may fail. If descriptors are missing it retries for a
// while, because the database would retry immediately.
func (d *disk) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	for begun := time.Now(); ; {
		f, err := d.FS.Open(name, opts...)
		if !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) || time.Since(begun) > openWithin {
			return f, err
		}
		d.health.diary.error("embedded store: there are no file descriptors left", "what to do", "raise their limit (ulimit -n)", "error", err)
		select {
		case <-time.After(d.health.every):
		case <-d.health.closing:
			return nil, err
		}
	}
}

// Link implements vfs.FS.
func (d *disk) Link(from, to string) error {
	return d.try(to, func() error { return d.FS.Link(from, to) })
}

// Rename implements vfs.FS.
func (d *disk) Rename(from, to string) error {
	return d.try(to, func() error { return d.FS.Rename(from, to) })
}

// MkdirAll implements vfs.FS.
func (d *disk) MkdirAll(dir string, perm os.FileMode) error {
	return d.try(dir, func() error { return d.FS.MkdirAll(dir, perm) })
}

// Remove implements vfs.FS. It may fail: the file is removed another time.
func (d *disk) Remove(name string) error {
	if d.inside(name) && d.health.over() {
		return nil
	}
	return d.FS.Remove(name)
}

// RemoveAll implements vfs.FS.
func (d *disk) RemoveAll(name string) error {
	if d.inside(name) && d.health.over() {
		return nil
	}
	return d.FS.RemoveAll(name)
}

// Lock implements vfs.FS. It does nothing: the store holds the folder's lock itself, also after cut.
func (d *disk) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

// Unwrap implements vfs.FS.
func (d *disk) Unwrap() vfs.FS { return d.FS }

// file is a file of the database that is written.
type file struct {
	vfs.File
	disk     *disk
	name     string
	optional bool
	written  atomic.Int64
	looked   atomic.Int64 // when there last verified that the file has its name
}

// lookEvery bounds for how long writes are acknowledged although their file has been removed.
const lookEvery = time.Second

func (f *file) Write(p []byte) (n int, err error) {
	if f.optional {
		if f.disk.health.over() {
			return len(p), nil
		}
		n, err := f.File.Write(p)
		if err != nil {
			err = f.disk.putOff(err)
		}
		return n, err
	}
	f.disk.health.try(func() error {
		m, err := f.File.Write(p[n:])
		n += m
		f.written.Add(int64(m))
		return err
	})
	return len(p), nil
}

func (f *file) WriteAt(p []byte, at int64) (int, error) {
	f.disk.health.try(func() error { _, err := f.File.WriteAt(p, at); return err })
	return len(p), nil
}

// Preallocate implements vfs.File. It may do nothing.
func (f *file) Preallocate(offset, length int64) error {
	if !f.disk.health.isCut() {
		_ = f.File.Preallocate(offset, length)
	}
	return nil
}

// Close implements vfs.File.
func (f *file) Close() error {
	select {
	case <-f.disk.health.closing:
		if !f.disk.health.isCut() {
			f.disk.noteLength(f.name, f.written.Load())
		}
	default: // it is not the newest log any more
	}
	return f.File.Close()
}

func (f *file) Sync() error { return f.sync(func() (bool, error) { return true, f.File.Sync() }) }
func (f *file) SyncData() error {
	return f.sync(func() (bool, error) { return true, f.File.SyncData() })
}

func (f *file) SyncTo(n int64) (all bool, err error) {
	err = f.sync(func() (bool, error) { all, err = f.File.SyncTo(n); return all, err })
	return all, err
}

// sync never retries: after any failed sync the system may have dropped the bytes that were to be written.
func (f *file) sync(sync func() (all bool, err error)) error {
	f.disk.health.try(func() error {
		length := f.written.Load()
		all, err := sync()
		if err != nil {
			return syncError{err}
		}
		if all {
			f.disk.noteLength(f.name, length)
		}
		return f.there()
	})
	return nil
}

// there verifies every lookEvery that a log is still in the folder: what is written to a removed file is synced, and
// lost.
func (f *file) there() error {
	now := time.Now().UnixNano()
	last := f.looked.Load()
	if !strings.HasSuffix(f.name, ".log") || now-last < int64(lookEvery) || !f.looked.CompareAndSwap(last, now) {
		return nil
	}
	if _, err := f.disk.FS.Stat(f.name); err != nil {
		return err
	}
	return nil
}

// syncError is the failure of a sync. It is never passing, whatever its cause.
type syncError struct{ cause error }

func (e syncError) Error() string { return "sync: " + e.cause.Error() }

// listener keeps the database from ending the process when it finds damage. Unless hasty, it also keeps the database
// from rereading the damage without a pause.
func (h *health) listener(hasty bool) *pebble.EventListener {
	var next atomic.Int64 // when damage may be reported again
	return &pebble.EventListener{
		BackgroundError: func(err error) {
			if !passing(err) && !pebble.IsCorruptionError(err) {
				h.diary.error("embedded store: the database's own work failed; it is tried again", "error", err)
			}
		},
		DataCorruption: func(i pebble.DataCorruptionInfo) {
			if h.isCut() {
				return // files that only seem to be written cannot be read
			}
			h.diary.error("embedded store: "+i.Path+" is damaged", "what to do", damageTodo, "error", i.Details)
			if hasty {
				return
			}
			now := time.Now().UnixNano()
			due := next.Swap(now + int64(time.Second))
			select {
			case <-time.After(time.Duration(due - now)):
			case <-h.closing:
			}
		},
	}
}
