package chatapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSearch(t *testing.T) {
	c := fresh(t, V)
	room := unique("seek.v1")
	c.do("POST", "/rooms/"+room, map[string]any{"banner": "hidden"}).is(201)

	got := c.do("GET", "/search?q="+room[:len(room)-1], nil).is(200).object()

	require.Len(t, got["rooms"], 1)
	require.Equal(t, room, got["rooms"].([]any)[0].(map[string]any)["roomName"])
	require.Empty(t, got["users"])
	got = c.do("GET", "/search?fetchSize=1&q="+c.login, nil).is(200).object()
	require.Equal(t, c.login, got["users"].([]any)[0].(map[string]any)["login"])
	c.do("GET", "/search", nil).is(200)
	c.do("GET", "/search?q=a&fetchSize=0", nil).refused(400)
	c.do("GET", "/search?q=a&fetchSize=x", nil).refused(400)
	c.do("POST", "/search", nil).is(405)
}
