package embedded

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// A key is one byte for the table, followed by the columns below. All columns but the last have a fixed size or are
// prefixed with their length, so that no two rows share a key, whatever bytes names contain. The last column is bare:
// rows of one prefix are ordered by its bytes.
const (
	tableMeta         byte = 0x00 // name
	tableUser         byte = 'u'  // tenant, login
	tableDeletedUser  byte = 'U'  // tenant, login
	tableLogin        byte = 'l'  // tenant, chat.LoginKey
	tableRole         byte = 'a'  // tenant, login, role
	tableRoom         byte = 'r'  // tenant, name: open rooms
	tableClosedRoom   byte = 'R'  // tenant, name: rooms of all other kinds, which are in no list of rooms
	tableParticipant  byte = 'p'  // tenant, room, login
	tableRoomOf       byte = 'o'  // tenant, login, room name
	tableListed       byte = 'i'  // tenant, room, list, login
	tableListedIn     byte = 'I'  // tenant, login, list, time of listing in sortable form and room
	tableCount        byte = 'C'  // tenant, room: how many participants it has, if it has or had a limit
	tableJoining      byte = 'P'  // tenant, room, since in sortable form and login: participants by joining
	tableJoined       byte = 'O'  // tenant, login, since in sortable form and room: rooms of a user by joining
	tableMessage      byte = 'm'  // tenant, log, message id in sortable form
	tableFate         byte = 'f'  // tenant, log, message id in sortable form
	tableReading      byte = 'd'  // tenant, login, room
	tableAvatar       byte = 'v'  // tenant, login
	tableFootprint    byte = 'h'  // tenant, login, room id in sortable form
	tableErasure      byte = 'e'  // tenant, login
	tableRename       byte = 'n'  // tenant, login
	tableKey          byte = 'k'  // tenant, log, login, idempotency key
	tableSweep        byte = 'w'  // time, tenant, room
	tableSession      byte = 's'  // hash
	tableSessionOf    byte = 'S'  // tenant, login, hash
	tableRemembered   byte = 'b'  // hash
	tableRememberedOf byte = 'B'  // tenant, login, hash
	tableToken        byte = 't'  // hash
	tableTokenOf      byte = 'T'  // tenant, login, hash
	tableSecret       byte = 'c'  // name
	tableEntry        byte = 'E'  // space, id in sortable form
	tableEntryName    byte = 'N'  // space, name
	tableExpiry       byte = 'x'  // time, key of the row that expires
	tableExport       byte = 'y'  // tenant, export
	tableExportOf     byte = 'Y'  // tenant, room, login, export in sortable form
	tableExportPart   byte = 'z'  // tenant, export, number
	tableAudit        byte = 'A'  // tenant, event in sortable form
	tableJob          byte = 'j'  // tenant, kind, key
	tableJobDue       byte = 'q'  // tenant, time, kind, key
	tableNode         byte = 'L'  // node number
	tableInbox        byte = 'g'  // tenant, login
	tableInboxPage    byte = 'G'  // tenant, login, number
	tableInboxNote    byte = 'H'  // tenant, login, message id in sortable form
)

var errKey = errors.New("embedded: malformed key")

// key is a key, or the beginning of one, being built.
type key []byte

func table(t byte) key { return append(make(key, 0, 96), t) }

// tenant, text and room add columns that further ones may follow.
func (k key) tenant(t chat.Tenant) key { return k.text(string(t)) }
func (k key) text(s string) key        { return append(binary.AppendUvarint(k, uint64(len(s))), s...) }
func (k key) id(u id.ID) key           { return append(k, u[:]...) }

// time adds a moment, to the millisecond. The order of the bytes is that of time.
func (k key) time(t time.Time) key {
	return binary.BigEndian.AppendUint64(k, uint64(t.UnixMilli())^(1<<63))
}

// last adds the last column, in a copy: several keys may be made from one prefix.
func (k key) last(s string) key        { return append(k[:len(k):len(k)], s...) }
func (k key) lastHash(h auth.Hash) key { return append(k[:len(k):len(k)], h[:]...) }
func (k key) lastID(u id.ID) key       { s := u.Key(); return append(k[:len(k):len(k)], s[:]...) }

// after returns the first key after k: a read that excludes k starts there.
func (k key) after() key { return append(k[:len(k):len(k)], 0) }

// end returns the first key that does not begin with k. There always is one, as no
// table is 0xff.
func (k key) end() key {
	e := append(key(nil), k...)
	for i := len(e) - 1; ; i-- {
		if e[i] != math.MaxUint8 {
			e[i]++
			return e[:i+1]
		}
	}
}

func userKey(t chat.Tenant, login string) key { return table(tableUser).tenant(t).last(login) }
func roomKey(t chat.Tenant, name string) key  { return table(tableRoom).tenant(t).last(name) }
func closedRoomKey(t chat.Tenant, name string) key {
	return table(tableClosedRoom).tenant(t).last(name)
}

// keyOfRoom is where the room is.
func keyOfRoom(t chat.Tenant, r chat.Room) key {
	if r.Settings.Kind == chat.OpenRoom {
		return roomKey(t, r.Name)
	}
	return closedRoomKey(t, r.Name)
}

func participantsOf(t chat.Tenant, room id.ID) key {
	return table(tableParticipant).tenant(t).id(room)
}

func roomsOf(t chat.Tenant, login string) key {
	return table(tableRoomOf).tenant(t).text(login)
}

func countKey(t chat.Tenant, room id.ID) key { return table(tableCount).tenant(t).id(room) }

func listsOf(t chat.Tenant, room id.ID) key { return table(tableListed).tenant(t).id(room) }

func listedOf(t chat.Tenant, room id.ID, list chat.RoomList) key {
	return listsOf(t, room).text(string(list))
}

func listedIn(t chat.Tenant, login string, list chat.RoomList) key {
	return table(tableListedIn).tenant(t).text(login).text(string(list))
}

func joiningOf(t chat.Tenant, room id.ID) key  { return table(tableJoining).tenant(t).id(room) }
func joinedBy(t chat.Tenant, login string) key { return table(tableJoined).tenant(t).text(login) }

func messagesOf(l chat.Log) key { return table(tableMessage).tenant(l.Tenant).id(l.ID) }
func fatesOf(l chat.Log) key    { return table(tableFate).tenant(l.Tenant).id(l.ID) }
func keysOf(l chat.Log) key     { return table(tableKey).tenant(l.Tenant).id(l.ID) }

func readingsOf(t chat.Tenant, login string) key { return table(tableReading).tenant(t).text(login) }
func avatarKey(t chat.Tenant, login string) key  { return table(tableAvatar).tenant(t).last(login) }

func expiryKey(at time.Time, row []byte) key {
	return append(table(tableExpiry).time(at), row...)
}

// columns parses keys. err is the first error.
type columns struct {
	rest []byte
	err  error
}

func (c *columns) take(n int) []byte {
	if c.err != nil || n > len(c.rest) {
		c.err = errKey
		return make([]byte, min(n, 64))
	}
	b := c.rest[:n]
	c.rest = c.rest[n:]
	return b
}

func (c *columns) text() string {
	n, size := binary.Uvarint(c.rest)
	if size <= 0 || n > uint64(len(c.rest)-size) {
		c.err = errKey
		return ""
	}
	c.take(size)
	return string(c.take(int(n)))
}

func (c *columns) id() id.ID { return id.ID(c.take(16)) }

func (c *columns) time() time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(c.take(8)) ^ (1 << 63))).UTC()
}
