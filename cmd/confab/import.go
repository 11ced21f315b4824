package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/irclog"
	"github.com/confab-chat/confab/pkg/progress"
)

type importCmd struct {
	File importFileCmd `cmd:"" default:"withargs" help:"Import what confab export has written. What is there already stays as it is; after an interruption, run it again."`
	IRC  importIRCCmd  `cmd:"" name:"irc" help:"Import IRC logs into a room, with their own dates. Doing it again adds nothing."`
}

type importIRCCmd struct {
	storeSettings
	logSettings
	Room    string   `help:"Room to import into; it is created if it does not exist." required:"" placeholder:"NAME"`
	Creator string   `help:"Login of who creates the room, an existing user; without it, the first nick." placeholder:"LOGIN"`
	Zone    string   `name:"timezone" help:"Time zone of the logs, as in Europe/Paris; UTC if not given." default:"UTC" placeholder:"ZONE"`
	Future  bool     `name:"allow-future" help:"Take dates after tomorrow."`
	Files   []string `arg:"" help:"Log files, named after their day: 2006-08-23.txt. Files whose lines have dates can have any name." type:"existingfile"`
}

// Help is shown by confab import irc --help.
func (c *importIRCCmd) Help() string {
	return "Reads the logs of several programs: " + irclog.Forms() + ". The form of a file is that of its first line with a time. " +
		"To do an import again, give the same --timezone: the same line at another time is another message."
}

// Run imports the files. An embedded store may not be in use by a running server at the same time.
func (c *importIRCCmd) Run(ctx context.Context) error {
	if err := c.storeSettings.check(); err != nil {
		return err
	}
	zone, err := time.LoadLocation(c.Zone)
	if err != nil || c.Zone == "Local" {
		return badSetting("--timezone %q has to be like Europe/Paris", c.Zone)
	}
	bar := progress.New(os.Stderr, "importing")
	o := irclog.Options{
		Room: c.Room, Creator: c.Creator, Zone: zone, Future: c.Future, IDs: id.NewGenerator(nil),
		Progress: func(p irclog.Progress) { bar.Set(p.Bytes, p.OfBytes, fmt.Sprintf("%d messages", p.Messages)) },
	}
	if err := irclog.Check(o, c.Files...); err != nil { // before an embedded store is made
		return err
	}
	st, err := c.open(ctx, true, c.logger())
	if err != nil {
		return err
	}
	defer st.Close()
	report, err := irclog.Import(ctx, st, o, c.Files...)
	if err != nil {
		bar.Fail()
	} else {
		bar.End("")
	}
	fmt.Print(report.String())
	return err
}
