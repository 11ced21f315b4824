package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

func (e *env) token(login string, end time.Time) auth.APIToken {
	return auth.APIToken{Hash: newHash(), Tenant: e.tenant, Login: login, ExpiresAt: end, Kind: auth.PersonalToken, Bound: true, Epoch: "e",
		Name: "of a test", Scopes: "read post", CreatedAt: time.UnixMilli(1_700_000_000_000).UTC(), LastUsedAt: time.UnixMilli(1_700_000_060_000).UTC()}
}

var tokenLeases = leases[auth.APIToken]{
	make: (*env).token,
	key:  func(a auth.APIToken) auth.Hash { return a.Hash },
	put:  func(e *env, a auth.APIToken) error { return e.s.PutToken(e.ctx, a) },
	get:  func(e *env, h auth.Hash) (auth.APIToken, error) { return e.s.Token(e.ctx, h) },
	del:  func(e *env, h auth.Hash) error { return e.s.DeleteToken(e.ctx, h) },
	of: func(e *env, t chat.Tenant, login string, limit int) ([]auth.APIToken, error) {
		return e.s.TokensOf(e.ctx, t, login, limit)
	},
}

var tokenTests = tokenLeases.and(map[string]func(*env){
	"without an end, and put again": func(e *env) {
		a := e.token("jdoe", time.Time{})
		for range 2 {
			require.NoError(e, e.s.PutToken(e.ctx, a))
			tokenLeases.is(e, a)
			tokenLeases.ofJdoe(e, a)
		}
		a.ExpiresAt = far
		require.NoError(e, e.s.PutToken(e.ctx, a))
		tokenLeases.is(e, a)
		require.NoError(e, e.s.DeleteToken(e.ctx, a.Hash))
		tokenLeases.missing(e, a.Hash)
		tokenLeases.ofJdoe(e)
	},
	"of earlier versions, with a login and an end alone": func(e *env) {
		a := auth.APIToken{Hash: newHash(), Tenant: e.tenant, Login: "jdoe", ExpiresAt: far}
		require.NoError(e, e.s.PutToken(e.ctx, a))
		tokenLeases.is(e, a)
		tokenLeases.ofJdoe(e, a)
	},
	"a use is noted, and revives nothing": func(e *env) {
		at := time.UnixMilli(1_800_000_000_000).UTC()
		for _, end := range []time.Time{far, {}} {
			a := e.token("jdoe", end)
			require.NoError(e, e.s.PutToken(e.ctx, a))
			require.NoError(e, e.s.TouchToken(e.ctx, a.Hash, at))
			a.LastUsedAt = at
			tokenLeases.is(e, a)
			race(racers, func(i int) {
				if i == 0 {
					require.NoError(e, e.s.DeleteToken(e.ctx, a.Hash))
				} else {
					require.NoError(e, e.s.TouchToken(e.ctx, a.Hash, at))
				}
			})
			tokenLeases.missing(e, a.Hash)
			tokenLeases.ofJdoe(e)
		}
		require.NoError(e, e.s.TouchToken(e.ctx, newHash(), at))
	},
})

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
