package chat

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// Withdrawn reactions count, so that a user cannot fill a message with reactions that are set and withdrawn.
func TestReactionsThatWereTakenBackCount(t *testing.T) {
	back := func(login string, n int) (all []ReactionBy) {
		for i := range n {
			all = append(all, ReactionBy{Emoji: fmt.Sprint("e", i), Login: login})
		}
		return all
	}
	var others []ReactionBy
	for i := range MaxUsed / 20 {
		others = append(others, back(fmt.Sprint("u", i), 20)...)
	}
	mine := Message{Withdrawn: back("ann", MaxOwnEmojis-1)}
	require.NoError(t, roomForReaction(mine, "ann", "new"))
	mine.Reactions = []Reaction{{Emoji: "live", Logins: []string{"ann"}}}
	require.Equal(t, Conflict, KindOf(roomForReaction(mine, "ann", "new")))
	require.NoError(t, roomForReaction(mine, "ann", "e7"), "one that was used before")
	require.NoError(t, roomForReaction(mine, "bob", "new"), "others are not concerned")
	require.NoError(t, roomForReaction(Message{Withdrawn: others[1:]}, "ann", "new"))
	require.Equal(t, Conflict, KindOf(roomForReaction(Message{Withdrawn: others}, "ann", "new")))
	require.NoError(t, roomForReaction(Message{Withdrawn: others}, "u1", "e7"))
}
