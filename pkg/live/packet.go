package live

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// packet is a message between nodes. It is sent as JSON, and a receiver ignores unknown members and kinds. Nodes of
// different versions therefore understand each other.
type packet struct {
	Node string     `json:"node"`
	Seq  uint64     `json:"seq"` // of this packet; of a beat: of the last packet before it
	At   int64      `json:"at"`  // the sender's clock, ms
	Kind packetKind `json:"kind"`
	// Started is when the sender started, by its clock, ms.
	Started int64 `json:"started"`

	Events   []wireEvent       `json:"events,omitempty"`
	Signal   string            `json:"signal,omitempty"`
	Key      string            `json:"key,omitempty"`
	Presence []PresenceChanged `json:"presence,omitempty"`
	More     bool              `json:"more,omitempty"` // the next packet has more of the presence
	To       string            `json:"to,omitempty"`   // the node it is for; empty: all nodes
	Ask      uint64            `json:"ask,omitempty"`
	Body     []byte            `json:"body,omitempty"`
	Yes      bool              `json:"yes,omitempty"`
}

type packetKind string

const (
	packetBeat     packetKind = "beat"
	packetHello    packetKind = "hello" // asks all nodes, or To, for their presence
	packetBye      packetKind = "bye"
	packetEvents   packetKind = "events"
	packetSignal   packetKind = "signal"
	packetPresence packetKind = "presence" // the complete presence of a node
	packetAsk      packetKind = "ask"
	packetAnswer   packetKind = "answer"
)

// wireMissed is the type of an event that was too large for the bus. Subscribers receive it through a repair that
// begins at At.
const wireMissed = "missed"

// wireEvent is a chat.Event as it is sent.
type wireEvent struct {
	Type    string       `json:"type"`
	Tenant  chat.Tenant  `json:"tenant"`
	Room    id.ID        `json:"room"`
	Name    string       `json:"name"`
	Message *wireMessage `json:"message,omitempty"`
	Person  *chat.Person `json:"person,omitempty"`
	Login   string       `json:"login,omitempty"`
	On      bool         `json:"on,omitempty"`
	At      *id.ID       `json:"at,omitempty"` // a change, or a read position
	Change  string       `json:"change,omitempty"`
	Retried bool         `json:"retried,omitempty"`
	// Settings are a room's, as chat.RoomSettings.Document spells them.
	Settings json.RawMessage `json:"settings,omitempty"`
	Title    string          `json:"title,omitempty"`
	Role     chat.Role       `json:"role,omitempty"`
	Until    time.Time       `json:"until,omitzero"`
}

// wireMessage is a chat.Message as it is sent. Fields that most messages do not have are omitted when empty.
type wireMessage struct {
	ID      id.ID
	Author  chat.Person
	Content string
	chat.Payload
	System    bool
	Subject   string            `json:"-"`
	EditedAt  time.Time         `json:",omitzero"`
	Deleted   bool              `json:",omitzero"`
	ReplyTo   id.ID             `json:",omitzero"`
	Reactions []chat.Reaction   `json:",omitempty"`
	Withdrawn []chat.ReactionBy `json:"-"`
}

func wireOf(m chat.Message) *wireMessage { w := wireMessage(m); return &w }

var errUnknownEvent = errors.New("live: unknown event")

func toWire(e chat.Event) (wireEvent, error) {
	t, r := e.Where()
	w := wireEvent{Tenant: t, Room: r.ID, Name: r.Name}
	switch e := e.(type) {
	case chat.MessagePosted:
		w.Type, w.Message, w.Retried = "posted", wireOf(e.Message), e.Retried
	case chat.ParticipantJoined:
		w.Type, w.Person, w.Retried = "joined", &e.Person, e.Repeated
	case chat.ParticipantLeft:
		w.Type, w.Person, w.Retried, w.On = "left", &e.Person, e.Repeated, e.Removed
	case chat.RoomDeleted:
		w.Type, w.Login = "deleted", e.By
	case chat.MessageChanged:
		w.Type, w.Message, w.At, w.Change = "changed", wireOf(e.Message), &e.Change, string(e.Kind)
	case chat.ReadMoved:
		w.Type, w.Login, w.At, w.On = "read", e.Login, &e.Read, e.Back
	case chat.MuteChanged:
		w.Type, w.Login, w.On = "mute", e.Login, e.Muted
	case chat.RoomCreated:
		w.Type, w.Person = "created", &e.Creator
	case chat.ParticipantRenamed:
		w.Type, w.Person = "renamed", &e.Person
	case chat.RoomChanged:
		doc, err := e.Settings.Document()
		if err != nil {
			return w, err
		}
		w.Type, w.Settings = "room", doc
	case chat.MemberChanged:
		w.Type, w.Login, w.Role, w.On, w.Until = "member", e.Login, e.Role, e.Muted, e.Until
	case chat.Invited:
		w.Type, w.Login, w.Title, w.Person = "invited", e.Login, e.Title, &e.By
	case PresenceChanged:
		w.Type, w.Login, w.On = "presence", e.Login, e.Online
	case TypingChanged:
		w.Type, w.Login, w.On = "typing", e.Login, e.Typing
	default:
		return w, errUnknownEvent
	}
	return w, nil
}

