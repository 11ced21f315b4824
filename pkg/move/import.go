package move

import (
	"context"
	"errors"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/files"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/inbox"
	"github.com/confab-chat/confab/pkg/jobs"
)

// Sink is what Import writes to; see pkg/chat and pkg/auth for the guarantees.
type Sink interface {
	Accounts
	Directory
	Rooms
	Readings
	History
	inbox.Store
}

// Accounts is the part of Sink that stores users and their data.
type Accounts interface {
	User(ctx context.Context, t chat.Tenant, login string) (chat.User, error)
	CreateUser(ctx context.Context, t chat.Tenant, u chat.User) error
	DeleteUser(ctx context.Context, t chat.Tenant, login string) error
	Roles(ctx context.Context, t chat.Tenant, login string) ([]string, error)
	GrantRole(ctx context.Context, t chat.Tenant, login, role string) error
	Token(ctx context.Context, h auth.Hash) (auth.APIToken, error)
	PutToken(ctx context.Context, a auth.APIToken) error
	Avatar(ctx context.Context, t chat.Tenant, login string) (chat.Avatar, error)
	SetAvatar(ctx context.Context, t chat.Tenant, login string, a chat.Avatar) error
	MarkErased(ctx context.Context, t chat.Tenant, login string) error
}

// Directory is the part of Sink that stores organisations, apps and their accounts, and the records of files.
type Directory = directory.Store

// Rooms is the part of Sink that stores rooms and their participants.
type Rooms interface {
	Room(ctx context.Context, t chat.Tenant, name string) (chat.Room, error)
	CreateRoom(ctx context.Context, t chat.Tenant, r chat.Room) error
	Footprints(ctx context.Context, t chat.Tenant, login string, after id.ID, limit int) ([]chat.RoomRef, error)
	AddFootprints(ctx context.Context, t chat.Tenant, r chat.RoomRef, logins []string) error
	Join(ctx context.Context, t chat.Tenant, r chat.Room, p chat.Person, since id.ID) (changed bool, err error)
	Leave(ctx context.Context, t chat.Tenant, r chat.Room, login string) (changed bool, err error)
	Participant(ctx context.Context, t chat.Tenant, room id.ID, login string) (chat.Person, error)
	SetListed(ctx context.Context, t chat.Tenant, r chat.RoomRef, list chat.RoomList, l chat.Listed) error
	OnLists(ctx context.Context, t chat.Tenant, room id.ID, login string) (map[chat.RoomList]chat.Listed, error)
	Job(ctx context.Context, r jobs.Ref) (jobs.Job, error)
}

// Readings is the part of Sink that stores what participants have read and muted.
type Readings interface {
	SetRead(ctx context.Context, t chat.Tenant, room id.ID, login string, to id.ID) error
	SetBack(ctx context.Context, t chat.Tenant, room id.ID, login string, b chat.Back) error
	SetMuted(ctx context.Context, t chat.Tenant, room id.ID, login string, muted bool) error
}

// History is the part of Sink that stores messages.
type History interface {
	chat.LogPlanner
	AppendBatch(ctx context.Context, l chat.Log, ms []chat.Message) error
	ChangeMessage(ctx context.Context, l chat.Log, m id.ID, decide func(chat.Message) (chat.Change, error)) (chat.Message, error)
	Newer(ctx context.Context, l chat.Log, than id.ID, inclusive bool, limit int) ([]chat.Message, error)
	MessagesByID(ctx context.Context, l chat.Log, ids []id.ID) (map[id.ID]chat.Message, error)
}

// ImportOptions configure Import.
type ImportOptions struct {
	// Files is where the bytes of files are, and are put. Without it a file with files cannot be imported.
	Files files.Bucket
	// Progress receives the number of bytes and lines read, occasionally, from one goroutine. May be nil.
	Progress func(bytes int64, read Counts)
}

const (
	// atOnce is how many writes of single rows run concurrently: they share the cost of syncing.
	atOnce = 32
	// batchMessages and batchBytes bound one batch; batches bounds how many batches are written concurrently.
	batchMessages = 500
	batchBytes    = 1 << 20
	batches       = 4
)

