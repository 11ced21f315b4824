package upgrade

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/store/cassandra/cassandratest"
)

// data is what a store keeps.
type data interface {
	url() string
	save(to string)      // into a folder of testdata
	restore(from string) // from one
}

// newData returns an empty folder or the name of a keyspace; without a Cassandra, the latter skips the test.
func newData(t *testing.T, kind string) data {
	switch kind {
	case "embedded":
		return folder{t, t.TempDir()}
	case "cassandra":
		return newKeyspace(t)
	}
	require.FailNow(t, "there is no store called "+kind)
	return nil
}

// folder is that of an embedded store.
type folder struct {
	t    *testing.T
	path string
}

func (f folder) url() string { return "embedded:" + filepath.Join(f.path, "data") }

func (f folder) save(to string) {
	out, err := os.Create(filepath.Join(to, "data.tar.gz"))
	require.NoError(f.t, err)
	z := gzip.NewWriter(out)
	w := tar.NewWriter(z)
	require.NoError(f.t, w.AddFS(os.DirFS(f.path)))
	require.NoError(f.t, w.Close())
	require.NoError(f.t, z.Close())
	require.NoError(f.t, out.Close())
}

func (f folder) restore(from string) {
	in, err := os.Open(filepath.Join(from, "data.tar.gz"))
	require.NoError(f.t, err)
	defer in.Close()
	z, err := gzip.NewReader(in)
	require.NoError(f.t, err)
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(f.t, err)
		require.True(f.t, filepath.IsLocal(h.Name))
		path := filepath.Join(f.path, h.Name)
		if h.FileInfo().IsDir() {
			require.NoError(f.t, os.MkdirAll(path, 0o755))
			continue
		}
		require.NoError(f.t, os.MkdirAll(filepath.Dir(path), 0o755))
		content, err := io.ReadAll(r)
		require.NoError(f.t, err)
		require.NoError(f.t, os.WriteFile(path, content, 0o644))
	}
}

// keyspace is one of the test's own.
type keyspace struct {
	t       *testing.T
	address string
	name    string
	session *gocql.Session
}

func newKeyspace(t *testing.T) keyspace {
	address, session := cassandratest.Address(t), cassandratest.Session(t, "")
	k := keyspace{t, address, fmt.Sprintf("confab_upgrade_%d", time.Now().UnixMilli()), session}
	cassandratest.Drop(t, k.name)
	return k
}

func (k keyspace) url() string { return "cassandra://" + k.address + "/" + k.name + "?timeout=30s" }

func (k keyspace) exec(statement string, values ...any) {
	require.NoError(k.t, k.session.Query(statement, values...).Exec(), statement)
}

const (
	// here stands for the name of the keyspace in what is kept.
	here = "confab_here"
	// rows begins the part of the kept file that has rows, as "table<TAB>JSON"; before it there is a statement a line.
	rows = "-- rows"
)

func (k keyspace) save(to string) {
	out, err := os.Create(filepath.Join(to, "keyspace.gz"))
	require.NoError(k.t, err)
	z := gzip.NewWriter(out)
	z.ModTime = time.Now()
	var tables []string
	var kept []string
	it := k.session.Query("DESCRIBE KEYSPACE " + k.name).Iter()
	for row := map[string]any{}; it.MapScan(row); row = map[string]any{} {
		kept = append(kept, strings.Join(strings.Fields(row["create_statement"].(string)), " "))
		if row["type"] == "table" {
			tables = append(tables, row["name"].(string))
		}
	}
	require.NoError(k.t, it.Close())
	kept = append(kept, rows)
	slices.Sort(tables)
	for _, table := range tables {
		it := k.session.Query("SELECT JSON * FROM " + k.name + "." + table).Iter()
		for row := ""; it.Scan(&row); {
			kept = append(kept, table+"\t"+row)
		}
		require.NoError(k.t, it.Close())
	}
	for _, line := range kept {
		_, err := fmt.Fprintln(z, strings.ReplaceAll(line, k.name, here))
		require.NoError(k.t, err)
	}
	require.NoError(k.t, z.Close())
	require.NoError(k.t, out.Close())
}

// restore writes the rows with the time at which they were kept: later changes have to win over them.
func (k keyspace) restore(from string) {
	file := filepath.Join(from, "keyspace.gz")
	in, err := os.Open(file)
	require.NoError(k.t, err)
	defer in.Close()
	z, err := gzip.NewReader(in)
	require.NoError(k.t, err)
	at := z.ModTime.UnixMicro()
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	inRows := false
	for lines.Scan() {
		line := strings.ReplaceAll(lines.Text(), here, k.name)
		if line == rows {
			inRows = true
			continue
		}
		if !inRows {
			k.exec(line)
			continue
		}
		table, row, _ := strings.Cut(line, "\t")
		columns, values := columnsOf(k.t, row)
		k.exec(fmt.Sprintf("INSERT INTO %s.%s (%s) VALUES (%s) USING TIMESTAMP %d", k.name, table, strings.Join(columns, ", "),
			strings.TrimSuffix(strings.Repeat("fromJson(?), ", len(columns)), ", "), at), values...)
	}
	require.NoError(k.t, lines.Err())
}

// columnsOf returns the columns of a row that have a value, and their values as JSON. The row of a partition that has only
// static columns has no clustering column.
func columnsOf(t *testing.T, row string) (names []string, values []any) {
	var columns map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(row), &columns))
	for _, name := range slices.Sorted(maps.Keys(columns)) {
		if value := string(columns[name]); value != "null" {
			names, values = append(names, name), append(values, value)
		}
	}
	return names, values
}
