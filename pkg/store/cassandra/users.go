package cassandra

import (
	"context"

	"github.com/gocql/gocql"

	"github.com/confab-chat/confab/pkg/chat"
)

const (
	insertUser = `INSERT INTO users (tenant, login, claim, first_name, last_name, email, bio, timezone, created_at, password_hash, disabled, bot, deleted)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, false) IF NOT EXISTS`
	selectUserClaim = `SELECT claim FROM users WHERE tenant = ? AND login = ?`
	selectUser      = `SELECT first_name, last_name, email, bio, timezone, created_at, password_hash, epoch, disabled, bot, deleted, erased FROM users WHERE tenant = ? AND login = ?`

	selectUserChange = `SELECT change, deleted, first_name, last_name, email, bio, timezone FROM users WHERE tenant = ? AND login = ?`
	updateProfile    = `UPDATE users SET change = ?, first_name = ?, last_name = ?, email = ?, bio = ?, timezone = ? WHERE tenant = ? AND login = ?
IF deleted = false AND change = ?`
	updatePassword = `UPDATE users SET change = ?, password_hash = ?, epoch = ? WHERE tenant = ? AND login = ? IF deleted = false AND change = ?`
	endLogins      = `UPDATE users SET change = ?, epoch = ? WHERE tenant = ? AND login = ? IF deleted = false AND change = ?`
	setDisabled    = `UPDATE users SET change = ?, epoch = ?, disabled = ? WHERE tenant = ? AND login = ? IF deleted = false AND change = ?`

	rehashPassword  = `UPDATE users SET password_hash = ? WHERE tenant = ? AND login = ? IF password_hash = ?`
	markUserDeleted = `UPDATE users SET deleted = true, claim = null, first_name = null, last_name = null, email = null, bio = null, timezone = null,
created_at = null, password_hash = null, epoch = null, disabled = null, bot = null WHERE tenant = ? AND login = ? IF deleted = false`
	markUserErased = `UPDATE users SET erased = true WHERE tenant = ? AND login = ? IF deleted = true`

	insertUserIndex = `INSERT INTO users_by_tenant (tenant, shard, login) VALUES (?, ?, ?)`
	deleteUserIndex = `DELETE FROM users_by_tenant USING TIMESTAMP ? WHERE tenant = ? AND shard = ? AND login = ?`
	insertLogin     = `INSERT INTO logins (tenant, name, login) VALUES (?, ?, ?) IF NOT EXISTS`
	selectLogin     = `SELECT login FROM logins WHERE tenant = ? AND name = ?`
	listUsers       = `SELECT login FROM users_by_tenant WHERE tenant = ? AND shard = ? AND login > ? AND login <= ? LIMIT ?`
)

// ClaimLogin implements chat.UserStore.
func (s *Store) ClaimLogin(ctx context.Context, t chat.Tenant, login string) (string, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return "", err
	}
	defer end()
	return s.claimLogin(ctx, t, login)
}

func (s *Store) claimLogin(ctx context.Context, t chat.Tenant, login string) (string, error) {
	key := []any{string(t), chat.LoginKey(login)}
	var holder string
	if found, err := s.db.row(ctx, selectLogin, key, &holder); err != nil || found {
		return holder, err
	}
	verify := func(ctx context.Context) (outcome, error) {
		found, err := s.db.decided(ctx, selectLogin, key, &holder)
		switch {
		case err != nil || !found:
			return undecided, err
		case holder == login:
			return applied, nil // by whatever call
		default:
			return rejected, nil
		}
	}
	claimed, err := s.db.decide(ctx, verify, insertLogin, string(t), chat.LoginKey(login), login)
	if err != nil || claimed {
		return login, err
	}
	_, err = s.db.decided(ctx, selectLogin, key, &holder)
	return holder, err
}

// LoginClaimed implements chat.UserStore.
func (s *Store) LoginClaimed(ctx context.Context, t chat.Tenant, login string) (holder string, err error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return "", err
	}
	defer end()
	_, err = s.db.row(ctx, selectLogin, []any{string(t), chat.LoginKey(login)}, &holder)
	return holder, err
}

// CreateUser implements chat.UserStore.
func (s *Store) CreateUser(ctx context.Context, t chat.Tenant, u chat.User) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	if _, err := s.claimLogin(ctx, t, u.Login); err != nil {
		return err
	}
	// The index first: lists skip a login without a user, but a user without an index row would be hidden.
	if err := s.db.exec(ctx, insertUserIndex, string(t), shardOf(u.Login), u.Login); err != nil {
		return err
	}
	claim := gocql.MustRandomUUID()
	verify := func(ctx context.Context) (outcome, error) {
		var kept gocql.UUID
		found, err := s.db.decided(ctx, selectUserClaim, []any{string(t), u.Login}, &kept)
		switch {
		case err != nil || !found:
			return undecided, err
		case kept == claim:
			return applied, nil
		default:
			return rejected, nil
		}
	}
	claimed, err := s.db.decide(ctx, verify, insertUser, string(t), u.Login, claim, u.FirstName, u.LastName,
		optional(u.Email), optional(u.Bio), optional(u.Timezone), u.CreatedAt.UTC(), u.PasswordHash, optionalFlag(u.Disabled), optionalFlag(u.Bot))
	if err == nil && !claimed {
		err = chat.ErrExists(chat.UserEntity, u.Login)
	}
	return err
}

// User implements chat.UserStore.
func (s *Store) User(ctx context.Context, t chat.Tenant, login string) (chat.User, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return chat.User{}, err
	}
	defer end()
	u, found, err := s.user(ctx, t, login)
	if err == nil && !found {
		err = chat.ErrNotFound(chat.UserEntity, login)
	}
	return u, err
}

