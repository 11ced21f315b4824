package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/confab-chat/confab/pkg/progress"
)

type adminUsersCmd struct {
	List     adminUsersListCmd    `cmd:"" help:"List the users."`
	Show     adminUsersShowCmd    `cmd:"" help:"Show one user."`
	Create   adminUsersCreateCmd  `cmd:"" help:"Make an account for somebody, and print its password."`
	Disable  adminUsersDisableCmd `cmd:"" help:"Close an account: all its logins and tokens end, on all servers within a second."`
	Enable   adminUsersEnableCmd  `cmd:"" help:"Open an account that was disabled."`
	Password adminPasswordCmd     `cmd:"" help:"Give a user another password, and print it; the user is logged out everywhere."`
	Sessions adminSessionsCmd     `cmd:"" help:"Show where a user is logged in, or end logins."`
	Tokens   adminTokensCmd       `cmd:"" help:"Show the tokens of an account, or end one."`
	Roles    adminRolesCmd        `cmd:"" help:"Show who has roles, or grant or revoke one."`
	Erase    adminEraseCmd        `cmd:"" help:"Erase a user from all that is kept of them."`
}

type adminEraseCmd struct {
	remote
	sure
	KeepMessages bool   `help:"Keep what they wrote, without its author."`
	Wait         bool   `help:"Wait until all is done, and show how far it is." default:"true" negatable:""`
	Login        string `arg:"" help:"The user's login. It is never free again."`
}

// Help is shown by confab admin users erase --help.
func (c *adminEraseCmd) Help() string {
	return "At once: the account, its picture, sessions, API tokens and roles end, and the user leaves all rooms. Then, in every room " +
		"they ever were in: their messages are deleted, or with --keep-messages lose their author only; their reactions go; lines that say that they " +
		"came and went no longer name them. What others wrote about them stays, as do backups and exports made before. " +
		"It cannot be undone. The server goes on with it after a restart; to run the command again is safe."
}

type erasure struct {
	Rooms    int64 `json:"rooms"`
	OfRooms  int64 `json:"ofRooms"`
	Messages int64 `json:"messages"`
	Finished bool  `json:"finished"`
}

// Run has the user erased.
func (c *adminEraseCmd) Run(ctx context.Context) error {
	var me struct {
		Login string `json:"login"`
	}
	if err := c.ask(ctx, "GET", "/remember-me", nil, &me); err != nil {
		return err
	}
	what := fmt.Sprintf("The account of '%s' would end, and what they wrote be deleted", c.Login)
	if c.KeepMessages {
		what = fmt.Sprintf("The account of '%s' would end, and what they wrote lose its author", c.Login)
	}
	if me.Login == c.Login {
		what = fmt.Sprintf("The token is that of '%s': you would erase yourself", c.Login)
	}
	if err := c.sure.check(ctx, what, c.Login); err != nil {
		return err
	}
	var e erasure
	body := map[string]any{"login": c.Login, "keepMessages": c.KeepMessages}
	if err := c.call(ctx, "POST", "/erasures", body, &e); err != nil {
		return err
	}
	if !c.Wait {
		fmt.Println("The account has ended; the rest goes on in the background.")
		return nil
	}
	if !e.Finished {
		fmt.Fprintf(os.Stderr, "The account of '%s' has ended. The server waits 15 seconds, as long as writes that began before may take, and then erases what "+
			"it finds in rooms. Ctrl-C leaves the rest to the server.\n", c.Login)
	}
	bar := progress.New(os.Stderr, "erasing")
	for !e.Finished {
		bar.Set(e.Rooms, e.OfRooms, fmt.Sprintf("of the rooms, %d messages", e.Messages))
		select {
		case <-time.After(300 * time.Millisecond):
		case <-ctx.Done():
			bar.End("goes on in the background")
			return ctx.Err()
		}
		if err := c.call(ctx, "GET", "/erasures/"+url.PathEscape(c.Login), nil, &e); err != nil {
			bar.Fail()
			return err
		}
	}
	bar.End("")
	fmt.Printf("The user '%s' is erased: %d messages in %d rooms.\n", c.Login, e.Messages, e.Rooms)
	return nil
}
