package cassandra

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/gocql/gocql"
	"github.com/maypok86/otter/v2"

	"github.com/confab-chat/confab/pkg/cache"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/store"
)

// Options configure a Store. All are optional.
type Options struct {
	Log *slog.Logger
	// Now is the clock; time.Now if nil.
	Now func() time.Time
	// KeepSchema makes Open refuse a keyspace that is missing or behind, instead of creating or upgrading it.
	KeepSchema bool
	// Entries is how many logs and buckets the store caches; MostEntries if zero.
	Entries int
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Entries = cmp.Or(o.Entries, MostEntries)
	return o
}

// Store is a store.Store in a Cassandra keyspace.
type Store struct {
	db  *db
	log *slog.Logger
	now func() time.Time

	// gathering batches the messages that are being written.
	gathering gathering
	// placeQueues gather those who take or give back places of a room.
	placeQueues placeQueues
	// book caches the widths of logs' buckets.
	book *widthBook
	// indexed holds the buckets whose index row is known to be written.
	indexed *otter.Cache[bucketOf, struct{}]
	// newest holds the newest bucket of a log's index at the time of the read. ahead holds the newest bucket after now
	// that this server wrote to.
	newest *otter.Cache[chat.Log, newestRead]
	ahead  *otter.Cache[chat.Log, id.Bucket]

	listeners cache.Listeners // of announcements
	// jobs caches where to look for jobs that are due.
	jobs jobBook

	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup
}

// MostEntries is how many logs and buckets a server should cache, if there is memory for some 25 MB.
const MostEntries = 50_000

var _ store.Store = (*Store)(nil)

// Open connects to the cluster and upgrades the keyspace to the schema of this program. It fails if the cluster does
// not answer before ctx ends; the caller may retry. It also fails if the schema of the keyspace is newer than this
// program.
func Open(ctx context.Context, c Config, o Options) (*Store, error) {
	o = o.withDefaults()
	dc, err := localDC(ctx, c, o.Log)
	if err != nil {
		return nil, notOpened(err)
	}
	c.DC = dc
	if err := prepareSchema(ctx, c, o); err != nil {
		return nil, notOpened(err)
	}
	session, err := connect(ctx, c.eachAttempt(), c.Keyspace, dc, o.Log)
	if err != nil {
		return nil, notOpened(err)
	}
	s := &Store{
		db:      &db{session: session, consistency: c.Consistency, serial: c.Serial, timeout: c.Timeout, slots: make(slots, maxInFlight)},
		log:     o.Log,
		now:     o.Now,
		indexed: otter.Must(&otter.Options[bucketOf, struct{}]{MaximumSize: o.Entries}),
		newest:  otter.Must(&otter.Options[chat.Log, newestRead]{MaximumSize: o.Entries}),
		ahead:   otter.Must(&otter.Options[chat.Log, id.Bucket]{MaximumSize: o.Entries}),
	}
	s.book = s.newWidthBook(o.Entries)
	if err := s.findDataCentres(ctx, c); err != nil {
		session.Close()
		return nil, notOpened(err)
	}
	if err := s.pollChanges(ctx); err != nil { // and the cluster's time
		session.Close()
		return nil, notOpened(err)
	}
	if err := s.Ping(ctx); err != nil {
		session.Close()
		return nil, err
	}
	return s, nil
}

// findDataCentres chooses the consistency of the statements on which servers of all data centres rely (see eachDC).
func (s *Store) findDataCentres(ctx context.Context, c Config) error {
	if c.Consistency != gocql.LocalQuorum || c.Serial != gocql.Serial {
		return nil // a quorum of all has it, or one data centre is all there is for servers
	}
	var replication map[string]string
	_, err := s.db.rowAt(ctx, gocql.LocalOne, selectKeyspace, []any{c.Keyspace}, &replication)
	if strings.HasSuffix(replication["class"], networkTopology) { // others have no data centres
		s.db.everywhere = gocql.EachQuorum
	}
	return err
}

// notOpened distinguishes a cluster that does not answer, which may be temporary, from permanent errors.
func notOpened(err error) error {
	if unavailable(err) && !chat.IsKind(err, chat.Unavailable) {
		return chat.ErrUnavailable(err)
	}
	return err
}

// Ping implements store.Store with a read of the cluster's own small table, and of
// our keyspace.
func (s *Store) Ping(ctx context.Context) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	var version int
	_, err = s.db.row(ctx, selectOneVersion, []any{component}, &version)
	return err
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	s.mu.Unlock()
	s.calls.Wait()
	if !again {
		s.db.session.Close()
	}
	return nil
}

// begin starts a call. Close waits until end is called. The returned context has a deadline.
func (s *Store) begin(ctx context.Context) (_ context.Context, end func(), err error) {
	if err := s.enter(ctx); err != nil {
		return nil, nil, err
	}
	ctx, cancel := s.db.bounded(ctx)
	return ctx, func() { cancel(); s.calls.Done() }, nil
}

// beginLong is begin for calls without a bound on their time: each of their statements has its own deadline.
func (s *Store) beginLong(ctx context.Context) (_ context.Context, end func(), err error) {
	if err := s.enter(ctx); err != nil {
		return nil, nil, err
	}
	return ctx, s.calls.Done, nil
}

func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return asChat(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	s.calls.Add(1)
	return nil
}
