package live_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/live/livetest"
)

// The first call died before it published: the repeated one ends the subscriptions, and no subscriber receives it
// twice.
func TestARepeatedLeaveEndsWhatGoesOn(t *testing.T) {
	w := livetest.NewWorld()
	_, a, b, _, _ := pair(t, w)
	games := w.Room("games", "ann", "bob")
	bob, _ := listen(t, b, "bob", "games", live.Messages)
	ann, _ := listen(t, b, "ann", "games", live.Messages)
	people, _ := listen(t, b, "ann", "games", live.Participants)
	w.Remove(games, "bob")
	for range 3 {
		a.Publish(t.Context(), chat.ParticipantLeft{Place: livetest.At(games), Person: livetest.Person("bob"), Repeated: true})
	}
	w.Post(a, games, "ann", "not for bob")
	ann.await(t, "not for bob")
	people.await(t, "-bob")
	require.Empty(t, bob.all())
	bob.mu.Lock()
	defer bob.mu.Unlock()
	require.True(t, bob.ended)
}

// A repeated join adds the room feeds of a user whose first call died. Other subscribers do not receive it again.
func TestARepeatedJoinOpensTheRoom(t *testing.T) {
	w := livetest.NewWorld()
	elsewhere, h := hub(t, w, nil), userHub(t, w, nil)
	games := w.Room("games", "ann")
	mine := &diary{}
	_, err := h.SubscribeUser(t.Context(), livetest.Who("bob"), mine)
	require.NoError(t, err)
	people, _ := listen(t, h, "ann", "games", live.Participants)
	w.Join(elsewhere, games, "bob")
	for range 3 {
		h.Publish(t.Context(), chat.ParticipantJoined{Place: livetest.At(games), Person: livetest.Person("bob"), Repeated: true})
	}
	w.Post(h, games, "ann", "hello")
	mine.await(t, "games joined", "games: hello")
	require.Empty(t, people.all())
}
