package chat_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/chat/chattest"
)

var errDisk = errors.New("the disk is on fire")

// astral is one character of four bytes of UTF-8.
const astral = "😀"

func nul(s string) *string { return new(s + "\x00") }

// rule is what one value of one field leads to; an empty fault means that it is taken.
type rule struct {
	name  string
	value *string
	fault string
}

const (
	empty = "may not be empty"
	seen  = "must contain something visible"
	zero  = "may not contain the character U+0000"
)

var nameRules = []rule{
	{"absent", nil, empty},
	{"empty", new(""), empty},
	{"two", new("ab"), "size must be between 3 and 31"},
	{"three", new("abc"), ""},
	{"31", new(strings.Repeat("a", 31)), ""},
	{"32", new(strings.Repeat("a", 32)), "size must be between 3 and 31"},
	{"huge", new(strings.Repeat("a", 1<<20)), "size must be between 3 and 31"},
	{"all kinds of characters", new("A9_.-z"), ""},
	{"starts with a digit", new("9ab"), ""},
	{"starts with a dot", new(".ab"), badName},
	{"starts with a dash", new("-ab"), badName},
	{"starts with an underscore", new("_ab"), badName},
	{"blank inside", new("a b"), badName},
	{"blanks only", new("   "), badName},
	{"slash", new("a/b"), badName},
	{"letter beyond ASCII", new("müller"), badName},
	{"line feed at the end", new("abc\n"), badName},
	{"NUL", nul("abc"), badName},
	{"three characters of twelve bytes", new(strings.Repeat(astral, 3)), badName},
	{"31 characters of 124 bytes", new(strings.Repeat(astral, 31)), badName},
	{"32 characters of 128 bytes", new(strings.Repeat(astral, 32)), "size must be between 3 and 31"},
	{"two characters of eight bytes", new(strings.Repeat(astral, 2)), "size must be between 3 and 31"},
}

const badName = `must match "[a-zA-Z0-9][a-zA-Z0-9_.-]{2,30}"`

var personRules = []rule{
	{"absent", nil, empty},
	{"empty", new(""), empty},
	{"blank", new(" "), seen},
	{"zero-width", new("\u200b\u2060"), seen},
	{"line feed", new("A\nB"), "must not contain control characters"},
	{"escape", new("A\x1b[31m"), "must not contain control characters"},
	{"turned around", new("\u202eevil"), "must not contain control characters"},
	{"isolated", new("\u2067x\u2069"), "must not contain control characters"},
	{"Arabic", new("\u0627\u0644"), ""},
	{"family of emoji", new("👩\u200d👩\u200d👧"), ""},
	{"one", new("x"), ""},
	{"100", new(strings.Repeat("x", 100)), ""},
	{"101", new(strings.Repeat("x", 101)), "size must be between 0 and 100"},
	{"100 characters of 400 bytes", new(strings.Repeat(astral, 100)), ""},
	{"101 characters of 404 bytes", new(strings.Repeat(astral, 101)), "size must be between 0 and 100"},
	{"combining marks count", new(strings.Repeat("e\u0301", 51)), "size must be between 0 and 100"},
	{"NUL", nul("x"), zero},
}

var textRules = []rule{
	{"absent", nil, ""},
	{"empty", new(""), ""},
	{"2000", new(strings.Repeat("x", 2000)), ""},
	{"2001", new(strings.Repeat("x", 2001)), "size must be between 0 and 2000"},
	{"2000 characters of 8000 bytes", new(strings.Repeat(astral, 2000)), ""},
	{"2001 characters", new(strings.Repeat(astral, 2000) + "x"), "size must be between 0 and 2000"},
	{"NUL", nul("x"), zero},
}

const badEmail = "not a well-formed email address"

var emailRules = []rule{
	{"absent", nil, ""},
	{"empty", new(""), ""},
	{"simple", new("john.doe@dallas.com"), ""},
	{"plus", new("john+chat@dallas.com"), ""},
	{"no at", new("john.dallas.com"), badEmail},
	{"no host", new("john@"), badEmail},
	{"no name", new("@dallas.com"), badEmail},
	{"two ats", new("a@b@c"), badEmail},
	{"display name", new("John <john@dallas.com>"), badEmail},
	{"angles", new("<john@dallas.com>"), badEmail},
	{"blank around", new(" john@dallas.com "), badEmail},
	{"blank inside", new("john doe@dallas.com"), badEmail},
	{"list", new("a@b.c, d@e.f"), badEmail},
	{"line feed", new("john@dallas.com\n"), badEmail},
	{"NUL", nul("john@dallas.com"), badEmail},
	{"320 bytes", new(strings.Repeat("a", 316) + "@b.c"), ""},
	{"321 bytes", new(strings.Repeat("a", 317) + "@b.c"), badEmail},
}