// Import writes the data of a file to a store, under the same ids. It does not change rows that exist already. A
// repeated import adds nothing, and completes an import that an error or a crash interrupted. Nothing is published to
// connected clients. Memory grows with the number of users who were erased here, and of those of one room, but not with the file.
//
// It does not undo what people have done here since the export:
//
//   - Users who were deleted here get no account, role, token or membership.
//
//   - Of users who were erased here nothing else arrives either. Their messages arrive deleted, without name and content.
//
//   - Users who left a room that exists here do not rejoin it. (Who has a footprint in the room and is no participant has
//     left. Footprints outlive a deleted room: when an import that restores such a room is interrupted among its
//     participants, the next one leaves those out who were in it before.)
//
//   - Files whose message is not here, or was deleted here, do not arrive. Nor do those that were removed here within the last
//     ten days, if the store is a Cassandra.
//
// Roles, tokens, reactions, entries of lists, organisations, apps and their accounts that were removed here are added anew: a store cannot distinguish them from those that
// an interrupted import did not reach. (A Cassandra takes organisations, apps and accounts anew ten days after they were removed; until then Import fails.)
//
// If the store does not answer for a minute, Import continues. It fails at a line that it does not know, and at a room,
// organisation, app or account whose name belongs to another one. It fails with ErrIncomplete if the file is cut off, and with another error if the
// file does not match its last line. The report counts what was done until then.
func Import(ctx context.Context, to Sink, r io.Reader, o ImportOptions) (Report, error) {
	start := time.Now()
	im := &importer{to: to, lines: newReader(r), withFiles: map[chat.Tenant]bool{},
		files: files.Restorer{Store: to, Bucket: o.Files, IDs: id.NewGenerator(nil), Now: time.Now, Try: patiently}}
	im.begin(ctx, "", atOnce)
	err := im.run(ctx, o)
	if fileErr := im.endFile(err); err == nil {
		err = fileErr
	}
	// A failed write is the cause of later errors, so it is returned.
	if workErr := im.work.Wait(); workErr != nil {
		err = workErr
	}
	if err == nil {
		err = im.recount(ctx)
	}
	report := im.done.report()
	report.Duration = time.Since(start)
	return report, err
}

type importer struct {
	to    Sink
	lines *reader
	done  results

	erased erased // users of the file who were erased here

	kind string          // of the lines that are being written
	work *errgroup.Group // the writes
	ctx  context.Context // of the writes

	held  *held       // a room that is not written yet; nil: none
	room  *roomImport // whose members, messages and changes are being read
	batch []chat.Message
	size  int // of batch, in bytes

	files     files.Restorer
	arriving  *arriving            // the file whose bytes are being read; nil: none
	withFiles map[chat.Tenant]bool // tenants with files in the file
}

func (im *importer) begin(ctx context.Context, kind string, limit int) {
	im.kind = kind
	im.work, im.ctx = errgroup.WithContext(ctx)
	im.work.SetLimit(limit)
}

