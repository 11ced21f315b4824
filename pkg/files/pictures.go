package files

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/picture"
)

const (
	// usualBox is the side of the thumbnails of apps' files, if an upload has not said another one.
	usualBox = 170
	// smallPicture is the size up to which a picture of an app is its own thumbnail.
	smallPicture = 10 << 10
)

// putForRoom stores the bytes of an upload to a room. A picture or a film loses its metadata on the way, and what a page needs
// to show a picture is found: one that cannot be shown is Invalid, so that what has the type of a picture is one.
func (s *Service) putForRoom(ctx context.Context, f *File, in *intake) error {
	head, err := in.peek()
	if err != nil {
		return err
	}
	f.Type = picture.Sniff(head)
	film := picture.CanStripVideo(f.Type)
	if !film && !picture.CanStrip(f.Type) {
		return s.put(ctx, f, in)
	}
	if err := s.putStripped(ctx, f, in); err != nil || film {
		return errPicture(err)
	}
	look, err := s.Pictures.Look(ctx, string(f.Tenant)+"/"+f.By, s.picture(ctx, *f))
	if err != nil {
		return errPicture(err)
	}
	f.Type = look.Type
	f.Picture = &Picture{Width: look.Width, Height: look.Height, Preview: look.Preview.Data, PreviewType: look.Preview.Type}
	f.Thumbnail = &Bytes{Type: look.Thumbnail.Type, Size: int64(len(look.Thumbnail.Data))}
	_, err = s.Bucket.Put(ctx, f.thumbnailKey(), bytes.NewReader(look.Thumbnail.Data))
	return err
}

// put stores the bytes of an upload as they are.
func (s *Service) put(ctx context.Context, f *File, in *intake) error {
	head, err := in.peek()
	if err != nil {
		return err
	}
	f.Type = picture.Sniff(head)
	f.Size, err = s.Bucket.Put(ctx, f.key(), in)
	return err
}

// putStripped stores a picture or a film without its metadata.
func (s *Service) putStripped(ctx context.Context, f *File, in *intake) (err error) {
	out, stripped := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = stripped.CloseWithError(guard.Try(func() (err error) {
			if picture.CanStripVideo(f.Type) {
				err = picture.StripVideo(stripped, in)
			} else {
				err = picture.Strip(stripped, in, f.Type)
			}
			if err == nil {
				_, err = io.Copy(io.Discard, in) // what follows the picture is no part of it
			}
			return err
		}))
	}()
	f.Size, err = s.Bucket.Put(ctx, f.key(), out)
	_ = out.CloseWithError(io.ErrClosedPipe) // lets the other end stop if the bucket has failed
	<-ended
	return err
}

// picture is a file for the decoder.
func (s *Service) picture(ctx context.Context, f File) picture.File {
	return picture.File{Size: f.Size, Open: func() (io.ReadCloser, error) { return s.Bucket.Open(ctx, f.key(), 0, f.Size) }}
}

// errPicture returns the error for a picture that is not kept.
func errPicture(err error) error {
	var fault string
	switch {
	case errors.Is(err, picture.ErrBusy):
		return &chat.Error{Kind: chat.Unavailable, Entity: chat.FileEntity, Message: "too many pictures are being read now; try again in a moment",
			Cause: busy{err}}
	case errors.Is(err, picture.ErrTooMuch):
		fault = "the picture takes too much to show: send one with fewer pixels, or send it in an archive"
	case errors.Is(err, picture.ErrUnreadable), errors.Is(err, picture.ErrMalformed):
		fault = "the file is damaged: it begins like a picture (PNG, JPEG, WebP, GIF) or a film (MP4, QuickTime) and cannot be read as one"
	default:
		return err
	}
	return &chat.Error{Kind: chat.Invalid, Entity: chat.FileEntity, Message: fault, Faults: []chat.Fault{{Field: "file", Message: fault}}, Cause: err}
}

// busy is a cause that the log need not have: users must not fill it.
type busy struct{ error }

// Reported makes chat.Reported true.
func (busy) Reported() bool { return true }

// Thumbnail returns the small picture of a file; NotFound if it has none. The caller closes it.
func (s *Service) Thumbnail(ctx context.Context, f File) (*Content, error) {
	if f.Thumbnail == nil || f.Thumbnail.Size == 0 {
		return nil, chat.ErrNotFound(chat.FileEntity, f.UUID)
	}
	return &Content{Bytes: *f.Thumbnail, ctx: ctx, bucket: s.Bucket, key: f.thumbnailKey()}, nil
}

// ThumbnailOfApp returns the small picture of a file of an app, which is made when it is wanted first; of a file that is small
// or no picture that can be read, it is the file itself.
func (s *Service) ThumbnailOfApp(ctx context.Context, f File) (*Content, error) {
	if f.Size <= smallPicture || !picture.CanStrip(f.Type) {
		return s.Open(ctx, f), nil
	}
	if f.Thumbnail == nil {
		made, err := s.makeThumbnail(ctx, f)
		if err != nil {
			return nil, err
		}
		f.Thumbnail = made
	}
	if f.Thumbnail.Size == 0 {
		return s.Open(ctx, f), nil
	}
	return s.Thumbnail(ctx, f)
}

// makeThumbnail makes the thumbnail of a file and keeps it; one of no bytes if it is no picture that can be read.
func (s *Service) makeThumbnail(ctx context.Context, f File) (*Bytes, error) {
	width, height := f.Box.Width, f.Box.Height
	if width == 0 {
		width = usualBox
	}
	if height == 0 {
		height = usualBox
	}
	small, err := s.Pictures.Fit(ctx, string(f.Tenant), s.picture(ctx, f), width, height)
	if err != nil && !errors.Is(err, picture.ErrUnreadable) && !errors.Is(err, picture.ErrTooMuch) {
		return nil, errPicture(err)
	}
	ctx, done := finishing(ctx)
	defer done()
	made := &Bytes{Type: small.Type, Size: int64(len(small.Data))}
	if made.Size > 0 {
		if _, err := s.Bucket.Put(ctx, f.thumbnailKey(), bytes.NewReader(small.Data)); err != nil {
			return nil, err
		}
	}
	_, err = s.records.Change(ctx, f, func(now *File) error {
		if now.Gone {
			return errNotFound(f.UUID)
		}
		now.Thumbnail = made
		return nil
	})
	if chat.IsKind(err, chat.NotFound) {
		err = errors.Join(err, s.Bucket.Delete(ctx, f.thumbnailKey()))
	}
	return made, err
}
