package cassandra

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/gocql/gocql"
)

// migrator applies migrations to one keyspace.
type migrator struct {
	config Config
	log    *slog.Logger
	known  []migration
	// admin is a session without a keyspace, because the keyspace may not exist yet.
	admin *gocql.Session
	// keyed is a session with the keyspace, once it exists.
	keyed *db
	owner gocql.UUID
	lease int // seconds

	now    func() time.Time
	said   string // by the last line about progress
	saidAt time.Time
}

func newMigrator(ctx context.Context, c Config, log *slog.Logger) (*migrator, error) {
	log = Options{Log: log}.withDefaults().Log
	known, err := migrations()
	if err != nil {
		return nil, err
	}
	dc, err := localDC(ctx, c, log)
	if err != nil {
		return nil, err
	}
	c.DC = dc
	c.Timeout = max(c.Timeout, schemaTimeout)
	admin, err := connect(ctx, c, "", dc, log)
	if err != nil {
		return nil, err
	}
	owner, err := gocql.RandomUUID()
	if err != nil {
		admin.Close()
		return nil, err
	}
	return &migrator{config: c, log: log, known: known, admin: admin, owner: owner, lease: lockSeconds, now: time.Now}, nil
}

func (m *migrator) close() {
	if m.keyed != nil {
		m.keyed.session.Close()
	}
	m.admin.Close()
}

// check reads the versions of the keyspace.
func (m *migrator) check(ctx context.Context) (SchemaStatus, error) {
	admin := &db{session: m.admin, consistency: gocql.LocalQuorum, timeout: m.config.Timeout}
	var table string
	// System tables are local to each node, so LOCAL_ONE suffices.
	found, err := admin.rowAt(ctx, gocql.LocalOne, selectTable, []any{m.config.Keyspace}, &table)
	if err != nil {
		return SchemaStatus{}, err
	}
	if !found {
		return SchemaStatus{Known: len(m.known)}, nil
	}
	if err := m.use(ctx); err != nil {
		return SchemaStatus{}, err
	}
	applied := map[int]string{}
	var version int
	var checksum string
	err = m.keyed.rows(ctx, 1000, func() { applied[version] = checksum }, selectVersions, []any{component}, &version, &checksum)
	if isInvalid(err) {
		// Another server is creating the table: a node lists it a moment before it can be read.
		return SchemaStatus{Known: len(m.known)}, nil
	}
	if err != nil {
		return SchemaStatus{}, err
	}
	return verify(m.config.Keyspace, m.known, applied)
}

// isInvalid reports whether Cassandra takes a statement for wrong, as it does when a table does not exist.
func isInvalid(err error) bool {
	var refused gocql.RequestError
	return errors.As(err, &refused) && refused.Code() == gocql.ErrCodeInvalid
}

func (m *migrator) use(ctx context.Context) error {
	if m.keyed != nil {
		return nil
	}
	s, err := connect(ctx, m.config, m.config.Keyspace, m.config.DC, m.log)
	if err != nil {
		return err
	}
	m.keyed = &db{session: s, consistency: m.config.Consistency, serial: m.config.Serial, timeout: m.config.Timeout}
	return nil
}

func (m *migrator) apply(ctx context.Context) (SchemaStatus, error) {
	// Most starts find the schema complete and need no lock.
	if s, err := m.check(ctx); err != nil || s.Current() {
		m.warn(ctx)
		return s, err
	}
	if err := m.bootstrap(ctx); err != nil {
		return SchemaStatus{}, err
	}
	m.warn(ctx)
	if err := m.lock(ctx); err != nil {
		return SchemaStatus{}, err
	}
	defer m.unlock(ctx)
	s, err := m.check(ctx) // another server may have changed the schema meanwhile
	if err != nil {
		return s, err
	}
	for _, next := range m.known[s.Applied:] {
		if err := m.run(ctx, next); err != nil {
			return s, fmt.Errorf("schema version %d: %w", next.Version, err)
		}
		s.Applied = next.Version
	}
	return s, nil
}

