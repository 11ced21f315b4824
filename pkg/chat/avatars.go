package chat

import (
	"bytes"
	"context"
	"errors"
	"image"
	_ "image/gif" // decoders
	"image/jpeg"
	"image/png"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp"
)

// Bounds of avatars.
const (
	// MaxAvatar is the greatest picture that is taken in, in bytes.
	MaxAvatar = 1 << 20
	// AvatarSize is width and height of the picture that is kept, in pixels.
	AvatarSize = 256
	// maxPixels bounds what a small file can make the server decode: 64 MiB.
	maxPixels = 16 << 20
	// maxPictures is how many pictures are decoded at once.
	maxPictures = 2
)

// SetAvatar makes a picture (PNG, JPEG, WebP or GIF, of which the first one) the avatar of who: its middle, in AvatarSize. What
// else was in the file, such as where it was taken, is not kept.
func (s *Service) SetAvatar(ctx context.Context, who Identity, login string, picture []byte) error {
	if _, err := s.ownUser(ctx, who, login); err != nil {
		return err
	}
	if len(picture) > MaxAvatar {
		return &Error{Kind: TooLarge, Entity: AvatarEntity, Message: "a picture is at most 1 MiB"}
	}
	a, err := s.portrait(ctx, picture)
	if err != nil {
		return err
	}
	ctx, cancel := changing(ctx)
	defer cancel()
	if err := s.store.SetAvatar(ctx, who.Tenant, login, a); err != nil {
		return err
	}
	// Who was deleted meanwhile leaves no picture.
	if _, err := s.liveUser(ctx, who.Tenant, login); IsKind(err, Gone) {
		return errors.Join(err, s.store.DeleteAvatar(ctx, who.Tenant, login))
	}
	return nil
}

// Avatar returns a user's picture: NotFound if there is none.
func (s *Service) Avatar(ctx context.Context, t Tenant, login string) (Avatar, error) {
	if !ValidName(login) {
		return Avatar{}, ErrNotFound(AvatarEntity, login)
	}
	return s.store.Avatar(ctx, t, login)
}

// DeleteAvatar removes the avatar of who; repeating it changes nothing.
func (s *Service) DeleteAvatar(ctx context.Context, who Identity, login string) error {
	if _, err := s.ownUser(ctx, who, login); err != nil {
		return err
	}
	ctx, cancel := changing(ctx)
	defer cancel()
	return s.store.DeleteAvatar(ctx, who.Tenant, login)
}

// portrait waits for its turn and makes an avatar of a picture.
func (s *Service) portrait(ctx context.Context, picture []byte) (Avatar, error) {
	select {
	case s.pictures <- struct{}{}:
		defer func() { <-s.pictures }()
	case <-ctx.Done():
		return Avatar{}, ErrUnavailable(ctx.Err())
	}
	return portrait(picture)
}

func portrait(picture []byte) (Avatar, error) {
	bad := func(message string, cause error) (Avatar, error) {
		return Avatar{}, &Error{Kind: Invalid, Entity: AvatarEntity, Message: message, Cause: cause}
	}
	const unreadable = "the picture cannot be read: send a PNG, JPEG, WebP or GIF"
	c, format, err := image.DecodeConfig(bytes.NewReader(picture))
	if err != nil || c.Width <= 0 || c.Height <= 0 {
		return bad(unreadable, err)
	}
	if c.Width > maxPixels/c.Height {
		return bad("the picture has too many pixels", nil)
	}
	img, _, err := image.Decode(bytes.NewReader(picture))
	if err != nil {
		return bad(unreadable, err)
	}
	b := img.Bounds()
	side := min(b.Dx(), b.Dy())
	if side <= 0 {
		return bad(unreadable, nil)
	}
	from := image.Rect(0, 0, side, side).Add(b.Min).Add(image.Pt((b.Dx()-side)/2, (b.Dy()-side)/2))
	small := image.NewNRGBA(image.Rect(0, 0, AvatarSize, AvatarSize))
	draw.CatmullRom.Scale(small, small.Bounds(), img, from, draw.Src, nil)
	if format == "jpeg" {
		upright(small, orientation(picture))
	}
	var out bytes.Buffer
	a := Avatar{Type: "image/png"}
	if small.Opaque() {
		a.Type = "image/jpeg"
		err = jpeg.Encode(&out, small, &jpeg.Options{Quality: 88})
	} else {
		err = png.Encode(&out, small)
	}
	a.Data = out.Bytes()
	return a, err
}
