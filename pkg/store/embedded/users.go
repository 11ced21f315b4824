package embedded

import (
	"context"

	"github.com/cockroachdb/pebble/v2"

	"github.com/confab-chat/confab/pkg/chat"
)

// CreateUser implements chat.UserStore.
func (s *Store) CreateUser(ctx context.Context, t chat.Tenant, u chat.User) error {
	if _, err := s.ClaimLogin(ctx, t, u.Login); err != nil {
		return err
	}
	k := userKey(t, u.Login)
	return s.change(ctx, &s.users, k, func(b *pebble.Batch) error {
		for _, taken := range []key{k, deletedUserKey(t, u.Login)} {
			found, err := s.has(taken)
			if err != nil {
				return err
			}
			if found {
				return chat.ErrExists(chat.UserEntity, u.Login)
			}
		}
		set(b, k, encodeUser(u))
		return nil
	})
}

// ClaimLogin implements chat.UserStore.
func (s *Store) ClaimLogin(ctx context.Context, t chat.Tenant, login string) (holder string, err error) {
	if holder, err = s.LoginClaimed(ctx, t, login); err != nil || holder != "" {
		return holder, err
	}
	k := loginKey(t, login)
	err = s.change(ctx, &s.users, k, func(b *pebble.Batch) error {
		if holder, err = s.loginClaimed(k); err != nil || holder != "" {
			return err
		}
		holder = login
		set(b, k, newRecord().text(1, login))
		return nil
	})
	if err != nil {
		return "", err
	}
	return holder, nil
}

// LoginClaimed implements chat.UserStore.
func (s *Store) LoginClaimed(ctx context.Context, t chat.Tenant, login string) (string, error) {
	if err := s.begin(ctx); err != nil {
		return "", err
	}
	defer s.calls.Done()
	return s.loginClaimed(loginKey(t, login))
}

func (s *Store) loginClaimed(k key) (holder string, err error) {
	v, found, err := s.find(k)
	if err != nil || !found {
		return "", err
	}
	err = s.corrupt(decode(v, func(f *field) {
		if f.number == 1 {
			holder = f.text()
		}
	}))
	return holder, err
}

func loginKey(t chat.Tenant, login string) key {
	return table(tableLogin).tenant(t).last(chat.LoginKey(login))
}

// deletedUserKey is the key of a deleted user's login. It is in another table than users, so that lists do not have to
// skip deleted users.
func deletedUserKey(t chat.Tenant, login string) key {
	return table(tableDeletedUser).tenant(t).last(login)
}

// User implements chat.UserStore.
func (s *Store) User(ctx context.Context, t chat.Tenant, login string) (chat.User, error) {
	if err := s.begin(ctx); err != nil {
		return chat.User{}, err
	}
	defer s.calls.Done()
	u, found, err := s.user(t, login)
	if err != nil || found {
		return u, err
	}
	v, deleted, err := s.find(deletedUserKey(t, login))
	if err != nil {
		return chat.User{}, err
	}
	if !deleted {
		return chat.User{}, chat.ErrNotFound(chat.UserEntity, login)
	}
	u, err = decodeDeletedUser(login, v)
	return u, s.corrupt(err)
}

// user reads an account that is not deleted.
func (s *Store) user(t chat.Tenant, login string) (u chat.User, found bool, err error) {
	v, found, err := s.find(userKey(t, login))
	if err != nil || !found {
		return chat.User{}, false, err
	}
	u, err = decodeUser(login, v)
	return u, true, s.corrupt(err)
}

// UsersByLogin implements chat.UserStore.
func (s *Store) UsersByLogin(ctx context.Context, t chat.Tenant, logins []string) (map[string]chat.User, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	users := make(map[string]chat.User, len(logins))
	for _, login := range logins {
		u, found, err := s.user(t, login)
		if err != nil {
			return nil, err
		}
		if found {
			users[login] = u
		}
	}
	return users, nil
}

// Users implements chat.UserStore.
func (s *Store) Users(ctx context.Context, t chat.Tenant, after string, limit int) ([]chat.Person, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	prefix := userKey(t, "")
	var people []chat.Person
	err := s.scan(ctx, prefix, from(prefix, after), func(login, v []byte) (bool, error) {
		u, err := decodeUser(string(login), v)
		people = append(people, u.Person)
		return len(people) < limit, s.corrupt(err)
	})
	return people, err
}

// from returns the key at which a list continues after a name.
func from(prefix key, after string) key {
	if after == "" {
		return prefix
	}
	return prefix.last(after).after()
}

// UpdateProfile implements chat.UserStore.
func (s *Store) UpdateProfile(ctx context.Context, t chat.Tenant, u chat.User, was *chat.User) error {
	return s.changeUser(ctx, t, u.Login, func(now *chat.User) error {
		if was != nil && !chat.SameProfile(*now, *was) {
			return chat.ErrStale(chat.UserEntity, u.Login)
		}
		now.FirstName, now.LastName, now.Email, now.Bio, now.Timezone = u.FirstName, u.LastName, u.Email, u.Bio, u.Timezone
		return nil
	})
}

// SetPasswordHash implements chat.UserStore.
func (s *Store) SetPasswordHash(ctx context.Context, t chat.Tenant, login, hash, epoch string) error {
	return s.changeUser(ctx, t, login, func(now *chat.User) error {
		now.PasswordHash, now.Epoch = hash, epoch
		return nil
	})
}

// EndLogins implements chat.UserStore.
func (s *Store) EndLogins(ctx context.Context, t chat.Tenant, login, epoch string, disabled *bool) error {
	return s.changeUser(ctx, t, login, func(now *chat.User) error {
		now.Epoch = epoch
		if disabled != nil {
			now.Disabled = *disabled
		}
		return nil
	})
}

// Rehash implements chat.UserStore.
func (s *Store) Rehash(ctx context.Context, t chat.Tenant, login, from, to string) error {
	err := s.changeUser(ctx, t, login, func(now *chat.User) error {
		if now.PasswordHash == from {
			now.PasswordHash = to
		}
		return nil
	})
	if chat.IsKind(err, chat.NotFound) {
		return nil
	}
	return err
}

// changeUser changes an account that is there, otherwise NotFound. Nothing is changed if change returns an error.
func (s *Store) changeUser(ctx context.Context, t chat.Tenant, login string, change func(*chat.User) error) error {
	k := userKey(t, login)
	return s.change(ctx, &s.users, k, func(b *pebble.Batch) error {
		u, found, err := s.user(t, login)
		if err != nil {
			return err
		}
		if !found {
			return chat.ErrNotFound(chat.UserEntity, login)
		}
		if err := change(&u); err != nil {
			return err
		}
		set(b, k, encodeUser(u))
		return nil
	})
}

// DeleteUser implements chat.UserStore. For a login that never existed it returns NotFound.
func (s *Store) DeleteUser(ctx context.Context, t chat.Tenant, login string) error {
	k := userKey(t, login)
	return s.change(ctx, &s.users, k, func(b *pebble.Batch) error {
		alive, err := s.has(k)
		if err != nil {
			return err
		}
		if alive {
			remove(b, k)
			remove(b, avatarKey(t, login))
			remove(b, renameKey(t, login))
			removeAll(b, readingsOf(t, login))
			set(b, deletedUserKey(t, login), encodeDeletedUser(chat.User{}))
			return nil
		}
		deleted, err := s.has(deletedUserKey(t, login))
		if err == nil && !deleted {
			err = chat.ErrNotFound(chat.UserEntity, login)
		}
		return err
	})
}
