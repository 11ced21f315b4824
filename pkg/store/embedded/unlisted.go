package embedded

import (
	"bytes"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/batchrepr"
	pebblelog "github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// errUnlisted is wrapped, beside errDamaged, by the error of an opening that finds no usable list of files.
var errUnlisted = errors.New("the list of the store's files is damaged")

// HasData reports whether a folder has files of an embedded store, damaged or not.
func HasData(dir string) bool {
	files, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(files, func(f os.DirEntry) bool {
		name := f.Name()
		return holdsRows(name) || strings.HasPrefix(name, "MANIFEST-") || strings.HasPrefix(name, "marker.")
	})
}

// unlisted says what is wrong with the database's list of its files, the MANIFEST; empty if nothing is, or nothing is
// known. The database takes the unreadable rest of that list for an unfinished write, and then removes the files that
// it does not find in it. So it must not open such a folder.
func (d *disk) unlisted() string {
	names, err := d.FS.List(d.dir)
	if err != nil || !slices.ContainsFunc(names, holdsRows) {
		return "" // a new folder
	}
	found, err := pebble.Peek(d.dir, d.FS)
	if err != nil {
		return err.Error()
	}
	if !found.Exists {
		return "the file with its name (marker.manifest) is missing"
	}
	name := filepath.Base(found.ManifestFilename)
	info, err := d.FS.Stat(d.FS.PathJoin(d.dir, name))
	if err != nil {
		return name + " is missing"
	}
	least := int64(1)
	if noted, length, ok := d.noted(listNote); ok && noted == name {
		least = length
	}
	if info.Size() < least {
		return fmt.Sprintf("%s has %d bytes and had %d", name, info.Size(), least)
	}
	if good, _ := goodLength(d.FS, d.FS.PathJoin(d.dir, name), 0, true); good < least {
		return fmt.Sprintf("%s can be read up to %d of %d bytes", name, good, info.Size())
	}
	return ""
}

func holdsRows(name string) bool {
	_, isLog := logNumber(name)
	return isLog || strings.HasSuffix(name, ".sst")
}

// unlistedRows reads all files of a store without their list. Of several versions of a row the newest one counts, by the
// sequence numbers in the files. A file that was no longer in the list may bring back a row that was deleted or replaced
// last: files are removed soon after they leave the list.
type unlistedRows struct {
	fs      vfs.FS
	dir     string
	sources sources
	ranges  []rangeDeletion
	lost    []string // in sentences
	close   []func() error
}

// version is one version of a row, or its deletion.
type version struct {
	key   key
	seq   uint64
	kind  pebble.InternalKeyKind
	value []byte
}

// rangeDeletion deletes the versions from start to before end that are older than it.
type rangeDeletion struct {
	start, end key
	seq        uint64
}

// source is a file's versions, in the order of keys, the newest of a key first.
type source struct {
	at   version
	next func() (version, bool)
}

// sources is a heap.
type sources []*source

func (s sources) Len() int           { return len(s) }
func (s sources) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s sources) Less(i, j int) bool { return newestFirst(s[i].at, s[j].at) < 0 }
func (s *sources) Push(x any)        { *s = append(*s, x.(*source)) }
func (s *sources) Pop() any {
	last := (*s)[len(*s)-1]
	*s = (*s)[:len(*s)-1]
	return last
}

func newestFirst(a, b version) int {
	switch c := bytes.Compare(a.key, b.key); {
	case c != 0:
		return c
	case a.seq > b.seq:
		return -1
	case a.seq < b.seq:
		return 1
	}
	return 0
}

