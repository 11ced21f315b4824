package irclog

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// logFile is one file to import.
type logFile struct {
	path string
	name string // without folders: it is part of the seed of its ids
	date time.Time
	zone *time.Location
	size int64
}

// history assigns ids to the messages of one file. The id of a line depends only on tenant, room, the file's name and
// the file's lines up to this one. So each import of a file gives the same ids, and a file that has grown keeps its
// ids.
type history struct {
	*Reader
	file *os.File
	seq  *id.Sequence
}

// open begins to read f as history of the room. The first line is part of the seed, so that the logs of two channels on
// one day do not share ids.
func (f logFile) open(t chat.Tenant, room id.ID) (*history, error) {
	file, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	head, err := bufio.NewReaderSize(file, 4096).ReadSlice('\n')
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, errors.Join(err, file.Close())
	}
	seed := sha256.New()
	for _, part := range [][]byte{[]byte(t), room[:], []byte(filepath.Base(f.name)), head} {
		sum := sha256.Sum256(part) // of equal length, so that no two lists of parts give the same seed
		seed.Write(sum[:])
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &history{
		Reader: NewReader(file, f.date, f.zone),
		file:   file,
		seq:    id.NewSequence([8]byte(seed.Sum(nil))),
	}, nil
}

// next returns the next event and, if it becomes a message, that message without
// its author's login.
func (h *history) next() (Event, *chat.Message, error) {
	e, err := h.Next()
	if err != nil {
		return e, nil, err
	}
	m := messageOf(e)
	if m != nil {
		m.ID = h.seq.At(e.Time)
	}
	return e, m, nil
}

func (h *history) Close() error { return h.file.Close() }

// messageOf returns the message that an event becomes in the room's history.
func messageOf(e Event) *chat.Message {
	m := &chat.Message{Author: chat.System, System: true}
	switch e.Kind {
	case Message, Action:
		m.Author, m.System, m.Content = person("", e.Nick), false, content(e.Kind, e.Nick, e.Text)
	case Join:
		m.Content = chat.Notice{Type: chat.NoticeJoined, Who: person("", e.Nick)}.Sentence()
	case Leave:
		m.Content = chat.Notice{Type: chat.NoticeLeft, Who: person("", e.Nick)}.Sentence()
	case Rename:
		m.Content = e.Nick + " is now known as " + e.NewNick
	case Topic:
		m.Content = e.Text
	default:
		return nil
	}
	return m
}

// content is the text by which a room shows a message or an action.
func content(k Kind, nick, text string) string {
	if k == Action {
		return "* " + nick + " " + text
	}
	return text
}

// overview is the result of a first, quick reading of a file.
type overview struct {
	last      *chat.Message // nil if there are none
	firstNick string
	present   map[string]bool // nicks in the channel at the end
	bins      []chat.Bin
	readable  int       // lines that are no skipped ones
	newest    time.Time // of a message; zero if there are none
}

func (f logFile) overview(t chat.Tenant, room id.ID) (o overview, err error) {
	h, err := f.open(t, room)
	if err != nil {
		return o, err
	}
	defer h.Close()
	o.present = map[string]bool{}
	for {
		e, m, err := h.next()
		if errors.Is(err, io.EOF) {
			return o, nil
		}
		if err != nil {
			return o, err
		}
		if m != nil {
			o.bins = chat.Counted(o.bins, e.Time)
			o.last, o.newest = m, e.Time
		}
		if e.Kind != Skipped {
			o.readable++
		}
		if o.firstNick == "" {
			o.firstNick = e.Nick
		}
		switch e.Kind {
		case Message, Action, Join:
			o.present[e.Nick] = true
		case Leave:
			delete(o.present, e.Nick)
		case Rename:
			delete(o.present, e.Nick)
			o.present[e.NewNick] = true
		}
	}
}

// readable returns 1 if a line of the file can be read.
func (f logFile) readable() (int, error) {
	file, err := os.Open(f.path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	for r := NewReader(file, f.date, f.zone); ; {
		e, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return 0, nil
		case err != nil:
			return 0, err
		case e.Kind != Skipped:
			return 1, nil
		}
	}
}
