package irclog

import (
	"regexp"
	"strings"
	"time"
)

// form is how a program writes its logs.
type form struct {
	name    string
	example string
	// stamp takes the time off a line. It returns false for a line that has none.
	stamp func(s string) (at stamp, rest string, ok bool)
	// line reads what follows the time.
	line func(at stamp, rest string) parsed
	// bare, if set, reads a line without a time.
	bare func(s string) parsed
}

// forms are all that are read. The form of a file is that of its first line with a time.
var forms = []*form{ubuntu, znc, irssi, weechat, hexchat}

var (
	ubuntu = &form{name: "Ubuntu's", example: "[01:43] <ann> text", stamp: cutTime, line: parseUbuntu, bare: parseBare}
	znc    = &form{name: "ZNC's", example: "[01:43:09] <ann> text", stamp: bracketed, line: parseZNC}
	irssi  = &form{name: "irssi's", example: "01:43 <@ann> text, with --- Day changed", stamp: irssiTime, line: parseIrssi}

	weechat = &form{name: "WeeChat's", example: "2006-08-23 01:43:09<TAB>ann<TAB>text", stamp: weechatTime, line: parseWeechat}
	hexchat = &form{name: "HexChat's", example: "Aug 23 01:43:09 <ann><TAB>text, with **** BEGIN LOGGING", stamp: hexchatTime, line: parseHexchat}
)

// Forms says which forms of logs are read, for people.
func Forms() string {
	var all []string
	for _, f := range forms {
		all = append(all, f.name+" ("+f.example+")")
	}
	return strings.Join(all, "; ")
}

// formOf returns the form of a line; nil if the line has no time in any form.
func formOf(s string) (*form, stamp) {
	for _, f := range forms {
		if at, _, ok := f.stamp(s); ok {
			return f, at
		}
	}
	return nil, noStamp
}

// Of the logs of several programs.
var (
	came     = regexp.MustCompile(`^(\S+) [\[(]\S*[\])] has joined(?: [#&]\S*)?$`)
	went     = regexp.MustCompile(`^(\S+)(?: [\[(]\S*[\])])? has (?:left|quit)(?: [#&]\S*)?(?: [\[(].*[\])])?$`)
	thrown   = regexp.MustCompile(`^(\S+) was kicked (?:from [#&]\S* )?by .+$`)
	throws   = regexp.MustCompile(`^\S+ has kicked (\S+)(?: from [#&]\S*)?(?: [\[(].*[\])])?$`)
	renamed  = regexp.MustCompile(`^(\S+) is now known as (\S+)$`)
	newTopic = regexp.MustCompile(`^(?:\S+ (?:has )?(?:changed|changes) (?:the )?topic (?:(?:of|for) [#&]\S* )?(?:to|from)\b|Topic for [#&]\S* is\b)`)
	zncMove  = regexp.MustCompile(`^(Joins|Parts|Quits): (\S+) \(.*$`)
)

// parseEvent reads what happened in the channel, but for what was said: other lines are notes of the program.
func parseEvent(at stamp, s string) parsed {
	if m := zncMove.FindStringSubmatch(s); m != nil {
		return moved(at, m[2], m[1] == "Joins")
	}
	if m := came.FindStringSubmatch(s); m != nil {
		return moved(at, m[1], true)
	}
	for _, form := range []*regexp.Regexp{went, thrown, throws} {
		if m := form.FindStringSubmatch(s); m != nil {
			return moved(at, m[1], false)
		}
	}
	if m := renamed.FindStringSubmatch(s); m != nil {
		nick, ok1 := cleanNick(m[1])
		next, ok2 := cleanNick(m[2])
		if ok1 && ok2 {
			return parsed{kind: Rename, at: at, nick: nick, newNick: next}
		}
	}
	if newTopic.MatchString(s) {
		return parsed{kind: Topic, at: at, text: s}
	}
	return skipped(at, Note)
}

func moved(at stamp, nick string, in bool) parsed {
	nick, ok := cleanNick(nick)
	if !ok {
		return skipped(at, Unreadable)
	}
	kind := Leave
	if in {
		kind = Join
	}
	return parsed{kind: kind, at: at, nick: nick}
}

// spoke is said for a nick that may have the sign of its rank before it.
func spoke(kind Kind, at stamp, nick, text string, ok bool) parsed {
	return said(kind, at, strings.TrimLeft(nick, " @%+&~"), text, ok)
}

// act reads "nick does something".
func act(at stamp, s string) parsed {
	nick, text, ok := strings.Cut(s, " ")
	return spoke(Action, at, nick, text, ok)
}

