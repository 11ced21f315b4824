package irclog

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// Stores is what an import needs of a store; see pkg/chat for the guarantees.
type Stores interface {
	UserStore
	RoomStore
	HistoryStore
}

// UserStore stores the accounts of nicks.
type UserStore interface {
	CreateUser(ctx context.Context, t chat.Tenant, u chat.User) error
	User(ctx context.Context, t chat.Tenant, login string) (chat.User, error)
	UsersByLogin(ctx context.Context, t chat.Tenant, logins []string) (map[string]chat.User, error)
}

// RoomStore stores the room and its participants.
type RoomStore interface {
	CreateRoom(ctx context.Context, t chat.Tenant, r chat.Room) error
	Room(ctx context.Context, t chat.Tenant, name string) (chat.Room, error)
	Join(ctx context.Context, t chat.Tenant, r chat.Room, p chat.Person, since id.ID) (changed bool, err error)
	Leave(ctx context.Context, t chat.Tenant, r chat.Room, login string) (changed bool, err error)
	Participants(ctx context.Context, t chat.Tenant, room id.ID, after string, limit int) ([]chat.Person, error)
}

// HistoryStore stores the room's messages.
type HistoryStore interface {
	chat.LogPlanner
	AppendBatch(ctx context.Context, l chat.Log, ms []chat.Message) error
	AddFootprints(ctx context.Context, t chat.Tenant, r chat.RoomRef, logins []string) error
	Message(ctx context.Context, l chat.Log, m id.ID) (chat.Message, error)
	Newer(ctx context.Context, l chat.Log, than id.ID, inclusive bool, limit int) ([]chat.Message, error)
}

// Options say what to import into.
type Options struct {
	Tenant chat.Tenant // empty: the default one
	Room   string
	// Creator is the login of the creator, if the room has to be created. The account must exist. Empty: the first nick
	// of the first file is the creator.
	Creator string
	// Zone is the time zone of the files; nil: UTC. Doing an import again needs the same one.
	Zone *time.Location
	// Future lets messages be dated after tomorrow.
	Future bool
	// IDs makes the room's id.
	IDs *id.Generator
	// Now is the time that new accounts and the room are dated with; nil: time.Now.
	Now func() time.Time
	// Progress receives the progress of the import after each batch, from one goroutine. May be nil.
	Progress func(Progress)
}

// Progress is how far an import is.
type Progress struct {
	File     string // the one being read
	Files    int    // done
	Of       int
	Bytes    int64 // of the files that are done or found to be imported already
	OfBytes  int64
	Messages int // written so far
}

const (
	batchMessages = 500
	batchBytes    = 1 << 20
)

// Import reads logs into a room, in the order of their dates. It creates the room and accounts that are missing.
// Imported accounts have a password that never verifies. Nothing is published to connected clients.
//
// It may be repeated, also after an error: existing rows are neither written twice nor changed. The last message of a
// file is written after everything else of the file. A file whose last message exists is therefore done.
//
// If the room has no message newer than the newest file, Import also sets the participants among imported accounts.
// They are exactly those who were in the channel at the end of that file: they joined, spoke or took a new nick in it,
// and the file does not show them leave. Participants who signed up stay. If the room has a newer message, no
// participant is added or removed.
//
// Dates after tomorrow are refused, unless Options.Future is set, and so are files of which no line can be read.
//
// The error is a *chat.Error, or an error of the file system. The report counts what was done until then. Memory grows
// with the number of different nicks. For a new room it also grows by some bytes for each hour that has messages, and
// for each thousand messages.
func Import(ctx context.Context, stores Stores, o Options, files ...string) (Report, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Tenant == "" {
		o.Tenant = chat.DefaultTenant
	}
	start := time.Now()
	im := &importer{store: stores, o: o, people: people{
		store: stores, tenant: o.Tenant, now: o.Now().UTC().Truncate(time.Millisecond), byNick: map[string]chat.Person{},
	}}
	err := im.run(ctx, files)
	im.report.UsersCreated = im.people.created
	im.report.Nicks = len(im.people.byNick)
	for nick, p := range im.people.byNick {
		if p.Login != Login(nick) && p != chat.Erased {
			if im.report.OtherAccounts == nil {
				im.report.OtherAccounts = map[string]string{}
			}
			im.report.OtherAccounts[nick] = p.Login
		}
	}
	im.report.Duration = time.Since(start)
	return im.report, err
}

