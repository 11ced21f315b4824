package storetest

import (
	"github.com/stretchr/testify/require"
)

var registryTests = map[string]func(*env){
	"servers of a shared store see each other's last beat": func(e *env) {
		one, other := string(e.tenant)+" 1", string(e.tenant)+" 2"
		require.NoError(e, e.s.Beat(e.ctx, one, 1))
		require.NoError(e, e.s.Beat(e.ctx, other, 1))
		require.NoError(e, e.s.Beat(e.ctx, one, 2))
		beats, err := e.s.Beats(e.ctx)
		require.NoError(e, err)
		if !e.s.Shared() {
			require.Empty(e, beats)
			return
		}
		require.Equal(e, map[string]int64{one: 2, other: 1}, map[string]int64{one: beats[one], other: beats[other]})
	},
}
