package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/confab-chat/confab/pkg/client"
)

type adminCmd struct {
	Rooms       adminRoomsCmd       `cmd:"" help:"Look after rooms."`
	Sweeps      adminSweepsCmd      `cmd:"" help:"Show which deleted rooms are still being cleared from the disk."`
	Users       adminUsersCmd       `cmd:"" help:"Look after users."`
	Audit       adminAuditCmd       `cmd:"" help:"Show who did what: logins, failures, passwords, roles, tokens, deletions, exports, retention."`
	Bots        adminBotsCmd        `cmd:"" help:"Look after accounts of programs."`
	Invitations adminInvitationsCmd `cmd:"" help:"Look after invitations to sign up."`
	Orgs        adminOrgsCmd        `cmd:"" help:"Look after the organisations of the platform."`
	Apps        adminAppsCmd        `cmd:"" help:"Look after the apps of organisations."`
	Files       adminFilesCmd       `cmd:"" help:"Show what the files that people sent take, and look for those that are not whole."`
	Jobs        adminJobsCmd        `cmd:"" help:"Look after the work that goes on in the background."`
	Backup      adminBackupCmd      `cmd:"" help:"Copy the data of an embedded store into a folder that a server can be started on."`
}

// remote is a running server, and who talks to it. The token is best given in the environment: command lines
// are seen by others.
type remote struct {
	URL       string `name:"url" help:"Address of the server; ${default} if not given." default:"http://127.0.0.1:8080" placeholder:"URL"`
	Token     string `help:"API token of an administrator of the server." env:"CONFAB_ADMIN_TOKEN" placeholder:"TOKEN"`
	TokenFile string `help:"File that holds the token instead." env:"CONFAB_ADMIN_TOKEN_FILE" placeholder:"PATH"`
}

// longestCommand bounds a call of a server.
const longestCommand = 24 * time.Hour

// call sends a request to the admin API and decodes the answer into result, unless that is nil.
func (c *remote) call(ctx context.Context, method, path string, body, result any) error {
	return c.ask(ctx, method, "/admin"+path, body, result)
}

// ask is call for a path of the API of chat.
func (c *remote) ask(ctx context.Context, method, path string, body, result any) error {
	if err := readSecret("--token", &c.Token, &c.TokenFile); err != nil {
		return err
	}
	if c.Token == "" {
		return badSetting("--token is missing: set CONFAB_ADMIN_TOKEN to the API token of an administrator, or CONFAB_ADMIN_TOKEN_FILE to a file that holds it")
	}
	// One try, for as long as it takes: a backup may take long, and who types a command decides what to do after a failure.
	api, err := client.New(c.URL, client.WithToken(c.Token), client.WithRetryFor(0), client.WithHTTPClient(&http.Client{Timeout: longestCommand}))
	if err != nil {
		return badSetting("--url %q has to be like http://127.0.0.1:8080", c.URL)
	}
	err = api.Call(ctx, method, path, body, result)
	var unreachable *net.OpError
	var refused *client.Error
	switch {
	case errors.As(err, &unreachable):
		return fmt.Errorf("no server answers at %s: %w", c.URL, unreachable)
	case errors.As(err, &refused):
		return fmt.Errorf("the server answers %d %s: %s", refused.Status, http.StatusText(refused.Status), refused.Message)
	}
	return err
}
