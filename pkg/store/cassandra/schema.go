package cassandra

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/gocql/gocql"

	"github.com/confab-chat/confab/schema"
)

// component is the partition of our versions in schema_versions.
const component = "confab"

const (
	createKeyspace = `CREATE KEYSPACE IF NOT EXISTS %s WITH replication = {'class': 'NetworkTopologyStrategy', '%s': %d}`

	// The two tables that the migrations themselves need. Their ids are fixed, so that two servers that create them
	// concurrently create the same tables.
	createVersions = `CREATE TABLE IF NOT EXISTS schema_versions (
  component text, version int, checksum text, description text, applied_at timestamp,
  PRIMARY KEY ((component), version)) WITH id = %s`
	createLock = `CREATE TABLE IF NOT EXISTS schema_lock (
  component text, owner uuid, PRIMARY KEY ((component))) WITH id = %s`

	selectKeyspace = `SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?`
	// Keyspaces made by earlier versions lack the column until the next migration.
	addReader = `ALTER TABLE schema_versions ADD IF NOT EXISTS reader int`

	selectColumns    = `SELECT column_name FROM system_schema.columns WHERE keyspace_name = ? AND table_name = 'schema_versions'`
	selectVersions   = `SELECT version, checksum FROM schema_versions WHERE component = ?`
	selectReaders    = `SELECT version, checksum, reader FROM schema_versions WHERE component = ?`
	selectOneVersion = `SELECT version FROM schema_versions WHERE component = ? LIMIT 1`
	insertVersion    = `INSERT INTO schema_versions (component, version, checksum, description, applied_at, reader) VALUES (?, ?, ?, ?, ?, ?)`

	insertLock = `INSERT INTO schema_lock (component, owner) VALUES (?, ?) IF NOT EXISTS USING TTL ?`
	renewLock  = `UPDATE schema_lock USING TTL ? SET owner = ? WHERE component = ? IF owner = ?`
	deleteLock = `DELETE FROM schema_lock WHERE component = ? IF owner = ?`
	selectLock = `SELECT owner FROM schema_lock WHERE component = ?`
)

// migration is one version of the schema.
type migration struct {
	Version     int    `json:"version"`
	File        string `json:"file"`
	Description string `json:"description"`
	// Reader is the oldest version of the schema whose programs may use a keyspace that has this one. It is recorded in the
	// keyspace, where older programs read it. 0: only programs that have this version may.
	Reader int `json:"reader"`

	text     string
	checksum string // SHA-256 of text
}

// migrations returns those of the program, in order.
func migrations() ([]migration, error) {
	dir, err := fs.Sub(schema.Cassandra, "cassandra")
	if err != nil {
		return nil, err
	}
	return readMigrations(dir)
}

func readMigrations(dir fs.FS) ([]migration, error) {
	b, err := fs.ReadFile(dir, "manifest.json")
	if err != nil {
		return nil, err
	}
	var manifest struct {
		Versions []migration `json:"versions"`
	}
	if err := json.Unmarshal(b, &manifest); err != nil {
		return nil, fmt.Errorf("manifest.json: %w", err)
	}
	for i := range manifest.Versions {
		m := &manifest.Versions[i]
		if m.Version != i+1 {
			return nil, fmt.Errorf("manifest.json: version %d stands where %d should", m.Version, i+1)
		}
		if m.Reader < 0 || m.Reader > m.Version {
			return nil, fmt.Errorf("manifest.json: the reader of version %d has to be from 1 to %d", m.Version, m.Version)
		}
		b, err := fs.ReadFile(dir, path.Clean(m.File))
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(b)
		m.text, m.checksum = string(b), hex.EncodeToString(sum[:])
	}
	return manifest.Versions, nil
}

// statements splits CQL where a line ends with a semicolon, comments left out.
func statements(text string) []string {
	var all []string
	var current []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \r\n")
		if strings.HasPrefix(strings.TrimSpace(line), "--") || line == "" {
			continue
		}
		last := strings.HasSuffix(line, ";")
		current = append(current, strings.TrimSuffix(line, ";"))
		if last {
			all = append(all, strings.Join(current, "\n"))
			current = nil
		}
	}
	return all
}

// SchemaStatus compares a keyspace with the migrations of this program.
type SchemaStatus struct {
	Known   int // the newest version this program has
	Applied int // the newest version of the keyspace; 0 if it is missing or empty
}

// Current reports whether the keyspace has all migrations of this program. It may have newer ones that leave this program
// right: Applied is greater than Known then.
func (s SchemaStatus) Current() bool { return s.Applied >= s.Known }

