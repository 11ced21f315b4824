package move

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

func (im *importer) user(ctx context.Context, l *user) error {
	t, u := l.Tenant, l.chat()
	outcome, err := im.account(ctx, t, u)
	if err != nil {
		return err
	}
	if l.Avatar != nil && outcome != differs {
		_, err := im.to.Avatar(ctx, t, u.Login)
		if chat.IsKind(err, chat.NotFound) {
			err = im.to.SetAvatar(ctx, t, u.Login, chat.Avatar{Type: l.Avatar.Type, Data: l.Avatar.Data})
		}
		if err != nil {
			return err
		}
	}
	im.done.count(&im.done.Users, outcome, 1)
	return nil
}

// account creates an account unless its login is in use.
func (im *importer) account(ctx context.Context, t chat.Tenant, u chat.User) (outcome, error) {
	kept, err := im.to.User(ctx, t, u.Login) // read first, because claiming a login costs more
	switch {
	case chat.IsKind(err, chat.NotFound):
		alive := u
		alive.Deleted = false
		if err := im.to.CreateUser(ctx, t, alive); err != nil {
			return 0, err
		}
	case err != nil:
		return 0, err
	default:
		kept.CreatedAt = kept.CreatedAt.UTC()
		switch {
		case kept.Deleted && u.Deleted, reflect.DeepEqual(kept, u):
			return there, nil
		case !u.Deleted || kept.PasswordHash != "" || kept.FirstName != "" || kept.LastName != "":
			return differs, nil
		}
		// An interrupted import of a deleted account has left this.
	}
	if u.Deleted {
		return added, im.to.DeleteUser(ctx, t, u.Login)
	}
	return added, nil
}

func (im *importer) role(ctx context.Context, r role) error {
	has, err := im.to.Roles(ctx, r.Tenant, r.Login)
	if err != nil {
		return err
	}
	if slices.Contains(has, r.Role) {
		im.done.count(&im.done.Roles, there, 1)
		return nil
	}
	if err := im.to.GrantRole(ctx, r.Tenant, r.Login, r.Role); err != nil {
		return err
	}
	im.done.count(&im.done.Roles, added, 1)
	return nil
}

func (im *importer) token(ctx context.Context, a auth.APIToken) error {
	_, err := im.to.Token(ctx, a.Hash)
	switch {
	case err == nil:
		im.done.count(&im.done.Tokens, there, 1)
		return nil
	case !chat.IsKind(err, chat.NotFound):
		return err
	case !a.ExpiresAt.IsZero() && !time.Now().Before(a.ExpiresAt):
		im.done.count(&im.done.Tokens, there, 1) // it exists, and has expired
		return nil
	}
	if err := im.to.PutToken(ctx, a); err != nil {
		return err
	}
	im.done.count(&im.done.Tokens, added, 1)
	return nil
}

// roomImport is the room whose lines are being read.
type roomImport struct {
	chat.Room
	tenant chat.Tenant
	isNew  bool // created by this import, so it has no rows to compare with
}

// enter creates a room unless it exists. The following lines belong to it.
func (im *importer) enter(ctx context.Context, l *room) error {
	t, r := l.Tenant, l.chat()
	im.room = &roomImport{Room: r, tenant: t}
	if err := im.notBeingDeleted(ctx, t, r.ID); err != nil {
		return err
	}
	err := im.to.CreateRoom(ctx, t, r)
	if err != nil && !chat.IsKind(err, chat.Conflict) {
		return err
	}
	if err != nil {
		kept, err := im.to.Room(ctx, t, r.Name)
		if err != nil {
			return err
		}
		if kept.ID != r.ID {
			return im.lines.at(fmt.Errorf("there is another room '%s' already: delete it, or import into another store", r.Name))
		}
		im.done.count(&im.done.Rooms, there, 1)
	} else {
		im.room.isNew = true
		im.done.count(&im.done.Rooms, added, 1)
	}
	if l.CreatorLeft {
		_, err = im.to.Leave(ctx, t, r, r.Creator.Login)
		return err
	}
	return nil
}

// notBeingDeleted refuses a room that was deleted here moments ago: the sweep would remove the imported rows.
func (im *importer) notBeingDeleted(ctx context.Context, t chat.Tenant, room id.ID) error {
	const page = 1000
	for after := (chat.Sweep{}); ; {
		sweeps, err := im.to.Sweeps(ctx, after, page)
		if err != nil {
			return err
		}
		for _, s := range sweeps {
			if s.Tenant == t && s.Room.ID == room {
				return im.lines.at(fmt.Errorf("the room '%s' was deleted here and is being cleared away: import it when that is done", s.Room.Name))
			}
		}
		if len(sweeps) < page {
			return nil
		}
		after = sweeps[page-1]
	}
}

func (im *importer) member(ctx context.Context, r *roomImport, l *member) error {
	p, reading := l.person.chat(), l.reading()
	changed, err := im.to.Join(ctx, r.tenant, r.Room, p)
	if err != nil {
		return err
	}
	if !reading.Read.IsZero() {
		if err := im.to.SetRead(ctx, r.tenant, r.ID, p.Login, reading.Read); err != nil {
			return err
		}
	}
	if reading.Muted {
		if err := im.to.SetMuted(ctx, r.tenant, r.ID, p.Login, true); err != nil {
			return err
		}
	}
	outcome := there
	if changed || r.isNew && p.Login == r.Creator.Login {
		outcome = added
	}
	im.done.count(&im.done.Members, outcome, 1)
	return nil
}
