package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"text/tabwriter"
)

type adminRoomsCmd struct {
	List   adminRoomsListCmd   `cmd:"" help:"List the rooms."`
	Show   adminRoomsShowCmd   `cmd:"" help:"Show one room."`
	Delete adminRoomsDeleteCmd `cmd:"" help:"Delete a room with all its messages. It cannot be undone."`

	Retention adminRetentionCmd `cmd:"" help:"Say how long the messages of a room are kept."`

	Buckets adminBucketsCmd `cmd:"" help:"Show the buckets of a room in Cassandra: the spans of time whose messages are one partition each."`
}

type adminRoom struct {
	Name             string  `json:"name"`
	ID               string  `json:"id"`
	Creator          string  `json:"creator"`
	CreatedAt        string  `json:"createdAt"`
	Retention        string  `json:"retention"`
	Participants     int     `json:"participants"`
	MoreParticipants bool    `json:"moreParticipants"`
	OldestMessage    *string `json:"oldestMessage"`
	NewestMessage    *string `json:"newestMessage"`
}

type adminRoomsListCmd struct{ remote }

// Run prints all rooms, a page at a time.
func (c *adminRoomsListCmd) Run(ctx context.Context) error {
	out := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	defer out.Flush()
	for after := ""; ; {
		var page struct {
			Rooms   []adminRoom `json:"rooms"`
			HasMore bool        `json:"hasMore"`
		}
		if err := c.call(ctx, "GET", "/rooms?after="+url.QueryEscape(after), nil, &page); err != nil {
			return err
		}
		if after == "" { // not before the first answer: an error has no heading
			fmt.Fprintln(out, "ROOM\tCREATOR\tCREATED\tRETENTION")
		}
		for _, r := range page.Rooms {
			fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", r.Name, r.Creator, r.CreatedAt, r.Retention)
			after = r.Name
		}
		if !page.HasMore || len(page.Rooms) == 0 {
			return nil
		}
	}
}

type adminRoomsShowCmd struct {
	remote
	Name string `arg:"" help:"Name of the room."`
}

// Run prints what there is to know about a room.
func (c *adminRoomsShowCmd) Run(ctx context.Context) error {
	var r adminRoom
	if err := c.call(ctx, "GET", "/rooms/"+url.PathEscape(c.Name), nil, &r); err != nil {
		return err
	}
	more := ""
	if r.MoreParticipants {
		more = " or more"
	}
	fmt.Printf("room           %s\nid             %s\ncreator        %s\ncreated        %s\nparticipants   %d%s\nfirst message  %s\nlast message   %s\nretention      %s\n",
		r.Name, r.ID, r.Creator, r.CreatedAt, r.Participants, more, orNone(r.OldestMessage), orNone(r.NewestMessage), r.Retention)
	return nil
}

func orNone(s *string) string {
	if s == nil {
		return "none"
	}
	return *s
}

type adminRoomsDeleteCmd struct {
	remote
	sure
	Name string `arg:"" help:"Name of the room."`
}

// Run deletes a room.
func (c *adminRoomsDeleteCmd) Run(ctx context.Context) error {
	if err := c.sure.check(ctx, fmt.Sprintf("The room '%s' would be deleted at %s, with all its messages", c.Name, c.URL), c.Name); err != nil {
		return err
	}
	if err := c.call(ctx, "DELETE", "/rooms/"+url.PathEscape(c.Name), nil, nil); err != nil {
		return err
	}
	fmt.Printf("The room '%s' is deleted. What it leaves on disk is removed in the background: see confab admin sweeps.\n", c.Name)
	return nil
}

type adminRetentionCmd struct {
	remote
	Name      string `arg:"" help:"Name of the room."`
	Retention string `arg:"" help:"How long, as in 30d or 36h; forever, whatever the server does elsewhere; or default, as the server does."`
}

// Run sets a room's retention.
func (c *adminRetentionCmd) Run(ctx context.Context) error {
	var r adminRoom
	body := map[string]string{"retention": c.Retention}
	if err := c.call(ctx, "PUT", "/rooms/"+url.PathEscape(c.Name)+"/retention", body, &r); err != nil {
		return err
	}
	switch r.Retention {
	case "forever":
		fmt.Printf("The room '%s' keeps its messages for ever.\n", r.Name)
	case "default":
		fmt.Printf("The room '%s' keeps its messages as long as the server's --retention says.\n", r.Name)
	default:
		fmt.Printf("The room '%s' keeps its messages for %s. Older ones are not shown any more; they are removed from disk in the background.\n",
			r.Name, r.Retention)
	}
	return nil
}

type adminSweepsCmd struct{ remote }

// Run prints the deletions that have not ended.
func (c *adminSweepsCmd) Run(ctx context.Context) error {
	var all struct {
		Sweeps []struct {
			Tenant    string `json:"tenant"`
			Room      string `json:"room"`
			DeletedAt string `json:"deletedAt"`
			Removed   int    `json:"removed"`
		} `json:"sweeps"`
	}
	if err := c.call(ctx, "GET", "/sweeps", nil, &all); err != nil {
		return err
	}
	if len(all.Sweeps) == 0 {
		fmt.Println("Nothing is being removed.")
		return nil
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	defer out.Flush()
	fmt.Fprintln(out, "TENANT\tROOM\tDELETED\tREMOVED BY THIS SERVER")
	for _, s := range all.Sweeps {
		fmt.Fprintf(out, "%s\t%s\t%s\t%d\n", s.Tenant, s.Room, s.DeletedAt, s.Removed)
	}
	return nil
}
