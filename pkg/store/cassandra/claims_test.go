package cassandra

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/inbox"
	"github.com/confab-chat/confab/pkg/jobs"
	"github.com/confab-chat/confab/pkg/nodes"
)

// lostAnswers are the ways in which the first attempt of a statement may end without an answer.
var lostAnswers = map[string]func(first bool, run func() error) error{
	"after it was applied": func(first bool, run func() error) error {
		err := run()
		if first {
			return gocql.ErrTimeoutNoResponse
		}
		return err
	},
	"and it is never applied": func(first bool, run func() error) error {
		if first {
			return gocql.ErrTimeoutNoResponse
		}
		return run()
	},
	// Its coordinator goes on by itself after verify has looked, so the repetition meets what it did.
	"and it is applied just before the repetition": func(first bool, run func() error) error {
		if first {
			return gocql.ErrTimeoutNoResponse
		}
		_ = run()
		return run()
	},
}

// losing loses the answer of the first attempt of a statement. attempts counts all of them.
func losing(at string, attempts *atomic.Int32, how func(first bool, run func() error) error) func(string, func() error) error {
	return func(statement string, run func() error) error {
		if statement != at {
			return run()
		}
		n := attempts.Add(1)
		if n > 2 {
			return run()
		}
		return how(n == 1, run)
	}
}

