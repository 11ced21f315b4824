package chat

import (
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // see faults.timezone
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/confab-chat/confab/pkg/id"
)

// Limits of what users write. Sizes of names and texts count characters (code points); the size of a message's content
// counts bytes of UTF-8.
const (
	MinName    = 3
	MaxName    = 31
	MaxPerson  = 100
	MaxText    = 2000 // bio and banner
	MaxContent = 65536
	maxEmail   = 320
	maxZone    = 64
	MaxKey     = 255 // Idempotency-Key
	// MaxPassword is the greatest length of a password in bytes, in the form that counts and in that which is sent. All
	// of it counts.
	MaxPassword = 1024
)

// The texts of faults. Clients compare them; they are part of the API.
const (
	notEmpty   = "may not be empty"
	notNull    = "may not be null"
	sizeName   = "size must be between 3 and 31"
	sizePerson = "size must be between 0 and 100"
	sizeText   = "size must be between 0 and 2000"
	sizeMost   = "size must be at most %d"
	badEmail   = "not a well-formed email address"
	badName    = `must match "[a-zA-Z0-9][a-zA-Z0-9_.-]{2,30}"`
	noNUL      = "may not contain the character U+0000"
	sizeSecret = "size must be between %d and 1024"
	reserved   = "is a reserved name"
	noControls = "must not contain control characters"
	visible    = "must contain something visible"
	noEmoji    = "must be one emoji of the Unicode standard"
	badZone    = "must be the name of a time zone, like Europe/Zurich"
)

