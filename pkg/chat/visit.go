package chat

import (
	"context"

	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
)

// visit is a room with what somebody is to it.
type visit struct {
	Room
	who    Principal
	member member
	is     Relation
}

// may returns the refusal of an action that is not open to the visitor, who has more relations to what it is about.
func (v visit) may(a Action, more ...Relation) error {
	is := v.is
	for _, m := range more {
		is |= m
	}
	if May(a, is) {
		return nil
	}
	return refuse(a, v.Room)
}

// mayAbout is may for an action about somebody else.
func (v visit) mayAbout(a Action, login string) error { return v.may(a, v.about(login)) }

// visit returns a room that who may see. If they may not see it, the error is that of a room that does not exist; no other
// code decides that. It uses the caches, as Access does: of somebody who is not in the room and sees it, it does not read
// the lists.
func (rd *Reader) visit(ctx context.Context, who Principal, name string) (visit, error) {
	r, err := rd.cachedRooms.Get(ctx, roomKey{who.Tenant, name})
	if err != nil {
		return visit{}, err
	}
	m, err := rd.cachedMember(ctx, who, r)
	if err != nil {
		return visit{}, err
	}
	return rd.meet(ctx, who, r, m)
}

// visitNow is visit without the caches. It reads the lists always.
func (rd *Reader) visitNow(ctx context.Context, who Principal, name string) (visit, error) {
	r, err := rd.room(ctx, who.Tenant, name)
	if err != nil {
		return visit{}, err
	}
	return rd.visitRoom(ctx, who, r)
}

// visitRoom is visitNow for a room that was just read.
func (rd *Reader) visitRoom(ctx context.Context, who Principal, r Room) (visit, error) {
	m, err := rd.memberNow(ctx, who.Tenant, r.ID, who.Login)
	if err != nil {
		return visit{}, err
	}
	return rd.meet(ctx, who, r, m)
}

// meet says what who is to a room. m need not have lists if who is not in the room and may see it.
func (rd *Reader) meet(ctx context.Context, who Principal, r Room, m member) (visit, error) {
	v := visit{Room: r, who: who, member: m}
	v.is = m.relation(r, r.relation(who), rd.now())
	if !May(SeeRoom, v.is) && m.lists == nil && who.Login != "" {
		lists, err := rd.store.OnLists(ctx, who.Tenant, r.ID, who.Login)
		if err != nil {
			return visit{}, err
		}
		v.member.lists = lists
		v.is = v.member.relation(r, r.relation(who), rd.now())
	}
	if !May(SeeRoom, v.is) {
		return visit{}, ErrNotFound(RoomEntity, r.Name)
	}
	return v, nil
}

// cachedMember returns what is known of who in a room, without lists if they are not in it.
func (rd *Reader) cachedMember(ctx context.Context, who Principal, r Room) (member, error) {
	if who.Login == "" {
		return member{}, nil
	}
	m, err := rd.cachedMembers.Get(ctx, memberKey{who.Tenant, r.ID, who.Login})
	if IsKind(err, NotFound) {
		return member{}, nil
	}
	return m, err
}

// memberNow reads what the store has of a login in a room.
func (rd *Reader) memberNow(ctx context.Context, t Tenant, room id.ID, login string) (m member, err error) {
	if login == "" {
		return member{}, nil
	}
	g, gctx := guard.WithContext(ctx)
	g.Go(func() (err error) {
		m.Person, err = rd.store.Participant(gctx, t, room, login)
		if m.in = err == nil; IsKind(err, NotFound) {
			m.Person, err = Person{}, nil
		}
		return err
	})
	var lists map[RoomList]Listed
	g.Go(func() (err error) {
		lists, err = rd.store.OnLists(gctx, t, room, login)
		return err
	})
	err = g.Wait()
	if lists == nil {
		lists = map[RoomList]Listed{}
	}
	m.lists = lists
	return m, err
}

// loadMember reads a participant for the cache: NotFound for others, who are not cached.
func (rd *Reader) loadMember(ctx context.Context, k memberKey) (member, error) {
	ctx, cancel := changing(ctx) // other callers wait for this result too
	defer cancel()
	m, err := rd.memberNow(ctx, k.tenant, k.room, k.login)
	if err == nil && !m.in {
		err = ErrNotFound(UserEntity, k.login)
	}
	return m, err
}

// Access returns the room and who as its participant: NotFound for a room that who may not see, Forbidden for a user who is
// not in it. It shows changes made on this node immediately, and changes made on other nodes after cache.Brief.
func (rd *Reader) Access(ctx context.Context, who Identity, name string) (Room, Person, error) {
	v, err := rd.take(ctx, who.Principal(), name)
	return v.Room, v.member.Person, err
}

// take is visit for who takes part in the room, or for an app, which need not.
func (rd *Reader) take(ctx context.Context, who Principal, name string) (visit, error) {
	v, err := rd.visit(ctx, who, name)
	if err == nil && !who.App {
		err = v.may(TakePart)
	}
	if err != nil {
		return visit{}, err
	}
	return v, nil
}

// Admit is Access without the caches: it shows all changes made before the call.
func (rd *Reader) Admit(ctx context.Context, who Identity, name string) (Room, error) {
	v, err := rd.visitNow(ctx, who.Principal(), name)
	if err == nil {
		err = v.may(TakePart)
	}
	if err != nil {
		return Room{}, err
	}
	return v.Room, nil
}

// Inside returns the room of that name, and whether a user is in it, without the caches. It is for the delivery of events to
// those who were admitted: NotFound means that there is no such room, whoever may see it.
func (rd *Reader) Inside(ctx context.Context, who Identity, name string) (r Room, in bool, err error) {
	if r, err = rd.room(ctx, who.Tenant, name); err != nil {
		return Room{}, false, err
	}
	_, err = rd.store.Participant(ctx, who.Tenant, r.ID, who.Login)
	if IsKind(err, NotFound) {
		return r, false, nil
	}
	return r, err == nil, err
}

// show returns of a room what the visitor may see of it.
func (v visit) show(view RoomView) RoomView {
	if May(SeeParticipants, v.is) {
		return view
	}
	view.Participants = []Person{}
	s := view.Settings
	s.Announcement, s.Admins, s.Unknown = "", nil, nil
	if v.is&Shown == 0 { // an invitation to what others cannot see
		view.Creator, view.Banner, view.Count, view.Keep, view.Retention = Person{}, nil, 0, 0, ServerRetention
		s = RoomSettings{Kind: s.Kind, Title: s.Title, Description: s.Description, Avatar: s.Avatar}
	}
	view.Settings = s
	return view
}

// seen is show for a view that was just read, for who asks. It reads no more if everybody may see all of the room.
func (s *Service) seen(ctx context.Context, who Principal, view RoomView) (RoomView, error) {
	if May(SeeParticipants, view.relation(who)) {
		return view, nil
	}
	v, err := s.visitRoom(ctx, who, view.Room)
	if err != nil {
		return RoomView{}, err
	}
	return v.show(view), nil
}
