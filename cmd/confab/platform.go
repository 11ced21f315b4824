package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

type adminOrgsCmd struct {
	List   adminOrgsListCmd   `cmd:"" help:"Show the organisations of the platform, the newest first."`
	Delete adminOrgsDeleteCmd `cmd:"" help:"Delete an organisation with its apps and all that is in them."`
}

type adminAppsCmd struct {
	List        adminAppsListCmd        `cmd:"" help:"Show the apps of an organisation."`
	Delete      adminAppsDeleteCmd      `cmd:"" help:"Delete an app with all that is in it."`
	Credentials adminAppsCredentialsCmd `cmd:"" help:"Show the credentials of an app, or make new ones."`
}

// management is the management API of a running server, and who calls it: an administrator with a password, because API
// tokens open nothing there.
type management struct {
	URL          string `name:"url" help:"Address of the server; ${default} if not given." default:"http://127.0.0.1:8080" placeholder:"URL"`
	Login        string `help:"Login of an administrator of the server." env:"CONFAB_ADMIN_LOGIN" placeholder:"LOGIN"`
	Password     string `help:"Their password." env:"CONFAB_ADMIN_PASSWORD" placeholder:"PASSWORD"`
	PasswordFile string `help:"File that holds the password instead." env:"CONFAB_ADMIN_PASSWORD_FILE" placeholder:"PATH"`

	token string
}

// managementTimeout bounds a call: what takes longer goes on in the background of the server.
const managementTimeout = time.Minute

// call logs in with the first call, sends a request and decodes the answer into result, unless that is nil.
func (c *management) call(ctx context.Context, method, path string, body, result any) error {
	if c.token == "" {
		if err := readSecret("--password", &c.Password, &c.PasswordFile); err != nil {
			return err
		}
		if c.Login == "" || c.Password == "" {
			return badSetting("--login and --password are missing: set CONFAB_ADMIN_LOGIN and CONFAB_ADMIN_PASSWORD to those of an administrator of the server")
		}
		var made struct {
			Token string `json:"access_token"`
		}
		if err := c.send(ctx, "POST", "/token", map[string]string{"grant_type": "password", "username": c.Login, "password": c.Password}, &made); err != nil {
			return err
		}
		c.token = made.Token
	}
	return c.send(ctx, method, path, body, result)
}

func (c *management) send(ctx context.Context, method, path string, body, result any) error {
	var in io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		in = bytes.NewReader(raw)
	}
	ctx, cancel := context.WithTimeout(ctx, managementTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.URL, "/")+"/management"+path, in)
	if err != nil || r.URL.Host == "" {
		return badSetting("--url %q has to be like http://127.0.0.1:8080", c.URL)
	}
	r.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("no server answers at %s: %w", c.URL, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		var refused struct {
			Text string `json:"error_description"`
		}
		_ = json.Unmarshal(answer, &refused) // a proxy's answer may be anything
		return fmt.Errorf("the server answers %d %s: %s", resp.StatusCode, http.StatusText(resp.StatusCode), cmp.Or(refused.Text, "no reason given"))
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(answer, result)
}

type adminOrgsListCmd struct{ management }

// Run lists all organisations, a page at a time.
func (c *adminOrgsListCmd) Run(ctx context.Context) error {
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "NAME\tCREATED\tUUID")
	for cursor := ""; ; {
		var page struct {
			Data []struct {
				Name    string `json:"name"`
				UUID    string `json:"uuid"`
				Created int64  `json:"created"`
			} `json:"data"`
			Cursor string `json:"cursor"`
		}
		if err := c.call(ctx, "GET", "/organizations?limit=100&cursor="+url.QueryEscape(cursor), nil, &page); err != nil {
			return err
		}
		for _, o := range page.Data {
			fmt.Fprintf(out, "%s\t%s\t%s\n", o.Name, time.UnixMilli(o.Created).UTC().Format(time.RFC3339), o.UUID)
		}
		if cursor = page.Cursor; cursor == "" {
			return out.Flush()
		}
	}
}

type adminOrgsDeleteCmd struct {
	management
	sure
	Org string `arg:"" help:"Name of the organisation." placeholder:"ORG"`
}

// Run deletes an organisation.
func (c *adminOrgsDeleteCmd) Run(ctx context.Context) error {
	if err := c.sure.check(ctx, fmt.Sprintf("The organisation '%s' would be deleted at %s, with its apps and all that is in them", c.Org, c.URL), c.Org); err != nil {
		return err
	}
	if err := c.call(ctx, "DELETE", "/organizations/"+url.PathEscape(c.Org), nil, nil); err != nil {
		return err
	}
	fmt.Printf("The organisation '%s' is deleted; what belonged to it goes in the background.\n", c.Org)
	return nil
}

type adminAppsListCmd struct {
	management
	Org string `arg:"" help:"Name of the organisation." placeholder:"ORG"`
}

// Run lists the apps of an organisation.
func (c *adminAppsListCmd) Run(ctx context.Context) error {
	var list struct {
		Data map[string]string `json:"data"`
	}
	if err := c.call(ctx, "GET", "/organizations/"+url.PathEscape(c.Org)+"/applications", nil, &list); err != nil {
		return err
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "APP\tUUID")
	for _, name := range slices.Sorted(maps.Keys(list.Data)) {
		fmt.Fprintf(out, "%s\t%s\n", name, list.Data[name])
	}
	return out.Flush()
}

// oneApp names an app.
type oneApp struct {
	management
	App string `arg:"" help:"The app, as ORG/APP." placeholder:"ORG/APP"`
}

func (c *oneApp) path() (string, error) {
	org, app, ok := strings.Cut(c.App, "/")
	if !ok || org == "" || app == "" {
		return "", badSetting("%q has to be like acme/shop", c.App)
	}
	return "/organizations/" + url.PathEscape(org) + "/applications/" + url.PathEscape(app), nil
}

type adminAppsDeleteCmd struct {
	oneApp
	sure
}

// Run deletes an app.
func (c *adminAppsDeleteCmd) Run(ctx context.Context) error {
	path, err := c.path()
	if err != nil {
		return err
	}
	if err := c.sure.check(ctx, fmt.Sprintf("The app '%s' would be deleted at %s, with all that is in it", c.App, c.URL), c.App); err != nil {
		return err
	}
	if err := c.call(ctx, "DELETE", path, nil, nil); err != nil {
		return err
	}
	fmt.Printf("The app '%s' is deleted; what belonged to it goes in the background.\n", c.App)
	return nil
}

type adminAppsCredentialsCmd struct {
	oneApp
	Renew     bool `help:"Make a new secret. The old one gives no more tokens; those it gave stay good until they end."`
	EndTokens bool `help:"With --renew: end all tokens of the app and of its users."`
}

// Run shows or renews credentials.
func (c *adminAppsCredentialsCmd) Run(ctx context.Context) error {
	path, err := c.path()
	if err != nil {
		return err
	}
	if c.EndTokens && !c.Renew {
		return badSetting("--end-tokens needs --renew: whoever has the secret would take new tokens")
	}
	method, call := "GET", path+"/credentials"
	if c.Renew {
		method = "POST"
	}
	if c.EndTokens {
		call += "?end_tokens=true"
	}
	var shown struct {
		Credentials struct {
			ID     string `json:"client_id"`
			Secret string `json:"client_secret"`
		} `json:"credentials"`
	}
	if err := c.call(ctx, method, call, nil, &shown); err != nil {
		return err
	}
	fmt.Printf("client_id      %s\nclient_secret  %s\n", shown.Credentials.ID, shown.Credentials.Secret)
	return nil
}
