package chatapi_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A message of a kind has its body in v1, and KillrChat's mounts show the text that stands for it, with no other members.
func TestMessagesOfKinds(t *testing.T) {
	ann, bob := fresh(t, V), fresh(t, V)
	room := ann.room(bob)
	posted := ann.do("POST", "/messages/"+room, `{"kind":"image","body":{"url":"/files/1","name":"a.png","size":1e3},"ext":{"n":[1.0]}}`)
	posted.refused(422)
	posted = ann.do("POST", "/messages/"+room, `{"kind":"image","body":{"url":"/files/1","size":1000,"name":"a.png"},"ext":{"n":[12345678901234567890, 1.0]}}`).is(201)
	require.Contains(t, posted.body, `"kind":"image","body":{"name":"a.png","size":1000,"url":"/files/1"},"ext":{"n":[12345678901234567890,1.0]}`)
	m := posted.object()
	require.Equal(t, "[image] a.png", m["content"])
	require.Equal(t, m, bob.do("GET", one(room, m["messageId"].(string)), nil).is(200).object())
	require.Contains(t, bob.at(K).said("/messages/"+room+"?fetchSize=50"), "[image] a.png")
	for _, shown := range bob.at(K).do("GET", "/messages/"+room+"?fetchSize=50", nil).is(200).list("messages") {
		require.Len(t, shown, 5, "KillrChat's members and no others")
	}
	ann.do("PATCH", one(room, m["messageId"].(string)), map[string]any{"content": "x"}).refused(409)

	custom := ann.do("POST", "/messages/"+room, map[string]any{"kind": "custom", "content": "Ann waves", "body": map[string]any{"event": "wave"}}).is(201).object()
	edited := ann.do("PATCH", one(room, custom["messageId"].(string)), map[string]any{"body": map[string]any{"event": "bow"}, "ext": map[string]any{"a": 1}}).is(200).object()
	require.Equal(t, []any{"[custom] bow", map[string]any{"event": "bow"}, map[string]any{"a": 1.0}}, []any{edited["content"], edited["body"], edited["ext"]})
	edited = ann.do("PATCH", one(room, custom["messageId"].(string)), `{"content":"Ann bows","ext":null}`).is(200).object()
	require.Equal(t, "Ann bows", edited["content"])
	require.NotContains(t, edited, "ext")
	ann.do("PATCH", one(room, custom["messageId"].(string)), map[string]any{"kind": "text", "content": "x"}).refused(409)

	text := ann.do("POST", "/messages/"+room, map[string]any{"kind": "text", "content": "hello", "ext": nil}).is(201).object()
	require.NotContains(t, text, "kind")
	ann.do("POST", "/messages/"+room, map[string]any{"kind": "notice", "body": map[string]any{"type": "joined"}}).refused(422)
	ann.do("POST", "/messages/"+room, map[string]any{"content": "x", "ext": map[string]any{"a": strings.Repeat("x", 65_536)}}).refused(413)
	ann.at(K).do("POST", "/messages/"+room, map[string]any{"author": ann.person(), "content": "plain", "kind": "image"}).is(204)
	require.Contains(t, bob.said("/messages/"+room+"?fetchSize=50"), "plain", "KillrChat's mounts know no kinds")
}

// A system message says as data what it tells.
func TestNotices(t *testing.T) {
	ann, bob := fresh(t, V), fresh(t, V)
	room := ann.room(bob)
	ann.do("PATCH", "/rooms/participant/"+room, bob.person()).is(204)
	told := ann.do("GET", "/messages/"+room, nil).is(200).list("messages")
	joined, removed := told[0].(map[string]any), told[1].(map[string]any)
	require.Equal(t, "notice", joined["kind"])
	require.Equal(t, map[string]any{"type": "joined", "who": shownAs(bob)}, joined["body"])
	require.Equal(t, map[string]any{"type": "removed", "who": shownAs(bob), "by": shownAs(ann)}, removed["body"])
	require.Equal(t, true, removed["systemMessage"])
}

func shownAs(c *client) map[string]any {
	return map[string]any{"login": c.login, "firstname": "First", "lastname": "Last"}
}
