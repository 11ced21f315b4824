package cassandra

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	insertListed = `INSERT INTO room_lists (tenant, room_id, list, login, listed_at, until, listed_by, note) VALUES (?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?`
	disownListed = `UPDATE room_lists USING TIMESTAMP ? SET listed_by = '' WHERE tenant = ? AND room_id = ? AND list = ? AND login = ?`
	deleteListed = `DELETE FROM room_lists USING TIMESTAMP ? WHERE tenant = ? AND room_id = ? AND list = ? AND login = ?`
	deleteLists  = `DELETE FROM room_lists USING TIMESTAMP ? WHERE tenant = ? AND room_id = ?`
	selectListed = `SELECT list, login, listed_at, until, listed_by, note FROM room_lists WHERE tenant = ? AND room_id = ? AND list IN ? AND login = ?`
	listListed   = `SELECT list, login, listed_at, until, listed_by, note FROM room_lists
WHERE tenant = ? AND room_id = ? AND list = ? AND login > ? AND login <= ? LIMIT ?`

	insertListedIn = `INSERT INTO rooms_by_list (tenant, login, list, listed_at, room_id, room_name) VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?`
	deleteListedIn = `DELETE FROM rooms_by_list USING TIMESTAMP ? WHERE tenant = ? AND login = ? AND list = ? AND listed_at = ? AND room_id = ?`
	listListedIn   = `SELECT listed_at, room_id, room_name FROM rooms_by_list
WHERE tenant = ? AND login = ? AND list = ? AND listed_at > ? AND listed_at <= ? ORDER BY listed_at DESC LIMIT ?`
)

// listedRow are the columns of an entry, as selectListed reads them.
type listedRow struct {
	chat.Listed
	list  string
	until int64
}

func (r *listedRow) columns() []any {
	return []any{&r.list, &r.Login, maybe(&r.At), &r.until, &r.By, &r.Note}
}

func (r *listedRow) listed() chat.Listed {
	l := r.Listed
	if r.until != 0 {
		l.Until = time.UnixMilli(r.until).UTC()
	}
	return l
}

// listVersion returns the timestamp of a change of an entry.
func (s *Store) listVersion(ctx context.Context, t chat.Tenant, room id.ID, list chat.RoomList, login string) (int64, error) {
	return s.version(ctx, 0, t, listThing, room.String(), string(list), login)
}

// SetListed implements chat.ListStore.
func (s *Store) SetListed(ctx context.Context, t chat.Tenant, r chat.RoomRef, list chat.RoomList, l chat.Listed) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	there, err := s.isRoom(ctx, t, r)
	if err != nil || !there {
		return notThere(err, chat.Room{Name: r.Name})
	}
	// First, so that an erasure finds what is written next.
	for _, login := range []string{l.Login, l.By} {
		if login != "" {
			if err := s.addFootprint(ctx, t, r, login); err != nil {
				return err
			}
		}
	}
	var until int64
	if !l.Until.IsZero() {
		until = l.Until.UnixMilli()
	}
	at, err := s.listVersion(ctx, t, r.ID, list, l.Login)
	if err != nil {
		return err
	}
	writes := []write{{insertListed, []any{string(t), uuid(r.ID), string(list), l.Login, uuid(l.At), until, l.By, l.Note, at}}}
	if list.Found() {
		before, err := s.onLists(ctx, t, r.ID, l.Login, list)
		if err != nil {
			return err
		}
		if was, there := before[list]; there && was.At != l.At {
			writes = append(writes, write{deleteListedIn, []any{at, string(t), l.Login, string(list), uuid(was.At), uuid(r.ID)}})
		}
		writes = append(writes, write{insertListedIn, []any{string(t), l.Login, string(list), uuid(l.At), uuid(r.ID), r.Name, at}})
	}
	return s.announcing(ctx, chat.MemberKey(t, r.ID, l.Login), func() error { return s.db.together(ctx, writes...) })
}

// Unlist implements chat.ListStore. It writes also if there is nothing: an earlier SetListed may be applied later.
func (s *Store) Unlist(ctx context.Context, t chat.Tenant, room id.ID, list chat.RoomList, login string) (was bool, err error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return false, err
	}
	defer end()
	return s.unlist(ctx, t, room, list, login)
}

func (s *Store) unlist(ctx context.Context, t chat.Tenant, room id.ID, list chat.RoomList, login string) (was bool, err error) {
	at, err := s.listVersion(ctx, t, room, list, login)
	if err != nil {
		return false, err
	}
	before, err := s.onLists(ctx, t, room, login, list)
	if err != nil {
		return false, err
	}
	l, was := before[list]
	writes := []write{{deleteListed, []any{at, string(t), uuid(room), string(list), login}}}
	if was && list.Found() {
		writes = append(writes, write{deleteListedIn, []any{at, string(t), login, string(list), uuid(l.At), uuid(room)}})
	}
	err = s.announcing(ctx, chat.MemberKey(t, room, login), func() error { return s.db.together(ctx, writes...) })
	return was && err == nil, err
}

