package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strconv"
)

// listSize is how many rows of a list are read at a time.
const listSize = 100

// path joins segments to a path, each of them escaped.
func path(segments ...string) string {
	p := ""
	for _, s := range segments {
		p += "/" + url.PathEscape(s)
	}
	return p
}

// CreateRoom makes a room, with the client's user as creator and first participant. It is not repeated: after an error that
// IsTemporary the room may be there, and a second call is then a conflict.
func (c *Client) CreateRoom(ctx context.Context, room, banner string) (Room, error) {
	return get[Room](ctx, c, http.MethodPost, path("rooms", room), map[string]*string{"banner": orNull(banner)})
}

// Room returns a room.
func (c *Client) Room(ctx context.Context, room string) (Room, error) {
	return get[Room](ctx, c, http.MethodGet, path("rooms", room), nil)
}

// Rooms goes through all rooms by name, ascending.
func (c *Client) Rooms(ctx context.Context) iter.Seq2[Room, error] {
	return list(ctx, c, path("rooms"), "rooms", func(r Room) string { return r.Name })
}

// Participants goes through all participants of a room by login, ascending.
func (c *Client) Participants(ctx context.Context, room string) iter.Seq2[Person, error] {
	return list(ctx, c, path("rooms", room, "participants"), "participants", func(p Person) string { return p.Login })
}

// SetBanner changes the banner of a room; empty removes it. Only the room's creator may.
func (c *Client) SetBanner(ctx context.Context, room, banner string) (Room, error) {
	return get[Room](ctx, c, http.MethodPatch, path("rooms", room), map[string]*string{"banner": orNull(banner)})
}

// DeleteRoom deletes a room with all its messages. Only the room's creator may.
func (c *Client) DeleteRoom(ctx context.Context, room string) error {
	return c.Call(ctx, http.MethodDelete, path("rooms", room), nil, nil)
}

// Join makes the client's user a participant. Joining twice changes nothing.
func (c *Client) Join(ctx context.Context, room string) error {
	return c.Call(ctx, http.MethodPut, path("rooms", "participant", room), nil, nil)
}

// Leave ends the participation of the client's user. Leaving twice changes nothing.
func (c *Client) Leave(ctx context.Context, room string) error {
	return c.Call(ctx, http.MethodDelete, path("rooms", "participant", room), nil, nil)
}

// MyRooms goes through the rooms that the client's user is in by name, ascending.
func (c *Client) MyRooms(ctx context.Context) iter.Seq2[RoomState, error] {
	return func(yield func(RoomState, error) bool) {
		me, err := c.Me(ctx)
		if err != nil {
			yield(RoomState{}, err)
			return
		}
		list(ctx, c, path("users", me.Login, "rooms"), "rooms", func(s RoomState) string { return s.Name })(yield)
	}
}

// MarkRead moves the read position of the client's user in a room to a message, never back.
func (c *Client) MarkRead(ctx context.Context, room string, message ID) error {
	return c.Call(ctx, http.MethodPut, path("rooms", room, "read"), map[string]ID{"messageId": message}, nil)
}

// MarkUnread marks a message of a room, and all newer ones, as unread for the client's user.
func (c *Client) MarkUnread(ctx context.Context, room string, message ID) error {
	return c.Call(ctx, http.MethodPut, path("rooms", room, "unread"), map[string]ID{"messageId": message}, nil)
}

// Users goes through all users by login, ascending.
func (c *Client) Users(ctx context.Context) iter.Seq2[Person, error] {
	return list(ctx, c, path("users"), "users", func(p Person) string { return p.Login })
}

// User returns the profile of a user.
func (c *Client) User(ctx context.Context, login string) (User, error) {
	return get[User](ctx, c, http.MethodGet, path("users", login), nil)
}

// Me returns the profile of the client's own user.
func (c *Client) Me(ctx context.Context) (User, error) {
	return get[User](ctx, c, http.MethodGet, path("remember-me"), nil)
}

// SignUp makes an account. It needs no credentials, and is repeated no more than CreateRoom is.
func (c *Client) SignUp(ctx context.Context, n NewUser) (User, error) {
	var u User
	_, err := c.call(ctx, request{method: http.MethodPost, path: path("users"), open: true}, n, &u)
	return u, err
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// list goes through a list of the API, which is sorted by key and has its rows as the member rows. An error is the last
// that it yields.
func list[T any](ctx context.Context, c *Client, path, rows string, key func(T) string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for query := (url.Values{"fetchSize": {strconv.Itoa(listSize)}}); ; {
			var page map[string]json.RawMessage
			var some []T
			var more bool
			err := c.Call(ctx, http.MethodGet, path+"?"+query.Encode(), nil, &page)
			if err == nil {
				err = json.Unmarshal(page[rows], &some)
			}
			if err == nil && page["hasMore"] != nil {
				err = json.Unmarshal(page["hasMore"], &more)
			}
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, v := range some {
				if !yield(v, nil) {
					return
				}
				query.Set("after", key(v))
			}
			if !more || len(some) == 0 {
				return
			}
		}
	}
}
