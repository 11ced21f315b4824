package irclog

import (
	"crypto/sha256"
	"encoding/base32"
	"strconv"
	"strings"

	"github.com/confab-chat/confab/pkg/chat"
)

// lastName marks imported accounts.
const lastName = "(IRC)"

// prefix begins every login that is not the nick itself. IRC allows no dot in a
// nick, so that no real nick begins with it; one that does is escaped like any other.
const prefix = "irc."

// Login returns the login of a nick. Different nicks have different logins:
//
//   - A nick that can be a login is its own login, unless it is the system's
//     (killrchat) or begins with "irc.".
//   - Otherwise it is "irc." and the nick, in which a byte that is no ASCII letter
//     or digit, '_' or '-' is written as a dot and two hexadecimal digits: [foo] is irc..5bfoo.5d.
//   - If that is longer than 31 characters, it is "irc..x" and 25 characters of the
//     nick's SHA-256 in base 32; x is no hexadecimal digit, so these logins never equal others.
func Login(nick string) string { return candidate(nick, 0) }

// candidate returns the login to try for nick when n earlier candidates belong to other accounts: first the nick, then
// its escaped form, then hashes.
func candidate(nick string, n int) string {
	if chat.ValidName(nick) && nick != chat.SystemLogin && !strings.HasPrefix(nick, prefix) {
		if n == 0 {
			return nick
		}
		n--
	}
	if s := escape(nick); len(s) <= chat.MaxName {
		if n == 0 {
			return s
		}
		n--
	}
	return hashed(nick, n)
}

func escape(nick string) string {
	const hex = "0123456789abcdef"
	b := []byte(prefix)
	for i := range len(nick) {
		switch c := nick[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-':
			b = append(b, c)
		default:
			b = append(b, '.', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}

func hashed(nick string, n int) string {
	sum := sha256.Sum256([]byte(strconv.Itoa(n) + " " + nick))
	text := strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))
	return (prefix + ".x" + text)[:chat.MaxName]
}

// imported reports whether u is the account an import made for nick.
func imported(u chat.User, nick string) bool {
	return !u.Deleted && u.PasswordHash == "" && u.FirstName == nick && u.LastName == lastName
}

func person(login, nick string) chat.Person {
	return chat.Person{Login: login, FirstName: nick, LastName: lastName}
}
