package easemob

import (
	"strings"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/audit"
	"github.com/confab-chat/confab/pkg/chat"
)

// managed is the detail of logins to the management.
const managed = "management of the platform"

// record notes in the audit trail what the caller has done. Who makes an organisation without a token has no name.
func (a *API) record(c *call, kind audit.Kind, subject, detail string) {
	actor := c.caller.login
	switch {
	case c.caller.admin != nil:
		actor = a.nameOf(c, *c.caller.admin)
	case c.caller.user != nil:
		actor = c.caller.user.Name
	case c.caller.app:
		actor = c.org.Name + "/" + c.app.Name
	}
	a.Trail.Record(c.ctx(), audit.Event{Kind: kind, Actor: actor, Subject: subject, Address: c.address(), Detail: detail})
}

// recordUser notes what was done to a user or a room of the chat API. Those of other apps are their own business.
func (a *API) recordUser(c *call, kind audit.Kind, name string, more ...string) {
	if c.app.Default() {
		a.record(c, kind, name, strings.Join(append(more, "through the platform"), ", "))
	}
}

// nameOf is an administrator of an organisation in the trail, ORG/NAME: chat users have logins like theirs.
func (a *API) nameOf(c *call, admin account.Account) string {
	o, err := a.Tenants.OrganisationOf(c.ctx(), admin)
	if err != nil { // deleted meanwhile
		return admin.Organisation.String() + "/" + admin.Name
	}
	return o.Name + "/" + admin.Name
}

// loginFailed notes a failed login to the management, with the name only if it is that of an administrator.
func (a *API) loginFailed(c *call, name string) {
	subject, why := "", "wrong password"
	u, err := c.admins().Named(c.ctx(), name)
	switch {
	case err == nil:
		if subject = a.nameOf(c, u); u.Inactive {
			why = "disabled"
		}
	case chat.IsKind(err, chat.NotFound):
		why = "no such account"
	}
	a.Trail.LoginFailed(c.ctx(), chat.DefaultTenant, subject, c.address(), why)
}
