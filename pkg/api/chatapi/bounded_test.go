package chatapi

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

// A room full of people with long names, and a user in as many rooms as are shown: on v1 their answers stay about a
// megabyte, and say how many participants there are. KillrChat's clients have no other way to see all.
func TestSingleAnswersOfV1AreBounded(t *testing.T) {
	long := strings.Repeat("长", 100)
	r, u := chat.RoomView{Room: chat.Room{Name: "games"}, Count: chat.MaxParticipants}, chat.UserView{}
	for i := range chat.MaxParticipants {
		r.Participants = append(r.Participants, chat.Person{Login: fmt.Sprint("user", i), FirstName: long, LastName: long})
		u.ChatRooms = append(u.ChatRooms, fmt.Sprint(long, i))
	}
	full, plain := form{full: true}, form{}
	for name, answer := range map[string]any{"room": full.room(r), "user": full.user(u)} {
		size := len(encode(answer))
		require.Less(t, size, chat.MaxRead+chat.MaxRead/8, name)
		require.Greater(t, size, chat.MaxRead/2, "%s: not less than fits", name)
	}
	shown := full.room(r)
	require.Equal(t, chat.MaxParticipants, *shown.Count)
	require.Equal(t, plain.room(r).Participants[:len(shown.Participants)], shown.Participants, "the first ones")
	require.Len(t, plain.room(r).Participants, chat.MaxParticipants)
	require.Len(t, plain.user(u).ChatRooms, chat.MaxParticipants)
	require.Len(t, r.Participants, chat.MaxParticipants, "what is shared is left alone")
}
