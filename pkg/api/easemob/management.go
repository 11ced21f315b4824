package easemob

import (
	"errors"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/audit"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/limit"
	"github.com/confab-chat/confab/pkg/sse"
	"github.com/confab-chat/confab/pkg/tenant"
)

const (
	orgs = "/management/{word:organizations|orgs}"
	apps = orgs + "/{org}/{word2:applications|apps}"
	// maxDeletions bounds the deletions that are listed.
	maxDeletions = 1000
)

// management are the routes below /management.
func (a *API) management() []route {
	return []route{
		{path: "/management/token", methods: map[string]operation{"POST": {by: byAnybody, serve: a.managementToken, secret: true}}},
		{path: orgs, collection: true, methods: map[string]operation{
			"GET":  {by: byServer, serve: a.listOrganisations},
			"POST": {by: byAnybody, serve: a.createOrganisation},
		}},
		{path: orgs + "/{org}", methods: map[string]operation{
			"GET":    {by: byOrganisation, serve: a.getOrganisation},
			"DELETE": {by: byOrganisation, serve: a.deleteOrganisation},
		}},
		{path: orgs + "/{org}/users", collection: true, methods: map[string]operation{
			"GET":  {by: byOrganisation, serve: a.listAdmins},
			"POST": {by: byOrganisation, serve: a.createAdmin},
		}},
		{path: orgs + "/{org}/users/{admin}", methods: map[string]operation{"DELETE": {by: byOrganisation, serve: a.deleteAdmin}}},
		{path: apps, collection: true, methods: map[string]operation{
			"GET":  {by: byOrganisation, serve: a.listApps},
			"POST": {by: byOrganisation, serve: a.createApp, secret: true},
		}},
		{path: apps + "/{app}", methods: map[string]operation{
			"GET":    {by: byOrganisation, serve: a.getApp},
			"PUT":    {by: byOrganisation, serve: a.putApp},
			"DELETE": {by: byOrganisation, serve: a.deleteApp},
		}},
		{path: apps + "/{app}/credentials", methods: map[string]operation{
			"GET":  {by: byOrganisation, serve: a.getCredentials, secret: true},
			"POST": {by: byOrganisation, serve: a.newCredentials, secret: true},
		}},
		{path: "/management/users/{admin}/password", methods: map[string]operation{"PUT": {by: byAdmin, serve: a.putAdminPassword}}},
		{path: "/management/deletions", methods: map[string]operation{"GET": {by: byServer, serve: a.listDeletions}}},
	}
}

// address is that of the client.
func (c *call) address() string { return api.ClientAddress(c.r, c.api.Proxied) }

// managementToken logs administrators in: those of the server first, whose names are taken here.
//
// The trail has all of it, and nothing of what was typed by who is nobody.
func (a *API) managementToken(c *call) error {
	f, grant, err := c.grant()
	if err != nil {
		return err
	}
	if grant != "password" {
		return unsupportedGrant(grant)
	}
	in, err := f.texts("username", "password")
	if err != nil {
		return err
	}
	ttl, err := f.ttl()
	if err != nil {
		return err
	}
	wrong := invalidGrant("invalid username or password")
	if in["username"] == nil || in["password"] == nil {
		return wrong
	}
	server, err := a.serverAdmin(c, *in["username"])
	if err != nil {
		return err
	}
	if server {
		l, err := a.Admins.LogIn(c.ctx(), chat.DefaultTenant, *in["username"], *in["password"], auth.From{Address: c.address()})
		if chat.IsKind(err, chat.Unauthenticated) {
			return wrong
		}
		if err != nil {
			return err
		}
		c.caller = caller{server: true, login: l.Login}
		a.record(c, audit.LoggedIn, l.Login, managed)
		return a.issue(c, ttl, auth.APIToken{Kind: auth.ManagementToken, Tenant: l.Tenant, Login: l.Login, Bound: true, Epoch: l.Epoch},
			map[string]any{"user": map[string]any{"username": l.Login, "uuid": "", "organizations": map[string]any{}}})
	}
	u, err := a.logIn(c, f, c.admins())
	var p *problem
	if errors.As(err, &p) && p.word == "invalid_grant" {
		a.loginFailed(c, *in["username"])
		return wrong
	}
	if err != nil {
		return err
	}
	o, err := a.Tenants.OrganisationOf(c.ctx(), u)
	if chat.IsKind(err, chat.NotFound) {
		return wrong
	}
	if err != nil {
		return err
	}
	c.caller = caller{admin: &u}
	a.record(c, audit.LoggedIn, o.Name+"/"+u.Name, managed)
	who, shown := u.Identity(), adminOf(u)
	shown["organizations"] = map[string]any{o.Name: map[string]any{"name": o.Name, "uuid": o.ID.String()}}
	return a.issue(c, ttl, auth.APIToken{Kind: auth.ManagementToken, Tenant: who.Tenant, Login: who.Login, Bound: true, Epoch: u.Epoch},
		map[string]any{"user": shown})
}

