package live_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/live/livetest"
)

// A node to which the bus brings nothing ends subscriptions when it is asked to look at the store. Who is out receives
// the event of it; others receive it from the node where it happened, if at all.
func TestRecheckEndsWhatTheStoreDoesNotAllow(t *testing.T) {
	inCluster(t, func(c *cluster) {
		a := c.join("a", nil)
		ann, _ := listen(c, a.Hub, "ann", "games", live.Participants)
		bob, _ := listen(c, a.Hub, "bob", "games", live.Participants)
		said, _ := listen(c, a.Hub, "bob", "games", live.Messages)
		own := &recorder{}
		_, err := a.SubscribeUser(c.Context(), livetest.Who("bob"), own)
		require.NoError(c, err)
		recheck := func() { require.NoError(c, a.RecheckMember(c.Context(), livetest.Tenant, c.room.ID, "bob")) }
		recheck()
		require.False(c, bob.ended)
		c.world.Remove(c.room, "bob")
		recheck()
		require.True(c, bob.ended)
		require.True(c, said.ended)
		require.Equal(c, []string{"-bob"}, bob.all())
		require.Equal(c, []string{"-bob"}, own.all())
		require.Empty(c, ann.all())
		a.Publish(c.Context(), chat.ParticipantLeft{Place: livetest.At(c.room), Person: livetest.Person("bob")})
		require.Equal(c, []string{"-bob"}, ann.all(), "when the event comes in the end")
		require.Equal(c, []string{"-bob"}, bob.all())

		deleted, _ := listen(c, a.Hub, "ann", "games", live.Action)
		recheckRoom := func() { require.NoError(c, a.RecheckRoom(c.Context(), livetest.Tenant, "games")) }
		recheckRoom()
		require.False(c, deleted.ended)
		c.world.Forget(c.room)
		c.world.Room("games", "ann") // another room of the name
		recheckRoom()
		require.True(c, deleted.ended)
		require.Equal(c, []string{"deleted by ann"}, deleted.all())
	})
}

// When the bus works, its event ends the subscription, as it is the better one, and everybody receives it once.
func TestRecheckLeavesTheEventToTheBus(t *testing.T) {
	inCluster(t, func(c *cluster) {
		a, b := c.join("a", c.exchange.Bus()), c.join("b", c.exchange.Bus())
		synctest.Wait()
		ann, _ := listen(c, a.Hub, "ann", "games", live.Participants)
		bob, _ := listen(c, a.Hub, "bob", "games", live.Participants)
		own := &recorder{}
		_, err := a.SubscribeUser(c.Context(), livetest.Who("bob"), own)
		require.NoError(c, err)
		c.world.Remove(c.room, "bob")
		checked := make(chan error)
		go func() { checked <- a.RecheckMember(c.Context(), livetest.Tenant, c.room.ID, "bob") }()
		synctest.Wait()
		require.False(c, bob.ended)
		b.Publish(c.Context(), chat.ParticipantLeft{Place: livetest.At(c.room), Person: livetest.Person("bob")})
		require.NoError(c, <-checked)
		for _, r := range []*recorder{ann, bob, own} {
			require.Equal(c, []string{"-bob"}, r.all())
		}
		require.True(c, bob.ended)
	})
}

// A user who is in the room again by the time a check is done keeps the subscription made since.
func TestRecheckEndsNoLaterSubscription(t *testing.T) {
	inCluster(t, func(c *cluster) {
		a := c.join("a", nil)
		before, _ := listen(c, a.Hub, "bob", "games", live.Messages)
		c.world.Remove(c.room, "bob")
		checked := make(chan error)
		go func() { checked <- a.RecheckMember(c.Context(), livetest.Tenant, c.room.ID, "bob") }()
		time.Sleep(100 * time.Millisecond)
		c.world.Join(c.join("b", nil), c.room, "bob")
		after, _ := listen(c, a.Hub, "bob", "games", live.Messages)
		require.NoError(c, <-checked)
		require.True(c, before.ended)
		require.False(c, after.ended)
	})
}
