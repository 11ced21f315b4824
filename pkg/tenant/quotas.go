package tenant

import (
	"context"
	"errors"
	"math"
	"sync"

	"github.com/confab-chat/confab/pkg/chat"
)

var _ chat.Quotas = (*Service)(nil)

// RoomQuotas implements chat.Quotas. A tenant that is no app, or whose app was deleted, has none.
func (s *Service) RoomQuotas(ctx context.Context, t chat.Tenant) (chat.RoomQuotas, error) {
	a, err := s.appOf(ctx, t)
	if chat.IsKind(err, chat.NotFound) {
		return chat.RoomQuotas{}, nil
	}
	if err != nil {
		return chat.RoomQuotas{}, err
	}
	q := a.Settings.Complete().Quotas
	return chat.RoomQuotas{Groups: bounded(q.MaxGroups), ChatRooms: bounded(q.MaxRooms), Joined: bounded(q.MaxJoinedGroups), Members: bounded(q.MaxMembers)}, nil
}

// TokenEpoch implements auth.AppEpochs.
func (s *Service) TokenEpoch(ctx context.Context, t chat.Tenant) (string, error) {
	a, err := s.appOf(ctx, t)
	return a.Epoch, err
}

// ForgetTenant implements auth.AppEpochs.
func (s *Service) ForgetTenant(t chat.Tenant) {
	if a, known := s.spaces.get(t); known {
		s.apps.Forget(appSpace(a.Organisation), a.ID)
	}
}

// bounded is a quota as a number that fits everywhere; 0 for none.
func bounded(n *int64) int { return int(min(or(n, 0), math.MaxInt32)) }

// spaces knows in which space of the directory the app of a tenant is, which never changes. It is bounded.
type spaces struct {
	mu sync.Mutex
	of map[chat.Tenant]App // but for what changes
}

func (sp *spaces) note(a App) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if _, known := sp.of[a.Tenant()]; known {
		return
	}
	if sp.of == nil || len(sp.of) >= cachedTenants {
		sp.of = map[chat.Tenant]App{}
	}
	sp.of[a.Tenant()] = App{ID: a.ID, Organisation: a.Organisation, tenant: a.tenant}
}

func (sp *spaces) get(t chat.Tenant) (App, bool) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	a, known := sp.of[t]
	return a, known
}

// errFound ends a walk.
var errFound = errors.New("tenant: found")

// appOf returns the app of a tenant; NotFound if there is none. It looks through all apps for one that App has not returned
// before: who acts in an app usually comes by its name.
func (s *Service) appOf(ctx context.Context, t chat.Tenant) (App, error) {
	if a, known := s.spaces.get(t); known {
		return s.apps.Get(ctx, appSpace(a.Organisation), a.ID)
	}
	found := App{}
	err := s.EachApp(ctx, func(a App) error {
		if a.Tenant() != t {
			return nil
		}
		found = a
		s.spaces.note(a)
		return errFound
	})
	switch {
	case errors.Is(err, errFound):
		return found, nil
	case err == nil:
		err = chat.ErrNotFound(AppEntity, string(t))
	}
	return App{}, err
}
