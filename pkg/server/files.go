package server

import (
	"context"
	"errors"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/files"
	"github.com/confab-chat/confab/pkg/files/buckets"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/store"
)

// cachedFiles bounds the records of files that are cached; each takes up to 2 KiB.
const cachedFiles = 20_000

// openBucket opens the place where the bytes of files are: the one of the settings, or else the store's own.
func openBucket(ctx context.Context, c Config, st store.Store) (files.Bucket, error) {
	if c.Files != "" {
		return buckets.Open(ctx, c.Files, st)
	}
	switch st := st.(type) {
	case interface{ FilesFolder() string }:
		return buckets.Folder(st.FilesFolder())
	case buckets.PieceStore:
		return buckets.Pieces(st), nil
	}
	return nil, errors.New("this store keeps no files itself: say where they are")
}

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
