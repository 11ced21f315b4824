// Package invite keeps invitations to sign up: links that are good for a number of accounts, until a time.
//
// An invitation is an entry of the directory, named by the hash of its secret, which only the link has. Using it replaces
// the entry while it is what was read, so no more accounts are made than it says, also by several servers at the same time.
package invite

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
)

// Entity is what errors are about.
const Entity chat.Entity = "invitation"

const (
	// mostInvitations is how many a tenant may have, and mostAccounts for how many accounts one may be.
	mostInvitations = 1000
	mostAccounts    = 10_000
	// lifetime is how long an invitation is good, if not said; the others are the bounds.
	lifetime      = 7 * 24 * time.Hour
	leastLifetime = time.Minute
	mostLifetime  = 365 * 24 * time.Hour
	// shownFor is how long one that is over is still listed.
	shownFor = 30 * 24 * time.Hour
	maxNote  = 200
	prefix   = "inv_"
)

// Invitation is a link to sign up with.
type Invitation struct {
	ID id.ID
	Data
	version int64
}

// Data is what is stored of an invitation.
type Data struct {
	// Most is for how many accounts it is good, Used how many have been made.
	Most      int       `json:"most"`
	Used      int       `json:"used,omitzero"`
	ExpiresAt time.Time `json:"expiresAt"`
	// By is the login of who made it, and Note what they wrote down about it.
	By   string `json:"by"`
	Note string `json:"note,omitzero"`
	// Change is different after each change. Of two that count from the same number at the same time, a store must be
	// able to tell which it has taken, also when it asks itself after an answer was lost.
	Change id.ID `json:"change,omitzero"`
}

// CreatedAt is when it was made, in UTC.
func (i Invitation) CreatedAt() time.Time { return i.ID.Time() }

// Service has the use cases of invitations. All methods may be called concurrently. They return *chat.Error.
type Service struct {
	store directory.Store
	ids   *id.Generator
	now   func() time.Time
}

// New returns the invitations of a store.
func New(store directory.Store, ids *id.Generator, now func() time.Time) *Service {
	return &Service{store: store, ids: ids, now: now}
}

// Spaces are those of the tenants' invitations.
const Spaces directory.Kind = "invitations/"

func spaceOf(t chat.Tenant) string { return Spaces.Of(string(t)) }

func nameOf(secret string) string {
	h := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(h[:])
}

func decode(e directory.Entry) (Invitation, error) {
	i := Invitation{ID: e.ID, version: e.Version}
	if err := json.Unmarshal(e.Value, &i.Data); err != nil {
		return i, &chat.Error{Kind: chat.Internal, Cause: err}
	}
	return i, nil
}

// NewInvitation is an invitation to make. Nil members are absent.
type NewInvitation struct {
	Count     *int   // of accounts; 1 if absent
	ExpiresIn *int64 // in seconds; 7 days if absent
	Note      string
}

// Create makes an invitation, and returns its secret, which nobody sees again. Invalid with all faults; Conflict if there
// are as many invitations as there may be.
func (s *Service) Create(ctx context.Context, by chat.Identity, n NewInvitation) (secret string, _ Invitation, err error) {
	var faults []chat.Fault
	i := Invitation{ID: s.ids.New(), Data: Data{Most: 1, By: by.Login, Note: n.Note}}
	if n.Count != nil {
		i.Most = *n.Count
	}
	if i.Most < 1 || i.Most > mostAccounts {
		faults = append(faults, chat.Fault{Field: "count", Message: fmt.Sprintf("must be between 1 and %d", mostAccounts)})
	}
	good := int64(lifetime / time.Second)
	if n.ExpiresIn != nil {
		good = *n.ExpiresIn
	}
	if good < int64(leastLifetime/time.Second) || good > int64(mostLifetime/time.Second) {
		faults = append(faults, chat.Fault{Field: "expiresIn", Message: fmt.Sprintf("must be between %d and %d seconds", leastLifetime/time.Second, mostLifetime/time.Second)})
	}
	if utf8.RuneCountInString(n.Note) > maxNote || strings.ContainsRune(n.Note, 0) {
		faults = append(faults, chat.Fault{Field: "note", Message: fmt.Sprintf("size must be between 0 and %d", maxNote)})
	}
	if err := chat.Faulty(Entity, faults); err != nil {
		return "", i, err
	}
	i.ExpiresAt = s.now().Add(time.Duration(good) * time.Second).UTC().Truncate(time.Millisecond)
	all, err := s.List(ctx, by.Tenant)
	if err != nil {
		return "", i, err
	}
	left := len(all)
	for _, old := range all {
		if s.now().Sub(old.ExpiresAt) < shownFor {
			continue
		}
		if err := s.store.DeleteEntry(ctx, spaceOf(by.Tenant), old.ID); err != nil {
			return "", i, err
		}
		left--
	}
	if left >= mostInvitations {
		return "", i, &chat.Error{Kind: chat.Conflict, Entity: Entity, Message: fmt.Sprintf("there are %d invitations, as many as there may be: delete some first", left)}
	}
	value, err := json.Marshal(i.Data)
	if err != nil {
		return "", i, &chat.Error{Kind: chat.Internal, Cause: err}
	}
	secret = prefix + rand.Text()
	return secret, i, s.store.CreateEntry(ctx, directory.Entry{Space: spaceOf(by.Tenant), ID: i.ID, Name: nameOf(secret), Value: value, Version: 1})
}

