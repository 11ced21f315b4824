package chatapi

import (
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/confab-chat/confab/pkg/chat"
)

// form is how a mount spells what both mounts say.
type form struct {
	date string // layout of dates, always in UTC
	// full says that messages show what has happened to them, and rooms how long they keep them. Others have the members of KillrChat's, with the present text.
	full bool
}

var (
	plainForm = form{date: "2006-01-02 15:04:05"}
	isoForm   = form{date: "2006-01-02T15:04:05.000Z", full: true}
)

func (f form) time(t time.Time) string { return t.UTC().Format(f.date) }

type person struct {
	Login     string `json:"login"`
	FirstName string `json:"firstname"`
	LastName  string `json:"lastname"`
}

type user struct {
	Login     string   `json:"login"`
	FirstName string   `json:"firstname"`
	LastName  string   `json:"lastname"`
	Email     *string  `json:"email"`
	Bio       *string  `json:"bio"`
	ChatRooms []string `json:"chatRooms"`

	Timezone **string `json:"timezone,omitzero"` // absent from the plain mounts; null means UTC
}

type room struct {
	Name         string   `json:"roomName"`
	Creator      person   `json:"creator"`
	Banner       *string  `json:"banner"`
	Participants []person `json:"participants"`
	CreationDate string   `json:"creationDate"`

	Count     *int       `json:"participantCount,omitzero"`
	Retention *retention `json:"retention,omitzero"`
	*settings            // of v1
}

// settings is what v1 shows of a room beside what KillrChat has.
type settings struct {
	Kind          string   `json:"kind"`
	Title         *string  `json:"title"`
	Description   string   `json:"description"`
	Announcement  string   `json:"announcement"`
	Owner         *string  `json:"owner"` // null: there is none, or it is not shown
	Admins        []string `json:"admins"`
	Silent        bool     `json:"silent"`
	MembersInvite bool     `json:"membersInvite"`

	Between []person `json:"between,omitempty"`
}

const openKind = "open"

// kindName spells the kind of a room.
func kindName(k chat.RoomKind) string {
	if k == chat.OpenRoom {
		return openKind
	}
	return string(k)
}

// kindOf is kindName backwards. A room whose kind is not said is an open one.
func kindOf(name *string) chat.RoomKind {
	if name == nil || *name == openKind {
		return chat.OpenRoom
	}
	return chat.RoomKind(*name)
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func settingsOf(r chat.RoomView) *settings {
	s := r.Settings
	out := &settings{Kind: kindName(s.Kind), Title: orNull(s.Title), Description: s.Description, Announcement: s.Announcement,
		Owner: orNull(r.Owner()), Admins: append([]string{}, s.Admins...), Silent: s.Silent, MembersInvite: s.MembersInvite}
	if s.Kind == chat.DirectRoom {
		out.Between = peopleOf(r.Participants)
	}
	return out
}

// retention is how long messages are kept: what the room says, and what comes of it.
type retention struct {
	Setting string `json:"setting"`
	Seconds *int64 `json:"seconds"` // null: for ever
}

func retentionOf(r chat.RoomView) *retention {
	out := &retention{Setting: r.Retention.String()}
	if r.Keep > 0 {
		out.Seconds = new(int64(r.Keep / time.Second))
	}
	return out
}

type message struct {
	ID           string `json:"messageId"`
	Author       person `json:"author"`
	Content      string `json:"content"`
	System       bool   `json:"systemMessage"`
	CreationDate string `json:"creationDate"`

	EditedAt  string     `json:"editedAt,omitempty"`
	Deleted   bool       `json:"deleted,omitzero"`
	ReplyTo   string     `json:"replyTo,omitempty"`
	Reactions []reaction `json:"reactions,omitempty"`
	chat.Payload
}

type reaction struct {
	Emoji  string   `json:"emoji"`
	Logins []string `json:"logins"`
	Count  int      `json:"count"`
}

// shownLogins bounds the logins shown of one reaction.
const shownLogins = 50

// deletedText is the content of a deleted message where the format has no member for the deletion.
const deletedText = "(deleted)"

func personOf(p chat.Person) person { return person(p) }

func peopleOf(ps []chat.Person) []person {
	out := make([]person, len(ps))
	for i, p := range ps {
		out[i] = personOf(p)
	}
	return out
}

func (f form) user(u chat.UserView) user {
	if f.full {
		u = u.Bounded()
	} else {
		u.ChatRooms = slices.DeleteFunc(slices.Clone(u.ChatRooms), func(room string) bool { return !chat.Chosen(room) })
	}
	out := user{Login: u.Login, FirstName: u.FirstName, LastName: u.LastName,
		Email: u.Email, Bio: u.Bio, ChatRooms: u.ChatRooms}
	if f.full {
		out.Timezone = &u.Timezone
	}
	return out
}

func (f form) room(r chat.RoomView) room {
	if f.full {
		r = r.Bounded()
	}
	out := room{Name: r.Name, Creator: personOf(r.Creator), Banner: r.Banner,
		Participants: peopleOf(r.Participants), CreationDate: f.time(r.CreatedAt)}
	if f.full {
		out.Retention, out.Count, out.settings = retentionOf(r), &r.Count, settingsOf(r)
	}
	return out
}

func (f form) rooms(rs []chat.RoomView) []room {
	out := make([]room, len(rs))
	for i, r := range rs {
		out[i] = f.room(r)
	}
	return out
}

func (f form) message(m chat.Message) message {
	out := message{ID: m.ID.String(), Author: personOf(m.Author), Content: m.Content,
		System: m.System, CreationDate: f.time(m.CreatedAt())}
	if !f.full {
		if m.Deleted {
			out.Content = deletedText
		}
		return out
	}
	out.Deleted, out.Payload = m.Deleted, chat.Payload{Kind: m.Kind, Body: m.Body, Ext: m.Ext}
	if !m.EditedAt.IsZero() {
		out.EditedAt = f.time(m.EditedAt)
	}
	if !m.ReplyTo.IsZero() {
		out.ReplyTo = m.ReplyTo.String()
	}
	for _, r := range m.Reactions {
		out.Reactions = append(out.Reactions, reaction{Emoji: r.Emoji, Count: len(r.Logins),
			Logins: r.Logins[:min(len(r.Logins), shownLogins)]})
	}
	return out
}

func (f form) messages(ms []chat.Message) []message {
	out := make([]message, len(ms))
	for i, m := range ms {
		out[i] = f.message(m)
	}
	return out
}

// Encoder spells what real-time channels carry as one of the mounts does.
type Encoder struct{ form form }

// Encoders of the KillrChat mounts and of v1.
var (
	Plain = Encoder{plainForm}
	ISO   = Encoder{isoForm}
)

// Message returns the JSON of a message as pages of the mount show it.
func (e Encoder) Message(m chat.Message) []byte { return encode(e.form.message(m)) }

// Person returns the JSON of a person.
func (e Encoder) Person(p chat.Person) []byte { return encode(personOf(p)) }

// encode writes JSON. The shapes above hold strings, which the domain keeps valid, so it cannot fail; broken
// UTF-8 that found its way into a store is spelled with replacement characters.
func encode(v any) []byte {
	b, err := json.Marshal(v, lenient)
	if err != nil {
		panic("chatapi: a shape that cannot be encoded: " + err.Error())
	}
	return b
}
