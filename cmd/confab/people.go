package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
)

type adminUser struct {
	Login     string   `json:"login"`
	FirstName string   `json:"firstname"`
	LastName  string   `json:"lastname"`
	Email     *string  `json:"email"`
	CreatedAt string   `json:"createdAt"`
	Disabled  bool     `json:"disabled"`
	Bot       bool     `json:"bot"`
	Roles     []string `json:"roles"`
	Rooms     int      `json:"rooms"`
}

func (u adminUser) state() string {
	switch {
	case u.Disabled:
		return "disabled"
	case u.Bot:
		return "bot"
	}
	return "active"
}

// oneUser names a user of a server.
type oneUser struct {
	remote
	Login string `arg:"" help:"The user's login."`
}

func (c *oneUser) path(more string) string { return "/users/" + url.PathEscape(c.Login) + more }

type adminUsersListCmd struct{ remote }

// Run prints all users, a page at a time.
func (c *adminUsersListCmd) Run(ctx context.Context) error {
	out := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	defer out.Flush()
	for after := ""; ; {
		var page struct {
			Users   []adminUser `json:"users"`
			HasMore bool        `json:"hasMore"`
		}
		if err := c.call(ctx, "GET", "/users?after="+url.QueryEscape(after), nil, &page); err != nil {
			return err
		}
		if after == "" { // not before the first answer: an error has no heading
			fmt.Fprintln(out, "LOGIN\tNAME\tE-MAIL\tCREATED\tSTATE")
		}
		for _, u := range page.Users {
			fmt.Fprintf(out, "%s\t%s %s\t%s\t%s\t%s\n", u.Login, u.FirstName, u.LastName, orNone(u.Email), u.CreatedAt, u.state())
			after = u.Login
		}
		if !page.HasMore || len(page.Users) == 0 {
			return nil
		}
	}
}

type adminUsersShowCmd struct{ oneUser }

// Run prints what there is to know about a user.
func (c *adminUsersShowCmd) Run(ctx context.Context) error {
	var u adminUser
	if err := c.call(ctx, "GET", c.path(""), nil, &u); err != nil {
		return err
	}
	fmt.Printf("login    %s\nname     %s %s\ne-mail   %s\ncreated  %s\nstate    %s\nroles    %s\nrooms    %d\n",
		u.Login, u.FirstName, u.LastName, orNone(u.Email), u.CreatedAt, u.state(), cmp.Or(strings.Join(u.Roles, ", "), "none"), u.Rooms)
	return nil
}

// newPassword is a password for somebody else: from a file, or made here and printed.
type newPassword struct {
	PasswordFile string `help:"File that holds the password; without it one is made and printed." placeholder:"PATH"`
}

// get returns the password, and whether it was made.
func (p *newPassword) get() (password string, made bool, err error) {
	if p.PasswordFile == "" {
		return rand.Text(), true, nil
	}
	file := p.PasswordFile
	err = readSecret("--password", &password, &file)
	return password, false, err
}

type adminUsersCreateCmd struct {
	oneUser
	newPassword
	FirstName string `help:"First name; the login if not given." placeholder:"NAME"`
	LastName  string `help:"Last name; the login if not given." placeholder:"NAME"`
	Email     string `help:"E-mail address." placeholder:"ADDRESS"`
}

// Run makes an account.
func (c *adminUsersCreateCmd) Run(ctx context.Context) error {
	password, made, err := c.get()
	if err != nil {
		return err
	}
	body := map[string]any{"login": c.Login, "password": password, "firstname": cmp.Or(c.FirstName, c.Login), "lastname": cmp.Or(c.LastName, c.Login)}
	if c.Email != "" {
		body["email"] = c.Email
	}
	if err := c.call(ctx, "POST", "/users", body, nil); err != nil {
		return err
	}
	fmt.Printf("The account '%s' is made.\n", c.Login)
	printPassword(password, made)
	return nil
}

func printPassword(password string, made bool) {
	if made {
		fmt.Printf("Its password is %s: hand it over on a way that nobody else reads, and have it changed.\n", password)
	}
}

type adminPasswordCmd struct {
	oneUser
	newPassword
}

// Run replaces a password.
func (c *adminPasswordCmd) Run(ctx context.Context) error {
	password, made, err := c.get()
	if err != nil {
		return err
	}
	if err := c.call(ctx, "PUT", c.path("/password"), map[string]string{"password": password}, nil); err != nil {
		return err
	}
	fmt.Printf("The password of '%s' is replaced. All logins and tokens of the account have ended.\n", c.Login)
	printPassword(password, made)
	return nil
}

type adminUsersDisableCmd struct{ oneUser }

// Run disables an account.
func (c *adminUsersDisableCmd) Run(ctx context.Context) error {
	if err := c.call(ctx, "PATCH", c.path(""), map[string]bool{"disabled": true}, nil); err != nil {
		return err
	}
	fmt.Printf("The account '%s' is disabled. All its logins and tokens have ended.\n", c.Login)
	return nil
}

type adminUsersEnableCmd struct{ oneUser }

