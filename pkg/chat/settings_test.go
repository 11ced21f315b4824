package chat_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// The document is stored, so its members never change, and those of a later version outlive a change by this one.
func TestSettingsAsADocument(t *testing.T) {
	empty, err := chat.RoomSettings{Admins: []string{}}.Document()
	require.NoError(t, err)
	require.Nil(t, empty)

	s, err := chat.SettingsOf([]byte(`{ "kind":"group", "later": {"x": 1.50}, "title":"Tea", "admins":["ann"], "maxMembers":9, "silent":true}`))
	require.NoError(t, err)
	require.Equal(t, chat.RoomSettings{Kind: chat.GroupRoom, Title: "Tea", Admins: []string{"ann"}, MaxMembers: 9, Silent: true,
		Unknown: []byte(`{"later":{"x":1.50}}`)}, s)
	s.Title = "Coffee"
	document, err := s.Document()
	require.NoError(t, err)
	require.JSONEq(t, `{"kind":"group","title":"Coffee","admins":["ann"],"maxMembers":9,"silent":true,"later":{"x":1.50}}`, string(document))
	require.Contains(t, string(document), "1.50", "numbers stay as they came")

	_, err = chat.SettingsOf([]byte(`[]`))
	require.Error(t, err)
}

func TestNamesThatTheServerMakes(t *testing.T) {
	ids := id.NewGenerator(nil)
	numbered, _ := id.FromNumber(1790265600000000 << 10)
	require.Equal(t, "_1833231974400000000", chat.RoomNameOf(numbered))
	made := []string{chat.RoomNameOf(numbered), chat.RoomNameOf(ids.New()), chat.RoomNameOf(id.Max), chat.DirectRoomName("t", []string{"ann", "bob"})}
	for _, name := range made {
		require.True(t, chat.ValidRoomName(name), name)
		require.False(t, chat.ValidName(name), "nobody can choose %s", name)
		require.LessOrEqual(t, len(name), chat.MaxName)
	}
	for _, name := range []string{"", "_", "_x", "_a", "_-1", "_d" + made[3], "__1", made[0] + " "} {
		require.False(t, chat.ValidRoomName(name), name)
	}
	require.True(t, chat.ValidRoomName("games"))

	require.Equal(t, made[3], chat.DirectRoomName("t", []string{"bob", "ann", "bob"}), "whoever begins")
	require.NotEqual(t, made[3], chat.DirectRoomName("other", []string{"ann", "bob"}))
	require.NotEqual(t, made[3], chat.DirectRoomName("t", []string{"annbob"}))
}
