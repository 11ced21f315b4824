package storetest

import (
	"context"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/audit"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/inbox"
	"github.com/confab-chat/confab/pkg/jobs"
	"github.com/confab-chat/confab/pkg/nodes"
	"github.com/confab-chat/confab/pkg/store"
)

// RunLifecycle checks the behaviour of a store when it is closed. open returns a store that no other test uses. The
// store may be closed already when its owner closes it.
func RunLifecycle(t *testing.T, open func(t *testing.T) store.Store) {
	t.Run("closed answers Unavailable", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t, open(t))
		r := e.newRoom("games")
		require.NoError(t, e.s.Ping(e.ctx))
		require.NoError(t, e.s.Close())
		for name, call := range e.calls(r) {
			require.True(t, chat.IsKind(call(e.ctx), chat.Unavailable), name)
		}
		require.NoError(t, e.s.Close(), "closing twice")
	})
	t.Run("closing waits for calls under way", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t, open(t))
		l := e.newLog()
		var wg sync.WaitGroup
		running := make(chan struct{}, racers)
		for range racers {
			wg.Go(func() {
				for n := 0; ; n++ {
					err := e.s.Append(e.ctx, l, e.message("x"))
					if n == 0 {
						running <- struct{}{}
					}
					if err != nil {
						if !chat.IsKind(err, chat.Unavailable) {
							e.Errorf("neither done nor Unavailable: %v", err)
						}
						return
					}
				}
			})
		}
		for range racers {
			<-running
		}
		require.NoError(t, e.s.Close())
		wg.Wait()
	})
}

var contextTests = map[string]func(*env){
	"every method is tried": func(e *env) {
		calls := e.calls(e.newRoom("games"))
		for m := range reflect.TypeFor[store.Store]().Methods() {
			switch m.Name {
			case "Close", "Shared", "JobTime", "OnAnnounce": // they take no context
				continue
			}
			require.Contains(e, calls, m.Name)
		}
	},
	"a context that has ended is an error": func(e *env) {
		r := e.newRoom("games")
		cancelled, cancel := context.WithCancel(e.ctx)
		cancel()
		late, cancel := context.WithDeadline(e.ctx, time.Now().Add(-time.Second))
		defer cancel()
		for name, call := range e.calls(r) {
			for _, ctx := range []context.Context{cancelled, late} {
				require.True(e, chat.IsKind(call(ctx), chat.Unavailable), "%s: %v", name, call(ctx))
			}
		}
		e.showsRoom(r) // nothing was done
		e.holds(r.Log(e.tenant))
	},
	"ping": func(e *env) { require.NoError(e, e.s.Ping(e.ctx)) },
}

