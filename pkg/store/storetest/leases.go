package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

// leases is what sessions, remembered logins and tokens have in common: they are rows of a user that are found by a
// hash, and expire.
type leases[T any] struct {
	make func(e *env, login string, end time.Time) T
	key  func(T) auth.Hash
	put  func(*env, T) error // a new one
	get  func(*env, auth.Hash) (T, error)
	del  func(*env, auth.Hash) error
	of   func(e *env, t chat.Tenant, login string, limit int) ([]T, error)
}

// and returns more tests, and those of all leases.
func (k leases[T]) and(more map[string]func(*env)) map[string]func(*env) {
	all := map[string]func(*env){
		"put, read, delete": k.putReadDelete, "of a user": k.ofAUser,
		"past its end it is not found": k.ended, "it ends in time": k.endsInTime,
	}
	for name, test := range more {
		all[name] = test
	}
	return all
}

func (k leases[T]) missing(e *env, h auth.Hash) {
	e.Helper()
	_, err := k.get(e, h)
	e.isKind(err, chat.NotFound)
}

func (k leases[T]) is(e *env, want T) {
	e.Helper()
	got, err := k.get(e, k.key(want))
	require.NoError(e, err)
	require.Equal(e, want, got)
}

// ofJdoe expects the present rows of the user.
func (k leases[T]) ofJdoe(e *env, want ...T) {
	e.Helper()
	of, err := k.of(e, e.tenant, "jdoe", 10)
	require.NoError(e, err)
	require.ElementsMatch(e, want, of)
}

func (k leases[T]) putReadDelete(e *env) {
	unknown := k.key(k.make(e, "jdoe", far))
	k.missing(e, unknown)
	require.NoError(e, k.del(e, unknown))
	v := k.make(e, "jdoe", far)
	require.NoError(e, k.put(e, v))
	k.is(e, v)
	k.ofJdoe(e, v)
	for range 2 {
		require.NoError(e, k.del(e, k.key(v)))
		k.missing(e, k.key(v))
	}
	k.ofJdoe(e)
}

func (k leases[T]) ofAUser(e *env) {
	mine := make([]T, 5)
	for i := range mine {
		mine[i] = k.make(e, "jdoe", far)
		require.NoError(e, k.put(e, mine[i]))
	}
	for _, other := range []T{k.make(e, "jdo", far), k.make(e, "jdoe2", far), k.make(e, "jdoe", past)} {
		require.NoError(e, k.put(e, other))
	}
	k.ofJdoe(e, mine...)
	of, err := k.of(e, e.tenant, "jdoe", 3)
	require.NoError(e, err)
	require.Len(e, of, 3)
	of, err = k.of(e, newTenant(), "jdoe", 10)
	require.NoError(e, err)
	require.Empty(e, of)
}

func (k leases[T]) ended(e *env) {
	v := k.make(e, "jdoe", past)
	require.NoError(e, k.put(e, v))
	k.missing(e, k.key(v))
}

func (k leases[T]) endsInTime(e *env) {
	end := soon()
	v := k.make(e, "jdoe", end)
	require.NoError(e, k.put(e, v))
	e.ends(end, func() error {
		_, err := k.get(e, k.key(v))
		return err
	})
	k.ofJdoe(e)
}
