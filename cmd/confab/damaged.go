package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/files"
	"github.com/confab-chat/confab/pkg/progress"
	"github.com/confab-chat/confab/pkg/store/embedded"
)

type storeCmd struct {
	Check  storeCheckCmd  `cmd:"" help:"Say what of a store cannot be read, and which files are missing."`
	Repair storeRepairCmd `cmd:"" help:"Copy what can be read of an embedded store into a new folder."`
}

type storeCheckCmd struct {
	storeSettings
	filesSettings
	logSettings
	Dir string `arg:"" optional:"" help:"Data folder of an embedded store, in place of --store." placeholder:"DIR"`
}

// Help is shown by confab store check --help.
func (c *storeCheckCmd) Help() string {
	return "Reads everything and changes nothing. Of an embedded store, which no server may have open, it reads all rows. Of every store it compares the files that people " +
		"sent with their records: which are missing, or have another size. Give the server's --files if it has any. A Cassandra may be in use meanwhile. " +
		"Exits with 0 if all can be read and no file is missing, with 1 if something is damaged or missing, or the store cannot be opened at all, " +
		"with 2 if there is no such data folder, or a server has it open."
}

// Run checks the store.
func (c *storeCheckCmd) Run(ctx context.Context) error {
	if c.Dir != "" {
		c.storeSettings = storeSettings{Store: "embedded:" + c.Dir}
	}
	if err := c.storeSettings.check(); err != nil {
		return err
	}
	if err := c.filesSettings.check(); err != nil {
		return err
	}
	var lost []string
	if dir, ok := strings.CutPrefix(c.Store, "embedded:"); ok {
		var err error
		if lost, err = c.rows(ctx, dir); err != nil {
			return err
		}
	}
	missing, err := c.files(ctx)
	switch {
	case len(lost) > 0:
		if err != nil {
			fmt.Println("The files that people sent were not looked at: " + err.Error())
		}
		return errors.New("the store is damaged. With the server stopped, confab store repair DIR NEW saves what can be read")
	case err != nil:
		return err
	case missing:
		return errors.New("files are missing or damaged: take their bytes from a backup, or import an export that has them")
	}
	fmt.Println("Nothing is damaged.")
	return nil
}

// rows reads all rows of an embedded store and returns what is damaged.
func (c *storeCheckCmd) rows(ctx context.Context, dir string) (lost []string, err error) {
	if err := dataFolder(dir); err != nil {
		return nil, err
	}
	bar := progress.New(os.Stderr, "checking")
	report, err := embedded.Check(ctx, dir, embedded.Options{Logger: c.logger(), OpenFiles: openFiles(descriptors()), Progress: rowsOn(bar)})
	if err != nil {
		bar.Fail()
		return nil, inUse(err)
	}
	bar.End("")
	fmt.Printf("%d rows can be read.\n", report.Rows)
	if len(report.Lost) > 0 {
		printLost(os.Stdout, report.Lost)
	}
	return report.Lost, nil
}

// files compares the files that people sent with their records, and reports whether any is missing or damaged.
func (c *storeCheckCmd) files(ctx context.Context) (missing bool, err error) {
	st, _, err := c.openDamaged(ctx, c.logger())
	if err != nil {
		return false, inUse(err)
	}
	defer st.Close()
	bucket, err := c.filesSettings.open(ctx, st, true)
	if err != nil {
		return false, err
	}
	defer bucket.Close()
	bar := progress.New(os.Stderr, "checking files")
	o, err := files.Inspector{Store: st, Bucket: bucket, Sizes: true, Progress: func(n int64) { bar.Set(n, 0, "files and records") }}.Orphans(ctx)
	if err != nil {
		bar.Fail()
		return false, err
	}
	bar.End("")
	fmt.Printf("%d files were looked at, of which %d are missing and %d have another size than they should, or no thumbnail any more.\n", o.Records, o.Unstored, o.Damaged)
	printFiles("Missing:", o.UnstoredFiles)
	printFiles("Damaged:", o.DamagedFiles)
	if o.Unrecorded > 0 {
		fmt.Printf("%d things in %s belong to no file: confab admin files orphans shows and removes them.\n", o.Unrecorded, c.filesSettings.where())
	}
	return o.Unstored+o.Damaged > 0, nil
}

// printFiles lists files, without their names: what people call their files is nobody else's business.
func printFiles(title string, list []files.File) {
	if len(list) > 0 {
		fmt.Println(title)
	}
	for _, f := range list {
		fmt.Printf("  %s %s, %d bytes, of %s\n", f.Tenant, f.UUID, f.Size, f.CreatedAt().UTC().Format(time.RFC3339))
	}
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
