package chat_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/chat/chattest"
)

func requireKind(t *testing.T, kind chat.Kind, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, kind.String(), chat.KindOf(err).String(), err.Error())
}

// together runs f n times concurrently and returns the errors in the order of i.
func together(n int, f func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	all.Wait()
	return errs
}

func TestSignUpKeepsTextAsItIs(t *testing.T) {
	w := newWorld(t)
	n := chattest.NewUser("jdoe")
	n.FirstName, n.LastName = new(" <b>John</b> "), new("e\u0301\u2028"+astral)
	n.Email, n.Bio = new(""), new("\u200f bio\n")
	v, err := w.SignUp(t.Context(), tenant, n)
	require.NoError(t, err)
	got, err := w.User(t.Context(), tenant, "jdoe")
	require.NoError(t, err)
	require.Equal(t, v, got)
	require.Equal(t, *n.FirstName, got.FirstName)
	require.Equal(t, *n.LastName, got.LastName)
	require.Equal(t, n.Email, got.Email)
	require.Equal(t, n.Bio, got.Bio)
	require.Equal(t, []string{}, got.ChatRooms)
	require.Equal(t, "hash of secret of jdoe", got.PasswordHash)
}

func TestOneOfManySignUpsWins(t *testing.T) {
	w := newWorld(t)
	errs := together(8, func(i int) error {
		n := chattest.NewUser("jdoe")
		n.FirstName, n.LastName = new(fmt.Sprint("First", i)), new(fmt.Sprint("Last", i))
		_, err := w.SignUp(t.Context(), tenant, n)
		return err
	})
	winner := -1
	for i, err := range errs {
		if err == nil {
			require.Equal(t, -1, winner, "two sign-ups succeeded")
			winner = i
			continue
		}
		requireKind(t, chat.Conflict, err)
	}
	u, err := w.User(t.Context(), tenant, "jdoe")
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint("First", winner), u.FirstName)
	require.Equal(t, fmt.Sprint("Last", winner), u.LastName)
}

func TestTheSystemsLoginIsTaken(t *testing.T) {
	w := newWorld(t)
	_, err := w.SignUp(t.Context(), tenant, chattest.NewUser(chat.SystemLogin))
	requireKind(t, chat.Conflict, err)
	u, err := w.User(t.Context(), tenant, chat.SystemLogin)
	require.NoError(t, err)
	require.Equal(t, chat.System, u.Person)
	require.Empty(t, u.PasswordHash)
	require.Equal(t, []string{}, u.ChatRooms)
}

func TestLoginsAreCaseSensitiveAndPerTenant(t *testing.T) {
	w := newWorld(t)
	w.user("jdoe")
	_, err := w.SignUp(t.Context(), "another", chattest.NewUser("jdoe"))
	require.NoError(t, err)
	_, err = w.SignUp(t.Context(), tenant, chattest.NewUser("jdoe"))
	requireKind(t, chat.Conflict, err)
	_, err = w.User(t.Context(), tenant, "JDoe")
	requireKind(t, chat.NotFound, err)
}

// Nobody signs up with a login that another's could be taken for, or the operator's.
func TestLoginsThatCouldBeTakenForOthers(t *testing.T) {
	w := newWorld(t)
	w.user("jdoe")
	_, err := w.store.ClaimLogin(t.Context(), tenant, "Ann") // of a sign-up that was broken off
	require.NoError(t, err)
	for _, login := range []string{"JDoe", "JDOE", "jdoE", "admin", "Administrator", "ROOT", "System", "support", "KillrChat", "ann"} {
		_, err := w.SignUp(t.Context(), tenant, chattest.NewUser(login))
		requireKind(t, chat.Conflict, err)
		require.ErrorContains(t, err, "the user '"+login+"' already exists")
		_, err = w.store.User(t.Context(), tenant, login)
		requireKind(t, chat.NotFound, err)
	}
	for _, login := range []string{"Ann", "administrator2", "rooted"} {
		_, err := w.SignUp(t.Context(), tenant, chattest.NewUser(login))
		require.NoError(t, err)
	}
	n := chattest.NewUser("queries")
	_, err = w.SignUp(t.Context(), tenant, n)
	requireKind(t, chat.Invalid, err)
}

func TestOfSignUpsThatDifferInCaseOneWins(t *testing.T) {
	w := newWorld(t)
	spellings := []string{"bob", "Bob", "BOB", "bOb", "boB", "BOb"}
	won := 0
	for _, err := range together(len(spellings), func(i int) error {
		_, err := w.SignUp(t.Context(), tenant, chattest.NewUser(spellings[i]))
		return err
	}) {
		if err == nil {
			won++
			continue
		}
		requireKind(t, chat.Conflict, err)
	}
	require.Equal(t, 1, won)
}

