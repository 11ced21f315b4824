package main

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUsersOfAServer(t *testing.T) {
	s := serveWithAdmin(t, t.TempDir())
	out, _ := admin(t, s, 0, "users", "create", "ann", "--first-name", "Ann", "--last-name", "Smith", "--email", "ann@example.org")
	password := regexp.MustCompile(`password is (\S+):`).FindStringSubmatch(out)[1]
	ann := newUser(t, s, "ann")
	ann.password = password
	ann.logIn()
	out, _ = admin(t, s, 0, "users", "list")
	require.Regexp(t, `ann +Ann Smith +ann@example.org .* active\n`, out)
	out, _ = admin(t, s, 0, "users", "show", "ann")
	require.Regexp(t, `roles +none\n`, out)

	out, _ = admin(t, s, 0, "users", "sessions", "ann")
	id := regexp.MustCompile(`(?m)^([0-9a-f]{24}) +session`).FindStringSubmatch(out)[1]
	admin(t, s, 0, "users", "sessions", "ann", "--end", id)
	ann.must(401, "GET", "/users/ann", nil, "")
	admin(t, s, 2, "users", "sessions", "ann", "--end", id, "--end-all")

	out, _ = admin(t, s, 0, "users", "password", "ann", "--password-file", file(t, "another good one\n"))
	require.NotContains(t, out, "another good one")
	ann.password = "another good one"
	ann.logIn()
	admin(t, s, 0, "users", "disable", "ann")
	ann.must(401, "GET", "/users/ann", nil, "")
	out, _ = admin(t, s, 0, "users", "list")
	require.Regexp(t, `ann .* disabled\n`, out)
	admin(t, s, 0, "users", "enable", "ann")
	ann.logIn()
	admin(t, s, 0, "users", "sessions", "ann", "--end-all")
	ann.must(401, "GET", "/users/ann", nil, "")

	out, _ = admin(t, s, 0, "users", "roles", "ann", "--grant", "site-admin")
	require.Regexp(t, `ann +site-admin\n`, out)
	out, _ = admin(t, s, 0, "users", "roles")
	require.Regexp(t, `(?s)ann +site-admin\n.*operator +integration-admin, site-admin\n`, out)
	out, _ = admin(t, s, 0, "users", "roles", "ann", "--revoke", "site-admin")
	require.Regexp(t, `ann +none\n`, out)
	admin(t, s, 2, "users", "roles", "--grant", "site-admin")
	_, errs := admin(t, s, 1, "users", "roles", "ann", "--grant", "emperor")
	require.Contains(t, errs, "422")

	_, _, err := ann.send("POST", "/authenticate", map[string]any{"login": "ann", "password": "wrong"}, "")
	require.NoError(t, err)
	_, _, err = ann.send("POST", "/authenticate", map[string]any{"login": "hunter2", "password": "wrong"}, "")
	require.NoError(t, err)
	out, _ = admin(t, s, 0, "audit", "--login", "ann")
	for _, kind := range []string{"account-created", "login ", "logged-out", "password-changed", "account-disabled", "account-enabled", "role-granted", "role-revoked", "login-failed"} {
		require.Regexp(t, `(?m)^\S+ +`+kind+`.* ann `, out)
	}
	out, _ = admin(t, s, 0, "audit", "--count", "1", "--kind", "role-revoked")
	require.Regexp(t, `^AT .*\n\S+ +role-revoked +1 +operator +ann +127.0.0.1 +site-admin\n$`, out)
	out, _ = admin(t, s, 0, "audit")
	require.NotContains(t, out, "hunter2")

	out, _ = admin(t, s, 0, "users", "tokens", "operator")
	id = regexp.MustCompile(`(?m)^([0-9a-f]{24}) +settings`).FindStringSubmatch(out)[1]
	require.NotContains(t, out, operatorsToken)
	admin(t, s, 0, "users", "tokens", "operator", "--end", id)
	_, errs = admin(t, s, 1, "users", "list")
	require.Contains(t, errs, "401")
}

func TestBotsAndInvitationsOfAServer(t *testing.T) {
	s := serveWithAdmin(t, t.TempDir(), "--sign-up", "invite")
	admin(t, s, 0, "bots", "create", "weather")
	out, _ := admin(t, s, 0, "bots", "token", "weather", "--scopes", "read,post", "--expires", "0")
	require.Regexp(t, `^cfp_\w+\n.* expires: never`, out)
	out, _ = admin(t, s, 0, "bots", "tokens", "weather")
	id := regexp.MustCompile(`(?m)^([0-9a-f]{24}) +personal +confab admin +post,read`).FindStringSubmatch(out)[1]
	admin(t, s, 0, "bots", "tokens", "weather", "--end", id)
	admin(t, s, 2, "bots", "delete", "weather")
	admin(t, s, 0, "bots", "delete", "--yes", "weather")
	admin(t, s, 1, "bots", "token", "weather")

	out, _ = admin(t, s, 0, "invitations", "create", "--count", "2", "--expires", "1h", "--note", "the team")
	require.Contains(t, out, s.url+"/ui/chat/index.html#/signup/inv_")
	secret := regexp.MustCompile(`inv_\w+`).FindString(out)
	ann := newUser(t, s, "ann")
	body := map[string]any{"login": "ann", "password": ann.password, "firstname": "F", "lastname": "L"}
	ann.must(403, "POST", "/users", body, "")
	body["invitation"] = secret
	ann.must(201, "POST", "/users", body, "")
	out, _ = admin(t, s, 0, "invitations", "list")
	require.NotContains(t, out, secret)
	id = regexp.MustCompile(`(?m)^(\S+) +1 of 2 .* operator +the team$`).FindStringSubmatch(out)[1]
	admin(t, s, 0, "invitations", "delete", id)
	_, errs := admin(t, s, 1, "invitations", "delete", id)
	require.Contains(t, errs, "404")
}
