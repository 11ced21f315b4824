package chat

import (
	"context"

	"github.com/confab-chat/confab/pkg/id"
)

// History reads the messages that rooms show, for the delivery of events. It does not check whether a user may read
// them. It shows nothing of a room that is gone. It uses the same cached rooms as Access.
type History struct{ rd *Reader }

// History returns the history of all rooms.
func (rd *Reader) History() History { return History{rd} }

// Older is that of MessageStore.
func (h History) Older(ctx context.Context, p Place, than id.ID, limit int) ([]Message, error) {
	v, there, err := h.of(ctx, p)
	if err != nil || !there {
		return nil, err
	}
	return v.Older(ctx, p.log(), than, limit)
}

// Newer is that of MessageStore.
func (h History) Newer(ctx context.Context, p Place, than id.ID, inclusive bool, limit int) ([]Message, error) {
	v, there, err := h.of(ctx, p)
	if err != nil || !there {
		return nil, err
	}
	return v.Newer(ctx, p.log(), than, inclusive, limit)
}

// MessagesByID is that of ChangeStore.
func (h History) MessagesByID(ctx context.Context, p Place, ids []id.ID) (map[id.ID]Message, error) {
	v, there, err := h.of(ctx, p)
	if err != nil || !there {
		return nil, err
	}
	return v.MessagesByID(ctx, p.log(), ids)
}

// Changes is ReadChanges.
func (h History) Changes(ctx context.Context, p Place, after id.ID, limit int) (ChangePage, error) {
	v, there, err := h.of(ctx, p)
	if err != nil || !there {
		return ChangePage{Next: after}, err
	}
	return ReadChanges(ctx, v, p.log(), after, limit)
}

// ChangesByID is ChangesByID of this package.
func (h History) ChangesByID(ctx context.Context, p Place, ids []id.ID) ([]MessageChange, error) {
	v, there, err := h.of(ctx, p)
	if err != nil || !there {
		return nil, err
	}
	return ChangesByID(ctx, v, p.log(), ids)
}

func (p Place) log() Log { return Log{Tenant: p.Tenant, ID: p.Room.ID} }

func (h History) of(ctx context.Context, p Place) (v shown, there bool, err error) {
	r, err := h.rd.cachedRooms.Get(ctx, roomKey{p.Tenant, p.Room.Name})
	if err == nil && r.ID != p.Room.ID {
		r, err = h.rd.room(ctx, p.Tenant, p.Room.Name) // another node may have created a new room of that name
	}
	if err == nil && r.ID == p.Room.ID {
		return h.rd.shown(r), true, nil
	}
	if IsKind(err, NotFound) {
		err = nil
	}
	return shown{}, false, err
}
