package easemob

import (
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/audit"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

// tokenPrefix is how the tokens of the platform begin.
const tokenPrefix = "YWMt"

// grant reads the body of a call for a token, and which kind of grant it asks for.
func (c *call) grant() (f fields, kind string, err error) {
	if f, err = c.object(); err != nil {
		return nil, "", err
	}
	given, err := f.text("grant_type")
	if err != nil {
		return nil, "", err
	}
	if given == nil || *given == "" {
		return nil, "", &problem{status: http.StatusBadRequest, word: "invalid_request", text: "grant_type is missing"}
	}
	return f, *given, nil
}

func unsupportedGrant(grant string) error {
	return &problem{status: http.StatusBadRequest, word: "unsupported_grant_type", text: "grant_type [" + clip(grant) + "] is not supported here"}
}

// token gives tokens of an app and of its users.
func (a *API) token(c *call) error {
	f, grant, err := c.grant()
	if err != nil {
		return err
	}
	ttl, err := f.ttl()
	if err != nil {
		return err
	}
	switch grant {
	case "client_credentials":
		if err := a.checkClient(c, f); err != nil {
			return err
		}
		return a.issue(c, ttl, auth.APIToken{Kind: auth.AppToken, Tenant: c.tenant(), Bound: true, Epoch: auth.EpochOf("", c.app.Epoch)}, nil)
	case "password":
		u, err := a.logIn(c, f, c.people())
		if err != nil {
			return err
		}
		return a.issueForUser(c, ttl, u)
	case "inherit":
		u, err := a.inherit(c, f)
		if err != nil {
			return err
		}
		return a.issueForUser(c, ttl, u)
	}
	return unsupportedGrant(grant)
}

// ttl returns the seconds for which a token is wanted, 0 for ever; nil if the body does not say.
func (f fields) ttl() (*int64, error) {
	ttl, err := f.number("ttl")
	if err == nil && ttl != nil && *ttl < 0 {
		err = illegal("ttl has to be a number of seconds, or 0 for ever")
	}
	return ttl, err
}

// checkClient checks the credentials of the app, in the body or by HTTP's Basic.
func (a *API) checkClient(c *call, f fields) error {
	t, err := f.texts("client_id", "client_secret")
	if err != nil {
		return err
	}
	id, secret := t["client_id"], t["client_secret"]
	if h := c.r.Header.Get("Authorization"); h != "" {
		scheme, coded, _ := strings.Cut(strings.TrimSpace(h), " ")
		if strings.EqualFold(scheme, "basic") {
			b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(coded))
			basicID, basicSecret, ok := strings.Cut(string(b), ":")
			if err != nil || !ok {
				return invalidGrant("the header Authorization has no client_id and client_secret")
			}
			if differ(id, basicID) || differ(secret, basicSecret) {
				return &problem{status: http.StatusBadRequest, word: "invalid_request", text: "the body has other credentials than the header Authorization"}
			}
			id, secret = &basicID, &basicSecret
		}
	}
	if id == nil || secret == nil {
		return &problem{status: http.StatusBadRequest, word: "invalid_request", text: "client_id and client_secret are missing"}
	}
	idOK, secretOK := a.Tenants.Authenticate(c.app, *id, *secret)
	switch {
	case !idOK:
		return invalidGrant("client_id does not match")
	case !secretOK:
		return invalidGrant("client_secret does not match")
	}
	return nil
}

func differ(given *string, other string) bool {
	return given != nil && subtle.ConstantTimeCompare([]byte(*given), []byte(other)) != 1
}

// logIn checks the username and the password in a body.
func (a *API) logIn(c *call, f fields, p account.People) (account.Account, error) {
	in, err := f.texts("username", "password")
	if err != nil {
		return account.Account{}, err
	}
	if in["username"] == nil || in["password"] == nil {
		return account.Account{}, invalidGrant("username and password are missing")
	}
	u, err := p.LogIn(c.ctx(), *in["username"], *in["password"], auth.From{Address: c.address()})
	switch {
	case chat.IsKind(err, chat.NotFound):
		err = &problem{status: http.StatusNotFound, word: "invalid_grant", text: "user not found"}
	case chat.IsKind(err, chat.Unauthenticated):
		err = invalidGrant("invalid username or password")
	case chat.IsKind(err, chat.Forbidden):
		err = invalidGrant("user not activated")
	}
	return u, err
}

// inherit finds, or makes, the user whom an app wants a token for.
func (a *API) inherit(c *call, f fields) (account.Account, error) {
	if err := a.allow(c, byApp); err != nil {
		return account.Account{}, err
	}
	name, err := f.text("username")
	if err != nil {
		return account.Account{}, err
	}
	create, err := f.flag("autoCreateUser")
	if err != nil {
		return account.Account{}, err
	}
	if name == nil {
		return account.Account{}, illegal("Entity user requires a property named username")
	}
	u, err := c.people().Named(c.ctx(), *name)
	if chat.IsKind(err, chat.NotFound) {
		if create == nil || !*create {
			return account.Account{}, &problem{status: http.StatusNotFound, word: "entity_not_found", text: "User null not found"}
		}
		if _, err := c.people().Policy().Name(*name); err != nil {
			return account.Account{}, err
		}
		u, err = a.ensure(c, *name)
	}
	if err == nil && u.Inactive {
		err = invalidGrant("user not activated")
	}
	if err == nil {
		err = c.people().Governed(c.ctx(), u)
	}
	return u, err
}

// ensure makes a user unless there is one meanwhile, within the app's quota.
func (a *API) ensure(c *call, name string) (account.Account, error) {
	done, err := a.reserve(c, 1)
	if err != nil {
		return account.Account{}, err
	}
	u, created, err := c.people().Ensure(c.ctx(), name)
	if !created {
		done(0)
		return u, err
	}
	done(1)
	a.recordUser(c, audit.AccountCreated, u.Name)
	return u, err
}

// reserve reserves n accounts of the app's quota. done is called once, with how many of them were made.
func (a *API) reserve(c *call, n int) (done func(made int), err error) {
	most := 0
	if q := c.app.Settings.MaxUsers; q != nil {
		most = int(*q)
	}
	return c.people().Reserve(c.ctx(), most, n)
}

func (a *API) issueForUser(c *call, ttl *int64, u account.Account) error {
	who := u.Identity()
	if c.caller == (caller{}) { // logged in by a password
		c.caller.user = &u
	}
	a.recordUser(c, audit.LoggedIn, u.Name)
	return a.issue(c, ttl, auth.APIToken{Kind: auth.UserToken, Tenant: who.Tenant, Login: who.Login, Bound: true, Epoch: auth.EpochOf(u.Epoch, c.app.Epoch)},
		map[string]any{"user": userOf(u)})
}

// issue stores a token and answers with it. Its members are at the top of the answer.
func (a *API) issue(c *call, ttl *int64, t auth.APIToken, more map[string]any) error {
	valid, reported := c.app.Settings.TTL(ttl)
	if valid > 0 {
		t.ExpiresAt = a.Now().Add(valid).UTC()
	}
	secret, _, err := a.Tokens.Issue(c.ctx(), tokenPrefix, t)
	if err != nil {
		return err
	}
	out := map[string]any{"access_token": secret, "token_type": "bearer", "expires_in": reported}
	if c.ofApp {
		out["application"] = c.app.ID.String()
	}
	for k, v := range more {
		out[k] = v
	}
	return c.write(out)
}