var passwordRules = []rule{
	{"absent", nil, empty},
	{"empty", new(""), empty},
	{"one", new("x"), ""},
	{"blanks", new("  "), ""},
	{"1024 bytes", new(strings.Repeat("x", 1024)), ""},
	{"1025 bytes", new(strings.Repeat("x", 1025)), "size must be between 1 and 1024"},
	{"bytes count, not characters", new(strings.Repeat(astral, 257)), "size must be between 1 and 1024"},
	{"more in NFC", new(strings.Repeat("\u0958", 200)), "size must be between 1 and 1024"},
	{"NUL", nul("x"), zero},
}

var contentRules = []rule{
	{"absent", nil, empty},
	{"empty", new(""), empty},
	{"blanks", new(" \t\r\n\v\f"), empty},
	{"blanks of Unicode", new("\u00a0\u0085\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000"), empty},
	{"a zero-width space", new("\u200b"), seen},
	{"fillers and marks of direction", new("\u3164\u2800\u202e\ufe0f \u00ad"), seen},
	{"a mark of direction in a text", new("a\u202eb"), ""},
	{"text between blanks", new(" x "), ""},
	{"NUL", nul("x"), zero},
	{"longer than the limit is another error", new(strings.Repeat("x", chat.MaxContent+1)), ""},
}

func TestRules(t *testing.T) {
	fields := []struct {
		field    string
		rules    []rule
		validate func(v *string) []chat.Fault
	}{
		{"login", nameRules, func(v *string) []chat.Fault { u := chattest.NewUser("abc"); u.Login = v; return u.Validate(1) }},
		{"password", passwordRules, func(v *string) []chat.Fault { u := chattest.NewUser("abc"); u.Password = v; return u.Validate(1) }},
		{"firstname", personRules, func(v *string) []chat.Fault { u := chattest.NewUser("abc"); u.FirstName = v; return u.Validate(1) }},
		{"lastname", personRules, func(v *string) []chat.Fault { u := chattest.NewUser("abc"); u.LastName = v; return u.Validate(1) }},
		{"email", emailRules, func(v *string) []chat.Fault { u := chattest.NewUser("abc"); u.Email = v; return u.Validate(1) }},
		{"bio", textRules, func(v *string) []chat.Fault { u := chattest.NewUser("abc"); u.Bio = v; return u.Validate(1) }},
		{"banner", textRules, func(v *string) []chat.Fault { return chat.NewRoom{Name: "abc", Banner: v}.Validate() }},
		{"content", contentRules, func(v *string) []chat.Fault { return chat.NewMessage{Content: v}.Validate() }},
	}
	for _, f := range fields {
		for _, r := range f.rules {
			t.Run(f.field+"/"+r.name, func(t *testing.T) {
				got := f.validate(r.value)
				if r.fault == "" {
					require.Empty(t, got)
					return
				}
				rejected := r.value
				if f.field == "password" {
					rejected = nil // never shown
				}
				require.Equal(t, []chat.Fault{{Field: f.field, Message: r.fault, Rejected: rejected}}, got)
			})
		}
	}
}

func TestRoomNamesFollowTheRulesOfLogins(t *testing.T) {
	for _, r := range nameRules {
		if r.value == nil {
			continue
		}
		got := chat.NewRoom{Name: *r.value}.Validate()
		if r.fault == "" {
			require.Empty(t, got, r.name)
			continue
		}
		require.Equal(t, []chat.Fault{{Field: "roomName", Message: r.fault, Rejected: r.value}}, got, r.name)
	}
	for _, word := range []string{"participant", "queries"} {
		got := chat.NewRoom{Name: word}.Validate()
		require.Equal(t, []chat.Fault{{Field: "roomName", Message: "is a reserved name", Rejected: &word}}, got)
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	w := newWorld(t)
	_, err := w.SignUp(t.Context(), tenant, chat.NewUser{Login: new("a b"), Password: new("\x00"),
		Profile: chat.Profile{Email: new("x"), Bio: new("\x00")}})
	var e *chat.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, chat.Invalid, e.Kind)
	fields := map[string]string{}
	for _, f := range e.Faults {
		fields[f.Field] = f.Message
	}
	require.Equal(t, map[string]string{"login": badName, "password": zero, "firstname": empty, "lastname": empty,
		"email": badEmail, "bio": zero}, fields)
}

func TestErrorsKeepTheirCauseFromTheUser(t *testing.T) {
	err := chat.ErrUnavailable(errDisk)
	require.ErrorIs(t, err, errDisk)
	require.ErrorContains(t, err, errDisk.Error())
	var e *chat.Error
	require.ErrorAs(t, err, &e)
	require.NotContains(t, e.Message, errDisk.Error())
	require.Equal(t, chat.Internal, chat.KindOf(errDisk))
	require.False(t, chat.IsKind(nil, chat.Internal))
	require.Equal(t, "unavailable", chat.Unavailable.String())
	require.Equal(t, "Kind(99)", chat.Kind(99).String())
}
