package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"
)

type adminInvitationsCmd struct {
	Create adminInviteCmd           `cmd:"" help:"Make a link with which people can sign up, and print it."`
	List   adminInvitationsListCmd  `cmd:"" help:"Show the invitations, without their links."`
	Delete adminInvitationDeleteCmd `cmd:"" help:"End an invitation; accounts that were made with it stay."`
}

type adminInviteCmd struct {
	remote
	Count   int           `help:"For how many accounts it is good; ${default} if not given." default:"1"`
	Expires time.Duration `help:"How long it is good, a year at most; ${default} if not given." default:"168h"`
	Note    string        `help:"What the invitation is for; list shows it." placeholder:"TEXT"`
}

// Run makes an invitation.
func (c *adminInviteCmd) Run(ctx context.Context) error {
	var made struct {
		Link    string `json:"link"`
		Count   int    `json:"count"`
		Expires string `json:"expires"`
	}
	body := map[string]any{"count": c.Count, "expiresIn": int64(c.Expires / time.Second), "note": c.Note}
	if err := c.call(ctx, "POST", "/invitations", body, &made); err != nil {
		return err
	}
	if strings.HasPrefix(made.Link, "/") { // the server does not know its address
		made.Link = strings.TrimSuffix(c.URL, "/") + made.Link
	}
	fmt.Printf("%s\nThis link is shown this once. It is good for %d accounts, until %s.\n", made.Link, made.Count, made.Expires)
	return nil
}

type adminInvitationsListCmd struct{ remote }

// Run lists invitations.
func (c *adminInvitationsListCmd) Run(ctx context.Context) error {
	var all struct {
		Invitations []struct {
			ID      string `json:"id"`
			Count   int    `json:"count"`
			Used    int    `json:"used"`
			Expires string `json:"expires"`
			By      string `json:"by"`
			Note    string `json:"note"`
		} `json:"invitations"`
	}
	if err := c.call(ctx, "GET", "/invitations", nil, &all); err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tUSED\tEXPIRES\tBY\tNOTE")
	for _, i := range all.Invitations {
		fmt.Fprintf(w, "%s\t%d of %d\t%s\t%s\t%s\n", i.ID, i.Used, i.Count, i.Expires, i.By, i.Note)
	}
	return w.Flush()
}

type adminInvitationDeleteCmd struct {
	remote
	ID string `arg:"" help:"The invitation's ID, as list shows it."`
}

// Run ends an invitation.
func (c *adminInvitationDeleteCmd) Run(ctx context.Context) error {
	if err := c.call(ctx, "DELETE", "/invitations/"+url.PathEscape(c.ID), nil, nil); err != nil {
		return err
	}
	fmt.Println("The invitation has ended.")
	return nil
}
