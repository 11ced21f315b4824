package chat_test

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// System messages say as data what they tell; their text is the one that clients from before know.
func TestSystemMessagesAreTyped(t *testing.T) {
	w := newWorld(t)
	ann, bob, cid := w.user("ann"), w.user("bob"), w.user("cid")
	w.room("games", ann, bob, cid)
	require.NoError(t, w.Leave(t.Context(), bob, "games", nil))
	require.NoError(t, w.Leave(t.Context(), ann, "games", &cid.Login))
	page, err := w.Messages(t.Context(), ann, "games", chat.PageQuery{Limit: 10})
	require.NoError(t, err)
	person := func(login string) chat.Person {
		return chat.Person{Login: login, FirstName: "First-" + login, LastName: "Last-" + login}
	}
	var told []chat.Notice
	var texts []string
	for _, m := range page.Messages {
		n, ok := m.Notice()
		require.True(t, ok)
		told, texts = append(told, n), append(texts, m.Content)
	}
	require.Equal(t, []chat.Notice{{Type: chat.NoticeJoined, Who: person("bob")}, {Type: chat.NoticeJoined, Who: person("cid")},
		{Type: chat.NoticeLeft, Who: person("bob")}, {Type: chat.NoticeRemoved, Who: person("cid"), By: person("ann")}}, told)
	require.Equal(t, []string{"First-bob Last-bob joins the room", "First-cid Last-cid joins the room",
		"First-bob Last-bob leaves the room", "First-cid Last-cid leaves the room"}, texts)
	removed := page.Messages[3]
	require.JSONEq(t, `{"type":"removed","who":{"login":"cid","firstname":"First-cid","lastname":"Last-cid"},
		"by":{"login":"ann","firstname":"First-ann","lastname":"Last-ann"}}`, string(removed.Body))
	require.Equal(t, []string{"cid", "ann"}, removed.About())
}

func TestNoticesWithoutUser(t *testing.T) {
	ann, bob := chat.Person{Login: "ann", FirstName: "Ann", LastName: "A"}, chat.Person{Login: "bob", FirstName: "Bob", LastName: "B"}
	m := chat.Notice{Type: chat.NoticeBanned, Who: bob, By: ann}.Message(id.NewGenerator(nil).New())
	gone := func(who string) func(string) bool { return func(login string) bool { return login == who } }
	for _, c := range []struct {
		gone    string
		want    chat.Notice
		subject string
	}{
		{"bob", chat.Notice{Type: chat.NoticeBanned, Who: chat.Erased, By: ann}, ""},
		{"ann", chat.Notice{Type: chat.NoticeBanned, Who: bob, By: chat.Erased}, "bob"},
	} {
		got, named := m.WithoutUser(gone(c.gone), nil)
		require.True(t, named)
		n, ok := got.Notice()
		require.True(t, ok)
		require.Equal(t, c.want, n)
		require.Equal(t, c.subject, got.Subject)
		require.Equal(t, c.want.Sentence(), got.Content)
		again, named := got.WithoutUser(gone(c.gone), nil)
		require.False(t, named, "an erasure that goes on finds nothing")
		require.Equal(t, got, again)
	}
	same, named := m.WithoutUser(gone("cid"), []string{"Bob B"})
	require.False(t, named)
	require.Equal(t, m, same)

	old := chat.Message{System: true, Subject: "bob", Content: "Bob B joins the room"}
	got, named := old.WithoutUser(gone("bob"), nil)
	require.True(t, named)
	require.Equal(t, chat.Message{System: true, Content: "Deleted User joins the room"}, got)
	user := chat.Message{Payload: chat.Payload{Kind: chat.NoticeKind, Body: jsontext.Value(`{"type":"joined"}`)}}
	_, ok := user.Notice()
	require.False(t, ok, "only a system message is one")
}