// bootstrap creates the keyspace and the migrations' own tables.
func (m *migrator) bootstrap(ctx context.Context) error {
	k := m.config.Keyspace
	if err := m.change(ctx, m.admin, fmt.Sprintf(createKeyspace, k, m.config.DC, max(m.config.RF, 1))); err != nil {
		return fmt.Errorf("cannot create the keyspace %s: %w", k, err)
	}
	if err := m.use(ctx); err != nil {
		return err
	}
	for _, s := range []string{
		fmt.Sprintf(createVersions, tableID(k, "schema_versions")),
		fmt.Sprintf(createLock, tableID(k, "schema_lock")),
	} {
		if err := m.change(ctx, m.keyed.session, s); err != nil {
			return err
		}
	}
	return nil
}

// change runs one statement that changes the schema, and waits until all nodes have it.
func (m *migrator) change(ctx context.Context, s *gocql.Session, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, schemaTimeout)
	defer cancel()
	if err := s.Query(statement).WithContext(ctx).RetryPolicy(nil).Exec(); err != nil {
		return err
	}
	return s.AwaitSchemaAgreement(ctx)
}

func (m *migrator) run(ctx context.Context, next migration) error {
	m.progress("applying the schema", "version", next.Version, "of", len(m.known))
	for _, s := range statements(next.text) {
		if err := m.renew(ctx); err != nil {
			return err
		}
		if err := m.change(ctx, m.keyed.session, s); err != nil {
			return err
		}
	}
	return m.keyed.exec(ctx, insertVersion, component, next.Version, next.checksum, next.Description, time.Now().UTC())
}

// lock waits until only this migrator may change the schema. The lock of a migrator that crashed expires.
func (m *migrator) lock(ctx context.Context) error {
	for {
		locked, err := m.keyed.decide(ctx, m.verifyLock, insertLock, component, m.owner, m.lease)
		if err != nil {
			m.unlock(ctx) // this migrator may hold it nevertheless
		}
		if err != nil || locked {
			return err
		}
		m.progress("another server is applying the schema; waiting")
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// progressEvery is the time between two lines of the log about a schema that is being applied.
const progressEvery = 10 * time.Second

// progress logs what is going on, unless it said so less than progressEvery ago.
func (m *migrator) progress(what string, args ...any) {
	if now := m.now(); what != m.said || now.Sub(m.saidAt) >= progressEvery {
		m.said, m.saidAt = what, now
		m.log.Info(what, append([]any{"keyspace", m.config.Keyspace}, args...)...)
	}
}

func (m *migrator) verifyLock(ctx context.Context) (outcome, error) {
	var owner gocql.UUID
	found, err := m.keyed.decided(ctx, selectLock, []any{component}, &owner)
	switch {
	case err != nil || !found:
		return undecided, err
	case owner == m.owner:
		return applied, nil
	default:
		return rejected, nil
	}
}

func (m *migrator) renew(ctx context.Context) error {
	// A lock that this migrator holds may not have been renewed. Renewing it once more is harmless.
	held, err := m.keyed.apply(ctx, renewLock, m.lease, m.owner, component, m.owner)
	if err == nil && !held {
		return errLostLock
	}
	return err
}

func (m *migrator) unlock(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	// After an error the lock expires.
	_, _ = m.keyed.cas(ctx, deleteLock, []any{component, m.owner})
}

// warn logs a warning if the data would not survive the loss of a node.
func (m *migrator) warn(ctx context.Context) {
	admin := &db{session: m.admin, consistency: gocql.LocalQuorum, timeout: m.config.Timeout}
	var replication map[string]string
	found, err := admin.rowAt(ctx, gocql.LocalOne, selectKeyspace, []any{m.config.Keyspace}, &replication)
	if err != nil || !found {
		return
	}
	if n, err := strconv.Atoi(replication[m.config.DC]); err == nil && n < 3 {
		m.log.Warn("the Cassandra keyspace keeps fewer than 3 copies: it is not available, or loses data, when a node fails",
			"keyspace", m.config.Keyspace, "dc", m.config.DC, "copies", n)
	}
}
