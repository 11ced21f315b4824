package chat_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

func TestASearchFindsNamesByTheirBeginning(t *testing.T) {
	w := newWorld(t)
	ann, dora := w.user("ann"), w.user("Dora")
	w.user("dallas.fan")
	for _, name := range []string{"Dallas", "dallas-oil", "DALLAS", "Denver", "Adallas", "Dallas_2", "dal.x"} {
		w.room(name, ann)
	}
	find := func(word string, limit int) (rooms, people []string) {
		f, err := w.Search(t.Context(), tenant, word, limit)
		require.NoError(t, err)
		for _, r := range f.Rooms {
			rooms = append(rooms, r.Name)
			require.Equal(t, 1, r.Count)
		}
		for _, p := range f.People {
			people = append(people, p.Login)
		}
		return rooms, people
	}

	rooms, people := find("dallas", 10)
	require.Equal(t, []string{"DALLAS", "Dallas", "dallas-oil", "Dallas_2"}, rooms)
	require.Equal(t, []string{"dallas.fan"}, people)
	rooms, people = find("D", 3)
	require.Equal(t, []string{"dal.x", "DALLAS", "Dallas"}, rooms)
	require.Equal(t, []string{"dallas.fan", dora.Login}, people)
	_, people = find("ann", 10)
	require.Equal(t, []string{ann.Login}, people)
	for _, word := range []string{"", "nothing", "a b", "é", "dallas/", "%", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"} {
		rooms, people = find(word, 10)
		require.Empty(t, rooms, word)
		require.Empty(t, people, word)
	}
}

func TestASearchIsBounded(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	for i := range chat.MaxFound + 5 {
		w.room(fmt.Sprintf("many-%03d", i), ann)
	}
	f, err := w.Search(t.Context(), tenant, "many", 1000)
	require.NoError(t, err)
	require.Len(t, f.Rooms, chat.MaxFound)
	require.Equal(t, "many-000", f.Rooms[0].Name)
}
