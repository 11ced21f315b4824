package cassandra

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/cache"
	"github.com/confab-chat/confab/pkg/chat"
)

// A change that cannot be announced is not made.
func TestWhatIsNotAnnouncedDoesNotHappen(t *testing.T) {
	t.Parallel()
	s, ctx, of := own(t), withTimeout(t), tenant()
	r := newRoom("games")
	require.NoError(t, s.CreateRoom(ctx, of, r))
	session := auth.Session{Hash: auth.HashOf(string(of)), Tenant: of, Login: "creator", ExpiresAt: time.Now().Add(time.Hour)}
	require.NoError(t, s.PutSession(ctx, session))
	token := auth.APIToken{Hash: session.Hash, Tenant: of, Login: "creator"}
	require.NoError(t, s.PutToken(ctx, token))
	for name, change := range map[string]func() error{
		"SetBanner":         func() error { return s.SetBanner(ctx, of, r.Ref(), nil, nil) },
		"RenameCreator":     func() error { return s.RenameCreator(ctx, of, r.Ref(), r.Creator) },
		"DisownRoom":        func() error { return s.DisownRoom(ctx, of, r.Ref(), chat.Erased) },
		"DeleteRoom":        func() error { return s.DeleteRoom(ctx, of, r) },
		"Leave":             func() error { _, err := s.Leave(ctx, of, r, "creator"); return err },
		"UpdateParticipant": func() error { return s.UpdateParticipant(ctx, of, r.ID, person("creator")) },
		"DeleteSession":     func() error { return s.DeleteSession(ctx, session.Hash) },
		"DeleteToken":       func() error { return s.DeleteToken(ctx, token.Hash) },
		"PutToken":          func() error { return s.PutToken(ctx, token) },
	} {
		var after []string
		asked := false
		s.db.around.set(func(statement string, run func() error) error {
			if asked {
				after = append(after, statement)
			}
			if statement == insertAnnouncement {
				asked = true
				return errors.New("not written")
			}
			return run()
		})
		require.Error(t, change(), name)
		s.db.around.set(nil)
		require.True(t, asked, name)
		require.Empty(t, after, name)
		got, err := s.Room(ctx, of, r.Name)
		require.NoError(t, err, name)
		require.Equal(t, r, got, name)
		agree(t, s, of, r, "creator", true)
		_, err = s.Session(ctx, session.Hash)
		require.NoError(t, err, name)
		_, err = s.Token(ctx, token.Hash)
		require.NoError(t, err, name)
	}
}

// One who posts every ten seconds, logged in by a session, costs the insert, and once a minute what it takes to be sure.
func TestAPostNowAndThenIsOneStatement(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s, ctx, of := ownAt(t, clock), withTimeout(t), tenant()
	w := cache.New(s, clock.Now, slog.New(slog.DiscardHandler), nil)
	sessions := auth.NewSessions(s, w, 24*time.Hour, clock.Now, auth.Ended{}) // not to be extended meanwhile
	defer sessions.Close()
	rooms := chat.NewReader(chat.ReaderOptions{Store: s, Watcher: w, Now: clock.Now})
	defer rooms.Close()
	c := chat.NewService(chat.Options{Reader: rooms, Log: slog.New(slog.DiscardHandler)})
	defer c.Close()
	require.NoError(t, w.Poll(ctx))
	who := chat.Identity{Tenant: of, Login: "ann"}
	require.NoError(t, s.CreateUser(ctx, of, chat.User{Person: person("ann")}))
	room, err := c.CreateRoom(ctx, who, chat.NewRoom{Name: "games"})
	require.NoError(t, err)
	_, session, err := sessions.Start(ctx, auth.Login{Identity: who})
	require.NoError(t, err)

	n := &counting{n: map[string]int{}}
	s.db.around.set(n.around)
	post := func() {
		_, err := sessions.Find(ctx, session.Hash)
		require.NoError(t, err)
		_, err = c.Post(ctx, who, "games", chat.NewMessage{Content: new("hello")})
		require.NoError(t, err)
		waitAside(ctx, t, s, room.Log(of))
	}
	for minute := range 3 {
		ran := n.during(post)
		require.Equal(t, map[string]int{selectSession: 1, selectRoom: 1, selectParticipant: 1},
			map[string]int{selectSession: ran[selectSession], selectRoom: ran[selectRoom], selectParticipant: ran[selectParticipant]}, minute)
		for range 5 {
			clock.Add(10 * time.Second)
			require.Equal(t, map[string]int{selectAnnouncements: 1}, n.during(func() { require.NoError(t, w.Poll(ctx)) }))
			require.Equal(t, map[string]int{insertMessage: 1}, n.during(post))
		}
		clock.Add(10 * time.Second)
		require.NoError(t, w.Poll(ctx))
	}
}

// A node that dies at any moment of a change has announced it, if it has changed anything.
func TestWhoDiesInAChangeHasAnnouncedIt(t *testing.T) {
	t.Parallel()
	other, ctx := own(t), withTimeout(t)
	for _, at := range []string{insertAnnouncement, nextLeave, deleteParticipant, deleteRoom, hideParticipants, deleteSession, deleteSessionOfUser} {
		s, of := own(t), tenant()
		r := newRoom("games")
		require.NoError(t, s.CreateRoom(ctx, of, r))
		session := auth.Session{Hash: auth.HashOf(string(of)), Tenant: of, Login: "creator", ExpiresAt: time.Now().Add(time.Hour)}
		require.NoError(t, s.PutSession(ctx, session))
		soon, cancel := context.WithTimeout(ctx, 10*time.Second)
		s.db.around.set(crashing(at))
		_, _ = s.Leave(soon, of, r, "creator")
		s.db.around.set(crashing(at))
		_ = s.DeleteRoom(soon, of, r)
		s.db.around.set(crashing(at))
		_ = s.DeleteSession(soon, session.Hash)
		cancel()
		told, err := other.Announced(ctx, time.Minute, 100_000)
		require.NoError(t, err)
		_, err = other.Room(ctx, of, r.Name)
		if chat.IsKind(err, chat.NotFound) {
			require.Contains(t, told, chat.RoomKey(of, r.Name), at)
		} else {
			_, err = other.Participant(ctx, of, r.ID, "creator")
			if chat.IsKind(err, chat.NotFound) {
				require.Contains(t, told, chat.MemberKey(of, r.ID, "creator"), at)
			}
		}
		_, err = other.Session(ctx, session.Hash)
		if chat.IsKind(err, chat.NotFound) {
			require.Contains(t, told, auth.SessionKey(session.Hash), at)
		}
	}
}

// Nodes that poll believe what they have read, and do not ask again each second.
func TestAPollingNodeBelievesWhatItRead(t *testing.T) {
	t.Parallel()
	s := own(t)
	w := cache.New(s, time.Now, slog.New(slog.DiscardHandler), nil)
	w.Start()
	defer w.Close()
	var loaded time.Time
	c := cache.Of(cache.Options[string, int]{Watcher: w, Name: func(k string) string { return k }, Now: time.Now, Size: 1,
		Load: func(context.Context, string) (int, error) {
			loaded = time.Now()
			return 0, nil
		}})
	defer c.Close()
	deadline := time.Now().Add(cache.CacheFor / 2)
	for time.Since(loaded) < 2*cache.Brief || loaded.IsZero() {
		require.True(t, time.Now().Before(deadline), "it was asked for again and again")
		_, err := c.Get(t.Context(), "a")
		require.NoError(t, err)
		time.Sleep(cache.Brief / 50)
	}
}
