package chat

import (
	"context"
	"errors"
	"slices"

	"github.com/confab-chat/confab/pkg/limit"
)

// Bounded returns the view with the first of its rooms: as many as take less than MaxRead.
func (v UserView) Bounded() UserView {
	size := 0
	for i, name := range v.ChatRooms {
		const quotes = 3
		if size += len(name) + quotes; size >= MaxRead {
			v.ChatRooms = v.ChatRooms[:i]
			break
		}
	}
	return v
}

// maxChatRooms bounds the rooms a user's entity lists.
const maxChatRooms = 10_000

// Profile is what users say about themselves. Nil is null or absent.
type Profile struct {
	FirstName, LastName *string
	Email, Bio          *string
	Timezone            *string // an IANA name such as Europe/Zurich; nil means UTC
}

// Optional is a member of a change. The change leaves it alone unless it is Set; a nil Value is null.
type Optional struct {
	Set   bool
	Value *string
}

// Set returns the Optional that sets v.
func Set(v *string) Optional { return Optional{Set: true, Value: v} }

// over returns what is there after the change of now.
func (o Optional) over(now *string) *string {
	if o.Set {
		return o.Value
	}
	return now
}

// ProfileChange is a change of a profile. If Was is not nil, the change is made only while the profile is that of Was.
type ProfileChange struct {
	FirstName, LastName Optional
	Email, Bio          Optional
	Timezone            Optional
	Was                 *User
}

// Replace returns the change that sets the whole profile.
func (p Profile) Replace() ProfileChange {
	return ProfileChange{FirstName: Set(p.FirstName), LastName: Set(p.LastName), Email: Set(p.Email), Bio: Set(p.Bio), Timezone: Set(p.Timezone)}
}

// Validate returns all faults of what the change sets. What it leaves alone is not checked: an account may have been made
// by rules that allow more.
func (c ProfileChange) Validate() []Fault {
	var f faults
	for _, m := range []struct {
		Optional
		field string
		check func(*faults, string, *string)
	}{
		{c.FirstName, "firstname", (*faults).person}, {c.LastName, "lastname", (*faults).person},
		{c.Email, "email", (*faults).email}, {c.Bio, "bio", (*faults).text}, {c.Timezone, "timezone", (*faults).timezone},
	} {
		if m.Set {
			m.check(&f, m.field, m.Value)
		}
	}
	return f
}

// whole reports whether the change sets every member.
func (c ProfileChange) whole() bool {
	return c.FirstName.Set && c.LastName.Set && c.Email.Set && c.Bio.Set && c.Timezone.Set
}

// apply returns u after the change.
func (c ProfileChange) apply(u User) User {
	u.FirstName, u.LastName = *c.FirstName.over(&u.FirstName), *c.LastName.over(&u.LastName)
	u.Email, u.Bio, u.Timezone = c.Email.over(u.Email), c.Bio.over(u.Bio), c.Timezone.over(u.Timezone)
	return u
}

// SameProfile reports whether two users say the same about themselves.
func SameProfile(a, b User) bool {
	return a.Person == b.Person && same(a.Email, b.Email) && same(a.Bio, b.Bio) && same(a.Timezone, b.Timezone)
}

// SameBanner reports whether two rooms have the same banner.
func SameBanner(a, b Room) bool { return same(a.Banner, b.Banner) }

func same(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }

// NewUser is a sign-up.
type NewUser struct {
	Login    *string
	Password *string
	Profile
	// Invitation is the secret of an invitation, where one is needed.
	Invitation string
	// Address is the client's, for the limit of sign-ups; empty: not limited.
	Address string
}

// SignUpMode says who may sign up.
type SignUpMode string

// The modes. The zero value is OpenSignUp.
const (
	OpenSignUp   SignUpMode = "open"   // everybody
	InviteSignUp SignUpMode = "invite" // who has an invitation
	ClosedSignUp SignUpMode = "closed" // nobody: operators make accounts
)

// Invitations are what InviteSignUp needs; see invite.Service.
type Invitations interface {
	Use(ctx context.Context, t Tenant, secret string) (giveBack func(context.Context), err error)
}

// SignUpMode says who may sign up, and how many characters a password has at least.
func (s *Service) SignUpMode() (mode SignUpMode, passwordMin int) { return s.signUp, s.passwordMin }

// invited takes one account of the invitation of a sign-up, if one is needed. Forbidden if nobody, or this one not, may
// sign up.
func (s *Service) invited(ctx context.Context, t Tenant, n NewUser) (giveBack func(context.Context), err error) {
	switch {
	case s.signUp == OpenSignUp:
		return func(context.Context) {}, nil
	case s.signUp == ClosedSignUp:
		return nil, ErrForbidden("nobody can sign up here: ask an administrator of the server for an account")
	case n.Invitation == "":
		return nil, ErrForbidden("only who has an invitation can sign up here: open the link of yours")
	}
	return s.invitations.Use(ctx, t, n.Invitation)
}

// Validate returns all faults of the sign-up. A password has at least passwordMin characters.
func (n NewUser) Validate(passwordMin int) []Fault {
	var f faults
	f.login("login", n.Login)
	f.password("password", n.Password, passwordMin)
	return append(f, n.Profile.Validate()...)
}

// Validate returns all faults of the profile.
func (p Profile) Validate() []Fault { return p.Replace().Validate() }

// UserView is a user with the names of the rooms they are in, ascending.
type UserView struct {
	User
	ChatRooms []string
}

