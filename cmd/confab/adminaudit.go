package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"text/tabwriter"
)

type adminAuditCmd struct {
	remote
	Count int    `help:"Events to show, the newest first; ${default} if not given." default:"100"`
	Kind  string `help:"Only events of that kind, such as login-failed or role-granted." placeholder:"KIND"`
	Login string `help:"Only what that user did, or what was done to them." placeholder:"LOGIN"`
}

// eventsPage is how many events are read at a time.
const eventsPage = 500

// Run prints events, the newest first.
func (c *adminAuditCmd) Run(ctx context.Context) error {
	if c.Count < 1 {
		return badSetting("--count has to be at least 1")
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	defer out.Flush()
	q := url.Values{"kind": {c.Kind}, "login": {c.Login}}
	for left, first := c.Count, true; left > 0; first = false {
		var page struct {
			Events []struct {
				At      string `json:"at"`
				Kind    string `json:"kind"`
				Actor   string `json:"actor"`
				Subject string `json:"subject"`
				Address string `json:"address"`
				Detail  string `json:"detail"`
				Count   int    `json:"count"`
			} `json:"events"`
			Next *string `json:"next"`
		}
		q.Set("limit", strconv.Itoa(min(left, eventsPage)))
		if err := c.call(ctx, "GET", "/audit?"+q.Encode(), nil, &page); err != nil {
			return err
		}
		if first { // not before the first answer: an error has no heading
			fmt.Fprintln(out, "AT\tKIND\tTIMES\tBY\tTO\tFROM\tDETAIL")
		}
		for _, e := range page.Events {
			fmt.Fprintf(out, "%s\t%s\t%d\t%s\t%s\t%s\t%s\n", e.At, e.Kind, e.Count, e.Actor, e.Subject, e.Address, e.Detail)
		}
		if left -= len(page.Events); page.Next == nil {
			return nil
		}
		q.Set("before", *page.Next)
	}
	return nil
}
