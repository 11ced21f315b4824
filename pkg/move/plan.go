package move

import (
	"context"

	"github.com/confab-chat/confab/pkg/chat"
)

const (
	// heldLines and heldBytes bound what is held of a room. More messages than that are not sparse, and the widths that a
	// store has by itself will do for them.
	heldLines = 50_000
	heldBytes = 16 << 20
)

// held are the line of a new room and those that follow it, until the log of its messages is planned: a plan needs the
// times of the messages, and comes before the room (chat.LogPlanner).
type held struct {
	number int // of the room's line
	lines  []line
	bytes  int
	bins   []chat.Bin
}

// add holds a line, and reports whether more may follow.
func (h *held) add(l line) bool {
	h.lines = append(h.lines, l)
	if l.Message != nil {
		h.bytes += len(l.Message.Content) + l.Message.Payload.Bytes()
		h.bins = chat.Counted(h.bins, l.Message.ID.Time())
	}
	return len(h.lines) < heldLines && h.bytes < heldBytes
}

// hold begins to hold a room, if a log with its id is new to all servers. Otherwise a server may have cached its widths.
// Whoever creates a room leaves a footprint in it, which outlives the room.
func (im *importer) hold(ctx context.Context, l line) (bool, error) {
	t, r := l.Room.Tenant, l.Room.chat()
	_, err := im.to.Room(ctx, t, r.Name)
	if !chat.IsKind(err, chat.NotFound) {
		return false, err
	}
	creator, err := im.account(ctx, t, r.Creator.Login)
	if err != nil || creator.Erased {
		return false, err
	}
	known, err := im.hasFootprint(ctx, &roomImport{Room: r, tenant: t}, r.Creator.Login)
	if err != nil || known {
		return false, err
	}
	im.held = &held{number: im.lines.number}
	return im.held.add(l), nil
}

// release plans the log of the room that is held, and writes what is held.
func (im *importer) release(ctx context.Context) error {
	h := im.held
	if h == nil {
		return nil
	}
	im.held = nil
	r := h.lines[0].Room
	err := patiently(ctx, func(ctx context.Context) error { return im.to.PlanLog(ctx, r.chat().Log(r.Tenant), h.bins) })
	if err != nil {
		return err
	}
	now := im.lines.number
	im.lines.number = h.number // for errors
	err = im.start(ctx, h.lines[0])
	im.lines.number = now
	for _, l := range h.lines[1:] {
		if err != nil {
			break
		}
		err = im.start(ctx, l)
	}
	return err
}