// claims are calls that need each lightweight transaction there is, by its name. given prepares; then the call is made
// while the answer of the transaction's first attempt is lost, and has to succeed as if it had not been.
var claims = map[string]struct {
	given func(c *claimCase)
	call  func(c *claimCase)
}{
	"insertUser": {nil, func(c *claimCase) {
		c.NoError(c.s.CreateUser(c.ctx, c.of, chat.User{Person: person("ann"), PasswordHash: "x"}))
	}},
	"insertNode":  {nil, func(c *claimCase) { c.leasesNode(nodes.Lease{}) }},
	"updateNode":  {func(c *claimCase) { c.leasesNode(nodes.Lease{}) }, func(c *claimCase) { c.leasesNode(c.lease) }},
	"insertInbox": {nil, func(c *claimCase) { c.replacesInbox() }},
	"updateInbox": {func(c *claimCase) { c.replacesInbox() }, func(c *claimCase) { c.replacesInbox() }},
	"deleteInbox": {func(c *claimCase) { c.replacesInbox() }, func(c *claimCase) {
		who := chat.Identity{Tenant: c.of, Login: "ann"}
		c.NoError(c.s.RemoveInbox(c.ctx, who))
		now, err := c.s.Inbox(c.ctx, who)
		c.NoError(err)
		c.Zero(now.Version)
	}},
	"insertLogin": {nil, func(c *claimCase) {
		holder, err := c.s.ClaimLogin(c.ctx, c.of, "Ann")
		c.NoError(err)
		c.Equal("Ann", holder)
	}},
	"updateProfile": {givenUser, func(c *claimCase) {
		was, err := c.s.User(c.ctx, c.of, "ann")
		c.NoError(err)
		next := was
		next.Bio = new("new")
		c.NoError(c.s.UpdateProfile(c.ctx, c.of, next, &was))
		c.True(chat.IsKind(c.s.UpdateProfile(c.ctx, c.of, was, &was), chat.Stale))
		c.NoError(c.s.UpdateProfile(c.ctx, c.of, was, nil))
	}},
	"updatePassword": {givenUser, func(c *claimCase) {
		c.NoError(c.s.SetPasswordHash(c.ctx, c.of, "ann", "y", ""))
		u, err := c.s.User(c.ctx, c.of, "ann")
		c.NoError(err)
		c.Equal("y", u.PasswordHash)
	}},
	"endLogins": {givenUser, func(c *claimCase) {
		c.NoError(c.s.EndLogins(c.ctx, c.of, "ann", "z", nil))
		u, err := c.s.User(c.ctx, c.of, "ann")
		c.NoError(err)
		c.Equal("z", u.Epoch)
	}},
	"setDisabled": {givenUser, func(c *claimCase) {
		c.NoError(c.s.EndLogins(c.ctx, c.of, "ann", "z", new(true)))
		u, err := c.s.User(c.ctx, c.of, "ann")
		c.NoError(err)
		c.True(u.Disabled)
	}},
	"rehashPassword": {givenUser, func(c *claimCase) {
		u, err := c.s.User(c.ctx, c.of, "ann")
		c.NoError(err)
		c.NoError(c.s.Rehash(c.ctx, c.of, "ann", u.PasswordHash, "y"))
		u, err = c.s.User(c.ctx, c.of, "ann")
		c.NoError(err)
		c.Equal("y", u.PasswordHash)
	}},
	"markUserErased": {func(c *claimCase) {
		givenUser(c)
		c.NoError(c.s.DeleteUser(c.ctx, c.of, "ann"))
	}, func(c *claimCase) {
		c.NoError(c.s.MarkErased(c.ctx, c.of, "ann"))
		u, err := c.s.User(c.ctx, c.of, "ann")
		c.NoError(err)
		c.True(u.Erased)
	}},
	"markUserDeleted": {givenUser, func(c *claimCase) {
		c.NoError(c.s.DeleteUser(c.ctx, c.of, "ann"))
		u, err := c.s.User(c.ctx, c.of, "ann")
		c.NoError(err)
		c.True(u.Deleted)
	}},
	"insertRoom": {nil, func(c *claimCase) {
		c.NoError(c.s.CreateRoom(c.ctx, c.of, c.room))
		agree(c.t, c.s, c.of, c.room, "creator", true)
	}},
	"readyRoom": {nil, func(c *claimCase) { c.NoError(c.s.CreateRoom(c.ctx, c.of, c.room)) }},
	"setBanner": {givenRoom, func(c *claimCase) {
		c.NoError(c.s.SetBanner(c.ctx, c.of, c.room.Ref(), new("new"), &c.room))
		c.True(chat.IsKind(c.s.SetBanner(c.ctx, c.of, c.room.Ref(), nil, &c.room), chat.Stale))
		c.NoError(c.s.SetBanner(c.ctx, c.of, c.room.Ref(), nil, nil))
	}},
	"setSettings": {givenRoom, func(c *claimCase) {
		for _, title := range []string{"new", ""} {
			r, err := c.s.ChangeSettings(c.ctx, c.of, c.room.Ref(), func(s *chat.RoomSettings) error { s.Title = title; return nil })
			c.NoError(err)
			c.Equal(title, r.Settings.Title)
		}
	}},
	"insertPlace": {givenLimited, func(c *claimCase) {
		changed, err := c.s.Join(c.ctx, c.of, c.room, person("ann"), ids.New())
		c.NoError(err)
		c.True(changed)
		countsMembers(c.t, c.s, c.of, c.room, 2)
	}},
	"deletePlace": {givenLimited, func(c *claimCase) {
		changed, err := c.s.Leave(c.ctx, c.of, c.room, "creator")
		c.NoError(err)
		c.True(changed)
		countsMembers(c.t, c.s, c.of, c.room, 0)
	}},
	"renewPlace": {func(c *claimCase) { // a leave that broke off
		givenLimited(c)
		c.s.db.around.set(crashing(selectPlaces))
		_, err := c.s.Leave(c.ctx, c.of, c.room, "creator")
		c.Error(err)
	}, func(c *claimCase) {
		changed, err := c.s.Join(c.ctx, c.of, c.room, person("creator"), ids.New())
		c.NoError(err)
		c.True(changed)
		countsMembers(c.t, c.s, c.of, c.room, 1)
	}},
	"savePlaces": {func(c *claimCase) {
		c.room.Settings.MaxMembers = 1
		givenRoom(c)
	}, func(c *claimCase) { // it looks for places that nobody has
		_, err := c.s.Join(c.ctx, c.of, c.room, person("ann"), ids.New())
		c.True(chat.IsKind(err, chat.Full), "%v", err)
		countsMembers(c.t, c.s, c.of, c.room, 1)
	}},
	"setCreator": {givenRoom, func(c *claimCase) { c.NoError(c.s.RenameCreator(c.ctx, c.of, c.room.Ref(), c.room.Creator)) }},
	"endRename": {givenRename, func(c *claimCase) {
		c.NoError(c.s.EndRename(c.ctx, c.of, "ann"))
		c.Empty(renamesOf(c.t, c.s, c.of))
	}},
	"addJob": {nil, func(c *claimCase) {
		j, added, err := c.s.AddJob(c.ctx, c.job)
		c.NoError(err)
		c.True(added)
		c.isJob(j)
	}},
	"changeJob": {givenJob, func(c *claimCase) {
		next := c.job
		next.Owner = "owner"
		j, changed, err := c.s.ChangeJob(c.ctx, c.job, next)
		c.NoError(err)
		c.True(changed)
		c.isJob(j)
	}},
	"saveJob": {givenJob, func(c *claimCase) {
		c.job.Done = 7
		saved, err := c.s.SaveJob(c.ctx, c.job)
		c.NoError(err)
		c.True(saved)
		c.isJob(c.job)
	}},
	"removeJob": {givenJob, func(c *claimCase) {
		removed, err := c.s.RemoveJob(c.ctx, c.job)
		c.NoError(err)
		c.True(removed)
	}},
	"setRetention": {givenRoom, func(c *claimCase) { c.NoError(c.s.SetRetention(c.ctx, c.of, c.room.Ref(), chat.Forever)) }},
	"disownRoom":   {givenRoom, func(c *claimCase) { c.NoError(c.s.DisownRoom(c.ctx, c.of, c.room.Ref(), chat.Erased)) }},
	"deleteRoom": {givenRoom, func(c *claimCase) {
		c.NoError(c.s.DeleteRoom(c.ctx, c.of, c.room))
		agree(c.t, c.s, c.of, c.room, "creator", false)
	}},
	"firstJoin": {givenRoom, func(c *claimCase) {
		changed, err := c.s.Join(c.ctx, c.of, c.room, person("ann"), ids.New())
		c.NoError(err)
		c.True(changed)
		agree(c.t, c.s, c.of, c.room, "ann", true)
	}},
	"nextLeave": {givenRoom, func(c *claimCase) {
		changed, err := c.s.Leave(c.ctx, c.of, c.room, "creator")
		c.NoError(err)
		c.True(changed)
		agree(c.t, c.s, c.of, c.room, "creator", false)
	}},
	"nextJoin": {givenLeft, func(c *claimCase) {
		changed, err := c.s.Join(c.ctx, c.of, c.room, person("creator"), ids.New())
		c.NoError(err)
		c.True(changed)
		agree(c.t, c.s, c.of, c.room, "creator", true)
	}},
	"forgetMembership": {givenRoom, func(c *claimCase) {
		c.NoError(c.s.DeleteRoom(c.ctx, c.of, c.room))
		c.NoError(c.s.SweepRoom(c.ctx, chat.Sweep{Tenant: c.of, Room: c.room.Ref(), DeletedAt: time.Now()}, nil))
	}},
	"forgetLeave": {givenLeft, func(c *claimCase) {
		c.NoError(c.s.ForgetTraces(c.ctx, c.of, c.room.Ref(), "creator"))
		m, err := c.s.membership(c.ctx, c.of, c.room.ID, "creator")
		c.NoError(err)
		c.Zero(m.version)
	}},
	"insertKey": {nil, func(c *claimCase) {
		m := chat.Message{ID: ids.New(), Author: person("ann"), Content: "x"}
		first, repeated, err := c.s.AppendOnce(c.ctx, c.room.Log(c.of), "k", m, id.ID{})
		c.NoError(err)
		c.False(repeated)
		c.Equal(m, first)
	}},
	"deleteKey": {givenRoom, func(c *claimCase) {
		_, _, err := c.s.AppendOnce(c.ctx, c.room.Log(c.of), "k", chat.Message{ID: ids.New(), Author: person("ann"), Content: "x"}, id.ID{})
		c.NoError(err)
		c.NoError(c.s.sweepKeys(c.ctx, c.room.Log(c.of), func(int) {}))
	}},
	"insertRemembered": {nil, func(c *claimCase) { c.NoError(c.s.CreateRemembered(c.ctx, c.login)) }},
	"rotateRemembered": {givenRemembered, func(c *claimCase) {
		next := c.login
		next.Token, next.Previous = randomHash(), c.login.Token
		rotated, err := c.s.Rotate(c.ctx, c.login.Token, next)
		c.NoError(err)
		c.True(rotated)
	}},
	"endRemembered": {givenRemembered, func(c *claimCase) {
		c.NoError(c.s.DeleteRemembered(c.ctx, c.login.Series))
		_, err := c.s.Remembered(c.ctx, c.login.Series)
		c.True(chat.IsKind(err, chat.NotFound))
	}},
	"insertSecret": {nil, func(c *claimCase) {
		secret, err := c.s.Secret(c.ctx, string(c.of), []byte("mine"))
		c.NoError(err)
		c.Equal([]byte("mine"), secret)
	}},
	"insertEntry":    {nil, createsEntry},
	"claimEntryName": {nil, createsEntry},
	"readyEntry":     {nil, createsEntry},
	"updateEntry": {createsEntry, func(c *claimCase) {
		x := c.entry()
		x.Value = []byte("new")
		c.NoError(c.s.ReplaceEntry(c.ctx, x))
		c.Equal("new", string(c.entry().Value))
	}},
	"removeEntry":       {createsEntry, deletesEntry},
	"freeEntryName":     {createsEntry, deletesEntry},
	"firstWriteVersion": {nil, grantsRole},
	"nextWriteVersion":  {grantsRole, grantsRole},
	"updateTimes": {nil, func(c *claimCase) {
		_, err := c.s.RemovalTime(c.ctx)
		c.NoError(err)
	}},
	"deleteEpoch": {setsSpan, func(c *claimCase) {
		c.NoError(c.s.deleteWidths(c.ctx, c.room.Log(c.of)))
		epochs, err := c.s.epochs(c.ctx, c.room.Log(c.of))
		c.NoError(err)
		c.Empty(epochs)
	}},
	"claimEpoch": {nil, setsSpan},
	"sealEpoch":  {nil, setsSpan},
	"insertLock": {nil, func(c *claimCase) { c.NoError(c.m.lock(c.ctx)) }},
	"renewLock": {func(c *claimCase) { c.NoError(c.m.lock(c.ctx)) }, func(c *claimCase) {
		c.NoError(c.m.renew(c.ctx))
		c.Equal(int32(2), c.attempts.Load(), "that the lock is ours does not mean that it was renewed")
	}},
	"deleteLock": {func(c *claimCase) { c.NoError(c.m.lock(c.ctx)) }, func(c *claimCase) { c.m.unlock(c.ctx) }},
}

