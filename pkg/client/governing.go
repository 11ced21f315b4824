package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"
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

// List is a list that a room keeps of people.
type List string

// The lists of a room. Only the first three are set by SetListed.
const (
	MuteList    List = "mute"    // may not post
	WhiteList   List = "white"   // may post in a silent room
	BlockList   List = "block"   // may not join
	InviteList  List = "invited" // were invited
	RequestList List = "asked"   // have asked to join
)

// Listed is somebody on a list of a room.
type Listed struct {
	Login string    `json:"login"`
	Until time.Time `json:"until"` // zero: it has no end
	By    string    `json:"by"`    // the login of who has listed them; empty if that account was erased
	Note  string    `json:"note"`
	At    time.Time `json:"at"`
}

// Listed goes through a list of a room by login, ascending. The owner and admins may.
func (c *Client) Listed(ctx context.Context, room string, l List) iter.Seq2[Listed, error] {
	return list(ctx, c, path("rooms", room, "lists", string(l)), "people", func(p Listed) string { return p.Login })
}

// SetListed puts somebody on a list; until, if it is not zero, ends a mute. Blocking ends the participation.
func (c *Client) SetListed(ctx context.Context, room string, l List, login string, until time.Time, note string) error {
	how := map[string]string{"note": note}
	if !until.IsZero() {
		how["until"] = until.UTC().Format(time.RFC3339Nano)
	}
	return c.Call(ctx, http.MethodPut, path("rooms", room, "lists", string(l), login), how, nil)
}

// Unlist takes somebody off a list: an invitation back, or refuses a request. Doing so twice changes nothing.
func (c *Client) Unlist(ctx context.Context, room string, l List, login string) error {
	return c.Call(ctx, http.MethodDelete, path("rooms", room, "lists", string(l), login), nil, nil)
}

// Invite invites at most 60 people to a room, or nobody.
func (c *Client) Invite(ctx context.Context, room, note string, logins ...string) error {
	return c.Call(ctx, http.MethodPost, path("rooms", room, "invitations"), map[string]any{"logins": logins, "note": note}, nil)
}

// Invitation is a room that the client's user is invited to. Joining accepts it.
type Invitation struct {
	ID    ID        `json:"id"`
	Room  string    `json:"roomName"`
	Kind  RoomKind  `json:"kind"`
	Title string    `json:"title"`
	By    Person    `json:"by"` // empty if that account was deleted
	Note  string    `json:"note"`
	At    time.Time `json:"at"`
}

// Invitations goes through the invitations of the client's user, the newest first.
func (c *Client) Invitations(ctx context.Context) iter.Seq2[Invitation, error] {
	return func(yield func(Invitation, error) bool) {
		me, err := c.Me(ctx)
		for query := (url.Values{}); err == nil; {
			var page struct {
				Invitations []Invitation
				HasMore     bool
			}
			if err = c.Call(ctx, http.MethodGet, path("users", me.Login, "invitations")+"?"+query.Encode(), nil, &page); err != nil {
				break
			}
			for _, i := range page.Invitations {
				if !yield(i, nil) {
					return
				}
				query.Set("before", i.ID.String())
			}
			if !page.HasMore || len(page.Invitations) == 0 {
				return
			}
		}
		yield(Invitation{}, err)
	}
}

// Decline ends an invitation of the client's user. IsNotFound if there is none.
func (c *Client) Decline(ctx context.Context, room string) error {
	me, err := c.Me(ctx)
	if err != nil {
		return err
	}
	return c.Call(ctx, http.MethodDelete, path("users", me.Login, "invitations", room), nil, nil)
}
