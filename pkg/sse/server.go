package sse

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/inbox"
	"github.com/confab-chat/confab/pkg/live"
)

// Reason says why a stream ends. The texts are part of the API.
type Reason string

// The reasons.
const (
	Disconnected Reason = "disconnected"
	Deactivated  Reason = "deactivated"
	Password     Reason = "password"
	Deleted      Reason = "deleted"
	Replaced     Reason = "replaced"
	Expired      Reason = "expired"
	Slow         Reason = "slow"
)

// Hub is the part of live.Hub that streams use.
type Hub interface {
	SubscribeUser(ctx context.Context, who chat.Identity, to live.Subscriber) (*live.Subscription, error)
	Connected(who chat.Identity) (gone func())
	Attached(who chat.Identity, device string) (gone func())
	Devices(who chat.Identity) []string
	Signal(kind, key string)
	OnSignal(kind string, f func(key string)) (cancel func())
}

// Item is a message as a stream shows it.
type Item struct {
	Tenant chat.Tenant
	Kind   chat.RoomKind // chat.DirectRoom for a message to a user, chat.GroupRoom or chat.ChatRoom
	Log    id.ID         // of the room, or of the app
	chat.Message
}

// Encoder writes the data of events, each one line of JSON.
type Encoder interface {
	Message(i Item) (messageID string, data []byte)
	Recall(i Item) []byte
	Rewrite(i Item) []byte
}

// Options are the parts of a Server.
type Options struct {
	Hub   Hub
	Boxes *inbox.Service
	// Messages is MessagesByID of the store.
	Messages func(ctx context.Context, l chat.Log, ids []id.ID) (map[id.ID]chat.Message, error)
	// Room returns a room.
	Room   func(ctx context.Context, t chat.Tenant, name string) (chat.Room, error)
	Encode Encoder
	// Check returns why a login is not good any more; empty if it is. Until is when its token ends; zero: never.
	Check func(ctx context.Context, l auth.Login) (why Reason, until time.Time, err error)
	// Status is called when a session begins and ends. May be nil.
	Status func(ctx context.Context, t chat.Tenant, who chat.Person, s chat.Status) error
	Now    func() time.Time
	Log    *slog.Logger
}

const (
	// MaxStreams is how many streams a user may have.
	MaxStreams = 16
	// comment is the longest time without a byte from the server, about.
	comment = 25 * time.Second
	// writeFor is how long a client may take to receive what is written.
	writeFor = 30 * time.Second
)

// ErrFull is the error of Open for a user who has MaxStreams.
var ErrFull = &chat.Error{Kind: chat.Full, Message: "you have too many streams: close some of them"}

// The kinds of signals. MailArrived has a tenant and logins as its key, MailChanged a tenant, a login, and the ids of a log and
// a message, separated by zero bytes.
const (
	MailArrived = "mail"
	MailChanged = "mail-changed"
	ended       = "stream-ended"
)

// Server has the streams of a node. It may be used concurrently.
type Server struct {
	opts    Options
	ids     *id.Generator
	cancels []func()

	mu      sync.Mutex
	streams map[chat.Identity]map[*stream]bool
	closed  bool
	running sync.WaitGroup
	kinds   map[id.ID]chat.RoomKind // of rooms, which never change
}

// New returns a Server. Close ends it.
func New(o Options) *Server {
	if o.Status == nil {
		o.Status = func(context.Context, chat.Tenant, chat.Person, chat.Status) error { return nil }
	}
	s := &Server{opts: o, ids: id.NewGenerator(o.Now), streams: map[chat.Identity]map[*stream]bool{}, kinds: map[id.ID]chat.RoomKind{}}
	s.cancels = []func(){
		o.Hub.OnSignal(MailArrived, s.arrived), o.Hub.OnSignal(MailChanged, s.changed), o.Hub.OnSignal(ended, s.ended)}
	return s
}

// of returns the streams of a user.
func (s *Server) of(who chat.Identity) []*stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*stream
	for st := range s.streams[who] {
		all = append(all, st)
	}
	return all
}

// some returns the streams that fit.
func (s *Server) some(fits func(auth.Login) bool) []*stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*stream
	for _, of := range s.streams {
		for st := range of {
			if fits(st.login) {
				all = append(all, st)
			}
		}
	}
	return all
}

func everybody(auth.Login) bool { return true }

// arrived wakes the streams of those whose mailboxes have something new; all of them if signals were missed.
func (s *Server) arrived(key string) {
	t, logins, _ := strings.Cut(key, "\x00")
	if key == "" {
		for _, st := range s.some(everybody) {
			st.wakeFor(func() { st.mail = true })
		}
		return
	}
	for login := range strings.SplitSeq(logins, "\x00") {
		for _, st := range s.of(chat.Identity{Tenant: chat.Tenant(t), Login: login}) {
			st.wakeFor(func() { st.mail = true })
		}
	}
}

