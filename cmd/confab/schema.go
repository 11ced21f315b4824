package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/confab-chat/confab/pkg/store/cassandra"
)

type schemaCmd struct {
	Apply schemaApplyCmd `cmd:"" help:"Create the keyspace and apply the migrations that are missing."`
	Check schemaCheckCmd `cmd:"" help:"Say whether the keyspace has the schema this program needs."`
	Print schemaPrintCmd `cmd:"" help:"Print the schema as CQL."`
}

// cassandra returns the Cassandra that the settings name.
func (s storeSettings) cassandra() (cassandra.Config, error) {
	if !strings.HasPrefix(s.Store, "cassandra:") {
		return cassandra.Config{}, badSetting("only a Cassandra has a schema: use --store cassandra://HOST/KEYSPACE")
	}
	cfg, err := cassandra.ParseURL(s.Store)
	if err != nil {
		return cfg, settingError{fmt.Errorf("--store: %w", err)}
	}
	return cfg, nil
}

type schemaApplyCmd struct {
	storeSettings
	logSettings
}

func (c *schemaApplyCmd) Run(ctx context.Context) error {
	cfg, err := c.cassandra()
	if err != nil {
		return err
	}
	status, err := cassandra.Apply(ctx, cfg, c.logger())
	if err != nil {
		return err
	}
	fmt.Printf("The schema is current (version %d).\n", status.Applied)
	return nil
}

type schemaCheckCmd struct {
	storeSettings
	logSettings
}

func (c *schemaCheckCmd) Run(ctx context.Context) error {
	cfg, err := c.cassandra()
	if err != nil {
		return err
	}
	status, err := cassandra.Check(ctx, cfg, c.logger())
	if err != nil {
		return err
	}
	if !status.Current() {
		return fmt.Errorf("the keyspace is at version %d and needs %d: run confab schema apply", status.Applied, status.Known)
	}
	fmt.Printf("The schema is current (version %d).\n", status.Applied)
	return nil
}

type schemaPrintCmd struct{ storeSettings }

func (c *schemaPrintCmd) Run() error {
	if !strings.HasPrefix(c.Store, "cassandra:") {
		c.Store = "cassandra://127.0.0.1/confab" // any keyspace has the same tables
	}
	cfg, err := c.cassandra()
	if err != nil {
		return err
	}
	return cassandra.Print(os.Stdout, cfg)
}
