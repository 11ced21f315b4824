// Package store says what a confab server needs kept, as one interface made of
// the narrow ones of pkg/chat and pkg/auth. The guarantees stand there, with each
// method; package storetest checks them. A new store is one new folder that
// passes storetest.
package store

import (
	"context"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/cache"
	"github.com/confab-chat/confab/pkg/chat"
)

// Store is a whole store. All methods may be called concurrently.
//
//nolint:interfacebloat // the sum of narrow ones; no code but the wiring takes it whole
type Store interface {
	chat.UserStore
	chat.RoomStore
	chat.MembershipStore
	chat.MessageStore
	chat.ChangeStore
	chat.DigestStore
	chat.ReadStore
	chat.AvatarStore
	chat.FootprintStore
	chat.EraseStore
	chat.RetentionStore
	chat.Sweeper
	chat.Inventory
	auth.SessionStore
	auth.RememberStore
	auth.TokenStore
	auth.SecretStore
	auth.RoleStore
	auth.Inventory
	cache.Announcements

	// Ping reports whether the store can answer now (Unavailable if not).
	Ping(ctx context.Context) error
	// Close waits for calls under way and releases everything. Afterwards every
	// method answers Unavailable.
	Close() error
}
