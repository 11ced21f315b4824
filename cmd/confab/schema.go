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
	cfg, err := cassandra.ParseURL(c.Store)
	if err != nil {
		return settingError{fmt.Errorf("--store: %w", err)}
	}
	return cassandra.Print(os.Stdout, cfg)
}
