package cassandra

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/clocktest"
	"github.com/confab-chat/confab/pkg/id"
)

// What decides between two writes of a row; CONTRIBUTING.md says why.
const (
	byTransaction = "transactions" // every write is one
	byVersion     = "version"      // every write carries a version
	byDeletion    = "deletion"     // deletions are dated ahead, as the key never comes again
	byData        = "data"         // every write carries a timestamp that comes from the data
	byCoordinator = "coordinator"  // rows are written once, or their deletion may lose to what is written at the same time
)

var decidedBy = map[string]string{
	"users": byTransaction, "rooms": byTransaction, "memberships": byTransaction, "idempotency_keys": byTransaction,
	"remembered": byTransaction, "secrets": byTransaction, "log_widths": byTransaction, "schema_lock": byTransaction,
	"write_versions": byTransaction, "renames": byTransaction, "times_seen": byTransaction, "logins": byTransaction, "jobs": byTransaction, "node_leases": byTransaction, "room_places": byTransaction,
	"directory_entries": byTransaction, "inbox": byTransaction, "inbox_notes": byDeletion, "directory_names": byTransaction, "directory_by_space": byDeletion, "directory_hours": byCoordinator,
	"roles": byVersion, "avatars": byVersion, "erasures": byVersion, "room_lists": byVersion, "rooms_by_list": byVersion,
	"readings_by_user": byData, "rooms_by_user": byData, "members_by_joining": byData, "rooms_by_joining": byData, "ids_noted": byData,
	"sessions": byDeletion, "sessions_by_user": byDeletion, "remembered_by_user": byDeletion, "tokens": byDeletion, "tokens_by_user": byDeletion,
	"users_by_tenant": byDeletion, "rooms_by_tenant": byDeletion, "participants_by_room": byDeletion, "room_deletions": byDeletion,
	"sweeps": byDeletion, "keys_by_log": byDeletion, "jobs_due": byDeletion,
	"exports": byDeletion, "exports_by_room": byDeletion, "export_parts": byDeletion, "file_pieces": byDeletion,
	"messages": byCoordinator, "message_buckets": byCoordinator, "footprints_by_user": byCoordinator, "width_changes": byCoordinator,
	"announcements": byCoordinator, "servers": byCoordinator, "schema_versions": byCoordinator, "job_periods": byCoordinator, "audit": byCoordinator,
}

var tableOf = regexp.MustCompile(`^(?:INSERT INTO|UPDATE|DELETE(?: \S+)? FROM) (\w+)`)

// Each table has a rule, and each statement keeps to that of its table. None mixes transactions with plain writes.
func TestWhatDecidesBetweenWrites(t *testing.T) {
	house, err := os.ReadFile("../../../CONTRIBUTING.md")
	require.NoError(t, err)
	written := map[string]bool{}
	for name, text := range statementsOf(t) {
		m := tableOf.FindStringSubmatch(text)
		require.NotNil(t, m, text)
		table := m[1]
		written[table] = true
		rule, dated := decidedBy[table], strings.Contains(text, "USING TIMESTAMP")
		require.NotEmpty(t, rule, "%s writes to %s: say what decides between its writes, here and in CONTRIBUTING.md", name, table)
		require.Equal(t, rule == byTransaction, isClaim(text), "%s: transactions and plain writes of one row are not ordered", name)
		switch rule {
		case byVersion, byData:
			require.True(t, dated, "%s needs a timestamp", name)
		case byDeletion:
			require.True(t, dated || !strings.HasPrefix(text, "DELETE"), "%s needs a timestamp", name)
		}
	}
	for table := range decidedBy {
		require.True(t, written[table], "nothing is written to %s", table)
		require.Contains(t, string(house), "`"+table+"`", "the table of competing writes in CONTRIBUTING.md")
	}
}

