package tenant

import (
	"context"
	"strings"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/callbacks"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/files"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/invite"
	"github.com/confab-chat/confab/pkg/people"
)

// Inventory visits all organisations, apps and accounts; see directory.Store.
type Inventory interface {
	EachEntry(ctx context.Context, visit func(directory.Entry) error) error
}

// travels says of every kind of space in the directory whether its entries go with exports. What it does not name stays.
var travels = map[directory.Kind]bool{
	orgKind:        true,
	appPrefix:      true,
	account.Spaces: true,
	groupPrefix:    true, roomPrefix: true, superPrefix: true, attributePrefix: true,
	people.ContactSpaces: true, people.RecordSpaces: true, people.MutedSpaces: true,
	deletionKind:  false, // a deletion is done where it was asked for
	invite.Spaces: false, // an invitation is a link to this server
	// Records of files have lines of their own, with the bytes. What follows from them is made anew.
	files.RecordSpaces: true, files.RoomSpaces: false, files.UploadSpaces: false, files.UsageSpaces: false,
	// The secrets of rules are sealed. What waits to be delivered stays here, so what could not be does too.
	callbacks.RuleSpaces: true, callbacks.LetterSpaces: false,
}

// Travels reports whether entries of a kind of spaces go with exports; decided is false for a kind that is not known.
func Travels(k directory.Kind) (travel, decided bool) {
	travel, decided = travels[k]
	return travel, decided
}

// Movable returns whether an entry of the directory goes with an export: its kind travels, and it is of this server, or of
// an organisation or an app that exists. Deleted ones have entries until the deletion has come to them. The default app and
// its organisation stay: each server makes its own. Movable reads all entries once and keeps those of apps.
func Movable(ctx context.Context, from Inventory) (movable func(directory.Entry) bool, err error) {
	orgs := map[string]bool{}        // spaces of their apps
	apps := map[chat.Tenant]string{} // the space that an app is in
	err = from.EachEntry(ctx, func(e directory.Entry) error {
		switch directory.KindOf(e.Space) {
		case orgKind:
			o, err := decodeOrg(e)
			if err != nil {
				return err
			}
			orgs[appSpace(e.ID)] = !o.Default
		case appPrefix:
			apps[App{ID: e.ID}.Tenant()] = e.Space
		}
		return nil
	})
	return func(e directory.Entry) bool {
		kind := directory.KindOf(e.Space)
		switch {
		case !travels[kind]:
			return false
		case kind == orgKind:
			return orgs[appSpace(e.ID)]
		case kind == appPrefix:
			return orgs[e.Space]
		}
		of, _, _ := strings.Cut(strings.TrimPrefix(e.Space, string(kind)), "/") // of all others the tenant comes next
		return !strings.HasPrefix(of, tenantPrefix) || orgs[apps[chat.Tenant(of)]]
	}, err
}

// AppOf returns the app that an entry of the directory is; false if it is none.
func AppOf(e directory.Entry) (App, bool) {
	return App{ID: e.ID}, directory.KindOf(e.Space) == appPrefix
}

// ForgetEntry invalidates what is cached of an entry of the directory that another node may have changed.
func (s *Service) ForgetEntry(space string, u id.ID) {
	s.orgs.Forget(space, u)
	s.apps.Forget(space, u)
}
