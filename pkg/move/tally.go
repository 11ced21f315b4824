package move

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"math/bits"
	"strings"
)

// Counts is how many lines of each kind there are.
type Counts struct {
	Users  int64 `json:"users"`
	Roles  int64 `json:"roles"`
	Tokens int64 `json:"tokens"`
	// Entries are organisations, apps and their accounts. Files of versions before 4 have none.
	Entries  int64 `json:"entries,omitzero"`
	Rooms    int64 `json:"rooms"`
	Members  int64 `json:"members"`
	Messages int64 `json:"messages"`
	// Changes are the entries of the logs of changes.
	Changes int64 `json:"changes"`
	// Listed are the people on lists of rooms. Files of versions before 5 have none.
	Listed int64 `json:"listed,omitzero"`
	// Logs are the logs of apps, and Waiting the messages that wait for accounts. Files of versions before 6 have none.
	Logs    int64 `json:"logs,omitzero"`
	Waiting int64 `json:"waiting,omitzero"`
	// Footprints are the rooms that users are or were in.
	Footprints int64 `json:"footprints"`
	// Files are those that people sent, and Bytes how much of them is in the file. Files of versions before 7 have none.
	Files int64 `json:"files,omitzero"`
	Bytes int64 `json:"bytes,omitzero"`
}

// differences says in words which of the counts are others than they should be.
func (c Counts) differences(want Counts) string {
	var all []string
	for _, k := range []struct {
		name      string
		got, want int64
	}{{"users", c.Users, want.Users}, {"roles", c.Roles, want.Roles}, {"API tokens", c.Tokens, want.Tokens},
		{"organisations, apps and their accounts", c.Entries, want.Entries}, {"rooms", c.Rooms, want.Rooms},
		{"participants", c.Members, want.Members}, {"messages", c.Messages, want.Messages}, {"changes", c.Changes, want.Changes}, {"people on lists", c.Listed, want.Listed},
		{"logs of apps", c.Logs, want.Logs}, {"waiting messages", c.Waiting, want.Waiting},
		{"rooms that users were in", c.Footprints, want.Footprints}, {"files", c.Files, want.Files}, {"bytes of files", c.Bytes, want.Bytes}} {
		if k.got != k.want {
			all = append(all, fmt.Sprintf("%d %s instead of %d", k.got, k.name, k.want))
		}
	}
	return strings.Join(all, ", ")
}

// tally counts lines and sums their hashes, modulo 2^256. The sum does not depend on the order of lines. It differs if
// a line is missing, doubled, changed or in another room.
type tally struct {
	Counts
	sum  [4]uint64
	room []byte // the key of the room that members, messages and changes belong to
	file []byte // the key of the file that pieces belong to
	hash hash.Hash
}

func newTally() *tally { return &tally{hash: sha256.New()} }

// add counts a line, which is given without its line break.
func (t *tally) add(l line, text []byte) {
	switch {
	case l.User != nil:
		t.Users++
	case l.Role != nil:
		t.Roles++
	case l.Token != nil:
		t.Tokens++
	case l.Entry != nil:
		t.Entries++
	case l.Room != nil:
		t.Rooms++
		t.room = append(append([]byte(l.Room.Tenant+"\x00"), l.Room.ID[:]...), 0)
	case l.Member != nil:
		t.Members++
	case l.Message != nil:
		t.Messages++
	case l.Change != nil:
		t.Changes++
	case l.Listed != nil:
		t.Listed++
	case l.Log != nil:
		t.Logs++
		t.room = append(append([]byte(l.Log.Tenant+"\x00"), l.Log.ID[:]...), 0)
	case l.Waiting != nil:
		t.Waiting += int64(len(l.Waiting.Refs))
	case l.Footprint != nil:
		t.Footprints++
	case l.File != nil:
		t.Files++
		t.file = append(append([]byte(l.File.Tenant+"\x00"), l.File.ID[:]...), 0)
	case l.Piece != nil:
		t.Bytes += int64(len(l.Piece.Data))
	default:
		return // header and end are not counted
	}
	t.hash.Reset()
	switch {
	case l.within():
		t.hash.Write(t.room)
	case l.Piece != nil:
		t.hash.Write(t.file)
	}
	t.hash.Write(text)
	var sum [sha256.Size]byte
	t.hash.Sum(sum[:0])
	carry := uint64(0)
	for i := range t.sum {
		t.sum[i], carry = bits.Add64(t.sum[i], binary.LittleEndian.Uint64(sum[8*i:]), carry)
	}
}

func (t *tally) end() *end {
	var b [sha256.Size]byte
	for i, n := range t.sum {
		binary.LittleEndian.PutUint64(b[8*i:], n)
	}
	return &end{Counts: t.Counts, Digest: hex.EncodeToString(b[:])}
}
