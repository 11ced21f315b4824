package embedded

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/cockroachdb/pebble/v2"

	"github.com/confab-chat/confab/pkg/chat"
)

// SetAvatar implements chat.AvatarStore.
func (s *Store) SetAvatar(ctx context.Context, t chat.Tenant, login string, a chat.Avatar) error {
	return s.put(ctx, func(b *pebble.Batch) {
		set(b, avatarKey(t, login), newRecord().text(1, a.Type).bytes(2, a.Data))
	})
}

// Avatar implements chat.AvatarStore.
func (s *Store) Avatar(ctx context.Context, t chat.Tenant, login string) (chat.Avatar, error) {
	if err := s.begin(ctx); err != nil {
		return chat.Avatar{}, err
	}
	defer s.calls.Done()
	v, found, err := s.find(avatarKey(t, login))
	if err == nil && !found {
		err = chat.ErrNotFound(chat.AvatarEntity, login)
	}
	if err != nil {
		return chat.Avatar{}, err
	}
	var a chat.Avatar
	err = decode(v, func(f *field) {
		switch f.number {
		case 1:
			a.Type = f.text()
		case 2:
			a.Data = []byte(f.text())
		}
	})
	return a, s.corrupt(err)
}

// AvatarTags implements chat.AvatarStore. A tag is a hash of the picture.
func (s *Store) AvatarTags(ctx context.Context, t chat.Tenant, logins []string) (map[string]string, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	tags := map[string]string{}
	for _, login := range logins {
		v, found, err := s.find(avatarKey(t, login))
		if err != nil {
			return nil, err
		}
		if found {
			sum := sha256.Sum256(v)
			tags[login] = hex.EncodeToString(sum[:8])
		}
	}
	return tags, nil
}

// DeleteAvatar implements chat.AvatarStore.
func (s *Store) DeleteAvatar(ctx context.Context, t chat.Tenant, login string) error {
	return s.put(ctx, func(b *pebble.Batch) { remove(b, avatarKey(t, login)) })
}
