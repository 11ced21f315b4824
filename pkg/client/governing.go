package client

import (
	"context"
	"net/http"
)

// RoomKind says who finds a room and who may join it. There may be more kinds than these.
type RoomKind string

// The kinds of rooms. Everybody finds and may join open ones; a private one is for those who were added or invited, a
// direct conversation for the same people always. Groups and chat rooms are those of the platform's apps.
const (
	OpenRoom    RoomKind = "open"
	PrivateRoom RoomKind = "private"
	DirectRoom  RoomKind = "direct"
	GroupRoom   RoomKind = "group"
	ChatRoom    RoomKind = "chatroom"
)

// NewPrivateRoom is a private room to make. It needs a Title; the server makes its name.
type NewPrivateRoom struct {
	Title         string `json:"title"`
	Description   string `json:"description,omitempty"`
	MembersInvite bool   `json:"membersInvite,omitempty"` // all participants may add and invite others
}

// RoomChange is a change of a room. It leaves alone what is nil. An empty text removes what is there.
type RoomChange struct {
	Banner        *string `json:"banner,omitempty"`
	Title         *string `json:"title,omitempty"`
	Description   *string `json:"description,omitempty"`
	Announcement  *string `json:"announcement,omitempty"`
	Silent        *bool   `json:"silent,omitempty"`
	MembersInvite *bool   `json:"membersInvite,omitempty"`
}

// Converse returns the direct conversation of the client's user with 1 to 9 others, and makes it if there is none. Calling
// it once more returns the same one.
func (c *Client) Converse(ctx context.Context, logins ...string) (Room, error) {
	return get[Room](ctx, c, http.MethodPost, path("conversations"), map[string][]string{"logins": logins})
}

// CreatePrivateRoom makes a private room, with the client's user as owner and first participant. It is repeated no more
// than CreateRoom is; after an error that IsTemporary there may be a room of which the program knows no name.
func (c *Client) CreatePrivateRoom(ctx context.Context, n NewPrivateRoom) (Room, error) {
	return get[Room](ctx, c, http.MethodPost, path("rooms"), struct {
		Kind RoomKind `json:"kind"`
		NewPrivateRoom
	}{PrivateRoom, n})
}

// ChangeRoom changes a room. Its owner and admins may; who may invite others is the owner's.
func (c *Client) ChangeRoom(ctx context.Context, room string, change RoomChange) (Room, error) {
	return get[Room](ctx, c, http.MethodPatch, path("rooms", room), change)
}

// Capabilities returns what the client's user may do in a room now, in the words of the description of the API: "post a
// message", for example.
func (c *Client) Capabilities(ctx context.Context, room string) ([]string, error) {
	a, err := get[struct{ Actions []string }](ctx, c, http.MethodGet, path("rooms", room, "capabilities"), nil)
	return a.Actions, err
}

// HandOver makes another participant the owner of a room. Only the owner may.
func (c *Client) HandOver(ctx context.Context, room, login string) (Room, error) {
	return get[Room](ctx, c, http.MethodPut, path("rooms", room, "owner"), map[string]string{"login": login})
}

// SetAdmin makes a participant an admin of a room, or an ordinary participant. Only the owner may.
func (c *Client) SetAdmin(ctx context.Context, room, login string, on bool) error {
	method := http.MethodPut
	if !on {
		method = http.MethodDelete
	}
	return c.Call(ctx, method, path("rooms", room, "admins", login), nil, nil)
}

// Add makes somebody a participant of a room. Adding twice changes nothing.
func (c *Client) Add(ctx context.Context, room, login string) error {
	return c.Call(ctx, http.MethodPut, path("rooms", room, "participants", login), nil, nil)
}

// Remove ends somebody's participation. Removing twice changes nothing.
func (c *Client) Remove(ctx context.Context, room, login string) error {
	return c.Call(ctx, http.MethodDelete, path("rooms", room, "participants", login), nil, nil)
}
