package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"text/tabwriter"
)

type adminJobsCmd struct {
	List  adminJobsListCmd  `cmd:"" help:"Show the work that goes on in the background, and what has failed for good."`
	Show  adminJobsShowCmd  `cmd:"" help:"Show one job, and why it failed last."`
	Retry adminJobsRetryCmd `cmd:"" help:"Have a job that is dead, or waits, tried now."`
}

type job struct {
	Tenant   string `json:"tenant"`
	Kind     string `json:"kind"`
	Key      string `json:"key"`
	State    string `json:"state"`
	AddedAt  string `json:"addedAt"`
	DueAt    string `json:"dueAt"`
	Done     int64  `json:"done"`
	Total    int64  `json:"total"`
	Failures int    `json:"failures"`
	Failure  string `json:"failure"`
}

type adminJobsListCmd struct {
	remote
	State string `help:"Only those that are waiting, running or dead." placeholder:"STATE"`
	Kind  string `help:"Only those of a kind." placeholder:"KIND"`
}

// Run lists jobs.
func (c *adminJobsListCmd) Run(ctx context.Context) error {
	var all struct {
		Jobs []job `json:"jobs"`
	}
	q := url.Values{}
	if c.State != "" {
		q.Set("state", c.State)
	}
	if c.Kind != "" {
		q.Set("kind", c.Kind)
	}
	if err := c.call(ctx, "GET", "/jobs?"+q.Encode(), nil, &all); err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TENANT\tKIND\tKEY\tSTATE\tADDED\tDONE\tFAILURES")
	for _, j := range all.Jobs {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\n", j.Tenant, j.Kind, j.Key, j.State, j.AddedAt, j.progress(), j.Failures)
	}
	return w.Flush()
}

func (j job) progress() string {
	if j.Total == 0 {
		return fmt.Sprint(j.Done)
	}
	return fmt.Sprintf("%d of %d", j.Done, j.Total)
}

// oneJob names a job.
type oneJob struct {
	remote
	Tenant string `help:"The tenant whose job it is; the default one if not given." placeholder:"TENANT"`
	Kind   string `arg:"" help:"The kind of the job, as list shows it."`
	Key    string `arg:"" help:"The key of the job, as list shows it."`
}

func (c *oneJob) path(more string) string {
	p := "/jobs/" + url.PathEscape(c.Kind) + "/" + url.PathEscape(c.Key) + more
	if c.Tenant != "" {
		p += "?tenant=" + url.QueryEscape(c.Tenant)
	}
	return p
}

func (j job) print() {
	fmt.Printf("tenant    %s\nkind      %s\nkey       %s\nstate     %s\nadded     %s\ndue       %s\ndone      %s\nfailures  %d\n",
		j.Tenant, j.Kind, j.Key, j.State, j.AddedAt, j.DueAt, j.progress(), j.Failures)
	if j.Failure != "" {
		fmt.Printf("the last  %s\n", j.Failure)
	}
}

type adminJobsShowCmd struct{ oneJob }

// Run shows a job.
func (c *adminJobsShowCmd) Run(ctx context.Context) error {
	var j job
	if err := c.call(ctx, "GET", c.path(""), nil, &j); err != nil {
		return err
	}
	j.print()
	return nil
}

type adminJobsRetryCmd struct{ oneJob }

// Run has a job tried now.
func (c *adminJobsRetryCmd) Run(ctx context.Context) error {
	var j job
	if err := c.call(ctx, "POST", c.path("/retries"), nil, &j); err != nil {
		return err
	}
	j.print()
	return nil
}
