package easemob_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// trail returns the events of the audit trail as "kind actor subject", in the order in which they happened.
func (w *world) trail() (events []string) {
	w.Helper()
	for _, e := range w.events() {
		events = append([]string{e["kind"].(string) + " " + e["actor"].(string) + " " + e["subject"].(string)}, events...)
	}
	return events
}

// events are those of the audit trail, the newest first.
func (w *world) events() (events []object) {
	w.Helper()
	for _, e := range w.ok("GET", "/api/chat/v1/admin/audit", adminToken, nil)["events"].([]any) {
		events = append(events, e.(object))
	}
	return events
}

func TestTheTrailHasWhatIsDoneToThePlatform(t *testing.T) {
	w, _ := serve(t, openStore(t), config())
	operator := w.logIn(adminLogin, adminPassword)
	w.ok("POST", "/management/organizations", operator, object{"organization": "Acme", "username": "Boss", "name": "B", "email": "b@example.org", "password": "pw"})
	boss := w.logIn("boss", "pw")
	w.ok("POST", "/management/organizations/acme/applications", boss, object{"name": "Shop"})
	w.ok("PUT", "/management/organizations/acme/applications/shop", boss, object{"token_ttl": 60, "registration": "open"})
	credentials := "/management/organizations/acme/applications/shop/credentials"
	w.ok("GET", credentials, boss, nil)
	w.do("HEAD", credentials, boss, nil)
	secret := w.ok("POST", credentials, boss, nil)["credentials"].(object)["client_secret"].(string)
	w.ok("POST", "/management/organizations/acme/users", boss, object{"username": "two", "name": "T", "email": "t@example.org", "password": "first secret"})
	w.ok("PUT", "/management/users/two/password", operator, object{"newpassword": "next secret"})
	w.fails(403, "forbidden_op", "PUT", "/management/users/boss/password", boss, object{"oldpassword": "other secret", "newpassword": "next secret"})
	w.ok("PUT", "/management/users/boss/password", boss, object{"oldpassword": "pw", "newpassword": "next secret"})
	w.fails(400, "invalid_grant", "POST", "/management/token", "", object{"grant_type": "password", "username": "two", "password": "third secret"})
	w.fails(400, "invalid_grant", "POST", "/management/token", "", object{"grant_type": "password", "username": "my secret", "password": "x"})
	w.ok("DELETE", "/management/organizations/acme/users/two", operator, nil)
	w.ok("DELETE", "/management/organizations/acme/applications/shop", operator, nil)
	w.ok("DELETE", "/management/organizations/acme", operator, nil)
	require.Equal(t, []string{
		"login operator operator",
		"organization-created operator Acme",
		"login Acme/boss Acme/boss",
		"app-created Acme/boss Acme/Shop",
		"app-changed Acme/boss Acme/Shop",
		"credentials-shown Acme/boss Acme/Shop",
		"credentials-renewed Acme/boss Acme/Shop",
		"admin-created Acme/boss Acme/two",
		"password-changed operator Acme/two",
		"login-failed  Acme/boss",
		"password-changed Acme/boss Acme/boss",
		"login-failed  Acme/two",
		"login-failed  ",
		"admin-deleted operator Acme/two",
		"app-deleted operator Acme/Shop",
		"organization-deleted operator Acme",
	}, w.trail())
	for _, e := range w.events() {
		require.NotEmpty(t, e["address"])
		for _, text := range e {
			if s, ok := text.(string); ok {
				require.NotContains(t, s, "secret")
				require.NotContains(t, s, secret)
			}
		}
	}
}

func TestTheTrailHasWholeAddresses(t *testing.T) {
	c := config()
	c.Proxied = true
	w, _ := serve(t, openStore(t), c)
	w.from = "2001:db8::7"
	w.logIn(adminLogin, adminPassword)
	w.fails(400, "invalid_grant", "POST", "/management/token", "", object{"grant_type": "password", "username": adminLogin, "password": "x"})
	for _, e := range w.events() {
		require.Equal(t, "2001:db8::7", e["address"], e["kind"])
	}
	require.Len(t, w.events(), 2)
}

// Accounts of the chat API are in the trail, whoever changes them; those of other apps are their own business.
func TestTheTrailHasWhatIsDoneToUsersOfTheChatAPI(t *testing.T) {
	w := newWorld(t)
	a := w.defaultApp("confab/chat", "confab", "chat")
	before := len(w.trail())
	for _, of := range []*app{w.app, a} {
		of.ok("POST", "/users", of.token, object{"username": "bob", "password": "bobs secret"})
		of.ok("POST", "/token", "", object{"grant_type": "password", "username": "bob", "password": "bobs secret"})
		of.ok("POST", "/token", of.token, object{"grant_type": "inherit", "username": "carol", "autoCreateUser": true})
		of.ok("PUT", "/users/bob/password", of.token, object{"newpassword": "another secret"})
		of.ok("POST", "/users/bob/deactivate", of.token, nil)
		of.ok("POST", "/users/bob/activate", of.token, nil)
		of.ok("POST", "/mutes", of.token, object{"username": "bob", "chat": -1, "groupchat": 0})
		room := of.ok("POST", "/chatgroups", of.token, object{"groupname": "Club", "public": true, "owner": "bob"})["data"].(object)["groupid"].(string)
		of.ok("DELETE", "/chatgroups/"+room, of.token, nil)
		of.ok("DELETE", "/users/bob", of.token, nil)
	}
	by := "confab/chat"
	require.Equal(t, []string{"account-created " + by + " bob", "login bob bob", "account-created " + by + " carol", "login " + by + " carol",
		"password-changed " + by + " bob", "account-disabled " + by + " bob", "account-enabled " + by + " bob", "account-muted " + by + " bob", "room-deleted " + by + " Club", "account-deleted " + by + " bob"}, w.trail()[before:])
	for _, e := range w.events() {
		if e["kind"] == "account-muted" {
			require.Equal(t, "chat: for ever, groupchat: no longer, through the platform", e["detail"])
		}
	}
}