type importer struct {
	inRoom   *chat.Footprints // of everybody in the files
	store    Stores
	o        Options
	people   people
	room     chat.Room
	report   Report
	progress Progress
	readable int // lines that are no skipped ones
}

func (im *importer) run(ctx context.Context, paths []string) error {
	files, err := im.acceptable(paths)
	if err != nil {
		return err
	}
	im.progress.Of = len(files)
	for _, f := range files {
		im.progress.OfBytes += f.size
	}
	if err := im.openRoom(ctx, files); err != nil {
		return err
	}
	for i, f := range files {
		im.progress.File = f.name
		if err := im.file(ctx, f, i == len(files)-1); err != nil {
			return err
		}
		im.report.Files++
		im.progress.Files++
		im.progress.Bytes += f.size
		im.reportProgress()
	}
	return im.anyReadable(files)
}

// acceptable returns the files in their order, if an import of them can begin.
func (im *importer) acceptable(paths []string) ([]logFile, error) {
	if err := chat.Faulty(chat.RoomEntity, chat.NewRoom{Name: im.o.Room}.Validate()); err != nil {
		return nil, err
	}
	files, err := inOrder(paths, im.o.Zone)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if err := im.plausible(f.name, f.date); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// Check returns the error of an Import of which nothing can be written: that of the room's name, of the files' dates, or that
// no line can be read. It needs no store, so a caller can ask before it makes one.
func Check(o Options, paths ...string) error {
	if o.Now == nil {
		o.Now = time.Now
	}
	im := &importer{o: o}
	files, err := im.acceptable(paths)
	if err != nil {
		return err
	}
	for _, f := range files {
		if im.readable, err = f.readable(); err != nil || im.readable > 0 {
			return err
		}
	}
	return im.anyReadable(files)
}

// plausible refuses a date after tomorrow. A message that is ahead of its time stays its room's newest one.
func (im *importer) plausible(file string, date time.Time) error {
	zone := im.o.Zone
	if zone == nil {
		zone = time.UTC
	}
	y, m, d := im.o.Now().In(zone).Date()
	if im.o.Future || date.Before(time.Date(y, m, d+2, 0, 0, 0, 0, zone)) {
		return nil
	}
	return chat.ErrInvalid("the file %q has the date %s, which is after tomorrow: mend its name or its lines, or allow such dates (--allow-future)", file, date.Format(time.DateOnly))
}

// anyReadable returns an error if the files have lines and none of them can be read.
func (im *importer) anyReadable(files []logFile) error {
	size := int64(0)
	for _, f := range files {
		size += f.size
	}
	if im.readable > 0 || size == 0 {
		return nil
	}
	return chat.ErrInvalid("no line of the files can be read. The forms that are read are %s", Forms())
}

// overview reads a file quickly, and checks what it finds.
func (im *importer) overview(f logFile, room id.ID) (overview, error) {
	v, err := f.overview(im.o.Tenant, room)
	im.readable += v.readable
	if err == nil {
		err = im.plausible(f.name, v.newest)
	}
	return v, err
}

// inOrder checks all files before anything is written, and orders them by date.
func inOrder(paths []string, zone *time.Location) ([]logFile, error) {
	if len(paths) == 0 {
		return nil, chat.ErrInvalid("no files to import")
	}
	var files []logFile
	for _, p := range paths {
		date, err := DateOf(p)
		if err != nil {
			date, err = dateInside(p, err)
		}
		if err != nil {
			return nil, err
		}
		info, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			return nil, chat.ErrInvalid("%s is no regular file", p)
		}
		files = append(files, logFile{path: p, name: filepath.Base(p), date: date, zone: zone, size: info.Size()})
	}
	slices.SortStableFunc(files, func(a, b logFile) int {
		if c := a.date.Compare(b.date); c != 0 {
			return c
		}
		return strings.Compare(a.name, b.name)
	})
	return files, nil
}

