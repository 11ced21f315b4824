package move

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/inbox"
)

// Version is the version of the files that Export writes. Import reads it and all earlier ones. Version 1 has no
// changes. Version 2 does not say which users were erased, nor whom system messages are about. Version 3 has no entries of
// the directory. Version 4 has no kinds of messages, no data of system messages, and open rooms only: no settings, lists,
// nor the order in which participants joined. Version 5 has no logs of apps and no mailboxes. Version 6 has no files.
const Version = 7

// line is one line of a file. Exactly one member is set.
type line struct {
	Header  *header  `json:"confab,omitzero"`
	User    *user    `json:"user,omitzero"`
	Role    *role    `json:"role,omitzero"`
	Token   *token   `json:"token,omitzero"`
	Entry   *entry   `json:"entry,omitzero"`
	Room    *room    `json:"room,omitzero"`
	Member  *member  `json:"member,omitzero"`
	Message *message `json:"message,omitzero"`
	Change  *change  `json:"change,omitzero"`
	Listed  *listed  `json:"listed,omitzero"`
	// Log begins the messages that an app has sent to users one by one.
	Log *appLog `json:"log,omitzero"`
	// Waiting are messages that wait for an account.
	Waiting *waiting `json:"waiting,omitzero"`
	// Footprint is a room that a user is or was in. It serves to find the user's data.
	Footprint *footprint `json:"footprint,omitzero"`
	// File is a file that somebody sent, and Piece a part of its bytes. Those of a file follow it, in order.
	File  *file  `json:"file,omitzero"`
	Piece *piece `json:"piece,omitzero"`
	End   *end   `json:"end,omitzero"`
}

type header struct {
	Version    int       `json:"version"`
	ExportedAt time.Time `json:"exportedAt"`
	Room       string    `json:"room,omitzero"` // set if the file holds only this room
}

// end counts the lines before it.
type end struct {
	Counts
	Digest string `json:"digest"`
}

type person struct {
	Login     string `json:"login"`
	FirstName string `json:"firstname"`
	LastName  string `json:"lastname"`
}

type user struct {
	Tenant chat.Tenant `json:"tenant"`
	person
	Email        *string   `json:"email,omitzero"`
	Bio          *string   `json:"bio,omitzero"`
	Timezone     *string   `json:"timezone,omitzero"`
	CreatedAt    time.Time `json:"createdAt,omitzero"`
	PasswordHash string    `json:"passwordHash,omitzero"`
	Bot          bool      `json:"bot,omitzero"`
	Disabled     bool      `json:"disabled,omitzero"`
	Deleted      bool      `json:"deleted,omitzero"`
	Erased       bool      `json:"erased,omitzero"`
	Avatar       *avatar   `json:"avatar,omitzero"`
}

type avatar struct {
	Type string `json:"type"`
	Data []byte `json:"data"` // Base64
}

type role struct {
	Tenant chat.Tenant `json:"tenant"`
	Login  string      `json:"login"`
	Role   string      `json:"role"`
}

type token struct {
	Tenant    chat.Tenant `json:"tenant"`
	Login     string      `json:"login"`
	Hash      string      `json:"hash"`
	ExpiresAt time.Time   `json:"expiresAt,omitzero"`

	Kind       auth.TokenKind `json:"kind,omitzero"`
	Bound      bool           `json:"bound,omitzero"`
	Epoch      string         `json:"epoch,omitzero"`
	Name       string         `json:"name,omitzero"`
	Scopes     string         `json:"scopes,omitzero"`
	CreatedAt  time.Time      `json:"createdAt,omitzero"`
	LastUsedAt time.Time      `json:"lastUsedAt,omitzero"`
}

// entry is an organisation, an app, or an account of one of them; see pkg/directory. Its value is as the owner of the space
// keeps it. A client secret in it can be opened only with the key that it was sealed with.
type entry struct {
	Space string         `json:"space"`
	ID    id.ID          `json:"id"`
	Name  string         `json:"name"`
	Value jsontext.Value `json:"value,omitzero"`
	// Text is a value that is no JSON object, as the entries of rooms have. Files of versions before 7 have none.
	Text string `json:"text,omitzero"`
}

