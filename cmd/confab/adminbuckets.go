package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/store/cassandra"
)

type adminBucketsCmd struct {
	storeSettings
	logSettings
	Tenant string `help:"Tenant of the room." default:"default"`
	Count  int    `help:"Buckets to show, the newest first." default:"50"`
	Most   int    `help:"Messages to count in a bucket at most: counting reads their ids." default:"200000"`
	Room   string `arg:"" help:"Name of the room."`
}

// Run prints the buckets. The server may run meanwhile.
func (c *adminBucketsCmd) Run(ctx context.Context) error {
	if err := c.storeSettings.check(); err != nil {
		return err
	}
	if c.Count < 1 || c.Most < 1 {
		return badSetting("--count and --most have to be at least 1")
	}
	st, err := c.open(ctx, false, c.logger())
	if err != nil {
		return err
	}
	defer st.Close()
	s, ok := st.(*cassandra.Store)
	if !ok {
		return badSetting("only rooms in Cassandra have buckets: give --store cassandra://HOST/KEYSPACE")
	}
	r, err := s.Room(ctx, chat.Tenant(c.Tenant), c.Room)
	if err != nil {
		return err
	}
	buckets, err := s.Buckets(ctx, r.Log(chat.Tenant(c.Tenant)), c.Count, c.Most)
	if err != nil {
		return err
	}
	if len(buckets) == 0 {
		fmt.Println("The room has no messages.")
		return nil
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FROM\tTO\tWIDTH\tMESSAGES")
	for _, b := range buckets {
		n := fmt.Sprint(b.Messages)
		if b.More {
			n += " or more"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", b.Start.Format(time.DateTime), b.End.Format(time.DateTime), widthWords(b.Width), n)
	}
	return w.Flush()
}

// widthWords spells a width of whole days in days, and others without what is zero: 6h.
func widthWords(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	words := d.String()
	if d%time.Minute == 0 {
		words = strings.TrimSuffix(words, "0s")
	}
	if d%time.Hour == 0 {
		words = strings.TrimSuffix(words, "0m")
	}
	return words
}