// openRoom finds or makes the room.
func (im *importer) openRoom(ctx context.Context, files []logFile) error {
	t := im.o.Tenant
	room, err := im.store.Room(ctx, t, im.o.Room)
	if !chat.IsKind(err, chat.NotFound) {
		im.room = room
		return err
	}
	var creator chat.Person
	if im.o.Creator != "" {
		if creator, err = im.account(ctx, im.o.Creator); err != nil {
			return err
		}
	}
	firstNick, bins, err := im.survey(ctx, files)
	if err == nil {
		err = im.anyReadable(files)
	}
	if err != nil {
		return err
	}
	if im.o.Creator == "" {
		if creator, err = im.first(ctx, firstNick); err != nil {
			return err
		}
	}
	room = chat.Room{ID: im.o.IDs.New(), Name: im.o.Room, Creator: creator, CreatedAt: im.people.now}
	// Before the room exists, so that no other server knows its log yet.
	if err := im.store.PlanLog(ctx, room.Log(t), bins); err != nil {
		return err
	}
	err = im.store.CreateRoom(ctx, t, room)
	switch {
	case err == nil:
		im.report.RoomCreated = true
		im.room = room
		return nil
	case chat.IsKind(err, chat.Conflict): // another caller was faster
		im.room, err = im.store.Room(ctx, t, im.o.Room)
	}
	return err
}

// account returns the person of an account that exists.
func (im *importer) account(ctx context.Context, login string) (chat.Person, error) {
	u, err := im.store.User(ctx, im.o.Tenant, login)
	if err == nil && u.Deleted {
		err = chat.ErrNotFound(chat.UserEntity, login)
	}
	return u.Person, err
}

// survey reads all files for what the import needs before it creates the room.
func (im *importer) survey(ctx context.Context, files []logFile) (firstNick string, bins []chat.Bin, err error) {
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return "", nil, err
		}
		im.progress.File = f.name
		im.reportProgress()
		v, err := im.overview(f, id.ID{})
		if err != nil {
			return "", nil, err
		}
		if firstNick == "" {
			firstNick = v.firstNick
		}
		bins = append(bins, v.bins...)
	}
	return firstNick, bins, nil
}

// first creates, unless it exists, the account of the first nick of the files: the creator if Options.Creator is empty.
func (im *importer) first(ctx context.Context, nick string) (chat.Person, error) {
	if nick == "" {
		return chat.Person{}, chat.ErrInvalid("nobody appears in the files, so the room has no creator: name one")
	}
	err := im.people.meet(ctx, map[string]bool{nick: true})
	if err == nil && im.people.erased(nick) {
		err = chat.ErrInvalid("the first nick of the files is that of a user who was erased here: name another creator")
	}
	return im.people.byNick[nick], err
}

// file imports one file. A quick first reading finds its last message. If the room has that message, it has all others
// of the file too.
func (im *importer) file(ctx context.Context, f logFile, newest bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	v, err := im.overview(f, im.room.ID)
	if err != nil {
		return err
	}
	if v.last != nil {
		there, err := im.store.Message(ctx, im.room.Log(im.o.Tenant), v.last.ID)
		if err == nil && there.Content == v.last.Content {
			im.report.AlreadyThere++
			return nil
		}
		if err != nil && !chat.IsKind(err, chat.NotFound) {
			return err
		}
	}
	last, err := im.messages(ctx, f)
	if err != nil || last == nil {
		return err
	}
	if im.people.anyErased {
		// The file's last message may have been left out, so only now the one before it shows that all was imported.
		if _, err := im.store.Message(ctx, im.room.Log(im.o.Tenant), last.ID); !chat.IsKind(err, chat.NotFound) {
			return err
		}
	}
	if newest {
		if err := im.participants(ctx, last.ID, v.present); err != nil {
			return err
		}
	}
	return im.append(ctx, []chat.Message{*last})
}

