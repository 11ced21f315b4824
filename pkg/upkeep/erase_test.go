package upkeep_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/chat/chattest"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/jobs"
	"github.com/confab-chat/confab/pkg/store"
	"github.com/confab-chat/confab/pkg/upkeep"
)

// finish lets the erasure of login come to its end.
func (w *world) finish(login string) {
	w.t.Helper()
	w.toLate(login)
	w.pass(3 * time.Minute)
	w.until(erasing(login), "the erasure ends", ended)
}

func erasing(login string) jobs.Ref {
	return jobs.Ref{Tenant: tenant, Kind: upkeep.EraseWork, Key: login}
}

// toLate waits until only what was being written while the account ended is left to erase, or nothing.
func (w *world) toLate(login string) {
	w.t.Helper()
	w.pass(time.Second)
	w.until(erasing(login), "the first pass is done", func(j jobs.Job) bool {
		return ended(j) || j.State == jobs.Waiting && strings.Contains(string(j.Cursor), `"Late":true`)
	})
}

// everything is all that a store has of a room, as text.
func (w *world) everything(room string) string {
	w.t.Helper()
	ctx := w.t.Context()
	r, err := w.store.Room(ctx, tenant, room)
	require.NoError(w.t, err)
	var b strings.Builder
	fmt.Fprintf(&b, "%+v\n", r)
	for _, l := range []chat.Log{r.Log(tenant), chat.ChangesOf(r.Log(tenant))} {
		ms, err := w.store.Newer(ctx, l, id.Min, true, 100_000)
		require.NoError(w.t, err)
		for _, m := range ms {
			fmt.Fprintf(&b, "%+v\n", m)
		}
	}
	ps, err := w.store.Participants(ctx, tenant, r.ID, "", 1000)
	require.NoError(w.t, err)
	fmt.Fprintf(&b, "%+v", ps)
	return b.String()
}

func (w *world) populate() (ann, bob chat.Identity, said chat.Message) {
	w.t.Helper()
	ctx := w.t.Context()
	ann, bob = w.user("ann"), w.user("bob")
	w.room("lounge", ann, bob)
	w.room("games", bob, ann)
	said = w.post(ann, "lounge", "a secret of ann")
	edited := w.post(ann, "games", "first")
	_, err := w.EditMessage(ctx, ann, "games", edited.ID, new("a secret too"))
	require.NoError(w.t, err)
	bobs := w.post(bob, "games", "hello Last-ann")
	_, err = w.React(ctx, ann, "games", bobs.ID, "👍", true)
	require.NoError(w.t, err)
	_, err = w.React(ctx, bob, "games", bobs.ID, "👍", true)
	require.NoError(w.t, err)
	// Under another name, in a room that she has left.
	w.room("left", bob)
	_, err = w.UpdateProfile(ctx, ann, "ann", chat.ProfileChange{FirstName: chat.Set(new("Other")), LastName: chat.Set(new("Name"))})
	require.NoError(w.t, err)
	require.NoError(w.t, w.Join(ctx, ann, "left", nil))
	w.post(ann, "left", "a third secret")
	require.NoError(w.t, w.Leave(ctx, ann, "left", nil))
	return ann, bob, said
}

func TestErasing(t *testing.T) {
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprint("keeping messages ", keep), func(t *testing.T) {
			w := newWorld(t)
			ctx := t.Context()
			ann, bob, _ := w.populate()
			require.Contains(t, w.everything("games"), "First-ann")
			_, err := w.upkeep.EraseUser(ctx, tenant, "ann", keep)
			require.NoError(t, err)

			// Immediately.
			_, err = w.User(ctx, tenant, "ann")
			require.True(t, chat.IsKind(err, chat.Gone))
			_, err = w.SignUp(ctx, tenant, chattest.NewUser("ann"))
			require.True(t, chat.IsKind(err, chat.Conflict))
			_, err = w.Messages(ctx, ann, "lounge", chat.PageQuery{Limit: 1})
			require.True(t, chat.IsKind(err, chat.Forbidden))
			v, err := w.Room(ctx, chat.Principal{Identity: chat.Identity{Tenant: tenant}}, "games")
			require.NoError(t, err)
			require.Equal(t, []chat.Person{{Login: "bob", FirstName: "First-bob", LastName: "Last-bob"}}, v.Participants)

			w.finish("ann")
			for _, room := range []string{"lounge", "games", "left"} {
				all := strings.ReplaceAll(w.everything(room), "hello Last-ann", "what others wrote")
				for _, trace := range []string{"Login:ann", "-ann", " ann]", "Other"} {
					require.NotContains(t, all, trace, room)
				}
				require.Equal(t, keep, strings.Contains(all, "secret"), room)
				require.Contains(t, all, "Deleted User leaves the room")
			}
			v, err = w.Room(ctx, chat.Principal{Identity: chat.Identity{Tenant: tenant}}, "lounge")
			require.NoError(t, err)
			require.Equal(t, chat.Erased, v.Creator)
			page, err := w.Messages(ctx, bob, "games", chat.PageQuery{Limit: 100})
			require.NoError(t, err)
			var hello chat.Message
			for _, m := range page.Messages {
				if m.Content == "hello Last-ann" {
					hello = m
				}
				require.Equal(t, !keep && m.Author == chat.Erased, m.Deleted)
			}
			require.Equal(t, []chat.Reaction{{Emoji: "👍", Logins: []string{"bob"}}}, hello.Reactions)
			e, err := w.upkeep.Erasing(ctx, tenant, "ann")
			require.NoError(t, err)
			require.True(t, e.Finished)
			require.Equal(t, 3, e.Rooms)
			require.Empty(t, e.Names)

			// Repeated, and of users that do not exist.
			_, err = w.upkeep.EraseUser(ctx, tenant, "ann", keep)
			require.NoError(t, err)
			w.finish("ann")
			_, err = w.upkeep.EraseUser(ctx, tenant, "nobody", keep)
			require.True(t, chat.IsKind(err, chat.NotFound))
			_, err = w.upkeep.EraseUser(ctx, tenant, chat.SystemLogin, keep)
			require.True(t, chat.IsKind(err, chat.Invalid))
			_, err = w.upkeep.Erasing(ctx, tenant, "nobody")
			require.True(t, chat.IsKind(err, chat.NotFound))
		})
	}
}

