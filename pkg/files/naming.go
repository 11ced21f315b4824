package files

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
)

// abandonedAfter is when a claim whose message is not there may be taken over: its server can store it no more.
const abandonedAfter = time.Minute

// Claim implements chat.Files. The record names the message, and the room's list the file, before the message is stored: what
// breaks off leaves a claim without a message, which the sweep ends, never a message without its file.
func (s *Service) Claim(ctx context.Context, c chat.FileClaim) (chat.Attachment, error) {
	f, err := s.byUUID(ctx, c.Author.Tenant, c.File)
	if err == nil && (f.Room.ID != c.Room.ID || f.By != c.Author.Login) {
		err = errNotFound(c.File)
	}
	if err != nil {
		return chat.Attachment{}, err
	}
	key := keySum(c.Key)
	f, err = s.records.Change(ctx, f, func(now *File) error {
		switch {
		case now.Gone:
			return errNotFound(c.File)
		case now.Message.IsZero(), now.Message == c.Message:
		case key != nil && bytes.Equal(key, now.ClaimKey):
			return errSame
		default:
			if err := s.abandoned(ctx, *now); err != nil {
				return err
			}
		}
		now.Message, now.ClaimKey = c.Message, key
		return nil
	})
	if err != nil && !errors.Is(err, errSame) {
		return chat.Attachment{}, err
	}
	a := chat.Attachment{Name: f.Name, Type: f.Type, Size: f.Size, Thumbnail: f.Thumbnail != nil && f.Thumbnail.Size > 0}
	if f.Picture != nil {
		a.Width, a.Height, a.Preview = f.Picture.Width, f.Picture.Height, f.Picture.Preview
	}
	return a, s.list(ctx, f)
}

// errSame says that a message with the same Idempotency-Key has a file already.
var errSame = errors.New("files: named by an earlier request with the key")

func keySum(key *string) []byte {
	if key == nil {
		return nil
	}
	sum := sha256.Sum256([]byte(*key))
	return sum[:]
}

// abandoned returns Conflict if the message that has claimed a file exists or may still come to be.
func (s *Service) abandoned(ctx context.Context, f File) error {
	named, err := s.named(ctx, f)
	if err == nil && (named || s.Now().Sub(f.Message.Time()) < abandonedAfter) {
		err = &chat.Error{Kind: chat.Conflict, Entity: chat.FileEntity, Name: f.UUID, Message: "another message has this file: upload it once more"}
	}
	return err
}

// list makes sure that the room's list has the file, at the message that the record names.
func (s *Service) list(ctx context.Context, f File) error {
	e := listed(f)
	for {
		err := s.Store.CreateEntry(ctx, e)
		if !chat.IsKind(err, chat.Conflict) {
			return err
		}
		now, err := s.Store.EntryNamed(ctx, e.Space, e.Name)
		if chat.IsKind(err, chat.NotFound) {
			continue
		}
		if err != nil || now.ID == e.ID {
			return err
		}
		if err := s.Store.DeleteEntry(ctx, now.Space, now.ID); err != nil {
			return err
		}
	}
}

// listed is the entry of a file in the list of its room.
func listed(f File) directory.Entry {
	return directory.Entry{Space: roomSpace(f.Room.ID), ID: f.Message, Name: f.UUID, Value: []byte(f.Tenant), Version: 1}
}

// Claimed implements chat.Files.
func (s *Service) Claimed(ctx context.Context, c chat.FileClaim) error {
	f, err := s.byUUID(ctx, c.Author.Tenant, c.File)
	if err == nil && f.Message != c.Message { // the key's first request had claimed it for a message that was not stored
		f, err = s.records.Change(ctx, f, func(now *File) error { now.Message = c.Message; return nil })
		if err == nil {
			err = s.list(ctx, f)
		}
	}
	if err != nil {
		return err
	}
	return s.forgetUpload(ctx, f)
}

// Release implements chat.Files.
func (s *Service) Release(ctx context.Context, c chat.FileClaim) error {
	f, err := s.byUUID(ctx, c.Author.Tenant, c.File)
	if err != nil || f.Message != c.Message {
		return err
	}
	if err := s.Store.DeleteEntry(ctx, roomSpace(f.Room.ID), c.Message); err != nil {
		return err
	}
	_, err = s.records.Change(ctx, f, func(now *File) error {
		if now.Message == c.Message {
			now.Message, now.ClaimKey = id.ID{}, nil
		}
		return nil
	})
	return err
}

// InRoom implements chat.Files.
func (s *Service) InRoom(ctx context.Context, _ chat.Tenant, room, before id.ID, limit int) ([]id.ID, error) {
	es, err := s.Store.NewestEntries(ctx, roomSpace(room), before, limit)
	ids := make([]id.ID, len(es))
	for i, e := range es {
		ids[i] = e.ID
	}
	return ids, err
}