// calls is each method that takes a context, called once, by name.
func (e *env) calls(r chat.Room) map[string]func(context.Context) error {
	s, t, l := e.s, e.tenant, r.Log(e.tenant)
	h := newHash()
	sweep := chat.Sweep{Tenant: t, Room: r.Ref(), DeletedAt: time.Now()}
	entry := e.entry("u", "")
	session, remembered, token := e.session("u", far), e.remembered("u", far), e.token("u", far)
	m := e.message("x")
	type ctx = context.Context
	return map[string]func(ctx) error{
		"Beat":             func(c ctx) error { return s.Beat(c, string(t), 1) },
		"Beats":            func(c ctx) error { return second(s.Beats(c)) },
		"CreateUser":       func(c ctx) error { return s.CreateUser(c, t, user("u")) },
		"Inbox":            func(c ctx) error { return second(s.Inbox(c, e.box("u"))) },
		"ReplaceInbox":     func(c ctx) error { return second(s.ReplaceInbox(c, e.box("u"), inbox.Cell{Value: []byte("x")})) },
		"RemoveInbox":      func(c ctx) error { return s.RemoveInbox(c, e.box("u")) },
		"EachInbox":        func(c ctx) error { return s.EachInbox(c, func(chat.Identity) error { return nil }) },
		"InboxPages":       func(c ctx) error { return second(s.InboxPages(c, e.box("u"), 0, 1)) },
		"ReplaceInboxPage": func(c ctx) error { return second(s.ReplaceInboxPage(c, e.box("u"), inbox.Cell{Value: []byte("x")})) },
		"RemoveInboxPages": func(c ctx) error { return s.RemoveInboxPages(c, e.box("u"), 0, 1) },
		"NoteInbox":        func(c ctx) error { return s.NoteInbox(c, e.box("u"), []inbox.Note{{Message: m.ID}}) },
		"InboxNotes":       func(c ctx) error { return second(s.InboxNotes(c, e.box("u"), []id.ID{m.ID})) },
		"RemoveInboxNotes": func(c ctx) error { return s.RemoveInboxNotes(c, e.box("u"), m.ID, m.ID) },
		"ClaimLogin":       func(c ctx) error { return second(s.ClaimLogin(c, t, "U")) },
		"LoginClaimed":     func(c ctx) error { return second(s.LoginClaimed(c, t, "U")) },
		"User":             func(c ctx) error { return second(s.User(c, t, "u")) },
		"UsersByLogin":     func(c ctx) error { return second(s.UsersByLogin(c, t, []string{"u"})) },
		"Users":            func(c ctx) error { return second(s.Users(c, t, "", 1)) },
		"UpdateProfile":    func(c ctx) error { return s.UpdateProfile(c, t, user("u"), nil) },
		"SetPasswordHash":  func(c ctx) error { return s.SetPasswordHash(c, t, "u", "x", "e") },
		"EndLogins":        func(c ctx) error { return s.EndLogins(c, t, "u", "e", nil) },
		"Rehash":           func(c ctx) error { return s.Rehash(c, t, "u", "x", "y") },
		"DeleteUser":       func(c ctx) error { return s.DeleteUser(c, t, "u") },
		"CreateRoom":       func(c ctx) error { return s.CreateRoom(c, t, e.room("new")) },
		"Room":             func(c ctx) error { return second(s.Room(c, t, r.Name)) },
		"RoomsByName":      func(c ctx) error { return second(s.RoomsByName(c, t, []string{r.Name})) },
		"Rooms":            func(c ctx) error { return second(s.Rooms(c, t, "", 1)) },
		"SetBanner":        func(c ctx) error { return s.SetBanner(c, t, r.Ref(), nil, nil) },
		"RenameCreator":    func(c ctx) error { return s.RenameCreator(c, t, r.Ref(), r.Creator) },
		"ChangeSettings": func(c ctx) error {
			return second(s.ChangeSettings(c, t, r.Ref(), func(*chat.RoomSettings) error { return nil }))
		},
		"SetListed": func(c ctx) error {
			return s.SetListed(c, t, r.Ref(), chat.MuteList, chat.Listed{Login: "u", At: e.ids.New()})
		},
		"Unlist":              func(c ctx) error { return second(s.Unlist(c, t, r.ID, chat.MuteList, "u")) },
		"OnLists":             func(c ctx) error { return second(s.OnLists(c, t, r.ID, "u")) },
		"Listed":              func(c ctx) error { return second(s.Listed(c, t, r.ID, chat.MuteList, "", 1)) },
		"ListedIn":            func(c ctx) error { return second(s.ListedIn(c, t, "u", chat.InviteList, id.ID{}, 1)) },
		"JoinAll":             func(c ctx) error { return second(s.JoinAll(c, t, r, []chat.Person{person("u")}, e.ids.New)) },
		"Members":             func(c ctx) error { return second(s.Members(c, t, r.ID, id.ID{}, true, 1)) },
		"RoomsByJoining":      func(c ctx) error { return second(s.RoomsByJoining(c, t, "creator", id.ID{}, 1)) },
		"DeleteRoom":          func(c ctx) error { return s.DeleteRoom(c, t, r) },
		"Join":                func(c ctx) error { return second(s.Join(c, t, r, person("u"), e.ids.New())) },
		"Leave":               func(c ctx) error { return second(s.Leave(c, t, r, "creator")) },
		"Participant":         func(c ctx) error { return second(s.Participant(c, t, r.ID, "creator")) },
		"Participants":        func(c ctx) error { return second(s.Participants(c, t, r.ID, "", 1)) },
		"CountParticipants":   func(c ctx) error { return second(s.CountParticipants(c, t, []chat.Room{r}, 1)) },
		"ParticipantsOf":      func(c ctx) error { return second(s.ParticipantsOf(c, t, []id.ID{r.ID}, 1)) },
		"RoomsOf":             func(c ctx) error { return second(s.RoomsOf(c, t, "creator", "", 1)) },
		"UpdateParticipant":   func(c ctx) error { return s.UpdateParticipant(c, t, r.ID, person("creator")) },
		"Append":              func(c ctx) error { return s.Append(c, l, m) },
		"AppendBatch":         func(c ctx) error { return s.AppendBatch(c, l, []chat.Message{m}) },
		"AppendBatch of none": func(c ctx) error { return s.AppendBatch(c, l, nil) },
		"PlanLog":             func(c ctx) error { return s.PlanLog(c, l, []chat.Bin{{From: time.UnixMilli(0), Messages: 1}}) },
		"AppendOnce": func(c ctx) error {
			_, _, err := s.AppendOnce(c, l, "k", m, id.ID{})
			return err
		},
		"Message":          func(c ctx) error { return second(s.Message(c, l, m.ID)) },
		"Older":            func(c ctx) error { return second(s.Older(c, l, id.Max, 1)) },
		"Newer":            func(c ctx) error { return second(s.Newer(c, l, id.Min, true, 1)) },
		"SweepRoom":        func(c ctx) error { return s.SweepRoom(c, sweep, nil) },
		"EndSweep":         func(c ctx) error { return s.EndSweep(c, sweep) },
		"PutSession":       func(c ctx) error { return s.PutSession(c, session) },
		"Session":          func(c ctx) error { return second(s.Session(c, h)) },
		"ExtendSession":    func(c ctx) error { return s.ExtendSession(c, h, far) },
		"DeleteSession":    func(c ctx) error { return s.DeleteSession(c, h) },
		"SessionsOf":       func(c ctx) error { return second(s.SessionsOf(c, t, "u", 1)) },
		"CreateRemembered": func(c ctx) error { return s.CreateRemembered(c, remembered) },
		"Remembered":       func(c ctx) error { return second(s.Remembered(c, h)) },
		"Rotate":           func(c ctx) error { return second(s.Rotate(c, auth.Hash{}, remembered)) },
		"DeleteRemembered": func(c ctx) error { return s.DeleteRemembered(c, h) },
		"RememberedOf":     func(c ctx) error { return second(s.RememberedOf(c, t, "u", 1)) },
		"PutToken":         func(c ctx) error { return s.PutToken(c, token) },
		"Token":            func(c ctx) error { return second(s.Token(c, h)) },
		"DeleteToken":      func(c ctx) error { return s.DeleteToken(c, h) },
		"TokensOf":         func(c ctx) error { return second(s.TokensOf(c, t, "u", 1)) },
		"TouchToken":       func(c ctx) error { return s.TouchToken(c, h, far) },
		"Secret":           func(c ctx) error { return second(s.Secret(c, string(t), []byte("x"))) },
		"CreateEntry":      func(c ctx) error { return s.CreateEntry(c, entry) },
		"Entry":            func(c ctx) error { return second(s.Entry(c, entry.Space, entry.ID)) },
		"EntryNamed":       func(c ctx) error { return second(s.EntryNamed(c, entry.Space, "u")) },
		"Entries":          func(c ctx) error { return second(s.Entries(c, entry.Space, id.ID{}, 1)) },
		"NewestEntries":    func(c ctx) error { return second(s.NewestEntries(c, entry.Space, id.ID{}, 1)) },
		"ReplaceEntry":     func(c ctx) error { return s.ReplaceEntry(c, entry) },
		"DeleteEntry":      func(c ctx) error { return s.DeleteEntry(c, entry.Space, entry.ID) },
		"EachEntry":        func(c ctx) error { return s.EachEntry(c, func(directory.Entry) error { return nil }) },
		"GrantRole":        func(c ctx) error { return s.GrantRole(c, t, "u", "x") },
		"RevokeRole":       func(c ctx) error { return s.RevokeRole(c, t, "u", "x") },
		"Roles":            func(c ctx) error { return second(s.Roles(c, t, "u")) },
		"EachUser":         func(c ctx) error { return s.EachUser(c, func(chat.Tenant, chat.User) error { return nil }) },
		"EachRoom":         func(c ctx) error { return s.EachRoom(c, func(chat.Tenant, chat.Room) error { return nil }) },
		"EachFootprint": func(c ctx) error {
			return s.EachFootprint(c, func(chat.Tenant, string, chat.RoomRef) error { return nil })
		},
		"AddFootprints":     func(c ctx) error { return s.AddFootprints(c, t, r.Ref(), []string{"u"}) },
		"Footprints":        func(c ctx) error { return second(s.Footprints(c, t, "u", id.ID{}, 1)) },
		"FootprintsSince":   func(c ctx) error { return second(s.FootprintsSince(c)) },
		"MarkErased":        func(c ctx) error { return s.MarkErased(c, t, "u") },
		"ForgetFootprints":  func(c ctx) error { return s.ForgetFootprints(c, t, "u") },
		"ForgetTraces":      func(c ctx) error { return s.ForgetTraces(c, t, r.Ref(), "u") },
		"Disown":            func(c ctx) error { return s.Disown(c, l, []chat.Disowned{{ID: m.ID, Author: chat.Erased}}) },
		"DisownRoom":        func(c ctx) error { return s.DisownRoom(c, t, r.Ref(), chat.Erased) },
		"InheritedSweeps":   func(c ctx) error { return second(s.InheritedSweeps(c, 1)) },
		"InheritedErasures": func(c ctx) error { return second(s.InheritedErasures(c, 1)) },
		"EndErasure":        func(c ctx) error { return s.EndErasure(c, t, "u") },
		"InheritedRenames":  func(c ctx) error { return second(s.InheritedRenames(c, 1)) },
		"EndRename":         func(c ctx) error { return s.EndRename(c, t, "u") },
		"EachRole":          func(c ctx) error { return s.EachRole(c, func(chat.Tenant, string, string) error { return nil }) },
		"EachToken":         func(c ctx) error { return s.EachToken(c, func(auth.APIToken) error { return nil }) },
		"ChangeMessage": func(c ctx) error {
			return second(s.ChangeMessage(c, l, m.ID, func(chat.Message) (chat.Change, error) { return chat.Change{}, nil }))
		},
		"MessagesByID": func(c ctx) error { return second(s.MessagesByID(c, l, []id.ID{m.ID})) },
		"Newest":       func(c ctx) error { return second(s.Newest(c, []chat.Position{{Log: l}})) },
		"CountUnread": func(c ctx) error {
			return second(s.CountUnread(c, []chat.Span{{Position: chat.Position{Log: l}, UpTo: id.Max}}, "u", 1))
		},
		"NewestID":   func(c ctx) error { return second(s.NewestID(c, l)) },
		"NoteIDs":    func(c ctx) error { return s.NoteIDs(c, time.Now()) },
		"NodeLeases": func(c ctx) error { return second(s.NodeLeases(c)) },
		"LeaseNode": func(c ctx) error {
			return second(s.LeaseNode(c, nodes.Lease{Node: newNode()}, nodes.Lease{Node: newNode(), Owner: "one", Until: 1}))
		},
		"NotedIDs":     func(c ctx) error { return second(s.NotedIDs(c)) },
		"Between":      func(c ctx) error { return second(s.Between(c, l, id.Max, id.Min, 1)) },
		"Trim":         func(c ctx) error { return s.Trim(c, l, m.ID) },
		"RemovalTime":  func(c ctx) error { _, err := s.RemovalTime(c); return err },
		"SetRetention": func(c ctx) error { return s.SetRetention(c, t, r.Ref(), chat.Forever) },
		"EachRetention": func(c ctx) error {
			return s.EachRetention(c, func(chat.Tenant, id.ID, chat.Retention) error { return nil })
		},
		"SetRead":       func(c ctx) error { return s.SetRead(c, t, r.ID, "u", m.ID) },
		"SetBack":       func(c ctx) error { return s.SetBack(c, t, r.ID, "u", chat.Back{To: m.ID, From: m.ID}) },
		"SetMuted":      func(c ctx) error { return s.SetMuted(c, t, r.ID, "u", true) },
		"Readings":      func(c ctx) error { return second(s.Readings(c, t, "u", []id.ID{r.ID})) },
		"ForgetReading": func(c ctx) error { return s.ForgetReading(c, t, r.ID, "u") },
		"SetAvatar":     func(c ctx) error { return s.SetAvatar(c, t, "u", chat.Avatar{Type: "image/png", Data: []byte("x")}) },
		"Avatar":        func(c ctx) error { return second(s.Avatar(c, t, "u")) },
		"AvatarTags":    func(c ctx) error { return second(s.AvatarTags(c, t, []string{"u"})) },
		"DeleteAvatar":  func(c ctx) error { return s.DeleteAvatar(c, t, "u") },
		"AddExport":     func(c ctx) error { return s.AddExport(c, chat.Export{ID: m.ID, Tenant: t, GoneAt: far}) },
		"FinishExport":  func(c ctx) error { return s.FinishExport(c, chat.Export{ID: m.ID, Tenant: t, GoneAt: far}) },
		"Export":        func(c ctx) error { return second(s.Export(c, t, m.ID)) },
		"ExportsOf":     func(c ctx) error { return second(s.ExportsOf(c, t, m.ID, "", 1)) },
		"PutExportPart": func(c ctx) error {
			return s.PutExportPart(c, chat.Export{ID: m.ID, Tenant: t, GoneAt: far}, 0, []byte("x"))
		},
		"ExportPart":   func(c ctx) error { return second(s.ExportPart(c, chat.Export{ID: m.ID, Tenant: t}, 0)) },
		"DeleteExport": func(c ctx) error { return s.DeleteExport(c, chat.Export{ID: m.ID, Tenant: t, GoneAt: far}) },
		"AddJob": func(c ctx) error {
			_, _, err := s.AddJob(c, jobs.Job{Ref: jobs.Ref{Tenant: t, Kind: "k", Key: "a"}})
			return err
		},
		"Job": func(c ctx) error { return second(s.Job(c, jobs.Ref{Tenant: t, Kind: "k", Key: "a"})) },
		"ChangeJob": func(c ctx) error {
			j := jobs.Job{Ref: jobs.Ref{Tenant: t, Kind: "k", Key: "a"}, Version: 1}
			_, _, err := s.ChangeJob(c, j, j)
			return err
		},
		"SaveJob": func(c ctx) error {
			return second(s.SaveJob(c, jobs.Job{Ref: jobs.Ref{Tenant: t, Kind: "k", Key: "a"}}))
		},
		"RemoveJob": func(c ctx) error {
			return second(s.RemoveJob(c, jobs.Job{Ref: jobs.Ref{Tenant: t, Kind: "k", Key: "a"}}))
		},
		"DueJobs":       func(c ctx) error { return second(s.DueJobs(c, 1)) },
		"CountJobs":     func(c ctx) error { return second(s.CountJobs(c, t, 1)) },
		"EachJob":       func(c ctx) error { return s.EachJob(c, func(jobs.Job) error { return nil }) },
		"Announced":     func(c ctx) error { return second(s.Announced(c, time.Minute, 1)) },
		"AddAuditEvent": func(c ctx) error { return s.AddAuditEvent(c, audit.Event{ID: e.ids.New(), Tenant: t}, far) },
		"AuditEvents":   func(c ctx) error { return second(s.AuditEvents(c, t, id.ID{}, time.Now().Add(-time.Hour), 1)) },
		"Ping":          func(c ctx) error { return s.Ping(c) },
	}
}

func second[T any](_ T, err error) error { return err }
