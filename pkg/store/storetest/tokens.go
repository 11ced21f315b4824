package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

func (e *env) token(login string, end time.Time) auth.APIToken {
	return auth.APIToken{Hash: newHash(), Tenant: e.tenant, Login: login, ExpiresAt: end}
}

var tokenTests = map[string]func(*env){
	"put, read, delete": func(e *env) {
		for _, a := range []auth.APIToken{e.token("jdoe", far), e.token("jdoe", time.Time{})} {
			_, err := e.s.Token(e.ctx, a.Hash)
			e.isKind(err, chat.NotFound)
			for range 2 {
				require.NoError(e, e.s.PutToken(e.ctx, a))
				got, err := e.s.Token(e.ctx, a.Hash)
				require.NoError(e, err)
				require.Equal(e, a, got)
			}
			of, err := e.s.TokensOf(e.ctx, e.tenant, "jdoe", 10)
			require.NoError(e, err)
			require.Equal(e, []auth.APIToken{a}, of)
			for range 2 {
				require.NoError(e, e.s.DeleteToken(e.ctx, a.Hash))
				_, err = e.s.Token(e.ctx, a.Hash)
				e.isKind(err, chat.NotFound)
			}
			of, err = e.s.TokensOf(e.ctx, e.tenant, "jdoe", 10)
			require.NoError(e, err)
			require.Empty(e, of)
		}
	},
	"of a user": func(e *env) {
		mine := map[auth.Hash]auth.APIToken{}
		for range 4 {
			a := e.token("jdoe", far)
			mine[a.Hash] = a
			require.NoError(e, e.s.PutToken(e.ctx, a))
		}
		require.NoError(e, e.s.PutToken(e.ctx, e.token("jdo", far)))
		require.NoError(e, e.s.PutToken(e.ctx, e.token("jdoe", past)))
		of, err := e.s.TokensOf(e.ctx, e.tenant, "jdoe", 10)
		require.NoError(e, err)
		require.Len(e, of, len(mine))
		for _, a := range of {
			require.Equal(e, mine[a.Hash], a)
		}
		of, err = e.s.TokensOf(e.ctx, e.tenant, "jdoe", 3)
		require.NoError(e, err)
		require.Len(e, of, 3)
	},
	"it ends in time": func(e *env) {
		a := e.token("jdoe", soon())
		require.NoError(e, e.s.PutToken(e.ctx, a))
		e.ends(a.ExpiresAt, func() error {
			_, err := e.s.Token(e.ctx, a.Hash)
			return err
		})
		dead := e.token("jdoe", past)
		require.NoError(e, e.s.PutToken(e.ctx, dead))
		_, err := e.s.Token(e.ctx, dead.Hash)
		e.isKind(err, chat.NotFound)
	},
}

var secretTests = map[string]func(*env){
	"the first candidate stays": func(e *env) {
		name, other := string(newTenant()), string(newTenant())
		first := []byte{0, 1, 0xff, 0x80, '\n'}
		for _, candidate := range [][]byte{first, []byte("another"), {}} {
			got, err := e.s.Secret(e.ctx, name, candidate)
			require.NoError(e, err)
			require.Equal(e, first, got)
		}
		got, err := e.s.Secret(e.ctx, other, []byte("another"))
		require.NoError(e, err)
		require.Equal(e, []byte("another"), got)
	},
	"of first calls at once all get one": func(e *env) {
		name := string(newTenant())
		got := make([]string, racers)
		race(racers, func(i int) {
			secret, err := e.s.Secret(e.ctx, name, []byte{byte(i)})
			if err != nil {
				e.Errorf("%v", err)
			}
			got[i] = string(secret)
		})
		for _, secret := range got {
			require.Len(e, secret, 1)
			require.Equal(e, got[0], secret)
		}
	},
}

var roleTests = map[string]func(*env){
	"granted and revoked": func(e *env) {
		roles := func(want ...string) {
			e.Helper()
			got, err := e.s.Roles(e.ctx, e.tenant, "jdoe")
			require.NoError(e, err)
			require.ElementsMatch(e, want, got)
			require.IsIncreasing(e, append([]string{""}, got...))
		}
		grant := func(login, role string) { require.NoError(e, e.s.GrantRole(e.ctx, e.tenant, login, role)) }
		roles()
		grant("jdoe", "moderator")
		grant("jdoe", "admin")
		grant("jdoe", "admin")
		grant("jdo", "owner")
		roles("admin", "moderator")
		other, err := e.s.Roles(e.ctx, newTenant(), "jdoe")
		require.NoError(e, err)
		require.Empty(e, other)
		for range 2 {
			require.NoError(e, e.s.RevokeRole(e.ctx, e.tenant, "jdoe", "moderator"))
			roles("admin")
		}
		require.NoError(e, e.s.RevokeRole(e.ctx, e.tenant, "nobody", "admin"))
		grant("jdoe", "moderator")
		roles("admin", "moderator")
	},
}
