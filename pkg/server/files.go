package server

import (
	"context"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// cachedFiles bounds the records of files that are cached; each takes up to 2 KiB.
const cachedFiles = 20_000

// roomsOf is the use cases of rooms for files, which are made before them.
type roomsOf struct{ service **chat.Service }

func (r roomsOf) Access(ctx context.Context, who chat.Identity, room string) (chat.Room, chat.Person, error) {
	return (*r.service).Access(ctx, who, room)
}

func (r roomsOf) Message(ctx context.Context, who chat.Identity, room string, m id.ID) (chat.Message, error) {
	return (*r.service).Message(ctx, who, room, m)
}

func (r roomsOf) MayAttach(ctx context.Context, who chat.Identity, room string, key *string) (chat.Room, error) {
	return (*r.service).MayAttach(ctx, who, room, key)
}
