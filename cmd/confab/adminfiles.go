package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"text/tabwriter"
)

type adminFilesCmd struct {
	List    adminFilesListCmd    `cmd:"" default:"withargs" help:"Show what the files of each tenant take."`
	Orphans adminFilesOrphansCmd `cmd:"" help:"Look for bytes without a record and records without bytes, and remove them if told to."`
}

type adminFilesListCmd struct{ remote }

// Help is shown by confab admin files list --help.
func (c *adminFilesListCmd) Help() string {
	return "The tenant default is the chat API; app-UUID is the app with that UUID, which confab admin apps list shows."
}

// Run prints all tenants with files, a page at a time.
func (c *adminFilesListCmd) Run(ctx context.Context) error {
	out := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	defer out.Flush()
	q := url.Values{}
	for first := true; ; first = false {
		var page struct {
			Tenants []struct {
				Tenant string `json:"tenant"`
				Files  int64  `json:"files"`
				Bytes  int64  `json:"bytes"`
			} `json:"tenants"`
			Next *string `json:"next"`
		}
		if err := c.call(ctx, "GET", "/files?"+q.Encode(), nil, &page); err != nil {
			return err
		}
		if first { // not before the first answer: an error has no heading
			fmt.Fprintln(out, "TENANT\tFILES\tBYTES")
		}
		for _, t := range page.Tenants {
			fmt.Fprintf(out, "%s\t%d\t%d\n", t.Tenant, t.Files, t.Bytes)
		}
		if page.Next == nil {
			return nil
		}
		q.Set("after", *page.Next)
	}
}

type adminFilesOrphansCmd struct {
	remote
	Remove bool `help:"Remove what is found."`
	sure
}

// Help is shown by confab admin files orphans --help.
func (c *adminFilesOrphansCmd) Help() string {
	return "It looks at every file, and shows up to a hundred orphans of each sort. What is being uploaded is none. They come of a store and a place of files " +
		"that are not of the same age, as after a restored backup of one of them, or of a damaged disk. A bucket has to be this server's alone: " +
		"the files of another one in it look like bytes without a record."
}

// Run shows the orphans, or removes them.
func (c *adminFilesOrphansCmd) Run(ctx context.Context) error {
	method, done := "GET", "found"
	if c.Remove {
		if err := c.sure.check(ctx, fmt.Sprintf("Bytes without a record and records without bytes would be removed at %s", c.URL), "remove"); err != nil {
			return err
		}
		method, done = "DELETE", "removed"
	}
	var o struct {
		Objects         int64    `json:"objects"`
		Records         int64    `json:"records"`
		Foreign         int64    `json:"foreign"`
		Unrecorded      int64    `json:"unrecorded"`
		UnrecordedBytes int64    `json:"unrecordedBytes"`
		UnrecordedKeys  []string `json:"unrecordedKeys"`
		Unstored        int64    `json:"unstored"`
		UnstoredFiles   []struct {
			Tenant    string `json:"tenant"`
			ID        string `json:"id"`
			Size      int64  `json:"size"`
			CreatedAt string `json:"createdAt"`
		} `json:"unstoredFiles"`
	}
	if err := c.call(ctx, method, "/files/orphans", nil, &o); err != nil {
		return err
	}
	fmt.Printf("%d records and %d stored things were looked at.\n", o.Records, o.Objects)
	if o.Foreign > 0 {
		fmt.Printf("%d of these are no files of confab; they stay.\n", o.Foreign)
	}
	fmt.Printf("Bytes without a record: %d %s, %d bytes.\n", o.Unrecorded, done, o.UnrecordedBytes)
	for _, key := range o.UnrecordedKeys {
		fmt.Println("  " + key)
	}
	fmt.Printf("Records without bytes: %d %s.\n", o.Unstored, done)
	for _, f := range o.UnstoredFiles {
		fmt.Printf("  %s %s, %d bytes, of %s\n", f.Tenant, f.ID, f.Size, f.CreatedAt)
	}
	return nil
}