func randomHash() auth.Hash { u := ids.New(); return sha256.Sum256(u[:]) }

type claimCase struct {
	*require.Assertions
	t        *testing.T
	ctx      context.Context
	s        *Store
	m        *migrator
	attempts *atomic.Int32
	of       chat.Tenant
	job      jobs.Job
	lease    nodes.Lease
	room     chat.Room
	login    auth.Remembered
}

func givenUser(c *claimCase) {
	c.NoError(c.s.CreateUser(c.ctx, c.of, chat.User{Person: person("ann"), PasswordHash: "x"}))
}

func givenRoom(c *claimCase) { c.NoError(c.s.CreateRoom(c.ctx, c.of, c.room)) }

func givenLimited(c *claimCase) {
	c.room.Settings.MaxMembers = 2
	givenRoom(c)
}

func givenRename(c *claimCase) {
	c.NoError(c.s.db.exec(c.ctx, oldRename, shardOf("ann"), string(c.of), "ann", uuid(c.room.ID)))
}

func givenJob(c *claimCase) {
	j, _, err := c.s.AddJob(c.ctx, c.job)
	c.NoError(err)
	c.job = j
}

// isJob requires that a job is stored so, and found.
func (c *claimCase) isJob(want jobs.Job) {
	j, err := c.s.Job(c.ctx, want.Ref)
	c.NoError(err)
	c.Equal(want, j)
	due, err := c.s.DueJobs(c.ctx, 10)
	c.NoError(err)
	c.Equal([]jobs.Job{want}, due[c.of])
}

