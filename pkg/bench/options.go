package bench

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Options say what to measure and how hard. Zero values are replaced by the ones named.
type Options struct {
	// URL is where the server listens: http://127.0.0.1:8080.
	URL string
	// AllowRemote allows servers that are not on this machine's loopback.
	AllowRemote bool
	// PID is the server's process, to read CPU and memory of; 0: not read.
	PID int

	Clients      int           // concurrent; 64
	Rooms        int           // that clients are spread over; 1
	Users        int           // that are signed up; as many as Clients, at most 64
	Count        int64         // operations; 0: as many as fit into Duration
	Duration     time.Duration // 10 s
	Warmup       time.Duration // before it, not measured, if Count is 0; may be 0
	MessageBytes int           // of a message's content; 100, at least 32
	FileBytes    int64         // of each file that is uploaded; 50 MiB
	Fill         int           // messages in the room whose pages are read, or users of the app; 2000
	Room         string        // that is there already, for pages, instead of one that is filled
	Page         string        // which pages, one of pageKinds; newest
	PageSize     int           // 20
	Subscribers  int           // 100
	InFlight     int           // publishes not yet delivered to all; 1
	DeliveryTime time.Duration // after which a delivery is missing; 10 s
	Connections  int           // idle ones; 1000
	Attacks      []string      // names of attacks; all
	Settle       time.Duration // from the last connection to reading the memory; 3 s
	Keep         bool          // leave the rooms that were made

	// AdminLogin and AdminPassword are those of an administrator of the server, who makes apps of the platform.
	AdminLogin, AdminPassword string

	// BareCommand starts ServeBare in a process of its own: os.Executable and arguments. Nil: in this process.
	BareCommand []string
	// AttackCommand starts Attackers in the same way.
	AttackCommand []string
	// Cassandra is cassandra://host[:port][,host…]; a keyspace is made in it and dropped.
	Cassandra string
	// Dir is the folder whose disk is measured.
	Dir string

	// Progress receives now and then, from any goroutine, what has been done; a total
	// of 0 is unknown. May be nil.
	Progress func(done, total int64, note string)
}

func or[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}

func (o Options) withDefaults() (Options, error) {
	or(&o.Clients, 64)
	or(&o.Rooms, 1)
	or(&o.Users, min(o.Clients, 64))
	or(&o.Duration, 10*time.Second)
	or(&o.MessageBytes, 100)
	or(&o.Fill, 2000)
	or(&o.Page, "newest")
	or(&o.PageSize, 20)
	or(&o.Subscribers, 100)
	or(&o.InFlight, 1)
	or(&o.DeliveryTime, 10*time.Second)
	or(&o.Connections, 1000)
	or(&o.Settle, 3*time.Second)
	if o.Progress == nil {
		o.Progress = func(int64, int64, string) {}
	}
	for name, n := range map[string]int{
		"clients": o.Clients, "rooms": o.Rooms, "users": o.Users, "fill": o.Fill, "page size": o.PageSize,
		"subscribers": o.Subscribers, "in flight": o.InFlight, "connections": o.Connections, "message bytes": o.MessageBytes - minMessage + 1,
	} {
		if n < 1 {
			return o, fmt.Errorf("%s: too small a number", name)
		}
	}
	if !slices.Contains(pageKinds, o.Page) {
		return o, fmt.Errorf("page %q is none of %s", o.Page, strings.Join(pageKinds, ", "))
	}
	return o, nil
}

// Benchmark measures one thing. Its error says why it could not be measured; a
// server that answers with errors is counted in the result instead, unless nothing works.
type Benchmark func(ctx context.Context, o Options) (Result, error)

// Benchmarks are all there are, by name.
var Benchmarks = map[string]Benchmark{
	"posts":       Posts,
	"pages":       Pages,
	"live":        Live,
	"connections": Connections,
	"attacks":     Attacks,
	"uploads":     Uploads,
	"accounts":    Accounts,
	"streams":     Streams,
	"send-many":   SendMany,
	"send-one":    SendOne,
	"bare-http":   BareHTTP,
	"bare-live":   BareLive,
	"bare-insert": BareInsert,
	"bare-select": BareSelect,
	"disk":        Disk,
}

// Run runs the benchmark of that name.
func Run(ctx context.Context, name string, o Options) (Result, error) {
	b, ok := Benchmarks[name]
	if !ok {
		return Result{}, fmt.Errorf("there is no benchmark %q", name)
	}
	r, err := b(ctx, o)
	if err != nil {
		err = fmt.Errorf("bench %s: %w", name, err)
	}
	return r, err
}

// checkHost refuses hosts that are not loopback, unless they are allowed.
func (o Options) checkHost(host string) error {
	ip := net.ParseIP(host)
	if o.AllowRemote || host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("%q is not on this machine: a load test is an attack on others; allow it explicitly if it is yours", host)
}

func (o Options) target() (*url.URL, error) {
	u, err := url.Parse(strings.TrimSuffix(o.URL, "/"))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is no http:// or https:// address", o.URL)
	}
	return u, o.checkHost(u.Hostname())
}
