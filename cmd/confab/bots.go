package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"time"
)

type adminBotsCmd struct {
	Create adminBotsCreateCmd `cmd:"" help:"Make an account for a program: it has no password, only tokens."`
	Delete adminBotsDeleteCmd `cmd:"" help:"Delete a bot. Its login is never free again."`
	Token  adminBotsTokenCmd  `cmd:"" help:"Make a token that acts for a bot, and print it."`
	Tokens adminBotsTokensCmd `cmd:"" help:"Show the tokens of a bot, or end one."`
}

// oneBot names a bot of a server.
type oneBot struct {
	remote
	Login string `arg:"" help:"The bot's login."`
}

func (c *oneBot) path(more string) string { return "/bots/" + url.PathEscape(c.Login) + more }

type adminBotsCreateCmd struct {
	oneBot
	FirstName string `help:"First name; the login if not given." placeholder:"NAME"`
	LastName  string `help:"Last name; Bot if not given." placeholder:"NAME"`
}

// Run makes a bot.
func (c *adminBotsCreateCmd) Run(ctx context.Context) error {
	body := map[string]string{"login": c.Login, "firstname": cmp.Or(c.FirstName, c.Login), "lastname": cmp.Or(c.LastName, "Bot")}
	if err := c.call(ctx, "POST", "/bots", body, nil); err != nil {
		return err
	}
	fmt.Printf("The bot '%s' is made. It acts by tokens: confab admin bots token %s\n", c.Login, c.Login)
	return nil
}

type adminBotsDeleteCmd struct {
	oneBot
	sure
}

// Run deletes a bot.
func (c *adminBotsDeleteCmd) Run(ctx context.Context) error {
	if err := c.sure.check(ctx, fmt.Sprintf("The bot '%s' would be deleted at %s, with its tokens", c.Login, c.URL), c.Login); err != nil {
		return err
	}
	if err := c.call(ctx, "DELETE", c.path(""), nil, nil); err != nil {
		return err
	}
	fmt.Printf("The bot '%s' is deleted.\n", c.Login)
	return nil
}

type adminBotsTokenCmd struct {
	oneBot
	Name    string        `help:"What the token is called; ${default} if not given." default:"confab admin" placeholder:"NAME"`
	Scopes  []string      `help:"What it opens: some of read, post, manage, admin; read and post if not given." placeholder:"SCOPE"`
	Expires time.Duration `help:"How long it is good; 0 for ever. ${default} if not given." default:"2160h"`
}

// Run makes a token.
func (c *adminBotsTokenCmd) Run(ctx context.Context) error {
	if c.Expires < 0 || c.Expires%time.Second != 0 {
		return badSetting("--expires has to be whole seconds, as in 2160h, or 0")
	}
	body := map[string]any{"name": c.Name, "expiresIn": int64(c.Expires / time.Second)}
	if len(c.Scopes) > 0 {
		body["scopes"] = c.Scopes
	}
	var made struct {
		Token   string  `json:"token"`
		Expires *string `json:"expires"`
	}
	if err := c.call(ctx, "POST", c.path("/tokens"), body, &made); err != nil {
		return err
	}
	fmt.Printf("%s\nThis token is shown this once. It expires: %s.\n", made.Token, orNever(made.Expires))
	return nil
}

type adminBotsTokensCmd struct {
	oneBot
	End string `help:"End the token with that ID." placeholder:"ID"`
}

// Run lists the tokens of a bot, or ends one.
func (c *adminBotsTokensCmd) Run(ctx context.Context) error { return c.tokens(ctx, c.path(""), c.End) }
