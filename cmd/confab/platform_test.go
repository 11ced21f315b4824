package main

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOrganisationsAndAppsOfAServer(t *testing.T) {
	s := serveWithAdmin(t, t.TempDir(), "--limits", "off")
	run := func(want int, args ...string) (stdout, stderr string) {
		t.Helper()
		c := command(t, append([]string{"admin"}, args...)...)
		c.Env = append(c.Env, "CONFAB_ADMIN_LOGIN=operator", "CONFAB_ADMIN_PASSWORD=secret", "CONFAB_URL="+s.url)
		status, stdout, stderr := outcome(t, c)
		require.Equal(t, want, status, "%s%s", stdout, stderr)
		return stdout, stderr
	}
	// There is no command that makes them: their owners do, over the API.
	c := &management{URL: s.url, Login: "operator", Password: "secret"}
	for _, org := range []string{"acme", "other"} {
		require.NoError(t, c.call(t.Context(), "POST", "/organizations", map[string]string{"organization": org, "username": "boss-of-" + org, "name": "B", "email": "b@example.org",
			"password": "a good password"}, nil))
		require.NoError(t, c.call(t.Context(), "POST", "/organizations/"+org+"/applications", map[string]string{"name": "shop"}, nil))
	}
	out, _ := run(0, "orgs", "list")
	require.Regexp(t, `(?s)^NAME +CREATED +UUID\nother +\S+ +\S+\nacme +20`, out)
	out, _ = run(0, "apps", "list", "acme")
	require.Regexp(t, `^APP +UUID\nacme/shop +[0-9a-f-]{36}\n$`, out)

	secret := regexp.MustCompile(`client_secret +(\S+)\n`)
	out, _ = run(0, "apps", "credentials", "acme/shop")
	first := secret.FindStringSubmatch(out)[1]
	out, _ = run(0, "apps", "credentials", "acme/shop", "--renew")
	require.NotEqual(t, first, secret.FindStringSubmatch(out)[1])
	_, errs := run(2, "apps", "credentials", "shop")
	require.Contains(t, errs, "has to be like acme/shop")

	_, errs = run(2, "apps", "delete", "acme/shop")
	require.Contains(t, errs, "add --yes")
	run(0, "apps", "delete", "--yes", "acme/shop")
	out, _ = run(0, "apps", "list", "acme")
	require.NotContains(t, out, "shop")
	run(0, "orgs", "delete", "--yes", "acme")
	_, errs = run(1, "apps", "list", "acme")
	require.Contains(t, errs, "404")
	out, _ = run(0, "orgs", "list")
	require.NotContains(t, out, "acme")

	wrong := command(t, "admin", "orgs", "list", "--url", s.url, "--login", "operator", "--password-file", file(t, "guessed\n"))
	status, _, errs := outcome(t, wrong)
	require.Equal(t, 1, status)
	require.NotContains(t, errs, "guessed")
	status, _, errs = outcome(t, command(t, "admin", "orgs", "list", "--url", s.url))
	require.Equal(t, 2, status, errs)
}
