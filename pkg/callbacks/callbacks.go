// Package callbacks tells the servers of apps what happens there, by HTTP.
//
// An app has rules (Rule), each with the URL of a receiver. Whatever is accepted is an act (chat.Act), which the domain
// hands to the Service before it is done (Intend) and after. The Service makes a job of each act and rule before the act is
// done, so a crash loses none, and lets it run when the act was done. A job posts the event, signed, and is repeated after
// pauses. What was tried as often as the rule says is kept as a dead letter (Letter) for a week.
//
// What is guaranteed: an act that was answered with success is told at least once, with the same body each time, unless the
// rule is changed or deleted meanwhile. Events about one conversation, room or user go out in the order of their acts while
// no attempt fails. A rule has at most atOnce attempts under way, over all servers. A receiver that is slow delays neither
// the act nor other rules. A crash between the intent and the act may tell of something that was not done, if nobody can
// see whether it was. It can be seen of messages, recalls, and rooms that were made or deleted, not of accounts and of what
// else is done in rooms.
package callbacks

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/confab-chat/confab/pkg/cache"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/jobs"
	"github.com/confab-chat/confab/pkg/outbound"
	"github.com/confab-chat/confab/pkg/seal"
)

const (
	// atOnce is how many attempts of a rule run concurrently, workers how many of all rules on one server.
	atOnce  = 10
	workers = 256
	// maxWaiting is about how many events of a rule wait. What is more becomes a dead letter.
	maxWaiting = 100_000
	// cachedApps bounds the apps whose rules are cached.
	cachedApps = 10_000
	// loadFor bounds a read that several callers may wait for, changeFor a write that has begun.
	loadFor   = 5 * time.Second
	changeFor = 10 * time.Second
)

// The kinds of jobs.
const (
	deliverWork = "callback"
	tidyWork    = "callback-rule"
)

// Service has the rules of apps and delivers. All methods may be called concurrently. They return *chat.Error.
type Service struct {
	o      Options
	kept   directory.Sole[record]
	rules  *cache.Cache[chat.Tenant, compiled]
	failed failures

	mu    sync.Mutex
	swept map[chat.Tenant]time.Time // when the old dead letters of an app were removed
}

// Options are the parts of a Service.
type Options struct {
	Store   directory.Store
	Watcher *cache.Watcher
	Queue   *jobs.Queue
	Client  *outbound.Client
	Box     *seal.Box
	IDs     *id.Generator
	// DisableAfter is for how long all attempts of a rule have to fail until it is switched off.
	DisableAfter time.Duration
	// Done finds out whether an act was done; see chat.Service.Done.
	Done func(ctx context.Context, t chat.Tenant, a chat.Trace) (bool, error)
	// Payload returns the members "bodies" and "ext" of a message.
	Payload func(m chat.Message) (bodies, ext any, err error)
	Now     func() time.Time
	Log     *slog.Logger
}

// New returns a Service, and registers its jobs. Close ends it.
func New(o Options) *Service {
	s := &Service{o: o, kept: directory.Sole[record]{Store: o.Store, Name: "rules"}, failed: failures{since: map[id.ID]time.Time{}}, swept: map[chat.Tenant]time.Time{}}
	s.rules = cache.Of(cache.Options[chat.Tenant, compiled]{Watcher: o.Watcher, Now: o.Now, Size: cachedApps,
		Name: func(t chat.Tenant) string { return directory.Key(rulesSpace(t), directory.SoleID) },
		Load: s.load})
	o.Queue.RegisterClass(deliverWork, jobs.Class{Workers: workers, OfOne: atOnce, Waiting: maxWaiting, Order: orderOf}, s.deliver)
	o.Queue.Register(tidyWork, s.tidy)
	return s
}

// Close stops the background work.
func (s *Service) Close() { s.rules.Close() }

// The kinds of spaces of the directory; after them comes the tenant.
const (
	RuleSpaces   directory.Kind = "callbacks/"
	LetterSpaces directory.Kind = "deadletters/"
)

func rulesSpace(t chat.Tenant) string   { return string(RuleSpaces) + string(t) }
func lettersSpace(t chat.Tenant) string { return string(LetterSpaces) + string(t) }

// changing returns the context of a change that has begun. It goes on when its client hangs up.
func changing(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), changeFor)
}

func internal(err error) error { return &chat.Error{Kind: chat.Internal, Cause: err} }

func encode(v any) []byte {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		panic("callbacks: " + err.Error()) // all that is encoded is valid UTF-8
	}
	return b
}
