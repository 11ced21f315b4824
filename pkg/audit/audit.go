// Package audit keeps a trail of who did what to accounts and data: logins and their failures, passwords, roles, tokens,
// deletions, exports, retention.
//
// A Trail records events of this server, and reads those of all servers of a store, the newest first. Events are kept for a
// time and then go by themselves, like the lines of a log that is rotated. Secrets are never in them, nor is what somebody
// typed who could not log in: it may be a password in the wrong field.
//
// An event is recorded after what it tells of, so an event that is missing may have happened (the process died in between),
// and one that is there has happened. If the store does not take an event, the server's log has it.
package audit

import (
	"context"
	"slices"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// Kind is what happened.
type Kind string

// The kinds of events. Subject is whom or what it happened to, and Detail says more.
const (
	LoggedIn          Kind = "login"
	LoginFailed       Kind = "login-failed" // Detail: why; Subject: the account, if there is one
	SignedUp          Kind = "sign-up"
	AccountCreated    Kind = "account-created"
	AccountDeleted    Kind = "account-deleted"
	AccountErased     Kind = "account-erased"
	AccountDisabled   Kind = "account-disabled"
	AccountEnabled    Kind = "account-enabled"
	AccountMuted      Kind = "account-muted" // everywhere. Detail: in conversations of which kind, until when
	PasswordChanged   Kind = "password-changed"
	LoggedOut         Kind = "logged-out" // by an administrator. Detail: which login, or all
	RoleGranted       Kind = "role-granted"
	RoleRevoked       Kind = "role-revoked" // Detail: the role
	TokenCreated      Kind = "token-created"
	TokenDeleted      Kind = "token-deleted"      // Detail: the token's id, name and scopes
	InvitationCreated Kind = "invitation-created" // Detail: for how many accounts, until when
	InvitationDeleted Kind = "invitation-deleted"
	RoomDeleted       Kind = "room-deleted"
	RetentionSet      Kind = "retention-set" // Detail: how long
	ExportRequested   Kind = "export-requested"
	BackupMade        Kind = "backup-made"     // Subject: the folder
	OrphansRemoved    Kind = "orphans-removed" // of files. Detail: how many

	// Of the platform. Organisations are named ORG, their apps ORG/APP and their administrators ORG/NAME: no login has a slash.
	OrganisationCreated Kind = "organization-created"
	OrganisationDeleted Kind = "organization-deleted"
	AppCreated          Kind = "app-created"
	AppDeleted          Kind = "app-deleted"
	AppChanged          Kind = "app-changed" // Detail: the settings
	AdminCreated        Kind = "admin-created"
	AdminDeleted        Kind = "admin-deleted"
	CredentialsShown    Kind = "credentials-shown"
	CredentialsRenewed  Kind = "credentials-renewed"
)

var kinds = []Kind{LoggedIn, LoginFailed, SignedUp, AccountCreated, AccountDeleted, AccountErased, AccountDisabled, AccountEnabled, AccountMuted, PasswordChanged,
	LoggedOut, RoleGranted, RoleRevoked, TokenCreated, TokenDeleted, InvitationCreated, InvitationDeleted, RoomDeleted, RetentionSet, ExportRequested, BackupMade, OrphansRemoved,
	OrganisationCreated, OrganisationDeleted, AppCreated, AppDeleted, AppChanged, AdminCreated, AdminDeleted, CredentialsShown, CredentialsRenewed}

// Kinds returns all kinds.
func Kinds() []Kind { return slices.Clone(kinds) }

// Event is something that happened.
type Event struct {
	// ID orders events and holds the time. Record makes it.
	ID     id.ID
	Tenant chat.Tenant
	Kind   Kind
	// Actor is the login of who did it; empty if that is not known. An administrator of an organisation is ORG/NAME.
	Actor string
	// Subject is the login of the account, or the name of the room, that it was done to.
	Subject string
	// Address is that of the client; empty if there is none. Failures that are counted together may have come from several
	// addresses of an IPv6 network: then it is the network (/64).
	Address string
	Detail  string
	// Count is how often it happened; more than 1 only for LoginFailed.
	Count int
}

// At is when it happened, in UTC.
func (e Event) At() time.Time { return e.ID.Time() }

// Store keeps events. The guarantees at the top of pkg/chat/store.go hold for it too.
type Store interface {
	// AddAuditEvent stores an event until a moment. It may be shown a little longer.
	AddAuditEvent(ctx context.Context, e Event, until time.Time) error
	// AuditEvents returns events of a tenant in the reverse order of their ids: those before the given one (zero: from the
	// newest), and not older than since. It returns fewer than limit only if there are no more. The cost follows the events
	// it returns, and the days from since that have none.
	AuditEvents(ctx context.Context, t chat.Tenant, before id.ID, since time.Time, limit int) ([]Event, error)
}
