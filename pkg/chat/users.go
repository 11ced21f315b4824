package chat

import (
	"context"
	"time"
)

// maxChatRooms bounds the rooms a user's entity lists.
const maxChatRooms = 10_000

// Profile is what users say about themselves. Nil is null or absent.
type Profile struct {
	FirstName, LastName *string
	Email, Bio          *string
}

// NewUser is a sign-up.
type NewUser struct {
	Login    *string
	Password *string
	Profile
}

// Validate returns all faults of the sign-up.
func (n NewUser) Validate() []Fault {
	var f faults
	f.name("login", n.Login)
	f.password("password", n.Password)
	return append(f, n.Profile.Validate()...)
}

// Validate returns all faults of the profile.
func (p Profile) Validate() []Fault {
	var f faults
	f.person("firstname", p.FirstName)
	f.person("lastname", p.LastName)
	f.email("email", p.Email)
	f.text("bio", p.Bio)
	return f
}

// UserView is a user with the names of the rooms they are in, ascending.
type UserView struct {
	User
	ChatRooms []string
}

// SignUp creates an account; Invalid with all faults, or Conflict if the login is taken. SystemLogin is always taken.
func (s *Service) SignUp(ctx context.Context, t Tenant, n NewUser) (UserView, error) {
	if err := Faulty(UserEntity, n.Validate()); err != nil {
		return UserView{}, err
	}
	if *n.Login == SystemLogin {
		return UserView{}, ErrExists(UserEntity, SystemLogin)
	}
	// Check before the costly hash; CreateUser decides.
	switch _, err := s.store.User(ctx, t, *n.Login); {
	case err == nil:
		return UserView{}, ErrExists(UserEntity, *n.Login)
	case !IsKind(err, NotFound):
		return UserView{}, err
	}
	hash, err := s.hasher.Hash(ctx, *n.Password)
	if err != nil {
		return UserView{}, ErrUnavailable(err)
	}
	u := User{
		Person: Person{Login: *n.Login, FirstName: *n.FirstName, LastName: *n.LastName},
		Email:  n.Email, Bio: n.Bio, PasswordHash: hash,
		CreatedAt: s.now().UTC().Truncate(time.Millisecond),
	}
	ctx, cancel := changing(ctx)
	defer cancel()
	if err := s.store.CreateUser(ctx, t, u); err != nil {
		return UserView{}, err
	}
	return UserView{User: u, ChatRooms: []string{}}, nil
}

// User returns an account: NotFound, or Gone if it was deleted.
func (s *Service) User(ctx context.Context, t Tenant, login string) (UserView, error) {
	u, err := s.liveUser(ctx, t, login)
	if err != nil {
		return UserView{}, err
	}
	rooms, err := s.chatRooms(ctx, t, login)
	return UserView{User: u, ChatRooms: rooms}, err
}

func (s *Service) liveUser(ctx context.Context, t Tenant, login string) (User, error) {
	if login == SystemLogin {
		return User{Person: System}, nil
	}
	if !ValidName(login) {
		return User{}, ErrNotFound(UserEntity, login)
	}
	u, err := s.store.User(ctx, t, login)
	if err != nil {
		return User{}, err
	}
	if u.Deleted {
		return User{}, &Error{Kind: Gone, Entity: UserEntity, Name: login, Message: "this user was deleted"}
	}
	return u, nil
}

func (s *Service) chatRooms(ctx context.Context, t Tenant, login string) ([]string, error) {
	refs, err := s.store.RoomsOf(ctx, t, login, "", maxChatRooms)
	names := make([]string, len(refs))
	for i, r := range refs {
		names[i] = r.Name
	}
	return names, err
}

// Users returns a range of users, ascending by login, and whether there are more.
func (s *Service) Users(ctx context.Context, t Tenant, rg Range) ([]Person, bool, error) {
	list := func(after string, limit int) ([]Person, error) { return s.store.Users(ctx, t, after, limit) }
	return rangeOf(rg, list, func(p Person) string { return p.Login })
}

// People returns those of logins that exist, in the order of logins, each once.
func (s *Service) People(ctx context.Context, t Tenant, logins []string) ([]Person, error) {
	found, err := s.store.UsersByLogin(ctx, t, logins)
	if err != nil {
		return nil, err
	}
	ps := make([]Person, 0, len(found))
	for _, l := range logins {
		if u, ok := found[l]; ok {
			ps = append(ps, u.Person)
			delete(found, l)
		}
	}
	return ps, nil
}

// UpdateProfile replaces the profile of who; update gets the current one and returns the new one. Rooms show new names
// soon; if the user is in very many rooms, some of them may do so only after UpdateProfile has returned.
func (s *Service) UpdateProfile(ctx context.Context, who Identity, login string, update func(Profile) Profile) (UserView, error) {
	u, err := s.ownUser(ctx, who, login)
	if err != nil {
		return UserView{}, err
	}
	p := update(Profile{FirstName: &u.FirstName, LastName: &u.LastName, Email: u.Email, Bio: u.Bio})
	if err := Faulty(UserEntity, p.Validate()); err != nil {
		return UserView{}, err
	}
	renamed := u.FirstName != *p.FirstName || u.LastName != *p.LastName
	u.FirstName, u.LastName, u.Email, u.Bio = *p.FirstName, *p.LastName, p.Email, p.Bio
	ctx, cancel := changing(ctx)
	defer cancel()
	rename := Rename{Tenant: who.Tenant, Login: login, ID: s.ids.New()}
	if renamed {
		if err := s.store.PutRename(ctx, rename); err != nil {
			return UserView{}, err
		}
	}
	if err := s.store.UpdateProfile(ctx, who.Tenant, u); err != nil {
		return UserView{}, err
	}
	if renamed {
		s.carryNames(ctx, rename)
	}
	rooms, err := s.chatRooms(ctx, who.Tenant, login)
	return UserView{User: u, ChatRooms: rooms}, err
}

// DeleteUser deletes the account of who and removes them from all rooms. The login is never free again. Rooms they
// created and messages they wrote stay. The caller ends their sessions.
func (s *Service) DeleteUser(ctx context.Context, who Identity, login string) error {
	if _, err := s.ownUser(ctx, who, login); err != nil {
		return err
	}
	return s.EndAccount(ctx, who.Tenant, login)
}

// ownUser returns the account login if it is that of who, otherwise Forbidden.
func (s *Service) ownUser(ctx context.Context, who Identity, login string) (User, error) {
	u, err := s.liveUser(ctx, who.Tenant, login)
	if err != nil {
		return User{}, err
	}
	if login != who.Login {
		return User{}, ErrForbidden("only '%s' may change this account", login)
	}
	return u, nil
}
