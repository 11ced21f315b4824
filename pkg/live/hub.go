package live

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/coalesce"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
)

// History reads the messages of rooms, for replays and repairs; see chat.History. It returns only what a room shows:
// messages that are hidden or gone are left out.
type History interface {
	// Older and Newer are those of chat.MessageStore.
	Older(ctx context.Context, p chat.Place, than id.ID, limit int) ([]chat.Message, error)
	Newer(ctx context.Context, p chat.Place, than id.ID, inclusive bool, limit int) ([]chat.Message, error)
	// MessagesByID is that of chat.ChangeStore.
	MessagesByID(ctx context.Context, p chat.Place, ids []id.ID) (map[id.ID]chat.Message, error)
	// Changes is chat.ReadChanges.
	Changes(ctx context.Context, p chat.Place, after id.ID, limit int) (chat.ChangePage, error)
	// ChangesByID is chat.ChangesByID.
	ChangesByID(ctx context.Context, p chat.Place, ids []id.ID) ([]chat.MessageChange, error)
}

// Options configure a hub. Access and History are required. The other fields have defaults.
type Options struct {
	Bus     Bus // nil: this process is alone
	History History
	// Access returns the room of that name if the user may subscribe to it. Otherwise it returns *chat.Error NotFound
	// or Forbidden. The result must not be older than the call.
	Access func(ctx context.Context, who chat.Identity, room string) (chat.Room, error)
	// Inside returns the room of that name, and whether a user who had access is in it: NotFound only if there is no such
	// room. Access may say the same of a room that the user may not see any more. The result must not be older than the
	// call. If Inside is nil, Access says NotFound of no room that exists.
	Inside func(ctx context.Context, who chat.Identity, room string) (r chat.Room, in bool, err error)

	// RoomsOf returns the rooms a user is in; see chat.MembershipStore. If it is nil, the topic of a user has no events
	// of the user's rooms.
	RoomsOf func(ctx context.Context, t chat.Tenant, login, after string, limit int) ([]chat.RoomRef, error)

	// Readings returns what a user has read and muted in rooms; see chat.ReadStore. If it is nil, changes of that which
	// another node published are lost while that node is not received.
	Readings func(ctx context.Context, t chat.Tenant, login string, rooms []id.ID) (map[id.ID]chat.Reading, error)

	// Members returns which of the given logins are in a room. The logins are ascending. The result must not be older
	// than the call. If Members is nil, the hub calls Access for each login.
	Members func(ctx context.Context, t chat.Tenant, room chat.RoomRef, logins []string) (map[string]bool, error)
	// Observe, if set, is called with each event that another node publishes, before it is delivered. It must not block.
	Observe func(e chat.Event)
	// Registry shows which nodes share the store. If it is nil, no other node does.
	Registry Registry
	// OnUnreachable, if set, is called with the unreachable nodes whenever the set of them changes; see
	// Hub.Unreachable. One goroutine makes all calls.
	OnUnreachable func(nodes []string)

	Node string // the name of this process among the nodes; default: random. A name must never be used twice
	Now  func() time.Time
	Log  *slog.Logger

	// Beat is the interval of this node's heartbeats, and of its polls while other nodes are unreachable; default 1 s.
	Beat time.Duration
	// PeerLost is the silence after which the hub considers a node dead and its users offline; default 4 s.
	PeerLost time.Duration
	// TypingFor is how long a typing notice lasts unless it is renewed; default 6 s.
	TypingFor time.Duration
	// Overlap is how much further back than needed a repair reads; default 10 s. It is needed because ids made by
	// several nodes become visible out of order.
	Overlap time.Duration
	// RepairHold is how long events that other nodes publish in a room wait for the room's repair; default 10 s.
	// After that they are delivered, and the missed events follow later.
	RepairHold time.Duration
}

// Hub delivers events to subscribers. It implements chat.Publisher. All methods may be
// called concurrently.
type Hub struct {
	opts   Options
	node   string
	now    func() time.Time
	log    *slog.Logger
	ids    *id.Generator
	shards [shards]shard

	departures departures
	presence   *presence
	typing     *typing
	peers      *peers
	signals    signals
	asks       *asks
	repairs    repairs
	roster     roster
	polls      polls
	flushes    coalesce.Group[struct{}, struct{}]
	replays    *semaphore.Weighted // of replays that read for the first time
	long       *semaphore.Weighted // of those that read again

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	done sync.WaitGroup
	// spawning prevents that done is added to after Close began to wait for it.
	spawning sync.Mutex
	closed   bool
}

// maxReplays bounds the replays that find out concurrently what was missed. Each reads up to chat.MaxRead at a time. Of
// those that read more than once only half as many as there are processors read at a time, so that hundreds of long replays
// leave a processor to others, and a short one does not wait for them.
const maxReplays = 16

