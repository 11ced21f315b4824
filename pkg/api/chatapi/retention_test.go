package chatapi_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

func TestRetentionOverHTTP(t *testing.T) {
	c, m := fresh(t, V), fresh(t, V)
	room := c.room(m)
	set := func(who *client, to any, options ...option) *answer {
		return who.do("PUT", "/rooms/"+room+"/retention", map[string]any{"retention": to}, options...)
	}
	shows := func(setting string, seconds any) {
		t.Helper()
		want := map[string]any{"setting": setting, "seconds": seconds}
		require.Equal(t, want, c.do("GET", "/rooms/"+room, nil).is(200).object()["retention"])
		one := c.do("GET", "/rooms/"+room+","+room, nil).is(200).list("rooms")[0].(map[string]any)
		require.Equal(t, want, one["retention"])
	}
	shows("default", nil)
	require.Equal(t, "36h", set(c, "1d12h").is(200).object()["retention"].(map[string]any)["setting"])
	shows("36h", 129600.0)
	set(c, "forever").is(200)
	shows("forever", nil)
	for _, bad := range []any{"", "59m", "36501d", "never", nil, "-1"} {
		set(c, bad).refused(422)
	}
	set(c, 30).refused(400)
	c.do("PUT", "/rooms/"+room+"/retention", map[string]any{}).refused(422)
	c.do("PUT", "/rooms/no.such.room/retention", map[string]any{"retention": "30d"}).refused(404)
	set(m, "30d").refused(403)
	set(m, "30d", without("Cookie")).refused(401)
	shows("forever", nil)
	// Its creator and the server's administrators.
	set(m, "30d", without("Cookie"), header("Authorization", "Bearer "+adminToken)).is(200)
	shows("30d", 2592000.0)

	// The plain mounts know nothing of it.
	require.NotContains(t, c.at(K).do("GET", "/rooms/"+room, nil).is(200).object(), "retention")
	require.Equal(t, 404, c.at(K).do("PUT", "/rooms/"+room+"/retention", map[string]any{"retention": "30d"}).status)
}

func TestOldMessagesOverHTTP(t *testing.T) {
	c, m := fresh(t, V), fresh(t, V)
	room := c.room(m)
	r, err := store.Room(t.Context(), chat.DefaultTenant, room)
	require.NoError(t, err)
	old := chat.Message{ID: id.FirstAt(time.Now().Add(-2 * time.Hour)), Author: chat.Person{Login: c.login, FirstName: "First", LastName: "Last"}, Content: "old"}
	require.NoError(t, store.Append(t.Context(), r.Log(chat.DefaultTenant), old))
	fresh := c.say(room, "fresh")
	_, err = store.ChangeMessage(t.Context(), r.Log(chat.DefaultTenant), old.ID, func(chat.Message) (chat.Change, error) {
		return chat.Change{Kind: chat.Edit, ID: id.NewGenerator(nil).New(), By: old.Author, Content: "edited"}, nil
	})
	require.NoError(t, err)
	path := "/messages/" + room
	require.Contains(t, c.said(path), "edited")

	c.do("PUT", "/rooms/"+room+"/retention", map[string]any{"retention": "1h"}).is(200)
	at := old.ID.String()
	for _, q := range []string{"", "?after=" + at, "?around=" + at, "?around=" + fresh, "?before=" + fresh, "?before=" + at} {
		require.NotContains(t, m.said(path+q), "edited", q)
	}
	require.Contains(t, m.said(path), "fresh")
	require.NotContains(t, m.at(K).do("GET", path, nil).is(200).body, "edited")
	for _, a := range []*answer{m.do("GET", path+"/"+at, nil), c.do("PATCH", path+"/"+at, map[string]any{"content": "x"}),
		c.do("DELETE", path+"/"+at, nil), m.do("PUT", path+"/"+at+"/reactions/%F0%9F%91%8D", nil),
		m.do("PUT", "/rooms/"+room+"/read", map[string]any{"messageId": at}),
		m.do("POST", path, map[string]any{"content": "re", "replyTo": at})} {
		a.refused(404)
	}
	require.Empty(t, m.do("GET", path+"/changes", nil).is(200).list("changes"))
	require.Equal(t, 1.0, m.states()[room]["unread"])
}