// A user who has deleted their own account can be erased too.
func TestErasingWhoWasDeleted(t *testing.T) {
	w := newWorld(t)
	ann, _, _ := w.populate()
	require.NoError(t, w.DeleteUser(t.Context(), ann, "ann"))
	_, err := w.upkeep.EraseUser(t.Context(), tenant, "ann", false)
	require.NoError(t, err)
	w.finish("ann")
	for _, room := range []string{"lounge", "games", "left"} {
		require.NotContains(t, w.everything(room), "secret")
		require.NotContains(t, w.everything(room), "First-ann")
	}
}

// withoutFootprints is a store that keeps footprints since a time only.
type withoutFootprints struct {
	store.Store
	since time.Time
}

func (s withoutFootprints) FootprintsSince(context.Context) (time.Time, error) { return s.since, nil }

// Rooms that are older than the footprints of a store are all looked through.
func TestErasingWhoLeftBeforeThereWereFootprints(t *testing.T) {
	old := newWorld(t)
	ctx := t.Context()
	_, bob, _ := old.populate()
	require.NoError(t, old.store.ForgetFootprints(ctx, tenant, "ann"))
	rooms, err := old.store.Rooms(ctx, tenant, "", 10)
	require.NoError(t, err)
	latest := slices.MaxFunc(rooms, func(a, b chat.Room) int { return a.CreatedAt.Compare(b.CreatedAt) }).CreatedAt
	since := latest
	for i := 0; !since.After(latest); i++ { // some may be made in the same millisecond
		name := fmt.Sprint("new", i)
		old.room(name, bob)
		r, err := old.store.Room(ctx, tenant, name)
		require.NoError(t, err)
		since = r.CreatedAt
	}
	older := 0
	rooms, err = old.store.Rooms(ctx, tenant, "", 1000)
	require.NoError(t, err)
	for _, r := range rooms {
		if r.CreatedAt.Before(since) {
			older++
		}
	}
	old.stop()
	w := newWorldOn(t, withoutFootprints{old.store, since}, old.clock, 0)
	_, err = w.upkeep.EraseUser(ctx, tenant, "ann", false)
	require.NoError(t, err)
	w.finish("ann")
	for _, room := range []string{"lounge", "games", "left"} {
		all := strings.ReplaceAll(w.everything(room), "hello Last-ann", "what others wrote")
		for _, trace := range []string{"Login:ann", "-ann", " ann]", "Other", "secret"} {
			require.NotContains(t, all, trace, room)
		}
	}
	e, err := w.upkeep.Erasing(ctx, tenant, "ann")
	require.NoError(t, err)
	require.Equal(t, older, e.Rooms, "not those that are newer")
	left, err := w.store.Footprints(ctx, tenant, "ann", id.ID{}, 10)
	require.NoError(t, err)
	require.Empty(t, left)
}

// eraseToLate begins to erase a user and waits until only what was being written meanwhile is left to erase.
func (w *world) eraseToLate(login string) {
	w.t.Helper()
	_, err := w.upkeep.EraseUser(w.t.Context(), tenant, login, false)
	require.NoError(w.t, err)
	w.toLate(login)
}