func entryOf(e directory.Entry) *entry {
	l := &entry{Space: e.Space, ID: e.ID, Name: e.Name}
	if bytes.HasPrefix(e.Value, []byte("{")) {
		l.Value = e.Value
	} else {
		l.Text = string(e.Value)
	}
	return l
}

func (l *entry) directory() directory.Entry {
	e := directory.Entry{Space: l.Space, ID: l.ID, Name: l.Name, Value: l.Value}
	if l.Text != "" || string(l.Value) == "null" { // what earlier versions wrote for none
		e.Value = []byte(l.Text)
	}
	return e
}

// appLog is the log of an app.
type appLog struct {
	Tenant chat.Tenant `json:"tenant"`
	ID     id.ID       `json:"id"`
}

// waiting is what waits in a mailbox, or a part of it, in the order of arrival.
type waiting struct {
	Tenant chat.Tenant  `json:"tenant"`
	Login  string       `json:"login"`
	Refs   []waitingRef `json:"refs"`
}

type waitingRef struct {
	Log     id.ID        `json:"log"`
	Message id.ID        `json:"message"`
	Reason  inbox.Reason `json:"reason"`
}

func (w *waiting) inbox() []inbox.Ref {
	refs := make([]inbox.Ref, len(w.Refs))
	for i, r := range w.Refs {
		refs[i] = inbox.Ref{Log: r.Log, Message: r.Message, Reason: r.Reason}
	}
	return refs
}

// file is the record of a file; see pkg/files. Its value is as that keeps it.
type file struct {
	Tenant chat.Tenant    `json:"tenant"`
	ID     id.ID          `json:"id"`
	UUID   string         `json:"uuid"`
	Value  jsontext.Value `json:"value"`
	// Elsewhere says that the bytes do not follow: they stay in a bucket, where they have the same keys.
	Elsewhere bool `json:"elsewhere,omitzero"`
}

// piece is a part of the bytes of a file, with those of its thumbnail after them.
type piece struct {
	At   int64  `json:"at"`   // bytes before it
	Data []byte `json:"data"` // Base64
	// Lost says that the rest could not be read.
	Lost bool `json:"lost,omitzero"`
}

type room struct {
	Tenant    chat.Tenant `json:"tenant"`
	ID        id.ID       `json:"id"`
	Name      string      `json:"name"`
	Creator   person      `json:"creator"`
	Banner    *string     `json:"banner,omitzero"`
	CreatedAt time.Time   `json:"createdAt"`
	// CreatorLeft is true if the creator is no longer a participant. The creator of a new room is one.
	CreatorLeft bool `json:"creatorLeft,omitzero"`
	// Retention is in the syntax of chat.ParseRetention. Empty: the room has the server's retention.
	Retention chat.Retention    `json:"retention,omitzero"`
	Settings  chat.RoomSettings `json:"settings,omitzero"`
}

// member is a participant, with the participant's own data about the room.
type member struct {
	person
	Since    id.ID `json:"since,omitzero"` // the place in the order of joining; the creator comes first after an import
	Read     id.ID `json:"read,omitzero"`
	BackTo   id.ID `json:"backTo,omitzero"`
	BackFrom id.ID `json:"backFrom,omitzero"`
	Muted    bool  `json:"muted,omitzero"`
}

type message struct {
	ID        id.ID      `json:"id"`
	Author    person     `json:"author"`
	Content   string     `json:"content"`
	System    bool       `json:"system,omitzero"`
	Subject   string     `json:"subject,omitzero"`
	EditedAt  time.Time  `json:"editedAt,omitzero"`
	Deleted   bool       `json:"deleted,omitzero"`
	ReplyTo   id.ID      `json:"replyTo,omitzero"`
	Reactions []reaction `json:"reactions,omitzero"`
	chat.Payload
}

// change is an entry of the log of changes of a room's messages. Clients that resume from before it need it. The line
// of the message itself holds the result of the change.
type change struct {
	ID      id.ID           `json:"id"`
	Kind    chat.ChangeKind `json:"kind"`
	Message id.ID           `json:"message"`
	By      person          `json:"by"`
}

