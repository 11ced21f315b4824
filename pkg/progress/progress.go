// Package progress shows how far a long command is: a bar on a terminal, a plain
// line now and then anywhere else.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	barWidth  = 30
	redraw    = 100 * time.Millisecond // a bar's shortest time between two drawings
	plainEach = 10 * time.Second       // the time between two plain lines
)

// Bar is the progress of one task. Its methods may be called concurrently and
// return at once when there is nothing to draw; errors of writing are dropped.
type Bar struct {
	out   io.Writer
	label string
	tty   bool
	now   func() time.Time

	mu    sync.Mutex
	start time.Time
	drawn time.Time
	width int // of what stands on the terminal's line
	ended bool
}

// New returns a bar on f: drawn in place if f is a terminal that can, otherwise in plain lines.
func New(f *os.File, label string) *Bar {
	info, err := f.Stat()
	tty := err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	return newBar(f, label, tty, time.Now)
}

func newBar(out io.Writer, label string, tty bool, now func() time.Time) *Bar {
	t := now()
	return &Bar{out: out, label: label, tty: tty, now: now, start: t, drawn: t}
}

// Set says that done of total is done, and a note of what is going on. A total of
// 0 or less is unknown. Nothing is drawn after End.
func (b *Bar) Set(done, total int64, note string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	each := plainEach
	if b.tty {
		each = redraw
	}
	if b.ended || now.Sub(b.drawn) < each {
		return
	}
	b.drawn = now
	b.draw(b.line(done, total, note, now))
}

// End ends the bar with a last line that stays; an empty note is "done". The
// second call does nothing.
func (b *Bar) End(note string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return
	}
	b.ended = true
	if note == "" {
		note = "done"
	}
	b.draw(fmt.Sprintf("%s: %s (%s)", b.label, note, b.now().Sub(b.start).Round(100*time.Millisecond)))
	if b.tty {
		_, _ = io.WriteString(b.out, "\n")
	}
}

// Fail ends the bar because of an error, which the caller reports. It writes only the end of a line that has been begun.
func (b *Bar) Fail() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.ended && b.width > 0 {
		_, _ = io.WriteString(b.out, "\n")
	}
	b.ended = true
}

func (b *Bar) draw(s string) {
	if !b.tty {
		_, _ = io.WriteString(b.out, s+"\n")
		return
	}
	n := utf8.RuneCountInString(s)
	pad := strings.Repeat(" ", max(0, b.width-n))
	b.width = n
	_, _ = io.WriteString(b.out, "\r"+s+pad)
}

func (b *Bar) line(done, total int64, note string, now time.Time) string {
	if total <= 0 {
		return fmt.Sprintf("%s: %d %s", b.label, done, note)
	}
	done = min(max(done, 0), total)
	part := float64(done) / float64(total)
	s := b.label
	if b.tty {
		full := int(part * barWidth)
		s += " [" + strings.Repeat("=", full) + strings.Repeat(" ", barWidth-full) + "]"
	}
	s += fmt.Sprintf(" %3.0f%%", part*100)
	// From less than a thousandth nothing can be concluded.
	if gone := now.Sub(b.start); part >= 0.001 && done < total {
		left := time.Duration(float64(gone) * (1 - part) / part)
		s += fmt.Sprintf(" %s left", left.Round(time.Second))
	}
	if note != "" {
		s += " " + note
	}
	return s
}
