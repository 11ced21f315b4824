// Package store defines what a confab server needs from its database.
//
// Store is the whole interface. It is the sum of the narrow interfaces of pkg/chat, pkg/auth, pkg/audit, pkg/directory,
// pkg/inbox, pkg/jobs, pkg/nodes and pkg/cache, which state the guarantees of each method. Package storetest checks these guarantees.
// Registry and Faulty are the parts that only
// the wiring of a server uses. A new store is one new folder that passes storetest.
package store

import (
	"context"
	"fmt"

	"github.com/confab-chat/confab/pkg/audit"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/cache"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/inbox"
	"github.com/confab-chat/confab/pkg/jobs"
	"github.com/confab-chat/confab/pkg/nodes"
)

// Registry lists the running servers that share a store. A store that only one process can open records nothing and
// returns none.
type Registry interface {
	// Beat records that the server of this name runs. n is greater in each call for a server. A name is never reused
	// for another process. The record expires 10 to 20 seconds later.
	Beat(ctx context.Context, server string, n int64) error
	// Beats returns, for each server whose Beat has not expired, the n of the last Beat or of one shortly before it.
	// The caller's own server is included. Of more than a thousand servers it returns a thousand.
	Beats(ctx context.Context) (map[string]int64, error)
}

// Store is a whole store. All methods may be called concurrently.
//
//nolint:interfacebloat // the sum of narrow ones; no code but the wiring takes it whole
type Store interface {
	chat.UserStore
	chat.RoomStore
	chat.MembershipStore
	chat.ListStore
	chat.MessageStore
	chat.LogPlanner
	chat.ChangeStore
	chat.DigestStore
	chat.ReadStore
	chat.AvatarStore
	chat.FootprintStore
	chat.EraseStore
	chat.RetentionStore
	chat.Trimmer
	chat.Inherited
	chat.IDStore
	chat.ExportStore
	chat.Clock
	chat.Sweeper
	chat.Inventory
	auth.SessionStore
	auth.RememberStore
	auth.TokenStore
	auth.SecretStore
	auth.RoleStore
	auth.Inventory
	audit.Store
	directory.Store
	inbox.Store
	cache.Announcements
	jobs.Store
	nodes.Store
	Registry

	// Ping reports whether the store can answer now (Unavailable if not).
	Ping(ctx context.Context) error
	// Close waits for running calls and releases everything. Afterwards every method answers Unavailable.
	Close() error
}

// A Fault is the reason why a store that keeps its data on this machine cannot write. The data can still be read.
type Fault struct {
	Cause error // for the log
	// Restart is true if the store writes again only after a restart of the process. Otherwise it recovers by itself.
	Restart bool
	// What and Todo are sentences for the operator, without names of files.
	What, Todo string
}

func (f *Fault) Error() string { return fmt.Sprintf("%s (%v); %s", f.What, f.Cause, f.Todo) }

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Cause }

// Faulty is a store that reports the faults of its disk.
type Faulty interface {
	// Fault returns why nothing can be written now; nil if the store can write.
	Fault() *Fault
}

// Reported makes chat.Reported true: the store has logged the fault already.
func (f *Fault) Reported() bool { return true }
