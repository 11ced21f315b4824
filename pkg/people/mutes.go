package people

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
)

// Kind is a kind of conversations in which a person may be muted everywhere.
type Kind string

// The kinds of conversations.
const (
	Direct Kind = "chat"
	Group  Kind = "groupchat"
	Room   Kind = "chatroom"
)

// Kinds are all of them.
var Kinds = []Kind{Direct, Group, Room}

// Forever is the end of a mute that has none.
var Forever = time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC)

// forever is Forever in a Record.
const forever = -1

// Mutes are the ends of a person's mutes by kind: only of those that have not ended.
type Mutes map[Kind]time.Time

func mutesOf(muted map[Kind]int64, now time.Time) Mutes {
	m := Mutes{}
	for k, at := range muted {
		switch until := time.Unix(at, 0).UTC(); {
		case at == forever:
			m[k] = Forever
		case until.After(now):
			m[k] = until
		}
	}
	return m
}

// Muted is a person with at least one mute.
type Muted struct {
	Account account.Account
	Mutes   Mutes
}

// Mute mutes a person until the given times, in whole seconds, or Forever, in conversations of these kinds; a time that is
// past ends the mute. Other kinds stay as they are.
//
// The list of the muted is an index of records. It is written before the record and looked at once more after it, so a crash
// leaves at most a row of nobody.
func (s *Service) Mute(ctx context.Context, who chat.Identity, until Mutes) error {
	ctx, cancel := changing(ctx)
	defer cancel()
	if len(until) == 0 {
		return nil
	}
	now := s.now()
	set := func(m Mutes) Mutes {
		for k, at := range until {
			if m[k] = at; !at.After(now) {
				delete(m, k)
			}
		}
		return m
	}
	if len(set(Mutes{})) > 0 {
		if err := s.listMuted(ctx, who); err != nil {
			return err
		}
	}
	r, err := s.change(ctx, who, func(r *Record) error {
		r.Muted = inSeconds(set(mutesOf(r.Muted, now)))
		return nil
	})
	if err != nil {
		return err
	}
	if len(r.Muted) > 0 {
		return s.listMuted(ctx, who)
	}
	return s.unlistMuted(ctx, who)
}

func inSeconds(m Mutes) map[Kind]int64 {
	if len(m) == 0 {
		return nil
	}
	out := make(map[Kind]int64, len(m))
	for k, at := range m {
		if out[k] = at.Unix(); !at.Before(Forever) {
			out[k] = forever
		}
	}
	return out
}

// listMuted makes sure that a person is in the list of the muted.
func (s *Service) listMuted(ctx context.Context, who chat.Identity) error {
	err := s.store.CreateEntry(ctx, directory.Entry{Space: mutedSpace(who.Tenant), ID: s.ids.New(), Name: who.Login, Value: []byte("{}"), Version: 1})
	if chat.IsKind(err, chat.Conflict) {
		return nil
	}
	return err
}

// unlistMuted takes a person who is not muted out of the list. Who is muted by another call meanwhile is put back.
func (s *Service) unlistMuted(ctx context.Context, who chat.Identity) error {
	e, err := s.store.EntryNamed(ctx, mutedSpace(who.Tenant), who.Login)
	if chat.IsKind(err, chat.NotFound) {
		return nil
	}
	if err == nil {
		err = s.store.DeleteEntry(ctx, e.Space, e.ID)
	}
	if err != nil {
		return err
	}
	r, err := s.record(ctx, who)
	if err == nil && len(mutesOf(r.Muted, s.now())) > 0 {
		err = s.listMuted(ctx, who)
	}
	return err
}

// MutedUntil returns until when a person is muted in conversations of a kind; zero if they are not. Usually it costs no
// read.
func (s *Service) MutedUntil(ctx context.Context, who chat.Identity, kind Kind) (time.Time, error) {
	m, err := s.MutesOf(ctx, who)
	return m[kind], err
}

// MutesOf returns the mutes of a person. Usually it costs no read.
func (s *Service) MutesOf(ctx context.Context, who chat.Identity) (Mutes, error) {
	b, err := s.records.Get(ctx, who)
	return mutesOf(b.muted, s.now()), err
}

const mutedPage = 500

// AllMuted returns people of a tenant who have a mute, in the order in which they were muted: limit of them after the first
// skip.
func (s *Service) AllMuted(ctx context.Context, t chat.Tenant, skip, limit int) (list []Muted, err error) {
	for after := (id.ID{}); ; {
		es, err := s.store.Entries(ctx, mutedSpace(t), after, mutedPage)
		if err != nil {
			return nil, err
		}
		found := make([]Muted, len(es))
		g, ctx := guard.WithContext(ctx)
		g.SetLimit(parallel)
		for i, e := range es {
			g.Go(func() error {
				who := chat.Identity{Tenant: t, Login: e.Name}
				a, err := s.account(ctx, who)
				if chat.IsKind(err, chat.NotFound) {
					return nil
				}
				if err == nil {
					found[i].Mutes, err = s.MutesOf(ctx, who)
				}
				if err == nil && len(found[i].Mutes) == 0 {
					return s.unlistMuted(ctx, who) // they have ended
				}
				found[i].Account = a
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return nil, err
		}
		for _, m := range found {
			if len(m.Mutes) == 0 {
				continue
			}
			if skip--; skip >= 0 {
				continue
			}
			if list = append(list, m); len(list) == limit {
				return list, nil
			}
		}
		if len(es) < mutedPage {
			return list, nil
		}
		after = es[len(es)-1].ID
	}
}