// leasesNode takes a number that was free, or was leased until now.
func (c *claimCase) leasesNode(was nodes.Lease) {
	if was.Owner == "" {
		was.Node = int(lastNode.Add(1))
	}
	want := nodes.Lease{Node: was.Node, Owner: "us", Until: was.Until + 1}
	var err error
	c.lease, err = c.s.LeaseNode(c.ctx, was, want)
	c.NoError(err)
	c.Equal(want, c.lease)
	all, err := c.s.NodeLeases(c.ctx)
	c.NoError(err)
	c.Contains(all, want)
}

// lastNode is the number that a case has leased last: they have one table for all tenants.
var lastNode atomic.Int32

func givenLeft(c *claimCase) {
	givenRoom(c)
	_, err := c.s.Leave(c.ctx, c.of, c.room, "creator")
	c.NoError(err)
}

func givenRemembered(c *claimCase) { c.NoError(c.s.CreateRemembered(c.ctx, c.login)) }

func grantsRole(c *claimCase) {
	c.NoError(c.s.GrantRole(c.ctx, c.of, "ann", "admin"))
	roles, err := c.s.Roles(c.ctx, c.of, "ann")
	c.NoError(err)
	c.Equal([]string{"admin"}, roles)
}

func (c *claimCase) entry() directory.Entry {
	x, err := c.s.EntryNamed(c.ctx, string(c.of), "ann")
	c.NoError(err)
	return x
}

