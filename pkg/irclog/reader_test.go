package irclog

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestGoldenEvents(t *testing.T) {
	for _, name := range []string{"2011-03-05.txt", "odd-2012-04-01.log"} {
		raw, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(t, err)
		date, err := DateOf(name)
		require.NoError(t, err)
		var out strings.Builder
		for _, e := range readAll(t, raw, date) {
			fmt.Fprintf(&out, "%d %s %s", e.Line, e.Time.Format("2006-01-02 15:04"), e.Kind)
			for _, s := range []string{e.Nick, e.NewNick, string(e.Reason), e.Text} {
				if s != "" {
					fmt.Fprintf(&out, " %q", s)
				}
			}
			out.WriteString("\n")
		}
		golden(t, name+".golden", out.String())
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func readAll(t *testing.T, raw []byte, date time.Time) []Event {
	t.Helper()
	r := NewReader(bytes.NewReader(raw), date, nil)
	var es []Event
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return es
		}
		require.NoError(t, err)
		es = append(es, e)
	}
}

func TestClock(t *testing.T) {
	date := time.Date(2010, 2, 13, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct{ readings, want string }{
		"forward":                        {"01:00 01:00 23:59", "13 01:00,13 01:00,13 23:59"},
		"midnight":                       {"21:00 23:59 00:00 00:01", "13 21:00,13 23:59,14 00:00,14 00:01"},
		"two midnights":                  {"23:00 01:00 23:00 01:00", "13 23:00,14 01:00,14 23:00,15 01:00"},
		"twelve hours":                   {"11:59 00:00 11:30 00:10", "13 11:59,13 12:00,13 23:30,14 00:10"},
		"quiet night":                    {"13:00 02:00", "13 13:00,14 02:00"},
		"morning after a full day":       {"13:00 02:00 11:00 03:00", "13 13:00,14 02:00,14 11:00,15 03:00"},
		"set back an hour and caught up": {"02:59 02:00 02:30 03:00", "13 02:59,13 02:59,13 02:59,13 03:00"},
	} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			for r := range strings.FieldsSeq(c.readings) {
				fmt.Fprintf(&log, "[%s] <anna> x\n", r)
			}
			var got []string
			for _, e := range readAll(t, []byte(log.String()), date) {
				got = append(got, e.Time.Format("02 15:04"))
			}
			require.Equal(t, c.want, strings.Join(got, ","))
		})
	}
}

func TestNoTimeAtAll(t *testing.T) {
	date := time.Date(2010, 2, 13, 17, 30, 0, 0, time.FixedZone("", 3600))
	es := readAll(t, []byte("=== anna waves\n"), date)
	require.Equal(t, time.Date(2010, 2, 13, 0, 0, 0, 0, time.UTC), es[0].Time)
}

func TestLongLines(t *testing.T) {
	fits := strings.Repeat("x", chat.MaxContent)
	action := strings.Repeat("x", chat.MaxContent-len("* anna "))
	raw := "[01:00] <anna> " + fits + "\n" +
		"[01:00] <anna> " + fits + "x\n" +
		"[01:00]  * anna " + action + "\n" +
		"[01:00]  * anna " + action + "x\n" +
		"[01:00] <anna> " + strings.Repeat("y", 3*maxLine) + "\n" +
		"[01:01] <anna> next\n" +
		"[01:02] <anna> " + strings.Repeat("z", maxLine)
	es := readAll(t, []byte(raw), time.Time{})
	var got []string
	for _, e := range es {
		got = append(got, e.Kind.String()+" "+string(e.Reason))
	}
	require.Equal(t, []string{
		"message ", "skipped text longer than 65536 bytes", "action ", "skipped text longer than 65536 bytes",
		"skipped line too long to read", "message ", "skipped line too long to read",
	}, got)
	require.Equal(t, fits, es[0].Text)
	require.Equal(t, "next", es[5].Text)
	require.Equal(t, 6, es[5].Line)
}

func TestReaderPassesErrorsOn(t *testing.T) {
	broken := errors.New("broken")
	r := NewReader(io.MultiReader(strings.NewReader("[01:00] <anna> x\n[01:0"), failing{broken}), time.Time{}, nil)
	_, err := r.Next()
	require.NoError(t, err)
	_, err = r.Next()
	require.ErrorIs(t, err, broken)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestDateOf(t *testing.T) {
	for name, want := range map[string]string{
		"2006-08-23.txt":               "2006-08-23",
		"/logs/2007/x-2006-08-23.log":  "2006-08-23",
		"#room_2006-08-23":             "2006-08-23",
		"2006-99-99-and-2006-01-02.gz": "2006-01-02",
	} {
		got, err := DateOf(name)
		require.NoError(t, err, name)
		require.Equal(t, want, got.Format(time.DateOnly), name)
	}
	for _, name := range []string{"", "log.txt", "2006-13-01.txt", "2006-02-30", "12006-01-02", "2006-01-023", "2006-01-02/log"} {
		_, err := DateOf(name)
		require.True(t, chat.IsKind(err, chat.Invalid), name)
	}
}

func FuzzReader(f *testing.F) {
	for _, name := range []string{"2011-03-05.txt", "odd-2012-04-01.log"} {
		raw, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(f, err)
		f.Add(raw)
	}
	f.Add([]byte("[23:59] <a> \x03"))
	f.Add([]byte("=== a [b@c]  has joined"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		es := readAll(t, raw, time.Date(2006, 8, 23, 0, 0, 0, 0, time.UTC))
		require.Len(t, es, len(bytes.SplitAfter(bytes.TrimSuffix(raw, []byte("\n")), []byte("\n")))-b2i(len(raw) == 0))
		last := time.Date(2006, 8, 23, 0, 0, 0, 0, time.UTC)
		for i, e := range es {
			require.Equal(t, i+1, e.Line)
			require.False(t, e.Time.Before(last))
			last = e.Time
			require.True(t, utf8.ValidString(e.Text+e.Nick+e.NewNick))
			require.NotContains(t, e.Text+e.Nick+e.NewNick, "\x00")
			m := messageOf(e)
			if e.Kind == Skipped {
				require.NotEmpty(t, e.Reason)
				require.Nil(t, m)
				continue
			}
			require.NotEmpty(t, strings.TrimSpace(m.Content))
			require.LessOrEqual(t, len(m.Content), chat.MaxContent)
			if e.Kind != Topic {
				requirePerson(t, e.Nick)
			}
			if e.Kind == Rename {
				requirePerson(t, e.NewNick)
			}
		}
	})
}

func requirePerson(t *testing.T, nick string) {
	t.Helper()
	require.NotContains(t, nick, " ")
	n := utf8.RuneCountInString(nick)
	require.True(t, n >= 1 && n <= chat.MaxPerson, "%q", nick)
	require.True(t, chat.ValidName(Login(nick)), "%q", Login(nick))
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
