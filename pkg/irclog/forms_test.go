package irclog

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// told returns what a log says, a line for each event: its time, kind, nick and text.
func told(t *testing.T, log string, date time.Time, zone *time.Location) string {
	t.Helper()
	r := NewReader(strings.NewReader(log), date, zone)
	var all []string
	for {
		e, err := r.Next()
		if err != nil {
			return strings.Join(all, "\n")
		}
		if e.Kind == Skipped {
			if e.Reason != Empty {
				all = append(all, "- "+string(e.Reason))
			}
			continue
		}
		who := e.Nick
		if e.NewNick != "" {
			who += ">" + e.NewNick
		}
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", e.Time.Format("2006-01-02 15:04:05"), e.Kind, who, e.Text)))
	}
}

// The logs of several programs say the same.
func TestFormsOfLogs(t *testing.T) {
	const note = "- note of the program that wrote the log"
	for name, c := range map[string]struct{ log, want string }{
		"ZNC": {`[01:43:09] *** Joins: ann (a@host.example)
[01:43:10] <ann> hello <all>
[01:43:10] * ann waves
[01:43:11] *** ann sets mode: +o bob
[01:43:12] *** bob is now known as rob[x]
[01:43:13] *** rob[x] changes topic to 'tea'
[01:43:14] -ann- a notice
[01:43:15] *** eve was kicked by ann (bye)
[01:43:16] *** Parts: carl (c@host) (going)
[23:59:59] *** Quits: ann (a@host) (Quit: gone)
[00:00:01] <dan> next day
nonsense`, `2006-08-23 01:43:09 join ann
2006-08-23 01:43:10 message ann hello <all>
2006-08-23 01:43:10 action ann waves
` + note + `
2006-08-23 01:43:12 rename bob>rob[x]
2006-08-23 01:43:13 topic  rob[x] changes topic to 'tea'
2006-08-23 01:43:14 message ann a notice
2006-08-23 01:43:15 leave eve
2006-08-23 01:43:16 leave carl
2006-08-23 23:59:59 leave ann
2006-08-24 00:00:01 message dan next day
- no known form of line`},
		"irssi": {`--- Log opened Fri Aug 25 01:40:01 2006
01:43 -!- ann [a@host.example] has joined #tea
01:43 <@ann> hello
01:43 < bob> hi
01:44  * ann waves
01:44 -!- mode/#tea [+o bob] by ann
01:44 -!- Irssi: #tea: Total of 2 nicks
01:45 -!- bob is now known as rob
01:46 -!- rob changed the topic of #tea to: tea
01:47 -!- eve was kicked from #tea by ann [bye]
01:48 -!- rob [r@host] has left #tea [going]
23:59 -!- ann [a@host] has quit [Quit: gone]
--- Day changed Sun Aug 27 2006
00:01 <dan> two days later
--- Log closed Sun Aug 27 00:02:00 2006
--- Log opened Mon Jan 01 00:00:01 2007
09:00 <dan> next year`, note + `
2006-08-25 01:43:00 join ann
2006-08-25 01:43:00 message ann hello
2006-08-25 01:43:00 message bob hi
2006-08-25 01:44:00 action ann waves
` + note + "\n" + note + `
2006-08-25 01:45:00 rename bob>rob
2006-08-25 01:46:00 topic  rob changed the topic of #tea to: tea
2006-08-25 01:47:00 leave eve
2006-08-25 01:48:00 leave rob
2006-08-25 23:59:00 leave ann
` + note + `
2006-08-27 00:01:00 message dan two days later
` + note + "\n" + note + `
2007-01-01 09:00:00 message dan next year`},
		"WeeChat": {`2006-08-25 01:43:09	-->	ann (~a@host.example) has joined #tea
2006-08-25 01:43:10	@ann	hello
2006-08-25 01:43:10	 *	ann waves
2006-08-25 01:43:11	--	Mode #tea [+o bob] by ann
2006-08-25 01:43:12	--	bob is now known as rob
2006-08-25 01:43:13	--	rob has changed topic for #tea from "a" to "tea"
2006-08-25 01:43:14	<--	ann has kicked eve (bye)
2006-08-25 01:43:15	<--	rob (r@host) has left #tea (going)
2006-08-26 00:00:00	<--	ann (a@host) has quit (Quit: gone)
2007-01-01 09:00:00	+dan	next year`, `2006-08-25 01:43:09 join ann
2006-08-25 01:43:10 message ann hello
2006-08-25 01:43:10 action ann waves
` + note + `
2006-08-25 01:43:12 rename bob>rob
2006-08-25 01:43:13 topic  rob has changed topic for #tea from "a" to "tea"
2006-08-25 01:43:14 leave eve
2006-08-25 01:43:15 leave rob
2006-08-26 00:00:00 leave ann
2007-01-01 09:00:00 message dan next year`},
		"HexChat": {`**** BEGIN LOGGING AT Sun Dec 31 01:43:00 2006

Dec 31 01:43:09 *	Now talking on #tea
Dec 31 01:43:09 *	ann (a@host.example) has joined
Dec 31 01:43:10 <ann>	hello
Dec 31 01:43:10 *	ann waves
Dec 31 01:43:11 *	ann gives channel operator status to bob
Dec 31 01:43:12 *	bob is now known as rob
Dec 31 01:43:13 *	rob has changed the topic to: tea
Dec 31 01:43:14 *	ann has kicked eve from #tea (bye)
Dec 31 01:43:15 *	rob (r@host) has left #tea (going)
Dec 31 23:59:59 *	ann has quit (Quit: gone)
Jan 01 00:00:01 <dan>	next year
**** ENDING LOGGING AT Mon Jan  1 00:01:00 2007
`, note + "\n" + note + `
2006-12-31 01:43:09 join ann
2006-12-31 01:43:10 message ann hello
2006-12-31 01:43:10 action ann waves
` + note + `
2006-12-31 01:43:12 rename bob>rob
2006-12-31 01:43:13 topic  rob has changed the topic to: tea
2006-12-31 01:43:14 leave eve
2006-12-31 01:43:15 leave rob
2006-12-31 23:59:59 leave ann
2007-01-01 00:00:01 message dan next year
` + note},
	} {
		require.Equal(t, c.want, told(t, c.log, time.Date(2006, 8, 23, 0, 0, 0, 0, time.UTC), nil), name)
	}
}

