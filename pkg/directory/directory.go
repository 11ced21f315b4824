// Package directory is where things are found by name, by id, and in order of creation: organisations, apps, accounts.
//
// A space holds the entries of one kind and owner, such as the accounts of one app. An entry has an id of its own, and
// what belongs to it hangs on the id. So its name may be given to another entry after it, which inherits nothing.
package directory

import (
	"context"
	"strings"

	"github.com/confab-chat/confab/pkg/id"
)

// Entry is a thing in a space.
type Entry struct {
	Space string
	// ID is made by the caller and is never used twice. Entries of a space are ordered by it.
	ID id.ID
	// Name is unique in the space while the entry exists. It never changes.
	Name string
	// Value is what the owner of the space keeps of it.
	Value []byte
	// Version is 1 when the entry is created and rises by one with each ReplaceEntry.
	Version int64
}

// Key is the key by which a store announces (see pkg/cache) that an entry was replaced or deleted.
func Key(space string, u id.ID) string { return "entry\x00" + space + "\x00" + u.String() }

// ParseKey returns the entry that a Key is about.
func ParseKey(key string) (space string, u id.ID, ok bool) {
	part := strings.Split(key, "\x00")
	if len(part) != 3 || part[0] != "entry" {
		return "", id.ID{}, false
	}
	u, err := id.Parse(part[2])
	return part[1], u, err == nil
}

// Store keeps entries. The guarantees at the top of pkg/chat/store.go hold for it too. An entry that CreateEntry or
// DeleteEntry has returned for is, or is not, shown by all methods at once. ReplaceEntry and DeleteEntry announce Key.
type Store interface {
	// CreateEntry stores an entry with Version 1 if its name is free in its space, otherwise Conflict. A store may also return
	// Conflict, for ten days, for an ID that was deleted in the space, as a creation that comes late has to; the name is free
	// then, and EntryNamed says NotFound. Of concurrent calls for one name exactly one succeeds. A name is free again after
	// DeleteEntry.
	CreateEntry(ctx context.Context, e Entry) error
	// Entry returns an entry; NotFound if there is none.
	Entry(ctx context.Context, space string, u id.ID) (Entry, error)
	// EntryNamed returns the entry that has the name now; NotFound if there is none.
	EntryNamed(ctx context.Context, space, name string) (Entry, error)
	// Entries returns entries in order of their ids, after the given one (zero: from the first).
	Entries(ctx context.Context, space string, after id.ID, limit int) ([]Entry, error)
	// NewestEntries returns entries in the reverse order of their ids, before the given one (zero: from the last).
	NewestEntries(ctx context.Context, space string, before id.ID, limit int) ([]Entry, error)
	// ReplaceEntry replaces the value of an entry if its version still is e.Version, and raises the version by one.
	// Otherwise it returns Stale, or NotFound if there is no such entry. Of concurrent calls exactly one succeeds,
	// but two that write the same value may both succeed, with one change, if an answer is lost: a value that counts has to
	// differ from what others make of the same version.
	ReplaceEntry(ctx context.Context, e Entry) error
	// DeleteEntry removes an entry and frees its name. If there is none, it finishes what an earlier call has begun.
	DeleteEntry(ctx context.Context, space string, u id.ID) error
	// EachEntry visits all entries of all spaces; see chat.Inventory.
	EachEntry(ctx context.Context, visit func(Entry) error) error
}
