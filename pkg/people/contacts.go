package people

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
)

// Two people are contacts while each has an entry with the other: in the space of the one, named by the other. So one write
// decides for both: the second one of those that make them contacts, and the first one of those that end it. What a crash
// leaves between the two writes is an entry on one side, which nobody sees, and which the next call about the two completes
// or removes.

// MaxRemark is the greatest length of a remark, in characters.
const MaxRemark = 100

// contact is what one person has of another.
type contact struct {
	entryOf directory.Entry
	contactData
}

type contactData struct {
	Remark string `json:"remark,omitzero"`
}

func decodeContact(e directory.Entry) (contact, error) {
	c := contact{entryOf: e}
	if err := json.Unmarshal(e.Value, &c.contactData); err != nil {
		return c, &chat.Error{Kind: chat.Internal, Cause: err}
	}
	return c, nil
}

func (c contact) entry() (directory.Entry, error) {
	e := c.entryOf
	var err error
	e.Value, err = json.Marshal(c.contactData)
	return e, err
}

// Contact is another person as one person has them.
type Contact struct {
	Account account.Account
	Remark  string // only the one person sees it
	// At is the position in the list, and when they became contacts.
	At id.ID
}

// Befriend makes two people of a tenant contacts. Repeating it changes nothing. Invalid for one person alone.
func (s *Service) Befriend(ctx context.Context, a, b account.Account) error {
	one, two := a.Identity(), b.Identity()
	if one == two {
		return chat.ErrInvalid("nobody is their own contact")
	}
	ctx, cancel := changing(ctx)
	defer cancel()
	told, err := s.intend(ctx, a, []account.Account{b}, chat.DeedContact, true, func(with chat.Identity) (bool, error) {
		return s.Friends(ctx, one.Tenant, one.Login, with.Login)
	})
	if err != nil {
		return err
	}
	err = s.befriend(ctx, one, two)
	told(err)
	return err
}

func (s *Service) befriend(ctx context.Context, one, two chat.Identity) error {
	for _, side := range [][2]chat.Identity{{one, two}, {two, one}} {
		e, err := contact{entryOf: directory.Entry{Space: contactSpace(side[0]), ID: s.ids.New(), Name: side[1].Login, Version: 1}}.entry()
		if err != nil {
			return err
		}
		if err := s.store.CreateEntry(ctx, e); err != nil && !chat.IsKind(err, chat.Conflict) {
			return err
		}
	}
	return nil
}

// Unfriend ends that two people are contacts. Repeating it changes nothing.
func (s *Service) Unfriend(ctx context.Context, a, b account.Account) error {
	one, two := a.Identity(), b.Identity()
	ctx, cancel := changing(ctx)
	defer cancel()
	told, err := s.intend(ctx, a, []account.Account{b}, chat.DeedContact, false, func(with chat.Identity) (bool, error) {
		return s.Friends(ctx, one.Tenant, one.Login, with.Login)
	})
	if err != nil {
		return err
	}
	err = s.unfriend(ctx, one, two)
	told(err)
	return err
}

// intend makes sure that the app is told of what a person does about others, before it is done: of those for whom it is not
// so already.
func (s *Service) intend(ctx context.Context, who account.Account, others []account.Account, d chat.Deed, on bool, is func(chat.Identity) (bool, error)) (told func(error), err error) {
	return chat.Intend(ctx, s.outbox, who.Tenant, chat.RosterAct, func() (acts []chat.Act, err error) {
		for _, o := range others {
			so, err := is(o.Identity())
			if err != nil {
				return nil, err
			}
			if so != on {
				acts = append(acts, chat.Act{Tenant: who.Tenant, Kind: chat.RosterAct, Deed: d, On: on, From: who.Person(), To: o.Person()})
			}
		}
		return acts, nil
	})
}