func (s *Store) user(ctx context.Context, t chat.Tenant, login string) (chat.User, bool, error) {
	u := chat.User{Person: chat.Person{Login: login}}
	found, err := s.db.row(ctx, selectUser, []any{string(t), login},
		&u.FirstName, &u.LastName, &u.Email, &u.Bio, &u.Timezone, &u.CreatedAt, &u.PasswordHash, &u.Epoch, &u.Disabled, &u.Bot, &u.Deleted, &u.Erased)
	if err != nil || !found {
		return chat.User{}, false, err
	}
	return withoutLeftovers(u), true, nil
}

// withoutLeftovers drops what servers of earlier versions leave of an account that they delete.
func withoutLeftovers(u chat.User) chat.User {
	u.Disabled, u.Bot = u.Disabled && !u.Deleted, u.Bot && !u.Deleted
	return u
}

// UsersByLogin implements chat.UserStore.
func (s *Store) UsersByLogin(ctx context.Context, t chat.Tenant, logins []string) (map[string]chat.User, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	return lookUp(ctx, distinct(logins), s.usersIn(t))
}

// usersIn returns the function that reads a user of the tenant who is not deleted.
func (s *Store) usersIn(t chat.Tenant) func(context.Context, string) (chat.User, bool, error) {
	return func(ctx context.Context, login string) (chat.User, bool, error) {
		u, found, err := s.user(ctx, t, login)
		return u, found && !u.Deleted, err
	}
}

// Users implements chat.UserStore.
func (s *Store) Users(ctx context.Context, t chat.Tenant, after string, limit int) ([]chat.Person, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	return named(ctx, s.db.lister(listUsers, t, false, after), limit, s.usersIn(t), func(_ listed, u chat.User) (chat.Person, bool) {
		return u.Person, true
	})
}

// UpdateProfile implements chat.UserStore.
func (s *Store) UpdateProfile(ctx context.Context, t chat.Tenant, u chat.User, was *chat.User) error {
	check := func(now chat.User) error {
		if was != nil && !chat.SameProfile(now, *was) {
			return chat.ErrStale(chat.UserEntity, u.Login)
		}
		return nil
	}
	return s.changeUser(ctx, t, u.Login, check, updateProfile, append(profileOf(u), string(t), u.Login)...)
}

// profileOf binds the columns of a profile in the order of updateProfile.
func profileOf(u chat.User) []any {
	return []any{u.FirstName, u.LastName, replacing(u.Email), replacing(u.Bio), replacing(u.Timezone)}
}

// SetPasswordHash implements chat.UserStore.
func (s *Store) SetPasswordHash(ctx context.Context, t chat.Tenant, login, hash, epoch string) error {
	return s.announcing(ctx, chat.AccountKey(t, login), func() error {
		return s.changeUser(ctx, t, login, nil, updatePassword, hash, epoch, string(t), login)
	})
}

// EndLogins implements chat.UserStore.
func (s *Store) EndLogins(ctx context.Context, t chat.Tenant, login, epoch string, disabled *bool) error {
	return s.announcing(ctx, chat.AccountKey(t, login), func() error {
		if disabled == nil {
			return s.changeUser(ctx, t, login, nil, endLogins, epoch, string(t), login)
		}
		return s.changeUser(ctx, t, login, nil, setDisabled, epoch, *disabled, string(t), login)
	})
}

// Rehash implements chat.UserStore.
func (s *Store) Rehash(ctx context.Context, t chat.Tenant, login, from, to string) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	_, err = s.db.apply(ctx, rehashPassword, to, string(t), login, from)
	return err
}

// changeUser replaces a part of an account (see replace), if check, which gets the profile, has no objection. The error
// is NotFound if the account is deleted.
func (s *Store) changeUser(ctx context.Context, t chat.Tenant, login string, check func(now chat.User) error, statement string, args ...any) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	look := func(ctx context.Context, read rowReader) (change gocql.UUID, err error) {
		now := chat.User{Person: chat.Person{Login: login}}
		found, err := read(ctx, selectUserChange, []any{string(t), login}, &change, &now.Deleted,
			&now.FirstName, &now.LastName, &now.Email, &now.Bio, &now.Timezone)
		if err == nil && (!found || now.Deleted) {
			return gocql.UUID{}, chat.ErrNotFound(chat.UserEntity, login)
		}
		if err == nil && check != nil {
			err = check(now)
		}
		return change, err
	}
	return s.replace(ctx, look, statement, args...)
}

// DeleteUser implements chat.UserStore.
func (s *Store) DeleteUser(ctx context.Context, t chat.Tenant, login string) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	var marked bool
	err = s.announcing(ctx, chat.AccountKey(t, login), func() (err error) {
		marked, err = s.db.apply(ctx, markUserDeleted, string(t), login)
		return err
	})
	if err != nil {
		return err
	}
	if !marked { // deleted already, maybe by an earlier attempt of this call, or never created
		var claim gocql.UUID
		if found, err := s.db.decided(ctx, selectUserClaim, []any{string(t), login}, &claim); err != nil || !found {
			if err == nil {
				err = chat.ErrNotFound(chat.UserEntity, login)
			}
			return err
		}
	}
	return forEach(ctx, 4, func(ctx context.Context, i int) error {
		switch i {
		case 2:
			_, err := s.db.apply(ctx, endRename, shardOf(login), string(t), login)
			return err
		case 0:
			return s.db.exec(ctx, deleteAvatar, s.finalTime(), string(t), login)
		case 1:
			return s.db.exec(ctx, deleteReadings, ticks(s.finalTime()), string(t), login)
		}
		return s.db.exec(ctx, deleteUserIndex, s.finalTime(), string(t), shardOf(login), login)
	})
}
