package irclog

import (
	"bufio"
	"bytes"
	"errors"
	"io"
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
	clock clock
	line  int

	recoded   int
	formatted int
}

// NewReader returns a reader of the log of a day, whose time of day is ignored.
func NewReader(in io.Reader, date time.Time) *Reader {
	y, m, d := date.Date()
	r := &Reader{
		in:    bufio.NewReaderSize(in, maxLine),
		clock: clock{date: time.Date(y, m, d, 0, 0, 0, 0, time.UTC)},
	}
	head, _ := r.in.Peek(peek) // an error is returned again with the first line
	for l := range bytes.Lines(head) {
		if minute, _, ok := cutTime(string(l[:min(len(l), 7)])); ok {
			r.clock.first(minute)
			break
		}
	}
	return r
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
	p := parseLine(s)
	if p.minute != noTime {
		r.clock.read(p.minute)
	}
	if p.kind == Skipped {
		return r.skipped(p.reason, []byte(s)), nil
	}
	return Event{Kind: p.kind, Time: r.clock.time(), Line: r.line, Nick: p.nick, NewNick: p.newNick, Text: p.text}, nil
}

func (r *Reader) skipped(why Reason, raw []byte) Event {
	s, _ := decode(bytes.ReplaceAll(raw[:min(len(raw), example)], []byte{0}, []byte("\uFFFD")))
	return Event{Time: r.clock.time(), Line: r.line, Reason: why, Text: s}
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
	return time.Time{}, chat.ErrInvalid("the file name %q has no date in it (YYYY-MM-DD)", name)
}
