package move

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// maxLine bounds a line, in bytes: the longest message with every character escaped has less than 1 MiB.
const maxLine = 4 << 20

// ErrIncomplete says that a file ended before its last line.
var ErrIncomplete = errors.New("the file is not complete, its last line is missing; what it holds is imported")

// reader reads a file line by line and checks that it is complete.
type reader struct {
	lines  *bufio.Scanner
	tally  *tally
	cut    bool  // the line that was read last has no end
	number int   // of the line that was read last
	bytes  int64 // up to its end
}

// Begin reads as far as the header, and returns a reader of the whole file. The error is that of Import if this is no file that
// can be imported.
func Begin(r io.Reader) (whole io.Reader, err error) {
	buffered := bufio.NewReader(r)
	first, err := buffered.ReadSlice('\n') // a header is short
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, err
	}
	head := bytes.Clone(first)
	return io.MultiReader(bytes.NewReader(head), buffered), newReader(bytes.NewReader(head)).header()
}

// Check reads a whole file without importing it, and returns the error of its lines or of its last line that Import would end
// with, if any: ErrIncomplete for a file that is cut off. Progress receives the number of bytes read, occasionally.
func Check(ctx context.Context, r io.Reader, progress func(bytes int64)) error {
	for lines := newReader(r); ; {
		switch _, err := lines.next(); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if lines.number%pageRows != 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		progress(lines.bytes)
	}
}

func newReader(r io.Reader) *reader {
	lines := &reader{lines: bufio.NewScanner(r), tally: newTally()}
	lines.lines.Buffer(make([]byte, 64<<10), maxLine)
	lines.lines.Split(func(data []byte, atEOF bool) (advance int, token []byte, err error) {
		advance, token, err = bufio.ScanLines(data, atEOF)
		lines.cut = advance > 0 && data[advance-1] != '\n'
		return advance, token, err
	})
	return lines
}

// next returns the next line between header and end. After the last one it returns io.EOF if the file is complete,
// otherwise another error.
func (r *reader) next() (line, error) {
	if r.number == 0 {
		if err := r.header(); err != nil {
			return line{}, err
		}
	}
	text, err := r.scan()
	if errors.Is(err, io.EOF) {
		return line{}, ErrIncomplete
	}
	if err != nil {
		return line{}, err
	}
	l, err := decode(text)
	switch {
	case err != nil && r.cut:
		return line{}, ErrIncomplete
	case err != nil:
		return line{}, r.at(err)
	case l.Header != nil:
		return line{}, r.at(errors.New("a second header: import the files one after the other"))
	case l.End != nil:
		return line{}, r.end(*l.End)
	case l.within() && r.tally.room == nil:
		return line{}, r.at(errors.New("something of a room comes before any room"))
	case l.Piece != nil && r.tally.file == nil:
		return line{}, r.at(errors.New("bytes of a file come before any file"))
	}
	r.tally.add(l, text)
	return l, nil
}

func (r *reader) header() error {
	text, err := r.scan()
	if errors.Is(err, io.EOF) {
		return errors.New("the file is empty")
	}
	if err != nil {
		return err
	}
	l, err := decode(text)
	if err != nil || l.Header == nil {
		return errors.New("this is no file that confab export has written")
	}
	if v := l.Header.Version; v < 1 || v > Version {
		return fmt.Errorf("the file is of version %d and this confab reads up to %d: import it with a newer one", v, Version)
	}
	return nil
}

// end checks that the file matches its last line, and that nothing follows this line.
func (r *reader) end(want end) error {
	if got := r.tally.end(); *got != want {
		if others := got.differences(want.Counts); others != "" {
			return fmt.Errorf("the file is damaged: it holds %s, which its last line counts", others)
		}
		return errors.New("the file is damaged: it holds as many lines of each kind as its last line counts, but some were changed")
	}
	if _, err := r.scan(); !errors.Is(err, io.EOF) {
		return r.at(errors.Join(errors.New("something comes after the last line"), err))
	}
	return io.EOF
}

func (r *reader) scan() ([]byte, error) {
	if !r.lines.Scan() {
		if err := r.lines.Err(); err != nil {
			if errors.Is(err, bufio.ErrTooLong) {
				err = fmt.Errorf("the line has more than %d MiB", maxLine>>20)
			}
			r.number++
			return nil, r.at(err)
		}
		return nil, io.EOF
	}
	text := r.lines.Bytes()
	r.number++
	r.bytes += int64(len(text)) + 1
	return text, nil
}

func (r *reader) at(err error) error { return fmt.Errorf("line %d: %w", r.number, err) }
