// Package tenant has the organisations that use the platform, their administrators, and their apps. Each app is a tenant:
// a world of its own, with accounts that no other app sees.
package tenant

import (
	"regexp"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
)

// Administration is the tenant of the administrators of all organisations.
const Administration chat.Tenant = "administration"

// The entities that errors are about.
const (
	OrganisationEntity chat.Entity = "organization"
	AppEntity          chat.Entity = "application"
	AdminEntity        chat.Entity = "administrator"
)

// Organisation is a customer of the platform.
type Organisation struct {
	ID   id.ID
	Name string // as it was given; unique without regard to case
	// Admins are its administrators, the first one the owner.
	Admins []Admin
	// Default says that it is the organisation of the default app. It has no administrators and no other apps, and stays.
	Default bool
	version int64
}

// Admin refers to an account of Administration.
type Admin struct {
	ID   id.ID  `json:"id"`
	Name string `json:"name"`
}

// CreatedAt is when the organisation was made, in UTC.
func (o Organisation) CreatedAt() time.Time { return o.ID.Time() }

// App is a tenant.
type App struct {
	ID           id.ID
	Organisation id.ID
	Name         string // as it was given; unique in its organisation without regard to case
	Settings     Settings
	ClientID     string
	// sealed is the client secret; see pkg/seal.
	sealed []byte
	// Epoch is replaced when all tokens of the app and of its users end. Empty until then.
	Epoch   string
	tenant  chat.Tenant // empty for all but the default app
	version int64
}

// Tenant is what the app's data belong to.
func (a App) Tenant() chat.Tenant {
	if a.Default() {
		return a.tenant
	}
	return chat.Tenant(tenantPrefix + a.ID.String())
}

// Default reports whether the app shows the chat API's own users and rooms.
func (a App) Default() bool { return a.tenant != "" }

// CreatedAt is when the app was made, in UTC.
func (a App) CreatedAt() time.Time { return a.ID.Time() }

// DefaultOrganisation is the usual name of the default app's organisation. No other may have it.
const DefaultOrganisation = "confab"

// reserved are words that the server's own paths begin with.
var reserved = map[string]bool{}

func init() {
	for _, w := range strings.Fields(`api api2 ui killrchat users rooms messages authenticate logout remember-me chat management healthz readyz
		metrics docs assets admin login signup oauth oauth2 ws stomp static s files v1 v2 help status`) {
		reserved[w] = true
	}
}

// Reserved reports whether a path's first segment belongs to the server itself: it is never an organisation's name.
func Reserved(segment string) bool { return reserved[strings.ToLower(segment)] }

var (
	orgPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)
	appPattern = regexp.MustCompile(`^[A-Za-z0-9-]{1,32}$`)
)

// ValidOrganisation reports whether an organisation may have that name, if it is not the default app's.
func ValidOrganisation(name string) bool { return orgPattern.MatchString(name) && !Reserved(name) }

// ValidApp reports whether an app may have that name.
func ValidApp(name string) bool {
	_, err := id.Parse(strings.ToLower(name)) // an id may be used in place of the name
	return appPattern.MatchString(name) && err != nil
}

// key is what names have in common that differ only in case.
func key(name string) string { return strings.ToLower(name) }

const (
	orgKind      directory.Kind = "organisations"
	orgSpace                    = string(orgKind)
	appPrefix    directory.Kind = "apps/" // of the space of an organisation's apps
	tenantPrefix                = "app-"
)

func appSpace(org id.ID) string { return appPrefix.Of(org.String()) }

type orgValue struct {
	Name    string  `json:"name"`
	Admins  []Admin `json:"admins"`
	Default bool    `json:"default,omitzero"`
}

type appValue struct {
	Name     string      `json:"name"`
	Tenant   chat.Tenant `json:"tenant,omitzero"`
	ClientID string      `json:"clientID"`
	Sealed   []byte      `json:"sealed"`
	Settings Settings    `json:"settings"`
	Epoch    string      `json:"epoch,omitzero"`
}

func (o Organisation) entry() (directory.Entry, error) {
	value, err := json.Marshal(orgValue{o.Name, o.Admins, o.Default})
	return directory.Entry{Space: orgSpace, ID: o.ID, Name: key(o.Name), Value: value, Version: o.version}, err
}

func decodeOrg(e directory.Entry) (Organisation, error) {
	var v orgValue
	err := json.Unmarshal(e.Value, &v)
	return Organisation{ID: e.ID, Name: v.Name, Admins: v.Admins, Default: v.Default, version: e.Version}, err
}

func (a App) entry() (directory.Entry, error) {
	value, err := json.Marshal(appValue{a.Name, a.tenant, a.ClientID, a.sealed, a.Settings, a.Epoch})
	return directory.Entry{Space: appSpace(a.Organisation), ID: a.ID, Name: key(a.Name), Value: value, Version: a.version}, err
}

func decodeApp(e directory.Entry) (App, error) {
	var v appValue
	if err := json.Unmarshal(e.Value, &v); err != nil {
		return App{}, err
	}
	org, err := id.Parse(strings.TrimPrefix(e.Space, string(appPrefix)))
	return App{ID: e.ID, Organisation: org, Name: v.Name, Settings: v.Settings, ClientID: v.ClientID, sealed: v.Sealed, tenant: v.Tenant, Epoch: v.Epoch,
		version: e.Version}, err
}