func (w wireEvent) event() (chat.Event, error) {
	p := chat.Place{Tenant: w.Tenant, Room: chat.RoomRef{ID: w.Room, Name: w.Name}}
	switch {
	case w.Type == "posted" && w.Message != nil:
		return chat.MessagePosted{Place: p, Message: chat.Message(*w.Message), Retried: w.Retried}, nil
	case w.Type == "joined" && w.Person != nil:
		return chat.ParticipantJoined{Place: p, Person: *w.Person, Repeated: w.Retried}, nil
	case w.Type == "left" && w.Person != nil:
		return chat.ParticipantLeft{Place: p, Person: *w.Person, Repeated: w.Retried, Removed: w.On}, nil
	case w.Type == "changed" && w.Message != nil && w.At != nil:
		return chat.MessageChanged{Place: p, Change: *w.At, Kind: chat.ChangeKind(w.Change), Message: chat.Message(*w.Message)}, nil
	case w.Type == "read" && w.At != nil:
		return chat.ReadMoved{Place: p, Login: w.Login, Read: *w.At, Back: w.On}, nil
	case w.Type == "mute":
		return chat.MuteChanged{Place: p, Login: w.Login, Muted: w.On}, nil
	case w.Type == "created" && w.Person != nil:
		return chat.RoomCreated{Place: p, Creator: *w.Person}, nil
	case w.Type == "renamed" && w.Person != nil:
		return chat.ParticipantRenamed{Place: p, Person: *w.Person}, nil
	case w.Type == "room":
		settings, err := chat.SettingsOf(w.Settings)
		return chat.RoomChanged{Place: p, Settings: settings}, err
	case w.Type == "member":
		return chat.MemberChanged{Place: p, Login: w.Login, Role: w.Role, Muted: w.On, Until: w.Until}, nil
	case w.Type == "invited" && w.Person != nil:
		return chat.Invited{Place: p, Login: w.Login, Title: w.Title, By: *w.Person}, nil
	case w.Type == "deleted":
		return chat.RoomDeleted{Place: p, By: w.Login}, nil
	case w.Type == "presence":
		return PresenceChanged{Place: p, Login: w.Login, Online: w.On}, nil
	case w.Type == "typing":
		return TypingChanged{Place: p, Login: w.Login, Typing: w.On}, nil
	}
	return nil, errUnknownEvent
}

// encode returns the packet as JSON. It does not escape HTML's special characters: escaped, each takes six bytes.
func (p packet) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(p)
	return b.Bytes(), err
}

// smaller splits p into shorter packets with the same content. It returns none if p cannot be split.
func (p packet) smaller() []packet {
	first, second := p, p
	switch n := len(p.Events); {
	case n > 1:
		first.Events, second.Events = p.Events[:n/2], p.Events[n/2:]
	case n == 1 && p.Events[0].Message != nil:
		first.Events = []wireEvent{p.Events[0].missed()}
		return []packet{first}
	case len(p.Presence) > 1:
		n = len(p.Presence)
		first.Presence, second.Presence = p.Presence[:n/2], p.Presence[n/2:]
		first.More = true
	default:
		return nil
	}
	return []packet{first, second}
}

// missed returns an event that has only the id of a message or of its change. Receivers read it from the store.
func (w wireEvent) missed() wireEvent {
	at := w.Message.ID
	if w.At != nil {
		at = *w.At
	}
	return wireEvent{Type: wireMissed, Tenant: w.Tenant, Room: w.Room, Name: w.Name, At: &at}
}

func decodePacket(data []byte) (packet, error) {
	var p packet
	err := json.Unmarshal(data, &p)
	return p, err
}
