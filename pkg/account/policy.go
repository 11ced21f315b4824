package account

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/confab-chat/confab/pkg/chat"
)

// Policy says what accounts of a tenant may be called, and what a new one needs. The accounts of the default tenant
// have the rules of pkg/chat.
type Policy struct {
	// Fold says that names are compared and stored in small letters.
	Fold bool
	// MaxBytes is the greatest length of a name.
	MaxBytes int
	// Pattern is what a name matches, after folding.
	Pattern *regexp.Regexp
	// Refused are names that match and are not allowed.
	Refused func(name string) bool
	// MinPassword and MaxPassword bound the length of a password, in characters; MinPassword as chat.CheckPassword counts.
	MinPassword, MaxPassword int
	// MaxNickname is the greatest length of a nickname, in characters.
	MaxNickname int
}

// uuidForm is that of an id: where a path takes a name or an id, a name must not look like one.
var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// Platform is the policy of apps: names are free again after deletion.
var Platform = Policy{Fold: true, MaxBytes: 64, Pattern: regexp.MustCompile(`^[a-z0-9_.-]+$`), MaxPassword: 64, MaxNickname: 100,
	Refused: func(name string) bool {
		return name == "." || name == ".." || name == DefaultSender || uuidForm.MatchString(name)
	}}

// DefaultSender is the author of what an app sends without naming one. No account of an app has this name.
const DefaultSender = "admin"

var adminPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_.@+-]*$`)

// Administrators is the policy of those who administer organisations. Their passwords have at least that many characters.
func Administrators(minPassword int) Policy {
	return Policy{Fold: true, MaxBytes: 64, Pattern: adminPattern, MinPassword: min(minPassword, mostOfAdmin), MaxPassword: mostOfAdmin, MaxNickname: 100,
		Refused: uuidForm.MatchString}
}

// mostOfAdmin is the greatest length of an administrator's password, in characters.
const mostOfAdmin = 64

// The texts of faults.
const (
	FaultMissing  = "is missing"
	FaultTooLong  = "is too long"
	FaultNotLegal = "is not legal"
)

// Name returns the form of a name that is stored and compared. Invalid with a fault of "username" for one that cannot be
// that of an account.
func (p Policy) Name(name string) (string, error) {
	if p.Fold {
		name = strings.ToLower(name)
	}
	switch {
	case name == "":
		return "", invalid("username", FaultMissing, name)
	case len(name) > p.MaxBytes:
		return "", invalid("username", FaultTooLong, name)
	case !p.Pattern.MatchString(name) || p.Refused(name):
		return "", invalid("username", FaultNotLegal, name)
	}
	return name, nil
}

// Password returns Invalid with a fault of "password" for a text that cannot be a password.
func (p Policy) Password(password string) error {
	switch {
	case password == "":
		return invalid("password", FaultMissing, "")
	case utf8.RuneCountInString(password) > p.MaxPassword:
		return invalid("password", FaultTooLong, "")
	case strings.ContainsRune(password, 0):
		return invalid("password", FaultNotLegal, "")
	case p.MinPassword > 0 && chat.CheckPassword(password, p.MinPassword) != nil:
		return invalid("password", fmt.Sprintf("has to have %d to %d characters", p.MinPassword, p.MaxPassword), "")
	}
	return nil
}

// Nickname returns Invalid with a fault of "nickname" for a text that cannot be one.
func (p Policy) Nickname(nickname string) error {
	switch {
	case utf8.RuneCountInString(nickname) > p.MaxNickname:
		return invalid("nickname", FaultTooLong, nickname)
	case strings.ContainsRune(nickname, 0):
		return invalid("nickname", FaultNotLegal, nickname)
	}
	return nil
}

func invalid(field, fault, rejected string) error {
	f := chat.Fault{Field: field, Message: fault}
	if field != "password" {
		f.Rejected = &rejected
	}
	return &chat.Error{Kind: chat.Invalid, Entity: chat.UserEntity, Message: fmt.Sprintf("%s %s", field, fault), Faults: []chat.Fault{f}}
}