// SignUp creates an account; Invalid with all faults, or Conflict if the login is taken: by an account, by one whose login
// differs only in case, or by a reserved word. Forbidden if the server's SignUpMode does not let them.
func (s *Service) SignUp(ctx context.Context, t Tenant, n NewUser) (UserView, error) {
	if err := Faulty(UserEntity, n.Validate(s.passwordMin)); err != nil {
		return UserView{}, err
	}
	if n.Address != "" {
		if err := s.may(limit.SignUp(n.Address)); err != nil {
			return UserView{}, err
		}
	}
	if reservedLogins[LoginKey(*n.Login)] {
		return UserView{}, ErrExists(UserEntity, *n.Login)
	}
	giveBack, err := s.invited(ctx, t, n)
	if err != nil {
		return UserView{}, err
	}
	v, err := s.createAccount(ctx, t, User{Person: Person{Login: *n.Login}}, n.Password, n.Profile)
	if err != nil && !IsKind(err, Unavailable) { // otherwise the account may have been made
		ctx, cancel := changing(ctx)
		defer cancel()
		giveBack(ctx)
	}
	return v, err
}

// User returns an account: NotFound, or Gone if it was deleted.
func (s *Service) User(ctx context.Context, t Tenant, login string) (UserView, error) {
	u, err := s.liveUser(ctx, t, login)
	if err != nil {
		return UserView{}, err
	}
	return s.userView(ctx, t, u)
}

// Person returns the names of a user: NotFound if there never was one, Gone for a user who was deleted.
func (s *Service) Person(ctx context.Context, t Tenant, login string) (Person, error) {
	if s.accounts != nil && t != DefaultTenant {
		return s.accounts.Person(ctx, Identity{Tenant: t, Login: login})
	}
	u, err := s.liveUser(ctx, t, login)
	return u.Person, err
}

// UserAs is User as who may see them: of others without rooms that are not open, and without their e-mail address if who
// may not see those of others.
func (s *Service) UserAs(ctx context.Context, who Identity, login string) (UserView, error) {
	v, err := s.User(ctx, who.Tenant, login)
	if err != nil || login == who.Login {
		return v, err
	}
	v.ChatRooms = slices.DeleteFunc(v.ChatRooms, func(room string) bool { return !Chosen(room) })
	if s.seesEmail == nil || v.Email == nil {
		return v, nil
	}
	sees, err := s.seesEmail(ctx, who)
	if err != nil {
		return UserView{}, err
	}
	if !sees {
		v.Email = nil
	}
	return v, nil
}

func (s *Service) userView(ctx context.Context, t Tenant, u User) (UserView, error) {
	rooms, err := s.chatRooms(ctx, t, u.Login)
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
	found, err := s.store.UsersByLogin(ctx, t, validNames(logins))
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

// UpdateProfile changes the profile of who. Rooms show new names soon; if the user is in very many rooms, some of them
// may do so only after UpdateProfile has returned. Stale if c.Was is set and the profile is no longer that.
func (s *Service) UpdateProfile(ctx context.Context, who Identity, login string, c ProfileChange) (UserView, error) {
	if err := s.may(who.does(limit.Changes)); err != nil {
		return UserView{}, err
	}
	was, err := s.ownUser(ctx, who, login)
	if err != nil {
		return UserView{}, err
	}
	if err := Faulty(UserEntity, c.Validate()); err != nil {
		return UserView{}, err
	}
	if c.Was == nil && !c.whole() {
		// What another change has set meanwhile stays: the store has the profile as a whole.
		for range profileTries {
			c.Was = &was
			v, err := s.updateProfile(ctx, who, login, was, c)
			if !IsKind(err, Stale) {
				return v, err
			}
			if was, err = s.ownUser(ctx, who, login); err != nil {
				return UserView{}, err
			}
		}
		return UserView{}, ErrUnavailable(errors.New("too many changes of one profile at once"))
	}
	return s.updateProfile(ctx, who, login, was, c)
}

// profileTries is how often a change of a part of a profile is tried while others change it too.
const profileTries = 20

// updateProfile makes the change of a user who was read as was.
func (s *Service) updateProfile(ctx context.Context, who Identity, login string, was User, c ProfileChange) (UserView, error) {
	u := c.apply(was)
	renamed := u.Person != was.Person
	ctx, cancel := changing(ctx)
	defer cancel()
	if renamed {
		if _, err := s.jobs.Intend(ctx, RenameOf(who.Tenant, login)); err != nil {
			return UserView{}, err
		}
	}
	if err := s.store.UpdateProfile(ctx, who.Tenant, u, c.Was); err != nil {
		return UserView{}, err
	}
	if renamed {
		s.carryNames(ctx, who.Tenant, login)
	}
	return s.userView(ctx, who.Tenant, u)
}

// DeleteUser deletes the account of who and removes them from all rooms. The login is never free again. Rooms they
// created and messages they wrote stay. The caller ends their sessions.
func (s *Service) DeleteUser(ctx context.Context, who Identity, login string) error {
	if _, err := s.ownUser(ctx, who, login); err != nil {
		return err
	}
	return s.EndAccount(ctx, who.Tenant, login)
}

// OwnUser returns the account login if it is that of who, otherwise Forbidden.
func (s *Service) OwnUser(ctx context.Context, who Identity, login string) (UserView, error) {
	u, err := s.ownUser(ctx, who, login)
	if err != nil {
		return UserView{}, err
	}
	return s.userView(ctx, who.Tenant, u)
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