// The form of a file is that of its first line with a time, so that a file that was imported before gives the same
// messages as then.
func TestAFileHasOneForm(t *testing.T) {
	require.Equal(t, `2006-08-23 01:43:00 message ann hello
- no known form of line
- no known form of line`, told(t, "[01:43] <ann> hello\n[01:43:09] <ann> quoted\n01:44 <ann> quoted\n", time.Date(2006, 8, 23, 0, 0, 0, 0, time.UTC), nil))
}

func TestTimeZoneOfALog(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	require.NoError(t, err)
	log := "[00:30] <ann> summer\n[23:59] <ann> late\n[01:30] <ann> next day\n[03:30] <ann> winter\n"
	require.Equal(t, `2006-10-27 22:30:00 message ann summer
2006-10-28 21:59:00 message ann late
2006-10-28 23:30:00 message ann next day
2006-10-29 02:30:00 message ann winter`, told(t, log, time.Date(2006, 10, 28, 0, 0, 0, 0, time.UTC), paris))
}

// logs makes files of these contents and returns their names.
func logs(t *testing.T, contents map[string]string) (paths []string) {
	dir := t.TempDir()
	for name, content := range contents {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		paths = append(paths, path)
	}
	return paths
}

// Nothing is written of files with dates after tomorrow, unless they are asked for, nor of files that cannot be read.
func TestImportRefuses(t *testing.T) {
	now := time.Date(2006, 8, 23, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		files  map[string]string
		future bool
		says   string
	}{
		"tomorrow":              {files: map[string]string{"2006-08-24.txt": "[23:59] <ann> x\n"}},
		"after tomorrow":        {files: map[string]string{"2006-08-25.txt": "[00:00] <ann> x\n"}, says: "2006-08-25, which is after tomorrow"},
		"on into it":            {files: map[string]string{"2006-08-24.txt": "[23:59] <ann> x\n[00:00] <ann> y\n"}, says: "2006-08-25, which is after tomorrow"},
		"asked for":             {files: map[string]string{"2106-08-24.txt": "[23:59] <ann> x\n"}, future: true},
		"by its lines":          {files: map[string]string{"tea.weechatlog": "2106-01-01 00:00:00\tann\tx\n"}, says: "2106-01-01, which is after tomorrow"},
		"dates in lines alone":  {files: map[string]string{"tea.weechatlog": "2006-01-01 00:00:00\tann\tx\n"}},
		"no date at all":        {files: map[string]string{"tea.log": "[01:00] <ann> x\n"}, says: "has no date in it"},
		"no line of a form":     {files: map[string]string{"2006-08-23.txt": "ann: hello\nbob: hi\n"}, says: "The forms that are read are Ubuntu's ([01:43] <ann> text); ZNC's"},
		"one file can be read":  {files: map[string]string{"2006-08-22.txt": "ann: hello\n", "2006-08-23.txt": "[01:00] <ann> x\n"}},
		"no message but a note": {files: map[string]string{"2006-08-23.log": "--- Log opened Wed Aug 23 00:00:01 2006\n"}, says: "no line of the files can be read"},
	} {
		for _, exists := range []bool{false, true} {
			store, o := newMemory(), options()
			if exists {
				_, err := Import(t.Context(), store, o, logs(t, map[string]string{"2005-01-01.txt": "[01:00] <eve> x\n"})...)
				require.NoError(t, err)
			}
			o.Now, o.Future = func() time.Time { return now }, c.future
			r, err := Import(t.Context(), store, o, logs(t, c.files)...)
			if c.says == "" {
				require.NoError(t, err, name)
				require.Equal(t, 1, r.Said, name)
				continue
			}
			require.ErrorContains(t, err, c.says, name)
			require.Zero(t, r.Messages, name)
		}
	}
}
