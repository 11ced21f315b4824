package move

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/jobs"
	"github.com/confab-chat/confab/pkg/people"
)

func (im *importer) user(ctx context.Context, l *user) error {
	t, u := l.Tenant, l.chat()
	outcome, err := im.create(ctx, t, u)
	if err != nil {
		return err
	}
	if l.Avatar != nil && (outcome == added || outcome == there) {
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

// account returns the account of a login here; a zero User if there is none.
func (im *importer) account(ctx context.Context, t chat.Tenant, login string) (chat.User, error) {
	u, err := im.to.User(ctx, t, login)
	if chat.IsKind(err, chat.NotFound) {
		return chat.User{}, nil
	}
	return u, err
}

// entry creates an entry of the directory unless it is there.
func (im *importer) entry(ctx context.Context, l *entry) error {
	e := l.directory()
	kept, err := im.to.Entry(ctx, e.Space, e.ID)
	switch {
	case err == nil && kept.Name == e.Name && bytes.Equal(kept.Value, e.Value):
		im.done.count(&im.done.Entries, there, 1)
		return nil
	case err == nil:
		im.done.count(&im.done.Entries, differs, 1)
		return nil
	case !chat.IsKind(err, chat.NotFound):
		return err
	}
	if err := im.to.CreateEntry(ctx, e); chat.IsKind(err, chat.Conflict) {
		if len(people.Of(e)) > 0 { // the two became contacts here too, or somebody was muted
			im.done.count(&im.done.Entries, differs, 1)
			return nil
		}
		if _, err := im.to.EntryNamed(ctx, e.Space, e.Name); chat.IsKind(err, chat.NotFound) {
			return fmt.Errorf("in %s %q was deleted here, and a Cassandra takes nothing again for ten days after that: repeat the import then, or import into another keyspace", e.Space, e.Name)
		}
		return fmt.Errorf("in %s the name %q belongs to another one here: rename or delete that first: %w", e.Space, e.Name, err)
	} else if err != nil {
		return err
	}
	im.done.count(&im.done.Entries, added, 1)
	return nil
}

// create creates an account unless its login is in use.
func (im *importer) create(ctx context.Context, t chat.Tenant, u chat.User) (outcome, error) {
	kept, err := im.to.User(ctx, t, u.Login) // read first, because claiming a login costs more
	switch {
	case chat.IsKind(err, chat.NotFound):
		alive := u
		alive.Deleted, alive.Erased = false, false
		if err := im.to.CreateUser(ctx, t, alive); err != nil {
			return 0, err
		}
	case err != nil:
		return 0, err
	default:
		kept.CreatedAt = kept.CreatedAt.UTC()
		switch {
		case kept.Deleted && u.Erased && !kept.Erased:
			return there, im.to.MarkErased(ctx, t, u.Login)
		case kept.Deleted && u.Deleted:
			return there, nil
		case kept.Deleted:
			if kept.Erased {
				im.erased.add(t, u.Person) // the names are looked for in system messages
			}
			return ofDeleted, nil
		case reflect.DeepEqual(kept, u):
			return there, nil
		case !u.Deleted || kept.PasswordHash != "" || kept.FirstName != "" || kept.LastName != "":
			return differs, nil
		}
		// An interrupted import of a deleted account has left this.
	}
	if u.Deleted {
		if err := im.to.DeleteUser(ctx, t, u.Login); err != nil {
			return 0, err
		}
	}
	if u.Erased {
		return added, im.to.MarkErased(ctx, t, u.Login)
	}
	return added, nil
}

func (im *importer) role(ctx context.Context, r role) error {
	u, err := im.account(ctx, r.Tenant, r.Login)
	if err != nil {
		return err
	}
	if u.Deleted {
		im.done.count(&im.done.Roles, ofDeleted, 1)
		return nil
	}
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
	u, err := im.account(ctx, a.Tenant, a.Login)
	if err != nil {
		return err
	}
	if u.Deleted {
		im.done.count(&im.done.Tokens, ofDeleted, 1)
		return nil
	}
	_, err = im.to.Token(ctx, a.Hash)
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
	users  *chat.Footprints
	app    bool // it is the log of an app, and no room
}

// enter creates a room unless it exists. The following lines belong to it.
func (im *importer) enter(ctx context.Context, l *room) error {
	t, r, left := l.Tenant, l.chat(), l.CreatorLeft
	if err := im.notBeingDeleted(ctx, t, r.ID); err != nil {
		return err
	}
	creator, err := im.account(ctx, t, r.Creator.Login)
	if err != nil {
		return err
	}
	if creator.Erased {
		im.erased.add(t, r.Creator)
		r.Creator = chat.Erased
	}
	left = left || creator.Deleted
	if r.Settings, err = im.settings(ctx, t, r.Settings); err != nil {
		return err
	}
	im.room = &roomImport{Room: r, tenant: t, users: chat.NewFootprints(im.to, t, r.Ref())}
	err = im.to.CreateRoom(ctx, t, r)
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
		// An interrupted import may not have come to this. Who rejoined has left a system message.
		said, err := im.to.Newer(ctx, r.Log(t), id.Min, true, 1)
		if err != nil {
			return err
		}
		left = left && len(said) == 0
	} else {
		im.room.isNew = true
		im.done.count(&im.done.Rooms, added, 1)
	}
	if left {
		_, err = im.to.Leave(ctx, t, r, r.Creator.Login)
		return err
	}
	return nil
}

// notBeingDeleted refuses a room that was deleted here moments ago: the sweep would remove the imported rows.
func (im *importer) notBeingDeleted(ctx context.Context, t chat.Tenant, room id.ID) error {
	_, err := im.to.Job(ctx, jobs.Ref{Tenant: t, Kind: chat.SweepWork, Key: room.String()})
	switch {
	case chat.IsKind(err, chat.NotFound):
		return nil
	case err != nil:
		return err
	}
	return im.lines.at(fmt.Errorf("this room, %s, was deleted here and is being cleared away: import it when that is done", room))
}

func (im *importer) member(ctx context.Context, r *roomImport, l *member) error {
	p, reading := l.person.chat(), l.reading()
	outcome, err := im.joining(ctx, r, p)
	if err != nil {
		return err
	}
	if outcome == added || outcome == there {
		// Those who are there may have changed these.
		if outcome == added && reading.Muted {
			if err := im.to.SetMuted(ctx, r.tenant, r.ID, p.Login, true); err != nil {
				return err
			}
		}
		if outcome == added && reading.Back != (chat.Back{}) {
			if err := im.to.SetBack(ctx, r.tenant, r.ID, p.Login, reading.Back); err != nil {
				return err
			}
		}
		if !reading.Read.IsZero() {
			if err := im.to.SetRead(ctx, r.tenant, r.ID, p.Login, reading.Read); err != nil {
				return err
			}
		}
	}
	if outcome == added { // last: an import that is interrupted before does the rest when it is repeated
		if _, err := im.to.Join(ctx, r.tenant, r.Room, p, l.Since); chat.IsKind(err, chat.Full) {
			outcome = hasLeft // others have joined here
		} else if err != nil {
			return err
		}
	}
	im.done.count(&im.done.Members, outcome, 1)
	return nil
}

// settings returns the settings of a room without the accounts that were deleted here.
func (im *importer) settings(ctx context.Context, t chat.Tenant, s chat.RoomSettings) (chat.RoomSettings, error) {
	s = s.Clone()
	var err error
	gone := func(login string) bool {
		u, readErr := im.account(ctx, t, login)
		err = errors.Join(err, readErr)
		return u.Deleted
	}
	if s.Owner != "" && gone(s.Owner) {
		s.Owner = ""
	}
	s.Admins = slices.DeleteFunc(s.Admins, gone)
	return s, err
}

// listed puts somebody on a list, unless the list has them.
func (im *importer) listed(ctx context.Context, r *roomImport, l *listed) error {
	entry := l.chat()
	u, err := im.account(ctx, r.tenant, l.Login)
	if err != nil {
		return err
	}
	by, err := im.account(ctx, r.tenant, l.By)
	if err != nil {
		return err
	}
	if by.Erased {
		entry.By = ""
	}
	outcome := added
	if u.Deleted {
		outcome = ofDeleted
	} else if on, err := im.to.OnLists(ctx, r.tenant, r.ID, l.Login); err != nil {
		return err
	} else if was, is := on[l.List]; is {
		if outcome = there; was != entry {
			outcome = differs
		}
	} else if err := im.to.SetListed(ctx, r.tenant, r.Ref(), l.List, entry); err != nil {
		return err
	}
	im.done.count(&im.done.Listed, outcome, 1)
	return nil
}

// joining decides about a participant of the file: only one who is added joins.
func (im *importer) joining(ctx context.Context, r *roomImport, p chat.Person) (outcome, error) {
	u, err := im.account(ctx, r.tenant, p.Login)
	if err != nil {
		return 0, err
	}
	if u.Erased {
		im.erased.add(r.tenant, p)
	}
	switch {
	case u.Deleted:
		return ofDeleted, nil
	case r.isNew:
		return added, nil
	}
	_, err = im.to.Participant(ctx, r.tenant, r.ID, p.Login)
	if !chat.IsKind(err, chat.NotFound) {
		return there, err
	}
	was, err := im.hasFootprint(ctx, r, p.Login)
	if was {
		return hasLeft, err
	}
	return added, err
}

// hasFootprint reports whether a user is or was in a room.
func (im *importer) hasFootprint(ctx context.Context, r *roomImport, login string) (bool, error) {
	const page = 10 // rooms made in one millisecond
	for after := id.FirstAt(r.ID.Time().Add(-time.Millisecond)); ; {
		refs, err := im.to.Footprints(ctx, r.tenant, login, after, page)
		if err != nil {
			return false, err
		}
		for _, ref := range refs {
			if ref.ID == r.ID {
				return true, nil
			}
			if after = ref.ID; after.Compare(r.ID) > 0 {
				return false, nil
			}
		}
		if len(refs) < page {
			return false, nil
		}
	}
}
