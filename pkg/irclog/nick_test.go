package irclog

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

func TestLogin(t *testing.T) {
	for nick, want := range map[string]string{
		"anna":           "anna",
		"Dr_Willis-":     "Dr_Willis-",
		"er":             "irc.er", // too short
		"_anna":          "irc._anna",
		"[foo]":          "irc..5bfoo.5d",
		"Dylan`":         "irc.Dylan.60",
		"killrchat":      "irc.killrchat",
		"irc.er":         "irc.irc.2eer",
		"jörg":           "irc.j.c3.b6rg",
		"irc..5bfoo.5d":  "irc.irc.2e.2e5bfoo.2e5d",
		"a.b":            "a.b",
		"[[[[[[[[[[[[[[": hashed("[[[[[[[[[[[[[[", 0),
	} {
		require.Equal(t, want, Login(nick), nick)
	}
}

// invert reads escaped logins back, which shows that no two nicks share one.
func invert(t *testing.T, login string) (nick string, hash bool) {
	body, escaped := strings.CutPrefix(login, prefix)
	if !escaped {
		return login, false
	}
	var b []byte
	for i := 0; i < len(body); i++ {
		if body[i] != '.' {
			b = append(b, body[i])
			continue
		}
		if body[i+1] == 'x' {
			return "", true
		}
		hi, lo := strings.IndexByte("0123456789abcdef", body[i+1]), strings.IndexByte("0123456789abcdef", body[i+2])
		require.True(t, hi >= 0 && lo >= 0, login)
		b = append(b, byte(hi<<4|lo))
		i += 2
	}
	return string(b), false
}

func FuzzLogin(f *testing.F) {
	for _, s := range []string{"anna", "er", "[foo]", "killrchat", "irc.er", "irc..xabc", strings.Repeat("`", 40), "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, nick string) {
		if nick == "" {
			return
		}
		seen := map[string]bool{chat.SystemLogin: true}
		for n := range maxCandidates {
			login := candidate(nick, n)
			require.True(t, chat.ValidName(login), login)
			require.False(t, seen[login], "candidates differ")
			seen[login] = true
			if back, hash := invert(t, login); hash {
				require.Len(t, login, chat.MaxName)
			} else {
				require.Equal(t, nick, back)
			}
		}
	})
}
