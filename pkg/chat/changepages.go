package chat

import (
	"context"
	"maps"
	"slices"

	"github.com/confab-chat/confab/pkg/id"
)

// MessageChange is a change of a message of a room, with the message as it is now.
type MessageChange struct {
	ID      id.ID
	Kind    ChangeKind
	Message Message
}

// ChangePage is a part of a room's changes, oldest first. Of several changes of one kind of a message that a page covers
// it has only the newest, so its size does not depend on how often something was changed.
type ChangePage struct {
	Changes []MessageChange
	// HasMore says that there may be changes after Next. Reading stops after some maxEntries entries even if few of them are
	// on the page, and when the messages take MaxRead, so a page with HasMore may hold fewer changes than its limit, or none.
	HasMore bool
	// Next is the position to continue from. Each change up to it is on this page or an earlier one, or one of the same kind
	// and message that is newer, or its message is not shown.
	Next id.ID
}

const (
	// maxEntries bounds the entries that are read for one page. An entry adds nothing to the page if its message is gone, or
	// if the page has the message already.
	maxEntries = 2000
	// entriesPage is the least number of entries read in one step.
	entriesPage = 100
	// changedStep is how many messages are read in one step.
	changedStep = 16
)

// Changes returns the changes of messages of a room that are newer than after; who has to be a participant. A limit
// above MaxPage counts as MaxPage.
func (s *Service) Changes(ctx context.Context, who Identity, room string, after id.ID, limit int) (ChangePage, error) {
	r, _, err := s.Access(ctx, who, room)
	if err != nil {
		return ChangePage{}, err
	}
	return ReadChanges(ctx, s.shown(r), r.Log(who.Tenant), after, min(limit, MaxPage))
}

// ChangeReader is what ReadChanges reads.
type ChangeReader interface {
	// Newer is that of MessageStore.
	Newer(ctx context.Context, l Log, than id.ID, inclusive bool, limit int) ([]Message, error)
	// MessagesByID is that of ChangeStore.
	MessagesByID(ctx context.Context, l Log, ids []id.ID) (map[id.ID]Message, error)
}

// ReadChanges returns the first limit changes of messages of l that are newer than after; see ChangePage. It leaves out
// changes whose message store does not show.
func ReadChanges(ctx context.Context, store ChangeReader, l Log, after id.ID, limit int) (ChangePage, error) {
	b := changePage{store: store, log: l, limit: limit, page: ChangePage{Next: after, HasMore: true},
		at: map[changeKey]int{}, messages: map[id.ID]*Message{}}
	step := max(limit+1, entriesPage)
	for read := 0; b.page.HasMore && read < maxEntries; read += step {
		entries, err := store.Newer(ctx, ChangesOf(l), b.page.Next, false, step)
		if err != nil {
			return ChangePage{}, err
		}
		b.page.HasMore = len(entries) == step
		full, err := b.addAll(ctx, entries)
		if err != nil {
			return ChangePage{}, err
		}
		if full {
			b.page.HasMore = true
			break
		}
	}
	slices.SortFunc(b.page.Changes, func(x, y MessageChange) int { return x.ID.Compare(y.ID) })
	return b.page, nil
}

// changeKey is what the changes have in common of which a page has only the newest.
type changeKey struct {
	kind    ChangeKind
	message id.ID
}

// changePage is a page under construction.
type changePage struct {
	store    ChangeReader
	log      Log
	limit    int
	page     ChangePage
	at       map[changeKey]int  // positions in page.Changes
	messages map[id.ID]*Message // that were read; nil: not shown
	size     int                // of the messages in page.Changes
}

// addAll adds entries until one does not fit (full). It sets page.Next to the last entry that is covered.
func (b *changePage) addAll(ctx context.Context, entries []Message) (full bool, err error) {
	for i, e := range entries {
		kind, m, ok := ParseEntry(e)
		if !ok {
			b.page.Next = e.ID // an entry of a later version
			continue
		}
		if _, read := b.messages[m]; !read {
			if err := b.readMessages(ctx, entries[i:]); err != nil {
				return false, err
			}
		}
		key := changeKey{kind, m}
		at, there := b.at[key]
		switch {
		case there:
			b.page.Changes[at].ID = e.ID
		case b.messages[m] == nil:
		case len(b.page.Changes) == b.limit || b.size >= MaxRead:
			return true, nil
		default:
			b.size += b.messages[m].Bytes()
			b.at[key] = len(b.page.Changes)
			b.page.Changes = append(b.page.Changes, MessageChange{ID: e.ID, Kind: kind, Message: *b.messages[m]})
		}
		b.page.Next = e.ID
	}
	return false, nil
}

// readMessages reads the messages of the next entries: a few, and no more than may fit and one more, which shows that the
// page is full.
func (b *changePage) readMessages(ctx context.Context, entries []Message) error {
	var ids []id.ID
	for _, e := range entries {
		if len(ids) > b.limit-len(b.page.Changes) || len(ids) == changedStep {
			break
		}
		_, m, ok := ParseEntry(e)
		if _, read := b.messages[m]; ok && !read {
			b.messages[m] = nil
			ids = append(ids, m)
		}
	}
	found, err := b.store.MessagesByID(ctx, b.log, ids)
	for m, message := range found {
		b.messages[m] = &message
	}
	return err
}

// ChangesByID returns those changes of messages of l that have these IDs, unordered. It leaves out changes whose message
// store does not show.
func ChangesByID(ctx context.Context, store ChangeReader, l Log, ids []id.ID) ([]MessageChange, error) {
	entries, err := store.MessagesByID(ctx, ChangesOf(l), ids)
	if err != nil {
		return nil, err
	}
	var changes []MessageChange
	messages := map[id.ID]bool{}
	for _, e := range entries {
		if kind, m, ok := ParseEntry(e); ok {
			changes = append(changes, MessageChange{ID: e.ID, Kind: kind, Message: Message{ID: m}})
			messages[m] = true
		}
	}
	if len(changes) == 0 {
		return nil, nil
	}
	found, err := store.MessagesByID(ctx, l, slices.Collect(maps.Keys(messages)))
	if err != nil {
		return nil, err
	}
	shown := changes[:0]
	for _, c := range changes {
		if m, ok := found[c.Message.ID]; ok {
			c.Message = m
			shown = append(shown, c)
		}
	}
	return shown, nil
}
