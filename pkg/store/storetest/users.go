package storetest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

var userTests = map[string]func(*env){
	"create and read": func(e *env) {
		_, err := e.s.User(e.ctx, e.tenant, "jdoe")
		e.isAbout(err, chat.NotFound, chat.UserEntity)

		for name, u := range map[string]chat.User{
			"whole": {
				Person: person("whole"), Email: ptr("jdoe@example.org"), Bio: ptr("likes tea"),
				CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC), PasswordHash: "$argon2id$…",
			},
			"bare":  {Person: chat.Person{Login: "bare"}, CreatedAt: time.UnixMilli(0).UTC()},
			"empty": {Person: person("empty"), Email: ptr(""), Bio: ptr(""), CreatedAt: time.UnixMilli(1).UTC()},
		} {
			require.NoError(e, e.s.CreateUser(e.ctx, e.tenant, u), name)
			got, err := e.s.User(e.ctx, e.tenant, u.Login)
			require.NoError(e, err)
			require.Equal(e, u, got, name)
		}
	},
	"times are kept to the millisecond, in UTC": func(e *env) {
		u := user("jdoe")
		u.CreatedAt = time.Date(2026, 7, 1, 12, 0, 0, 123_456_789, time.FixedZone("CEST", 7200))
		require.NoError(e, e.s.CreateUser(e.ctx, e.tenant, u))
		got, err := e.s.User(e.ctx, e.tenant, "jdoe")
		require.NoError(e, err)
		require.Equal(e, time.Date(2026, 7, 1, 10, 0, 0, 123_000_000, time.UTC), got.CreatedAt)
	},
	"a login is claimed once": func(e *env) {
		winner := e.claim(racers, chat.Conflict, func(i int) error {
			u := user("jdoe")
			u.FirstName = fmt.Sprint(i)
			return e.s.CreateUser(e.ctx, e.tenant, u)
		})
		got, err := e.s.User(e.ctx, e.tenant, "jdoe")
		require.NoError(e, err)
		require.Equal(e, fmt.Sprint(winner), got.FirstName)

		err = e.s.CreateUser(e.ctx, e.tenant, user("jdoe"))
		e.isAbout(err, chat.Conflict, chat.UserEntity)
		again, err := e.s.User(e.ctx, e.tenant, "jdoe")
		require.NoError(e, err)
		require.Equal(e, got, again)
	},
	"logins differ by case and by tenant": func(e *env) {
		other := newTenant()
		require.NoError(e, e.s.CreateUser(e.ctx, e.tenant, user("jdoe")))
		require.NoError(e, e.s.CreateUser(e.ctx, e.tenant, user("JDoe")))
		_, err := e.s.User(e.ctx, other, "jdoe")
		e.isKind(err, chat.NotFound)
		require.NoError(e, e.s.CreateUser(e.ctx, other, user("jdoe")))
	},
	"of logins that differ only in case one has the claim": func(e *env) {
		claimed := func(login string) string {
			holder, err := e.s.LoginClaimed(e.ctx, e.tenant, login)
			require.NoError(e, err)
			return holder
		}
		require.Empty(e, claimed("jdoe"))
		spellings := []string{"jdoe", "JDoe", "JDOE", "jdoE"}
		holders, errs := make([]string, racers), make([]error, racers)
		race(racers, func(i int) { holders[i], errs[i] = e.s.ClaimLogin(e.ctx, e.tenant, spellings[i%len(spellings)]) })
		holder := holders[0]
		require.Contains(e, spellings, holder)
		for i := range racers {
			require.NoError(e, errs[i])
			require.Equal(e, holder, holders[i], spellings[i%len(spellings)])
		}
		for _, s := range spellings {
			require.Equal(e, holder, claimed(s))
			require.NoError(e, e.s.CreateUser(e.ctx, e.tenant, user(s)), "it is the caller who minds")
		}
		require.NoError(e, e.s.CreateUser(e.ctx, e.tenant, user("Ann")))
		require.Equal(e, "Ann", claimed("aNN"), "creating an account claims")
		require.NoError(e, e.s.DeleteUser(e.ctx, e.tenant, "Ann"))
		require.Equal(e, "Ann", claimed("ann"), "for ever")
		other, err := e.s.LoginClaimed(e.ctx, newTenant(), "Ann")
		require.NoError(e, err)
		require.Empty(e, other)
	},
	"text comes back byte for byte": func(e *env) {
		for name, text := range texts {
			u := user("login of " + name)
			u.FirstName, u.LastName, u.Email, u.Bio, u.Timezone = text, text, &text, &text, &text
			require.NoError(e, e.s.CreateUser(e.ctx, e.tenant, u))
			got, err := e.s.User(e.ctx, e.tenant, u.Login)
			require.NoError(e, err)
			require.Equal(e, u, got, name)
		}
	},
	"logins may hold any text": func(e *env) {
		for name, text := range texts {
			if text == "" {
				continue
			}
			require.NoError(e, e.s.CreateUser(e.ctx, e.tenant, user(text)), name)
			got, err := e.s.User(e.ctx, e.tenant, text)
			require.NoError(e, err)
			require.Equal(e, user(text), got, name)
		}
	},
	"several by login": func(e *env) {
		for _, login := range []string{"a", "b", "c"} {
			require.NoError(e, e.s.CreateUser(e.ctx, e.tenant, user(login)))
		}
		require.NoError(e, e.s.DeleteUser(e.ctx, e.tenant, "b"))
		got, err := e.s.UsersByLogin(e.ctx, e.tenant, []string{"c", "a", "b", "nobody", "a"})
		require.NoError(e, err)
		require.Equal(e, map[string]chat.User{"a": user("a"), "c": user("c")}, got)
		got, err = e.s.UsersByLogin(e.ctx, e.tenant, nil)
		require.NoError(e, err)
		require.Empty(e, got)
	},
	"listed in byte order": func(e *env) {
		logins := []string{"A", "Z", "_", "a", "aa", "a\u00e9", "b", "\u00e9", "\uffff", "😀"}
		for i := range logins {
			login := logins[(i*7)%len(logins)] // 7 and 10 have no common divisor: all of them, in another order
			require.NoError(e, e.s.CreateUser(e.ctx, e.tenant, user(login)))
		}
		for _, gone := range []string{"0", "ab", "😁"} {
			require.NoError(e, e.s.CreateUser(e.ctx, e.tenant, user(gone)))
			require.NoError(e, e.s.DeleteUser(e.ctx, e.tenant, gone))
		}
		for _, limit := range []int{1, 3, len(logins), 100} {
			require.Equal(e, logins, pageNames(e, limit, func(after string, limit int) ([]string, error) {
				people, err := e.s.Users(e.ctx, e.tenant, after, limit)
				for _, p := range people {
					require.Equal(e, person(p.Login), p)
				}
				return names(people, func(p chat.Person) string { return p.Login }), err
			}))
		}
		people, err := e.s.Users(e.ctx, e.tenant, "az", 1) // a position that does not exist
		require.NoError(e, err)
		require.Equal(e, []chat.Person{person("a\u00e9")}, people)
	},
	"a profile is replaced only while it is what it was": func(e *env) {
		was := user("jdoe")
		require.NoError(e, e.s.CreateUser(e.ctx, e.tenant, was))
		first, second := user("jdoe"), user("jdoe")
		first.Timezone, second.FirstName = ptr("Europe/Zurich"), "Other"
		require.NoError(e, e.s.UpdateProfile(e.ctx, e.tenant, first, &was))
		e.isAbout(e.s.UpdateProfile(e.ctx, e.tenant, second, &was), chat.Stale, chat.UserEntity)
		got, err := e.s.User(e.ctx, e.tenant, "jdoe")
		require.NoError(e, err)
		require.Equal(e, first, got, "a refused change changes nothing")
		require.NoError(e, e.s.SetPasswordHash(e.ctx, e.tenant, "jdoe", "$new", ""))
		require.NoError(e, e.s.UpdateProfile(e.ctx, e.tenant, was, &first), "a password is no part of the profile")
		// Of concurrent calls that saw the same profile exactly one succeeds.
		e.claim(8, chat.Stale, func(n int) error {
			u := was
			u.LastName = fmt.Sprint("from ", n)
			return e.s.UpdateProfile(e.ctx, e.tenant, u, &was)
		})
		require.NoError(e, e.s.DeleteUser(e.ctx, e.tenant, "jdoe"))
		e.isAbout(e.s.UpdateProfile(e.ctx, e.tenant, second, &was), chat.NotFound, chat.UserEntity)
	},
	"profile and password are changed apart": func(e *env) {
		u := user("jdoe")
		require.NoError(e, e.s.CreateUser(e.ctx, e.tenant, u))
		p := chat.User{Person: chat.Person{Login: "jdoe", FirstName: "New", LastName: ""}, Email: ptr("new@example.org"), Bio: ptr(""), Timezone: ptr("UTC")}
		require.NoError(e, e.s.UpdateProfile(e.ctx, e.tenant, p, nil))
		require.NoError(e, e.s.SetPasswordHash(e.ctx, e.tenant, "jdoe", "$new", "new epoch"))
		want := p
		want.CreatedAt, want.PasswordHash, want.Epoch = u.CreatedAt, "$new", "new epoch"
		got, err := e.s.User(e.ctx, e.tenant, "jdoe")
		require.NoError(e, err)
		require.Equal(e, want, got)

		p.Email, p.Bio, p.Timezone = nil, nil, nil
		require.NoError(e, e.s.UpdateProfile(e.ctx, e.tenant, p, nil))
		got, err = e.s.User(e.ctx, e.tenant, "jdoe")
		require.NoError(e, err)
		require.Nil(e, got.Email)
		require.Nil(e, got.Bio)
		require.Nil(e, got.Timezone)
		require.Equal(e, "$new", got.PasswordHash)

		people, err := e.s.Users(e.ctx, e.tenant, "", 10)
		require.NoError(e, err)
		require.Equal(e, []chat.Person{p.Person}, people)

		for _, from := range []string{"$stale", "$new"} { // of a password that was changed meanwhile, nothing is hashed anew
			require.NoError(e, e.s.Rehash(e.ctx, e.tenant, "jdoe", from, "$rehashed"))
			require.NoError(e, e.s.Rehash(e.ctx, e.tenant, "nobody", from, "$rehashed"))
			got, err = e.s.User(e.ctx, e.tenant, "jdoe")
			require.NoError(e, err)
			require.Equal(e, map[string]string{"$stale": "$new", "$new": "$rehashed"}[from], got.PasswordHash)
			require.Equal(e, "new epoch", got.Epoch)
		}
	},
	"logins are ended, and the account disabled, in one step": func(e *env) {
		u := user("jdoe")
		require.NoError(e, e.s.CreateUser(e.ctx, e.tenant, u))
		is := func(epoch string, disabled bool) {
			e.Helper()
			u.Epoch, u.Disabled = epoch, disabled
			got, err := e.s.User(e.ctx, e.tenant, "jdoe")
			require.NoError(e, err)
			require.Equal(e, u, got)
		}
		require.NoError(e, e.s.EndLogins(e.ctx, e.tenant, "jdoe", "first", nil))
		is("first", false)
		require.NoError(e, e.s.EndLogins(e.ctx, e.tenant, "jdoe", "second", ptr(true)))
		is("second", true)
		require.NoError(e, e.s.EndLogins(e.ctx, e.tenant, "jdoe", "third", nil))
		is("third", true)
		require.NoError(e, e.s.SetPasswordHash(e.ctx, e.tenant, "jdoe", u.PasswordHash, "fourth"))
		is("fourth", true) // a new password enables nobody
		found, err := e.s.UsersByLogin(e.ctx, e.tenant, []string{"jdoe"})
		require.NoError(e, err)
		require.Equal(e, map[string]chat.User{"jdoe": u}, found)
		require.NoError(e, e.s.EndLogins(e.ctx, e.tenant, "jdoe", "fifth", ptr(false)))
		is("fifth", false)

		e.isAbout(e.s.EndLogins(e.ctx, e.tenant, "nobody", "x", nil), chat.NotFound, chat.UserEntity)
		require.NoError(e, e.s.EndLogins(e.ctx, e.tenant, "jdoe", "sixth", ptr(true)))
		require.NoError(e, e.s.DeleteUser(e.ctx, e.tenant, "jdoe"))
		for _, disabled := range []*bool{nil, ptr(true), ptr(false)} {
			e.isAbout(e.s.EndLogins(e.ctx, e.tenant, "jdoe", "x", disabled), chat.NotFound, chat.UserEntity)
		}
		got, err := e.s.User(e.ctx, e.tenant, "jdoe")
		require.NoError(e, err)
		require.Equal(e, chat.User{Person: chat.Person{Login: "jdoe"}, Deleted: true}, got)
		disabled := user("disabled") // as imports create them
		disabled.Disabled, disabled.Bot = true, true
		require.NoError(e, e.s.CreateUser(e.ctx, e.tenant, disabled))
		got, err = e.s.User(e.ctx, e.tenant, "disabled")
		require.NoError(e, err)
		require.Equal(e, disabled, got)
	},
	"what is not there is not changed": func(e *env) {
		e.isAbout(e.s.UpdateProfile(e.ctx, e.tenant, user("jdoe"), nil), chat.NotFound, chat.UserEntity)
		e.isAbout(e.s.SetPasswordHash(e.ctx, e.tenant, "jdoe", "$x", ""), chat.NotFound, chat.UserEntity)
		_, err := e.s.User(e.ctx, e.tenant, "jdoe")
		e.isKind(err, chat.NotFound)
		require.NoError(e, e.s.CreateUser(e.ctx, e.tenant, user("jdoe")))
	},
	"a deleted user keeps the login and nothing else": func(e *env) {
		u := user("jdoe")
		u.Email, u.Bio = ptr("jdoe@example.org"), ptr("bio")
		require.NoError(e, e.s.CreateUser(e.ctx, e.tenant, u))
		for range 2 {
			require.NoError(e, e.s.DeleteUser(e.ctx, e.tenant, "jdoe"))
			got, err := e.s.User(e.ctx, e.tenant, "jdoe")
			require.NoError(e, err)
			require.Equal(e, chat.User{Person: chat.Person{Login: "jdoe"}, Deleted: true}, got)
		}
		e.isAbout(e.s.CreateUser(e.ctx, e.tenant, u), chat.Conflict, chat.UserEntity)
		e.isAbout(e.s.UpdateProfile(e.ctx, e.tenant, u, nil), chat.NotFound, chat.UserEntity)
		e.isAbout(e.s.SetPasswordHash(e.ctx, e.tenant, "jdoe", "$x", ""), chat.NotFound, chat.UserEntity)
		people, err := e.s.Users(e.ctx, e.tenant, "", 10)
		require.NoError(e, err)
		require.Empty(e, people)
		got, err := e.s.User(e.ctx, e.tenant, "jdoe")
		require.NoError(e, err)
		require.Equal(e, chat.User{Person: chat.Person{Login: "jdoe"}, Deleted: true}, got)
	},
	"changes at once do not bring back a deleted user": func(e *env) {
		require.NoError(e, e.s.CreateUser(e.ctx, e.tenant, user("jdoe")))
		race(racers, func(i int) {
			var err error
			switch i % 3 {
			case 0:
				err = e.s.UpdateProfile(e.ctx, e.tenant, user("jdoe"), nil)
			case 1:
				err = e.s.SetPasswordHash(e.ctx, e.tenant, "jdoe", "$x", "")
			default:
				if err := e.s.DeleteUser(e.ctx, e.tenant, "jdoe"); err != nil {
					e.Errorf("DeleteUser: %v", err)
				}
				return
			}
			if err != nil && !chat.IsKind(err, chat.NotFound) {
				e.Errorf("neither done nor NotFound: %v", err)
			}
		})
		got, err := e.s.User(e.ctx, e.tenant, "jdoe")
		require.NoError(e, err)
		require.Equal(e, chat.User{Person: chat.Person{Login: "jdoe"}, Deleted: true}, got)
	},
}

// pageNames reads a whole list page by page and returns its names.
func pageNames(e *env, limit int, page func(after string, limit int) ([]string, error)) []string {
	e.Helper()
	var all []string
	after := ""
	for {
		got, err := page(after, limit)
		require.NoError(e, err)
		require.LessOrEqual(e, len(got), limit)
		all = append(all, got...)
		require.LessOrEqual(e, len(all), 10_000, "a list without end")
		if len(got) < limit {
			return all
		}
		after = got[len(got)-1]
	}
}

func names[T any](rows []T, name func(T) string) []string {
	var s []string
	for _, r := range rows {
		s = append(s, name(r))
	}
	return s
}
