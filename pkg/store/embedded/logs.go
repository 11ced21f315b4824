package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	pebblelog "github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// logNumber returns the number of a write-ahead log by the name of its file.
func logNumber(name string) (n uint64, ok bool) {
	digits, isLog := strings.CutSuffix(filepath.Base(name), ".log")
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, isLog && err == nil
}

// cutFS shows a folder without the damaged part of its logs: the damaged log is cut, later logs are hidden.
type cutFS struct {
	vfs.FS
	log    string // the base name of the one
	number uint64
	length int64
}

// cutLogs finds the first damaged log; nil if there is none.
func cutLogs(fs *disk) (lost []string, cut vfs.FS) {
	names, err := fs.List(fs.dir)
	if err != nil {
		return nil, fs
	}
	names = slices.DeleteFunc(names, func(name string) bool { _, ok := logNumber(name); return !ok })
	slices.SortFunc(names, func(a, b string) int {
		na, _ := logNumber(a)
		nb, _ := logNumber(b)
		return int(int64(na) - int64(nb))
	})
	for i, name := range names {
		n, _ := logNumber(name)
		length, damaged := goodLength(fs, fs.PathJoin(fs.dir, name), n, i == len(names)-1)
		if !damaged {
			continue
		}
		lost = []string{fmt.Sprintf("%s is damaged after %d bytes: the changes that come after them", name, length)}
		for _, later := range names[i+1:] {
			lost = append(lost, later+" follows a damaged one: all changes in it")
		}
		return lost, &cutFS{FS: fs, log: name, number: n, length: length}
	}
	return nil, fs
}

// goodLength returns how many bytes of a log can be read: all if it ends properly. damaged reports whether certainly
// more was written.
func goodLength(fs vfs.FS, name string, n uint64, last bool) (length int64, damaged bool) {
	f, err := fs.Open(name)
	if err != nil {
		return 0, true
	}
	defer f.Close()
	r := logReader(pebblelog.NewReader, f, n)
	for {
		rec, err := r.Next()
		if err == nil {
			_, err = io.Copy(io.Discard, rec)
		}
		switch {
		case err == nil:
			length = r.Offset()
		case errors.Is(err, io.EOF):
			return math.MaxInt64, false
		case last && errors.Is(err, pebblelog.ErrUnexpectedEOF):
			return length, false
		default:
			return length, true
		}
	}
}

// logReader calls a function whose second parameter has a type that only the database can name.
func logReader[N ~uint64](newReader func(io.Reader, N) *pebblelog.Reader, f io.Reader, n uint64) *pebblelog.Reader {
	return newReader(f, N(n))
}

func (c *cutFS) hides(name string) bool {
	n, ok := logNumber(name)
	return ok && n > c.number
}

// List implements vfs.FS.
func (c *cutFS) List(dir string) ([]string, error) {
	names, err := c.FS.List(dir)
	return slices.DeleteFunc(names, c.hides), err
}

// Open implements vfs.FS.
func (c *cutFS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := c.FS.Open(name, opts...)
	if err != nil || filepath.Base(name) != c.log {
		return f, err
	}
	return &cutFile{File: f, rest: io.LimitReader(f, c.length)}, nil
}

type cutFile struct {
	vfs.File
	rest io.Reader
}

func (f *cutFile) Read(p []byte) (int, error) { return f.rest.Read(p) }

// lengthsFile holds a lower bound of how much is on disk of the newest log, and of the list of files, each in a line of
// noteSize bytes. It is written without a sync, after the file's own sync, so it may say too little and never too much.
const lengthsFile = "confab-log"

const (
	logNote, listNote = 0, 1 // lines
	noteSize          = 65
)

// logBlock is the size of a log's blocks. A record can be split only at the end of a block. A log that ends inside a
// block therefore ends with a whole record.
const logBlock = 32 << 10

// noteLine returns the line of lengthsFile for a file of the database.
func (d *disk) noteLine(name string) (line int, ok bool) {
	if filepath.Dir(name) != filepath.Clean(d.dir) {
		return 0, false // of a copy
	}
	base := filepath.Base(name)
	_, isLog := logNumber(base)
	if strings.HasPrefix(base, "MANIFEST-") {
		return listNote, true
	}
	return logNote, isLog
}

// noteLength writes to lengthsFile.
func (d *disk) noteLength(name string, length int64) {
	line, ok := d.noteLine(name)
	if !ok || length%logBlock == 0 {
		return // at the end of a block, the rest of a record may be missing; such a record was not acknowledged
	}
	d.notesMu.Lock()
	defer d.notesMu.Unlock()
	if d.notes == nil {
		f, err := d.FS.OpenReadWrite(d.FS.PathJoin(d.dir, lengthsFile), vfs.WriteCategoryUnspecified)
		if err != nil {
			return // the length only serves diagnosis
		}
		d.notes = f
	}
	_, _ = d.notes.WriteAt(fmt.Appendf(nil, "%-32s %-31d\n", filepath.Base(name), length), int64(line)*noteSize)
}

// closeNotes closes lengthsFile.
func (d *disk) closeNotes() {
	d.notesMu.Lock()
	defer d.notesMu.Unlock()
	if d.notes != nil {
		_ = d.notes.Close()
		d.notes = nil
	}
}

// noted reads a line of lengthsFile.
func (d *disk) noted(line int) (name string, length int64, ok bool) {
	f, err := d.FS.Open(d.FS.PathJoin(d.dir, lengthsFile))
	if err != nil {
		return "", 0, false
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil || len(text) < line*noteSize {
		return "", 0, false
	}
	fields := bytes.Fields(text[line*noteSize : min(len(text), (line+1)*noteSize)])
	if len(fields) != 2 {
		return "", 0, false
	}
	length, err = strconv.ParseInt(string(fields[1]), 10, 64)
	return string(fields[0]), length, err == nil
}

// missing describes what is missing of the newest log; empty if nothing is, or nothing is known. The database takes an
// unreadable end of that log for an unfinished write, and reports nothing.
func (d *disk) missing() string {
	log, length, ok := d.noted(logNote)
	n, isLog := logNumber(log)
	if !ok || !isLog {
		return ""
	}
	name := d.FS.PathJoin(d.dir, log)
	info, err := d.FS.Stat(name)
	if err != nil { // a log is removed when it is no longer needed
		return ""
	}
	if info.Size() < length {
		return fmt.Sprintf("%s has %d bytes and had %d: the changes that were in the rest", log, info.Size(), length)
	}
	good, damaged := goodLength(d.FS, name, n, true)
	if damaged || good >= length { // the opening reports certain damage itself
		return ""
	}
	return fmt.Sprintf("%s can be read up to %d of %d bytes: the changes that were in the rest", log, good, length)
}
