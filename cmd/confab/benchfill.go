package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/confab-chat/confab/pkg/bench"
	"github.com/confab-chat/confab/pkg/progress"
)

type benchFillCmd struct {
	storeSettings
	logSettings
	Room         string  `help:"Room to fill; it is made if it is not there." required:"" placeholder:"NAME"`
	Messages     int     `help:"Messages to write." default:"1000000"`
	Participants int     `help:"Participants to add, who have no accounts."`
	Years        float64 `help:"Years before now that their dates are spread over." default:"5"`
	Rate         int     `help:"Messages a second, dated now, instead of old ones as fast as can be."`
	Bytes        int     `help:"Size of a message's content." default:"100"`
}

// Run fills a room straight through the store. An embedded store may not be in use by a running server at the same time.
func (c *benchFillCmd) Run(ctx context.Context) error {
	if err := c.storeSettings.check(); err != nil {
		return err
	}
	const most = 200 // a time.Duration ends at 292
	if c.Years < 0 || c.Years > most {
		return badSetting("--years has to be from 0 to %d", most)
	}
	st, err := c.open(ctx, true, c.logger())
	if err != nil {
		return err
	}
	defer st.Close()
	bar := progress.New(os.Stderr, "filling "+c.Room)
	took, err := bench.Fill(ctx, st, bench.FillOptions{Room: c.Room, Messages: c.Messages, Participants: c.Participants, Rate: c.Rate, Bytes: c.Bytes,
		Span: time.Duration(c.Years * 365.25 * 24 * float64(time.Hour)), Progress: bar.Set})
	if err != nil {
		bar.Fail()
		return err
	}
	bar.End(fmt.Sprintf("%d messages and %d participants in %s", c.Messages, c.Participants, took.Round(10*time.Millisecond)))
	return nil
}
