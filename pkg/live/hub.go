package live

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/coalesce"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
)

// History is what the hub reads of rooms' messages, to replay and to repair; see chat.History. It has nothing that a
// room does not show (any more).
type History interface {
	// Older and Newer are those of chat.MessageStore.
	Older(ctx context.Context, p chat.Place, than id.ID, limit int) ([]chat.Message, error)
	Newer(ctx context.Context, p chat.Place, than id.ID, inclusive bool, limit int) ([]chat.Message, error)
	// MessagesByID is that of chat.ChangeStore.
	MessagesByID(ctx context.Context, p chat.Place, ids []id.ID) (map[id.ID]chat.Message, error)
	// Changes is chat.ReadChanges.
	Changes(ctx context.Context, p chat.Place, after id.ID, limit int) (chat.ChangePage, error)
}

// Options are what a hub works with. Access and History are needed, the rest has defaults.
type Options struct {
	Bus     Bus // nil: this process is alone
	History History
	// Access returns the room of that name if who may listen to it: *chat.Error NotFound or
	// Forbidden if not. What it answers must be as new as the call.
	Access func(ctx context.Context, who chat.Identity, room string) (chat.Room, error)

	// RoomsOf returns the rooms a user is in, as that of chat.MembershipStore; nil: the topics of users have nothing of
	// rooms.
	RoomsOf func(ctx context.Context, t chat.Tenant, login, after string, limit int) ([]chat.RoomRef, error)

	// Members returns which of some logins, which are ascending, are in a room, as new as the call; nil: Access is asked for each.
	Members func(ctx context.Context, t chat.Tenant, room chat.RoomRef, logins []string) (map[string]bool, error)
	// Registry shows which nodes share the store; nil: nobody else does.
	Registry Registry
	// OnUnreachable, if set, is called with the unreachable nodes whenever they are others than before, by one goroutine;
	// see Hub.Unreachable.
	OnUnreachable func(nodes []string)

	Node string // the name of this process among the nodes; default: random. Never the same twice
	Now  func() time.Time
	Log  *slog.Logger

	// Beat is how often this node tells others that it is there, and reads what happens on those that are unreachable;
	// default 1 s.
	Beat time.Duration
	// PeerLost is the silence after which a node counts as dead and its users as offline; default 4 s.
	PeerLost time.Duration
	// TypingFor is how long a typing notice lasts that is not renewed; default 6 s.
	TypingFor time.Duration
	// Overlap is how much further back than needed a repair reads, because ids of several nodes
	// become visible out of order; default 10 s.
	Overlap time.Duration
	// RepairHold is how long what other nodes publish in a room waits for the room's repair; default 10 s.
	// Afterwards it is delivered, and what was missed comes later.
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
	replays    chan struct{} // one token for each replay under way

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	done sync.WaitGroup
	// spawning guards done against being added to after Close began to wait.
	spawning sync.Mutex
	closed   bool
}

// maxReplays bounds the replays that read from the store at one time.
const maxReplays = 64

// New starts a hub. It joins the bus and leaves it in Close; the bus itself is the caller's to close, afterwards.
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
	if o.OnUnreachable == nil {
		o.OnUnreachable = func([]string) {}
	}
	if o.Node == "" {
		o.Node = id.NewGenerator(nil).New().String()
	}
	ctx, stop := context.WithCancel(context.Background())
	h := &Hub{opts: o, node: o.Node, now: o.Now, log: o.Log, ids: id.NewGenerator(o.Now),
		replays: make(chan struct{}, maxReplays), ctx: ctx, stop: stop}
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

// Close tells the other nodes that this one goes and ends the hub's work. Subscriptions should be ended before.
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

// spawn runs f apart from the caller; not at all after Close. A panic of f is logged.
func (h *Hub) spawn(what string, f func()) {
	h.spawning.Lock()
	defer h.spawning.Unlock()
	if !h.closed {
		h.done.Go(func() { guard.Run(h.log, what, f) })
	}
}

// tick does what time brings: beats, lost peers, ended typing notices, forgotten rooms.
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

// forgetRooms drops rooms nobody has listened to for a while. Until then they remember what
// was delivered, for those who come back.
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

// Alone implements chat.Publisher: whether no other node is there now.
func (h *Hub) Alone() bool { return h.opts.Bus == nil || h.peers.alone() }
