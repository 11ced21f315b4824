package storetest

import (
	"context"
	"flag"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/inbox"
	"github.com/confab-chat/confab/pkg/store"
)

// ModelChecks sets how many random sequences of operations the model-based test
// tries unless the -rapid.checks flag is given. It is for the TestMain of a store that
// is slow, before it calls Run of its testing.M.
func ModelChecks(n int) { _ = flag.Set("rapid.checks", strconv.Itoa(n)) }

var modelTests = map[string]func(*env){
	"random operations agree with a model": func(e *env) {
		rapid.Check(e.T, func(t *rapid.T) {
			w := &walk{T: t, s: e.s, ctx: e.ctx, tenant: newTenant(), ids: e.ids, m: newModel(), boxes: inbox.New(inbox.Options{Store: e.s})}
			t.Repeat(map[string]func(*rapid.T){
				"create user":        w.createUser,
				"update profile":     w.updateProfile,
				"set password":       w.setPassword,
				"delete user":        w.deleteUser,
				"create room":        w.createRoom,
				"set banner":         w.setBanner,
				"change settings":    w.changeSettings,
				"rename creator":     w.renameCreator,
				"delete room":        w.deleteRoom,
				"sweep":              w.sweep,
				"join":               w.join,
				"join again":         w.join, // rooms shall have people
				"leave":              w.leave,
				"update participant": w.updateParticipant,
				"append":             w.append,
				"append batch":       w.appendBatch,
				"append once":        w.appendOnce,
				"append once again":  w.appendOnce,
				"change":             w.change,
				"change again":       w.change,
				"deliver":            w.deliver,
				"acknowledge":        w.acknowledge,
				"remove mailbox":     w.removeBox,
				"page":               w.page,
				"page again":         w.page,
				"list":               w.list,
			})
			w.compareAll()
		})
	},
}

// walk does one random sequence of operations on a store and on the model.
type walk struct {
	*rapid.T
	s      store.Store
	ctx    context.Context
	tenant chat.Tenant
	ids    *id.Generator
	m      *model
	boxes  *inbox.Service
}

// Few names, so that operations meet; some are beginnings of others.
var (
	someLogin   = rapid.SampledFrom([]string{"a", "b", "ab", "B", "a\u2028", "\u00e9"})
	someName    = rapid.SampledFrom([]string{"x", "y", "xy", "X", "\u00e9"})
	someAfter   = rapid.SampledFrom([]string{"", "0", "B", "a", "aa", "x", "xx", "\u00e9", "z"})
	someKey     = rapid.SampledFrom([]string{"k", "l"})
	somePayload = rapid.SampledFrom([]chat.Payload{{}, {}, {Ext: jsontext.Value(`{"a":1.0}`)}, {Kind: chat.CustomKind, Body: jsontext.Value(`{"event":"e"}`)}, {To: "7", Only: []string{"a"}}})
	someText    = rapid.SampledFrom([]string{"hello", "", "\u2028", "😀"})
	someLimit   = rapid.IntRange(1, 8)
	someID      = rapid.Custom(func(t *rapid.T) id.ID {
		// Around the edges of seven-day buckets, over twelve years.
		week := 52*rapid.IntRange(0, 11).Draw(t, "years") + rapid.IntRange(0, 2).Draw(t, "weeks")
		at := time.Date(2014, 1, 2, 0, 0, 0, 0, time.UTC).AddDate(0, 0, 7*week).
			Add(100 * time.Duration(rapid.IntRange(-1, 1).Draw(t, "ticks")))
		return idAt(at, rapid.SampledFrom([]uint64{
			0x8080808080808080, 0xff00000000000000, 0, 1, 0x80, 0x7f, 0x7f7f7f7f7f7f7f7f,
		}).Draw(t, "low"))
	})
)

func (w *walk) person(t *rapid.T) chat.Person {
	return chat.Person{Login: someLogin.Draw(t, "login"), FirstName: someText.Draw(t, "first name"), LastName: someText.Draw(t, "last name")}
}

// room draws a room: a present one, a deleted one, or one that never existed.
func (w *walk) room(t *rapid.T) chat.Room {
	if n := len(w.m.stale); n > 0 && rapid.IntRange(0, 4).Draw(t, "stale") == 0 {
		return w.m.stale[rapid.IntRange(0, n-1).Draw(t, "which")]
	}
	name := someName.Draw(t, "name")
	if r := w.m.rooms[name]; r != nil {
		return r.Room
	}
	return chat.Room{ID: w.ids.New(), Name: name}
}

// live draws a present room.
func (w *walk) live(t *rapid.T) *modelRoom {
	all := w.m.names("", len(w.m.rooms))
	if len(all) == 0 {
		t.Skip("no room")
	}
	return w.m.rooms[rapid.SampledFrom(all).Draw(t, "room")]
}

// agree requires that the store succeeded if the model did, and failed with kind otherwise.
func agree(t *rapid.T, did bool, kind chat.Kind, err error) {
	if did {
		require.NoError(t, err)
		return
	}
	require.True(t, chat.IsKind(err, kind), "%v, not %v", err, kind)
}

