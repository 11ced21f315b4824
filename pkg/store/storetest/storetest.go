// Package storetest is the conformance suite of stores. Run checks each guarantee about stored data that the interfaces
// of pkg/chat, pkg/auth, pkg/nodes and pkg/directory state; RunLifecycle checks the behaviour of a closed store.
package storetest

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/store"
)

// Run checks all guarantees of an open store. open returns an open store. It may be shared by all tests and hold data
// of earlier runs, because each test uses its own tenants and hashes. Tests run in parallel. The owner of open closes
// the store (t.Cleanup).
//
// The model-based test makes as many checks as the -rapid.checks flag says, each
// of -rapid.steps operations; with -short a fifth of them.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, group := range []struct {
		name  string
		tests map[string]func(*env)
	}{
		{"Users", userTests},
		{"Rooms", roomTests},
		{"Members", memberTests},
		{"Settings", settingsTests},
		{"Joining", joiningTests},
		{"Places", placeTests},
		{"Lists", listTests},
		{"Messages", messageTests},
		{"Paging", pagingTests},
		{"Keys", keyTests},
		{"Changes", changeTests},
		{"Readings", readingTests},
		{"Digests", digestTests},
		{"Avatars", avatarTests},
		{"Sweeps", sweepTests},
		{"Sessions", sessionTests},
		{"Remembered", rememberedTests},
		{"Tokens", tokenTests},
		{"Secrets", secretTests},
		{"Entries", entryTests},
		{"Inboxes", inboxTests},
		{"Invitations", invitationTests},
		{"Roles", roleTests},
		{"Inventory", inventoryTests},
		{"Erasing", eraseTests},
		{"Retention", retentionTests},
		{"IDs", idTests},
		{"Nodes", nodeTests},
		{"Jobs", jobTests},
		{"Exports", exportTests},
		{"Audit", auditTests},
		{"Announcements", announcementTests},
		{"Registry", registryTests},
		{"Contexts", contextTests},
		{"Model", modelTests},
	} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			for name, test := range group.tests {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test(newEnv(t, open(t)))
				})
			}
		})
	}
}

// racers is how many goroutines claim the same thing concurrently.
const racers = 8

// far is an expiry that no test reaches.
var far = time.Now().Add(1000 * time.Hour).UTC().Truncate(time.Millisecond)

// env is the environment of one test: a store, and a tenant that no other test uses.
type env struct {
	*testing.T
	s      store.Store
	ctx    context.Context
	tenant chat.Tenant
	ids    *id.Generator
}

func newEnv(t *testing.T, s store.Store) *env {
	return &env{T: t, s: s, ctx: t.Context(), tenant: newTenant(), ids: id.NewGenerator(nil)}
}

func newTenant() chat.Tenant { return chat.Tenant(fmt.Sprintf("test-%016x", rand.Uint64())) }

func newHash() (h auth.Hash) {
	for i := 0; i < len(h); i += 8 {
		binary.BigEndian.PutUint64(h[i:], rand.Uint64())
	}
	return h
}

func person(login string) chat.Person {
	return chat.Person{Login: login, FirstName: "First of " + login, LastName: "Last of " + login}
}

func user(login string) chat.User {
	return chat.User{
		Person: person(login), PasswordHash: "$hash$" + login,
		CreatedAt: time.Date(2015, 3, 15, 12, 3, 35, 25e6, time.UTC),
	}
}

func (e *env) room(name string) chat.Room {
	return chat.Room{
		ID: e.ids.New(), Name: name, Creator: person("creator"),
		CreatedAt: time.Date(2016, 2, 29, 23, 59, 59, 999e6, time.UTC),
	}
}

// newRoom creates a room.
func (e *env) newRoom(name string) chat.Room {
	r := e.room(name)
	require.NoError(e, e.s.CreateRoom(e.ctx, e.tenant, r))
	return r
}

func (e *env) join(r chat.Room, logins ...string) {
	for _, login := range logins {
		changed, err := e.s.Join(e.ctx, e.tenant, r, person(login), e.ids.New())
		require.NoError(e, err)
		require.True(e, changed)
	}
}

// newLog returns a log that no other test uses.
func (e *env) newLog() chat.Log { return chat.Log{Tenant: e.tenant, ID: e.ids.New()} }

func (e *env) message(content string) chat.Message {
	return chat.Message{ID: e.ids.New(), Author: person("author"), Content: content}
}

func (e *env) append(l chat.Log, ms ...chat.Message) {
	for _, m := range ms {
		require.NoError(e, e.s.Append(e.ctx, l, m))
	}
}

// isKind requires an *Error of that kind, as every error of a store must be one.
func (e *env) isKind(err error, k chat.Kind) {
	e.Helper()
	var ce *chat.Error
	require.ErrorAs(e, err, &ce)
	require.Equal(e, k.String(), ce.Kind.String(), "%v", err)
	require.NotEmpty(e, ce.Message, "a message for the user")
}

// isAbout is isKind for errors about one thing.
func (e *env) isAbout(err error, k chat.Kind, what chat.Entity) {
	e.Helper()
	e.isKind(err, k)
	var ce *chat.Error
	require.ErrorAs(e, err, &ce)
	require.Equal(e, what, ce.Entity)
}

// race runs n functions concurrently and returns when all are done.
func race(n int, run func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() { <-start; run(i) })
	}
	close(start)
	wg.Wait()
}

// claim runs n claims concurrently and returns which one succeeded. Exactly one must succeed. All others must fail with
// kind.
func (e *env) claim(n int, kind chat.Kind, claim func(i int) error) (winner int) {
	e.Helper()
	errs := make([]error, n)
	race(n, func(i int) { errs[i] = claim(i) })
	winner = -1
	for i, err := range errs {
		if err == nil {
			require.Equal(e, -1, winner, "two claims succeeded")
			winner = i
			continue
		}
		e.isKind(err, kind)
	}
	require.NotEqual(e, -1, winner, "no claim succeeded: %v", errs)
	return winner
}

// once runs n changes concurrently. Exactly one of them must report that it changed something.
func (e *env) once(n int, change func(i int) (bool, error)) (winner int) {
	e.Helper()
	changed, errs := make([]bool, n), make([]error, n)
	race(n, func(i int) { changed[i], errs[i] = change(i) })
	winner = -1
	for i := range n {
		require.NoError(e, errs[i])
		if changed[i] {
			require.Equal(e, -1, winner, "two calls changed it")
			winner = i
		}
	}
	require.NotEqual(e, -1, winner, "no call changed it")
	return winner
}

func ptr[T any](v T) *T { return &v }

// texts are examples of valid texts. The store must return each byte for byte.
var texts = map[string]string{
	"empty":           "",
	"blank":           " \t\r\n ",
	"line separators": "a\u2028b\u2029c\u0085d",
	"controls":        "\x01\x02\x1b[31m\x7f",
	"astral":          "😀 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 👩‍👩‍👧‍👦 \U0010FFFF",
	"normal forms":    "\u00e9 is not e\u0301",
	"direction":       "\u202eright to left\u202c \u0627\u0644\u0639",
	"byte order mark": "\ufeffx\ufffd\uffff",
	"quotes":          `'"; DROP TABLE messages; -- \u0000 \\ $1 ?`,
}
