package chat_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

// What is open to whom in rooms of each kind, as the service says it of rooms that exist.
func TestCapabilities(t *testing.T) {
	const want = `
                        open:visitor open:member open:owner private:invited private:member private:admin private:owner group:outsider group:member group:admin group:owner closed:outsider chatroom:visitor chatroom:owner direct:one
see a room              yes          yes         yes        yes             yes            yes           yes           yes            yes          yes         yes         yes             yes              yes            yes
see the participants    yes          yes         yes        -               yes            yes           yes           -              yes          yes         yes         -               yes              yes            yes
see the lists           -            -           yes        -               -              yes           yes           -              -            yes         yes         -               -                yes            -
join a room             yes          -           -          yes             -              -             -             yes            -            -           -           -               yes              -              -
ask to join             yes          -           -          -               -              -             -             yes            -            -           -           yes             yes              -              -
leave a room            -            yes         yes        -               yes            yes           yes           -              yes          yes         -           -               -                -              -
take part               -            yes         yes        -               yes            yes           yes           -              yes          yes         yes         -               -                yes            yes
post a message          -            yes         yes        -               yes            yes           yes           -              yes          yes         yes         -               -                yes            yes
edit a message          -            yes         yes        -               yes            yes           yes           -              yes          yes         yes         -               -                yes            yes
delete a message        -            -           yes        -               -              yes           yes           -              -            yes         yes         -               -                yes            -
add a participant       -            -           yes        -               -              yes           yes           -              -            yes         yes         -               -                yes            -
remove a participant    -            -           yes        -               -              yes           yes           -              -            yes         yes         -               -                yes            -
mute or block somebody  -            -           yes        -               -              yes           yes           -              -            yes         yes         -               -                yes            -
change a room           -            -           yes        -               -              yes           yes           -              -            yes         yes         -               -                yes            -
govern a room           -            -           yes        -               -              -             yes           -              -            -           yes         -               -                yes            -
delete a room           -            -           yes        -               -              -             yes           -              -            -           yes         -               -                yes            -
`
	w := newWorld(t)
	ann, bob, eve, zoe := w.user("ann"), w.user("bob"), w.user("eve"), w.user("zoe")
	w.room("lounge", ann, bob)
	names := map[string]string{"open": "lounge", "private": w.private("Tea", ann, bob, eve),
		"group":    w.group(chat.RoomSettings{Kind: chat.GroupRoom, Public: true}, ann, bob, eve),
		"closed":   w.group(chat.RoomSettings{Kind: chat.GroupRoom, Public: true, Approval: true}, ann),
		"chatroom": w.group(chat.RoomSettings{Kind: chat.ChatRoom}, ann)}
	direct, _, err := w.OpenDirect(t.Context(), ann, []string{"bob"})
	require.NoError(t, err)
	names["direct"] = direct.Name
	for _, room := range []string{"private", "group"} {
		_, err := w.SetAdmin(t.Context(), ann.Principal(), names[room], "eve", true)
		require.NoError(t, err)
	}
	require.NoError(t, w.Invite(t.Context(), ann, names["private"], []string{"zoe"}, ""))
	people := map[string]chat.Identity{"visitor": zoe, "outsider": zoe, "invited": zoe, "member": bob, "admin": eve, "owner": ann, "one": ann}

	lines := strings.Split(strings.Trim(want, "\n"), "\n")
	may := map[string][]chat.Action{}
	titles := strings.Fields(lines[0])
	for _, title := range titles {
		room, person, _ := strings.Cut(title, ":")
		may[title], _, err = w.Capabilities(t.Context(), people[person], names[room])
		require.NoError(t, err, title)
	}
	var rows []string
	for _, a := range chat.Actions() {
		row := fmt.Sprintf("%-24s", a)
		for _, title := range titles {
			answer := "-"
			if slices.Contains(may[title], a) {
				answer = "yes"
			}
			row += fmt.Sprintf("%-*s", len(title)+1, answer)
		}
		rows = append(rows, strings.TrimRight(row, " "))
	}
	require.Equal(t, strings.Join(lines[1:], "\n"), strings.Join(rows, "\n"))
}

// What one may not do now is not among the capabilities: posting of who is muted.
func TestCapabilitiesOfTheMuted(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.user("ann"), w.user("bob")
	w.room("lounge", ann, bob)
	w.list(ann, "lounge", chat.MuteList, "bob")
	open, _, err := w.Capabilities(t.Context(), bob, "lounge")
	require.NoError(t, err)
	require.NotContains(t, open, chat.PostMessage)
	require.NotContains(t, open, chat.EditMessage)
	require.Contains(t, open, chat.TakePart)
}

// When a mute ends by itself, the capabilities say when: nobody is told of it.
func TestCapabilitiesSayWhenAMuteEnds(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.user("ann"), w.user("bob")
	w.room("lounge", ann, bob)
	until := func() time.Time {
		_, until, err := w.Capabilities(t.Context(), bob, "lounge")
		require.NoError(t, err)
		return until
	}
	require.Zero(t, until())
	end := time.Now().Add(time.Minute).UTC().Truncate(time.Millisecond)
	require.NoError(t, w.List(t.Context(), ann.Principal(), "lounge", chat.MuteList, []string{"bob"}, end, ""))
	require.Equal(t, end, until())
	require.NoError(t, w.List(t.Context(), ann.Principal(), "lounge", chat.MuteList, []string{"bob"}, time.Time{}, ""))
	require.Zero(t, until(), "it has no end")
}
