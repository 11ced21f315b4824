package easemob_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/directory"
)

func TestMetadataOfChatRooms(t *testing.T) {
	a := newWorld(t).app
	u, tokens := a.users(4)
	room := a.chatRoom(u[0], nil, u[1], u[2])
	at := "/metadata/chatroom/" + room
	of := func(i int) string { return at + "/user/" + u[i] }
	result := func(out object) (done []string, failed object) {
		d := out["data"].(object)
		require.Equal(t, "ok", d["status"])
		return texts(d["successKeys"]), d["errorKeys"].(object)
	}
	all := func() object { return a.ok("POST", at, tokens[3], nil)["data"].(object) }

	done, failed := result(a.ok("PUT", of(1), tokens[1], object{"metaData": object{"seat": "1", "song": "Änn"}}))
	require.ElementsMatch(t, []string{"seat", "song"}, done)
	require.Empty(t, failed)
	a.ok("PUT", of(2), tokens[2], object{"metaData": object{"host": "2"}, "autoDelete": "NO_DELETE"})
	require.Equal(t, object{"seat": "1", "song": "Änn", "host": "2"}, all())
	require.Equal(t, object{"host": "2"}, a.ok("POST", at, a.token, object{"keys": []string{"host", "none"}})["data"])

	// One's own keys only, unless it is forced, by who may.
	done, failed = result(a.ok("PUT", of(2), tokens[2], object{"metaData": object{"seat": "2"}}))
	require.Empty(t, done)
	require.Contains(t, failed, "seat")
	_, failed = result(a.ok("DELETE", of(2), tokens[2], object{"keys": []string{"seat", "none"}}))
	require.Len(t, failed, 2)
	a.fails(403, "forbidden_op", "PUT", of(2)+"/forced", tokens[2], object{"metaData": object{"seat": "2"}})
	a.ok("PUT", of(0)+"/forced", tokens[0], object{"metaData": object{"seat": "3"}})
	a.ok("DELETE", of(2)+"/forced", a.token, object{"keys": []string{"song"}})
	require.Equal(t, object{"seat": "3", "host": "2"}, all())

	a.fails(401, "auth_bad_access_token", "PUT", of(1), tokens[2], object{"metaData": object{"x": "1"}})
	a.fails(403, "forbidden_op", "PUT", of(3), tokens[3], object{"metaData": object{"x": "1"}})
	a.fails(404, "resource_not_found", "POST", "/metadata/chatroom/123", a.token, nil)
	many := object{}
	for i := range 11 {
		many[strings.Repeat("k", i+1)] = "v"
	}
	for _, body := range []object{{}, {"metaData": many}, {"metaData": object{strings.Repeat("k", 129): "v"}}, {"metaData": object{"k": strings.Repeat("v", 4097)}},
		{"metaData": object{"k": "v"}, "autoDelete": "x"}, {"metaData": object{"k": 1}}} {
		a.fails(400, "invalid_parameter", "PUT", of(1), a.token, body)
	}
	require.Len(t, all(), 2)

	// A room has a hundred keys.
	for page := range 10 {
		body := object{}
		for i := range 10 {
			body["n"+string(rune('a'+page))+string(rune('a'+i))] = "v"
		}
		done, failed = result(a.ok("PUT", of(1), a.token, object{"metaData": body}))
	}
	require.Len(t, done, 8)
	require.Len(t, failed, 2)
	require.Len(t, all(), 100)

	// They go with their author, but those that are to stay, and all with the room.
	a.ok("DELETE", "/chatrooms/"+room+"/users/"+u[1], a.token, nil)
	a.ok("DELETE", "/chatrooms/"+room+"/users/"+u[2], tokens[2], nil)
	require.Equal(t, object{"seat": "3", "host": "2"}, all())
	a.ok("DELETE", "/chatrooms/"+room, a.token, nil)
	require.NoError(t, a.store.EachEntry(t.Context(), func(e directory.Entry) error {
		require.False(t, strings.HasPrefix(e.Space, "attributes/"), e.Space)
		return nil
	}))
}