// serverAdmin reports whether a name is that of an administrator of the server.
func (a *API) serverAdmin(c *call, name string) (bool, error) {
	if !chat.ValidName(name) {
		return false, nil
	}
	return a.Officers.Is(c.ctx(), chat.Identity{Tenant: chat.DefaultTenant, Login: name})
}

func adminOf(u account.Account) map[string]any {
	return map[string]any{"username": u.Name, "uuid": u.ID.String(), "name": u.FullName, "email": u.Email}
}

// newAdmin reads an administrator to make.
func (a *API) newAdmin(c *call, f fields) (account.NewAccount, error) {
	in, err := f.texts("username", "name", "email", "password")
	if err != nil {
		return account.NewAccount{}, err
	}
	n := account.NewAccount{Password: in["password"]}
	for field, to := range map[string]*string{"username": &n.Name, "name": &n.FullName, "email": &n.Email} {
		if in[field] != nil {
			if *to = *in[field]; len(*to) > 320 {
				return n, illegal("%s_TOO_LONG", strings.ToUpper(field))
			}
		}
	}
	if n.Password == nil {
		return n, illegal("password or pin must provided")
	}
	taken, err := a.serverAdmin(c, n.Name)
	if err == nil && taken {
		err = chat.ErrExists(chat.UserEntity, n.Name)
	}
	return n, err
}

// orgsAnHour is how many organisations one address may make where everybody may.
const orgsAnHour = 10

func (a *API) createOrganisation(c *call) error {
	if err := a.authenticate(c); err != nil {
		return err
	}
	switch {
	case c.caller.server:
	case c.caller != (caller{}):
		return forbidden("only the administrator of the server makes organizations")
	case !a.OpenRegistration:
		return unauthorized("Unable to authenticate (OAuth)")
	default:
		if _, wait := a.Limits.Reserve(limit.Use{Key: "organizations\x00" + limit.Network(c.address()), Rate: limit.Rate{Most: orgsAnHour, Per: time.Hour}}); wait > 0 {
			return reachedLimit(wait)
		}
	}
	f, err := c.object()
	if err != nil {
		return err
	}
	name, err := f.text("organization")
	if err != nil {
		return err
	}
	if name == nil {
		return illegal("Entity organization requires a property named organization")
	}
	n, err := a.newAdmin(c, f)
	if err != nil {
		return err
	}
	o, owner, err := a.Tenants.CreateOrganisation(c.hashing(), *name, n)
	if err != nil {
		return err
	}
	a.record(c, audit.OrganisationCreated, o.Name, "owner "+o.Name+"/"+owner.Name)
	return c.reply(answer{data: map[string]any{"owner": adminOf(owner), "organization": organisationOf(o)}})
}

func organisationOf(o tenant.Organisation) map[string]any {
	return map[string]any{"name": o.Name, "uuid": o.ID.String()}
}

func (a *API) listOrganisations(c *call) error {
	p, err := c.page(10, 100)
	if err != nil {
		return err
	}
	list, more, err := a.Tenants.Organisations(c.ctx(), p.id(), p.limit)
	if err != nil {
		return err
	}
	shown := make([]any, len(list))
	for i, o := range list {
		row := organisationOf(o)
		row["created"] = o.CreatedAt().UnixMilli()
		shown[i] = row
	}
	x := rows(shown)
	if more {
		x.cursor = c.cursor(list[len(list)-1].ID.String())
	}
	return c.reply(x)
}

