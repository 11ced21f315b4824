package tenant

import (
	"context"
	"strings"

	"github.com/confab-chat/confab/pkg/chat"
)

// NoDefault is what stands in place of ORG/APP where no app shows the chat API's users and rooms.
const NoDefault = "none"

// CheckDefault returns Invalid if a text is neither NoDefault nor ORG/APP, of names that an organisation and an app may have.
func CheckDefault(name string) error {
	if name == NoDefault {
		return nil
	}
	if org, app, ok := strings.Cut(name, "/"); !ok || !ValidOrganisation(org) || !ValidApp(app) {
		return chat.ErrInvalid("the default app has to be ORG/APP, names that an organization and an application may have, such as %s/chat", DefaultOrganisation)
	}
	return nil
}

// EnsureDefault makes sure that the app ORG/APP exists, and its organisation, which show the chat API's own users and
// rooms. Nobody makes or deletes an organisation of that name. Conflict if it exists and is somebody's. With NoDefault the
// organisation of an earlier start is not found any more.
//
// It is called before the Service is used.
func (s *Service) EnsureDefault(ctx context.Context, name string) error {
	if err := CheckDefault(name); err != nil {
		return err
	}
	if s.noDefault = name == NoDefault; s.noDefault {
		return nil
	}
	org, app, _ := strings.Cut(name, "/")
	s.defaultOrg = key(org)
	o, err := s.Organisation(ctx, org)
	if chat.IsKind(err, chat.NotFound) {
		o = Organisation{ID: s.ids.New(), Name: org, Default: true, version: 1}
		e, encodeErr := o.entry()
		if encodeErr != nil {
			return encodeErr
		}
		if err = s.store.CreateEntry(ctx, e); chat.IsKind(err, chat.Conflict) { // another server was quicker
			o, err = s.Organisation(ctx, org)
		}
	}
	if err != nil {
		return err
	}
	a, err := s.App(ctx, o, app)
	if chat.IsKind(err, chat.NotFound) && o.Default {
		a, _, err = s.createApp(ctx, App{ID: s.ids.New(), Organisation: o.ID, Name: app, tenant: chat.DefaultTenant, version: 1})
		if chat.IsKind(err, chat.Conflict) {
			a, err = s.App(ctx, o, app)
		}
	}
	if chat.IsKind(err, chat.NotFound) || err == nil && !a.Default() {
		return &chat.Error{Kind: chat.Conflict, Entity: AppEntity, Name: name,
			Message: "the organization " + org + " is somebody's, so that its application " + app + " cannot show the chat API's users: name another default app"}
	}
	return err
}

// ordinary returns Forbidden for the organisation of the default app.
func (o Organisation) ordinary() error {
	if o.Default {
		return chat.ErrForbidden("the organization [%s] is that of the chat API's own users: it stays, and has no administrators and no other applications", o.Name)
	}
	return nil
}
