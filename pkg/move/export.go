package move

import (
	"bufio"
	"context"
	"io"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/sync/errgroup"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/files"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/inbox"
	"github.com/confab-chat/confab/pkg/jobs"
	"github.com/confab-chat/confab/pkg/people"
	"github.com/confab-chat/confab/pkg/tenant"
)

// Source is what Export reads; see pkg/chat and pkg/auth for the guarantees.
//
//nolint:interfacebloat // all that is exported
type Source interface {
	chat.Inventory
	auth.Inventory
	inbox.Store
	tenant.Inventory
	Entry(ctx context.Context, space string, u id.ID) (directory.Entry, error)
	EntryNamed(ctx context.Context, space, name string) (directory.Entry, error)
	Entries(ctx context.Context, space string, after id.ID, limit int) ([]directory.Entry, error)
	Room(ctx context.Context, t chat.Tenant, name string) (chat.Room, error)
	Participant(ctx context.Context, t chat.Tenant, room id.ID, login string) (chat.Person, error)
	Participants(ctx context.Context, t chat.Tenant, room id.ID, after string, limit int) ([]chat.Person, error)
	Members(ctx context.Context, t chat.Tenant, room id.ID, from id.ID, newest bool, limit int) ([]chat.Member, error)
	Listed(ctx context.Context, t chat.Tenant, room id.ID, list chat.RoomList, after string, limit int) ([]chat.Listed, error)
	Newer(ctx context.Context, l chat.Log, than id.ID, inclusive bool, limit int) ([]chat.Message, error)
	People
	Work
}

// People is the part of Source that reads accounts and their data.
type People interface {
	UsersByLogin(ctx context.Context, t chat.Tenant, logins []string) (map[string]chat.User, error)
	Readings(ctx context.Context, t chat.Tenant, login string, rooms []id.ID) (map[id.ID]chat.Reading, error)
	Avatar(ctx context.Context, t chat.Tenant, login string) (chat.Avatar, error)
}

// Work is the part of Source that says what a store has still to do.
type Work interface {
	InheritedRenames(ctx context.Context, limit int) ([]chat.Identity, error)
	EachJob(ctx context.Context, visit func(jobs.Job) error) error
}

// ExportOptions say what to export.
type ExportOptions struct {
	// Room is the name of the only room to export, with the accounts of its creator and participants. It is a room of
	// the given tenant, or else of the default one. Empty: everything is exported.
	Room   string
	Tenant chat.Tenant
	// Files is where the bytes of the files are that people sent; nil: they stay there, and the export has the records alone.
	Files files.Bucket
	// Lost receives each file that is left out because its bytes are not there. May be nil.
	Lost func(files.File)
	// Now is the time that the header names; nil: time.Now.
	Now func() time.Time
	// Progress receives what has been written so far, occasionally, from one goroutine. May be nil.
	Progress func(Counts)
}

// pageRows is how many rows are read at a time.
const pageRows = 500

// Export writes the data of a store, or of one room. Its memory does not grow with the data. A change that is made
// meanwhile may or may not be in the file; a room that is deleted meanwhile may be in it in part. A file without its
// last line is incomplete, and Import rejects it.
func Export(ctx context.Context, w io.Writer, from Source, o ExportOptions) (Counts, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Tenant == "" {
		o.Tenant = chat.DefaultTenant
	}
	if o.Progress == nil {
		o.Progress = func(Counts) {}
	}
	if o.Lost == nil {
		o.Lost = func(files.File) {}
	}
	x := &exporter{from: from, o: o, w: bufio.NewWriterSize(w, 1<<20), tally: newTally(), known: map[chat.Identity]bool{}}
	if err := x.readRenames(ctx); err != nil {
		return x.tally.Counts, err
	}
	if err := x.write(line{Header: &header{Version: Version, ExportedAt: o.Now().UTC().Truncate(time.Second), Room: o.Room}}); err != nil {
		return x.tally.Counts, err
	}
	what := x.everything
	if o.Room != "" {
		what = x.oneRoom
	}
	if err := what(ctx); err != nil {
		return x.tally.Counts, err
	}
	if err := x.write(line{End: x.tally.end()}); err != nil {
		return x.tally.Counts, err
	}
	return x.tally.Counts, x.w.Flush()
}

