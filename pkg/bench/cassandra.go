package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gocql/gocql"
	"github.com/gocql/gocql/lz4"
	"golang.org/x/sync/errgroup"

	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/store/cassandra"
	"github.com/confab-chat/confab/schema"
)

const (
	messageColumns = `message_id, author_login, author_first_name, author_last_name, content, system`
	bareInsert     = `INSERT INTO messages (tenant, log_id, bucket, ` + messageColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
	barePage       = `SELECT ` + messageColumns + ` FROM messages WHERE tenant = ? AND log_id = ? AND bucket = ? ORDER BY message_id DESC LIMIT ?`
)

const bareTenant = "default"

// BareInsert measures gocql inserting the rows that Posts makes the server insert, as
// many concurrently, with the server's table, consistency and compression.
func BareInsert(ctx context.Context, o Options) (Result, error) {
	return bareCassandra(ctx, o, func(ctx context.Context, o Options, c *bareTable) (Result, error) {
		r, err := closedLoop(ctx, o, "bare-insert", c.insert)
		r.Setting = fmt.Sprintf("%d at once, %d rooms, %d bytes", o.Clients, o.Rooms, o.MessageBytes)
		return r, err
	})
}

// BareSelect measures gocql reading the newest o.PageSize rows of rooms of o.Fill messages.
func BareSelect(ctx context.Context, o Options) (Result, error) {
	return bareCassandra(ctx, o, func(ctx context.Context, o Options, c *bareTable) (Result, error) {
		fill := o
		fill.Count, fill.PID = int64(o.Fill*o.Rooms), 0
		var n atomic.Int64 // a room's rows come from every client
		if _, err := closedLoop(ctx, fill, "filling the table", func(ctx context.Context, _ int) error {
			return c.insert(ctx, int(n.Add(1)))
		}); err != nil {
			return Result{}, err
		}
		r, err := closedLoop(ctx, o, "bare-select", c.page)
		r.Setting = fmt.Sprintf("%d at once, page of %d, room of %d", o.Clients, o.PageSize, o.Fill)
		return r, err
	})
}

// bareTable is a message table in a keyspace of its own.
type bareTable struct {
	o       Options
	session *gocql.Session
	ids     *id.Generator
	logs    []id.ID
	text    string
}

func (c *bareTable) insert(ctx context.Context, client int) error {
	m := c.ids.New()
	return c.session.Query(bareInsert, bareTenant, gocql.UUID(c.logs[client%len(c.logs)]), int64(id.DefaultWidths.Of(m)),
		gocql.UUID(m), "bench", "Bench", "Bench", c.text, false).WithContext(ctx).Exec()
}

func (c *bareTable) page(ctx context.Context, client int) error {
	bucket := id.DefaultWidths.Of(c.ids.New())
	rows := c.session.Query(barePage, bareTenant, gocql.UUID(c.logs[client%len(c.logs)]), int64(bucket), c.o.PageSize).
		WithContext(ctx).Iter()
	var (
		m                                gocql.UUID
		login, firstName, lastName, text string
		system                           bool
		n                                int
	)
	for rows.Scan(&m, &login, &firstName, &lastName, &text, &system) {
		n++
	}
	if err := rows.Close(); err != nil {
		return err
	}
	if n != c.o.PageSize {
		return refused{why: fmt.Sprintf("a page has %d rows instead of %d", n, c.o.PageSize)}
	}
	return nil
}

func bareCassandra(ctx context.Context, o Options, load func(context.Context, Options, *bareTable) (Result, error)) (r Result, err error) {
	if o, err = o.withDefaults(); err != nil {
		return r, err
	}
	config, err := cassandra.ParseURL(o.Cassandra)
	if err != nil {
		return r, err
	}
	for _, h := range config.Hosts {
		host, _, err := net.SplitHostPort(h)
		if err != nil {
			return r, err
		}
		if err := o.checkHost(host); err != nil {
			return r, err
		}
	}
	create, err := messageTable()
	if err != nil {
		return r, err
	}
	keyspace := "confab_bench_" + strings.ToLower(rand.Text()[:10])
	admin, err := session(config, "")
	if err != nil {
		return r, err
	}
	defer admin.Close()
	statement := fmt.Sprintf("CREATE KEYSPACE %s WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': %d}",
		keyspace, max(1, config.RF))
	if err := admin.Query(statement).WithContext(ctx).Exec(); err != nil {
		return r, err
	}
	defer func() {
		// Also after ctx has ended, but not forever.
		dctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, admin.Query("DROP KEYSPACE "+keyspace).WithContext(dctx).Exec())
	}()
	s, err := session(config, keyspace)
	if err != nil {
		return r, err
	}
	defer s.Close()
	if err := s.Query(create).WithContext(ctx).Exec(); err != nil {
		return r, err
	}
	c := &bareTable{o: o, session: s, ids: id.NewGenerator(nil), text: content(o.MessageBytes)}
	for range o.Rooms {
		c.logs = append(c.logs, c.ids.New())
	}
	if err := c.warmUp(ctx); err != nil {
		return r, err
	}
	return load(ctx, o, c)
}

// warmUp has every statement prepared on every connection before the clock starts.
func (c *bareTable) warmUp(ctx context.Context) error {
	warm := *c
	warm.logs = []id.ID{c.ids.New()}
	g, gctx := errgroup.WithContext(ctx)
	for range c.o.Clients {
		g.Go(func() error {
			if err := warm.insert(gctx, 0); err != nil {
				return err
			}
			err := warm.page(gctx, 0)
			if errors.As(err, &refused{}) {
				return nil
			}
			return err
		})
	}
	return g.Wait()
}

func session(config cassandra.Config, keyspace string) (*gocql.Session, error) {
	c := gocql.NewCluster(config.Hosts...)
	c.Keyspace = keyspace
	c.Consistency = config.Consistency
	c.Timeout, c.ConnectTimeout = time.Minute, config.Timeout // schema changes take long
	c.Compressor = lz4.LZ4Compressor{}
	c.PoolConfig.HostSelectionPolicy = gocql.TokenAwareHostPolicy(gocql.RoundRobinHostPolicy(), gocql.ShuffleReplicas())
	if config.User != "" {
		c.Authenticator = gocql.PasswordAuthenticator{Username: config.User, Password: config.Password}
	}
	return c.CreateSession()
}

// messageTable returns the statement that makes the server's own table of messages.
func messageTable() (string, error) {
	const file = "cassandra/v001_chat.cql"
	cql, err := schema.Cassandra.ReadFile(file)
	if err != nil {
		return "", err
	}
	_, rest, ok1 := strings.Cut(string(cql), "\nCREATE TABLE IF NOT EXISTS messages (")
	body, _, ok2 := strings.Cut(rest, ";\n")
	if !ok1 || !ok2 {
		return "", fmt.Errorf("%s has no table messages", file)
	}
	return "CREATE TABLE messages (" + body, nil
}
