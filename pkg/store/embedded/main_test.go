package embedded

import (
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimEnv); dir != "" {
		victim(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// quiet is Options that write no log.
func quiet() Options { return Options{Logger: slog.New(slog.DiscardHandler), CacheBytes: 1 << 20} }

// on is Options for a store on a file system of the test's.
func on(fs vfs.FS) Options {
	o := quiet()
	o.fs = fs
	return o
}

func open(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(dir, o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

var (
	ids    = id.NewGenerator(nil)
	aLog   = chat.Log{Tenant: "t", ID: ids.New()}
	author = chat.Person{Login: "author", FirstName: "First", LastName: "Last"}
)

func message(content string) chat.Message {
	return chat.Message{ID: ids.New(), Author: author, Content: content}
}

func room(name string) chat.Room {
	return chat.Room{ID: ids.New(), Name: name, Creator: author, CreatedAt: time.UnixMilli(1).UTC()}
}
