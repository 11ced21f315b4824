package chat

import (
	"context"
	"time"
)

// NewAccount is an account that an operator makes. Without a password nobody can log in until one is set.
type NewAccount struct {
	Login    *string
	Password *string
	Profile
	// Bot makes it a program's, which never has a password.
	Bot bool
}

// CreateAccount creates an account for somebody else; Invalid with all faults, or Conflict if the login is taken, also by
// one that differs only in case. Reserved words are free, but for SystemLogin. The caller has checked that an operator asks.
func (s *Service) CreateAccount(ctx context.Context, t Tenant, n NewAccount) (UserView, error) {
	var f faults
	f.login("login", n.Login)
	if n.Password != nil {
		f.password("password", n.Password, s.passwordMin)
	}
	if err := Faulty(UserEntity, append(f, n.Profile.Validate()...)); err != nil {
		return UserView{}, err
	}
	if LoginKey(*n.Login) == SystemLogin {
		return UserView{}, ErrExists(UserEntity, *n.Login)
	}
	if n.Bot {
		n.Password = nil
	}
	return s.createAccount(ctx, t, User{Person: Person{Login: *n.Login}, Bot: n.Bot}, n.Password, n.Profile)
}

// createAccount creates u with a password, if it is not nil, and a profile that has no faults.
func (s *Service) createAccount(ctx context.Context, t Tenant, u User, password *string, p Profile) (UserView, error) {
	// Check before the costly hash; ClaimLogin and CreateUser decide.
	if holder, err := s.store.LoginClaimed(ctx, t, u.Login); err != nil {
		return UserView{}, err
	} else if holder != "" && holder != u.Login {
		return UserView{}, ErrExists(UserEntity, u.Login)
	}
	switch _, err := s.store.User(ctx, t, u.Login); {
	case err == nil:
		return UserView{}, ErrExists(UserEntity, u.Login)
	case !IsKind(err, NotFound):
		return UserView{}, err
	}
	if password != nil {
		hash, err := s.hasher.Hash(ctx, *password)
		if err != nil {
			return UserView{}, err
		}
		u.PasswordHash = hash
	}
	u.FirstName, u.LastName = *p.FirstName, *p.LastName
	u.Email, u.Bio, u.Timezone = p.Email, p.Bio, p.Timezone
	u.CreatedAt = s.now().UTC().Truncate(time.Millisecond)
	ctx, cancel := changing(ctx)
	defer cancel()
	if err := s.claim(ctx, t, u.Login); err != nil {
		return UserView{}, err
	}
	told, err := IntendUser(ctx, s.outbox, Act{Tenant: t, Deed: DeedMade, To: u.Person})
	if err != nil {
		return UserView{}, err
	}
	err = s.store.CreateUser(ctx, t, u)
	if told(err); err != nil {
		return UserView{}, err
	}
	return UserView{User: u, ChatRooms: []string{}}, nil
}

// Accounts returns accounts ascending by login, after the given one (empty: from the first), and whether there are more.
func (s *Service) Accounts(ctx context.Context, t Tenant, after string, limit int) (list []User, more bool, err error) {
	people, err := s.store.Users(ctx, t, position(after), limit+1)
	if err != nil {
		return nil, false, err
	}
	more = len(people) > limit
	people = people[:min(limit, len(people))]
	logins := make([]string, len(people))
	for i, p := range people {
		logins[i] = p.Login
	}
	found, err := s.store.UsersByLogin(ctx, t, logins)
	for _, login := range logins {
		if u, ok := found[login]; ok {
			list = append(list, u)
		}
	}
	return list, more, err
}