// A message that was being written while the account ended is erased too.
func TestErasingWhatComesLate(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.populate()
	r, err := w.store.Room(ctx, tenant, "games")
	require.NoError(t, err)
	w.eraseToLate("ann")
	late := chat.Message{ID: id.NewGenerator(nil).New(), Author: chat.Person{Login: "ann", FirstName: "First-ann", LastName: "Last-ann"}, Content: "a late secret"}
	require.NoError(t, w.store.Append(ctx, r.Log(tenant), late))
	w.finish("ann")
	require.NotContains(t, w.everything("games"), "late secret")
}

// A user who was joining a room, or reacting to an old message, while the account ended is in no room and named
// nowhere.
func TestErasingWhoActsLate(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	_, bob, _ := w.populate()
	old := w.post(bob, "games", "old")
	w.clock.Add(time.Hour)
	w.room("late", bob)
	late, err := w.store.Room(ctx, tenant, "late")
	require.NoError(t, err)
	games, err := w.store.Room(ctx, tenant, "games")
	require.NoError(t, err)
	w.eraseToLate("ann")
	ann := chat.Person{Login: "ann", FirstName: "Other", LastName: "Name"}
	_, err = w.store.Join(ctx, tenant, late, ann, id.ID{})
	require.NoError(t, err)
	react := chat.Change{Kind: chat.React, ID: id.NewGenerator(w.clock.Now).New(), By: ann, Emoji: "👍", On: true}
	_, err = w.store.ChangeMessage(ctx, games.Log(tenant), old.ID, func(chat.Message) (chat.Change, error) { return react, nil })
	require.NoError(t, err)
	w.finish("ann")
	for _, room := range []string{"late", "games"} {
		for _, trace := range []string{"Login:ann", "Logins:[ann", "Other"} {
			require.NotContains(t, w.everything(room), trace, room)
		}
	}
	require.Contains(t, w.everything("late"), "Deleted User leaves the room")
	refs, err := w.store.RoomsOf(ctx, tenant, "ann", "", 10)
	require.NoError(t, err)
	require.Empty(t, refs)
}

// breakingErase fails after some calls that erase.
type breakingErase struct {
	store.Store
	left atomic.Int64
}

var errBroken = chat.ErrUnavailable(errors.New("broken"))

func (b *breakingErase) Disown(ctx context.Context, l chat.Log, ms []chat.Disowned) error {
	if b.left.Add(-1) < 0 {
		return errBroken
	}
	return b.Store.Disown(ctx, l, ms)
}

func (b *breakingErase) ChangeMessage(ctx context.Context, l chat.Log, m id.ID, decide func(chat.Message) (chat.Change, error)) (chat.Message, error) {
	if b.left.Add(-1) < 0 {
		return chat.Message{}, errBroken
	}
	return b.Store.ChangeMessage(ctx, l, m, decide)
}

// Wherever an erasure breaks off, another server completes it.
func TestErasingGoesOnElsewhere(t *testing.T) {
	for n := range int64(12) {
		w := newWorld(t)
		w.populate()
		w.stop()
		broken := &breakingErase{Store: w.store}
		broken.left.Store(n)
		w.start(broken)
		_, err := w.upkeep.EraseUser(t.Context(), tenant, "ann", false)
		require.NoError(t, err)
		w.until(erasing("ann"), "it breaks off", func(j jobs.Job) bool { return j.State == jobs.Waiting && (j.Failure != "" || j.Cursor != nil) })
		w.stop()
		_, underWay, err := w.upkeep.ErasureOf(t.Context(), tenant, "ann")
		require.NoError(t, err)
		require.True(t, underWay)

		w.clock.Add(time.Minute)
		w.start(w.store)
		w.finish("ann")
		for _, room := range []string{"lounge", "games", "left"} {
			all := strings.ReplaceAll(w.everything(room), "hello Last-ann", "what others wrote")
			for _, trace := range []string{"Login:ann", "-ann", "Other", "secret"} {
				require.NotContains(t, all, trace, "%s, broken after %d", room, n)
			}
		}
	}
}

// The choice about messages cannot be changed while an erasure is running.
func TestErasingTwiceAtOnce(t *testing.T) {
	w := newWorld(t)
	w.populate()
	_, err := w.upkeep.EraseUser(t.Context(), tenant, "ann", true)
	require.NoError(t, err)
	_, err = w.upkeep.EraseUser(t.Context(), tenant, "ann", true)
	require.NoError(t, err)
	_, err = w.upkeep.EraseUser(t.Context(), tenant, "ann", false)
	require.True(t, chat.IsKind(err, chat.Conflict))
}

// A longer retention does not show an erased user's hidden messages again.
func TestErasingWhatIsHidden(t *testing.T) {
	w := newWorldAt(t, time.Now(), time.Hour)
	ann, bob := w.user("ann"), w.user("bob")
	w.room("lounge", ann, bob)
	w.post(bob, "lounge", "a secret")
	w.clock.Add(2 * time.Hour)
	_, err := w.upkeep.EraseUser(t.Context(), tenant, "bob", false)
	require.NoError(t, err)
	w.toLate("bob")
	require.NotContains(t, w.contents("lounge"), "a secret")
}