// A server, and the node of Cassandra it asks, have clocks a minute ahead of another's. What the slower one is answered
// for holds all the same, and so does what the faster one does next.
func TestTheSlowerServerIsNotOverruled(t *testing.T) {
	t.Parallel()
	c := clocktest.New(time.Now()) // as the coordinators', which date what is written once
	fast, slow := ownAt(t, c), own(t)
	slow.setClock(func() time.Time { return c.Now().Add(-time.Minute) })
	type thing struct {
		put, remove func(ctx context.Context, s *Store) error
		there       func(ctx context.Context, s *Store) (bool, error)
		final       bool // it is never written again
	}
	found := func(err error) (bool, error) {
		if chat.IsKind(err, chat.NotFound) {
			return false, nil
		}
		return err == nil, err
	}
	of, room := tenant(), newRoom("games")
	session := auth.Session{Hash: randomHash(), Tenant: of, Login: "ann", CreatedAt: c.Now(), ExpiresAt: c.Now().Add(24 * time.Hour)}
	token := auth.APIToken{Hash: randomHash(), Tenant: of, Login: "ann"}
	read := id.FirstAt(c.Now())
	require.NoError(t, fast.CreateRoom(withTimeout(t), of, room))
	for name, x := range map[string]thing{
		"role": {
			put:    func(ctx context.Context, s *Store) error { return s.GrantRole(ctx, of, "ann", "admin") },
			remove: func(ctx context.Context, s *Store) error { return s.RevokeRole(ctx, of, "ann", "admin") },
			there: func(ctx context.Context, s *Store) (bool, error) {
				all, err := s.Roles(ctx, of, "ann")
				return len(all) > 0, err
			}},
		"avatar": {
			put: func(ctx context.Context, s *Store) error {
				return s.SetAvatar(ctx, of, "ann", chat.Avatar{Type: "image/png", Data: []byte{1}})
			},
			remove: func(ctx context.Context, s *Store) error { return s.DeleteAvatar(ctx, of, "ann") },
			there: func(ctx context.Context, s *Store) (bool, error) {
				_, err := s.Avatar(ctx, of, "ann")
				return found(err)
			}},
		"mute": {
			put:    func(ctx context.Context, s *Store) error { return s.SetMuted(ctx, of, room.ID, "ann", true) },
			remove: func(ctx context.Context, s *Store) error { return s.SetMuted(ctx, of, room.ID, "ann", false) },
			there: func(ctx context.Context, s *Store) (bool, error) {
				all, err := s.Readings(ctx, of, "ann", []id.ID{room.ID})
				return all[room.ID].Muted, err
			}},
		"messages marked as unread": {
			put: func(ctx context.Context, s *Store) error {
				return s.SetBack(ctx, of, room.ID, "dan", chat.Back{To: id.FirstAt(c.Now()), From: id.FirstAt(c.Now())})
			},
			remove: func(ctx context.Context, s *Store) error { return s.SetBack(ctx, of, room.ID, "dan", chat.Back{}) },
			there: func(ctx context.Context, s *Store) (bool, error) {
				all, err := s.Readings(ctx, of, "dan", []id.ID{room.ID})
				return all[room.ID].Back != chat.Back{}, err
			}},
		"what is kept of a room": {
			put:    func(ctx context.Context, s *Store) error { return s.SetMuted(ctx, of, room.ID, "bob", true) },
			remove: func(ctx context.Context, s *Store) error { return s.ForgetReading(ctx, of, room.ID, "bob") },
			there: func(ctx context.Context, s *Store) (bool, error) {
				all, err := s.Readings(ctx, of, "bob", []id.ID{room.ID})
				return all[room.ID] != chat.Reading{}, err
			}},
		"read position": {final: true,
			put:    func(ctx context.Context, s *Store) error { return s.SetRead(ctx, of, room.ID, "eve", read) },
			remove: func(ctx context.Context, s *Store) error { return s.ForgetReading(ctx, of, room.ID, "eve") },
			there: func(ctx context.Context, s *Store) (bool, error) {
				all, err := s.Readings(ctx, of, "eve", []id.ID{room.ID})
				return all[room.ID] != chat.Reading{}, err
			}},
		"membership": {
			put: func(ctx context.Context, s *Store) error {
				_, err := s.Join(ctx, of, room, person("ann"), ids.New())
				return err
			},
			remove: func(ctx context.Context, s *Store) error {
				_, err := s.Leave(ctx, of, room, "ann")
				return err
			},
			there: func(ctx context.Context, s *Store) (bool, error) {
				_, err := s.Participant(ctx, of, room.ID, "ann")
				return found(err)
			}},
		"session": {final: true,
			put:    func(ctx context.Context, s *Store) error { return s.PutSession(ctx, session) },
			remove: func(ctx context.Context, s *Store) error { return s.DeleteSession(ctx, session.Hash) },
			there: func(ctx context.Context, s *Store) (bool, error) {
				_, err := s.Session(ctx, session.Hash)
				return found(err)
			}},
		"token": {final: true,
			put:    func(ctx context.Context, s *Store) error { return s.PutToken(ctx, token) },
			remove: func(ctx context.Context, s *Store) error { return s.DeleteToken(ctx, token.Hash) },
			there: func(ctx context.Context, s *Store) (bool, error) {
				_, err := s.Token(ctx, token.Hash)
				return found(err)
			}},
		"retention": {
			put: func(ctx context.Context, s *Store) error {
				return s.SetRetention(ctx, of, room.Ref(), chat.Forever)
			},
			remove: func(ctx context.Context, s *Store) error {
				return s.SetRetention(ctx, of, room.Ref(), chat.ServerRetention)
			},
			there: func(ctx context.Context, s *Store) (bool, error) {
				r, err := s.Room(ctx, of, room.Name)
				return r.Retention == chat.Forever, err
			}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := withTimeout(t)
			is := func(want bool, what string) {
				t.Helper()
				for _, s := range []*Store{fast, slow} {
					there, err := x.there(ctx, s)
					require.NoError(t, err)
					require.Equal(t, want, there, what)
				}
			}
			require.NoError(t, x.put(ctx, fast))
			is(true, "put by the faster server")
			require.NoError(t, x.remove(ctx, slow))
			is(false, "removed by the slower server")
			if x.final {
				return
			}
			require.NoError(t, x.put(ctx, fast))
			require.NoError(t, x.remove(ctx, fast))
			is(false, "removed by the faster server")
			require.NoError(t, x.put(ctx, slow))
			is(true, "put by the slower server")
		})
	}
}
