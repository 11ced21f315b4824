package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/logtest"
)

// memory is a store of events.
type memory struct {
	mu   sync.Mutex
	all  []Event // in the order of their ids
	down error
}

func (m *memory) AddAuditEvent(_ context.Context, e Event, _ time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down == nil {
		m.all = append(m.all, e)
	}
	return m.down
}

// events returns what is stored.
func (m *memory) events() []Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.all)
}

func (m *memory) AuditEvents(_ context.Context, t chat.Tenant, before id.ID, since time.Time, limit int) (out []Event, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range slices.Backward(m.all) {
		if e.Tenant == t && (before.IsZero() || e.ID.Compare(before) < 0) && !e.At().Before(since) && len(out) < limit {
			out = append(out, e)
		}
	}
	return out, nil
}

func newTrail(m *memory, log *slog.Logger) *Trail {
	return New(Options{Store: m, IDs: id.NewGenerator(nil), Keep: 90 * 24 * time.Hour, Now: time.Now, Log: log})
}

// failed returns the counts of failures by subject.
func (m *memory) failed() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]int{}
	for _, e := range m.all {
		out[e.Subject+e.Address] += e.Count
	}
	return out
}

func TestRepeatedFailuresAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		trail := newTrail(m, slog.New(slog.DiscardHandler))
		for range 1000 {
			trail.LoginFailed(t.Context(), chat.DefaultTenant, "ann", "192.0.2.1", "wrong password")
		}
		trail.LoginFailed(t.Context(), chat.DefaultTenant, "", "192.0.2.1", "no such account")
		require.Len(t, m.events(), 2, "the first of each is recorded immediately")
		time.Sleep(window)
		synctest.Wait()
		require.Len(t, m.events(), 3)
		require.Equal(t, map[string]int{"ann192.0.2.1": 1000, "192.0.2.1": 1}, m.failed())
		trail.LoginFailed(t.Context(), chat.DefaultTenant, "ann", "192.0.2.1", "wrong password")
		require.Len(t, m.events(), 4, "a new minute")
		trail.LoginFailed(t.Context(), chat.DefaultTenant, "ann", "192.0.2.1", "wrong password")
		trail.Close()
		require.Len(t, m.events(), 5, "a server that stops forgets nothing")
	})
}

func TestFailuresOfANetworkAreCountedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		trail := newTrail(m, slog.New(slog.DiscardHandler))
		fail := func(address string) {
			trail.LoginFailed(t.Context(), chat.DefaultTenant, "ann", address, "wrong password")
		}
		fail("2001:db8::1")
		fail("2001:db8::2")
		fail("2001:db8::2")
		trail.flush()
		require.Equal(t, map[string]int{"ann2001:db8::1": 1, "ann2001:db8::2": 2}, m.failed())
		for i := range 1000 {
			fail(fmt.Sprintf("2001:db8:0:1::%x", i+1))
		}
		trail.Close()
		require.Equal(t, map[string]int{"ann2001:db8::1": 1, "ann2001:db8::2": 2, "ann2001:db8:0:1::1": 1, "ann2001:db8:0:1::/64": 999}, m.failed())
	})
}

func TestAFloodOfFailuresIsFewEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		trail := newTrail(m, slog.New(slog.DiscardHandler))
		for i := range 10_000 {
			trail.LoginFailed(t.Context(), chat.DefaultTenant, "", fmt.Sprintf("192.0.%d.%d", i/256, i%256), "no such account")
		}
		require.Len(t, m.events(), mostFailures)
		trail.Close()
		require.Len(t, m.events(), mostFailures+1)
		require.Equal(t, 10_000-mostFailures, m.events()[mostFailures].Count)
	})
}

func TestTextsAreBounded(t *testing.T) {
	m := &memory{}
	trail := newTrail(m, slog.New(slog.DiscardHandler))
	defer trail.Close()
	trail.Record(t.Context(), Event{Kind: TokenCreated, Detail: strings.Repeat("ä", 10_000) + "\xff"})
	require.LessOrEqual(t, len(m.events()[0].Detail), maxText+len("…"))
	require.True(t, strings.HasSuffix(m.events()[0].Detail, "ä…"))
}

func TestWhatTheStoreDoesNotTakeIsInTheLog(t *testing.T) {
	var log logtest.Buffer
	trail := newTrail(&memory{down: errors.New("no disk")}, slog.New(slog.NewTextHandler(&log, nil)))
	defer trail.Close()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	trail.Record(ended, Event{Kind: RoleGranted, Actor: "root", Subject: "ann", Detail: "site-admin"})
	require.Len(t, log.Lines("kind=role-granted"), 1)
	require.Contains(t, log.String(), "subject=ann")
}

func TestEventsAreFilteredInPages(t *testing.T) {
	m := &memory{}
	trail := newTrail(m, slog.New(slog.DiscardHandler))
	defer trail.Close()
	for i := range 1200 {
		e := Event{Kind: LoggedIn, Actor: "ann", Subject: "ann"}
		if i%100 == 0 {
			e = Event{Kind: RoleGranted, Actor: "root", Subject: "bob", Detail: fmt.Sprint(i)}
		}
		trail.Record(t.Context(), e)
	}
	details := func(f Filter, limit int) (all []string) {
		for before := (id.ID{}); ; {
			found, next, err := trail.Events(t.Context(), chat.DefaultTenant, f, before, limit)
			require.NoError(t, err)
			for _, e := range found {
				all = append(all, e.Detail)
			}
			if next.IsZero() {
				return all
			}
			before = next
		}
	}
	want := []string{"1100", "1000", "900", "800", "700", "600", "500", "400", "300", "200", "100", "0"}
	for _, limit := range []int{1, 5, 12, 100} {
		require.Equal(t, want, details(Filter{Kind: RoleGranted}, limit))
		require.Equal(t, want, details(Filter{Login: "bob"}, limit))
		require.Equal(t, want, details(Filter{Login: "root", Kind: RoleGranted}, limit))
		require.Empty(t, details(Filter{Login: "carl"}, limit))
	}
	require.Len(t, details(Filter{}, 7), 1200)
	found, next, err := trail.Events(t.Context(), "another", Filter{}, id.ID{}, 10)
	require.NoError(t, err)
	require.Empty(t, found)
	require.True(t, next.IsZero())
}
