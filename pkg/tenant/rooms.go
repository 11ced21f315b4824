package tenant

import (
	"context"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
)

// Rooms are the groups and chat rooms of apps, in the order in which they were made. What is allowed in them says pkg/chat.
type Rooms struct {
	store directory.Store
	index RoomIndex
	chat  *chat.Service
	ids   *id.Generator
}

// Rooms returns the groups and chat rooms of all apps.
func (s *Service) Rooms() *Rooms { return s.rooms }

// Newest returns rooms of a kind as lists show them, the one made last first: before the one with the given id (zero: from
// the last one). It returns fewer than limit only at the end; next is where to go on, zero if there are no more. Groups of
// the default app are the rooms of the chat API too.
func (s *Rooms) Newest(ctx context.Context, who chat.Principal, k chat.RoomKind, before id.ID, limit int) (list []chat.RoomView, next id.ID, err error) {
	for {
		es, err := s.store.NewestEntries(ctx, roomSpace(who.Tenant, k), before, limit+1)
		if err != nil {
			return nil, id.ID{}, err
		}
		names, entered, at := make([]string, len(es)), map[id.ID]bool{}, map[string]id.ID{}
		for i, e := range es {
			names[i], entered[e.ID] = roomIn(e), true
			if _, twice := at[names[i]]; !twice {
				at[names[i]] = e.ID
			}
		}
		views, cut, err := s.chat.RoomsByName(ctx, who, names)
		if err != nil {
			return nil, id.ID{}, err
		}
		for _, v := range views {
			if !entered[v.ID] { // a later room of the name
				continue
			}
			if len(list) == limit {
				return list, list[limit-1].ID, nil
			}
			list = append(list, v)
		}
		switch {
		case cut: // the rest would take too much for one answer
			if before = at[views[len(views)-1].Name]; len(list) > 0 {
				return list, before, nil
			}
		case len(es) <= limit:
			return list, id.ID{}, nil
		default:
			before = es[len(es)-1].ID
		}
	}
}

// superSpace lists the super admins of a tenant's chat rooms, by the logins of their accounts.
func superSpace(t chat.Tenant) string { return superPrefix.Of(string(t)) }

const superPrefix directory.Kind = "superadmins/"

// maxSuperAdmins bounds the super admins of an app.
const maxSuperAdmins = 1000

// AddSuperAdmin lets a user make chat rooms, and act in all of them as their owner. Repeating it changes nothing.
func (s *Rooms) AddSuperAdmin(ctx context.Context, who chat.Identity) error {
	all, err := s.SuperAdmins(ctx, who.Tenant)
	if err != nil {
		return err
	}
	if len(all) >= maxSuperAdmins {
		return &chat.Error{Kind: chat.Full, Message: "there are as many super admins as there may be"}
	}
	err = s.store.CreateEntry(ctx, directory.Entry{Space: superSpace(who.Tenant), ID: s.ids.New(), Name: who.Login, Version: 1})
	if chat.IsKind(err, chat.Conflict) {
		err = nil
	}
	return err
}

// RemoveSuperAdmin ends that; repeating it changes nothing.
func (s *Rooms) RemoveSuperAdmin(ctx context.Context, who chat.Identity) error {
	e, err := s.store.EntryNamed(ctx, superSpace(who.Tenant), who.Login)
	if err == nil {
		err = s.store.DeleteEntry(ctx, e.Space, e.ID)
	}
	if chat.IsKind(err, chat.NotFound) {
		err = nil
	}
	return err
}

// IsSuperAdmin reports whether a user is a super admin.
func (s *Rooms) IsSuperAdmin(ctx context.Context, who chat.Identity) (bool, error) {
	_, err := s.store.EntryNamed(ctx, superSpace(who.Tenant), who.Login)
	if chat.IsKind(err, chat.NotFound) {
		return false, nil
	}
	return err == nil, err
}

// SuperAdmins returns the logins of all super admins, in the order in which they were made.
func (s *Rooms) SuperAdmins(ctx context.Context, t chat.Tenant) ([]string, error) {
	es, err := s.store.Entries(ctx, superSpace(t), id.ID{}, maxSuperAdmins)
	logins := make([]string, len(es))
	for i, e := range es {
		logins[i] = e.Name
	}
	return logins, err
}

// removeAll removes what is left of the rooms of a tenant whose app is deleted, a page at a time.
func (s *Rooms) removeAll(ctx context.Context, t chat.Tenant, progress func(n int) error) error {
	for _, k := range []chat.RoomKind{chat.GroupRoom, chat.ChatRoom} {
		if err := s.clear(ctx, roomSpace(t, k), progress, func(e directory.Entry) error {
			err := s.chat.DeleteRoomAs(ctx, chat.Principal{Identity: chat.Identity{Tenant: t}, App: true}, roomIn(e))
			if chat.IsKind(err, chat.NotFound) {
				err = s.index.clearAttributes(ctx, t, e.ID, func(attribute) bool { return true })
			}
			return err
		}); err != nil {
			return err
		}
	}
	return s.clear(ctx, superSpace(t), progress, func(directory.Entry) error { return nil })
}

// clear removes the entries of a space; end ends what each of them stands for.
func (s *Rooms) clear(ctx context.Context, space string, progress func(n int) error, end func(directory.Entry) error) error {
	for {
		es, err := s.store.Entries(ctx, space, id.ID{}, deletionPage)
		if err != nil || len(es) == 0 {
			return err
		}
		for _, e := range es {
			if err := end(e); err != nil {
				return err
			}
			if err := s.store.DeleteEntry(ctx, space, e.ID); err != nil {
				return err
			}
		}
		if err := progress(len(es)); err != nil {
			return err
		}
	}
}
