package inbox

import (
	"context"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// Cell is a value that is replaced as a whole: the state of a mailbox, or one of its pages.
type Cell struct {
	Number int64 // of a page
	// Version rises with each replacement; 0 for a cell that is not there.
	Version int64
	Value   []byte
}

// Note says at which position of a mailbox a message is.
type Note struct {
	Message  id.ID
	Position int64
}

// Store keeps mailboxes. The guarantees at the top of pkg/chat/store.go hold for it too.
type Store interface {
	// Inbox returns the state of a mailbox; a Cell of Version 0 if there is none.
	Inbox(ctx context.Context, who chat.Identity) (Cell, error)
	// ReplaceInbox replaces the state of a mailbox if its version is still c.Version (0: if there is none), and reports
	// whether it did. The version after it is one greater. Of concurrent calls for one version exactly one succeeds.
	ReplaceInbox(ctx context.Context, who chat.Identity, c Cell) (bool, error)
	// RemoveInbox removes the state of a mailbox, if there is one.
	RemoveInbox(ctx context.Context, who chat.Identity) error
	// EachInbox visits the mailboxes that have a state; see chat.Inventory.
	EachInbox(ctx context.Context, visit func(chat.Identity) error) error

	// InboxPages returns the pages of a mailbox whose numbers are from from on and below to, ascending. Those that are not
	// there are left out.
	InboxPages(ctx context.Context, who chat.Identity, from, to int64) ([]Cell, error)
	// ReplaceInboxPage is ReplaceInbox for the page c.Number.
	ReplaceInboxPage(ctx context.Context, who chat.Identity, c Cell) (bool, error)
	// RemoveInboxPages removes the pages whose numbers are from from on and below to. They are never written anew but by a
	// mailbox that begins anew.
	RemoveInboxPages(ctx context.Context, who chat.Identity, from, to int64) error

	// NoteInbox adds notes. A note of the same message is replaced.
	NoteInbox(ctx context.Context, who chat.Identity, notes []Note) error
	// InboxNotes returns the notes of the messages, in any order. Messages without one are left out.
	InboxNotes(ctx context.Context, who chat.Identity, messages []id.ID) ([]Note, error)
	// RemoveInboxNotes removes all notes of messages from from to to. It may remove those of all messages of the same days.
	RemoveInboxNotes(ctx context.Context, who chat.Identity, from, to id.ID) error
}