// messages writes all messages of f but the last, which it returns.
func (im *importer) messages(ctx context.Context, f logFile) (last *chat.Message, err error) {
	h, err := f.open(im.o.Tenant, im.room.ID)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	b := batch{nicks: map[string]bool{}}
	for {
		e, m, err := h.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		im.report.Lines++
		im.report.count(e)
		if e.Kind == Skipped {
			im.report.skip(f.name, e)
			continue
		}
		b.add(e, *m)
		if len(b.messages) > batchMessages || b.bytes > batchBytes {
			if err := im.flush(ctx, &b); err != nil {
				return nil, err
			}
		}
	}
	im.report.Recoded += h.recoded
	im.report.Unformatted += h.formatted
	im.report.ClockSetBack += h.clock.steps
	if len(b.messages) == 0 {
		return nil, nil
	}
	if err := im.flush(ctx, &b); err != nil {
		return nil, err
	}
	if len(b.messages) == 0 {
		return nil, nil
	}
	return &b.messages[0], nil
}

// batch is messages that are not written yet, and the events that they are made of.
type batch struct {
	messages []chat.Message
	events   []Event
	bytes    int
	nicks    map[string]bool
}

func (b *batch) add(e Event, m chat.Message) {
	b.messages, b.events = append(b.messages, m), append(b.events, e)
	b.bytes += len(m.Content)
	if e.Nick != "" {
		b.nicks[e.Nick] = true
	}
	if e.NewNick != "" {
		b.nicks[e.NewNick] = true
	}
}

// keepLast leaves only the last message in b, if there is one. It makes new arrays, because a store may still refer to the
// old ones.
func (b *batch) keepLast() {
	messages, events := b.messages, b.events
	b.messages, b.events, b.bytes = make([]chat.Message, 0, batchMessages+1), make([]Event, 0, batchMessages+1), 0
	clear(b.nicks)
	if n := len(messages) - 1; n >= 0 {
		b.messages, b.events = append(b.messages, messages[n]), append(b.events, events[n])
		b.bytes = len(messages[n].Content)
	}
}

// flush writes all of b but the last message, which stays in it, and makes the accounts of all.
func (im *importer) flush(ctx context.Context, b *batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := im.people.meet(ctx, b.nicks); err != nil {
		return err
	}
	if err := im.footprints(ctx, b.nicks); err != nil {
		return err
	}
	im.dropErased(b)
	for i := range b.messages {
		im.attribute(&b.messages[i], b.events[i])
	}
	if n := len(b.messages) - 1; n > 0 {
		if err := im.append(ctx, b.messages[:n]); err != nil {
			return err
		}
	}
	b.keepLast()
	im.reportProgress()
	return nil
}

// dropErased removes what erased users said, and their names from system messages.
func (im *importer) dropErased(b *batch) {
	messages, events := b.messages[:0], b.events[:0]
	for i, m := range b.messages {
		e := b.events[i]
		if im.people.erased(e.Nick) {
			if !m.System {
				im.report.skip(im.progress.File, Event{Line: e.Line, Reason: Erased})
				continue
			}
			e.Nick = chat.Erased.FullName()
		}
		if im.people.erased(e.NewNick) {
			e.NewNick = chat.Erased.FullName()
		}
		if e != b.events[i] {
			m.Content = messageOf(e).Content
		}
		messages, events = append(messages, m), append(events, e)
	}
	b.messages, b.events = messages, events
}

// footprints records the footprints of some nicks.
func (im *importer) footprints(ctx context.Context, nicks map[string]bool) error {
	logins := map[string]bool{}
	for n := range nicks {
		if !im.people.erased(n) {
			logins[im.people.byNick[n].Login] = true
		}
	}
	if im.inRoom == nil {
		im.inRoom = chat.NewFootprints(im.store, im.o.Tenant, im.room.Ref())
	}
	return im.inRoom.Add(ctx, logins)
}

// attribute sets the author of a message, or the subject of a system message.
func (im *importer) attribute(m *chat.Message, e Event) {
	p := im.people.byNick[e.Nick]
	switch {
	case !m.System:
		m.Author = p
	case e.Kind == Join || e.Kind == Leave:
		m.Subject = p.Login
	}
}

func (im *importer) append(ctx context.Context, ms []chat.Message) error {
	err := im.store.AppendBatch(ctx, im.room.Log(im.o.Tenant), ms)
	if err == nil {
		im.report.Messages += len(ms)
		im.progress.Messages += len(ms)
	}
	return err
}

func (im *importer) reportProgress() {
	if im.o.Progress != nil {
		im.o.Progress(im.progress)
	}
}