// listed is a person on a list of the room.
type listed struct {
	List  chat.RoomList `json:"list"`
	Login string        `json:"login"`
	At    id.ID         `json:"at"`
	Until time.Time     `json:"until,omitzero"`
	By    string        `json:"by,omitzero"`
	Note  string        `json:"note,omitzero"`
}

type footprint struct {
	Tenant chat.Tenant `json:"tenant"`
	Login  string      `json:"login"`
	Room   id.ID       `json:"room"`
	Name   string      `json:"name"`
}

type reaction struct {
	Emoji  string   `json:"emoji"`
	Logins []string `json:"logins"`
}

func personOf(p chat.Person) person { return person(p) }
func (p person) chat() chat.Person  { return chat.Person(p) }

func memberOf(p chat.Person, since id.ID, r chat.Reading) *member {
	return &member{person: personOf(p), Since: since, Read: r.Read, BackTo: r.Back.To, BackFrom: r.Back.From, Muted: r.Muted}
}

func (m *member) reading() chat.Reading {
	return chat.Reading{Read: m.Read, Back: chat.Back{To: m.BackTo, From: m.BackFrom}, Muted: m.Muted}
}

func listedOf(list chat.RoomList, l chat.Listed) *listed {
	return &listed{List: list, Login: l.Login, At: l.At, Until: l.Until, By: l.By, Note: l.Note}
}

func (l *listed) chat() chat.Listed {
	return chat.Listed{Login: l.Login, At: l.At, Until: l.Until.UTC(), By: l.By, Note: l.Note}
}

func userOf(t chat.Tenant, u chat.User) *user {
	return &user{Tenant: t, person: personOf(u.Person), Email: u.Email, Bio: u.Bio, Timezone: u.Timezone, CreatedAt: u.CreatedAt,
		PasswordHash: u.PasswordHash, Bot: u.Bot, Disabled: u.Disabled, Deleted: u.Deleted, Erased: u.Erased}
}

func (u *user) chat() chat.User {
	return chat.User{Person: u.person.chat(), Email: u.Email, Bio: u.Bio, Timezone: u.Timezone, CreatedAt: u.CreatedAt.UTC(),
		PasswordHash: u.PasswordHash, Bot: u.Bot, Disabled: u.Disabled, Deleted: u.Deleted, Erased: u.Erased}
}

func tokenOf(a auth.APIToken) *token {
	return &token{Tenant: a.Tenant, Login: a.Login, Hash: hex.EncodeToString(a.Hash[:]), ExpiresAt: a.ExpiresAt,
		Kind: a.Kind, Bound: a.Bound, Epoch: a.Epoch, Name: a.Name, Scopes: a.Scopes, CreatedAt: a.CreatedAt, LastUsedAt: a.LastUsedAt}
}

func (k *token) auth() (auth.APIToken, error) {
	a := auth.APIToken{Tenant: k.Tenant, Login: k.Login, ExpiresAt: k.ExpiresAt.UTC(), Kind: k.Kind, Bound: k.Bound, Epoch: k.Epoch,
		Name: k.Name, Scopes: k.Scopes, CreatedAt: k.CreatedAt.UTC(), LastUsedAt: k.LastUsedAt.UTC()}
	hash, err := hex.DecodeString(k.Hash)
	if err != nil || copy(a.Hash[:], hash) != len(a.Hash) || len(hash) != len(a.Hash) {
		return a, errors.New("the hash of a token has to be 64 hexadecimal digits")
	}
	return a, nil
}

func roomOf(t chat.Tenant, r chat.Room, creatorLeft bool) *room {
	return &room{Tenant: t, ID: r.ID, Name: r.Name, Creator: personOf(r.Creator), Banner: r.Banner, CreatedAt: r.CreatedAt,
		CreatorLeft: creatorLeft, Retention: r.Retention, Settings: r.Settings}
}

