package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

var inventoryTests = map[string]func(*env){
	"users, deleted ones too": func(e *env) {
		want := map[string]chat.User{}
		for i := range 30 {
			u := user(fmt.Sprintf("user%02d", i))
			if i%3 == 0 {
				u.Email, u.Bio, u.Timezone = ptr(""), ptr("bio of "+u.Login), ptr("Asia/Tokyo")
			}
			require.NoError(e, e.s.CreateUser(e.ctx, e.tenant, u))
			if i%5 == 0 {
				require.NoError(e, e.s.DeleteUser(e.ctx, e.tenant, u.Login))
				u = chat.User{Person: chat.Person{Login: u.Login}, Deleted: true}
			}
			want[u.Login] = u
		}
		got := map[string]chat.User{}
		require.NoError(e, e.s.EachUser(e.ctx, func(t chat.Tenant, u chat.User) error {
			if t == e.tenant {
				require.NotContains(e, got, u.Login, "visited twice")
				got[u.Login] = u
			}
			return nil
		}))
		require.Equal(e, want, got)
	},
	"rooms": func(e *env) {
		want := map[id.ID]chat.Room{}
		for i := range 20 {
			r := e.room(fmt.Sprintf("room%02d", i))
			if i%2 == 0 {
				r.Banner = ptr("banner")
			}
			require.NoError(e, e.s.CreateRoom(e.ctx, e.tenant, r))
			if i%4 == 3 {
				require.NoError(e, e.s.DeleteRoom(e.ctx, e.tenant, r))
				continue
			}
			want[r.ID] = r
		}
		got := map[id.ID]chat.Room{}
		require.NoError(e, e.s.EachRoom(e.ctx, func(t chat.Tenant, r chat.Room) error {
			if t == e.tenant {
				require.NotContains(e, got, r.ID, "visited twice")
				got[r.ID] = r
			}
			return nil
		}))
		require.Equal(e, want, got)
	},
	"roles and tokens": func(e *env) {
		want := map[string]bool{}
		var tokens []auth.APIToken
		for i := range 12 {
			login := fmt.Sprintf("user%02d", i)
			require.NoError(e, e.s.GrantRole(e.ctx, e.tenant, login, "a"))
			want[login+" a"] = true
			if i%2 == 0 {
				require.NoError(e, e.s.GrantRole(e.ctx, e.tenant, login, "b"))
				want[login+" b"] = true
			}
			a := e.token(login, far)
			if i%3 == 0 {
				a.ExpiresAt = time.Time{}
			}
			require.NoError(e, e.s.PutToken(e.ctx, a))
			tokens = append(tokens, a)
		}
		require.NoError(e, e.s.RevokeRole(e.ctx, e.tenant, "user00", "a"))
		delete(want, "user00 a")
		require.NoError(e, e.s.DeleteToken(e.ctx, tokens[0].Hash))
		got := map[string]bool{}
		require.NoError(e, e.s.EachRole(e.ctx, func(t chat.Tenant, login, role string) error {
			if t == e.tenant {
				require.False(e, got[login+" "+role], "visited twice")
				got[login+" "+role] = true
			}
			return nil
		}))
		require.Equal(e, want, got)
		var found []auth.APIToken
		require.NoError(e, e.s.EachToken(e.ctx, func(a auth.APIToken) error {
			if a.Tenant == e.tenant {
				found = append(found, a)
			}
			return nil
		}))
		require.ElementsMatch(e, tokens[1:], found)
	},
	"an error of the visitor ends the walk": func(e *env) {
		e.newRoom("games")
		require.NoError(e, e.s.CreateUser(e.ctx, e.tenant, user("a")))
		require.NoError(e, e.s.GrantRole(e.ctx, e.tenant, "a", "x"))
		require.NoError(e, e.s.PutToken(e.ctx, e.token("a", far)))
		enough := errors.New("enough")
		n := 0
		stop := func() error { n++; return enough }
		require.Equal(e, enough, e.s.EachUser(e.ctx, func(chat.Tenant, chat.User) error { return stop() }))
		require.Equal(e, enough, e.s.EachRoom(e.ctx, func(chat.Tenant, chat.Room) error { return stop() }))
		require.Equal(e, enough, e.s.EachRole(e.ctx, func(chat.Tenant, string, string) error { return stop() }))
		require.Equal(e, enough, e.s.EachToken(e.ctx, func(auth.APIToken) error { return stop() }))
		require.Equal(e, 4, n)
	},
}
