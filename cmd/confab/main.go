// Command confab is a self-hosted chat server. It reads settings, wires the parts
// and handles signals; what they do is theirs.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/confab-chat/confab/pkg/chat"
)

type cli struct {
	Config configFile `help:"YAML file with settings; keys are the names of flags." type:"path" placeholder:"FILE"`

	Serve   serveCmd   `cmd:"" help:"Run the chat server."`
	Schema  schemaCmd  `cmd:"" help:"Apply, check or print the Cassandra schema."`
	Conf    configCmd  `cmd:"" name:"config" help:"Check or print the settings that serve would use."`
	Import  importCmd  `cmd:"" help:"Import an export, or chat logs of other programs."`
	Export  exportCmd  `cmd:"" help:"Write all data to a file, to move it to another store. The file holds password hashes."`
	Store   storeCmd   `cmd:"" help:"Check or repair the data folder of an embedded store, after damage to its disk."`
	Admin   adminCmd   `cmd:"" help:"Look after a server: backups, users, rooms."`
	Bench   benchCmd   `cmd:"" help:"Measure a running server."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:]))
}

// run parses the command line and runs the command; it returns the exit status: 0, 1
// for a failure, 2 for a command line or setting that is wrong.
func run(ctx context.Context, args []string) int {
	var c cli
	status := 0
	parser, err := kong.New(&c,
		kong.Name("confab"),
		kong.Description("A self-hosted chat server: alone on an embedded store, or on many machines over Cassandra.\n\n"+
			"Each flag can also be set in the environment, as CONFAB_ and its name (CONFAB_LISTEN for --listen), "+
			"or in the YAML file of --config. A flag goes before the environment, that before the file."),
		kong.DefaultEnvars("CONFAB"),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Exit(func(s int) { status = s; panic(exited{}) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		fmt.Fprintln(os.Stderr, "confab:", err)
		return 1
	}
	defer func() {
		if what := recover(); what != nil {
			if _, ok := what.(exited); !ok {
				panic(what)
			}
		}
	}()
	kctx, err := parse(parser, args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "confab:", err)
		fmt.Fprintln(os.Stderr, "confab --help explains the commands.")
		return 2
	}
	if kctx == nil {
		return status
	}
	unknown, misspelt := unknownSettings(parser, kctx.Flags(), os.Environ())
	for _, line := range unknown {
		if kctx.Command() == "serve" {
			c.Serve.logger().Warn(line)
		} else {
			fmt.Fprintln(os.Stderr, "confab:", line)
		}
	}
	if err = errors.Join(misspelt, refuseMask(kctx)); err == nil {
		err = kctx.Run(&c)
	}
	if err != nil {
		if errors.Is(err, context.Canceled) && ctx.Err() != nil {
			err = errInterrupted
		}
		fmt.Fprintln(os.Stderr, "confab:", plain(err))
		var setting settingError
		if errors.As(err, &setting) {
			return 2
		}
		return 1
	}
	return 0
}

// parse lets kong end early, for --help, without ending the process.
func parse(parser *kong.Kong, args []string) (kctx *kong.Context, err error) {
	defer func() {
		if what := recover(); what != nil {
			if _, ok := what.(exited); !ok {
				panic(what)
			}
			kctx, err = nil, nil
		}
	}()
	return parser.Parse(args)
}

var errInterrupted = errors.New("interrupted: not finished")

// exited is the panic that stands for kong's wish to end the process.
type exited struct{}

// settingError is a setting that is wrong: the operator's to mend.
type settingError struct{ error }

func (e settingError) Unwrap() error { return e.error }

func badSetting(format string, args ...any) error {
	return settingError{fmt.Errorf(format, args...)}
}

// plain spells an error for an operator: causes included, kinds left out.
func plain(err error) string {
	var e *chat.Error
	if !errors.As(err, &e) || e.Message == "" {
		return err.Error()
	}
	if e.Cause != nil {
		return e.Message + " (" + e.Cause.Error() + ")"
	}
	return e.Message
}