// appsOf is the apps of the organisation by their whole names.
func (a *API) appsOf(c *call) (map[string]string, error) {
	list, err := a.Tenants.Apps(c.ctx(), c.org)
	out := map[string]string{}
	for _, app := range list {
		out[c.org.Name+"/"+app.Name] = app.ID.String()
	}
	return out, err
}

func (a *API) getOrganisation(c *call) error {
	all, err := a.appsOf(c)
	if err != nil {
		return err
	}
	shown := organisationOf(c.org)
	shown["applications"] = all
	return c.reply(answer{more: map[string]any{"organization": shown}})
}

func (a *API) deleteOrganisation(c *call) error {
	if !c.caller.server {
		return forbidden("only the administrator of the server deletes organizations")
	}
	apps, err := a.Tenants.Apps(c.ctx(), c.org)
	if err != nil {
		return err
	}
	if err := a.Tenants.DeleteOrganisation(c.ctx(), c.org); err != nil {
		return err
	}
	for _, app := range apps {
		a.Streams.EndAll(app.Tenant(), sse.Deleted)
	}
	a.record(c, audit.OrganisationDeleted, c.org.Name, "")
	return c.reply(answer{data: map[string]any{"name": c.org.Name, "uuid": c.org.ID.String(), "status": "deleting"}})
}

func (a *API) listAdmins(c *call) error {
	rows := []any{}
	for _, ad := range c.org.Admins {
		u, err := c.admins().Find(c.ctx(), ad.ID.String())
		if chat.IsKind(err, chat.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		rows = append(rows, adminOf(u))
	}
	return c.reply(answer{data: rows, count: counted(len(rows))})
}

func (a *API) createAdmin(c *call) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	n, err := a.newAdmin(c, f)
	if err != nil {
		return err
	}
	u, err := a.Tenants.AddAdmin(c.hashing(), c.org, n)
	if err != nil {
		return err
	}
	a.record(c, audit.AdminCreated, c.org.Name+"/"+u.Name, "")
	return c.reply(answer{data: map[string]any{"user": adminOf(u)}})
}

func (a *API) deleteAdmin(c *call) error {
	u, err := a.Tenants.RemoveAdmin(c.ctx(), c.org, c.variable("admin"))
	if err != nil {
		return err
	}
	a.record(c, audit.AdminDeleted, c.org.Name+"/"+u.Name, "")
	return c.reply(answer{data: map[string]any{"user": adminOf(u)}})
}

// putAdminPassword changes the password of the caller, or of anybody if the caller administers the server.
func (a *API) putAdminPassword(c *call) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	in, err := f.texts("oldpassword", "newpassword")
	if err != nil {
		return err
	}
	if in["newpassword"] == nil {
		return illegal("newpassword is required")
	}
	name := c.variable("admin")
	if c.caller.server && name == c.caller.login {
		return forbidden("the password of the server's administrator is changed in the chat API or in the server's settings")
	}
	u, err := c.admins().Named(c.ctx(), name)
	if !c.caller.server && (err != nil || u.ID != c.caller.admin.ID) {
		return forbidden("only oneself and the administrator of the server may do this")
	}
	if err != nil {
		return err
	}
	if !c.caller.server {
		if in["oldpassword"] == nil {
			return illegal("oldPassword is required")
		}
		err := a.checkOld(c, c.admins(), u, *in["oldpassword"])
		if p := (*problem)(nil); errors.As(err, &p) {
			a.loginFailed(c, u.Name)
		}
		if err != nil {
			return err
		}
	}
	if _, err := c.admins().SetPassword(c.hashing(), u, *in["newpassword"]); err != nil {
		return err
	}
	detail := ""
	if c.caller.server {
		detail = "by an administrator"
	}
	a.record(c, audit.PasswordChanged, a.nameOf(c, u), detail)
	return c.reply(answer{action: "set user password"})
}

func (a *API) listDeletions(c *call) error {
	list, err := a.Tenants.Deletions(c.ctx(), a.Now(), maxDeletions)
	if err != nil {
		return err
	}
	rows := make([]any, len(list))
	for i, d := range list {
		status := "running"
		if d.Done {
			status = "done"
		}
		rows[i] = map[string]any{"type": d.Type, "name": d.Name, "uuid": d.UUID().String(), "started": d.ID.Time().UnixMilli(), "status": status}
	}
	return c.reply(answer{data: rows, count: counted(len(rows))})
}
