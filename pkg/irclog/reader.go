package irclog

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
)

// maxLine is the longest line that is read whole, in bytes. It leaves room for a
// text that is too large for a message, to say so.
const maxLine = 128 << 10

// peek is how many bytes of a file are searched for its first time.
const peek = 64 << 10

// example is how many bytes of a skipped line are kept.
const example = 120

// Reader reads the events of one log. Its memory does not depend on what it reads.
type Reader struct {
	in    *bufio.Reader
	form  *form
	clock clock
	line  int

	recoded   int
	formatted int
}

// NewReader returns a reader of the log of a day, whose time of day is ignored, and of a time zone; nil: UTC. In logs
// whose lines have dates the day matters only for years that are left out.
func NewReader(in io.Reader, date time.Time, zone *time.Location) *Reader {
	if zone == nil {
		zone = time.UTC
	}
	r := &Reader{in: bufio.NewReaderSize(in, maxLine), form: ubuntu}
	head, _ := r.in.Peek(peek) // an error is returned again with the first line
	if f, first := sniff(head); f != nil {
		r.form = f
		if own, ok := first.dateAfter(date); ok {
			date = own
		}
		r.clock = newClock(date, zone)
		if first.second != noTime {
			r.clock.first(first.second)
		}
		return r
	}
	r.clock = newClock(date, zone)
	return r
}

// sniff returns the form of a file, by the first line of its head that has a time, and that time; nil if no line has one.
func sniff(head []byte) (*form, stamp) {
	head = bytes.TrimPrefix(head, []byte("\uFEFF"))
	for l := range bytes.Lines(head) {
		if f, at := formOf(string(bytes.TrimRight(l[:min(len(l), example)], "\r\n"))); f != nil {
			return f, at
		}
	}
	return nil, noStamp
}

// Next returns the event of the next line: every line gives exactly one. At the
// end it returns io.EOF; other errors are those of the reader underneath.
func (r *Reader) Next() (Event, error) {
	raw, err := r.in.ReadSlice('\n')
	if len(raw) == 0 && err != nil {
		return Event{}, err
	}
	r.line++
	if errors.Is(err, bufio.ErrBufferFull) {
		e := r.skipped(LineLength, raw)
		return e, r.discardLine()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return Event{}, err
	}
	raw = bytes.TrimSuffix(bytes.TrimSuffix(raw, []byte("\n")), []byte("\r"))
	if r.line == 1 {
		raw = bytes.TrimPrefix(raw, []byte("\uFEFF"))
	}
	s, recoded := decode(raw)
	if recoded {
		r.recoded++
	}
	s, formatted := plain(s)
	if formatted {
		r.formatted++
	}
	p := parseLine(r.form, s)
	r.clock.take(p.at)
	if p.kind == Skipped {
		return r.skipped(p.reason, []byte(s)), nil
	}
	return Event{Kind: p.kind, Time: r.clock.now, Line: r.line, Nick: p.nick, NewNick: p.newNick, Text: p.text}, nil
}

func (r *Reader) skipped(why Reason, raw []byte) Event {
	s, _ := decode(bytes.ReplaceAll(raw[:min(len(raw), example)], []byte{0}, []byte("\uFFFD")))
	return Event{Time: r.clock.now, Line: r.line, Reason: why, Text: s}
}

func (r *Reader) discardLine() error {
	for {
		switch _, err := r.in.ReadSlice('\n'); {
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			return nil
		default:
			return err
		}
	}
}

var dateInName = regexp.MustCompile(`(?:^|\D)(\d{4}-\d{2}-\d{2})(?:\D|$)`)

// DateOf returns the date in the name of a log file (2006-08-23.txt,
// freenode-2006-08-23.log), at midnight UTC.
func DateOf(file string) (time.Time, error) {
	name := filepath.Base(file)
	for _, m := range dateInName.FindAllStringSubmatch(name, -1) {
		if t, err := time.Parse(time.DateOnly, m[1]); err == nil {
			return t, nil
		}
	}
	return time.Time{}, chat.ErrInvalid("the file name %q has no date in it (YYYY-MM-DD), and its lines have none with a year", name)
}

// dateInside returns the date of the first line of a log that has a time, if it has a year; otherwise, and if the log cannot
// be read, the error for a name that has none.
func dateInside(path string, noDate error) (time.Time, error) {
	f, err := os.Open(path)
	if err != nil {
		return time.Time{}, noDate
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, peek))
	if err != nil {
		return time.Time{}, noDate
	}
	if _, first := sniff(head); first.date.Year() > 1 {
		return first.date, nil
	}
	return time.Time{}, noDate
}