var maxLongReplays = max(1, int64(runtime.GOMAXPROCS(0)/2))

// New starts a hub. The hub joins the bus now and leaves it in Close. The caller closes the bus itself, after the hub.
func New(o Options) (*Hub, error) {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&o.Beat, time.Second)
	def(&o.PeerLost, 4*time.Second)
	def(&o.TypingFor, 6*time.Second)
	def(&o.Overlap, 10*time.Second)
	def(&o.RepairHold, 10*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Observe == nil {
		o.Observe = func(chat.Event) {}
	}
	if o.OnUnreachable == nil {
		o.OnUnreachable = func([]string) {}
	}
	if o.Inside == nil {
		o.Inside = func(ctx context.Context, who chat.Identity, name string) (chat.Room, bool, error) {
			r, err := o.Access(ctx, who, name)
			if chat.IsKind(err, chat.Forbidden) {
				return chat.Room{}, false, nil
			}
			return r, err == nil, err
		}
	}
	if o.Node == "" {
		o.Node = id.NewGenerator(nil).New().String()
	}
	ctx, stop := context.WithCancel(context.Background())
	h := &Hub{opts: o, node: o.Node, now: o.Now, log: o.Log, ids: id.NewGenerator(o.Now),
		replays: semaphore.NewWeighted(maxReplays), long: semaphore.NewWeighted(maxLongReplays), ctx: ctx, stop: stop}
	h.departures.last = make(map[departure]uint64)
	h.presence = &presence{hub: h, rooms: make(map[place]*roomPresence)}
	h.typing = &typing{hub: h, until: make(map[typist]notice)}
	h.peers = newPeers(h)
	h.asks = &asks{answering: make(chan struct{}, maxAnswering), handlers: make(map[string]func(string, []byte) bool), waiting: make(map[uint64]*asking)}
	h.roster.nodes = make(map[string]*sighting)
	if o.Bus != nil {
		if err := o.Bus.Join(h.peers.receive); err != nil {
			stop()
			return nil, fmt.Errorf("live: joining the bus: %w", err)
		}
		h.peers.hello()
	}
	h.done.Go(func() { h.tick(ctx) })
	if o.Registry != nil {
		h.done.Go(func() { guard.Keep(ctx, h.log, "looking for other servers", h.watchRegistry) })
		h.done.Go(func() { guard.Keep(ctx, h.log, "polling rooms", h.pollLoop) })
	}
	return h, nil
}

// Node returns the name of this process among the nodes.
func (h *Hub) Node() string { return h.node }

// Close announces to the other nodes that this one leaves, and stops the hub. The caller should end the subscriptions before.
func (h *Hub) Close() error {
	h.peers.close()
	h.spawning.Lock()
	h.closed = true
	h.spawning.Unlock()
	h.stop()
	h.done.Wait()
	if h.opts.Bus == nil {
		return nil
	}
	h.peers.bye()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return h.opts.Bus.Flush(ctx)
}

// spawn runs f in a goroutine. After Close it does nothing. A panic of f is logged.
func (h *Hub) spawn(what string, f func()) {
	h.spawning.Lock()
	defer h.spawning.Unlock()
	if !h.closed {
		h.done.Go(func() { guard.Run(h.log, what, f) })
	}
}

// tick does the periodic work. It sends heartbeats, detects lost peers, retries repairs, ends typing notices and drops
// unused rooms.
func (h *Hub) tick(ctx context.Context) {
	every := min(h.opts.Beat, h.opts.TypingFor/4)
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		now := h.now()
		guard.Run(h.log, "beating", func() {
			if h.opts.Bus != nil {
				h.peers.tick(now)
			}
		})
		guard.Run(h.log, "looking after repairs", func() { h.repairsTick(now) })
		guard.Run(h.log, "ending typing notices", func() { h.typing.expire(now) })
		guard.Run(h.log, "forgetting rooms", func() { h.forgetRooms(now) })
	}
}

// forgetRooms drops rooms that have had no subscribers for recentFor. Until then a room keeps the ids it delivered, for
// users who subscribe again.
func (h *Hub) forgetRooms(now time.Time) {
	for i := range h.shards {
		sh := &h.shards[i]
		sh.locked(func() {
			for key, r := range sh.places {
				if !r.emptySince.IsZero() && now.Sub(r.emptySince) > recentFor && r.empty() {
					delete(sh.places, key)
				}
			}
		})
	}
}

// Alone implements chat.Publisher. It reports whether no other node is known now.
func (h *Hub) Alone() bool { return h.opts.Bus == nil || h.peers.alone() }
