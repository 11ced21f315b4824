package irclog_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/irclog"
	"github.com/confab-chat/confab/pkg/store/embedded"
)

// Years of history in a real store read the same forwards and backwards, and a
// second import after a restart changes nothing.
func TestIntoEmbeddedStore(t *testing.T) {
	logs := t.TempDir()
	var files []string
	var want []string
	for year := 2005; year < 2017; year += 4 {
		var b strings.Builder
		for i := range 700 {
			text := fmt.Sprintf("message %d of %d", i, year)
			fmt.Fprintf(&b, "[%02d:%02d] <nick%d> %s\n", i/60, i%60/7, i%40, text)
			want = append(want, text)
		}
		path := filepath.Join(logs, fmt.Sprintf("%d-02-27.txt", year))
		require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
		files = append(files, path)
	}
	data := t.TempDir()
	var first []chat.Message
	for run := range 2 {
		s, err := embedded.Open(data, embedded.Options{})
		require.NoError(t, err)
		o := irclog.Options{Room: "lounge", IDs: id.NewGenerator(nil)}
		report, err := irclog.Import(t.Context(), s, o, files...)
		require.NoError(t, err)
		if run == 0 {
			require.Equal(t, len(want), report.Messages)
			require.Equal(t, 40, report.UsersCreated)
		} else {
			require.Zero(t, report.Messages+report.UsersCreated)
		}
		room, err := s.Room(t.Context(), chat.DefaultTenant, "lounge")
		require.NoError(t, err)
		forwards, backwards := pages(t, s, room)
		require.Equal(t, want, contents(forwards))
		for i, m := range backwards {
			require.Equal(t, forwards[len(forwards)-1-i], m)
		}
		members, err := s.Participants(t.Context(), chat.DefaultTenant, room.ID, "", 100)
		require.NoError(t, err)
		require.Len(t, members, 40)
		if run == 0 {
			first = forwards
		} else {
			require.Equal(t, first, forwards)
		}
		require.NoError(t, s.Close())
	}
}

func pages(t *testing.T, s chat.MessageStore, r chat.Room) (forwards, backwards []chat.Message) {
	t.Helper()
	const page = 33
	l := r.Log(chat.DefaultTenant)
	for at := id.Min; ; {
		ms, err := s.Newer(t.Context(), l, at, false, page)
		require.NoError(t, err)
		if len(ms) == 0 {
			break
		}
		forwards = append(forwards, ms...)
		at = ms[len(ms)-1].ID
	}
	for at := id.Max; ; {
		ms, err := s.Older(t.Context(), l, at, page)
		require.NoError(t, err)
		if len(ms) == 0 {
			break
		}
		backwards = append(backwards, ms...)
		at = ms[len(ms)-1].ID
	}
	require.Len(t, backwards, len(forwards))
	return forwards, backwards
}

func contents(ms []chat.Message) []string {
	out := make([]string, len(ms))
	for i, m := range ms {
		out[i] = m.Content
	}
	return out
}
