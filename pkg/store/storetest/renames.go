package storetest

import (
	"cmp"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

// renames returns those of this test.
func (e *env) renames() []chat.Rename {
	e.Helper()
	all, err := e.s.Renames(e.ctx, 100_000)
	require.NoError(e, err)
	all = slices.DeleteFunc(all, func(r chat.Rename) bool { return r.Tenant != e.tenant })
	slices.SortFunc(all, func(a, b chat.Rename) int { return cmp.Compare(a.Login, b.Login) })
	return all
}

var renameTests = map[string]func(*env){
	"kept until they end": func(e *env) {
		ann := chat.Rename{Tenant: e.tenant, Login: "ann", ID: e.ids.New()}
		bob := chat.Rename{Tenant: e.tenant, Login: "bob", ID: e.ids.New()}
		require.Empty(e, e.renames())
		for range 2 {
			require.NoError(e, e.s.PutRename(e.ctx, ann))
			require.NoError(e, e.s.PutRename(e.ctx, bob))
		}
		require.Equal(e, []chat.Rename{ann, bob}, e.renames())
		for range 2 {
			require.NoError(e, e.s.EndRename(e.ctx, ann))
		}
		require.Equal(e, []chat.Rename{bob}, e.renames())
		one, err := e.s.Renames(e.ctx, 1)
		require.NoError(e, err)
		require.Len(e, one, 1)
		require.NoError(e, e.s.EndRename(e.ctx, bob))
		require.NoError(e, e.s.PutRename(e.ctx, ann))
		require.Equal(e, []chat.Rename{ann}, e.renames())
		require.NoError(e, e.s.EndRename(e.ctx, ann))
	},
	"a newer one is not ended": func(e *env) {
		old := chat.Rename{Tenant: e.tenant, Login: "ann", ID: e.ids.New()}
		newer := old
		newer.ID = e.ids.New()
		require.NoError(e, e.s.PutRename(e.ctx, old))
		require.NoError(e, e.s.PutRename(e.ctx, newer))
		require.NoError(e, e.s.EndRename(e.ctx, old))
		require.Equal(e, []chat.Rename{newer}, e.renames())
		require.NoError(e, e.s.EndRename(e.ctx, newer))
		require.Empty(e, e.renames())
	},
	"gone with their user": func(e *env) {
		require.NoError(e, e.s.CreateUser(e.ctx, e.tenant, user("ann")))
		require.NoError(e, e.s.PutRename(e.ctx, chat.Rename{Tenant: e.tenant, Login: "ann", ID: e.ids.New()}))
		require.NoError(e, e.s.DeleteUser(e.ctx, e.tenant, "ann"))
		require.Empty(e, e.renames())
	},
}
