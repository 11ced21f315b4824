package easemob

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// selection is what a query of the history asks for:
//
//	[select *] [where condition {and condition}] [order by timestamp (asc|desc)]
//
// A condition compares timestamp (milliseconds) with a number, or from, to, chat_type or msg_id with a text in quotes.
type selection struct {
	from, until int64 // milliseconds, both inclusive
	equal       map[string]string
	descending  bool
}

// token is a word of the query language: an operator, a text in quotes, or anything else without blanks.
var token = regexp.MustCompile(`^(?:<=|>=|<|>|=|\*|'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*"|[^\s<>='"*]+)`)

// lastTime is later than all times of messages.
const lastTime = 1 << 52

func badQuery() error {
	return &problem{status: 400, word: "query_parse",
		text: `ql has to be like: select * where timestamp > 1700000000000 and from = 'name' order by timestamp desc`}
}

// tokens splits a query into its words.
func tokens(text string) (all []string, err error) {
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		w := token.FindString(text)
		if w == "" {
			return nil, badQuery()
		}
		all, text = append(all, w), text[len(w):]
	}
	return all, nil
}

// parseQuery reads a query. An empty one selects everything.
func parseQuery(text string) (s selection, err error) {
	s = selection{until: lastTime, equal: map[string]string{}}
	rest, err := tokens(text)
	if err != nil {
		return s, err
	}
	next := func(want ...string) bool {
		if len(rest) < len(want) {
			return false
		}
		for i, w := range want {
			if !strings.EqualFold(rest[i], w) {
				return false
			}
		}
		rest = rest[len(want):]
		return true
	}
	next("select", "*")
	for more := next("where"); more; more = next("and") {
		if len(rest) < 3 || !s.add(strings.ToLower(rest[0]), rest[1], rest[2]) {
			return s, badQuery()
		}
		rest = rest[3:]
	}
	if next("order", "by", "timestamp") {
		if s.descending = next("desc"); !s.descending {
			next("asc")
		}
	}
	if len(rest) > 0 {
		return s, badQuery()
	}
	return s, nil
}

// add adds a condition, and reports whether there is such a one.
func (s *selection) add(name, operator, value string) bool {
	if name == "timestamp" {
		n, err := strconv.ParseInt(strings.Trim(value, `'"`), 10, 64)
		if err != nil {
			return false
		}
		n = min(max(n, -1), lastTime)
		switch operator {
		case ">":
			s.from = max(s.from, n+1)
		case ">=":
			s.from = max(s.from, n)
		case "<":
			s.until = min(s.until, n-1)
		case "<=":
			s.until = min(s.until, n)
		case "=":
			s.from, s.until = max(s.from, n), min(s.until, n)
		default:
			return false
		}
		return true
	}
	switch name {
	case "from", "to", "chat_type", "msg_id":
	default:
		return false
	}
	if operator != "=" || len(value) < 2 || value[0] != '\'' && value[0] != '"' {
		return false
	}
	value = unquoted(value)
	if was, there := s.equal[name]; there && was != value {
		s.until = -1 // nothing is equal to both
	}
	s.equal[name] = value
	return true
}

// unquoted returns what a text in quotes says.
func unquoted(text string) string {
	quote := text[:1]
	text = strings.ReplaceAll(text[1:len(text)-1], quote+quote, quote)
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) {
			i++
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// query returns what is to be read of an app's log. nothing is true if no message can fit.
func (s selection) query(c *call, at string, limit int) (q chat.AppQuery, nothing bool, err error) {
	if s.from > s.until {
		return q, true, nil
	}
	q = chat.AppQuery{Log: c.log(), Descending: s.descending, Limit: limit, Keep: c.keep(),
		After: id.FirstAt(time.UnixMilli(s.from)), Before: id.FirstAt(time.UnixMilli(s.until + 1))}
	if text, there := s.equal["msg_id"]; there {
		m, ok := numbered(text)
		if !ok {
			return q, true, nil
		}
		if at := m.Time().UnixMilli(); at < s.from || at > s.until {
			return q, true, nil
		}
		q.After, q.Before = id.FirstAt(m.Time()), id.FirstAt(m.Time().Add(time.Microsecond))
	}
	if at != "" {
		position, err := id.Parse(at)
		if err != nil {
			return q, false, illegal("this cursor was not given by this call")
		}
		if s.descending {
			q.Before = position
		} else {
			q.After = position
		}
	}
	if len(s.equal) > 0 {
		q.Match = func(m chat.AppMessage) bool {
			b := c.briefOf(m)
			for name, want := range s.equal {
				if want != map[string]string{"from": b.From, "to": b.To, "chat_type": b.ChatType, "msg_id": b.MsgID}[name] {
					return false
				}
			}
			return true
		}
	}
	return q, false, nil
}
