package cassandra

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/gocql/gocql"
)

// migrator applies migrations to one keyspace.
type migrator struct {
	config Config // DC is known
	asked  string // dc of the URL
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
	asked := c.DC
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
	return &migrator{config: c, asked: asked, log: log, known: known, admin: admin, owner: owner, lease: lockSeconds, now: time.Now}, nil
}

func (m *migrator) close() {
	if m.keyed != nil {
		m.keyed.session.Close()
	}
	m.admin.Close()
}

// system reads system tables. They are local to each node, so LOCAL_ONE suffices.
func (m *migrator) system() *db {
	return &db{session: m.admin, consistency: gocql.LocalOne, timeout: m.config.Timeout}
}

// check reads the versions of the keyspace. It fails if its replication is not what the URL says.
func (m *migrator) check(ctx context.Context) (SchemaStatus, error) {
	r, err := m.replication(ctx)
	if err == nil && r != nil {
		err = m.config.fits(m.asked, r)
	}
	if err != nil {
		return SchemaStatus{}, err
	}
	var columns []string
	var column string
	err = m.system().rows(ctx, 100, func() { columns = append(columns, column) }, selectColumns, []any{m.config.Keyspace}, &column)
	if err != nil {
		return SchemaStatus{}, err
	}
	if len(columns) == 0 {
		return SchemaStatus{Known: len(m.known)}, nil
	}
	if err := m.use(ctx); err != nil {
		return SchemaStatus{}, err
	}
	rows := map[int]recorded{}
	var version int
	var row recorded
	each := func() { rows[version] = row }
	if slices.Contains(columns, "reader") {
		err = m.keyed.rows(ctx, 1000, each, selectReaders, []any{component}, &version, &row.checksum, &row.reader)
	}
	if !slices.Contains(columns, "reader") || isInvalid(err) {
		err = m.keyed.rows(ctx, 1000, each, selectVersions, []any{component}, &version, &row.checksum)
	}
	if isInvalid(err) {
		// Another server is creating the table: a node lists it a moment before it can be read. That goes for its columns too.
		return SchemaStatus{Known: len(m.known)}, nil
	}
	if err != nil {
		return SchemaStatus{}, err
	}
	return verify(m.config.Keyspace, m.known, rows)
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
	if s.Current() {
		return s, nil
	}
	if err := m.change(ctx, m.keyed.session, addReader); err != nil {
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

// bootstrap creates the keyspace, unless it exists, and the migrations' own tables. A keyspace that exists needs no right
// but those on itself.
func (m *migrator) bootstrap(ctx context.Context) error {
	k := m.config.Keyspace
	r, err := m.replication(ctx)
	if err == nil && r == nil {
		if err = m.enough(ctx); err == nil {
			err = m.change(ctx, m.admin, fmt.Sprintf(createKeyspace, k, m.config.DC, max(m.config.RF, 1)))
		}
		if err != nil {
			err = fmt.Errorf("cannot create the keyspace %s: %w", k, err)
		}
	}
	if err != nil {
		return err
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
		return m.config.withHint(err)
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
	return m.keyed.exec(ctx, insertVersion, component, next.Version, next.checksum, next.Description, time.Now().UTC(), next.Reader)
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

// unlock gives up the lock. An answer that is lost is asked for again: otherwise the other servers wait until the lock has
// expired.
func (m *migrator) unlock(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockTimeout)
	defer cancel()
	_, _ = m.keyed.decide(ctx, func(ctx context.Context) (outcome, error) {
		switch o, err := m.verifyLock(ctx); {
		case err == nil && o == applied:
			return undecided, nil // this migrator still has it
		default:
			return applied, err
		}
	}, deleteLock, component, m.owner)
}

// warn logs a warning if the data would not survive the loss of a node.
func (m *migrator) warn(ctx context.Context) {
	r, err := m.replication(ctx)
	if err != nil || r == nil {
		return
	}
	if !strings.HasSuffix(r["class"], networkTopology) {
		m.log.Warn("the Cassandra keyspace does not have NetworkTopologyStrategy", "keyspace", m.config.Keyspace, "replication", r["class"],
			"do", alter(m.config.Keyspace, r, m.config.DC, max(copiesOf(r["replication_factor"]), 1)))
	}
	if n := copiesOf(r[m.config.DC]); n > 0 && n < 3 {
		m.log.Warn("the Cassandra keyspace keeps fewer than 3 copies: it is not available, or loses data, when a node fails",
			"keyspace", m.config.Keyspace, "dc", m.config.DC, "copies", n)
	}
}