// openUnlisted opens a store whose list of files is unusable.
func openUnlisted(ctx context.Context, dir string, opts Options) (_ *unlistedRows, err error) {
	o := opts.withDefaults()
	folder, err := lockFolder(dir, o)
	if err != nil {
		return nil, err
	}
	u := &unlistedRows{fs: o.fs, dir: dir, close: []func() error{folder.Close},
		lost: []string{fmt.Sprintf("the list of files (%s): rows are taken from all files, and what was deleted or replaced last may be as it was before",
			(&disk{FS: o.fs, dir: dir}).unlisted())}}
	defer func() {
		if err != nil {
			_ = u.Close()
		}
	}()
	names, err := u.fs.List(dir)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var logged []version
	for _, name := range names {
		if n, isLog := logNumber(name); isLog {
			logged = append(logged, u.logOf(name, n)...)
		} else if strings.HasSuffix(name, ".sst") {
			if err := u.addTable(ctx, name); err != nil {
				u.lost = append(u.lost, fmt.Sprintf("%s cannot be read: all rows in it", name))
			}
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(logged, newestFirst)
	u.add(func() (v version, ok bool) {
		if len(logged) == 0 {
			return v, false
		}
		v, logged = logged[0], logged[1:]
		return v, true
	})
	slices.SortFunc(u.ranges, func(a, b rangeDeletion) int { return bytes.Compare(a.start, b.start) })
	heap.Init(&u.sources)
	return u, nil
}

// Close closes the files.
func (u *unlistedRows) Close() error {
	var all []error
	for _, c := range slices.Backward(u.close) {
		all = append(all, c())
	}
	return errors.Join(all...)
}

func (u *unlistedRows) add(next func() (version, bool)) {
	if first, ok := next(); ok {
		u.sources = append(u.sources, &source{first, next})
	}
}

func (u *unlistedRows) addTable(ctx context.Context, name string) (err error) {
	defer func() {
		if what := recover(); what != nil { // so the database may report damage
			err = fmt.Errorf("%v", what)
		}
	}()
	f, err := u.fs.Open(u.fs.PathJoin(u.dir, name))
	if err != nil {
		return err
	}
	readable, err := sstable.NewSimpleReadable(f)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	var defaults pebble.Options
	defaults.EnsureDefaults()
	r, err := sstable.NewReader(ctx, readable, defaults.MakeReaderOptions())
	if err != nil {
		return errors.Join(err, readable.Close())
	}
	u.close = append(u.close, r.Close)
	ranges, err := r.NewRawRangeDelIter(ctx, sstable.NoFragmentTransforms, sstable.NoReadEnv)
	if err != nil {
		return err
	}
	if ranges != nil {
		for span, err := ranges.First(); span != nil || err != nil; span, err = ranges.Next() {
			if err != nil {
				return err
			}
			for _, k := range span.Keys {
				u.ranges = append(u.ranges, rangeDeletion{slices.Clone(span.Start), slices.Clone(span.End), uint64(k.SeqNum())})
			}
		}
		ranges.Close()
	}
	it, err := r.NewIter(sstable.NoTransforms, nil, nil, sstable.AssertNoBlobHandles)
	if err != nil {
		return err
	}
	u.close = append(u.close, it.Close)
	kv := it.First()
	var last key
	u.add(func() (version, bool) {
		if kv != nil {
			value, _, err := kv.Value(nil)
			if err == nil {
				v := version{slices.Clone(kv.K.UserKey), uint64(kv.SeqNum()), kv.Kind(), slices.Clone(value)}
				last, kv = v.key, it.Next()
				return v, true
			}
		}
		if kv != nil || it.Error() != nil {
			u.lost = append(u.lost, fmt.Sprintf("%s is damaged after the %s: the rows that come after it", name, describe(last, nil)))
		}
		return version{}, false
	})
	return nil
}

// logOf returns what a log holds.
func (u *unlistedRows) logOf(name string, n uint64) (all []version) {
	damaged := func(err error) {
		u.lost = append(u.lost, fmt.Sprintf("%s is damaged: the changes after the damage (%v)", name, err))
	}
	f, err := u.fs.Open(u.fs.PathJoin(u.dir, name))
	if err != nil {
		damaged(err)
		return nil
	}
	defer f.Close()
	for r := logReader(pebblelog.NewReader, f, n); ; {
		rec, err := r.Next()
		var batch []byte
		if err == nil {
			batch, err = io.ReadAll(rec)
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, pebblelog.ErrUnexpectedEOF):
			return all
		case err != nil:
			damaged(err)
			return all
		}
		seq := uint64(batchrepr.ReadSeqNum(batch))
		rows := batchrepr.Read(batch)
		for {
			kind, k, v, ok, err := rows.Next()
			if err != nil {
				damaged(err)
				return all
			}
			if !ok {
				break
			}
			switch kind {
			case pebble.InternalKeyKindLogData:
				continue // it has no sequence number
			case pebble.InternalKeyKindRangeDelete:
				u.ranges = append(u.ranges, rangeDeletion{k, v, seq})
			default:
				all = append(all, version{k, seq, kind, v})
			}
			seq++
		}
	}
}

// salvageAll implements damaged.
func (u *unlistedRows) salvageAll(ctx context.Context, progress func(rows int64), visit func(k key, v []byte) error) (report Report, err error) {
	err = u.each(ctx, func(k key, v []byte) error {
		report.Rows++
		if progress != nil && report.Rows%1024 == 0 {
			progress(report.Rows)
		}
		return visit(k, v)
	})
	report.Lost = u.lost
	return report, err
}

// each calls f for each row there is, in the order of keys.
func (u *unlistedRows) each(ctx context.Context, f func(k key, v []byte) error) error {
	var last key
	var active []rangeDeletion // those that have begun and have not ended
	for n := 0; len(u.sources) > 0; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		s := u.sources[0]
		v := s.at
		var more bool
		if s.at, more = s.next(); more {
			heap.Fix(&u.sources, 0)
		} else {
			heap.Pop(&u.sources)
		}
		if last != nil && bytes.Equal(v.key, last) {
			continue // an older version
		}
		last = v.key
		for len(u.ranges) > 0 && bytes.Compare(u.ranges[0].start, v.key) <= 0 {
			active, u.ranges = append(active, u.ranges[0]), u.ranges[1:]
		}
		active = slices.DeleteFunc(active, func(r rangeDeletion) bool { return bytes.Compare(r.end, v.key) <= 0 })
		if slices.ContainsFunc(active, func(r rangeDeletion) bool { return r.seq > v.seq }) {
			continue
		}
		switch v.kind {
		case pebble.InternalKeyKindSet, pebble.InternalKeyKindSetWithDelete:
			if err := f(v.key, v.value); err != nil {
				return err
			}
		}
	}
	return nil
}
