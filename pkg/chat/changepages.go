package chat

import (
	"context"

	"github.com/confab-chat/confab/pkg/id"
)

// MessageChange is a change of a message of a room, with the message as it is now.
type MessageChange struct {
	ID      id.ID
	Kind    ChangeKind
	Message Message
}

// ChangePage is a part of a room's changes, oldest first.
type ChangePage struct {
	Changes []MessageChange
	// HasMore says that there may be changes after Next. Reading stops after maxEntries entries even if few of them are
	// shown, so a page with HasMore may hold fewer changes than its limit, or none.
	HasMore bool
	// Next is the position to continue from. All changes up to it are on this page or an earlier one, or not shown.
	Next id.ID
}

// maxEntries bounds the entries that are read for one page. An entry is skipped if its message is gone.
const maxEntries = 2000

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

// ReadChanges returns the first limit changes of messages of l that are newer than after. It skips entries whose
// message store does not show, and fills the page with later ones.
func ReadChanges(ctx context.Context, store ChangeReader, l Log, after id.ID, limit int) (ChangePage, error) {
	page := ChangePage{Next: after, HasMore: true}
	for read := 0; page.HasMore && read < maxEntries; {
		// One entry more than fits shows whether there are more.
		entries, err := store.Newer(ctx, ChangesOf(l), page.Next, false, limit+1)
		if err != nil {
			return ChangePage{}, err
		}
		if len(entries) > 0 {
			page.Next = entries[len(entries)-1].ID
		}
		read += len(entries)
		page.HasMore = len(entries) > limit
		changes, err := changesOf(ctx, store, l, entries)
		if err != nil {
			return ChangePage{}, err
		}
		if page.Changes = append(page.Changes, changes...); len(page.Changes) > limit {
			page.Changes = page.Changes[:limit]
			page.Next, page.HasMore = page.Changes[limit-1].ID, true
			break
		}
	}
	return page, nil
}

// changesOf reads the messages of entries and leaves out entries whose message does not exist.
func changesOf(ctx context.Context, store ChangeReader, l Log, entries []Message) ([]MessageChange, error) {
	changes := make([]MessageChange, 0, len(entries))
	var ids []id.ID
	seen := map[id.ID]bool{}
	for _, e := range entries {
		kind, m, ok := ParseEntry(e)
		if !ok {
			continue // an entry of a later version
		}
		changes = append(changes, MessageChange{ID: e.ID, Kind: kind, Message: Message{ID: m}})
		if !seen[m] {
			seen[m] = true
			ids = append(ids, m)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	found, err := store.MessagesByID(ctx, l, ids)
	if err != nil {
		return nil, err
	}
	there := changes[:0]
	for _, c := range changes {
		if m, ok := found[c.Message.ID]; ok {
			c.Message = m
			there = append(there, c)
		}
	}
	return there, nil
}