// OnLists implements chat.ListStore.
func (s *Store) OnLists(ctx context.Context, t chat.Tenant, room id.ID, login string) (map[chat.RoomList]chat.Listed, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	return s.onLists(ctx, t, room, login, chat.RoomLists...)
}

func (s *Store) onLists(ctx context.Context, t chat.Tenant, room id.ID, login string, lists ...chat.RoomList) (map[chat.RoomList]chat.Listed, error) {
	names := make([]string, len(lists))
	for i, l := range lists {
		names[i] = string(l)
	}
	on := map[chat.RoomList]chat.Listed{}
	var r listedRow
	err := s.db.rows(ctx, len(lists), func() {
		if !r.At.IsZero() {
			on[chat.RoomList(r.list)] = r.listed()
		}
	}, selectListed,
		[]any{string(t), uuid(room), names, login}, r.columns()...)
	return on, err
}

// Listed implements chat.ListStore.
func (s *Store) Listed(ctx context.Context, t chat.Tenant, room id.ID, list chat.RoomList, after string, limit int) ([]chat.Listed, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	out := make([]chat.Listed, 0, min(limit, pageRows))
	for len(out) < limit {
		want := min(limit-len(out), pageRows)
		page, err := s.listedRows(ctx, t, room, list, after, want)
		if err != nil {
			return nil, err
		}
		for _, l := range page {
			after = l.Login
			if !l.At.IsZero() {
				out = append(out, l)
			}
		}
		if len(page) < want {
			break
		}
	}
	return out, nil
}

// listedRows reads a page of a list, with what disownListed may have left of entries that were removed: their At is zero.
func (s *Store) listedRows(ctx context.Context, t chat.Tenant, room id.ID, list chat.RoomList, after string, limit int) ([]chat.Listed, error) {
	return inSpan(ctx, span{afterName(after), listEnd}, limit, func(ctx context.Context, sp span, n int) (part []chat.Listed, err error) {
		var r listedRow
		err = s.db.rows(ctx, min(n, pageRows), func() { part = append(part, r.listed()) }, listListed,
			[]any{string(t), uuid(room), string(list), sp.after.name, sp.to.name, n}, r.columns()...)
		return part, err
	})
}

// eachListed visits all lists of a room.
func (s *Store) eachListed(ctx context.Context, t chat.Tenant, room id.ID, visit func(chat.RoomList, chat.Listed) error) error {
	for _, list := range chat.RoomLists {
		for after := ""; ; {
			page, err := s.listedRows(ctx, t, room, list, after, pageRows)
			if err != nil {
				return err
			}
			for _, l := range page {
				if err := visit(list, l); err != nil {
					return err
				}
				after = l.Login
			}
			if len(page) < pageRows {
				break
			}
		}
	}
	return nil
}

// ListedIn implements chat.ListStore.
func (s *Store) ListedIn(ctx context.Context, t chat.Tenant, login string, list chat.RoomList, before id.ID, limit int) ([]chat.JoinedRoom, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	return s.roomsNewestFirst(ctx, listListedIn, []any{string(t), login, string(list)}, before, limit, func(ctx context.Context, page []chat.JoinedRoom) (map[id.ID]chat.JoinedRoom, error) {
		refs := make([]chat.RoomRef, len(page))
		for i, r := range page {
			refs[i] = r.RoomRef
		}
		deleted, err := s.deletedOf(ctx, t, refs)
		if err != nil {
			return nil, err
		}
		there := make([]bool, len(page))
		err = forEach(ctx, len(page), func(ctx context.Context, i int) error {
			on, err := s.onLists(ctx, t, page[i].ID, login, list)
			l, is := on[list]
			there[i] = is && l.At == page[i].Since && !deleted[page[i].ID]
			return err
		})
		found := map[id.ID]chat.JoinedRoom{}
		for i, r := range page {
			if there[i] {
				found[r.Since] = r
			}
		}
		return found, err
	})
}

// forgetListed removes a user from all lists of a room, also as the one who has listed others.
func (s *Store) forgetListed(ctx context.Context, t chat.Tenant, room id.ID, login string) error {
	return s.eachListed(ctx, t, room, func(list chat.RoomList, l chat.Listed) error {
		switch login {
		case l.Login:
			_, err := s.unlist(ctx, t, room, list, login)
			return err
		case l.By:
			at, err := s.listVersion(ctx, t, room, list, l.Login)
			if err != nil {
				return err
			}
			// If the entry is removed at this moment, a row without listed_at stays, which readers pass over.
			return s.db.exec(ctx, disownListed, at, string(t), uuid(room), string(list), l.Login)
		}
		return nil
	})
}

// sweepLists removes the lists of a deleted room.
func (s *Store) sweepLists(ctx context.Context, t chat.Tenant, room id.ID) error {
	err := s.eachListed(ctx, t, room, func(list chat.RoomList, l chat.Listed) error {
		if !list.Found() {
			return nil
		}
		return s.db.exec(ctx, deleteListedIn, s.finalTime(), string(t), l.Login, string(list), uuid(l.At), uuid(room))
	})
	if err != nil {
		return err
	}
	return s.db.exec(ctx, deleteLists, s.finalTime(), string(t), uuid(room))
}
