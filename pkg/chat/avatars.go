package chat

import (
	"context"
	"errors"

	"github.com/confab-chat/confab/pkg/limit"
	"github.com/confab-chat/confab/pkg/picture"
)

// MaxAvatar is the maximum size of an uploaded picture in bytes.
const MaxAvatar = 1 << 20

// SetAvatar makes the middle of a picture, as picture.Cropper cuts it out, the avatar of who. Metadata of the file,
// such as the place where the picture was taken, is not stored.
func (s *Service) SetAvatar(ctx context.Context, who Identity, login string, file []byte) error {
	if err := s.may(who.does(limit.Uploads)); err != nil {
		return err
	}
	if _, err := s.ownUser(ctx, who, login); err != nil {
		return err
	}
	if len(file) > MaxAvatar {
		return &Error{Kind: TooLarge, Entity: AvatarEntity, Message: "a picture is at most 1 MiB"}
	}
	mediaType, data, err := s.pictures.Square(ctx, string(who.Tenant)+"/"+who.Login, file)
	if err != nil {
		return errPicture(err)
	}
	ctx, cancel := changing(ctx)
	defer cancel()
	if err := s.store.SetAvatar(ctx, who.Tenant, login, Avatar{Type: mediaType, Data: data}); err != nil {
		return err
	}
	// If the user was deleted meanwhile, the picture is removed.
	if _, err := s.liveUser(ctx, who.Tenant, login); IsKind(err, Gone) {
		return errors.Join(err, s.store.DeleteAvatar(ctx, who.Tenant, login))
	}
	return nil
}

func errPicture(err error) error {
	var fault string
	switch {
	case errors.Is(err, picture.ErrBusy):
		return &Error{Kind: Unavailable, Entity: AvatarEntity, Message: "too many pictures are being read now; try again in a moment", Cause: busy{err}}
	case errors.Is(err, picture.ErrTooMuch):
		fault = "the picture takes too much to read: send one with fewer pixels, stored in a simpler way"
	case errors.Is(err, picture.ErrUnreadable):
		fault = "the picture cannot be read: send a PNG, JPEG, WebP or GIF"
	default:
		return ended(err)
	}
	return &Error{Kind: Invalid, Entity: AvatarEntity, Message: fault, Faults: []Fault{{Field: "picture", Message: fault}}, Cause: err}
}

// busy is a cause that the log need not have: nothing is wrong with the store, and users must not fill the log.
type busy struct{ error }

func (b busy) Unwrap() error { return b.error }

// Reported implements what the function Reported asks for.
func (busy) Reported() bool { return true }

// Avatar returns a user's picture: NotFound if there is none.
func (s *Service) Avatar(ctx context.Context, t Tenant, login string) (Avatar, error) {
	if !ValidName(login) {
		return Avatar{}, ErrNotFound(AvatarEntity, login)
	}
	return s.store.Avatar(ctx, t, login)
}

// DeleteAvatar removes the avatar of who; repeating it changes nothing.
func (s *Service) DeleteAvatar(ctx context.Context, who Identity, login string) error {
	if err := s.may(who.does(limit.Changes)); err != nil {
		return err
	}
	if _, err := s.ownUser(ctx, who, login); err != nil {
		return err
	}
	ctx, cancel := changing(ctx)
	defer cancel()
	return s.store.DeleteAvatar(ctx, who.Tenant, login)
}
