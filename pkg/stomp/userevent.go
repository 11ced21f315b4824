package stomp

import (
	"encoding/json"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/live"
)

// userEvent returns the body of an event on a user's own topic, and the event's name for a header.
func (e *encoding) userEvent(d *live.Delivery) (header string, body []byte) {
	type event struct {
		Room    string          `json:"roomName"`
		ID      string          `json:"messageId,omitempty"`
		Back    bool            `json:"markedUnread,omitempty"`
		Muted   *bool           `json:"muted,omitempty"`
		Removed bool            `json:"removed,omitempty"`
		Message json.RawMessage `json:"message,omitempty"`
		Person  json.RawMessage `json:"person,omitempty"`
		Title   string          `json:"title,omitempty"`
		Login   string          `json:"login,omitempty"`
		Role    chat.Role       `json:"role,omitempty"`
		Until   string          `json:"mutedUntil,omitempty"`
	}
	n := event{Room: d.Room}
	change := ""
	switch v := d.Event.(type) {
	case chat.MessagePosted:
		header, n.Message = "message", e.bodies.Message(v.Message)
	case chat.MessageChanged:
		header, change, n.Message = "change", "change:"+string(v.Kind)+"\n", e.bodies.Message(v.Message)
	case chat.ReadMoved:
		header, n.ID, n.Back = "read", v.Read.String(), v.Back
	case chat.MuteChanged:
		header, n.Muted = "mute", &v.Muted
	case chat.ParticipantRenamed:
		header, n.Person = "renamed", e.bodies.Person(v.Person)
	case chat.RoomChanged:
		header, n.Title = "room", v.Settings.Title
	case chat.MemberChanged:
		header, n.Login, n.Role, n.Muted = "member", v.Login, v.Role, &v.Muted
		if !v.Until.IsZero() {
			n.Until = v.Until.UTC().Format("2006-01-02T15:04:05.000Z")
		}
	case chat.Invited:
		header, n.Title, n.Person = "invited", v.Title, e.bodies.Person(v.By)
	case chat.RoomCreated, chat.ParticipantJoined:
		header = "joined"
	case chat.ParticipantLeft:
		header, n.Removed = "left", v.Removed
	case chat.RoomDeleted:
		header = "deleted"
	}
	return "event:" + header + "\n" + change, mustJSON(n)
}
