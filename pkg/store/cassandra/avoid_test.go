package cassandra

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gocql/gocql"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

// inOrder is a policy that names its hosts always in the same order.
type inOrder struct {
	gocql.HostSelectionPolicy
	hosts []*gocql.HostInfo
}

type hostOf struct{ *gocql.HostInfo }

func (h hostOf) Info() *gocql.HostInfo { return h.HostInfo }
func (h hostOf) Mark(error)            {}

func (p inOrder) Pick(gocql.ExecutableQuery) gocql.NextHost {
	i := 0
	return func() gocql.SelectedHost {
		if i == len(p.hosts) {
			return nil
		}
		i++
		return hostOf{p.hosts[i-1]}
	}
}

func TestSilentNodesAreAskedLast(t *testing.T) {
	var hosts []*gocql.HostInfo
	for _, name := range []string{"a", "b", "c"} {
		h := &gocql.HostInfo{}
		h.SetHostID(name)
		hosts = append(hosts, h)
	}
	a := newAvoiding(inOrder{hosts: hosts})
	now := time.Unix(1000, 0)
	a.now = func() time.Time { return now }
	order := func() (ids string) {
		next := a.Pick(nil)
		for h := next(); h != nil; h = next() {
			ids += h.Info().HostID()
		}
		return ids
	}
	mark := func(err error) { a.Pick(nil)().Mark(err) } // the first one there is
	require.Equal(t, "abc", order())
	mark(errors.New("a fault of the statement"))
	mark(nil)
	require.Equal(t, "abc", order())
	mark(gocql.ErrTimeoutNoResponse)
	require.Equal(t, "bca", order())
	mark(gocql.ErrConnectionClosed)
	require.Equal(t, "cab", order(), "those that are silent keep their order")
	now = now.Add(avoidFor)
	require.Equal(t, "abc", order(), "one request tries each again")
	require.Equal(t, "cab", order(), "but only one")
	now = now.Add(avoidFor)
	mark(nil)
	require.Equal(t, "abc", order())
	mark(nil)
	require.Equal(t, "acb", order(), "a is back for all")
}

func TestTooManyStatementsFailSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &db{slots: make(slots, 2)}
		hold := make(chan struct{})
		for range 2 {
			go func() { _ = d.do(t.Context(), "", func() error { <-hold; return nil }) }()
		}
		synctest.Wait()
		began := time.Now()
		err := d.do(t.Context(), "", func() error { t.Error("it ran"); return nil })
		require.True(t, chat.IsKind(err, chat.Unavailable))
		require.Equal(t, slotPatience, time.Since(began))
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		require.ErrorIs(t, d.do(ctx, "", func() error { return nil }), context.DeadlineExceeded)
		close(hold)
		synctest.Wait()
		require.NoError(t, d.do(t.Context(), "", func() error { return nil }))
		require.Empty(t, d.slots)
		require.NoError(t, (&db{}).do(t.Context(), "", func() error { return nil }), "without bounds")
	})
}
