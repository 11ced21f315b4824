// Package store says what a confab server needs kept, as one interface made of
// the narrow ones of pkg/chat and pkg/auth. The guarantees stand there, with each
// method; package storetest checks them. A new store is one new folder that
// passes storetest.
package store

import (
	"context"
	"fmt"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/cache"
	"github.com/confab-chat/confab/pkg/chat"
)

// Registry is where the servers that share a store learn of each other. A store of one process keeps nothing and
// returns none.
type Registry interface {
	// Beat notes that the server of this name runs. n is greater in each call for a server; names are never used for
	// another process. What is noted is forgotten 10 to 20 seconds later.
	Beat(ctx context.Context, server string, n int64) error
	// Beats returns the n of the last Beat, or of one shortly before it, of each server whose Beat is not forgotten, the
	// caller's own included; of very many servers a thousand.
	Beats(ctx context.Context) (map[string]int64, error)
}

// Store is a whole store. All methods may be called concurrently.
//
//nolint:interfacebloat // the sum of narrow ones; no code but the wiring takes it whole
type Store interface {
	chat.UserStore
	chat.RoomStore
	chat.MembershipStore
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
	chat.RenameStore
	chat.Clock
	chat.Sweeper
	chat.Inventory
	auth.SessionStore
	auth.RememberStore
	auth.TokenStore
	auth.SecretStore
	auth.RoleStore
	auth.Inventory
	cache.Announcements
	Registry

	// Ping reports whether the store can answer now (Unavailable if not).
	Ping(ctx context.Context) error
	// Close waits for calls under way and releases everything. Afterwards every
	// method answers Unavailable.
	Close() error
}

// A Fault is why a store that keeps its data on this machine can write nothing. What it holds can be read all the same.
type Fault struct {
	Cause error // for the log
	// Restart says that it writes again only when the process is restarted. Otherwise it does so by itself.
	Restart bool
	// What and Todo are sentences for the operator, without names of files.
	What, Todo string
}

func (f *Fault) Error() string { return fmt.Sprintf("%s (%v); %s", f.What, f.Cause, f.Todo) }

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Cause }

// Faulty is a store that knows the faults of its disk.
type Faulty interface {
	// Fault returns why nothing can be written now; nil if all is well.
	Fault() *Fault
}

// Reported implements what chat.Reported looks for: the store has logged it.
func (f *Fault) Reported() bool { return true }