func bracketed(s string) (stamp, string, bool) {
	body, ok := strings.CutPrefix(s, "[")
	second, rest, timed := clockTime(body)
	rest, closed := strings.CutPrefix(rest, "]")
	return stamp{second: second}, rest, ok && timed && closed && len(s)-len(rest) == len("[00:00:00]")
}

func parseZNC(at stamp, s string) parsed {
	s = strings.TrimPrefix(s, " ")
	if body, ok := strings.CutPrefix(s, "<"); ok {
		nick, text, ok := strings.Cut(body, ">")
		return spoke(Message, at, nick, strings.TrimPrefix(text, " "), ok)
	}
	if body, ok := strings.CutPrefix(s, "*** "); ok {
		return parseEvent(at, body)
	}
	if body, ok := strings.CutPrefix(s, "* "); ok {
		return act(at, body)
	}
	if body, ok := strings.CutPrefix(s, "-"); ok { // a notice
		nick, text, ok := strings.Cut(body, "- ")
		return spoke(Message, at, nick, text, ok)
	}
	return skipped(at, Unreadable)
}

func irssiTime(s string) (stamp, string, bool) {
	if body, ok := strings.CutPrefix(s, "--- Day changed "); ok {
		t, ok := at("Mon Jan _2 2006", body)
		t.second = noTime
		return t, "", ok
	}
	for _, mark := range []string{"--- Log opened ", "--- Log closed "} {
		if body, ok := strings.CutPrefix(s, mark); ok {
			t, ok := at(time.ANSIC, body)
			return t, "", ok
		}
	}
	second, rest, ok := clockTime(s)
	rest, spaced := strings.CutPrefix(rest, " ")
	return stamp{second: second}, rest, ok && spaced
}

func parseIrssi(at stamp, s string) parsed {
	if s == "" {
		return skipped(at, Note)
	}
	if body, ok := strings.CutPrefix(s, "<"); ok {
		nick, text, ok := strings.Cut(body, "> ")
		return spoke(Message, at, nick, text, ok)
	}
	if body, ok := strings.CutPrefix(s, "-!- "); ok {
		return parseEvent(at, body)
	}
	if body, ok := strings.CutPrefix(s, " * "); ok {
		return act(at, body)
	}
	return skipped(at, Unreadable)
}

func weechatTime(s string) (stamp, string, bool) {
	when, rest, ok := strings.Cut(s, "\t")
	t, timed := at(time.DateTime, when)
	return t, rest, ok && timed
}

func parseWeechat(at stamp, s string) parsed {
	who, text, ok := strings.Cut(s, "\t")
	switch strings.TrimSpace(who) {
	case "-->", "<--", "--":
		return parseEvent(at, text)
	case "*":
		return act(at, text)
	case "": // the program itself
		return skipped(at, Note)
	}
	return spoke(Message, at, who, text, ok)
}

func hexchatTime(s string) (stamp, string, bool) {
	for _, mark := range []string{"**** BEGIN LOGGING AT ", "**** ENDING LOGGING AT "} {
		if body, ok := strings.CutPrefix(s, mark); ok {
			t, ok := at(time.ANSIC, body)
			return t, "", ok
		}
	}
	const layout = "Jan _2 15:04:05"
	for _, n := range []int{len(layout), len(layout) - 1} { // some write a day below ten with one letter
		if len(s) > n && s[n] == ' ' {
			if t, ok := at(layout, s[:n]); ok {
				return t, s[n+1:], true
			}
		}
	}
	return noStamp, s, false
}

func parseHexchat(at stamp, s string) parsed {
	if s == "" {
		return skipped(at, Note)
	}
	if body, ok := strings.CutPrefix(s, "<"); ok {
		nick, text, ok := strings.Cut(body, ">")
		return spoke(Message, at, nick, strings.TrimLeft(text, "\t "), ok)
	}
	body, ok := strings.CutPrefix(s, "*")
	if !ok {
		return skipped(at, Unreadable)
	}
	body = strings.TrimLeft(body, "\t ")
	if p := parseEvent(at, body); p.kind != Skipped {
		return p
	}
	if hexchatNote.MatchString(body) {
		return skipped(at, Note)
	}
	return act(at, body)
}

// HexChat writes actions and its own notes alike.
var hexchatNote = regexp.MustCompile(`^(?:Now talking on|Topic (?:for|of)|You (?:have|are)|Disconnected|Channel [#&]|Users on|\S+ (?:gives|removes) (?:channel|voice)|\S+ sets? (?:mode|ban|topic)|[#&]\S* :)`)