// Accounts from before there were claims get theirs, and those that differ only in case stay.
func TestAccountsFromBeforeThereWereClaims(t *testing.T) {
	const tenant = chat.DefaultTenant
	w := newWorld(t)
	for _, login := range []string{"Bob", "bob", "eve"} {
		require.NoError(t, w.store.CreateUser(t.Context(), tenant, chat.User{Person: chat.Person{Login: login}}))
	}
	old := &unclaimed{Stores: w.store, claims: map[string]string{}}
	rd := chat.NewReader(chat.ReaderOptions{Store: old})
	defer rd.Close()
	s := chat.NewService(chat.Options{Reader: rd, Hasher: chattest.PlainHasher{}})
	defer s.Close()
	for _, login := range []string{"BOB", "Eve", "bob"} {
		_, err := s.SignUp(t.Context(), tenant, chattest.NewUser(login))
		requireKind(t, chat.Conflict, err)
	}
	_, err := s.SignUp(t.Context(), tenant, chattest.NewUser("ann"))
	require.NoError(t, err)
	for _, login := range []string{"Bob", "bob"} {
		_, err := s.User(t.Context(), tenant, login)
		require.NoError(t, err)
	}
}

// unclaimed is a store in which no account has a claim at first.
type unclaimed struct {
	chat.Stores
	mu     sync.Mutex
	claims map[string]string
}

func (u *unclaimed) ClaimLogin(_ context.Context, _ chat.Tenant, login string) (string, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.claims[chat.LoginKey(login)] == "" {
		u.claims[chat.LoginKey(login)] = login
	}
	return u.claims[chat.LoginKey(login)], nil
}

func (u *unclaimed) LoginClaimed(_ context.Context, _ chat.Tenant, login string) (string, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.claims[chat.LoginKey(login)], nil
}

func TestTheLeastLengthOfAPassword(t *testing.T) {
	const composed, apart = "caf\u00e9", "cafe\u0301"
	require.NoError(t, chat.CheckPassword("eight ch", 8))
	for _, short := range []string{"seven c", apart + "123"} {
		err := chat.CheckPassword(short, 8)
		requireKind(t, chat.Invalid, err)
		require.ErrorContains(t, err, "password size must be between 8 and 1024")
		require.NotContains(t, err.Error(), short)
	}
	require.Equal(t, composed, chat.NormalPassword(apart))
}

func TestUnknownUsers(t *testing.T) {
	w := newWorld(t)
	for _, login := range []string{"nobody", "", "a b", "x/y", "\x00abc"} {
		_, err := w.User(t.Context(), tenant, login)
		requireKind(t, chat.NotFound, err)
		var e *chat.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, chat.UserEntity, e.Entity)
		require.Equal(t, login, e.Name)
	}
}

func TestUpdateProfile(t *testing.T) {
	w := newWorld(t)
	jdoe, other := w.user("jdoe"), w.user("other")
	w.room("Dallas", jdoe, other)
	w.post(jdoe, "Dallas", "before")

	_, err := w.UpdateProfile(t.Context(), other, "jdoe", chat.ProfileChange{})
	requireKind(t, chat.Forbidden, err)
	_, err = w.UpdateProfile(t.Context(), other, "nobody", chat.ProfileChange{})
	requireKind(t, chat.NotFound, err)
	_, err = w.UpdateProfile(t.Context(), jdoe, "jdoe", chat.ProfileChange{FirstName: chat.Set(new(""))})
	requireKind(t, chat.Invalid, err)

	v, err := w.UpdateProfile(t.Context(), jdoe, "jdoe", chat.ProfileChange{FirstName: chat.Set(new("Johnny")), Bio: chat.Set(new("new")), Timezone: chat.Set(new("Europe/Zurich"))})
	require.NoError(t, err)
	require.Equal(t, []string{"Dallas"}, v.ChatRooms)
	got, err := w.User(t.Context(), tenant, "jdoe")
	require.NoError(t, err)
	require.Equal(t, v, got)
	require.Equal(t, "hash of secret of jdoe", got.PasswordHash, "a profile has no password")

	johnny := chat.Person{Login: "jdoe", FirstName: "Johnny", LastName: "Last-jdoe"}
	room, err := w.Room(t.Context(), app, "Dallas")
	require.NoError(t, err)
	require.Equal(t, johnny, room.Creator)
	require.Contains(t, room.Participants, johnny)
	require.Equal(t, johnny, w.post(jdoe, "Dallas", "after").Author, "the next message has the new name")
	p, err := w.Messages(t.Context(), jdoe, "Dallas", chat.PageQuery{Limit: 10})
	require.NoError(t, err)
	require.Equal(t, "First-jdoe", p.Messages[1].Author.FirstName, "a message keeps the name it was written under")
}

