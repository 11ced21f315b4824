package chat

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/limit"
	"github.com/confab-chat/confab/pkg/picture"
)

// Hasher hashes passwords. Its errors are *Error; Unavailable if it has too much to do.
type Hasher interface {
	Hash(ctx context.Context, password string) (string, error)
}

// Stores is the storage that the service needs.
//
//nolint:interfacebloat // the sum of narrow ones
type Stores interface {
	UserStore
	RoomStore
	MembershipStore
	ListStore
	MessageStore
	ChangeStore
	DigestStore
	ReadStore
	AvatarStore
	RetentionStore
	IDStore
}

// writeTimeout bounds a change that has begun. The change continues when its client disconnects, because the client
// could not know the outcome.
const writeTimeout = 10 * time.Second

// Service has the use cases. All methods may be called concurrently. They return *Error. A method that fails has
// changed nothing, unless the kind is Unavailable: then the outcome is unknown, and the caller may safely repeat the
// call.
type Service struct {
	*Reader
	hasher Hasher
	limits *limit.Limits
	pub    Publisher
	ids    *id.Generator
	log    *slog.Logger
	order  *order
	// roomChanged and memberChanged make other nodes invalidate what they have cached.
	roomChanged, memberChanged func(key string)

	shared sharedReads

	importing sync.Mutex // see Import

	reads    *reads
	settling *settling
	pictures *picture.Decoder

	claimed chan struct{} // closed when all accounts have a claim; see claimLogins
	// passwordMin is the least length of a new password, in characters.
	passwordMin int
	signUp      SignUpMode
	invitations Invitations
	// seesEmail says who sees the e-mail addresses of others; nil: everybody. See Options.
	seesEmail func(ctx context.Context, who Identity) (bool, error)
	// accounts, blocks, mutes and files may be nil; see Options.
	files    Files
	accounts Accounts
	blocks   Blocks
	friends  Friends
	mutes    GlobalMutes
	mail     Mail // may be nil

	outbox  Outbox // may be nil
	jobs    Jobs
	index   RoomIndex
	quotas  Quotas // may be nil
	counts  limit.Counts
	stop    context.CancelFunc
	stopped sync.WaitGroup
}

// Options are the parts of a Service; only Reader is needed.
type Options struct {
	// Reader reads the store that the service writes to. The caller closes it.
	Reader *Reader
	Hasher Hasher
	// Limits, if set, bound how much a user may do. The caller closes them.
	Limits    *limit.Limits
	Publisher Publisher
	// RoomChanged and MemberChanged are called with the keys of the rooms and participants that other nodes must
	// invalidate, with ForgetRoom and ForgetMember.
	RoomChanged, MemberChanged func(key string)
	// Pictures decodes uploaded pictures; nil means one with the default of picture.NewDecoder.
	Pictures *picture.Decoder
	// PasswordMin is the least length of a new password, in characters; 0 means 1.
	PasswordMin int
	// SignUp says who may sign up; empty: everybody. InviteSignUp needs Invitations.
	SignUp      SignUpMode
	Invitations Invitations
	// SeesEmail, if set, says who may see the e-mail addresses of other users: administrators. Without it everybody may.
	SeesEmail func(ctx context.Context, who Identity) (bool, error)
	// Accounts, if set, finds the people of all tenants but DefaultTenant. Without it they are in the store.
	Accounts Accounts
	// Blocks and Mutes, if set, say who may not write to whom, and who may not post anywhere.
	Blocks Blocks
	// Friends, if set, says whom users of apps may send to that want that; see Addressed.
	Friends Friends
	Mutes   GlobalMutes
	// Files keeps the files that messages name. Without it they name none.
	Files Files
	// Mail, if set, brings messages to the mailboxes of accounts of apps.
	Mail Mail
	// Outbox, if set, keeps what the servers of apps are to be told of.
	Outbox Outbox
	// Jobs does what goes on after a call. Without it, deleted rooms leave their rows on disk, and new names may not reach all
	// rooms.
	Jobs Jobs
	// Index, if set, finds rooms in other ways than by their names.
	Index RoomIndex
	// Quotas, if set, says how many rooms tenants may have.
	Quotas Quotas
	IDs    *id.Generator
	Log    *slog.Logger
}

// NewService returns a running service. Close ends it.
func NewService(o Options) *Service {
	if o.IDs == nil {
		o.IDs = id.NewGenerator(o.Reader.now)
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.SignUp == "" {
		o.SignUp = OpenSignUp
	}
	if o.Pictures == nil {
		o.Pictures = picture.NewDecoder(0)
	}
	if o.Jobs == nil {
		o.Jobs = noJobs{}
	}
	if o.Index == nil {
		o.Index = noIndex{}
	}
	if o.Publisher == nil {
		o.Publisher = silent{}
	}
	if o.RoomChanged == nil {
		o.RoomChanged = func(string) {}
	}
	if o.MemberChanged == nil {
		o.MemberChanged = func(string) {}
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Service{
		Reader: o.Reader, hasher: o.Hasher, limits: o.Limits, pub: o.Publisher, ids: o.IDs, log: o.Log,
		order: newOrder(o.Publisher), roomChanged: o.RoomChanged, memberChanged: o.MemberChanged,
		reads: newReads(o.Reader.store, o.Log), settling: newSettling(ctx), pictures: o.Pictures,
		claimed: make(chan struct{}), passwordMin: o.PasswordMin, signUp: o.SignUp, invitations: o.Invitations, seesEmail: o.SeesEmail,
		files: o.Files, accounts: o.Accounts, blocks: o.Blocks, friends: o.Friends, mutes: o.Mutes, mail: o.Mail,
		outbox: o.Outbox, jobs: o.Jobs, index: o.Index, quotas: o.Quotas, stop: stop,
	}
	s.stopped.Go(func() { s.reads.keep(ctx) })
	s.stopped.Go(func() { guard.Keep(ctx, s.log, "claiming logins", s.claimLogins) })
	s.stopped.Go(func() {
		guard.Keep(ctx, s.log, "noting the newest id", func(ctx context.Context) { s.floors.noteIDs(ctx, s.log) })
	})
	return s
}

// Close ends the background work and waits for it.
func (s *Service) Close() {
	s.stop()
	s.settling.close()
	s.stopped.Wait()
}

// silent is the Publisher of a server that has no real time.
type silent struct{}

func (silent) Publish(context.Context, ...Event) {}
func (silent) Alone() bool                       { return true }
func (silent) Flush(context.Context)             {}

// changing returns the context of a change that has begun; see writeTimeout.
func changing(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
}

// speaksFor returns Forbidden if a request names another user than its sender. The error names neither: logins of apps are ids,
// which tell people nothing.
func speaksFor(who Identity, named *string) error {
	if named == nil || *named == who.Login {
		return nil
	}
	return ErrForbidden("you can act for yourself only: name your own user, or none")
}