func (w *walk) createUser(t *rapid.T) {
	u := chat.User{Person: w.person(t), PasswordHash: someText.Draw(t, "hash"), CreatedAt: time.UnixMilli(1).UTC()}
	agree(t, w.m.createUser(u), chat.Conflict, w.s.CreateUser(w.ctx, w.tenant, u))
}

func (w *walk) updateProfile(t *rapid.T) {
	u := chat.User{Person: w.person(t)}
	if rapid.Bool().Draw(t, "with bio") {
		u.Bio = ptr(someText.Draw(t, "bio"))
	}
	if rapid.Bool().Draw(t, "with time zone") {
		u.Timezone = ptr(someText.Draw(t, "time zone"))
	}
	did := w.m.changeUser(u.Login, func(now *chat.User) {
		now.Person, now.Email, now.Bio, now.Timezone = u.Person, u.Email, u.Bio, u.Timezone
	})
	agree(t, did, chat.NotFound, w.s.UpdateProfile(w.ctx, w.tenant, u, nil))
}

func (w *walk) setPassword(t *rapid.T) {
	login, hash := someLogin.Draw(t, "login"), someText.Draw(t, "hash")
	did := w.m.changeUser(login, func(now *chat.User) { now.PasswordHash = hash })
	agree(t, did, chat.NotFound, w.s.SetPasswordHash(w.ctx, w.tenant, login, hash, ""))
}

func (w *walk) deleteUser(t *rapid.T) {
	login := someLogin.Draw(t, "login")
	err := w.s.DeleteUser(w.ctx, w.tenant, login)
	if _, there := w.m.users[login]; !there && err != nil {
		require.True(t, chat.IsKind(err, chat.NotFound), "%v", err)
		return
	}
	require.NoError(t, err)
	w.m.changeUser(login, func(now *chat.User) {
		*now = chat.User{Person: chat.Person{Login: login}, Deleted: true}
	})
}

func (w *walk) createRoom(t *rapid.T) {
	r := chat.Room{ID: w.ids.New(), Name: someName.Draw(t, "name"), Creator: w.person(t), CreatedAt: time.UnixMilli(1).UTC()}
	r.Settings.Kind = rapid.SampledFrom([]chat.RoomKind{chat.OpenRoom, chat.OpenRoom, chat.GroupRoom}).Draw(t, "kind")
	agree(t, w.m.createRoom(r), chat.Conflict, w.s.CreateRoom(w.ctx, w.tenant, r))
}

func (w *walk) setBanner(t *rapid.T) {
	r, banner := w.room(t), ptr(someText.Draw(t, "banner"))
	now := w.m.same(r)
	if now != nil {
		now.Banner = banner
	}
	agree(t, now != nil, chat.NotFound, w.s.SetBanner(w.ctx, w.tenant, r.Ref(), banner, nil))
}

func (w *walk) changeSettings(t *rapid.T) {
	r, title := w.room(t), someText.Draw(t, "title")
	now := w.m.same(r)
	if now != nil {
		now.Settings.Title = title
	}
	got, err := w.s.ChangeSettings(w.ctx, w.tenant, r.Ref(), func(s *chat.RoomSettings) error {
		s.Kind, s.Title = "other", title
		return nil
	})
	agree(t, now != nil, chat.NotFound, err)
	if now != nil {
		require.Equal(t, now.Room, got)
	}
}

func (w *walk) renameCreator(t *rapid.T) {
	r, p := w.room(t), w.person(t)
	now := w.m.same(r)
	is := now != nil && now.Creator.Login == p.Login
	if is {
		now.Creator = p
	}
	agree(t, is, chat.NotFound, w.s.RenameCreator(w.ctx, w.tenant, r.Ref(), p))
}

func (w *walk) deleteRoom(t *rapid.T) {
	// Rarely, or the others would have nothing to work on.
	if rapid.IntRange(0, 3).Draw(t, "really") > 0 {
		t.Skip("not now")
	}
	r := w.room(t)
	agree(t, w.m.deleteRoom(r), chat.NotFound, w.s.DeleteRoom(w.ctx, w.tenant, r))
}

func (w *walk) sweep(t *rapid.T) {
	for _, r := range w.m.stale {
		sweep := chat.Sweep{Tenant: w.tenant, Room: r.Ref(), DeletedAt: time.Now().UTC()}
		require.NoError(t, w.s.SweepRoom(w.ctx, sweep, nil))
		ms, err := w.s.Older(w.ctx, r.Log(w.tenant), id.Max, 1)
		require.NoError(t, err)
		require.Empty(t, ms)
	}
}

func (w *walk) join(t *rapid.T) {
	r, p := w.room(t), w.person(t)
	m := chat.Member{Person: p, Since: w.ids.New()}
	changed, err := w.s.Join(w.ctx, w.tenant, r, p, m.Since)
	now := w.m.same(r)
	agree(t, now != nil, chat.NotFound, err)
	require.Equal(t, now != nil && now.join(m), changed)
}