// The clock was a year ahead when an erasure was begun, and its node died. Another one does not wait for a year, and
// erases what was being written.
func TestAnErasureOfAClockThatWasAhead(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.user("ann"), w.user("bob")
	w.room("games", bob, ann)
	w.post(ann, "games", "a secret")
	late := w.clock.Now().AddDate(1, 0, 0)
	e := chat.Erasure{Tenant: tenant, Login: "ann", StartedAt: late, UpdatedAt: late, Late: true}
	state, err := json.Marshal(e)
	require.NoError(t, err)
	_, err = w.queue.Add(t.Context(), jobs.NewJob{Ref: erasing("ann"), Payload: state})
	require.NoError(t, err)
	w.until(erasing("ann"), "the last writes may still be running", func(j jobs.Job) bool { return j.State == jobs.Waiting && j.Cursor != nil })
	require.NotContains(t, w.everything("games"), "secret")
	r, err := w.store.Room(t.Context(), tenant, "games")
	require.NoError(t, err)
	written := chat.Message{ID: id.FirstAt(w.clock.Now()), Author: chat.Person{Login: "ann", FirstName: "First-ann"}, Content: "late"}
	require.NoError(t, w.store.Append(t.Context(), r.Log(tenant), written))
	w.pass(20 * time.Second)
	w.until(erasing("ann"), "the erasure ends", ended)
	require.NotContains(t, w.everything("games"), "First-ann")
}

// rename gives a user another name.
func (w *world) rename(who chat.Identity, first, last string) {
	w.t.Helper()
	_, err := w.UpdateProfile(w.t.Context(), who, who.Login, chat.ProfileChange{FirstName: chat.Set(&first), LastName: chat.Set(&last)})
	require.NoError(w.t, err)
}

// System messages lose former names of the user too. Those about other users of the same name stay.
func TestErasingFormerNames(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.user("ann"), w.user("bob")
	w.rename(ann, "Ada", "L.")
	w.rename(bob, "Ada", "L.")
	w.room("games", w.user("eve"), ann, bob)
	w.rename(ann, "Other", "Name")
	_, err := w.upkeep.EraseUser(t.Context(), tenant, "ann", false)
	require.NoError(t, err)
	w.finish("ann")
	require.Equal(t, []string{"Deleted User joins the room", "Ada L. joins the room", "Deleted User leaves the room"}, w.contents("games"))
	require.NotContains(t, w.everything("games"), "Login:ann")
}

// A system message loses the one who did something as well, and keeps whom it is about.
func TestErasingWhoRemovedSomebody(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.user("ann"), w.user("bob")
	w.room("games", ann, bob)
	require.NoError(t, w.Leave(t.Context(), ann, "games", &bob.Login))
	_, err := w.upkeep.EraseUser(t.Context(), tenant, "ann", false)
	require.NoError(t, err)
	w.finish("ann")
	r, err := w.store.Room(t.Context(), tenant, "games")
	require.NoError(t, err)
	ms, err := w.store.Newer(t.Context(), r.Log(tenant), id.Min, true, 10)
	require.NoError(t, err)
	removed, ok := ms[1].Notice()
	require.True(t, ok)
	require.Equal(t, chat.NoticeRemoved, removed.Type)
	require.Equal(t, "bob", removed.Who.Login)
	require.Equal(t, chat.Erased, removed.By)
	require.Equal(t, "bob", ms[1].Subject, "bob can still be erased from it")
	left, ok := ms[2].Notice()
	require.True(t, ok)
	require.Equal(t, chat.Erased, left.Who)
	require.NotContains(t, w.everything("games"), "First-ann")
}

// System messages of earlier versions have no subject.
func TestErasingNamesOfEarlierVersions(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.user("ann"), w.user("bob")
	w.room("games", bob, ann)
	r, err := w.store.Room(t.Context(), tenant, "games")
	require.NoError(t, err)
	ids := id.NewGenerator(w.clock.Now)
	former := chat.Person{Login: "ann", FirstName: "Ada", LastName: "L."}
	for _, m := range []chat.Message{
		{ID: ids.New(), Author: chat.System, System: true, Content: chat.Notice{Type: chat.NoticeJoined, Who: former}.Sentence()},
		{ID: ids.New(), Author: former, Content: "hello"},
	} {
		require.NoError(t, w.store.Append(t.Context(), r.Log(tenant), m))
	}
	_, err = w.upkeep.EraseUser(t.Context(), tenant, "ann", true)
	require.NoError(t, err)
	w.finish("ann")
	require.NotContains(t, w.everything("games"), "Ada")
}
