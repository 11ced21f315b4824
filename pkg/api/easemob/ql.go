package easemob

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

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

const (
	historyExample = "select * where timestamp > 1700000000000 and from = 'name' order by timestamp desc"
	nameExample    = "select * where username = 'name'"
)

// lexeme is a word of a query, and where it begins, in characters from 1 on. The end is a word without a text.
type lexeme struct {
	text string
	at   int
}

// query is what is left of a query that is being read. Its last word is the end.
type query struct {
	rest    []lexeme
	example string // of a query that is understood
}

func badQuery(text string) error {
	return &problem{status: http.StatusBadRequest, word: "query_parse", text: text}
}

// newQuery divides a query into its words.
func newQuery(text, example string) (*query, error) {
	q := &query{example: example}
	at := 1
	for text != "" {
		if r, n := utf8.DecodeRuneInString(text); unicode.IsSpace(r) {
			text, at = text[n:], at+1
			continue
		}
		w := token.FindString(text)
		if w == "" {
			return nil, badQuery(fmt.Sprintf("ql has a quote at character %d that is not closed; it has to be like: %s", at, example))
		}
		q.rest = append(q.rest, lexeme{w, at})
		text, at = text[len(w):], at+utf8.RuneCountInString(w)
	}
	q.rest = append(q.rest, lexeme{at: at})
	return q, nil
}

// next passes a word, if it is the next one.
func (q *query) next(want string) bool {
	found := strings.EqualFold(q.rest[0].text, want)
	if found {
		q.rest = q.rest[1:]
	}
	return found
}

// mistake is the error for a query that has something else at its next word than was expected there.
func (q *query) mistake(expected string) error {
	w := q.rest[0]
	if w.text == "" {
		return badQuery(fmt.Sprintf("ql ends too early, where %s is expected; it has to be like: %s", expected, q.example))
	}
	const most = 40
	if runes := []rune(w.text); len(runes) > most {
		w.text = string(runes[:most]) + "…"
	}
	return badQuery(fmt.Sprintf("ql has %s at character %d, where %s is expected; it has to be like: %s", w.text, w.at, expected, q.example))
}

// need passes words that have to follow.
func (q *query) need(words ...string) error {
	for _, w := range words {
		if !q.next(w) {
			return q.mistake(w)
		}
	}
	return nil
}

// quoted passes a text in quotes.
func (q *query) quoted() (string, error) {
	text := q.rest[0].text
	if len(text) < 2 || text[0] != '\'' && text[0] != '"' {
		return "", q.mistake("a text in quotes")
	}
	q.rest = q.rest[1:]
	return unquoted(text), nil
}

// end returns an error if there are more words. expected says what could follow.
func (q *query) end(expected string) error {
	if q.rest[0].text != "" {
		return q.mistake(expected)
	}
	return nil
}

// parseNameQuery reads the only query that the list of users answers, and returns the name in it.
func parseNameQuery(text string) (name string, err error) {
	q, err := newQuery(text, nameExample)
	if err == nil {
		err = q.need("select", "*", "where", "username", "=")
	}
	if err == nil {
		name, err = q.quoted()
	}
	if err == nil {
		err = q.end("the end")
	}
	return name, err
}

// parseQuery reads a query. An empty one selects everything.
func parseQuery(text string) (s selection, err error) {
	s = selection{until: lastTime, equal: map[string]string{}}
	q, err := newQuery(text, historyExample)
	if err != nil {
		return s, err
	}
	follows := "select, where or order by"
	if q.next("select") {
		if err := q.need("*"); err != nil {
			return s, err
		}
		follows = "where or order by"
	}
	for more := q.next("where"); more; more = q.next("and") {
		if err := s.add(q); err != nil {
			return s, err
		}
		follows = "and or order by"
	}
	if q.next("order") {
		if err := q.need("by", "timestamp"); err != nil {
			return s, err
		}
		follows = "the end"
		if s.descending = q.next("desc"); !s.descending && !q.next("asc") {
			follows = "asc or desc"
		}
	}
	return s, q.end(follows)
}

// add reads a condition and adds it.
func (s *selection) add(q *query) error {
	name := strings.ToLower(q.rest[0].text)
	switch name {
	case "timestamp":
		q.rest = q.rest[1:]
		return s.addTime(q)
	case "from", "to", "chat_type", "msg_id":
		q.rest = q.rest[1:]
	default:
		return q.mistake("timestamp, from, to, chat_type or msg_id")
	}
	if err := q.need("="); err != nil {
		return err
	}
	value, err := q.quoted()
	if err != nil {
		return err
	}
	if was, there := s.equal[name]; there && was != value {
		s.until = -1 // nothing is equal to both
	}
	s.equal[name] = value
	return nil
}

// addTime reads what is compared with the time and adds it.
func (s *selection) addTime(q *query) error {
	operator := q.rest[0].text
	switch operator {
	case ">", ">=", "<", "<=", "=":
		q.rest = q.rest[1:]
	default:
		return q.mistake(">, >=, <, <= or =")
	}
	n, err := strconv.ParseInt(strings.Trim(q.rest[0].text, `'"`), 10, 64)
	if err != nil {
		return q.mistake("a time in milliseconds")
	}
	q.rest = q.rest[1:]
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
	default:
		s.from, s.until = max(s.from, n), min(s.until, n)
	}
	return nil
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
