package cassandra

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/id"
)

// Cassandra's order of timeuuids is the order of ids: for random ones, all
// variants, and those that differ only in the sign of a byte.
func TestTimeuuidOrder(t *testing.T) {
	t.Parallel()
	s, ctx := shared(t), withTimeout(t)
	const create = `CREATE TABLE IF NOT EXISTS timeuuid_order (k int, u timeuuid, PRIMARY KEY ((k), u))`
	admin, err := schemaSession(address(), sharedConfig.Keyspace)
	require.NoError(t, err)
	defer admin.Close()
	require.NoError(t, admin.Query(create).WithContext(ctx).Exec())
	require.NoError(t, admin.AwaitSchemaAgreement(ctx))

	ids := adversarial()
	err = forEach(ctx, len(ids), func(ctx context.Context, i int) error {
		return s.db.exec(ctx, `INSERT INTO timeuuid_order (k, u) VALUES (?, ?)`, 0, uuid(ids[i]))
	})
	require.NoError(t, err)
	var kept []id.ID
	var u id.ID
	require.NoError(t, s.db.rows(ctx, 500, func() { kept = append(kept, u) },
		`SELECT u FROM timeuuid_order WHERE k = ?`, []any{0}, into(&u)))

	slices.SortFunc(ids, id.ID.Compare)
	ids = slices.Compact(ids)
	require.Equal(t, ids, kept)

	// The comparisons of WHERE use the same order.
	for range 50 {
		at := rand.IntN(len(ids))
		n := 0
		require.NoError(t, s.db.rows(ctx, 5000, func() { n++ },
			`SELECT u FROM timeuuid_order WHERE k = ? AND u < ?`, []any{0, uuid(ids[at])}, into(&u)))
		require.Equal(t, at, n, "ids before %v", ids[at])
	}
}

func adversarial() []id.ID {
	var ids []id.ID
	base, _ := id.Parse("4e831610-cb0b-11e4-8830-0800200c9a66")
	edges := []byte{0x00, 0x01, 0x7e, 0x7f, 0x80, 0x81, 0xfe, 0xff}
	for i := 8; i < 16; i++ {
		for _, a := range edges {
			u := base
			u[i] = a
			ids = append(ids, u)
			// The last byte on both sides of the sign, below every value of this one.
			for _, b := range []byte{0x7f, 0x80} {
				v := u
				v[15] = b
				ids = append(ids, v)
			}
		}
	}
	// Every byte of the time, at its edges.
	for i := range 8 {
		for _, a := range edges {
			u := base
			u[i] = a
			u[6] = u[6]&0x0f | 0x10
			ids = append(ids, u)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		var u id.ID
		for i := range u {
			u[i] = byte(random.Uint32())
		}
		u[6] = u[6]&0x0f | 0x10
		if random.IntN(2) == 0 {
			copy(u[:8], base[:8]) // the same moment: the low half decides
		}
		ids = append(ids, u)
	}
	return append(ids, id.Min, id.Max)
}
