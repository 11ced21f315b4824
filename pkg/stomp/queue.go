package stomp

import "github.com/confab-chat/confab/pkg/live"

// entry is an item to be written: a STOMP frame or, with another op, an item of the transport.
type entry struct {
	enc *live.Encoded
	sub *subscription // nil unless it is a MESSAGE
	op  op
	// keep says that the entry is written also if the client has unsubscribed meanwhile.
	keep bool
}

type op uint8

const (
	opFrame op = iota // STOMP data
	opBare            // SockJS text that is not data: "h"
	opPong            // answer to a WebSocket ping
)

func (e entry) len() int {
	n := e.enc.Len()
	if e.sub != nil {
		n += len(e.sub.line)
	}
	return n
}

// queue is a ring of entries. With one entry or none it holds no memory of its own.
type queue struct {
	only  entry   // the entry, if there is only one and no ring
	ring  []entry // its length is a power of two
	head  int
	n     int
	bytes int
}

func (q *queue) push(e entry) {
	if q.n == 0 && q.ring == nil {
		q.only = e
	} else {
		if q.n >= len(q.ring) {
			q.grow()
		}
		q.ring[(q.head+q.n)&(len(q.ring)-1)] = e
	}
	q.n++
	q.bytes += e.len()
}

func (q *queue) grow() {
	bigger := make([]entry, max(4, 2*len(q.ring)))
	if q.ring == nil {
		bigger[0], q.only = q.only, entry{}
	}
	for i := range len(q.ring) {
		bigger[i] = q.ring[(q.head+i)&(len(q.ring)-1)]
	}
	q.ring, q.head = bigger, 0
}

// take appends up to most entries with about maxBytes in total to dst. If there are entries, it appends at least one.
func (q *queue) take(dst []entry, most, maxBytes int) []entry {
	if q.ring == nil && q.n == 1 && most > 0 {
		dst = append(dst, q.only)
		*q = queue{}
		return dst
	}
	size := 0
	for q.n > 0 && most > 0 {
		e := q.ring[q.head]
		l := e.len()
		if size > 0 && size+l > maxBytes {
			break
		}
		dst = append(dst, e)
		q.ring[q.head] = entry{}
		q.head = (q.head + 1) & (len(q.ring) - 1)
		q.n--
		q.bytes -= l
		size += l
		most--
	}
	if q.n == 0 {
		*q = queue{}
	}
	return dst
}

func (q *queue) clear() { *q = queue{} }
