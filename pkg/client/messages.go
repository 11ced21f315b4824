package client

import (
	"context"
	"crypto/rand"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/confab-chat/confab/pkg/id"
)

// pageSize is how many messages or changes are read at a time: the most that a server gives.
const pageSize = 200

// PostOption configures a post.
type PostOption func(*post)

type post struct {
	Content string `json:"content,omitzero"`
	ReplyTo ID     `json:"replyTo,omitzero"`
	Kind    string `json:"kind,omitzero"`
	Body    any    `json:"body,omitzero"`
	Ext     any    `json:"ext,omitzero"`
	key     string
}

// As makes the message one of another kind: image, file, audio, video, location, custom or command. The body becomes a JSON
// object; the description of the API says which members each kind has. The content is left empty, as the server makes it; only
// a custom message may have one.
func As(kind string, body any) PostOption { return func(p *post) { p.Kind, p.Body = kind, body } }

// Ext adds what clients agree on among themselves. It becomes a JSON object.
func Ext(ext any) PostOption { return func(p *post) { p.Ext = ext } }

// ReplyTo makes the message an answer to another one of the room.
func ReplyTo(message ID) PostOption { return func(p *post) { p.ReplyTo = message } }

// Key sets the Idempotency-Key, of 1 to 255 printable ASCII characters. However often a user posts in a room with one key
// within 7 days, also from several programs, there is one message. The same key with another content is a conflict. Without
// this option each call of Post has a key of its own.
func Key(key string) PostOption { return func(p *post) { p.key = key } }

// Post posts a message and returns it as it is stored. It is repeated when an answer is lost, and there is one message
// nevertheless. After an error that IsTemporary it may be stored; to find out, call Post again with the same Key.
func (c *Client) Post(ctx context.Context, room, content string, options ...PostOption) (Message, error) {
	p := post{Content: content, key: rand.Text()}
	for _, o := range options {
		o(&p)
	}
	r := request{method: http.MethodPost, path: path("messages", room), header: http.Header{"Idempotency-Key": {p.key}}}
	var m Message
	_, err := c.call(ctx, r, p, &m)
	return m, err
}

// Message returns a message.
func (c *Client) Message(ctx context.Context, room string, message ID) (Message, error) {
	return get[Message](ctx, c, http.MethodGet, path("messages", room, message.String()), nil)
}

// Edit replaces the content of a message. Only its author may.
func (c *Client) Edit(ctx context.Context, room string, message ID, content string) (Message, error) {
	return get[Message](ctx, c, http.MethodPatch, path("messages", room, message.String()), map[string]string{"content": content})
}

// DeleteMessage deletes a message permanently; it keeps its place. Its author and the room's creator may.
func (c *Client) DeleteMessage(ctx context.Context, room string, message ID) error {
	return c.Call(ctx, http.MethodDelete, path("messages", room, message.String()), nil, nil)
}

// React puts a reaction of the client's user to a message, or takes it back.
func (c *Client) React(ctx context.Context, room string, message ID, emoji string, on bool) (Message, error) {
	method := http.MethodPut
	if !on {
		method = http.MethodDelete
	}
	return get[Message](ctx, c, method, path("messages", room, message.String(), "reactions", emoji), nil)
}

// MessagesBefore goes back through a room, from the newest message older than the position on, newest first. The zero
// position means the newest message. Positions need not be ids of messages that exist. Nothing is left out or doubled while
// others post. An error is the last that it yields.
func (c *Client) MessagesBefore(ctx context.Context, room string, position ID) iter.Seq2[Message, error] {
	return c.messages(ctx, room, "before", position)
}

// MessagesAfter goes forward through a room, from the oldest message newer than the position on, oldest first, up to what
// is the newest message when it gets there. The zero position means the beginning. See MessagesBefore.
func (c *Client) MessagesAfter(ctx context.Context, room string, position ID) iter.Seq2[Message, error] {
	if position.IsZero() {
		position = id.Min
	}
	return c.messages(ctx, room, "after", position)
}

// page is some messages of a room, oldest first.
type page struct {
	Messages []Message `json:"messages"`
	HasMore  bool      `json:"hasMore"`
}

func (c *Client) messages(ctx context.Context, room, direction string, position ID) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for {
			p, err := c.page(ctx, room, direction, position)
			if err != nil {
				yield(Message{}, err)
				return
			}
			if direction == "before" {
				slices.Reverse(p.Messages)
			}
			for _, m := range p.Messages {
				if !yield(m, nil) {
					return
				}
				position = m.ID
			}
			if !p.HasMore || len(p.Messages) == 0 {
				return
			}
		}
	}
}

// page reads the page before or after a position; without one, the newest.
func (c *Client) page(ctx context.Context, room, direction string, position ID) (page, error) {
	query := url.Values{"fetchSize": {strconv.Itoa(pageSize)}}
	if !position.IsZero() {
		query.Set(direction, position.String())
	}
	return get[page](ctx, c, http.MethodGet, path("messages", room)+"?"+query.Encode(), nil)
}

// changesPage is some changes of a room, oldest first. One that has more may be empty; Next is where the next begins.
type changesPage struct {
	Changes []struct {
		ID      ID      `json:"changeId"`
		Kind    Kind    `json:"kind"`
		Message Message `json:"message"`
	} `json:"changes"`
	HasMore bool `json:"hasMore"`
	Next    ID   `json:"next"`
}

func (c *Client) changes(ctx context.Context, room string, after ID) (changesPage, error) {
	query := url.Values{"fetchSize": {strconv.Itoa(pageSize)}, "after": {after.String()}}
	return get[changesPage](ctx, c, http.MethodGet, path("messages", room, "changes")+"?"+query.Encode(), nil)
}
