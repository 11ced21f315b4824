package cassandra

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/irclog"
)

// A decade with a message a week, and one hot day in it, is read from few partitions once it is imported into a new
// room, and none of these is too large.
func TestAnImportedPastIsReadFromFewPartitions(t *testing.T) {
	t.Parallel()
	s, ctx, dir := own(t), withTimeout(t), t.TempDir()
	start := time.Now().UTC().AddDate(-10, 0, 0)
	var files []string
	write := func(day time.Time, text string) {
		files = append(files, filepath.Join(dir, day.Format(time.DateOnly)+".txt"))
		require.NoError(t, os.WriteFile(files[len(files)-1], []byte(text), 0o600))
	}
	const hot = 40_000
	for at := start; at.Before(time.Now().Add(-day)); at = at.Add(7 * day) {
		write(at, "[00:00] <ann> "+at.String()+"\n")
	}
	var text strings.Builder
	for i := range hot {
		fmt.Fprintf(&text, "[%02d:%02d] <ann> %d\n", 19+i*2/hot, i*120/hot%60, i)
	}
	write(start.AddDate(4, 0, 3), text.String())
	o := irclog.Options{Tenant: tenant(), Room: "lounge", IDs: id.NewGenerator(nil)}
	report, err := irclog.Import(ctx, s, o, files...)
	require.NoError(t, err)
	require.Equal(t, len(files)-1+hot, report.Messages)
	room, err := s.Room(ctx, o.Tenant, "lounge")
	require.NoError(t, err)
	l := room.Log(o.Tenant)

	const page = 20
	c := &counting{n: map[string]int{}}
	s.db.around.set(c.around)
	for name, than := range map[string]id.ID{
		"newest": id.Max, "middle": id.FirstAt(start.AddDate(7, 0, 0)), "old": id.FirstAt(start.AddDate(2, 0, 0)),
	} {
		ran := c.during(func() {
			ms, err := s.Older(ctx, l, than, page)
			require.NoError(t, err)
			require.Len(t, ms, page)
		})
		require.LessOrEqual(t, ran[olderMessages], 3, name)
	}
	ran := c.during(func() {
		ms, err := s.Newer(ctx, l, id.Min, true, page)
		require.NoError(t, err)
		require.Len(t, ms, page)
	})
	require.LessOrEqual(t, ran[newerMessagesAnd], 3, "oldest")
	s.db.around.set(nil)

	infos, err := s.Buckets(ctx, l, 1000, 2*fullBucket)
	require.NoError(t, err)
	total := 0
	for _, i := range infos {
		require.LessOrEqual(t, i.Messages, fullBucket, i.Start)
		total += i.Messages
	}
	require.Equal(t, report.Messages, total)

	widths, err := s.readWidths(ctx, l)
	require.NoError(t, err)
	require.Equal(t, 7*day, widths.list.Newest())
	report, err = irclog.Import(ctx, s, o, files[len(files)-1], files[0], files[260])
	require.NoError(t, err)
	require.Zero(t, report.Messages)
	same, err := s.readWidths(ctx, l)
	require.NoError(t, err)
	require.Equal(t, widths, same, "a room that is there keeps its widths")
}

// Wherever planning breaks off, everything is found, and no width reaches beyond the past it was planned for.
func TestAPlanThatBreaksOff(t *testing.T) {
	t.Parallel()
	ctx := withTimeout(t)
	s, other := own(t), own(t)
	start := time.Now().AddDate(-5, 0, 0)
	history := []chat.Bin{{From: start, Messages: 1}}
	for i := range 24 {
		history = append(history, chat.Bin{From: start.AddDate(2, 0, 0).Add(time.Duration(i) * time.Hour), Messages: 30_000})
	}
	history = append(history, chat.Bin{From: start.AddDate(4, 0, 0), Messages: 1})
	n := len(plan(history, time.Now()))
	require.Greater(t, n, 3, "how many there are depends on where today lies in a bucket")
	broken := errors.New("broken")
	for _, c := range []struct {
		statement string
		after     int // went well
	}{{claimEpoch, 2}, {announceEpoch, 0}, {sealEpoch, 0}, {sealEpoch, n - 1}} {
		l := chat.Log{Tenant: tenant(), ID: ids.New()}
		ran := 0
		s.db.around.set(func(st string, run func() error) error {
			if st == c.statement {
				if ran++; ran > c.after {
					return broken
				}
			}
			return run()
		})
		require.Error(t, s.PlanLog(ctx, l, history))
		s.db.around.set(nil)

		seq := id.NewSequence([8]byte{1})
		var ms []chat.Message
		for m := range 10 {
			ms = append(ms, chat.Message{ID: seq.At(start.AddDate(0, 6*m-3, 0)), Author: person("ann"), Content: "x"})
		}
		for i, m := range ms { // any order of servers
			require.NoError(t, []*Store{s, other}[i%2].Append(ctx, l, m))
		}
		for _, reader := range []*Store{s, other} {
			found, err := reader.Newer(ctx, l, id.Min, true, 20)
			require.NoError(t, err)
			require.Equal(t, ms, found)
			list, _, err := reader.widthsAt(ctx, l, time.Now().UnixMilli())
			require.NoError(t, err)
			require.Equal(t, 7*day, list.Newest())
		}
		before, err := s.readWidths(ctx, l)
		require.NoError(t, err)
		require.NoError(t, s.PlanLog(ctx, l, history))
		after, err := s.readWidths(ctx, l)
		require.NoError(t, err)
		require.Equal(t, before, after, "what others know of stays")
	}
}
