package inbox

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	// pageRefs is how many positions a page has. Rows on disk depend on it.
	pageRefs = 64
	// maxSpans is how many acknowledged spans beyond the mark a state has at most, but for a moment; mergedSpans is how many
	// are left when it had more.
	maxSpans, mergedSpans = 256, 128
)

// Reason says why a message came to a mailbox. The numbers are stored.
type Reason byte

// The reasons.
const (
	ToUser  Reason = 1 // it is addressed to the user
	ToGroup Reason = 2 // it is addressed to a group that the user is in
)

// Ref is a message in a mailbox. Its log is one of the mailbox's tenant.
type Ref struct {
	Position int64 // Append sets it
	Log      id.ID
	Message  id.ID
	Reason   Reason
}

// span is the positions from from on and below to.
type span struct{ from, to int64 }

// state is that of a mailbox; see the comment of the package.
type state struct {
	tail    int64 // the next position
	mark    int64 // everything below is acknowledged
	waiting int64 // how many wait
	beyond  []span
	refs    []Ref // the newest, up to tail; others are in pages
	holes   bool  // spans beyond the mark were merged into pages: the mark finds its way by reading them
	// earliest and newest bound the messages that have notes; zero if there are none.
	earliest, newest id.ID
	// oldest is not newer than the oldest message that waits; zero if none does.
	oldest id.ID
}

// inline is the first position whose reference is in the state.
func (s *state) inline() int64 { return s.tail - int64(len(s.refs)) }

// acknowledged reports whether the state says that the message at a position is acknowledged. If it does not and the
// position is in a page, the page has it only if it waits.
func (s *state) acknowledged(at int64) bool {
	if at < s.mark {
		return true
	}
	_, in := slices.BinarySearchFunc(s.beyond, at, func(p span, at int64) int {
		switch {
		case p.to <= at:
			return -1
		case p.from > at:
			return 1
		}
		return 0
	})
	return in
}

// pass adds a span to those that are acknowledged, and moves the mark.
func (s *state) pass(p span) {
	if p.from = max(p.from, s.mark); p.from >= p.to {
		return
	}
	at, _ := slices.BinarySearchFunc(s.beyond, p.from, func(q span, from int64) int {
		if q.to < from {
			return -1
		}
		return 1
	})
	end := at
	for ; end < len(s.beyond) && s.beyond[end].from <= p.to; end++ {
		p.from, p.to = min(p.from, s.beyond[end].from), max(p.to, s.beyond[end].to)
	}
	s.beyond = slices.Replace(s.beyond, at, end, p)
	if s.beyond[0].from <= s.mark {
		s.mark = s.beyond[0].to
		s.beyond = slices.Delete(s.beyond, 0, 1)
	}
}

// acknowledge ends the waiting of what is at these positions, all of which wait.
func (s *state) acknowledge(at []int64) {
	for _, p := range at {
		s.pass(span{p, p + 1})
	}
	if s.waiting -= int64(len(at)); s.waiting == 0 {
		s.mark, s.beyond, s.oldest = s.tail, nil, id.ID{}
	}
	s.holes = s.holes && s.mark < s.inline()
}

// add appends a reference.
func (s *state) add(r Ref) {
	r.Position = s.tail
	s.refs = append(s.refs, r)
	if s.waiting == 0 || r.Message.Compare(s.oldest) < 0 {
		s.oldest = r.Message
	}
	s.tail++
	s.waiting++
}

// still returns the references that wait, as far as the state says.
func (s *state) still(refs []Ref) []Ref {
	var out []Ref
	for _, r := range refs {
		if !s.acknowledged(r.Position) {
			out = append(out, r)
		}
	}
	return out
}

// form is the first byte of what is stored.
const form byte = 1

var errForm = &chat.Error{Kind: chat.Internal, Cause: errors.New("inbox: a malformed mailbox")}

// encode returns the stored form of a state.
func (s *state) encode() []byte {
	b := []byte{form}
	holes := int64(0)
	if s.holes {
		holes = 1
	}
	for _, n := range []int64{s.tail, s.mark, s.waiting, holes, int64(len(s.beyond))} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	last := s.mark
	for _, p := range s.beyond {
		b = binary.AppendUvarint(b, uint64(p.from-last))
		b = binary.AppendUvarint(b, uint64(p.to-p.from))
		last = p.to
	}
	b = append(append(append(b, s.earliest[:]...), s.newest[:]...), s.oldest[:]...)
	return appendRefs(b, s.refs)
}

func decodeState(v []byte) (*state, error) {
	s := &state{}
	if v == nil {
		return s, nil
	}
	r := reader{rest: v}
	r.form()
	s.tail, s.mark, s.waiting, s.holes = r.number(), r.number(), r.number(), r.number() == 1
	last := s.mark
	for n := r.number(); n > 0 && !r.bad; n-- {
		from := last + r.number()
		last = from + r.number()
		s.beyond = append(s.beyond, span{from, last})
	}
	s.earliest, s.newest, s.oldest = r.id(), r.id(), r.id()
	s.refs = r.refs()
	if r.bad || len(r.rest) > 0 {
		return nil, errForm
	}
	return s, nil
}

func encodePage(refs []Ref) []byte { return appendRefs([]byte{form}, refs) }

func decodePage(v []byte) ([]Ref, error) {
	r := reader{rest: v}
	r.form()
	refs := r.refs()
	if r.bad || len(r.rest) > 0 {
		return nil, errForm
	}
	return refs, nil
}

// appendRefs appends references in the order of positions. Each log is written once.
func appendRefs(b []byte, refs []Ref) []byte {
	var logs []id.ID
	for _, r := range refs {
		if !slices.Contains(logs, r.Log) {
			logs = append(logs, r.Log)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(logs)))
	for _, l := range logs {
		b = append(b, l[:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(refs)))
	last := int64(0)
	for _, r := range refs {
		b = binary.AppendUvarint(b, uint64(r.Position-last))
		b = binary.AppendUvarint(b, uint64(slices.Index(logs, r.Log)))
		b = append(append(b, byte(r.Reason)), r.Message[:]...)
		last = r.Position
	}
	return b
}

// reader reads what encode has written. bad is set by the first error.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.rest) {
		r.bad = true
		return make([]byte, n)
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) form() { r.bad = r.take(1)[0] != form || r.bad }

func (r *reader) number() int64 {
	n, size := binary.Uvarint(r.rest)
	if r.bad || size <= 0 || n > 1<<62 {
		r.bad = true
		return 0
	}
	r.rest = r.rest[size:]
	return int64(n)
}

func (r *reader) id() id.ID { return id.ID(r.take(len(id.ID{}))) }

func (r *reader) refs() []Ref {
	var logs []id.ID
	for n := r.number(); n > 0 && !r.bad; n-- {
		logs = append(logs, r.id())
	}
	var refs []Ref
	last := int64(0)
	for n := r.number(); n > 0 && !r.bad; n-- {
		last += r.number()
		log := r.number()
		if r.bad || log >= int64(len(logs)) {
			r.bad = true
			return nil
		}
		refs = append(refs, Ref{Position: last, Log: logs[log], Reason: Reason(r.take(1)[0]), Message: r.id()})
	}
	return refs
}
