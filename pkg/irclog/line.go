package irclog

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/confab-chat/confab/pkg/chat"
)

// parsed is the content of a line, independent of its place in the file.
type parsed struct {
	kind    Kind
	minute  int // of the day; noTime if the line carries none
	nick    string
	newNick string
	text    string
	reason  Reason
}

const noTime = -1

var (
	move  = regexp.MustCompile(`^(.+) +\[(.*@.*)\] +has (joined|left|quit)(?:$| )`)
	named = regexp.MustCompile(`^(.+) is now known as (.+)$`)
	kick  = regexp.MustCompile(`^(.+) was kicked off [#&]\S* by .+$`)
	topic = regexp.MustCompile(`^.+ changed the topic of [#&]\S* to: |^Topic (?:for )?\(?[#&][^ ]*: `)
	from  = regexp.MustCompile(`^\(([^ /()]+)/[#&][^ )]*\) (.*)$`)
)

// parseLine parses a decoded line. It checks the text. It does not apply the clock of the file.
func parseLine(s string) parsed {
	p := parseForm(s)
	if p.kind == Skipped {
		return p
	}
	switch {
	case strings.ContainsRune(s, 0):
		p.kind, p.reason = Skipped, NUL
	case p.kind != Message && p.kind != Action && p.kind != Topic:
	case strings.TrimSpace(p.text) == "":
		p.kind, p.reason = Skipped, Blank
	case len(content(p.kind, p.nick, p.text)) > chat.MaxContent:
		p.kind, p.reason = Skipped, TextLength
	}
	return p
}

func parseForm(s string) parsed {
	if strings.TrimSpace(s) == "" {
		return skipped(noTime, Empty)
	}
	if body, ok := strings.CutPrefix(s, "=== "); ok {
		return parseNotice(noTime, body)
	}
	minute, rest, ok := cutTime(s)
	if !ok {
		return skipped(noTime, Unreadable)
	}
	if body, ok := strings.CutPrefix(rest, " <"); ok {
		nick, text, ok := strings.Cut(body, ">")
		return said(Message, minute, nick, strings.TrimPrefix(text, " "), ok)
	}
	if body, ok := strings.CutPrefix(rest, "  * "); ok {
		return parseAction(minute, body)
	}
	if body, ok := strings.CutPrefix(rest, " === "); ok {
		return parseNotice(minute, body)
	}
	if m := from.FindStringSubmatch(strings.TrimPrefix(rest, " ")); m != nil {
		return said(Message, minute, m[1], m[2], true)
	}
	return skipped(minute, Unreadable)
}

// parseNotice parses the text after ===. If it is no notice of the server, it is an action.
func parseNotice(minute int, s string) parsed {
	if strings.HasPrefix(s, "mode/") {
		return skipped(minute, Mode)
	}
	if topic.MatchString(s) {
		return parsed{kind: Topic, minute: minute, text: s}
	}
	if m := move.FindStringSubmatch(s); m != nil {
		if nick, ok := cleanNick(m[1]); ok {
			kind := Leave
			if m[3] == "joined" {
				kind = Join
			}
			return parsed{kind: kind, minute: minute, nick: nick}
		}
	}
	if m := named.FindStringSubmatch(s); m != nil {
		nick, ok1 := cleanNick(m[1])
		next, ok2 := cleanNick(m[2])
		if ok1 && ok2 {
			return parsed{kind: Rename, minute: minute, nick: nick, newNick: next}
		}
	}
	if m := kick.FindStringSubmatch(s); m != nil {
		if nick, ok := cleanNick(m[1]); ok {
			return parsed{kind: Leave, minute: minute, nick: nick}
		}
	}
	return parseAction(minute, s)
}

// parseAction parses "nick does something". A nick with a bracket that the logger broke in two (see cleanNick) is read
// up to the break, because the rest looks like the action.
func parseAction(minute int, s string) parsed {
	nick, text, _ := strings.Cut(s, " ")
	if strings.HasSuffix(nick, "]") {
		text = strings.TrimPrefix(text, " ")
	}
	return said(Action, minute, nick, text, true)
}

func said(kind Kind, minute int, nick, text string, ok bool) parsed {
	nick, clean := cleanNick(nick)
	if !ok || !clean {
		return skipped(minute, Unreadable)
	}
	return parsed{kind: kind, minute: minute, nick: nick, text: text}
}

func skipped(minute int, why Reason) parsed { return parsed{minute: minute, reason: why} }

// cleanNick returns the nick as IRC had it: without the space that loggers put
// behind a bracket ("bur[n] er", "[GuS] "). A nick has no other spaces, and fits a first name.
func cleanNick(s string) (string, bool) {
	s = strings.TrimSuffix(strings.ReplaceAll(s, "] ", "]"), " ")
	if s == "" || strings.ContainsAny(s, " \t<>") || utf8.RuneCountInString(s) > chat.MaxPerson {
		return "", false
	}
	return s, true
}

// cutTime takes "[HH:MM]" off s.
func cutTime(s string) (minute int, rest string, ok bool) {
	if len(s) < 7 || s[0] != '[' || s[3] != ':' || s[6] != ']' {
		return noTime, s, false
	}
	h, ok1 := twoDigits(s[1:3])
	m, ok2 := twoDigits(s[4:6])
	if !ok1 || !ok2 || h > 23 || m > 59 {
		return noTime, s, false
	}
	return h*60 + m, s[7:], true
}

func twoDigits(s string) (int, bool) {
	a, b := s[0]-'0', s[1]-'0'
	return int(a)*10 + int(b), a <= 9 && b <= 9
}
