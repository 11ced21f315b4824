package embedded

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// A value is one byte for the form and then fields in the protobuf wire format.
// Fields have numbers that are never used again for anything else; an absent field is its
// zero value; a reader passes over numbers it does not know. So fields can be
// added without touching what is stored.
const valueForm byte = 1

var errValue = errors.New("embedded: malformed value")

// record is a value being written.
type record []byte

func newRecord() record { return record{valueForm} }

func (r record) bytes(n protowire.Number, b []byte) record {
	return protowire.AppendBytes(protowire.AppendTag(r, n, protowire.BytesType), b)
}

func (r record) text(n protowire.Number, s string) record {
	if s == "" {
		return r
	}
	return protowire.AppendString(protowire.AppendTag(r, n, protowire.BytesType), s)
}

// optional writes an empty text too, so that readers can distinguish it from none.
func (r record) optional(n protowire.Number, s *string) record {
	if s == nil {
		return r
	}
	return r.bytes(n, []byte(*s))
}

func (r record) id(n protowire.Number, u id.ID) record { return r.bytes(n, u[:]) }

// someID writes an id that may be none.
func (r record) someID(n protowire.Number, u id.ID) record {
	if u.IsZero() {
		return r
	}
	return r.id(n, u)
}

func (r record) hash(n protowire.Number, h auth.Hash) record {
	if h == (auth.Hash{}) {
		return r
	}
	return r.bytes(n, h[:])
}

// time keeps milliseconds; the zero time is an absent field.
func (r record) time(n protowire.Number, t time.Time) record {
	if t.IsZero() {
		return r
	}
	r = protowire.AppendTag(r, n, protowire.VarintType)
	return protowire.AppendVarint(r, protowire.EncodeZigZag(t.UnixMilli()))
}

func (r record) flag(n protowire.Number, on bool) record {
	if !on {
		return r
	}
	return protowire.AppendVarint(protowire.AppendTag(r, n, protowire.VarintType), 1)
}

// number keeps a number that is not negative.
func (r record) number(n protowire.Number, v int) record {
	if v == 0 {
		return r
	}
	return protowire.AppendVarint(protowire.AppendTag(r, n, protowire.VarintType), uint64(v))
}

// field is one field being read. If it is read as a wrong type, the whole value is malformed.
type field struct {
	number protowire.Number
	kind   protowire.Type
	varint uint64
	data   string
	bad    bool
}

func (f *field) text() string {
	f.bad = f.bad || f.kind != protowire.BytesType
	return f.data
}

func (f *field) optional() *string { s := f.text(); return &s }

func (f *field) id() (u id.ID) {
	f.bad = f.bad || copy(u[:], f.text()) != len(u) || len(f.data) != len(u)
	return u
}

func (f *field) hash() (h auth.Hash) {
	f.bad = f.bad || copy(h[:], f.text()) != len(h) || len(f.data) != len(h)
	return h
}

func (f *field) number64() uint64 {
	f.bad = f.bad || f.kind != protowire.VarintType
	return f.varint
}

func (f *field) time() time.Time {
	return time.UnixMilli(protowire.DecodeZigZag(f.number64())).UTC()
}

func (f *field) payload() chat.Payload {
	p, err := chat.DecodePayload(f.text())
	f.bad = f.bad || err != nil
	return p
}

func (f *field) flag() bool { return f.number64() != 0 }

// decode calls visit for each field of value. For invalid bytes it returns an error; it never panics.
func decode(value []byte, visit func(f *field)) error {
	if len(value) == 0 || value[0] != valueForm {
		return fmt.Errorf("%w: unknown form", errValue)
	}
	// One copy serves all texts of the value. One field serves all visits, because the argument of visit escapes.
	whole, b := string(value), value[1:]
	var f field
	for len(b) > 0 {
		f = field{}
		var n int
		f.number, f.kind, n = protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("%w: %w", errValue, protowire.ParseError(n))
		}
		b = b[n:]
		switch f.kind {
		case protowire.VarintType:
			f.varint, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			var data []byte
			if data, n = protowire.ConsumeBytes(b); n >= 0 {
				end := len(whole) - len(b) + n
				f.data = whole[end-len(data) : end]
			}
		default:
			n = protowire.ConsumeFieldValue(f.number, f.kind, b)
		}
		if n < 0 {
			return fmt.Errorf("%w: %w", errValue, protowire.ParseError(n))
		}
		b = b[n:]
		if visit(&f); f.bad {
			return fmt.Errorf("%w: field %d", errValue, f.number)
		}
	}
	return nil
}
