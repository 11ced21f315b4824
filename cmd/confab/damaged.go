package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/confab-chat/confab/pkg/progress"
	"github.com/confab-chat/confab/pkg/store/embedded"
)

type storeCmd struct {
	Check  storeCheckCmd  `cmd:"" help:"Say what of an embedded store cannot be read."`
	Repair storeRepairCmd `cmd:"" help:"Copy what can be read of an embedded store into a new folder."`
}

type storeCheckCmd struct {
	logSettings
	Dir string `arg:"" help:"Data folder of an embedded store; no server may have it open." placeholder:"DIR"`
}

// Help is shown by confab store check --help.
func (c *storeCheckCmd) Help() string {
	return "Reads everything and changes nothing. Exits with 0 if all can be read, with 1 if something is damaged or missing, " +
		"or the folder cannot be opened at all, with 2 if there is no such data folder, or a server has it open."
}

// Run checks the folder.
func (c *storeCheckCmd) Run(ctx context.Context) error {
	if err := dataFolder(c.Dir); err != nil {
		return err
	}
	bar := progress.New(os.Stderr, "checking")
	report, err := embedded.Check(ctx, c.Dir, embedded.Options{Logger: c.logger(), OpenFiles: openFiles(descriptors()), Progress: rowsOn(bar)})
	if err != nil {
		bar.Fail()
		return inUse(err)
	}
	bar.End("")
	fmt.Printf("%d rows can be read.\n", report.Rows)
	if len(report.Lost) == 0 {
		fmt.Println("Nothing is damaged.")
		return nil
	}
	printLost(os.Stdout, report.Lost)
	return errors.New("the store is damaged. With the server stopped, confab store repair DIR NEW saves what can be read")
}

type storeRepairCmd struct {
	logSettings
	Dir string `arg:"" help:"Data folder of an embedded store; no server may have it open. It is left as it is." placeholder:"DIR"`
	New string `arg:"" help:"Folder to make, with what can be read." placeholder:"NEW"`
}

// Help is shown by confab store repair --help.
func (c *storeRepairCmd) Help() string {
	return "DIR is only read. Start the server on NEW when it is done. Exits with 0 if all was saved, with 1 if something was lost " +
		"or nothing could be saved, with 2 if there is no DIR, a server has it open, or NEW is there already."
}

// Run fills the new folder.
func (c *storeRepairCmd) Run(ctx context.Context) error {
	if err := dataFolder(c.Dir); err != nil {
		return err
	}
	if _, err := os.Lstat(c.New); err == nil {
		return badSetting("%s is there already: name a new folder", c.New)
	}
	bar := progress.New(os.Stderr, "repairing")
	report, err := embedded.Repair(ctx, c.Dir, c.New,
		embedded.Options{Logger: c.logger(), OpenFiles: openFiles(descriptors()) / 2, Progress: rowsOn(bar)})
	if err != nil {
		bar.Fail()
		return inUse(err)
	}
	bar.End("")
	fmt.Printf("%d rows are saved in %s: start the server on it, with --store embedded:%s.\n", report.Rows, c.New, c.New)
	if len(report.Lost) == 0 {
		fmt.Println("Nothing was lost.")
		return nil
	}
	printLost(os.Stdout, report.Lost)
	return errors.New("not all could be saved")
}

// dataFolder refuses what is no folder of an embedded store.
func dataFolder(dir string) error {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return badSetting("%s: there is no such data folder", dir)
	}
	if !embedded.HasData(dir) {
		return badSetting("%s is no data folder of confab", dir)
	}
	return nil
}

// inUse tells a folder that is open from one that is damaged.
func inUse(err error) error {
	if errors.Is(err, embedded.ErrInUse) {
		return settingError{err}
	}
	return err
}

func rowsOn(bar *progress.Bar) func(int64) {
	return func(rows int64) { bar.Set(rows, 0, "rows") }
}

func printLost(w io.Writer, lost []string) {
	fmt.Fprintln(w, "Damaged or missing:")
	for _, l := range lost {
		fmt.Fprintln(w, "  "+l)
	}
}
