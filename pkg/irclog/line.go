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
	at      stamp
	nick    string
	newNick string
	text    string
	reason  Reason
}

var (
	move  = regexp.MustCompile(`^(.+) +\[(.*@.*)\] +has (joined|left|quit)(?:$| )`)
	named = regexp.MustCompile(`^(.+) is now known as (.+)$`)
	kick  = regexp.MustCompile(`^(.+) was kicked off [#&]\S* by .+$`)
	topic = regexp.MustCompile(`^.+ changed the topic of [#&]\S* to: |^Topic (?:for )?\(?[#&][^ ]*: `)
	from  = regexp.MustCompile(`^\(([^ /()]+)/[#&][^ )]*\) (.*)$`)
)

// parseLine parses a decoded line of a file of that form. It checks the text. It does not apply the clock of the file.
func parseLine(f *form, s string) parsed {
	p := f.parse(s)
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

func (f *form) parse(s string) parsed {
	if strings.TrimSpace(s) == "" {
		return skipped(noStamp, Empty)
	}
	if at, rest, ok := f.stamp(s); ok {
		return f.line(at, rest)
	}
	if f.bare != nil {
		return f.bare(s)
	}
	return skipped(noStamp, Unreadable)
}

func parseBare(s string) parsed {
	if body, ok := strings.CutPrefix(s, "=== "); ok {
		return parseNotice(noStamp, body)
	}
	return skipped(noStamp, Unreadable)
}

func parseUbuntu(at stamp, rest string) parsed {
	if body, ok := strings.CutPrefix(rest, " <"); ok {
		nick, text, ok := strings.Cut(body, ">")
		return said(Message, at, nick, strings.TrimPrefix(text, " "), ok)
	}
	if body, ok := strings.CutPrefix(rest, "  * "); ok {
		return parseAction(at, body)
	}
	if body, ok := strings.CutPrefix(rest, " === "); ok {
		return parseNotice(at, body)
	}
	if m := from.FindStringSubmatch(strings.TrimPrefix(rest, " ")); m != nil {
		return said(Message, at, m[1], m[2], true)
	}
	return skipped(at, Unreadable)
}

// parseNotice parses the text after ===. If it is no notice of the server, it is an action.
func parseNotice(at stamp, s string) parsed {
	if strings.HasPrefix(s, "mode/") {
		return skipped(at, Mode)
	}
	if topic.MatchString(s) {
		return parsed{kind: Topic, at: at, text: s}
	}
	if m := move.FindStringSubmatch(s); m != nil {
		if nick, ok := cleanNick(m[1]); ok {
			kind := Leave
			if m[3] == "joined" {
				kind = Join
			}
			return parsed{kind: kind, at: at, nick: nick}
		}
	}
	if m := named.FindStringSubmatch(s); m != nil {
		nick, ok1 := cleanNick(m[1])
		next, ok2 := cleanNick(m[2])
		if ok1 && ok2 {
			return parsed{kind: Rename, at: at, nick: nick, newNick: next}
		}
	}
	if m := kick.FindStringSubmatch(s); m != nil {
		if nick, ok := cleanNick(m[1]); ok {
			return parsed{kind: Leave, at: at, nick: nick}
		}
	}
	return parseAction(at, s)
}

// parseAction parses "nick does something". A nick with a bracket that the logger broke in two (see cleanNick) is read
// up to the break, because the rest looks like the action.
func parseAction(at stamp, s string) parsed {
	nick, text, _ := strings.Cut(s, " ")
	if strings.HasSuffix(nick, "]") {
		text = strings.TrimPrefix(text, " ")
	}
	return said(Action, at, nick, text, true)
}

func said(kind Kind, at stamp, nick, text string, ok bool) parsed {
	nick, clean := cleanNick(nick)
	if !ok || !clean {
		return skipped(at, Unreadable)
	}
	return parsed{kind: kind, at: at, nick: nick, text: text}
}

func skipped(at stamp, why Reason) parsed { return parsed{at: at, reason: why} }

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
func cutTime(s string) (stamp, string, bool) {
	if len(s) < 7 || s[0] != '[' || s[6] != ']' {
		return noStamp, s, false
	}
	second, _, ok := clockTime(s[1:6])
	return stamp{second: second}, s[7:], ok
}