// replacesInbox replaces the state of a mailbox, whatever it is.
func (c *claimCase) replacesInbox() {
	who := chat.Identity{Tenant: c.of, Login: "ann"}
	was, err := c.s.Inbox(c.ctx, who)
	c.NoError(err)
	next := inbox.Cell{Version: was.Version, Value: []byte{byte(was.Version)}}
	done, err := c.s.ReplaceInbox(c.ctx, who, next)
	c.NoError(err)
	c.True(done)
	now, err := c.s.Inbox(c.ctx, who)
	c.NoError(err)
	next.Version++
	c.Equal(next, now)
}

func createsEntry(c *claimCase) {
	x := directory.Entry{Space: string(c.of), ID: ids.New(), Name: "ann", Value: []byte("x"), Version: 1}
	c.NoError(c.s.CreateEntry(c.ctx, x))
	c.Equal(x, c.entry())
	all, err := c.s.Entries(c.ctx, x.Space, id.ID{}, 10)
	c.NoError(err)
	c.Equal([]directory.Entry{x}, all)
}

func deletesEntry(c *claimCase) {
	c.NoError(c.s.DeleteEntry(c.ctx, string(c.of), c.entry().ID))
	createsEntry(c)
}

func setsSpan(c *claimCase) {
	changed, err := c.s.setSpan(c.ctx, c.room.Log(c.of), time.Hour)
	c.NoError(err)
	c.True(changed)
}

func TestLostAnswers(t *testing.T) {
	t.Parallel()
	texts := statementsOf(t)
	for name, text := range texts {
		if isClaim(text) {
			require.Contains(t, claims, name, "each lightweight transaction needs a case in claims")
		}
	}
	s := own(t)
	for way, how := range lostAnswers {
		t.Run(way, func(t *testing.T) {
			for name, claim := range claims {
				t.Run(name, func(t *testing.T) {
					require.Contains(t, texts, name, "a statement of this package")
					c := &claimCase{Assertions: require.New(t), t: t, ctx: withTimeout(t), s: s, attempts: new(atomic.Int32), of: tenant(),
						room: newRoom("games"), login: auth.Remembered{Series: randomHash(), Token: randomHash(), ExpiresAt: time.Now().Add(time.Hour)}}
					c.login.Tenant, c.login.Login = c.of, "ann"
					c.job = jobs.Job{Ref: jobs.Ref{Tenant: c.of, Kind: "test", Key: "a"}}
					if strings.HasSuffix(name, "Lock") {
						c.m = &migrator{config: sharedConfig, log: slog.New(slog.DiscardHandler), keyed: s.db, owner: gocql.MustRandomUUID(),
							lease: 10, now: time.Now} // a lock that could not be released expires soon
						defer c.m.unlock(c.ctx)
					}
					if claim.given != nil {
						claim.given(c)
					}
					s.db.around.set(losing(texts[name], c.attempts, how))
					defer s.db.around.set(nil)
					claim.call(c)
					if name != "deleteLock" { // a lock that stays ends by itself
						require.NotZero(t, c.attempts.Load(), "the call needs the transaction")
					}
				})
			}
		})
	}
}
