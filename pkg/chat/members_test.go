package chat_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// Members finds the participants of a room among many other logins, over pages of participants.
func TestMembers(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	w.room("games", ann)
	r, err := w.Admit(t.Context(), ann, "games")
	require.NoError(t, err)
	for i := range 2500 {
		_, err := w.store.Join(t.Context(), tenant, r, chat.Person{Login: fmt.Sprintf("user%04d", i)}, id.ID{})
		require.NoError(t, err)
	}
	for _, c := range []struct{ logins, in []string }{
		{nil, nil},
		{[]string{"ann"}, []string{"ann"}},
		{[]string{"aaa", "zzz"}, nil},
		{[]string{"a", "ann", "user0000", "user0999", "user0999x", "user1000", "user2499", "user2500"},
			[]string{"ann", "user0000", "user0999", "user1000", "user2499"}},
	} {
		got, err := w.Members(t.Context(), tenant, r.Ref(), c.logins)
		require.NoError(t, err)
		for _, login := range c.logins {
			require.Equal(t, slices.Contains(c.in, login), got[login], login)
		}
	}
}