func (w *walk) leave(t *rapid.T) {
	r, login := w.room(t), someLogin.Draw(t, "login")
	changed, err := w.s.Leave(w.ctx, w.tenant, r, login)
	now := w.m.same(r)
	if err != nil {
		agree(t, now != nil, chat.NotFound, err)
	}
	require.Equal(t, now != nil && now.leave(login), changed)
}

func (w *walk) updateParticipant(t *rapid.T) {
	r, p := w.room(t), w.person(t)
	require.NoError(t, w.s.UpdateParticipant(w.ctx, w.tenant, r.ID, p))
	if now := w.m.same(r); now != nil {
		if m, there := now.people[p.Login]; there {
			now.people[p.Login] = chat.Member{Person: p, Since: m.Since}
		}
	}
}

// message draws a message for a room: a new one, or a present one.
func (w *walk) message(t *rapid.T, r *modelRoom) chat.Message {
	m := chat.Message{ID: someID.Draw(t, "id"), Author: w.person(t), Content: someText.Draw(t, "content"), Payload: somePayload.Draw(t, "payload"),
		System: rapid.Bool().Draw(t, "system")}
	if at, found := r.find(m.ID); found {
		return r.messages[at]
	}
	return m
}

func (w *walk) append(t *rapid.T) {
	r := w.live(t)
	m := w.message(t, r)
	if _, found := r.find(m.ID); found {
		return // Append is for messages with new ids.
	}
	require.NoError(t, w.s.Append(w.ctx, r.Log(w.tenant), m))
	r.append(m)
}

func (w *walk) appendBatch(t *rapid.T) {
	r := w.live(t)
	var ms []chat.Message
	for range rapid.IntRange(0, 10).Draw(t, "messages") {
		ms = append(ms, w.message(t, r))
		r.append(ms[len(ms)-1])
	}
	require.NoError(t, w.s.AppendBatch(w.ctx, r.Log(w.tenant), ms))
}

func (w *walk) appendOnce(t *rapid.T) {
	r := w.live(t)
	m := chat.Message{ID: w.ids.New(), Author: w.person(t), Content: someText.Draw(t, "content"), Payload: somePayload.Draw(t, "payload")}
	key := someKey.Draw(t, "key")
	first, repeated, ok := r.appendOnce(key, m)
	got, again, err := w.s.AppendOnce(w.ctx, r.Log(w.tenant), key, m, id.ID{})
	agree(t, ok, chat.Conflict, err)
	if ok {
		require.Equal(t, first, got)
		require.Equal(t, repeated, again)
	}
}

func (w *walk) change(t *rapid.T) {
	r := w.live(t)
	if len(r.messages) == 0 {
		t.Skip("no message")
	}
	m := &r.messages[rapid.IntRange(0, len(r.messages)-1).Draw(t, "message")]
	c := chat.Change{ID: w.ids.New(), By: person("reacting"), Kind: rapid.SampledFrom([]chat.ChangeKind{chat.Edit, chat.React, chat.React,
		chat.Delete}).Draw(t, "kind"), Content: someText.Draw(t, "content"), Payload: somePayload.Draw(t, "payload"), Emoji: rapid.SampledFrom([]string{"😀", "x"}).Draw(t, "emoji"),
		On: rapid.Bool().Draw(t, "on")}
	c.On = c.On && !chat.Message(*m).Reacted(c.By.Login, c.Emoji) // as the domain does: nothing is set twice
	before := *m
	(*modelMessage)(m).change(c)
	got, err := w.s.ChangeMessage(w.ctx, r.Log(w.tenant), m.ID, func(now chat.Message) (chat.Change, error) {
		now.Withdrawn = nil // the model does not have them
		require.Equal(t, before, now)
		return c, nil
	})
	require.NoError(t, err)
	require.Equal(t, *m, got)
	r.changes = append(r.changes, c.Entry(m.ID))
	entries, err := w.s.Newer(w.ctx, chat.ChangesOf(r.Log(w.tenant)), id.Min, true, 1000)
	require.NoError(t, err)
	require.Equal(t, r.changes, entries)
}

func (w *walk) page(t *rapid.T) {
	r := w.live(t)
	at := someID.Draw(t, "position")
	if n := len(r.messages); n > 0 && rapid.Bool().Draw(t, "there") {
		at = r.messages[rapid.IntRange(0, n-1).Draw(t, "which")].ID
	}
	w.comparePage(t, r, at, someLimit.Draw(t, "limit"))
}

func (w *walk) comparePage(t *rapid.T, r *modelRoom, at id.ID, limit int) {
	older, err := w.s.Older(w.ctx, r.Log(w.tenant), at, limit)
	require.NoError(t, err)
	same(t, modelOlder(r.messages, at, limit), older)
	for _, inclusive := range []bool{false, true} {
		newer, err := w.s.Newer(w.ctx, r.Log(w.tenant), at, inclusive, limit)
		require.NoError(t, err)
		same(t, modelNewer(r.messages, at, inclusive, limit), newer)
	}
}

func (w *walk) list(t *rapid.T) {
	w.compareLists(t, someAfter.Draw(t, "after"), someLimit.Draw(t, "limit"))
}
