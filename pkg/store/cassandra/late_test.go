package cassandra

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// A first attempt of each kind of change gets no answer, its caller gives up, a later change is made and answered, and
// only then Cassandra applies the first one. What was answered holds.
func TestALateAttemptUndoesNothing(t *testing.T) {
	t.Parallel()
	s := own(t)
	texts := statementsOf(t)
	room, now := newRoom("games"), time.Now()
	of := tenant()
	l := room.Log(of)
	ctx := withTimeout(t)
	require.NoError(t, s.CreateRoom(ctx, of, room))
	require.NoError(t, s.CreateUser(ctx, of, chat.User{Person: person("ann"), PasswordHash: "0"}))
	message := chat.Message{ID: ids.New(), Author: person("ann"), Content: "x"}
	require.NoError(t, s.Append(ctx, l, message))
	session := auth.Session{Hash: randomHash(), Tenant: of, Login: "ann", CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
	token := auth.APIToken{Hash: randomHash(), Tenant: of, Login: "ann", CreatedAt: now}
	login := auth.Remembered{Series: randomHash(), Tenant: of, Login: "ann", Token: randomHash(), ExpiresAt: now.Add(time.Hour)}
	again := newRoom("created, deleted")
	user := func(first string) chat.User {
		u := chat.User{Person: person("ann")}
		u.FirstName = first
		return u
	}
	change := func(c chat.Change) func(ctx context.Context) error {
		return func(ctx context.Context) error {
			c.ID, c.By = ids.New(), person("ann")
			_, err := s.ChangeMessage(ctx, l, message.ID, func(chat.Message) (chat.Change, error) { return c, nil })
			return err
		}
	}
	edit := func(text string) func(ctx context.Context) error {
		return change(chat.Change{Kind: chat.Edit, Content: text})
	}
	react := func(on bool) func(ctx context.Context) error {
		return change(chat.Change{Kind: chat.React, Emoji: "👍", On: on})
	}
	gone := func(err error) (any, error) {
		if chat.IsKind(err, chat.NotFound) {
			return "gone", nil
		}
		return "there", err
	}
	text := func() (any, error) {
		m, err := s.Message(ctx, l, message.ID)
		return m.Content, err
	}
	for _, x := range []struct {
		held         string // the statement whose first attempt is applied late
		first, later func(ctx context.Context) error
		want         any
		is           func() (any, error)
	}{
		{"setBanner", func(ctx context.Context) error { return s.SetBanner(ctx, of, room.Ref(), new("first"), nil) },
			func(ctx context.Context) error { return s.SetBanner(ctx, of, room.Ref(), new("later"), nil) },
			"later", func() (any, error) {
				r, err := s.Room(ctx, of, room.Name)
				return *r.Banner, err
			}},
		{"setRetention", func(ctx context.Context) error { return s.SetRetention(ctx, of, room.Ref(), chat.Retention(time.Hour)) },
			func(ctx context.Context) error { return s.SetRetention(ctx, of, room.Ref(), chat.Forever) },
			chat.Forever, func() (any, error) {
				r, err := s.Room(ctx, of, room.Name)
				return r.Retention, err
			}},
		{"setCreator", func(ctx context.Context) error {
			return s.RenameCreator(ctx, of, room.Ref(), chat.Person{Login: room.Creator.Login, FirstName: "first"})
		}, func(ctx context.Context) error {
			return s.RenameCreator(ctx, of, room.Ref(), chat.Person{Login: room.Creator.Login, FirstName: "later"})
		}, "later", func() (any, error) {
			r, err := s.Room(ctx, of, room.Name)
			return r.Creator.FirstName, err
		}},
		{"setCreator", func(ctx context.Context) error { return s.RenameCreator(ctx, of, room.Ref(), room.Creator) },
			func(ctx context.Context) error { return s.DisownRoom(ctx, of, room.Ref(), chat.Erased) },
			chat.Erased, func() (any, error) {
				r, err := s.Room(ctx, of, room.Name)
				return r.Creator, err
			}},
		{"updateProfile", func(ctx context.Context) error { return s.UpdateProfile(ctx, of, user("first"), nil) },
			func(ctx context.Context) error { return s.UpdateProfile(ctx, of, user("later"), nil) },
			"later", func() (any, error) {
				u, err := s.User(ctx, of, "ann")
				return u.FirstName, err
			}},
		// Even when the profile is what it was before: that nothing was changed is not what its condition asks.
		{"updateProfile", func(ctx context.Context) error {
			was, err := s.User(ctx, of, "ann")
			require.NoError(t, err)
			return s.UpdateProfile(ctx, of, user("first"), &was)
		}, func(ctx context.Context) error {
			was, err := s.User(ctx, of, "ann")
			require.NoError(t, err)
			require.NoError(t, s.UpdateProfile(ctx, of, user("between"), nil))
			return s.UpdateProfile(ctx, of, was, nil)
		}, "later", func() (any, error) {
			u, err := s.User(ctx, of, "ann")
			return u.FirstName, err
		}},
		{"updatePassword", func(ctx context.Context) error { return s.SetPasswordHash(ctx, of, "ann", "first", "1") },
			func(ctx context.Context) error { return s.SetPasswordHash(ctx, of, "ann", "later", "2") },
			"later", func() (any, error) {
				u, err := s.User(ctx, of, "ann")
				return u.PasswordHash, err
			}},
		{"setDisabled", func(ctx context.Context) error { return s.EndLogins(ctx, of, "ann", "3", new(false)) },
			func(ctx context.Context) error { return s.EndLogins(ctx, of, "ann", "4", new(true)) },
			true, func() (any, error) {
				u, err := s.User(ctx, of, "ann")
				return u.Disabled, err
			}},
		{"insertRole", func(ctx context.Context) error { return s.GrantRole(ctx, of, "ann", "admin") },
			func(ctx context.Context) error { return s.RevokeRole(ctx, of, "ann", "admin") },
			[]string(nil), func() (any, error) { return s.Roles(ctx, of, "ann") }},
		{"deleteRole", func(ctx context.Context) error { return s.RevokeRole(ctx, of, "ann", "admin") },
			func(ctx context.Context) error { return s.GrantRole(ctx, of, "ann", "admin") },
			[]string{"admin"}, func() (any, error) { return s.Roles(ctx, of, "ann") }},
		{"insertAvatar", func(ctx context.Context) error {
			return s.SetAvatar(ctx, of, "ann", chat.Avatar{Type: "image/png", Data: []byte{1}})
		},
			func(ctx context.Context) error {
				return s.SetAvatar(ctx, of, "ann", chat.Avatar{Type: "image/png", Data: []byte{2}})
			},
			[]byte{2}, func() (any, error) {
				a, err := s.Avatar(ctx, of, "ann")
				return a.Data, err
			}},
		{"insertAvatar", func(ctx context.Context) error {
			return s.SetAvatar(ctx, of, "ann", chat.Avatar{Type: "image/png", Data: []byte{1}})
		},
			func(ctx context.Context) error { return s.DeleteAvatar(ctx, of, "ann") },
			"gone", func() (any, error) {
				_, err := s.Avatar(ctx, of, "ann")
				return gone(err)
			}},
		{"setMuted", func(ctx context.Context) error { return s.SetMuted(ctx, of, room.ID, "ann", true) },
			func(ctx context.Context) error { return s.SetMuted(ctx, of, room.ID, "ann", false) },
			false, func() (any, error) {
				all, err := s.Readings(ctx, of, "ann", []id.ID{room.ID})
				return all[room.ID].Muted, err
			}},
		{"setRead", func(ctx context.Context) error { return s.SetRead(ctx, of, room.ID, "bob", message.ID) },
			func(ctx context.Context) error { return s.ForgetReading(ctx, of, room.ID, "bob") },
			chat.Reading{}, func() (any, error) {
				all, err := s.Readings(ctx, of, "bob", []id.ID{room.ID})
				return all[room.ID], err
			}},
		{"firstJoin", func(ctx context.Context) error {
			_, err := s.Join(ctx, of, room, person("eve"), ids.New())
			return err
		}, func(ctx context.Context) error {
			_, err := s.Join(ctx, of, room, person("eve"), ids.New())
			require.NoError(t, err)
			_, err = s.Leave(ctx, of, room, "eve")
			return err
		}, "gone", func() (any, error) {
			_, err := s.Participant(ctx, of, room.ID, "eve")
			return gone(err)
		}},
		{"insertParticipant", func(ctx context.Context) error {
			_, err := s.Join(ctx, of, room, person("eve"), ids.New())
			return err
		}, func(ctx context.Context) error {
			_, err := s.Leave(ctx, of, room, "eve")
			return err
		}, "gone", func() (any, error) {
			_, err := s.Participant(ctx, of, room.ID, "eve")
			return gone(err)
		}},
		{"editMessage", edit("first"), edit("later"), "later", text},
		{"react", react(true), react(false), 0, func() (any, error) {
			m, err := s.Message(ctx, l, message.ID)
			return len(m.Reactions), err
		}},
		{"editMessage", edit("first"), change(chat.Change{Kind: chat.Delete}), "", text},
		{"insertSession", func(ctx context.Context) error { return s.PutSession(ctx, session) },
			func(ctx context.Context) error { return s.DeleteSession(ctx, session.Hash) },
			"gone", func() (any, error) {
				_, err := s.Session(ctx, session.Hash)
				return gone(err)
			}},
		{"insertToken", func(ctx context.Context) error { return s.PutToken(ctx, token) },
			func(ctx context.Context) error { return s.DeleteToken(ctx, token.Hash) },
			"gone", func() (any, error) {
				_, err := s.Token(ctx, token.Hash)
				return gone(err)
			}},
		{"insertRemembered", func(ctx context.Context) error { return s.CreateRemembered(ctx, login) },
			func(ctx context.Context) error {
				require.NoError(t, s.CreateRemembered(ctx, login)) // the repetition
				return s.DeleteRemembered(ctx, login.Series)
			},
			"gone", func() (any, error) {
				_, err := s.Remembered(ctx, login.Series)
				return gone(err)
			}},
		{"insertRoom", func(ctx context.Context) error { return s.CreateRoom(ctx, of, again) },
			func(ctx context.Context) error {
				require.NoError(t, s.CreateRoom(ctx, of, again)) // the repetition
				return s.DeleteRoom(ctx, of, again)
			},
			"gone", func() (any, error) {
				_, err := s.Room(ctx, of, again.Name)
				return gone(err)
			}},
	} {
		t.Run(x.held, func(t *testing.T) {
			require.Contains(t, texts, x.held)
			given, cancel := context.WithCancel(ctx)
			defer cancel()
			held, release, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
			var first atomic.Bool
			s.db.around.set(func(statement string, run func() error) error {
				if statement != texts[x.held] || !first.CompareAndSwap(false, true) {
					return run()
				}
				close(held)
				<-release
				_ = run()
				cancel() // the caller has given up
				return gocql.ErrTimeoutNoResponse
			})
			defer s.db.around.set(nil)
			go func() { ended <- x.first(given) }()
			select {
			case <-held:
			case err := <-ended:
				require.FailNow(t, "the call does not need the statement", "it ended with %v", err)
			}
			require.NoError(t, x.later(ctx))
			close(release)
			require.True(t, chat.IsKind(<-ended, chat.Unavailable), "the first call does not know its outcome")
			is, err := x.is()
			require.NoError(t, err)
			require.Equal(t, x.want, is)
		})
	}
}