// changed passes on that a message to a user was changed.
func (s *Server) changed(key string) {
	part := strings.Split(key, "\x00")
	if len(part) != 4 {
		return
	}
	log, err := id.Parse(part[2])
	if err != nil {
		return
	}
	m, err := id.Parse(part[3])
	if err != nil {
		return
	}
	for _, st := range s.of(chat.Identity{Tenant: chat.Tenant(part[0]), Login: part[1]}) {
		st.queue(event{kind: chat.DirectRoom, log: log, message: chat.Message{ID: m}, reread: true})
	}
}

// ChangedKey is the key of MailChanged.
func ChangedKey(log chat.Log, l chat.Letter) string {
	return strings.Join([]string{string(log.Tenant), l.Login, log.ID.String(), l.Message.String()}, "\x00")
}

// ArrivedKey is the key of MailArrived.
func ArrivedKey(t chat.Tenant, logins []string) string {
	return string(t) + "\x00" + strings.Join(logins, "\x00")
}

// End ends the streams of a user on all servers; with a device, only that of this name.
func (s *Server) End(who chat.Identity, device string, why Reason) { s.end(who, device, why, id.ID{}) }

// EndAll ends the streams of all users of a tenant on all servers.
func (s *Server) EndAll(t chat.Tenant, why Reason) { s.End(chat.Identity{Tenant: t}, "", why) }

// end tells all servers. Streams that are not older than before stay, unless it is zero.
func (s *Server) end(who chat.Identity, device string, why Reason, before id.ID) {
	s.opts.Hub.Signal(ended, strings.Join([]string{string(who.Tenant), who.Login, device, string(why), before.String()}, "\x00"))
}

func (s *Server) ended(key string) {
	part := strings.Split(key, "\x00")
	if len(part) != 5 {
		if key == "" { // signals were missed
			go guard.Run(s.opts.Log, "checking streams", func() { s.Recheck(context.Background(), everybody) })
		}
		return
	}
	before, _ := id.Parse(part[4])
	streams := s.of(chat.Identity{Tenant: chat.Tenant(part[0]), Login: part[1]})
	if part[1] == "" {
		streams = s.some(func(l auth.Login) bool { return l.Tenant == chat.Tenant(part[0]) })
	}
	for _, st := range streams {
		if part[2] != "" && st.device != part[2] || !before.IsZero() && st.id.Compare(before) >= 0 {
			continue
		}
		st.close(Reason(part[3]))
	}
}

// Recheck ends the streams that are not allowed any more, of those that fit.
func (s *Server) Recheck(ctx context.Context, fits func(auth.Login) bool) {
	g := guard.NewGroup()
	g.SetLimit(8)
	for _, st := range s.some(fits) {
		g.Go(func() error {
			why, until, err := s.check(ctx, st.login, st.appGone)
			if err == nil && why != "" {
				st.close(why)
			} else if err == nil {
				st.wakeFor(func() { st.until = until })
			}
			return nil
		})
	}
	_ = g.Wait()
}

// check returns why a session is not allowed any more.
func (s *Server) check(ctx context.Context, l auth.Login, gone func(context.Context) (bool, error)) (Reason, time.Time, error) {
	if gone != nil {
		if is, err := gone(ctx); err != nil || is {
			return Deleted, time.Time{}, err
		}
	}
	return s.opts.Check(ctx, l)
}

// enter adds a stream.
func (s *Server) enter(st *stream) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return chat.ErrUnavailable(errors.New("sse: the server is closing"))
	}
	if s.streams[st.who] == nil {
		s.streams[st.who] = map[*stream]bool{}
	}
	s.streams[st.who][st] = true
	s.running.Add(1)
	return nil
}

func (s *Server) leave(st *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if delete(s.streams[st.who], st); len(s.streams[st.who]) == 0 {
		delete(s.streams, st.who)
	}
	s.running.Done()
}

// kindOf returns the kind of a room.
func (s *Server) kindOf(ctx context.Context, t chat.Tenant, ref chat.RoomRef) (chat.RoomKind, error) {
	s.mu.Lock()
	k, ok := s.kinds[ref.ID]
	s.mu.Unlock()
	if ok {
		return k, nil
	}
	r, err := s.opts.Room(ctx, t, ref.Name)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.kinds) > 100_000 {
		clear(s.kinds)
	}
	s.kinds[ref.ID] = r.Settings.Kind
	return r.Settings.Kind, nil
}

// Drain asks the clients of all streams to come again in 1 to 10 seconds, and ends the streams. No stream begins after it.
func (s *Server) Drain() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	for _, st := range s.some(everybody) {
		st.wakeFor(func() { st.retry = time.Second + rand.N(9*time.Second) })
	}
	s.running.Wait()
}

// Close ends all streams.
func (s *Server) Close() {
	for _, cancel := range s.cancels {
		cancel()
	}
	s.Drain()
}