func (r *room) chat() chat.Room {
	return chat.Room{ID: r.ID, Name: r.Name, Creator: r.Creator.chat(), Banner: r.Banner, CreatedAt: r.CreatedAt.UTC(),
		Retention: r.Retention, Settings: r.Settings}
}

func messageOf(m chat.Message) *message {
	l := &message{ID: m.ID, Author: personOf(m.Author), Content: m.Content, System: m.System, Subject: m.Subject,
		EditedAt: m.EditedAt, Deleted: m.Deleted, ReplyTo: m.ReplyTo, Payload: m.Payload}
	for _, r := range m.Reactions {
		l.Reactions = append(l.Reactions, reaction(r))
	}
	return l
}

func (m *message) chat() chat.Message {
	c := chat.Message{ID: m.ID, Author: m.Author.chat(), Content: m.Content, System: m.System, Subject: m.Subject,
		EditedAt: m.EditedAt.UTC(), Deleted: m.Deleted, ReplyTo: m.ReplyTo, Payload: m.Payload}
	for _, r := range m.Reactions {
		c.Reactions = append(c.Reactions, chat.Reaction(r))
	}
	return c
}

// changeOf returns the change that an entry of chat.ChangesOf describes; false if it describes none.
func changeOf(entry chat.Message) (*change, bool) {
	kind, m, ok := chat.ParseEntry(entry)
	return &change{ID: entry.ID, Kind: kind, Message: m, By: personOf(entry.Author)}, ok
}

func (c *change) entry() chat.Message {
	return chat.Change{Kind: c.Kind, ID: c.ID, By: c.By.chat()}.Entry(c.Message)
}

// decode reads one line, without its line break.
func decode(b []byte) (line, error) {
	var l line
	if err := json.Unmarshal(b, &l, json.RejectUnknownMembers(true)); err != nil {
		return l, errors.New(unreadable(err))
	}
	if l.kind() == "" {
		return l, errors.New("a line has to hold one thing")
	}
	if l.File != nil && l.File.ID.IsZero() || l.Listed != nil && l.Listed.At.IsZero() || l.Room != nil && l.Room.ID.IsZero() || l.Footprint != nil && l.Footprint.Room.IsZero() || l.Message != nil && l.Message.ID.IsZero() ||
		l.Change != nil && (l.Change.ID.IsZero() || l.Change.Message.IsZero()) {
		return l, errors.New("the id is missing")
	}
	return l, nil
}

// unreadable says in words why a line is not one of an export.
func unreadable(err error) string {
	var value *json.SemanticError
	var text *jsontext.SyntacticError
	switch {
	case errors.As(err, &text):
		return fmt.Sprintf("the line cannot be read: it is no JSON from byte %d on", text.ByteOffset)
	case errors.As(err, &value) && errors.Is(err, json.ErrUnknownName):
		return fmt.Sprintf("the line cannot be read: there is no %s in files of this version", value.JSONPointer)
	case errors.As(err, &value):
		return fmt.Sprintf("the line cannot be read: the value of %s is not one that confab export writes", value.JSONPointer)
	}
	return "the line cannot be read"
}

// kind returns the name of the one member of a line; empty if it has none or several.
func (l line) kind() string {
	kind, n := "", 0
	for _, k := range [...]struct {
		name  string
		there bool
	}{{"header", l.Header != nil}, {"user", l.User != nil}, {"role", l.Role != nil}, {"token", l.Token != nil},
		{"entry", l.Entry != nil},
		{"room", l.Room != nil}, {"member", l.Member != nil}, {"message", l.Message != nil}, {"change", l.Change != nil}, {"listed", l.Listed != nil},
		{"log", l.Log != nil}, {"waiting", l.Waiting != nil}, {"footprint", l.Footprint != nil}, {"file", l.File != nil}, {"piece", l.Piece != nil}, {"end", l.End != nil}} {
		if k.there {
			kind, n = k.name, n+1
		}
	}
	if n != 1 {
		return ""
	}
	return kind
}

// within reports whether a line belongs to the room before it.
func (l line) within() bool {
	return l.Member != nil || l.Message != nil || l.Change != nil || l.Listed != nil
}
