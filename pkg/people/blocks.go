package people

import (
	"context"
	"errors"
	"hash/maphash"
	"slices"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
)

// MaxBlocks is how many people one person blocks at most.
const MaxBlocks = 500

// Block makes a person block others, who stay contacts. Those who are blocked already stay so. Invalid, with nothing
// changed, if there would be more than MaxBlocks, or if the person is among them.
func (s *Service) Block(ctx context.Context, by account.Account, others []account.Account) error {
	told, err := s.intend(ctx, by, others, chat.DeedBlock, true, s.blockedBy(ctx, by))
	if err != nil {
		return err
	}
	err = s.block(ctx, by.Identity(), others)
	told(err)
	return err
}

func (s *Service) blockedBy(ctx context.Context, by account.Account) func(chat.Identity) (bool, error) {
	return func(o chat.Identity) (bool, error) {
		s.records.Forget(by.Identity())
		return s.Blocks(ctx, by.Tenant, by.Identity().Login, o.Login)
	}
}

func (s *Service) block(ctx context.Context, who chat.Identity, others []account.Account) error {
	add := make([]string, 0, len(others))
	for _, o := range others {
		if o.Identity() == who {
			return chat.ErrInvalid("nobody blocks themselves")
		}
		if login := o.Identity().Login; !slices.Contains(add, login) {
			add = append(add, login)
		}
	}
	full := chat.ErrInvalid("a person blocks at most %d others", MaxBlocks)
	block := func(r *Record) error {
		fresh := slices.DeleteFunc(slices.Clone(add), func(login string) bool { return slices.Contains(r.Blocked, login) })
		if r.Blocked = append(fresh, r.Blocked...); len(r.Blocked) > MaxBlocks {
			return full
		}
		return nil
	}
	_, err := s.change(ctx, who, block)
	if !errors.Is(err, full) {
		return err
	}
	// Deleted accounts take no places.
	r, err := s.record(ctx, who)
	if err != nil {
		return err
	}
	there, err := s.existing(ctx, who.Tenant, r.Blocked)
	if err != nil {
		return err
	}
	_, err = s.change(ctx, who, func(now *Record) error {
		now.Blocked = slices.DeleteFunc(now.Blocked, func(login string) bool {
			return slices.Contains(r.Blocked, login) && there[login].Name == ""
		})
		return block(now)
	})
	return err
}

// Unblock ends that a person blocks another. Repeating it changes nothing.
func (s *Service) Unblock(ctx context.Context, by, other account.Account) error {
	told, err := s.intend(ctx, by, []account.Account{other}, chat.DeedBlock, false, s.blockedBy(ctx, by))
	if err != nil {
		return err
	}
	err = s.unblock(ctx, by.Identity(), other.Identity().Login)
	told(err)
	return err
}

func (s *Service) unblock(ctx context.Context, who chat.Identity, login string) error {
	r, err := s.record(ctx, who)
	if err != nil || !slices.Contains(r.Blocked, login) {
		return err
	}
	_, err = s.change(ctx, who, func(r *Record) error {
		r.Blocked = slices.DeleteFunc(r.Blocked, func(l string) bool { return l == login })
		return nil
	})
	return err
}

// Blocks reports whether by blocks whom, both logins of a tenant. Usually it costs no read.
func (s *Service) Blocks(ctx context.Context, t chat.Tenant, by, whom string) (bool, error) {
	b, err := s.records.Get(ctx, chat.Identity{Tenant: t, Login: by})
	if err != nil {
		return false, err
	}
	_, found := slices.BinarySearch(b.blocked, maphash.String(hashSeed, whom))
	return found, nil
}

// Blocked returns whom a person blocks, the newest first.
func (s *Service) Blocked(ctx context.Context, who chat.Identity) ([]account.Account, error) {
	r, err := s.record(ctx, who)
	if err != nil {
		return nil, err
	}
	there, err := s.existing(ctx, who.Tenant, r.Blocked)
	var list []account.Account
	for _, login := range r.Blocked {
		if a, ok := there[login]; ok {
			list = append(list, a)
		}
	}
	return list, err
}

// existing returns the accounts of those logins that have one.
func (s *Service) existing(ctx context.Context, t chat.Tenant, logins []string) (map[string]account.Account, error) {
	found := make([]account.Account, len(logins))
	g, ctx := guard.WithContext(ctx)
	g.SetLimit(parallel)
	for i, login := range logins {
		g.Go(func() error {
			a, err := s.account(ctx, chat.Identity{Tenant: t, Login: login})
			if chat.IsKind(err, chat.NotFound) {
				return nil
			}
			found[i] = a
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	out := make(map[string]account.Account, len(logins))
	for i, login := range logins {
		if found[i].Name != "" {
			out[login] = found[i]
		}
	}
	return out, nil
}