// Check reads the state of the keyspace and changes nothing. It fails if the cluster does not answer, or if this
// program must not use the keyspace: because its schema is newer and needs newer programs, or has other texts of the same
// versions.
func Check(ctx context.Context, c Config, log *slog.Logger) (SchemaStatus, error) {
	m, err := newMigrator(ctx, c, log)
	if err != nil {
		return SchemaStatus{}, err
	}
	defer m.close()
	return m.check(ctx)
}

// Apply creates the keyspace if it is missing, and applies the versions it lacks. Apply removes nothing. It may run on
// many servers concurrently, and can be repeated after a failure.
func Apply(ctx context.Context, c Config, log *slog.Logger) (SchemaStatus, error) {
	m, err := newMigrator(ctx, c, log)
	if err != nil {
		return SchemaStatus{}, err
	}
	defer m.close()
	return m.apply(ctx)
}

// Print writes the CQL that Apply runs for a new keyspace, so that operators can run it by hand.
func Print(w io.Writer, c Config) error {
	all, err := migrations()
	if err != nil {
		return err
	}
	dc := c.DC
	if dc == "" {
		dc = "datacenter1"
	}
	var b strings.Builder
	fmt.Fprintf(&b, createKeyspace+";\nUSE %s;\n\n", c.Keyspace, dc, max(c.RF, 1), c.Keyspace)
	fmt.Fprintf(&b, createVersions+";\n"+createLock+";\n"+addReader+";\n\n", tableID(c.Keyspace, "schema_versions"), tableID(c.Keyspace, "schema_lock"))
	for _, m := range all {
		fmt.Fprintf(&b, "-- Version %d: %s.\n\n%s\nINSERT INTO schema_versions (component, version, checksum, description, applied_at, reader)\n"+
			"VALUES ('%s', %d, '%s', '%s', toTimestamp(now()), %d);\n\n", m.Version, m.Description, m.text, component, m.Version, m.checksum, m.Description, m.Reader)
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// tableID is the id of one of the migrations' own tables: a function of its name.
func tableID(keyspace, table string) gocql.UUID {
	sum := sha256.Sum256([]byte(component + "." + keyspace + "." + table))
	sum[6] = sum[6]&0x0f | 0x50 // version 5, a name's hash
	sum[8] = sum[8]&0x3f | 0x80
	return gocql.UUID(sum[:16])
}

// prepareSchema checks or applies the schema for Open.
func prepareSchema(ctx context.Context, c Config, o Options) error {
	if !o.KeepSchema {
		_, err := Apply(ctx, c, o.Log)
		return err
	}
	status, err := Check(ctx, c, o.Log)
	if err == nil && !status.Current() {
		err = fmt.Errorf("the Cassandra keyspace %s has schema version %d and version %d is needed: run `confab schema apply`",
			c.Keyspace, status.Applied, status.Known)
	}
	return err
}

// recorded is a row of schema_versions.
type recorded struct {
	checksum string
	reader   int // 0 if no older program may use the keyspace
}

// verify compares the versions of a keyspace with those of this program.
func verify(keyspace string, known []migration, rows map[int]recorded) (SchemaStatus, error) {
	s := SchemaStatus{Known: len(known)}
	newest := 0
	if len(rows) > 0 {
		newest = slices.Max(slices.Collect(maps.Keys(rows)))
	}
	for v := 1; v <= newest; v++ {
		row, there := rows[v]
		switch {
		case v > len(known) && (row.reader == 0 || row.reader > len(known)):
			return s, fmt.Errorf("the Cassandra keyspace %s has schema version %d, newer than version %d of this program: use a newer program",
				keyspace, newest, len(known))
		case !there:
			return s, fmt.Errorf("the Cassandra keyspace %s has schema version %d without version %d", keyspace, newest, v)
		case v <= len(known) && row.checksum != known[v-1].checksum:
			return s, fmt.Errorf("schema version %d of the Cassandra keyspace %s is not the one of this program (checksum %.12s, not %.12s)",
				v, keyspace, row.checksum, known[v-1].checksum)
		}
		s.Applied = v
	}
	return s, nil
}

// lockSeconds is the TTL of the lock: other servers wait that long after its owner has crashed. The owner renews the
// lock before each statement.
const lockSeconds = 2 * int(schemaTimeout/time.Second)

var errLostLock = errors.New("the lock on the schema was lost; try again")

// schemaTimeout is what a change of the schema may take, agreement of all nodes included.
const schemaTimeout = 60 * time.Second

// unlockTimeout is what giving up the lock may take.
const unlockTimeout = 15 * time.Second
