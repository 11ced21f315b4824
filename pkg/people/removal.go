package people

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/jobs"
)

const (
	// removalGrace is how long after the end of an account a write that concerns it may still be running. It is well above
	// changeFor plus cache.Brief.
	removalGrace = 2 * time.Minute
	// deciding is how long the server that deletes an account may take, and decidingPause the pause between two looks at it.
	deciding      = time.Minute
	decidingPause = 10 * time.Second
	removalPage   = 200
)

// removedOnce is the cursor of a removal whose first pass is done.
var removedOnce = []byte("once")

// remove is the handler of chat.PeopleWork: it removes what concerns a deleted account, and does so once more when no write
// can be running any more.
func (s *Service) remove(ctx context.Context, r *jobs.Run) error {
	who := chat.Identity{Tenant: r.Tenant, Login: r.Key}
	switch _, err := s.account(ctx, who); {
	case err == nil && time.Since(r.AddedAt).Abs() < deciding:
		return jobs.After(decidingPause) // it is being deleted
	case err == nil:
		return nil // its deletion was given up
	case !chat.IsKind(err, chat.NotFound):
		return err
	}
	if s.endMemberships != nil && who.Tenant != chat.DefaultTenant {
		if err := s.endMemberships(ctx, who); err != nil {
			return err
		}
	}
	if err := s.Remove(ctx, who); err != nil {
		return err
	}
	if r.Cursor != nil {
		return nil
	}
	if err := r.Save(ctx, removedOnce, r.Done, 0); err != nil {
		return err
	}
	return jobs.After(removalGrace)
}

// Remove removes what the Service keeps of a person, and their contacts' entries. It may be repeated. What others have
// decided about the person, blocks and notifications, goes when they need the place.
func (s *Service) Remove(ctx context.Context, who chat.Identity) error {
	if s.also != nil {
		if err := s.also(ctx, who); err != nil {
			return err
		}
	}
	for {
		es, err := s.store.Entries(ctx, contactSpace(who), id.ID{}, removalPage)
		if err != nil {
			return err
		}
		for _, e := range es {
			// The other side first: without this one it would not be found.
			if err := s.dropContact(ctx, chat.Identity{Tenant: who.Tenant, Login: e.Name}, who.Login); err != nil {
				return err
			}
			if err := s.drop(ctx, e); err != nil {
				return err
			}
		}
		// Until a page is empty: a list of nothing tidies the index of the space.
		if len(es) == 0 {
			break
		}
	}
	if err := s.store.DeleteEntry(ctx, recordSpace(who), directory.SoleID); err != nil {
		return err
	}
	s.records.Forget(who)
	if _, err := s.store.Entries(ctx, recordSpace(who), id.ID{}, 1); err != nil {
		return err
	}
	e, err := s.store.EntryNamed(ctx, mutedSpace(who.Tenant), who.Login)
	if chat.IsKind(err, chat.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.store.DeleteEntry(ctx, e.Space, e.ID)
}

// drop removes an entry of a contact.
func (s *Service) drop(ctx context.Context, e directory.Entry) error {
	defer s.contacts.Forget(e.Space, e.ID)
	return s.store.DeleteEntry(ctx, e.Space, e.ID)
}