var namePattern = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{2,30}$`)

// ValidName reports whether s may be a login, or the name of an open room. Those of other rooms the server makes: see
// ValidRoomName.
func ValidName(s string) bool { return namePattern.MatchString(s) }

// validLogin reports whether s may be a login: that of a user, or the id of an account of an app.
func validLogin(s string) bool {
	_, err := id.Parse(s)
	return err == nil || ValidName(s)
}

// Chosen reports whether somebody has chosen the name of a room: whether the room is an open one. All others have names
// that the server makes.
func Chosen(room string) bool { return !strings.HasPrefix(room, "_") }

// validNames returns those of names that can be names. Stores are asked for no others: they may be longer than a key.
func validNames(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !ValidName(n) })
}

// validRooms is validNames for names of rooms.
func validRooms(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !ValidRoomName(n) })
}

// reservedRooms are words that the API's paths use where a room's name could be.
var reservedRooms = map[string]bool{"participant": true, "queries": true}

// roomName adds the faults of the name of a new open room.
func (f *faults) roomName(name string) {
	f.name("roomName", &name)
	if reservedRooms[name] {
		f.add("roomName", reserved, &name)
	}
}

// faults collects the broken rules of an entity.
type faults []Fault

func (f *faults) add(field, message string, rejected *string) {
	*f = append(*f, Fault{Field: field, Message: message, Rejected: rejected})
}

// err returns the faults as an error, or nil if there are none.
func (f faults) err(what Entity) error {
	if len(f) == 0 {
		return nil
	}
	lines := make([]string, len(f))
	for i, x := range f {
		lines[i] = x.Field + " " + x.Message
	}
	return &Error{Kind: Invalid, Entity: what, Message: strings.Join(lines, "; "), Faults: f}
}

// Faulty returns the error for an entity with these faults, or nil if there are none. API dialects that require more
// members than the domain add their faults to the result of Validate.
func Faulty(what Entity, fs []Fault) error { return faults(fs).err(what) }

// Missing returns the fault of a required member that is absent.
func Missing(field string) Fault { return Fault{Field: field, Message: notNull} }

// Blank returns the fault of a member that may not be empty; v is what was sent.
func Blank(field string, v *string) Fault { return Fault{Field: field, Message: notEmpty, Rejected: v} }

// login is name, and "queries" is none: it is a word of the API's paths.
func (f *faults) login(field string, v *string) {
	if v != nil && *v == "queries" {
		f.add(field, badName, v)
		return
	}
	f.name(field, v)
}

// CheckPassword returns Invalid for a text that cannot be a new password. One has at least least characters.
func CheckPassword(password string, least int) error {
	var f faults
	f.password("password", &password, least)
	return f.err(UserEntity)
}

// CheckEmail returns Invalid for a text that is no e-mail address. The empty one says that there is none.
func CheckEmail(address string) error {
	var f faults
	f.email("email", &address)
	return f.err(UserEntity)
}

// NormalPassword returns the form of a password that counts: Unicode's NFC, so that it does not matter how a keyboard
// composes a letter.
func NormalPassword(password string) string { return norm.NFC.String(password) }

func (f *faults) name(field string, v *string) {
	switch {
	case v == nil || *v == "":
		f.add(field, notEmpty, v)
	case outside(*v, MinName, MaxName):
		f.add(field, sizeName, v)
	case !ValidName(*v):
		f.add(field, badName, v)
	}
}

func (f *faults) person(field string, v *string) {
	switch {
	case v == nil || *v == "":
		f.add(field, notEmpty, v)
	case outside(*v, 1, MaxPerson):
		f.add(field, sizePerson, v)
	case strings.ContainsRune(*v, 0):
		f.add(field, noNUL, v)
	case strings.ContainsFunc(*v, turnsOrControls):
		f.add(field, noControls, v)
	case !strings.ContainsFunc(*v, isVisible):
		f.add(field, visible, v)
	}
}

// turnsOrControls reports whether a character of a name would change the text around the name: a control character, or
// one that changes the direction of what follows.
func turnsOrControls(c rune) bool {
	return unicode.Is(unicode.Cc, c) || c >= 0x202a && c <= 0x202e || c >= 0x2066 && c <= 0x2069
}

// isVisible reports whether a character shows something by itself.
func isVisible(c rune) bool {
	switch c {
	case 0x115f, 0x1160, 0x3164, 0xffa0, 0x2800: // fillers, and the Braille pattern without dots
		return false
	}
	return !unicode.IsSpace(c) && !unicode.In(c, unicode.Cc, unicode.Cf, unicode.Cs, unicode.Z, unicode.Variation_Selector)
}

func (f *faults) text(field string, v *string) {
	if v == nil {
		return
	}
	if outside(*v, 0, MaxText) {
		f.add(field, sizeText, v)
		return
	}
	f.noNUL(field, v)
}

func (f *faults) email(field string, v *string) {
	if v == nil || *v == "" {
		return
	}
	a, err := mail.ParseAddress(*v)
	if err != nil || a.Name != "" || a.Address != *v || len(*v) > maxEmail || strings.ContainsRune(*v, 0) {
		f.add(field, badEmail, v)
	}
}

// timezone takes the names of the IANA database. The program brings the database with it, so that every node knows the same.
func (f *faults) timezone(field string, v *string) {
	if v == nil {
		return
	}
	if _, err := time.LoadLocation(*v); err != nil || *v == "" || *v == "Local" || len(*v) > maxZone {
		f.add(field, badZone, v)
	}
}

// password adds faults without the value: a password is never shown, not even a refused one.
func (f *faults) password(field string, v *string, least int) {
	if v == nil || *v == "" {
		f.add(field, notEmpty, nil)
		return
	}
	p := *v
	if len(p) <= MaxPassword {
		p = NormalPassword(p)
	}
	switch {
	case len(p) > MaxPassword || utf8.RuneCountInString(p) < least:
		f.add(field, fmt.Sprintf(sizeSecret, max(least, 1)), nil)
	case strings.ContainsRune(p, 0):
		f.add(field, noNUL, nil)
	}
}

func (f *faults) content(field string, v *string) {
	if v == nil || strings.TrimFunc(*v, unicode.IsSpace) == "" {
		f.add(field, notEmpty, v)
		return
	}
	if !strings.ContainsFunc(*v, isVisible) && !strings.ContainsRune(*v, 0) {
		f.add(field, visible, v)
	}
	f.noNUL(field, v)
}

func (f *faults) noNUL(field string, v *string) {
	if strings.ContainsRune(*v, 0) {
		f.add(field, noNUL, v)
	}
}

func (f *faults) size(field string, v *string, most int) {
	f.add(field, fmt.Sprintf(sizeMost, most), v)
}

func outside(s string, least, most int) bool {
	// Cheap bound first: a huge value is not counted.
	if len(s) > most*utf8.UTFMax {
		return true
	}
	n := utf8.RuneCountInString(s)
	return n < least || n > most
}

// validKey checks an Idempotency-Key.
func validKey(key string) error {
	bad := key == "" || len(key) > MaxKey
	for i := 0; i < len(key) && !bad; i++ {
		bad = key[i] < 0x20 || key[i] > 0x7e
	}
	if bad {
		return ErrInvalid("Idempotency-Key has to be 1 to %d printable ASCII characters", MaxKey)
	}
	return nil
}
