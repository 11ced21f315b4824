package files

import (
	"context"
	"errors"
	"io"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
)

// byUUID returns a record that is not being removed.
func (s *Service) byUUID(ctx context.Context, t chat.Tenant, uuid string) (File, error) {
	if !isUUID(uuid) {
		return File{}, errNotFound(uuid)
	}
	f, err := s.records.Named(ctx, fileSpace(t), uuid)
	if chat.IsKind(err, chat.NotFound) || err == nil && f.Gone {
		err = errNotFound(uuid)
	}
	return f, err
}

// OfApp returns a file of an app; NotFound if there is none.
func (s *Service) OfApp(ctx context.Context, t chat.Tenant, uuid string) (File, error) {
	f, err := s.byUUID(ctx, t, uuid)
	if err == nil && !f.Room.ID.IsZero() {
		err = errNotFound(uuid)
	}
	return f, err
}

// OfRoom returns a file that was sent to a room, to those to whom its message is shown, and before there is a message to who
// has uploaded it. NotFound for all others.
func (s *Service) OfRoom(ctx context.Context, who chat.Identity, uuid string) (File, error) {
	f, err := s.byUUID(ctx, who.Tenant, uuid)
	if err == nil && f.Message.IsZero() && f.By != who.Login { // a message may name it that another node has posted just now
		s.records.Forget(fileSpace(f.Tenant), f.ID)
		f, err = s.byUUID(ctx, who.Tenant, uuid)
	}
	if err != nil {
		return f, err
	}
	switch {
	case f.Room.ID.IsZero():
		err = errNotFound(uuid)
	case f.Message.IsZero():
		var r chat.Room
		r, _, err = s.Domain.Access(ctx, who, f.Room.Name)
		if err == nil && (r.ID != f.Room.ID || f.By != who.Login) {
			err = errNotFound(uuid)
		}
	default:
		var m chat.Message
		m, err = s.Domain.Message(ctx, who, f.Room.Name, f.Message)
		if err == nil && m.Deleted {
			err = errNotFound(uuid)
		}
	}
	if chat.IsKind(err, chat.Forbidden) || chat.IsKind(err, chat.NotFound) || chat.IsKind(err, chat.Gone) {
		err = errNotFound(uuid)
	}
	return f, err
}

// Record returns the record of a file by its id, also while it is being removed; NotFound if there is none. With ParseKey it
// says whose bytes are in the bucket.
func (s *Service) Record(ctx context.Context, t chat.Tenant, u id.ID) (File, error) {
	return recordOf(ctx, s.Store, t, u)
}

func recordOf(ctx context.Context, st directory.Store, t chat.Tenant, u id.ID) (File, error) {
	e, err := st.Entry(ctx, fileSpace(t), u)
	if err != nil {
		return File{}, err
	}
	return Decode(e)
}

// Content reads the bytes of a file. It implements io.ReadSeeker: what is not read is not fetched.
type Content struct {
	Bytes
	ctx    context.Context //nolint:containedctx // io.Reader has no place for it
	bucket Bucket
	key    string
	at     int64
	open   io.ReadCloser // from at on
}

// Open returns the bytes of a file. The caller closes it. It reads nothing yet.
func (s *Service) Open(ctx context.Context, f File) *Content {
	return &Content{Bytes: Bytes{Type: f.Type, Size: f.Size}, ctx: ctx, bucket: s.Bucket, key: f.key()}
}

// Read implements io.Reader.
func (c *Content) Read(p []byte) (int, error) {
	if c.at >= c.Size {
		return 0, io.EOF
	}
	if c.open == nil {
		in, err := c.bucket.Open(c.ctx, c.key, c.at, c.Size-c.at)
		if err != nil {
			return 0, err
		}
		c.open = in
	}
	n, err := c.open.Read(p)
	c.at += int64(n)
	if errors.Is(err, io.EOF) && c.at < c.Size {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Seek implements io.Seeker.
func (c *Content) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += c.at
	case io.SeekEnd:
		offset += c.Size
	}
	if offset < 0 {
		return c.at, errors.New("files: a position before the beginning")
	}
	if offset != c.at {
		_ = c.Close()
	}
	c.at = offset
	return offset, nil
}

// Close ends reading.
func (c *Content) Close() error {
	if c.open == nil {
		return nil
	}
	err := c.open.Close()
	c.open = nil
	return err
}
