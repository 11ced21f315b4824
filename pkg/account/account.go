// Package account keeps the accounts of tenants whose names are free again: those of the platform's apps, and of the
// administrators of organisations.
//
// An account has an id, and what belongs to a person hangs on it: tokens, metadata, memberships. Another account that
// gets the name later inherits nothing. The accounts of the default tenant are in pkg/chat: their logins are never free
// again, so the login is their id.
package account

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
)

// Account is an account of a tenant.
type Account struct {
	Tenant chat.Tenant
	ID     id.ID
	// Name is unique in the tenant, in the form of its Policy. It never changes.
	Name string
	Data
	version int64
	// made is when a user of the chat API signed up; zero for accounts whose ID says so.
	made time.Time
	// person is a user of the chat API as a participant of rooms.
	person chat.Person
}

// Data is what is stored of an account beside its name and id. A Service changes it by replacing the whole.
type Data struct {
	Nickname *string `json:"nickname,omitzero"`
	FullName string  `json:"fullName,omitzero"`
	Email    string  `json:"email,omitzero"`
	// PasswordHash is an encoded hash (see pkg/auth); empty for an account without a password.
	PasswordHash string `json:"passwordHash,omitzero"`
	// Epoch is replaced with each new password, and when the account is deactivated. Tokens of another epoch have ended.
	Epoch string `json:"epoch,omitzero"`
	// Inactive says that the account cannot log in.
	Inactive   bool      `json:"inactive,omitzero"`
	ModifiedAt time.Time `json:"modifiedAt,omitzero"` // of what the account shows; zero: never
	// Push are settings that clients store here, as they were sent.
	Push map[string]jsontext.Value `json:"push,omitzero"`
	// Metadata are attributes that the app stores here.
	Metadata map[string]string `json:"metadata,omitzero"`
	// Organisation is what an administrator administers; zero for accounts of apps.
	Organisation id.ID `json:"organisation,omitzero"`
}

// CreatedAt is when the account was made, in UTC.
func (a Account) CreatedAt() time.Time {
	if !a.made.IsZero() {
		return a.made
	}
	return a.ID.Time()
}

// Position is where the account is in the order of People.List.
func (a Account) Position() string {
	if a.Tenant == home {
		return a.Name
	}
	return a.ID.String()
}

// Modified is when what the account shows was changed last, in UTC.
func (a Account) Modified() time.Time {
	if a.ModifiedAt.IsZero() {
		return a.CreatedAt()
	}
	return a.ModifiedAt
}

// Identity is who the account is for tokens and memberships.
func (a Account) Identity() chat.Identity {
	if a.Tenant == home {
		return chat.Identity{Tenant: home, Login: a.Name}
	}
	return chat.Identity{Tenant: a.Tenant, Login: a.ID.String()}
}

// Person shows an account as a participant of rooms. The login of one of an app is its id; the name never changes.
func (a Account) Person() chat.Person {
	if a.person.Login != "" {
		return a.person
	}
	return chat.Person{Login: a.Identity().Login, FirstName: a.Name}
}

// NameOf is how the platform names a participant of a tenant: users of the chat API by their login, accounts of apps by what
// Person has made of their name.
func NameOf(t chat.Tenant, p chat.Person) string {
	if t == chat.DefaultTenant && p.Login != "" {
		return p.Login
	}
	return p.FirstName
}

// Spaces are those of the tenants' accounts.
const Spaces directory.Kind = "accounts/"

// spaceOf is where the accounts of a tenant are.
func spaceOf(t chat.Tenant) string { return Spaces.Of(string(t)) }

func (a Account) entry() (directory.Entry, error) {
	value, err := json.Marshal(a.Data)
	return directory.Entry{Space: spaceOf(a.Tenant), ID: a.ID, Name: a.Name, Value: value, Version: a.version}, err
}

func decode(e directory.Entry) (Account, error) {
	a := Account{Tenant: chat.Tenant(strings.TrimPrefix(e.Space, string(Spaces))), ID: e.ID, Name: e.Name, version: e.Version}
	err := json.Unmarshal(e.Value, &a.Data)
	if err != nil {
		err = &chat.Error{Kind: chat.Internal, Cause: err}
	}
	return a, err
}