func (im *importer) run(ctx context.Context, o ImportOptions) error {
	for {
		l, err := im.lines.next()
		if err != nil {
			if err := im.release(ctx); err != nil {
				return err
			}
			im.flush()
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := im.take(ctx, l); err != nil {
			return err
		}
		if o.Progress != nil && im.lines.number%pageRows == 0 {
			o.Progress(im.lines.bytes, im.lines.tally.Counts)
		}
	}
}

// take holds a line, or starts its writes.
func (im *importer) take(ctx context.Context, l line) error {
	if im.held != nil {
		belongs := l.Member != nil || l.Message != nil
		if belongs && im.held.add(l) {
			return nil
		}
		if err := im.release(ctx); err != nil || belongs {
			return err
		}
	}
	if l.Room != nil {
		if held, err := im.hold(ctx, l); err != nil || held {
			return err
		}
	}
	return im.start(ctx, l)
}

// start starts the writes of a line. Lines of one kind are written concurrently. Before another kind begins, start waits
// for all writes.
func (im *importer) start(ctx context.Context, l line) error {
	if l.Piece != nil {
		return im.bytes(l.Piece)
	}
	if err := im.endFile(nil); err != nil {
		return err
	}
	kind, limit := l.kind(), atOnce
	if l.Message != nil || l.Change != nil || l.File != nil {
		limit = batches
	}
	if kind != im.kind || kind == "room" || kind == "log" {
		im.flush()
		if err := im.work.Wait(); err != nil {
			return err
		}
		im.begin(ctx, kind, limit)
	}
	if err := im.ctx.Err(); err != nil {
		return chat.ErrUnavailable(err)
	}
	switch {
	case l.User != nil:
		im.concurrently(func(ctx context.Context) error { return im.user(ctx, l.User) })
	case l.Role != nil:
		im.concurrently(func(ctx context.Context) error { return im.role(ctx, *l.Role) })
	case l.Token != nil:
		a, err := l.Token.auth()
		if err != nil {
			return im.lines.at(err)
		}
		im.concurrently(func(ctx context.Context) error { return im.token(ctx, a) })
	case l.Entry != nil:
		im.concurrently(func(ctx context.Context) error { return im.entry(ctx, l.Entry) })
	case l.Room != nil:
		return patiently(ctx, func(ctx context.Context) error { return im.enter(ctx, l.Room) })
	case l.Member != nil:
		room := im.room
		im.concurrently(func(ctx context.Context) error { return im.member(ctx, room, l.Member) })
	case l.Listed != nil:
		room := im.room
		im.concurrently(func(ctx context.Context) error { return im.listed(ctx, room, l.Listed) })
	case l.Footprint != nil:
		f := l.Footprint
		im.concurrently(func(ctx context.Context) error {
			u, err := im.account(ctx, f.Tenant, f.Login)
			if err != nil || u.Erased {
				return err
			}
			return im.to.AddFootprints(ctx, f.Tenant, chat.RoomRef{ID: f.Room, Name: f.Name}, []string{f.Login})
		})
	case l.Log != nil:
		im.enterLog(l.Log)
	case l.Waiting != nil:
		im.concurrently(func(ctx context.Context) error { return im.waiting(ctx, l.Waiting) })
	case l.Message != nil:
		im.collect(l.Message.chat())
	case l.Change != nil:
		im.collect(l.Change.entry())
	case l.File != nil:
		return im.arrive(l.File)
	}
	return nil
}

// collect adds a message or the entry of a change to the batch of its kind.
func (im *importer) collect(m chat.Message) {
	im.batch = append(im.batch, m)
	if im.size += len(m.Content) + m.Payload.Bytes(); len(im.batch) >= batchMessages || im.size >= batchBytes {
		im.flush()
	}
}

// concurrently runs a write beside others. It waits while the maximum number is running.
func (im *importer) concurrently(write func(ctx context.Context) error) {
	ctx := im.ctx
	im.work.Go(func() error { return patiently(ctx, write) })
}

const (
	// tries is how often a write is tried while the store cannot answer. The pauses grow from firstPause, to a minute
	// and a half altogether.
	tries      = 11
	firstPause = 50 * time.Millisecond
	maxPause   = 30 * time.Second
)

// patiently repeats a write while the store is unavailable. Repeating a write is safe.
func patiently(ctx context.Context, write func(ctx context.Context) error) error {
	pause := firstPause
	for n := 1; ; n++ {
		err := write(ctx)
		if n == tries || !chat.IsKind(err, chat.Unavailable) || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
		pause = min(2*pause, maxPause)
	}
}

// flush starts the write of the messages or changes read so far.
func (im *importer) flush() {
	if len(im.batch) == 0 {
		return
	}
	room, ms, write := im.room, im.batch, im.messages
	if im.kind == "change" {
		write = im.entries
	}
	im.batch, im.size = nil, 0
	im.concurrently(func(ctx context.Context) error { return write(ctx, room, ms) })
}
