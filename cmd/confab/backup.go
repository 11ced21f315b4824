package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/confab-chat/confab/pkg/backup"
)

type adminBackupCmd struct {
	remote
	Offline bool `help:"The server is stopped: copy its store directly, into any folder."`
	storeSettings
	logSettings
	Dir string `arg:"" optional:"" help:"Folder to make. Of a running server it is below its --backup-dir; without a name it is called after the time."`
}

// Help is shown by confab admin backup --help.
func (c *adminBackupCmd) Help() string {
	return "All that the server has acknowledged before the call is in the copy. To restore it, start a server on the folder, or on a copy of it: " +
		"confab serve --store embedded:FOLDER. A Cassandra is backed up with its own tools, or with confab export."
}

// Run makes the backup.
func (c *adminBackupCmd) Run(ctx context.Context) error {
	if c.Offline {
		return c.offline(ctx)
	}
	body := map[string]string{}
	if c.Dir != "" {
		body["dir"] = c.Dir
	}
	var made struct {
		Dir  string `json:"dir"`
		Size int64  `json:"size"`
	}
	if err := c.call(ctx, "POST", "/backups", body, &made); err != nil {
		return err
	}
	fmt.Printf("The server's data is in %s (%d KiB).\n", made.Dir, made.Size>>10)
	return nil
}

func (c *adminBackupCmd) offline(ctx context.Context) error {
	if err := c.storeSettings.check(); err != nil {
		return err
	}
	if !strings.HasPrefix(c.Store, "embedded:") {
		return badSetting("--store %q cannot be copied into a folder: use the backups of the database, or confab export", maskURL(c.Store))
	}
	if c.Dir == "" {
		return badSetting("name the folder to make")
	}
	if err := c.exists(); err != nil {
		return err
	}
	target, err := filepath.Abs(c.Dir)
	if err != nil {
		return err
	}
	st, err := c.open(ctx, false, c.logger())
	if err != nil {
		return err
	}
	defer st.Close()
	if err := backup.Copy(st.(backup.Store), target); err != nil {
		return err
	}
	fmt.Printf("The data is in %s.\n", target)
	return nil
}