// Run enables an account.
func (c *adminUsersEnableCmd) Run(ctx context.Context) error {
	if err := c.call(ctx, "PATCH", c.path(""), map[string]bool{"disabled": false}, nil); err != nil {
		return err
	}
	fmt.Printf("The account '%s' is enabled. Its user logs in with the password as before; tokens have to be made anew.\n", c.Login)
	return nil
}

type adminSessionsCmd struct {
	oneUser
	End    string `help:"End the login with that ID." placeholder:"ID"`
	EndAll bool   `help:"End all logins, and all tokens."`
}

// Run lists or ends the logins of a user.
func (c *adminSessionsCmd) Run(ctx context.Context) error {
	switch {
	case c.End != "" && c.EndAll:
		return badSetting("give --end or --end-all, not both")
	case c.EndAll:
		if err := c.call(ctx, "POST", c.path("/logouts"), nil, nil); err != nil {
			return err
		}
		fmt.Printf("All logins and tokens of '%s' have ended.\n", c.Login)
		return nil
	case c.End != "":
		if err := c.call(ctx, "DELETE", c.path("/sessions/"+url.PathEscape(c.End)), nil, nil); err != nil {
			return err
		}
		fmt.Println("The login has ended.")
		return nil
	}
	var all struct {
		Sessions []struct {
			ID         string  `json:"id"`
			Remembered bool    `json:"remembered"`
			CreatedAt  *string `json:"createdAt"`
			ExpiresAt  string  `json:"expiresAt"`
		} `json:"sessions"`
	}
	if err := c.call(ctx, "GET", c.path("/sessions"), nil, &all); err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tKIND\tSINCE\tUNTIL")
	for _, s := range all.Sessions {
		kind := "session"
		if s.Remembered {
			kind = "remembered"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.ID, kind, orNone(s.CreatedAt), s.ExpiresAt)
	}
	return w.Flush()
}

type adminTokensCmd struct {
	oneUser
	End string `help:"End the token with that ID." placeholder:"ID"`
}

// Run lists the tokens of an account, or ends one.
func (c *adminTokensCmd) Run(ctx context.Context) error { return c.tokens(ctx, c.path(""), c.End) }

// tokens lists the tokens of the account at a path, or ends one.
func (c *remote) tokens(ctx context.Context, account, end string) error {
	if end != "" {
		if err := c.call(ctx, "DELETE", account+"/tokens/"+url.PathEscape(end), nil, nil); err != nil {
			return err
		}
		fmt.Println("The token has ended.")
		return nil
	}
	var all struct {
		Tokens []adminToken `json:"tokens"`
	}
	if err := c.call(ctx, "GET", account+"/tokens", nil, &all); err != nil {
		return err
	}
	return printTokens(all.Tokens)
}

type adminToken struct {
	ID       string   `json:"id"`
	Kind     string   `json:"kind"`
	Name     string   `json:"name"`
	Scopes   []string `json:"scopes"`
	Created  *string  `json:"created"`
	Expires  *string  `json:"expires"`
	LastUsed *string  `json:"lastUsed"`
}

func printTokens(all []adminToken) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tKIND\tNAME\tSCOPES\tCREATED\tEXPIRES\tLAST USED")
	for _, t := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, t.Kind, t.Name, cmp.Or(strings.Join(t.Scopes, ","), "all"),
			orNone(t.Created), orNever(t.Expires), orNone(t.LastUsed))
	}
	return w.Flush()
}

func orNever(s *string) string {
	if s == nil {
		return "never"
	}
	return *s
}

type adminRolesCmd struct {
	remote
	Login  string `arg:"" optional:"" help:"The user's login; without it, all who have roles are shown."`
	Grant  string `help:"Give the user a role: site-admin or integration-admin." placeholder:"ROLE"`
	Revoke string `help:"Take a role from the user." placeholder:"ROLE"`
}

// Run shows roles, or changes those of a user.
func (c *adminRolesCmd) Run(ctx context.Context) error {
	if c.Login == "" && c.Grant+c.Revoke != "" {
		return badSetting("--grant and --revoke need the login of a user")
	}
	path := "/users/" + url.PathEscape(c.Login) + "/roles"
	for role, method := range map[string]string{c.Grant: "PUT", c.Revoke: "DELETE"} {
		if role == "" {
			continue
		}
		if err := c.call(ctx, method, path+"/"+url.PathEscape(role), nil, nil); err != nil {
			return err
		}
	}
	type holder struct {
		Login string   `json:"login"`
		Roles []string `json:"roles"`
	}
	var all struct {
		Holders []holder `json:"holders"`
	}
	if c.Login == "" {
		if err := c.call(ctx, "GET", "/roles", nil, &all); err != nil {
			return err
		}
	} else {
		var one holder
		if err := c.call(ctx, "GET", path, nil, &one); err != nil {
			return err
		}
		all.Holders = append(all.Holders, one)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "LOGIN\tROLES")
	for _, h := range all.Holders {
		fmt.Fprintf(w, "%s\t%s\n", h.Login, cmp.Or(strings.Join(h.Roles, ", "), "none"))
	}
	return w.Flush()
}
