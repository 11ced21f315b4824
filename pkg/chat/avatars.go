package chat

import (
	"context"
	"errors"

	"github.com/confab-chat/confab/pkg/limit"
	"github.com/confab-chat/confab/pkg/picture"
)

// MaxAvatar is the maximum size of an uploaded picture in bytes.
const MaxAvatar = 1 << 20

// SetAvatar makes the middle of a picture, as picture.Decoder cuts it out, the avatar of who. Metadata of the file,
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
	square, err := s.pictures.Square(ctx, string(who.Tenant)+"/"+who.Login, file)
	if err != nil {
		return errPicture(err)
	}
	ctx, cancel := changing(ctx)
	defer cancel()
	err = s.store.SetAvatar(ctx, who.Tenant, login, Avatar{Type: square.Type, Data: square.Data})
	s.cachedAvatars.Forget(who)
	if err != nil {
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
	defer s.cachedAvatars.Forget(who)
	return s.store.DeleteAvatar(ctx, who.Tenant, login)
}

// AvatarTags returns a tag for each of people who has a picture, keyed by login. Another picture has another tag. Tags are
// cached: those of pictures that were changed on other nodes are right after cache.Brief.
func (rd *Reader) AvatarTags(ctx context.Context, t Tenant, people []Person) (map[string]string, error) {
	var whose []Identity
	asked := map[string]bool{"": true, SystemLogin: true}
	for _, p := range people {
		if !asked[p.Login] {
			asked[p.Login] = true
			whose = append(whose, Identity{Tenant: t, Login: p.Login})
		}
	}
	cached, err := rd.cachedAvatars.GetAll(ctx, whose, func(ctx context.Context, missing []Identity) (map[Identity]string, error) {
		logins := make([]string, len(missing))
		for i, who := range missing {
			logins[i] = who.Login
		}
		tags, err := rd.store.AvatarTags(ctx, t, logins)
		all := make(map[Identity]string, len(missing))
		for _, who := range missing {
			all[who] = tags[who.Login]
		}
		return all, err
	})
	tags := make(map[string]string, len(cached))
	for who, tag := range cached {
		if tag != "" {
			tags[who.Login] = tag
		}
	}
	return tags, err
}