func (s *Service) unfriend(ctx context.Context, one, two chat.Identity) error {
	if err := s.dropContact(ctx, one, two.Login); err != nil {
		return err
	}
	return s.dropContact(ctx, two, one.Login)
}

// dropContact removes the entry of one side.
func (s *Service) dropContact(ctx context.Context, of chat.Identity, login string) error {
	e, err := s.store.EntryNamed(ctx, contactSpace(of), login)
	if chat.IsKind(err, chat.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.drop(ctx, e)
}

// has reports whether one side has an entry with the other.
func (s *Service) has(ctx context.Context, of chat.Identity, login string) (bool, error) {
	_, err := s.contacts.Named(ctx, contactSpace(of), login)
	if chat.IsKind(err, chat.NotFound) {
		return false, nil
	}
	return err == nil, err
}

// Friends reports whether two people are contacts.
func (s *Service) Friends(ctx context.Context, t chat.Tenant, one, two string) (bool, error) {
	is, err := s.has(ctx, chat.Identity{Tenant: t, Login: one}, two)
	if err != nil || !is {
		return false, err
	}
	return s.has(ctx, chat.Identity{Tenant: t, Login: two}, one)
}

// SetRemark sets what one person has noted of a contact: at most MaxRemark characters. NotFound if they are no contacts.
func (s *Service) SetRemark(ctx context.Context, of, with account.Account, remark string) error {
	if utf8.RuneCountInString(remark) > MaxRemark || strings.ContainsRune(remark, 0) {
		return chat.ErrInvalid("a remark has at most %d characters", MaxRemark)
	}
	one, two := of.Identity(), with.Identity()
	none := &chat.Error{Kind: chat.NotFound, Entity: chat.UserEntity, Name: with.Name, Message: "'" + with.Name + "' is no contact"}
	is, err := s.Friends(ctx, one.Tenant, one.Login, two.Login)
	if err != nil {
		return err
	}
	if !is {
		return none
	}
	c, err := s.contacts.Named(ctx, contactSpace(one), two.Login)
	if err == nil {
		_, err = s.contacts.Change(ctx, c, func(c *contact) error {
			c.Remark = remark
			return nil
		})
	}
	if chat.IsKind(err, chat.NotFound) {
		return none
	}
	return err
}

// Contacts returns the contacts of a person, the newest first, before a position (zero: from the newest), and whether there
// are more.
func (s *Service) Contacts(ctx context.Context, of chat.Identity, before id.ID, limit int) (list []Contact, more bool, err error) {
	// Entries that nobody sees are few: one read is usually enough.
	for len(list) <= limit {
		es, err := s.store.NewestEntries(ctx, contactSpace(of), before, limit+1)
		if err != nil {
			return nil, false, err
		}
		found, err := s.shown(ctx, of, es)
		if err != nil {
			return nil, false, err
		}
		list = append(list, found...)
		if len(es) <= limit {
			break
		}
		before = es[len(es)-1].ID
	}
	return list[:min(len(list), limit)], len(list) > limit, nil
}

// shown returns what a person sees of entries of contacts: those who have them too, and whose accounts are there.
func (s *Service) shown(ctx context.Context, of chat.Identity, es []directory.Entry) ([]Contact, error) {
	seen := make([]bool, len(es))
	found := make([]Contact, len(es))
	g, ctx := guard.WithContext(ctx)
	g.SetLimit(parallel)
	for i, e := range es {
		g.Go(func() error {
			with := chat.Identity{Tenant: of.Tenant, Login: e.Name}
			a, err := s.account(ctx, with)
			if chat.IsKind(err, chat.NotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			c, err := decodeContact(e)
			if err != nil {
				return err
			}
			found[i] = Contact{Account: a, Remark: c.Remark, At: e.ID}
			seen[i], err = s.has(ctx, with, of.Login)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	list := found[:0]
	for i, c := range found {
		if seen[i] {
			list = append(list, c)
		}
	}
	return list, nil
}
