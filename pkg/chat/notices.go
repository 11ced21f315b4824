package chat

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/confab-chat/confab/pkg/id"
)

// NoticeType says what a system message tells. The texts are part of the API and are stored; more may come.
type NoticeType string

// What system messages tell. Who is the person that it happened to, By the one who did it.
const (
	NoticeJoined       NoticeType = "joined"
	NoticeLeft         NoticeType = "left"
	NoticeRemoved      NoticeType = "removed"
	NoticeBanned       NoticeType = "banned"
	NoticeMuted        NoticeType = "muted"
	NoticeUnmuted      NoticeType = "unmuted"
	NoticeOwner        NoticeType = "owner"  // Who owns the room now
	NoticeAdmin        NoticeType = "admin"  // Who is an admin now
	NoticeMember       NoticeType = "member" // Who is an admin no longer
	NoticeAnnouncement NoticeType = "announcement"
	NoticeRenamed      NoticeType = "renamed" // the room: Text is its new title
	NoticeCreated      NoticeType = "created"
)

// sentences are the English texts of notices, for readers that do not know their data. {who} is the person, {text} the
// text. A sentence does not say by whom.
var sentences = map[NoticeType]string{
	NoticeJoined:       "{who}" + joinsText,
	NoticeLeft:         "{who}" + leavesText,
	NoticeRemoved:      "{who}" + leavesText, // as clients from before know it
	NoticeBanned:       "{who} is banned from the room",
	NoticeMuted:        "{who} is muted",
	NoticeUnmuted:      "{who} is no longer muted",
	NoticeOwner:        "{who} is the owner of the room",
	NoticeAdmin:        "{who} is an admin of the room",
	NoticeMember:       "{who} is no longer an admin of the room",
	NoticeAnnouncement: "the room has a new announcement",
	NoticeRenamed:      "the room is called {text}",
	NoticeCreated:      "the room is created",
}

// Notice is what a system message tells, as data: it is the message's body.
type Notice struct {
	Type NoticeType
	Who  Person // with the names of that time; zero: nobody
	By   Person // zero: nobody, or whoever Who is
	Text string // of NoticeRenamed: the title; of NoticeRemoved: the reason, or empty
}

// noticeBody is the body of a message that is a Notice.
type noticeBody struct {
	Type NoticeType    `json:"type"`
	Who  *noticePerson `json:"who,omitzero"`
	By   *noticePerson `json:"by,omitzero"`
	Text string        `json:"text,omitzero"`
}

type noticePerson struct {
	Login     string `json:"login"`
	FirstName string `json:"firstname"`
	LastName  string `json:"lastname"`
}

func noticed(p Person) *noticePerson {
	if p.Login == "" {
		return nil
	}
	n := noticePerson(p)
	return &n
}

// Message returns the system message that tells n.
func (n Notice) Message(m id.ID) Message {
	body, err := json.Marshal(noticeBody{Type: n.Type, Who: noticed(n.Who), By: noticed(n.By), Text: n.Text})
	if err == nil {
		body, err = canonicalObject(body)
	}
	if err != nil {
		panic("chat: a notice that is no JSON: " + err.Error()) // names and titles are valid UTF-8
	}
	return Message{ID: m, Author: System, System: true, Subject: n.Who.Login, Content: n.Sentence(),
		Payload: Payload{Kind: NoticeKind, Body: body}}
}

// Sentence returns the English text of n, for readers that do not know the data.
func (n Notice) Sentence() string {
	return strings.NewReplacer("{who}", n.Who.FullName(), "{text}", n.Text).Replace(sentences[n.Type])
}

// Notice returns what a system message tells. It is false for other messages, and for those that have only a text: earlier
// versions wrote them.
func (m Message) Notice() (n Notice, ok bool) {
	if m.Kind != NoticeKind || !m.System {
		return n, false
	}
	var b noticeBody
	if err := json.Unmarshal(m.Body, &b); err != nil {
		return n, false
	}
	n.Type, n.Text = b.Type, b.Text
	if b.Who != nil {
		n.Who = Person(*b.Who)
	}
	if b.By != nil {
		n.By = Person(*b.By)
	}
	return n, true
}

// About returns the logins of the users whom a system message names, as far as it says so.
func (m Message) About() (logins []string) {
	n, _ := m.Notice()
	for _, login := range []string{m.Subject, n.Who.Login, n.By.Login} {
		if login != "" && login != ErasedLogin && !slices.Contains(logins, login) {
			logins = append(logins, login)
		}
	}
	return logins
}

// WithoutUser returns a system message without users who are erased, and whether it named one. Messages of earlier versions
// do not say whom they are about: names decide, the full ones that the users are known to have had.
func (m Message) WithoutUser(gone func(login string) bool, names []string) (_ Message, named bool) {
	n, ok := m.Notice()
	switch {
	case ok:
		for _, p := range []*Person{&n.Who, &n.By} {
			if p.Login != "" && gone(p.Login) {
				*p, named = Erased, true
			}
		}
		if !named {
			return m, false
		}
		told := n.Message(m.ID)
		m.Content, m.Payload = told.Content, told.Payload
		if gone(m.Subject) {
			m.Subject = ""
		}
		return m, true
	case m.Subject != "":
		if !gone(m.Subject) {
			return m, false
		}
		m.Content, m.Subject = ErasedText(m.Content, names), ""
		return m, true
	}
	text := WithoutNames(m.Content, names)
	named = text != m.Content
	m.Content = text
	return m, named
}
