package chat

import (
	"crypto/sha256"
	"encoding/base32"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/confab-chat/confab/pkg/id"
)

// RoomKind says who finds a room and who may join it. It never changes.
type RoomKind string

// The kinds of rooms. Only open rooms have a name that their creator has chosen, and are in the list of rooms.
const (
	OpenRoom    RoomKind = ""
	PrivateRoom RoomKind = "private"
	DirectRoom  RoomKind = "direct"
	GroupRoom   RoomKind = "group"
	ChatRoom    RoomKind = "chatroom"
)

// RoomSettings are what its owner and admins decide about a room. The zero value is that of an open room from before
// there were settings.
type RoomSettings struct {
	Kind         RoomKind `json:"kind,omitzero"`
	Title        string   `json:"title,omitzero"`
	Description  string   `json:"description,omitzero"`
	Custom       string   `json:"custom,omitzero"`
	Avatar       string   `json:"avatar,omitzero"`
	Announcement string   `json:"announcement,omitzero"`
	Owner        string   `json:"owner,omitzero"`      // a login; empty: the creator
	Admins       []string `json:"admins,omitempty"`    // logins, at most MaxAdmins, ascending
	MaxMembers   int      `json:"maxMembers,omitzero"` // 0: no limit
	Between      []string `json:"between,omitempty"`   // the logins of a direct conversation, ascending
	// Modified is when the settings were changed last, in milliseconds since 1970; 0: never, or by an earlier version.
	Modified int64 `json:"modified,omitzero"`

	Public         bool `json:"public,omitzero"`
	Approval       bool `json:"approval,omitzero"`       // joining needs the consent of the owner or an admin
	MembersInvite  bool `json:"membersInvite,omitzero"`  // members may add others too
	ConfirmInvites bool `json:"confirmInvites,omitzero"` // who is invited is asked
	Silent         bool `json:"silent,omitzero"`         // only the owner, admins and who is on WhiteList may post
	Disabled       bool `json:"disabled,omitzero"`       // nobody may post

	// Unknown are settings of a later version. They are kept.
	Unknown jsontext.Value `json:",embed"`
}

// MaxAdmins is how many admins a room may have beside its owner.
const MaxAdmins = 99

// IsZero reports whether s are the settings of an open room about which nothing was decided.
func (s RoomSettings) IsZero() bool { return reflect.DeepEqual(s.normal(), RoomSettings{}) }

// normal has one spelling for no value, so that settings that are stored and read are the same.
func (s RoomSettings) normal() RoomSettings {
	if len(s.Admins) == 0 {
		s.Admins = nil
	}
	if len(s.Between) == 0 {
		s.Between = nil
	}
	if len(s.Unknown) == 0 {
		s.Unknown = nil
	}
	return s
}

// Clone returns a copy that shares nothing with s.
func (s RoomSettings) Clone() RoomSettings {
	s.Admins, s.Between, s.Unknown = slices.Clone(s.Admins), slices.Clone(s.Between), slices.Clone(s.Unknown)
	return s
}

// Document returns the form in which stores keep settings; nil for the zero value.
func (s RoomSettings) Document() ([]byte, error) {
	if s.IsZero() {
		return nil, nil
	}
	return json.Marshal(s.normal(), json.Deterministic(true))
}

// SettingsOf reads what Document has returned.
func SettingsOf(document []byte) (s RoomSettings, err error) {
	if len(document) > 0 {
		err = json.Unmarshal(document, &s)
	}
	if err == nil && len(s.Unknown) > 0 {
		err = s.Unknown.Compact()
	}
	return s.normal(), err
}

// Member is a participant with their place in the order of joining.
type Member struct {
	Person
	// Since orders the members of a room by the time they joined; the creator's is the room's id. Zero: they joined
	// through an earlier version, which did not keep it.
	Since id.ID
}

// JoinedRoom is a room in the order in which a user joined rooms, or was listed in them.
type JoinedRoom struct {
	RoomRef
	Since id.ID
}

// RoomList is a list that a room keeps of people, members or not.
type RoomList string

// The lists of a room.
const (
	MuteList    RoomList = "mute"    // may not post
	WhiteList   RoomList = "white"   // may post in a silent room
	BlockList   RoomList = "block"   // may not join
	InviteList  RoomList = "invited" // were invited
	RequestList RoomList = "asked"   // have asked to join
)

// RoomLists are all lists of a room.
var RoomLists = []RoomList{BlockList, InviteList, MuteList, RequestList, WhiteList}

// Listed is a person on a list of a room.
type Listed struct {
	Login string
	At    id.ID
	Until time.Time // to the millisecond; zero: without an end
	By    string    // the login of who has listed them; empty if that account was erased
	Note  string
}

var madeName = regexp.MustCompile(`^_(?:[0-9]{1,19}|[dx][a-z2-7]{26})$`)

// ValidRoomName reports whether s may be the name of a room: one that was chosen (see ValidName), or one that the server
// has made.
func ValidRoomName(s string) bool { return ValidName(s) || madeName.MatchString(s) }

// RoomNameOf returns the name of a room that has none of its own: "_" and the number of its id. It says nothing about the
// room, and nobody can choose it.
func RoomNameOf(room id.ID) string {
	if n, ok := room.Number(); ok {
		return "_" + strconv.FormatInt(n, 10)
	}
	return "_x" + inName(room[:])
}

// DirectRoomName returns the name of the direct conversation of these logins, in any order: always the same, so that there
// is one. It does not tell the logins to those who do not know them.
func DirectRoomName(t Tenant, logins []string) string {
	sorted := slices.Sorted(slices.Values(logins))
	sum := sha256.Sum256([]byte(string(t) + "\x00" + strings.Join(slices.Compact(sorted), "\x00")))
	return "_d" + inName(sum[:16])
}

// inName spells 16 bytes in 26 characters.
func inName(b []byte) string {
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}
