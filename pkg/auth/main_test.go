package auth

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/clocktest"
)

func TestMain(m *testing.M) {
	// The caches of sessions and tokens live as long as the process.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/maypok86/otter/v2.periodicCleanUp[...]"))
}

var quiet = slog.New(slog.DiscardHandler)

var jdoe = chat.Identity{Tenant: chat.DefaultTenant, Login: "jdoe"}

// memory is a minimal store that keeps the guarantees of this package's interfaces.
type memory struct {
	now func() time.Time

	mu         sync.Mutex
	sessions   map[Hash]Session
	remembered map[Hash]Remembered
	tokens     map[Hash]APIToken
	users      map[string]chat.User
	roles      map[string]map[string]bool
	reads      int
	extends    int
	down       error
}

func newMemory(now func() time.Time) *memory {
	return &memory{now: now, sessions: map[Hash]Session{}, remembered: map[Hash]Remembered{}, tokens: map[Hash]APIToken{},
		users: map[string]chat.User{}, roles: map[string]map[string]bool{}}
}

var errUnknown = &chat.Error{Kind: chat.NotFound}

func find[T any](m *memory, rows map[Hash]T, h Hash, end func(T) time.Time) (T, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var none T
	m.reads++
	if m.down != nil {
		return none, m.down
	}
	x, ok := rows[h]
	if !ok || !end(x).IsZero() && !m.now().Before(end(x)) {
		return none, errUnknown
	}
	return x, nil
}

func put[T any](m *memory, rows map[Hash]T, h Hash, x T) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	rows[h] = x
	return nil
}

func drop[T any](m *memory, rows map[Hash]T, h Hash) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(rows, h)
	return m.down
}

func all[T any](m *memory, rows map[Hash]T, limit int, fits func(T) bool) ([]T, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []T
	for _, x := range rows {
		if fits(x) && len(out) < limit {
			out = append(out, x)
		}
	}
	return out, m.down
}

func (m *memory) PutSession(_ context.Context, s Session) error { return put(m, m.sessions, s.Hash, s) }
func (m *memory) Session(_ context.Context, h Hash) (Session, error) {
	return find(m, m.sessions, h, func(s Session) time.Time { return s.ExpiresAt })
}
func (m *memory) DeleteSession(_ context.Context, h Hash) error { return drop(m, m.sessions, h) }
func (m *memory) SessionsOf(_ context.Context, t chat.Tenant, login string, limit int) ([]Session, error) {
	return all(m, m.sessions, limit, func(s Session) bool { return s.Tenant == t && s.Login == login })
}

func (m *memory) ExtendSession(_ context.Context, h Hash, until time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.extends++
	if s, ok := m.sessions[h]; ok {
		s.ExpiresAt = until
		m.sessions[h] = s
	}
	return m.down
}

func (m *memory) CreateRemembered(_ context.Context, r Remembered) error {
	return put(m, m.remembered, r.Series, r)
}
func (m *memory) Remembered(_ context.Context, h Hash) (Remembered, error) {
	return find(m, m.remembered, h, func(r Remembered) time.Time { return r.ExpiresAt })
}
func (m *memory) DeleteRemembered(_ context.Context, h Hash) error { return drop(m, m.remembered, h) }
func (m *memory) RememberedOf(_ context.Context, t chat.Tenant, login string, limit int) ([]Remembered, error) {
	return all(m, m.remembered, limit, func(r Remembered) bool { return r.Tenant == t && r.Login == login })
}

func (m *memory) Rotate(_ context.Context, from Hash, next Remembered) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, ok := m.remembered[next.Series]; !ok || r.Token != from {
		return false, m.down
	}
	m.remembered[next.Series] = next
	return true, m.down
}

func (m *memory) PutToken(_ context.Context, a APIToken) error { return put(m, m.tokens, a.Hash, a) }
func (m *memory) Token(_ context.Context, h Hash) (APIToken, error) {
	return find(m, m.tokens, h, func(a APIToken) time.Time { return a.ExpiresAt })
}