func TestDeleteUser(t *testing.T) {
	w := newWorld(t)
	jdoe, other := w.user("jdoe"), w.user("other")
	w.room("Dallas", jdoe, other)
	w.room("Houston", other, jdoe)
	w.post(jdoe, "Dallas", "howdy")
	requireKind(t, chat.Forbidden, w.DeleteUser(t.Context(), other, "jdoe"))
	w.events.take()

	require.NoError(t, w.DeleteUser(t.Context(), jdoe, "jdoe"))
	require.Equal(t, []string{"left: jdoe", "message: First-jdoe Last-jdoe leaves the room",
		"left: jdoe", "message: First-jdoe Last-jdoe leaves the room"}, w.events.take())
	_, err := w.User(t.Context(), tenant, "jdoe")
	requireKind(t, chat.Gone, err)
	_, err = w.SignUp(t.Context(), tenant, chattest.NewUser("jdoe"))
	requireKind(t, chat.Conflict, err)
	require.Equal(t, []string{"other"}, w.participants("Dallas"))
	require.Equal(t, []string{"other"}, w.participants("Houston"))
	require.Contains(t, w.contents(other, "Dallas"), "howdy", "what they wrote stays")
	for _, err := range []error{
		w.Join(t.Context(), jdoe, "Dallas", nil),
		func() error { _, err := w.CreateRoom(t.Context(), jdoe, chat.NewRoom{Name: "Austin"}); return err }(),
	} {
		requireKind(t, chat.Gone, err)
	}
	_, err = w.Post(t.Context(), jdoe, "Dallas", chat.NewMessage{Content: new("from beyond")})
	requireKind(t, chat.Forbidden, err)
}

func TestListsOfUsers(t *testing.T) {
	w := newWorld(t)
	for _, l := range []string{"carol", "Alice", "bob"} {
		w.user(l)
	}
	list := func(rg chat.Range) (logins []string, more bool) {
		ps, more, err := w.Users(t.Context(), tenant, rg)
		require.NoError(t, err)
		for _, p := range ps {
			logins = append(logins, p.Login)
		}
		return logins, more
	}
	for _, c := range []struct {
		rg   chat.Range
		want []string
		more bool
	}{
		{chat.Range{Limit: 10}, []string{"Alice", "bob", "carol"}, false},
		{chat.Range{Limit: 3}, []string{"Alice", "bob", "carol"}, false},
		{chat.Range{Limit: 2}, []string{"Alice", "bob"}, true},
		{chat.Range{Limit: 2, After: "Alice"}, []string{"bob", "carol"}, false},
		{chat.Range{Limit: 1, Start: 1}, []string{"bob"}, true},
		{chat.Range{Limit: 1, Start: 1, After: "Alice"}, []string{"carol"}, false},
		{chat.Range{Limit: 1, Start: 3}, nil, false},
		{chat.Range{Limit: 1, Start: 99}, nil, false},
		{chat.Range{Limit: 1, After: "zzz"}, nil, false},
	} {
		got, more := list(c.rg)
		require.Equal(t, c.want, got, "%+v", c.rg)
		require.Equal(t, c.more, more, "%+v", c.rg)
	}
	ps, err := w.People(t.Context(), tenant, []string{"carol", "nobody", "Alice", "carol", ""})
	require.NoError(t, err)
	require.Len(t, ps, 2)
	require.Equal(t, "carol", ps[0].Login)
	require.Equal(t, "Alice", ps[1].Login)
}

