package stomp

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/live/livetest"
)

func TestChangeFrames(t *testing.T) {
	w := livetest.NewWorld()
	n := newNode(t, w, nil, nil)
	room := w.Room("games", "ann", "bob")
	c := n.enter(t, "ann", "/stomp", "games")
	k := n.enter(t, "bob", sockjsPath, "games")
	m := w.Post(n.hub, room, "ann", "one")
	c.messages("s", 1)
	e := w.Edit(room, m.ID, "edited")
	n.hub.Publish(t.Context(), e)
	f := c.messages("s", 2)[1]
	require.True(t, hasAll(f, []string{"destination:/topic/messages/games", "change:edit", "message-id:" + e.Change.String()}))
	var body struct{ MessageID, Content string }
	require.NoError(t, json.Unmarshal(f.body, &body))
	require.Equal(t, m.ID.String(), body.MessageID)
	require.Equal(t, "edited", body.Content)

	// KillrChat's front ends take every frame for a new message, so they receive no frames of changes.
	last := w.Post(n.hub, room, "ann", "two")
	require.Equal(t, []string{"one", "two"}, k.contents("s", 2))
	k.connectAgain(t, n, m.ID.String(), "two")

	// A client that resumes receives changes too, in the order of ids.
	back := n.dial(t, "ann", "/stomp")
	back.connect()
	r := back.follow("s", "/topic/messages/games", "after:"+m.ID.String())
	require.True(t, hasAll(r, []string{"recovered:true"}))
	got := back.messages("s", 2)
	require.True(t, hasAll(got[0], []string{"change:edit", "message-id:" + e.Change.String()}))
	require.True(t, hasAll(got[1], []string{"message-id:" + last.ID.String()}))
	_, changed := got[1].raw("change")
	require.False(t, changed)
	again := n.dial(t, "ann", "/stomp")
	again.connect()
	again.follow("s", "/topic/messages/games", "after:"+e.Change.String())
	require.Equal(t, []string{"two"}, again.contents("s", 1))
}

// connectAgain resumes over SockJS and requires these contents.
func (c *client) connectAgain(t *testing.T, n *node, after string, want ...string) {
	t.Helper()
	k := n.dial(t, "bob", sockjsPath)
	k.connect()
	k.follow("s", "/topic/messages/games", "after:"+after)
	require.Equal(t, want, k.contents("s", len(want)))
}

func TestNewsOfAUser(t *testing.T) {
	w := livetest.NewWorld()
	n, hub := newUserNode(t, w)
	games, other := w.Room("games", "ann", "bob"), w.Room("other", "ann")
	c := n.dial(t, "bob", "/stomp")
	c.connect()
	c.follow("me", "/topic/me")
	m := w.Post(hub, games, "ann", "hello")
	own := w.Post(hub, games, "bob", "own")
	edit := w.Edit(games, m.ID, "edited")
	hub.Publish(t.Context(), edit)
	c.messages("me", 4) // a change is delivered after its message has been read
	hub.Publish(t.Context(), chat.MuteChanged{Place: livetest.At(games), Login: "bob", Muted: true})
	hub.Publish(t.Context(), chat.ParticipantRenamed{Place: livetest.At(games), Person: livetest.Person("ann")})
	w.Join(hub, other, "bob")
	w.Leave(hub, other, "bob")
	w.Join(hub, other, "bob")
	hub.Publish(t.Context(), chat.ParticipantLeft{Place: livetest.At(other), Person: livetest.Person("bob"), Removed: true})
	w.Delete(hub, games)
	of := func(m chat.Message) string { return string(testBodies{"v"}.Message(m)) }
	want := []struct{ event, body string }{
		{"message", `{"roomName":"games","message":` + of(m) + `}`},
		{"message", `{"roomName":"games","message":` + of(own) + `}`},
		{"read", `{"roomName":"games","messageId":"` + own.ID.String() + `"}`},
		{"change", `{"roomName":"games","message":` + of(edit.Message) + `}`},
		{"mute", `{"roomName":"games","muted":true}`},
		{"renamed", `{"roomName":"games","person":` + string(testBodies{"v"}.Person(livetest.Person("ann"))) + `}`},
		{"joined", `{"roomName":"other"}`},
		{"message", ""},
		{"left", `{"roomName":"other"}`},
		{"joined", `{"roomName":"other"}`},
		{"message", ""},
		{"left", `{"roomName":"other","removed":true}`},
		{"deleted", `{"roomName":"games"}`},
	}
	frames := c.messages("me", len(want))
	require.Len(t, frames, len(want))
	for i, x := range want {
		require.True(t, hasAll(frames[i], []string{"destination:/topic/me", "event:" + x.event}), "%d: %v", i, frames[i].headers)
		if x.body != "" {
			require.JSONEq(t, x.body, string(frames[i].body))
		}
	}
	require.True(t, hasAll(frames[3], []string{"change:edit", "message-id:" + edit.Change.String()}))
	// Not at KillrChat's mounts.
	k := n.dial(t, "bob", sockjsPath)
	k.connect()
	k.send("SUBSCRIBE", "id:me", "destination:/topic/me")
	k.frame("ERROR")
}
