package storetest

import (
	"slices"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
)

// enough is more announcements than the tests make.
const enough = 100_000

// announced returns the keys that were announced lately.
func (e *env) announced(span time.Duration, keys ...string) []string {
	e.Helper()
	all, err := e.s.Announced(e.ctx, span+12345*time.Nanosecond, enough)
	require.NoError(e, err)
	return slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return !slices.Contains(all, k) })
}

// outdating are the changes that invalidate cached data. Each concerns the room "games" of ann, with bob in it, and a
// session, a token and an entry of bob.
func (e *env) outdating(r chat.Room, s auth.Session, a auth.APIToken, x directory.Entry) map[string]struct {
	key    string
	change func() error
} {
	type change = struct {
		key    string
		change func() error
	}
	account := chat.AccountKey(e.tenant, "bob")
	room, bob := chat.RoomKey(e.tenant, r.Name), chat.MemberKey(e.tenant, r.ID, "bob")
	return map[string]change{
		"SetBanner": {room, func() error { return e.s.SetBanner(e.ctx, e.tenant, r.Ref(), ptr("new"), nil) }},
		"ChangeSettings": {room, func() error {
			return second(e.s.ChangeSettings(e.ctx, e.tenant, r.Ref(), func(s *chat.RoomSettings) error { s.Title = "new"; return nil }))
		}},
		"RenameCreator": {room, func() error { return e.s.RenameCreator(e.ctx, e.tenant, r.Ref(), r.Creator) }},
		"DisownRoom":    {room, func() error { return e.s.DisownRoom(e.ctx, e.tenant, r.Ref(), chat.Erased) }},
		"SetRetention":  {room, func() error { return e.s.SetRetention(e.ctx, e.tenant, r.Ref(), chat.Forever) }},
		"DeleteRoom":    {room, func() error { return e.s.DeleteRoom(e.ctx, e.tenant, r) }},
		"Leave":         {bob, func() error { return second(e.s.Leave(e.ctx, e.tenant, r, "bob")) }},
		"SetListed": {bob, func() error {
			return e.s.SetListed(e.ctx, e.tenant, r.Ref(), chat.MuteList, chat.Listed{Login: "bob", At: e.ids.New()})
		}},
		"Unlist":            {bob, func() error { return second(e.s.Unlist(e.ctx, e.tenant, r.ID, chat.MuteList, "bob")) }},
		"UpdateParticipant": {bob, func() error { return e.s.UpdateParticipant(e.ctx, e.tenant, r.ID, person("bob")) }},
		"DeleteSession":     {auth.SessionKey(s.Hash), func() error { return e.s.DeleteSession(e.ctx, s.Hash) }},
		"SetPasswordHash":   {account, func() error { return e.s.SetPasswordHash(e.ctx, e.tenant, "bob", "$", "epoch") }},
		"EndLogins":         {account, func() error { return e.s.EndLogins(e.ctx, e.tenant, "bob", "epoch", nil) }},
		"DeleteUser":        {account, func() error { return e.s.DeleteUser(e.ctx, e.tenant, "bob") }},
		"ReplaceEntry":      {directory.Key(x.Space, x.ID), func() error { return e.s.ReplaceEntry(e.ctx, x) }},
		"DeleteEntry":       {directory.Key(x.Space, x.ID), func() error { return e.s.DeleteEntry(e.ctx, x.Space, x.ID) }},
		"DeleteToken":       {auth.TokenKey(a.Hash), func() error { return e.s.DeleteToken(e.ctx, a.Hash) }},
		"PutToken": {auth.TokenKey(a.Hash), func() error {
			a.ExpiresAt = past
			return e.s.PutToken(e.ctx, a)
		}},
		"SweepRoom": {room, func() error {
			return e.s.SweepRoom(e.ctx, chat.Sweep{Tenant: e.tenant, Room: r.Ref(), DeletedAt: time.Now().Add(-time.Hour)}, nil)
		}},
	}
}

var announcementTests = map[string]func(*env){
	"each change that makes something old is announced": func(e *env) {
		for name := range e.outdating(chat.Room{}, auth.Session{}, auth.APIToken{}, directory.Entry{}) {
			// In a tenant of its own.
			e := newEnv(e.T, e.s)
			r := e.newRoom("games")
			e.join(r, "bob")
			require.NoError(e, e.s.CreateUser(e.ctx, e.tenant, user("bob")))
			s, a := e.session("bob", far), e.token("bob", far)
			require.NoError(e, e.s.PutSession(e.ctx, s))
			x := e.entry("bob", "")
			require.NoError(e, e.s.CreateEntry(e.ctx, x))
			keys := []string{chat.RoomKey(e.tenant, r.Name), chat.MemberKey(e.tenant, r.ID, "bob"), auth.SessionKey(s.Hash), auth.TokenKey(a.Hash),
				chat.AccountKey(e.tenant, "bob"), directory.Key(x.Space, x.ID)}
			require.Empty(e, e.announced(time.Minute, keys...), "what comes into being is not")
			c := e.outdating(r, s, a, x)[name]
			var mu sync.Mutex
			heard := []string{}
			cancel := e.s.OnAnnounce(func(key string) {
				mu.Lock()
				defer mu.Unlock()
				if slices.Contains(keys, key) && !slices.Contains(heard, key) {
					heard = append(heard, key)
				}
			})
			require.NoError(e, c.change(), name)
			cancel()
			want := []string{c.key}
			if !e.s.Shared() {
				want = []string{}
			}
			require.Equal(e, want, e.announced(time.Minute, keys...), name)
			require.Equal(e, want, heard, name)
		}
	},
	"only the last are told": func(e *env) {
		a := e.token("jdoe", far)
		require.NoError(e, e.s.DeleteToken(e.ctx, a.Hash))
		require.Eventually(e, func() bool {
			return len(e.announced(20*time.Millisecond, auth.TokenKey(a.Hash))) == 0
		}, 10*time.Second, 10*time.Millisecond)
		if e.s.Shared() {
			require.NotEmpty(e, e.announced(time.Minute, auth.TokenKey(a.Hash)))
		}
	},
	"no more than asked for": func(e *env) {
		for range 3 {
			require.NoError(e, e.s.DeleteToken(e.ctx, newHash()))
		}
		some, err := e.s.Announced(e.ctx, time.Minute, 2)
		require.NoError(e, err)
		if e.s.Shared() {
			require.Len(e, some, 2)
		} else {
			require.Empty(e, some)
		}
	},
}
