package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/confab-chat/confab/pkg/bench"
	"github.com/confab-chat/confab/pkg/progress"
)

type benchCmd struct {
	Run   benchRunCmd   `cmd:"" default:"withargs" help:"Measure a running server, or the bare things beside it."`
	Fill  benchFillCmd  `cmd:"" help:"Fill a room with messages, straight through the store."`
	Chaos benchChaosCmd `cmd:"" help:"Load a server steadily while its store is broken, and look for every acknowledged message at the end."`
	Table benchTableCmd `cmd:"" help:"Print results that were kept as JSON, and how they compare."`
	Bare  benchBareCmd  `cmd:"" hidden:"" help:"Serve the bare references."`

	Attackers benchAttackersCmd `cmd:"" hidden:"" help:"Attack a server that is being measured."`
}

type benchTableCmd struct {
	Files []string `arg:"" help:"Files of results, as --json prints them." type:"existingfile"`
}

func (c *benchTableCmd) Run() error {
	var runs [][]bench.Result
	for _, name := range c.Files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		rs, err := bench.ReadJSON(f)
		f.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Printf("%s\n\n", name)
		if err := bench.WriteTable(os.Stdout, rs...); err != nil {
			return err
		}
		fmt.Println()
		if err := bench.WriteRatios(os.Stdout, rs); err != nil {
			return err
		}
		fmt.Println()
		runs = append(runs, rs)
	}
	if len(runs) < 2 {
		return nil
	}
	fmt.Println("all runs: least–greatest")
	return bench.WriteRatios(os.Stdout, runs...)
}

type benchRunCmd struct {
	Names []string `arg:"" help:"What to measure: posts, pages, live, connections, attacks, uploads of a server; accounts, streams, send-many, send-one of its platform; or beside it bare-http, bare-live, bare-insert, bare-select, disk." enum:"posts,pages,live,connections,attacks,uploads,accounts,streams,send-many,send-one,bare-http,bare-live,bare-insert,bare-select,disk"`

	URL         string        `help:"Address of the server." default:"http://127.0.0.1:8080"`
	AllowRemote bool          `help:"Allow a server that is not on this machine. Only for servers of yours."`
	PID         int           `name:"pid" help:"Process id of the server, to read its CPU time and memory."`
	JSON        bool          `name:"json" help:"Print JSON instead of a table."`
	Clients     int           `help:"Clients at once." default:"64"`
	Rooms       int           `help:"Rooms that clients are spread over." default:"1"`
	Count       int64         `help:"Operations; 0 for as many as fit into the duration."`
	Duration    time.Duration `help:"How long to measure." default:"10s"`
	Warmup      time.Duration `help:"Time before that, not measured." default:"2s"`
	Bytes       int           `help:"Size of a message's content." default:"100"`
	FileBytes   int64         `help:"Size of each file of uploads, which the server's --max-file-bytes has to allow." default:"52428800"`
	Fill        int           `help:"Messages in the room whose pages are read, or users whose list is read by accounts." default:"2000"`
	Room        string        `help:"Room that is there, to read pages of, instead of filling one." placeholder:"NAME"`
	Page        string        `help:"Pages to read: ${enum}." enum:"newest,oldest,older,middle,around,date" default:"newest"`
	PageSize    int           `help:"Messages in a page." default:"20"`
	Subscribers int           `help:"Subscribers of the room that live fills." default:"1000"`
	InFlight    int           `help:"Messages on their way at once in live." default:"1"`
	Connections int           `help:"Idle connections, or event streams." default:"10000"`
	Attacks     []string      `help:"Attacks to run, instead of all: ${enum}." enum:"none,huge_logins,parallel_logins,unread_pages,resumes,stalled_bodies,stalled_frames,pictures" placeholder:"NAME"`
	Cassandra   string        `help:"Cassandra for bare-insert and bare-select: cassandra://HOST." placeholder:"URL"`
	Dir         string        `help:"Folder whose disk is measured by disk." default:"."`
	Keep        bool          `help:"Keep the rooms, and apps, that were made."`

	AdminLogin    string `help:"Login of an administrator of the server, who makes an app, for accounts, streams and sends." env:"CONFAB_ADMIN_LOGIN" placeholder:"LOGIN"`
	AdminPassword string `help:"Their password." env:"CONFAB_ADMIN_PASSWORD" placeholder:"PASSWORD"`
}

// Run measures one thing after the other and prints all results together.
func (c *benchRunCmd) Run(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	o := bench.Options{URL: c.URL, AllowRemote: c.AllowRemote, PID: c.PID, Clients: c.Clients, Rooms: c.Rooms, Count: c.Count,
		Duration: c.Duration, Warmup: c.Warmup, MessageBytes: c.Bytes, FileBytes: c.FileBytes, Fill: c.Fill, Room: c.Room, Page: c.Page, PageSize: c.PageSize,
		Subscribers: c.Subscribers, InFlight: c.InFlight, Connections: c.Connections, Attacks: c.Attacks, Keep: c.Keep,
		BareCommand: []string{self, "bench", "bare"}, AttackCommand: []string{self, "bench", "attackers"}, Cassandra: c.Cassandra, Dir: c.Dir,
		AdminLogin: c.AdminLogin, AdminPassword: c.AdminPassword}
	var results []bench.Result
	for _, name := range c.Names {
		if _, ok := bench.Benchmarks[name]; !ok {
			return badSetting("there is no benchmark %q; there are %v", name, slices.Sorted(maps.Keys(bench.Benchmarks)))
		}
		bar := progress.New(os.Stderr, name)
		o.Progress = bar.Set
		r, err := bench.Run(ctx, name, o)
		if err != nil {
			bar.Fail()
			return err
		}
		bar.End(fmt.Sprintf("%.0f/s", r.Rate))
		results = append(results, r)
	}
	if c.JSON {
		return bench.WriteJSON(os.Stdout, results...)
	}
	return bench.WriteTable(os.Stdout, results...)
}

type benchBareCmd struct{}

// Run serves the bare references until its standard input ends.
func (benchBareCmd) Run(ctx context.Context) error { return bench.ServeBare(ctx, os.Stdin, os.Stdout) }

type benchAttackersCmd struct{}

// Run attacks until its standard input ends.
func (benchAttackersCmd) Run(ctx context.Context) error {
	return bench.Attackers(ctx, os.Stdin, os.Stdout)
}