type exporter struct {
	from    Source
	o       ExportOptions
	w       *bufio.Writer
	tally   *tally
	known   map[chat.Identity]bool // see exists
	apps    []appLog
	renamed map[chat.Identity]chat.Person // see readRenames
	piece   []byte                        // of a file
}

func (x *exporter) write(l line) error {
	b, err := json.Marshal(l)
	if err != nil {
		return err
	}
	x.tally.add(l, b)
	if _, err := x.w.Write(b); err != nil {
		return err
	}
	return x.w.WriteByte('\n')
}

func (x *exporter) everything(ctx context.Context) error {
	// One page of accounts of one tenant at a time: their pictures are read concurrently.
	var of chat.Tenant
	var page []chat.User
	flush := func() error {
		defer func() { page = page[:0] }()
		x.o.Progress(x.tally.Counts)
		return x.userPage(ctx, of, page)
	}
	err := x.from.EachUser(ctx, func(t chat.Tenant, u chat.User) error {
		if t != of || len(page) == pageRows {
			if err := flush(); err != nil {
				return err
			}
		}
		of, page = t, append(page, u)
		return nil
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return err
	}
	err = x.from.EachRole(ctx, func(t chat.Tenant, login, name string) error {
		return x.write(line{Role: &role{Tenant: t, Login: login, Role: name}})
	})
	if err != nil {
		return err
	}
	err = x.from.EachToken(ctx, func(a auth.APIToken) error { return x.token(ctx, a) })
	if err != nil {
		return err
	}
	movable, err := tenant.Movable(ctx, x.from)
	if err != nil {
		return err
	}
	if err := x.entries(ctx, movable); err != nil {
		return err
	}
	err = x.from.EachRoom(ctx, func(t chat.Tenant, r chat.Room) error { return x.room(ctx, t, r) })
	if err != nil {
		return err
	}
	if err := x.appLogs(ctx); err != nil {
		return err
	}
	if err := x.mailboxes(ctx); err != nil {
		return err
	}
	if err := x.footprints(ctx, func(chat.Tenant, id.ID) bool { return true }); err != nil {
		return err
	}
	return x.files(ctx, movable)
}

// entries writes organisations, apps, their accounts and what people have to do with each other. What belongs to deleted ones, and is being removed, is left out.
func (x *exporter) entries(ctx context.Context, movable func(directory.Entry) bool) error {
	return x.from.EachEntry(ctx, func(e directory.Entry) error {
		if !movable(e) || files.IsRecord(e) { // files come last: see files
			return nil
		}
		for _, who := range people.Of(e) {
			if there, err := x.exists(ctx, who); err != nil || !there {
				return err
			}
		}
		if app, ok := tenant.AppOf(e); ok {
			x.apps = append(x.apps, appLog{Tenant: app.Tenant(), ID: app.ID})
		}
		return x.write(line{Entry: entryOf(e)})
	})
}

// mostKnown bounds the people of whom an export knows whether they exist.
const mostKnown = 100_000

// exists reports whether there is an account.
func (x *exporter) exists(ctx context.Context, who chat.Identity) (there bool, err error) {
	if there, ok := x.known[who]; ok {
		return there, nil
	}
	if who.Tenant == chat.DefaultTenant {
		var users map[string]chat.User
		users, err = x.from.UsersByLogin(ctx, who.Tenant, []string{who.Login})
		_, there = users[who.Login]
	} else {
		there, err = account.Exists(ctx, x.from, who)
	}
	if len(x.known) >= mostKnown {
		clear(x.known)
	}
	x.known[who] = there
	return there, err
}

func (x *exporter) footprints(ctx context.Context, wanted func(chat.Tenant, id.ID) bool) error {
	return x.from.EachFootprint(ctx, func(t chat.Tenant, login string, r chat.RoomRef) error {
		if !wanted(t, r.ID) {
			return nil
		}
		return x.write(line{Footprint: &footprint{Tenant: t, Login: login, Room: r.ID, Name: r.Name}})
	})
}

// token writes a token that is good. Accounts are written without their epochs, so a token must not come back to life that an
// epoch has ended. Tokens of apps and of their users are left out: they end soon, and clients get new ones.
func (x *exporter) token(ctx context.Context, a auth.APIToken) error {
	if a.Kind != auth.SettingsToken && a.Kind != auth.PersonalToken {
		return nil
	}
	if a.Bound {
		users, err := x.from.UsersByLogin(ctx, a.Tenant, []string{a.Login})
		if err != nil {
			return err
		}
		if u, ok := users[a.Login]; !ok || u.Epoch != a.Epoch {
			return nil
		}
		a.Epoch = ""
	}
	return x.write(line{Token: tokenOf(a)})
}

// oneRoom writes a room after the accounts it needs.
func (x *exporter) oneRoom(ctx context.Context) error {
	t := x.o.Tenant
	r, err := x.from.Room(ctx, t, x.o.Room)
	if err != nil {
		return err
	}
	creatorIn := false
	err = x.eachParticipant(ctx, t, r, func(ps []chat.Person) error {
		logins := make([]string, len(ps))
		for i, p := range ps {
			logins[i] = p.Login
			creatorIn = creatorIn || p.Login == r.Creator.Login
		}
		return x.users(ctx, t, logins)
	})
	if err != nil {
		return err
	}
	if !creatorIn {
		if err := x.users(ctx, t, []string{r.Creator.Login}); err != nil {
			return err
		}
	}
	if err := x.room(ctx, t, r); err != nil {
		return err
	}
	if err := x.footprints(ctx, func(of chat.Tenant, room id.ID) bool { return of == t && room == r.ID }); err != nil {
		return err
	}
	return x.filesOf(ctx, t, r.ID)
}

// users writes the accounts of logins, in their order. It omits logins without an account.
func (x *exporter) users(ctx context.Context, t chat.Tenant, logins []string) error {
	found, err := x.from.UsersByLogin(ctx, t, logins)
	if err != nil {
		return err
	}
	page := make([]chat.User, 0, len(found))
	for _, login := range logins {
		if u, ok := found[login]; ok {
			page = append(page, u)
		}
	}
	return x.userPage(ctx, t, page)
}

// userPage writes accounts of a tenant with their pictures.
func (x *exporter) userPage(ctx context.Context, t chat.Tenant, page []chat.User) error {
	avatars := make([]*avatar, len(page))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i, u := range page {
		if u.Deleted {
			continue
		}
		g.Go(func() error {
			a, err := x.from.Avatar(gctx, t, u.Login)
			if chat.IsKind(err, chat.NotFound) {
				return nil
			}
			avatars[i] = &avatar{Type: a.Type, Data: a.Data}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, u := range page {
		l := userOf(t, u)
		l.Avatar = avatars[i]
		if err := x.write(line{User: l}); err != nil {
			return err
		}
	}
	return nil
}

// maxRenames bounds the renames that are read.
const maxRenames = 100_000

// readRenames reads the renames that rooms do not show yet. The file has no renames: its rooms show the new names.
func (x *exporter) readRenames(ctx context.Context) error {
	all, err := x.from.InheritedRenames(ctx, maxRenames)
	if err != nil {
		return err
	}
	err = x.from.EachJob(ctx, func(j jobs.Job) error {
		if j.Kind == chat.RenameWork && len(all) < 2*maxRenames {
			all = append(all, chat.Identity{Tenant: j.Tenant, Login: j.Key})
		}
		return nil
	})
	if err != nil {
		return err
	}
	x.renamed = make(map[chat.Identity]chat.Person, len(all))
	for _, r := range all {
		found, err := x.from.UsersByLogin(ctx, r.Tenant, []string{r.Login})
		if err != nil {
			return err
		}
		if u, ok := found[r.Login]; ok {
			x.renamed[r] = u.Person
		}
	}
	return nil
}

// named returns a person with the present names.
func (x *exporter) named(t chat.Tenant, p chat.Person) chat.Person {
	if now, ok := x.renamed[chat.Identity{Tenant: t, Login: p.Login}]; ok {
		return now
	}
	return p
}

func (x *exporter) room(ctx context.Context, t chat.Tenant, r chat.Room) error {
	_, err := x.from.Participant(ctx, t, r.ID, r.Creator.Login)
	left := chat.IsKind(err, chat.NotFound)
	if err != nil && !left {
		return err
	}
	if !left {
		r.Creator = x.named(t, r.Creator)
	}
	if err := x.write(line{Room: roomOf(t, r, left)}); err != nil {
		return err
	}
	since, err := x.since(ctx, t, r)
	if err != nil {
		return err
	}
	err = x.eachParticipant(ctx, t, r, func(ps []chat.Person) error {
		readings := make([]chat.Reading, len(ps))
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(atOnce)
		for i, p := range ps {
			g.Go(func() error {
				found, err := x.from.Readings(gctx, t, p.Login, []id.ID{r.ID})
				readings[i] = found[r.ID]
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
		for i, p := range ps {
			if err := x.write(line{Member: memberOf(x.named(t, p), since[p.Login], readings[i])}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = x.eachOf(ctx, r.Log(t), func(m chat.Message) error { return x.write(line{Message: messageOf(m)}) })
	if err != nil {
		return err
	}
	err = x.eachOf(ctx, chat.ChangesOf(r.Log(t)), func(entry chat.Message) error {
		c, ok := changeOf(entry)
		if !ok || madeUp(c) {
			return nil
		}
		return x.write(line{Change: c})
	})
	if err != nil {
		return err
	}
	return x.lists(ctx, t, r)
}

// since returns when the participants of a room joined, by login.
func (x *exporter) since(ctx context.Context, t chat.Tenant, r chat.Room) (map[string]id.ID, error) {
	since := map[string]id.ID{}
	for from := (id.ID{}); ; {
		ms, err := x.from.Members(ctx, t, r.ID, from, false, pageRows)
		if err != nil {
			return nil, err
		}
		for _, m := range ms {
			since[m.Login], from = m.Since, m.Since
		}
		if len(ms) < pageRows {
			return since, nil
		}
	}
}

// lists writes the lists of a room.
func (x *exporter) lists(ctx context.Context, t chat.Tenant, r chat.Room) error {
	for _, list := range chat.RoomLists {
		for after := ""; ; {
			page, err := x.from.Listed(ctx, t, r.ID, list, after, pageRows)
			if err != nil {
				return err
			}
			for _, l := range page {
				if err := x.write(line{Listed: listedOf(list, l)}); err != nil {
					return err
				}
				after = l.Login
			}
			if len(page) < pageRows {
				break
			}
		}
	}
	return nil
}

// eachOf visits all entries of a log, oldest first.
func (x *exporter) eachOf(ctx context.Context, l chat.Log, visit func(chat.Message) error) error {
	for at, inclusive := id.Min, true; ; inclusive = false {
		ms, err := x.from.Newer(ctx, l, at, inclusive, pageRows)
		if err != nil {
			return err
		}
		for _, m := range ms {
			if err := visit(m); err != nil {
				return err
			}
		}
		x.o.Progress(x.tally.Counts)
		if chat.AtEnd(ms, pageRows) {
			return nil
		}
		at = ms[len(ms)-1].ID
	}
}

func (x *exporter) eachParticipant(ctx context.Context, t chat.Tenant, r chat.Room, visit func([]chat.Person) error) error {
	for after := ""; ; {
		ps, err := x.from.Participants(ctx, t, r.ID, after, pageRows)
		if err != nil {
			return err
		}
		if err := visit(ps); err != nil {
			return err
		}
		if len(ps) < pageRows {
			return nil
		}
		after = ps[len(ps)-1].Login
	}
}