// List returns the invitations of a tenant, the newest first, at most mostInvitations.
func (s *Service) List(ctx context.Context, t chat.Tenant) ([]Invitation, error) {
	entries, err := s.store.NewestEntries(ctx, spaceOf(t), id.ID{}, mostInvitations)
	if err != nil {
		return nil, err
	}
	all := make([]Invitation, len(entries))
	for n, e := range entries {
		if all[n], err = decode(e); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Get returns an invitation; NotFound if there is none.
func (s *Service) Get(ctx context.Context, t chat.Tenant, u id.ID) (Invitation, error) {
	e, err := s.store.Entry(ctx, spaceOf(t), u)
	if chat.IsKind(err, chat.NotFound) {
		err = chat.ErrNotFound(Entity, u.String())
	}
	if err != nil {
		return Invitation{}, err
	}
	return decode(e)
}

// Delete ends an invitation; NotFound if there is none. Accounts that were made with it stay.
func (s *Service) Delete(ctx context.Context, t chat.Tenant, u id.ID) error {
	if _, err := s.Get(ctx, t, u); err != nil {
		return err
	}
	return s.store.DeleteEntry(ctx, spaceOf(t), u)
}

func refused() error {
	return chat.ErrForbidden("this invitation is not good (any more): ask who sent it for another one")
}

// Use takes one account of the invitation with a secret: Forbidden if there is none, if it has expired or is used up. Of
// concurrent calls no more succeed than it is good for. giveBack returns what was taken, for an account that was not made;
// it does nothing if the invitation is gone. After Unavailable, one may be taken nevertheless.
func (s *Service) Use(ctx context.Context, t chat.Tenant, secret string) (giveBack func(context.Context), err error) {
	if !strings.HasPrefix(secret, prefix) || len(secret) > 100 {
		return nil, refused()
	}
	used := func(i *Invitation) error {
		if i.Used >= i.Most || !s.now().Before(i.ExpiresAt) {
			return refused()
		}
		i.Used++
		return nil
	}
	if err := s.change(ctx, t, secret, used); err != nil {
		return nil, err
	}
	return func(ctx context.Context) {
		_ = s.change(ctx, t, secret, func(i *Invitation) error {
			i.Used = max(0, i.Used-1)
			return nil
		})
	}, nil
}

// change replaces an invitation, however many do so at the same time, until ctx ends.
func (s *Service) change(ctx context.Context, t chat.Tenant, secret string, change func(*Invitation) error) error {
	for {
		e, err := s.store.EntryNamed(ctx, spaceOf(t), nameOf(secret))
		if chat.IsKind(err, chat.NotFound) {
			err = refused()
		}
		if err != nil {
			return err
		}
		i, err := decode(e)
		if err != nil {
			return err
		}
		if err := change(&i); err != nil {
			return err
		}
		i.Change = s.ids.New()
		if e.Value, err = json.Marshal(i.Data); err != nil {
			return &chat.Error{Kind: chat.Internal, Cause: err}
		}
		err = s.store.ReplaceEntry(ctx, e)
		if chat.IsKind(err, chat.NotFound) {
			err = refused()
		}
		if !chat.IsKind(err, chat.Stale) {
			return err
		}
	}
}
