package chat_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// spell describes events of all kinds in a short form.
func spell(events []chat.Event) []string {
	out := []string{}
	for _, e := range events {
		switch e := e.(type) {
		case chat.MessagePosted:
			out = append(out, fmt.Sprint("message: ", e.Message.Content, " ", e.Retried))
		case chat.MessageChanged:
			out = append(out, fmt.Sprint(e.Kind, ": ", e.Message.Content, len(e.Message.Reactions)))
		case chat.ReadMoved:
			if e.Back {
				out = append(out, "unread by "+e.Login)
			} else {
				out = append(out, "read by "+e.Login)
			}
		case chat.MuteChanged:
			out = append(out, fmt.Sprint("muted ", e.Muted))
		case chat.RoomCreated:
			out = append(out, "created by "+e.Creator.Login)
		case chat.ParticipantJoined:
			out = append(out, fmt.Sprint("joined: ", e.Person.Login, " ", e.Repeated))
		case chat.ParticipantLeft:
			out = append(out, fmt.Sprint("left: ", e.Person.Login, " ", e.Repeated))
		case chat.RoomDeleted:
			out = append(out, "deleted by "+e.By)
		}
	}
	return out
}

// A change that is stored although the store returned Unavailable is published.
func TestWhatIsStoredIsPublished(t *testing.T) {
	ann, bob := as("ann"), as("bob")
	edit := func(content string) func(context.Context, *world, id.ID) error {
		return func(ctx context.Context, w *world, m id.ID) error {
			_, err := w.EditMessage(ctx, ann, "games", m, &content)
			return err
		}
	}
	for name, c := range map[string]struct {
		call string
		do   func(ctx context.Context, w *world, m id.ID) error
		want string
	}{
		"a message": {"Append", func(ctx context.Context, w *world, _ id.ID) error {
			_, err := w.Post(ctx, ann, "games", chat.NewMessage{Content: new("hi")})
			return err
		}, "message: hi true"},
		"a message with a key": {"AppendOnce", func(ctx context.Context, w *world, _ id.ID) error {
			_, err := w.Post(ctx, ann, "games", chat.NewMessage{Content: new("once"), Key: new("k")})
			return err
		}, "message: once true"},
		"an edit": {"ChangeMessage", edit("edited"), "edit: edited0"},
		"a deletion": {"ChangeMessage", func(ctx context.Context, w *world, m id.ID) error {
			return w.DeleteMessage(ctx, ann, "games", m)
		}, "delete: 0"},
		"a reaction": {"ChangeMessage", func(ctx context.Context, w *world, m id.ID) error {
			_, err := w.React(ctx, bob, "games", m, "👍", true)
			return err
		}, "react: hello1"},
		"a join": {"Join", func(ctx context.Context, w *world, _ id.ID) error {
			return w.Join(ctx, as("eve"), "games", nil)
		}, "joined: eve true"},
		"a removal": {"Leave", func(ctx context.Context, w *world, _ id.ID) error {
			return w.Leave(ctx, ann, "games", new("bob"))
		}, "left: bob true"},
		"a new room": {"CreateRoom", func(ctx context.Context, w *world, _ id.ID) error {
			_, err := w.CreateRoom(ctx, bob, chat.NewRoom{Name: "fresh"})
			return err
		}, "created by bob"},
		"the end of a room": {"DeleteRoom", func(ctx context.Context, w *world, _ id.ID) error {
			return w.DeleteRoom(ctx, ann, "games")
		}, "deleted by ann"},
		"what was read": {"SetRead", func(ctx context.Context, w *world, m id.ID) error {
			return w.MarkRead(ctx, bob, "games", m)
		}, "read by bob"},
		"what is unread": {"SetBack", func(ctx context.Context, w *world, m id.ID) error {
			return w.MarkUnread(ctx, bob, "games", m)
		}, "unread by bob"},
		"a muted room": {"SetMuted", func(ctx context.Context, w *world, _ id.ID) error {
			return w.Mute(ctx, bob, "games", true)
		}, "muted true"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.user("ann")
			w.user("bob")
			w.user("eve")
			w.room("games", ann, bob)
			m := w.post(ann, "games", "hello")
			w.events.takeAll()
			w.store.unsureOf(c.call)
			err := c.do(t.Context(), w, m.ID)
			requireKind(t, chat.Unavailable, err)
			w.store.unsureOf("")
			require.Eventually(t, func() bool { return len(w.events.peek()) > 0 }, 10*time.Second, time.Millisecond)
			require.Equal(t, []string{c.want}, spell(w.events.takeAll()))
		})
	}
}

// A write that takes effect after its caller has given up is found too. One that never does is not published.
func TestWhatIsStoredLateIsPublished(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	w.room("games", ann)
	w.events.takeAll()
	var late atomic.Pointer[chat.Message]
	w.store.onAppend = func(m chat.Message) error {
		if m.Content == "late" {
			late.Store(&m)
		}
		return chat.ErrUnavailable(context.DeadlineExceeded)
	}
	for _, content := range []string{"never", "late"} {
		_, err := w.Post(t.Context(), ann, "games", chat.NewMessage{Content: &content})
		requireKind(t, chat.Unavailable, err)
	}
	require.Empty(t, w.events.takeAll())
	require.NoError(t, w.store.Stores.Append(t.Context(), chat.Log{Tenant: tenant, ID: w.id("games")}, *late.Load()))
	require.Eventually(t, func() bool { return len(w.events.peek()) > 0 }, 10*time.Second, time.Millisecond)
	require.Equal(t, []string{"message: late true"}, spell(w.events.takeAll()))
}

// The outcome of any other error is certain: the service looks for nothing. Nor does a closing service.
func TestACertainFailureIsNotLookedFor(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	w.room("games", ann)
	w.events.takeAll()
	w.store.unsureOf("Append")
	w.Close()
	_, err := w.Post(t.Context(), ann, "games", chat.NewMessage{Content: new("hi")})
	requireKind(t, chat.Unavailable, err)
	require.Empty(t, w.events.takeAll())
}

// A repeated call publishes what an earlier one may have died before publishing.
func TestARepeatedRemovalIsPublished(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.user("ann"), w.user("bob")
	w.room("games", ann, bob)
	w.Close() // nothing looks for unsure changes
	w.events.takeAll()
	w.store.unsureOf("Leave")
	requireKind(t, chat.Unavailable, w.Leave(t.Context(), ann, "games", new("bob")))
	w.store.unsureOf("")
	require.Empty(t, w.events.takeAll())
	require.NoError(t, w.Leave(t.Context(), ann, "games", new("bob")))
	require.Equal(t, []string{"left: bob true"}, spell(w.events.takeAll()))
}

// A deletion that another call has made is published, as that call may have died before it published it.
func TestARepeatedDeletionIsPublished(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	w.room("games", ann)
	w.events.takeAll()
	w.store.on(func(ctx context.Context, call string) error {
		if call != "DeleteRoom" {
			return nil
		}
		r, err := w.store.Stores.Room(ctx, tenant, "games")
		if err == nil {
			err = w.store.Stores.DeleteRoom(ctx, tenant, r)
		}
		return err
	})
	requireKind(t, chat.NotFound, w.DeleteRoom(t.Context(), ann, "games"))
	require.Equal(t, []string{"deleted by ann"}, spell(w.events.takeAll()))
}

// peek returns the events published since the last take.
func (r *recorder) peek() []chat.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.events
}