func TestAStoreThatIsAwayIsNotHidden(t *testing.T) {
	w := newWorld(t)
	jdoe, other := w.user("jdoe"), w.user("other")
	w.room("Dallas", jdoe)
	attempts := map[string]func() error{
		"CreateUser": func() error { _, err := w.SignUp(t.Context(), tenant, chattest.NewUser("late")); return err },
		"User":       func() error { _, err := w.User(t.Context(), tenant, "jdoe"); return err },
		"CreateRoom": func() error { _, err := w.CreateRoom(t.Context(), jdoe, chat.NewRoom{Name: "Houston"}); return err },
		"Room":       func() error { _, err := w.Room(t.Context(), app, "Dallas"); return err },
		"Join":       func() error { return w.Join(t.Context(), other, "Dallas", nil) },
		"Leave":      func() error { return w.Leave(t.Context(), jdoe, "Dallas", nil) },
		"DeleteRoom": func() error { return w.DeleteRoom(t.Context(), jdoe, "Dallas") },
		"Older": func() error {
			_, err := w.Messages(t.Context(), jdoe, "Dallas", chat.PageQuery{Limit: 1})
			return err
		},
		"Append": func() error {
			_, err := w.Post(t.Context(), jdoe, "Dallas", chat.NewMessage{Content: new("x")})
			return err
		},
		"AppendOnce": func() error {
			_, err := w.Post(t.Context(), jdoe, "Dallas", chat.NewMessage{Content: new("x"), Key: new("k")})
			return err
		},
	}
	w.events.take()
	for call, attempt := range attempts {
		w.store.on(func(_ context.Context, name string) error {
			if name == call {
				return chat.ErrUnavailable(errDisk)
			}
			return nil
		})
		err := attempt()
		requireKind(t, chat.Unavailable, err)
		require.ErrorIs(t, err, errDisk, call)
	}
	require.Empty(t, w.events.take(), "what failed is told nobody")
	w.store.on(nil)
	require.Equal(t, []string{"jdoe"}, w.participants("Dallas"))
	require.Empty(t, w.contents(jdoe, "Dallas"))
}

// Only what a change names is checked and changed, and only while the profile is the one the change was made for.
func TestAProfileIsChangedInPart(t *testing.T) {
	w := newWorld(t)
	jdoe := w.user("jdoe")
	empty, err := w.store.User(t.Context(), tenant, "jdoe")
	require.NoError(t, err)
	empty.FirstName, empty.LastName = "", "" // as accounts of other APIs may be
	require.NoError(t, w.store.UpdateProfile(t.Context(), tenant, empty, nil))

	v, err := w.UpdateProfile(t.Context(), jdoe, "jdoe", chat.ProfileChange{Bio: chat.Set(new("new"))})
	require.NoError(t, err)
	require.Equal(t, "new", *v.Bio)
	_, err = w.UpdateProfile(t.Context(), jdoe, "jdoe", chat.ProfileChange{FirstName: chat.Set(new(""))})
	requireKind(t, chat.Invalid, err)
	_, err = w.UpdateProfile(t.Context(), jdoe, "jdoe", chat.ProfileChange{Bio: chat.Set(nil), Was: &empty})
	requireKind(t, chat.Stale, err)
	v, err = w.UpdateProfile(t.Context(), jdoe, "jdoe", chat.ProfileChange{Bio: chat.Set(nil), Was: &v.User})
	require.NoError(t, err)
	require.Nil(t, v.Bio)
}

func TestTimeZones(t *testing.T) {
	for zone, good := range map[string]bool{"Europe/Zurich": true, "UTC": true, "America/Argentina/Ushuaia": true, "": false, "Local": false,
		"Mars/Phobos": false, "../etc/passwd": false, "+02:00": false, "europe/zurich\x00": false} {
		faults := chat.ProfileChange{Timezone: chat.Set(&zone)}.Validate()
		require.Equal(t, good, len(faults) == 0, zone)
	}
	require.Empty(t, chat.ProfileChange{Timezone: chat.Set(nil)}.Validate(), "null means UTC")
}

// Concurrent changes of different members are all kept.
func TestPartsOfAProfileAreChangedAtOnce(t *testing.T) {
	w := newWorld(t)
	jdoe := w.user("jdoe")
	for n := range 20 {
		v := fmt.Sprint("new ", n)
		changes := []chat.ProfileChange{{FirstName: chat.Set(&v)}, {LastName: chat.Set(&v)}, {Bio: chat.Set(&v)}, {Email: chat.Set(new("a@b.example"))}}
		var g errgroup.Group
		for _, c := range changes {
			g.Go(func() error {
				_, err := w.UpdateProfile(t.Context(), jdoe, "jdoe", c)
				return err
			})
		}
		require.NoError(t, g.Wait())
		u, err := w.User(t.Context(), tenant, "jdoe")
		require.NoError(t, err)
		require.Equal(t, []string{v, v, v}, []string{u.FirstName, u.LastName, *u.Bio})
	}
}