func (m *memory) DeleteToken(_ context.Context, h Hash) error { return drop(m, m.tokens, h) }
func (m *memory) TouchToken(_ context.Context, h Hash, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a, ok := m.tokens[h]; ok {
		a.LastUsedAt = at
		m.tokens[h] = a
	}
	return nil
}
func (m *memory) TokensOf(_ context.Context, t chat.Tenant, login string, limit int) ([]APIToken, error) {
	return all(m, m.tokens, limit, func(a APIToken) bool { return a.Tenant == t && a.Login == login })
}

func (m *memory) User(_ context.Context, _ chat.Tenant, login string) (chat.User, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if u, ok := m.users[login]; ok || m.down != nil {
		return u, m.down
	}
	return chat.User{}, errUnknown
}

func (m *memory) CreateUser(_ context.Context, _ chat.Tenant, u chat.User) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.users[u.Login]; ok {
		return chat.ErrExists(chat.UserEntity, u.Login)
	}
	m.users[u.Login] = u
	return m.down
}

func (m *memory) Rehash(_ context.Context, _ chat.Tenant, login, from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if u, ok := m.users[login]; ok && u.PasswordHash == from {
		u.PasswordHash = to
		m.users[login] = u
	}
	return m.down
}

func (m *memory) SetPasswordHash(_ context.Context, _ chat.Tenant, login, hash, epoch string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, ok := m.users[login]
	if !ok {
		return errUnknown
	}
	u.PasswordHash, u.Epoch = hash, epoch
	m.users[login] = u
	return m.down
}

func (m *memory) EndLogins(_ context.Context, _ chat.Tenant, login, epoch string, disabled *bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, ok := m.users[login]
	if !ok {
		return errUnknown
	}
	u.Epoch = epoch
	if disabled != nil {
		u.Disabled = *disabled
	}
	m.users[login] = u
	return m.down
}

func (m *memory) RevokeRole(_ context.Context, _ chat.Tenant, login, role string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.roles[login], role)
	return m.down
}

func (m *memory) Roles(_ context.Context, _ chat.Tenant, login string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.roles[login])), m.down
}

func (m *memory) GrantRole(_ context.Context, _ chat.Tenant, login, role string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.roles[login] == nil {
		m.roles[login] = map[string]bool{}
	}
	m.roles[login][role] = true
	return m.down
}

// counted returns how often the store was read and sessions were extended.
func (m *memory) counted() (reads, extends int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reads, m.extends
}

// world is everything of this package on one memory.
type world struct {
	*memory
	clock    *clocktest.Clock
	hasher   *Hasher
	sessions *Sessions
	remember *Remember
	accounts *Accounts
	ended    []Hash
	over     []chat.Identity
}

const (
	idle  = 30 * time.Minute
	grace = 10 * time.Second
)

func newWorld() *world {
	w := &world{clock: clocktest.New(time.Date(2015, 3, 15, 13, 3, 35, 0, time.UTC))}
	w.memory = newMemory(w.clock.Now)
	w.hasher = NewHasher(CheapForTests, 2, 0)
	w.sessions = NewSessions(w.memory, nil, idle, w.clock.Now, Ended{
		Sessions: func(_ context.Context, hs []Hash) { w.ended = append(w.ended, hs...) },
		Account:  func(_ context.Context, who chat.Identity) { w.over = append(w.over, who) },
	})
	w.remember = NewRemember(w.memory, w.sessions, grace, w.clock.Now, quiet)
	w.accounts = NewAccounts(AccountParts{Store: w.memory, Hasher: w.hasher, Throttle: NewThrottle(0, 0, w.clock.Now, 1000), Sessions: w.sessions,
		Remember: w.remember, Tokens: NewTokens(w.memory, w.sessions, nil, w.clock.Now, SettingsToken), Log: quiet})
	return w
}

func (w *world) signUp(t *testing.T, login, password string) {
	t.Helper()
	hash, err := w.hasher.Hash(t.Context(), password)
	require.NoError(t, err)
	require.NoError(t, w.CreateUser(t.Context(), chat.DefaultTenant, chat.User{Person: chat.Person{Login: login}, PasswordHash: hash}))
}

func requireKind(t *testing.T, kind chat.Kind, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, kind.String(), chat.KindOf(err).String(), err.Error())
}
