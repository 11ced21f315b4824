// Package id makes and orders message ids, and assigns them to buckets.
//
// An ID is a version-1 UUID (a "timeuuid"): it contains its time, in steps of 100 ns. A Generator makes new ids, a
// Sequence ids for imports. Widths assigns ids to a Bucket.
//
// Ids are ordered as Cassandra orders timeuuids: by time, then by the low eight bytes, compared as signed bytes. Every
// store and every cursor uses this order, through Compare or Key. The text form does not sort by time and must not be
// compared.
package id

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"time"
)

// ID is a version-1 UUID in its 16-byte network form. The zero ID is no id.
type ID [16]byte

// Key is the form of an ID that bytes.Compare orders as Compare orders ids. Ordered key-value stores use it.
type Key [16]byte

// ErrInvalid says that a text or a byte string is no version-1 UUID.
var ErrInvalid = errors.New("id: not a version-1 UUID")

// gregorian is the number of 100 ns steps from 15 October 1582, where version-1 time starts, to the Unix epoch.
const gregorian = 0x01B21DD213814000

// Numbers of 100 ns steps.
const (
	ticksPerMicro  = 10
	ticksPerMilli  = 10_000
	ticksPerSecond = 10_000_000
)

const (
	signFlip = 0x8080808080808080
	maxTicks = 1<<60 - 1
)

var (
	// Min is the first position: no id is older.
	Min = Key{}.ID()
	// Max is the last position: no id is newer.
	Max = compose(maxTicks, 0x7f7f7f7f7f7f7f7f)
)

// compose returns the ID of a time (100 ns steps since 1582) and a low half.
func compose(ticks, low uint64) ID {
	var u ID
	binary.BigEndian.PutUint32(u[0:], uint32(ticks))
	binary.BigEndian.PutUint16(u[4:], uint16(ticks>>32))
	binary.BigEndian.PutUint16(u[6:], uint16(ticks>>48)&0x0fff|0x1000)
	binary.BigEndian.PutUint64(u[8:], low)
	return u
}

func (u ID) ticks() uint64 {
	return uint64(binary.BigEndian.Uint16(u[6:])&0x0fff)<<48 |
		uint64(binary.BigEndian.Uint16(u[4:]))<<32 |
		uint64(binary.BigEndian.Uint32(u[0:]))
}

func (u ID) low() uint64 { return binary.BigEndian.Uint64(u[8:]) }

// Ticks returns the time of u in steps of 100 ns since 15 October 1582.
func (u ID) Ticks() int64 { return int64(u.ticks()) }

// IsZero reports whether u is the zero ID.
func (u ID) IsZero() bool { return u == ID{} }

// Time returns the time of u, in UTC, exact to 100 ns.
func (u ID) Time() time.Time { return AtTicks(u.Ticks()) }

// AtTicks returns the time of an ID with these Ticks, in UTC.
func AtTicks(ticks int64) time.Time {
	t := ticks - gregorian
	return time.Unix(t/ticksPerSecond, t%ticksPerSecond*100).UTC()
}

// UnixMilli returns the time of u in whole milliseconds since 1970, rounded down. Buckets are computed from it.
func (u ID) UnixMilli() int64 {
	t := int64(u.ticks()) - gregorian
	if t < 0 {
		return -((-t + ticksPerMilli - 1) / ticksPerMilli)
	}
	return t / ticksPerMilli
}

// Compare returns -1, 0 or 1 as u is older than, the same as or newer than v. The zero ID is older
// than every id that is made.
func (u ID) Compare(v ID) int {
	a, b := u.Key(), v.Key()
	return bytes.Compare(a[:], b[:])
}

// Before returns the position just before u: no id is between the two.
func (u ID) Before() ID {
	k := u.Key()
	for i := len(k) - 1; i >= 0; i-- {
		if k[i]--; k[i] != 0xff {
			break
		}
	}
	return k.ID()
}

// Key returns the sortable form of u.
func (u ID) Key() Key {
	var k Key
	binary.BigEndian.PutUint64(k[0:], u.ticks())
	// Flipping the sign bit of each byte turns signed order into unsigned order.
	binary.BigEndian.PutUint64(k[8:], u.low()^signFlip)
	return k
}

// ID returns the id of k.
func (k Key) ID() ID {
	return compose(binary.BigEndian.Uint64(k[0:])&maxTicks, binary.BigEndian.Uint64(k[8:])^signFlip)
}

// String returns the canonical lower-case form, 36 characters.
func (u ID) String() string {
	b, _ := u.MarshalText()
	return string(b)
}

// MarshalText implements encoding.TextMarshaler.
func (u ID) MarshalText() ([]byte, error) {
	b := make([]byte, 36)
	hex.Encode(b[0:8], u[0:4])
	b[8] = '-'
	hex.Encode(b[9:13], u[4:6])
	b[13] = '-'
	hex.Encode(b[14:18], u[6:8])
	b[18] = '-'
	hex.Encode(b[19:23], u[8:10])
	b[23] = '-'
	hex.Encode(b[24:36], u[10:16])
	return b, nil
}

// UnmarshalText implements encoding.TextUnmarshaler; see Parse.
func (u *ID) UnmarshalText(text []byte) error {
	v, err := Parse(string(text))
	if err == nil {
		*u = v
	}
	return err
}

// Parse reads the canonical 36-character form, in upper or lower case. It returns ErrInvalid for anything that is not a
// version-1 UUID. Like Cassandra, it does not check the variant bits.
func Parse(s string) (ID, error) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return ID{}, ErrInvalid
	}
	var u ID
	n := 0
	for _, r := range [][2]int{{0, 8}, {9, 13}, {14, 18}, {19, 23}, {24, 36}} {
		m, err := hex.Decode(u[n:], []byte(s[r[0]:r[1]]))
		if err != nil {
			return ID{}, ErrInvalid
		}
		n += m
	}
	return FromBytes(u[:])
}

// FromBytes reads the 16-byte network form, with the same check as Parse.
func FromBytes(b []byte) (ID, error) {
	if len(b) != 16 || b[6]>>4 != 1 {
		return ID{}, ErrInvalid
	}
	return ID(b), nil
}

// FirstAt returns the oldest position of time t: every id of t or later compares as newer or equal, every id before t
// as older. For times outside the range of version-1 UUIDs it returns Min or Max.
func FirstAt(t time.Time) ID {
	sec := t.Unix()
	// Seconds of 1582 and of 5236, the range of version-1 time.
	if sec < -gregorian/ticksPerSecond {
		return Min
	}
	if sec >= (maxTicks-gregorian)/ticksPerSecond {
		return Max
	}
	return compose(ticksOf(t), signFlip)
}

// ticksOf returns t in version-1 time.
func ticksOf(t time.Time) uint64 {
	return uint64(t.Unix()*ticksPerSecond + int64(t.Nanosecond()/100) + gregorian)
}

// SameMaker reports whether u and v were made by one Generator.New, with one node number, or by one Sequence.
func (u ID) SameMaker(v ID) bool { return u.low() == v.low() }
