package easemob

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/confab-chat/confab/pkg/audit"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// usualMembers is maxusers if it is not given.
func (c *call) usualMembers() int {
	const usual = 200
	if most := *c.app.Settings.Complete().MaxMembers; most > 0 {
		return int(min(most, usual))
	}
	return usual
}

// roomFields are the members of a group or room that can be set, by the name that changes have.
type roomFields struct {
	chat.RoomChange
	set []string // as they were spelled
}

// aliases are other spellings of members.
var aliases = map[string]string{"desc": "description", "members_only": "membersonly", "approval": "membersonly"}

// ignored are members that clients send and that mean nothing here.
var ignored = map[string]bool{"scale": true, "need_verify": true, "need_notify": true}

// readRoom reads the members of a body that are about the room itself. others are members that the caller reads.
func (c *call) readRoom(k roomKind, f fields, others ...string) (out roomFields, err error) {
	var unknown []string
	for name := range f {
		if ignored[name] || slices.Contains(others, name) {
			continue
		}
		canonical := name
		if a, ok := aliases[name]; ok {
			canonical = a
		}
		known, err := c.readRoomField(k, &out.RoomChange, f, canonical, name)
		if err != nil {
			return out, invalidParameter(err)
		}
		if !known {
			unknown = append(unknown, name)
		} else if f.has(name) {
			out.set = append(out.set, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return out, badParameter("some of [" + clip(strings.Join(unknown, ", ")) + "] are not valid fields")
	}
	return out, nil
}

func (c *call) readRoomField(k roomKind, out *chat.RoomChange, f fields, canonical, name string) (known bool, err error) {
	group := k.kind == chat.GroupRoom
	switch canonical {
	case "groupname", "name":
		out.Title, err = f.text(name)
	case "description":
		out.Description, err = f.text(name)
	case "custom":
		out.Custom, err = f.text(name)
	case "maxusers":
		var n *int64
		if n, err = f.number(name); n != nil {
			most := int(min(*n, 1<<31-1))
			out.MaxMembers = &most
		}
	case "avatar":
		out.Avatar, err = f.text(name)
		return group, err
	case "public":
		out.Public, err = f.flag(name)
		return group, err
	case "membersonly":
		out.Approval, err = f.flag(name)
		return group, err
	case "allowinvites":
		out.MembersInvite, err = f.flag(name)
		return group, err
	case "invite_need_confirm":
		out.ConfirmInvites, err = f.flag(name)
		return group, err
	default:
		return false, nil
	}
	return true, err
}

func (a *API) createRoom(c *call, k roomKind) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	in, err := c.readRoom(k, f, "owner", "members")
	if err != nil {
		return err
	}
	who, err := a.principalOf(c, k)
	if err != nil {
		return err
	}
	switch {
	case in.Title == nil:
		return badParameter(k.name + " must be provided")
	case k.kind == chat.GroupRoom && in.Public == nil:
		return badParameter("group must contain public field!")
	}
	n, err := c.newGroup(k, in)
	if err != nil {
		return err
	}
	if n.Owner, n.Members, err = c.founders(k, f, n.Settings.MaxMembers); err != nil {
		return err
	}
	view, err := a.Chats.CreateGroup(c.ctx(), who, n)
	if err != nil && n.Settings.Kind != chat.OpenRoom { // errors about a name are worded as everywhere
		err = a.inRoom(view.Room, err)
	}
	if err != nil {
		return err
	}
	return c.reply(answer{data: map[string]any{k.id: numberOf(view.Room)}})
}

// founders are the owner and the members of a new room, which has room for so many; 0 for any number. Users are the owners of
// what they make.
func (c *call) founders(k roomKind, f fields, most int) (owner string, members []string, err error) {
	name, err := f.text("owner")
	if err != nil {
		return "", nil, invalidParameter(err)
	}
	names, err := f.list("members", math.MaxInt)
	if err != nil {
		return "", nil, invalidParameter(err)
	}
	different := map[string]bool{}
	for _, name := range names {
		different[strings.ToLower(name)] = true
	}
	if len(different) > cmp.Or(most, chat.MaxParticipants) { // before all of them are looked up
		return "", nil, chat.ErrFull("")
	}
	if k.kind == chat.ChatRoom && f.has("members") && len(names) == 0 {
		return "", nil, badParameter("members has to name somebody")
	}
	switch {
	case name != nil:
		owner, err = c.login(*name)
	case c.caller.user != nil:
		owner = c.caller.user.Identity().Login
	default:
		err = badParameter("owner must be provided")
	}
	if err != nil {
		return "", nil, err
	}
	members, _, err = c.logins(names)
	return owner, members, err
}

func (a *API) listRooms(c *call, k roomKind) error {
	p, err := c.page(10, 100)
	if err != nil {
		return err
	}
	views, next, err := a.Rooms.Newest(c.ctx(), c.principal(), k.kind, p.id(), p.limit)
	if err != nil {
		return err
	}
	list := make([]any, len(views))
	for i, v := range views {
		owner, err := c.ownerOf(v.Room)
		if err != nil {
			return err
		}
		if k.kind == chat.ChatRoom {
			list[i] = map[string]any{"id": numberOf(v.Room), "name": nameOfRoom(v.Room), "owner": owner, "affiliations_count": v.Count}
			continue
		}
		list[i] = map[string]any{"groupid": numberOf(v.Room), "groupname": nameOfRoom(v.Room), "owner": owner, "affiliations": v.Count,
			"type": "group", "last_modified": strconv.FormatInt(v.ModifiedAt().UnixMilli(), 10)}
	}
	x := rows(list)
	if !next.IsZero() {
		x.cursor = c.cursor(next.String())
	}
	return c.reply(x)
}

// maxDetails is how many groups or rooms are shown by one call.
const maxDetails = 100

// getRooms shows one room or several. Of several, those that the caller may not see are as ones that do not exist.
func (a *API) getRooms(c *call, k roomKind) error {
	numbers := strings.Split(c.variable("id"), ",")
	if len(numbers) > maxDetails {
		return badParameter("at most " + strconv.Itoa(maxDetails) + " at once")
	}
	rows := make([]any, 0, len(numbers))
	for _, number := range numbers {
		r, err := a.roomBy(c, k, number)
		var row any
		if err == nil {
			row, err = a.detail(c, k, r)
		}
		if len(numbers) > 1 && isMissing(err) {
			row, err = map[string]any{"id": number, "error": "group id doesn't exist"}, nil
		}
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	return c.reply(answer{data: rows, count: counted(len(rows))})
}

// detail is a room as it is shown alone.
func (a *API) detail(c *call, k roomKind, r chat.Room) (map[string]any, error) {
	v, err := a.Chats.Room(c.ctx(), c.who, r.Name)
	if err != nil {
		return nil, a.inRoom(r, err)
	}
	owner, err := c.ownerOf(v.Room)
	if err != nil {
		return nil, err
	}
	s := v.Settings
	out := map[string]any{
		"id": numberOf(v.Room), "name": nameOfRoom(v.Room), "description": s.Description, "custom": s.Custom, "owner": owner, "created": v.CreatedAt.UnixMilli(),
		"maxusers": c.seats(v.Room), "membersonly": s.Approval || s.Kind == chat.PrivateRoom, "allowinvites": s.MembersInvite, "invite_need_confirm": s.ConfirmInvites,
		"public": s.Public || s.Kind == chat.ChatRoom || s.Kind == chat.OpenRoom, "mute": s.Silent, "affiliations_count": v.Count,
	}
	if k.kind == chat.GroupRoom {
		out["disabled"], out["permission"] = s.Disabled, a.permission(c, v)
	}
	if s.Avatar != "" {
		out["avatar"] = s.Avatar
	}
	if len(v.Participants) > 0 {
		all := []any{}
		for _, p := range v.Participants {
			if p.Login == v.Owner() {
				all = slices.Insert(all, 0, any(map[string]any{"owner": owner}))
			} else {
				all = append(all, map[string]any{"member": c.nameOf(p)})
			}
		}
		out["affiliations"] = all
	}
	return out, nil
}

// permission is what the caller is in a group.
func (a *API) permission(c *call, v chat.RoomView) string {
	role := v.Role(c.who.Login)
	switch {
	case c.who.App:
		return string(chat.OwnerRole)
	case role != chat.PlainRole:
		return string(role)
	}
	if slices.ContainsFunc(v.Participants, func(p chat.Person) bool { return p.Login == c.who.Login }) {
		return "member"
	}
	return "none"
}

// putRoom changes a room, or hands it over.
func (a *API) putRoom(c *call, k roomKind, r chat.Room) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	if f.has("newowner") {
		return a.handOver(c, r, f)
	}
	in, err := c.readRoom(k, f)
	if err != nil {
		return err
	}
	if len(in.set) == 0 {
		return badParameter("the body names nothing to change")
	}
	if err := in.fit(r); err != nil {
		return err
	}
	if _, err := a.Chats.ChangeRoom(c.ctx(), c.who, r.Name, in.RoomChange); err != nil {
		return err
	}
	changed := map[string]any{}
	for _, name := range in.set {
		if k.kind == chat.ChatRoom && name == "name" {
			name = "groupname"
		}
		changed[name] = true
	}
	return c.reply(answer{data: changed})
}

func (a *API) handOver(c *call, r chat.Room, f fields) error {
	name, err := f.text("newowner")
	if err != nil {
		return err
	}
	if len(f) > 1 {
		return badParameter("newowner comes alone")
	}
	login, err := c.login(*name)
	if err != nil {
		return err
	}
	if _, err := a.Chats.Transfer(c.ctx(), c.who, r.Name, login); chat.IsKind(err, chat.Conflict) {
		return forbidden("the new owner is not a member, or owns it already")
	} else if err != nil {
		return err
	}
	return c.reply(answer{data: map[string]any{"newowner": true}})
}

func (a *API) deleteRoom(c *call, k roomKind, r chat.Room) error {
	if err := a.Chats.DeleteRoomAs(c.ctx(), c.who, r.Name); err != nil {
		return err
	}
	a.recordUser(c, audit.RoomDeleted, r.Name)
	return c.reply(answer{data: map[string]any{"success": true, k.id: numberOf(r)}})
}

func (a *API) ban(c *call, _ roomKind, r chat.Room) error   { return a.silence(c, r, true) }
func (a *API) unban(c *call, _ roomKind, r chat.Room) error { return a.silence(c, r, false) }

func (a *API) silence(c *call, r chat.Room, on bool) error {
	if _, err := a.Chats.ChangeRoom(c.ctx(), c.who, r.Name, chat.RoomChange{Silent: &on}); err != nil {
		return err
	}
	return c.reply(answer{data: map[string]any{"mute": on}})
}

func (a *API) disable(c *call, _ roomKind, r chat.Room) error { return a.setDisabled(c, r, true) }
func (a *API) enable(c *call, _ roomKind, r chat.Room) error  { return a.setDisabled(c, r, false) }

func (a *API) setDisabled(c *call, r chat.Room, off bool) error {
	if _, err := a.Chats.ChangeRoom(c.ctx(), c.who, r.Name, chat.RoomChange{Disabled: &off}); err != nil {
		return err
	}
	return c.reply(answer{data: map[string]any{"disabled": off}})
}

func (a *API) getAnnouncement(c *call, _ roomKind, r chat.Room) error {
	now, err := a.Chats.LookInside(c.ctx(), c.who, r.Name)
	if err != nil {
		return err
	}
	return c.reply(answer{data: map[string]any{"announcement": now.Settings.Announcement}})
}

func (a *API) setAnnouncement(c *call, _ roomKind, r chat.Room) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	text, err := f.text("announcement")
	if err != nil {
		return err
	}
	if text == nil {
		return badParameter("announcement must be provided")
	}
	if _, err := a.Chats.ChangeRoom(c.ctx(), c.who, r.Name, chat.RoomChange{Announcement: text}); err != nil {
		return err
	}
	return c.reply(answer{data: map[string]any{"id": numberOf(r), "result": true}})
}

// joined lists the groups or rooms that a user is in, the one joined last first.
func (a *API) joined(c *call, k roomKind) error {
	u, err := c.user()
	if err != nil {
		return err
	}
	q, err := c.query()
	if err != nil {
		return err
	}
	from, size := 0, 500
	if q.Has("pagenum") || q.Has("pagesize") {
		if from, size, err = c.numberedPage(q, 10, 100); err != nil {
			return err
		}
	}
	rows, passed := []any{}, 0
	err = a.eachJoined(c, u.Identity().Login, func(r chat.Room) (more bool) {
		if k.shows(r) {
			if passed++; passed > from {
				rows = append(rows, map[string]any{k.id: numberOf(r), k.name: nameOfRoom(r)})
			}
		}
		return len(rows) < size
	})
	if err != nil {
		return err
	}
	return c.reply(answer{data: rows, count: counted(len(rows)), more: map[string]any{"properties": map[string]any{}}})
}

// joinedPage is how many rooms of a user are read at a time.
const joinedPage = 200

// eachJoined visits the rooms that a user is in, the one joined last first, while visit wants more. Those that they joined
// through a version of the chat API that did not keep the order come last.
func (a *API) eachJoined(c *call, login string, visit func(chat.Room) (more bool)) error {
	seen := map[id.ID]bool{}
	for before := (id.ID{}); ; {
		rooms, more, err := a.Chats.JoinedRooms(c.ctx(), c.principal(), login, before, joinedPage)
		if err != nil {
			return err
		}
		for _, r := range rooms {
			if before, seen[r.ID] = r.Since, true; !visit(r.Room) {
				return nil
			}
		}
		if !more || len(rooms) == 0 {
			break
		}
	}
	if !c.app.Default() {
		return nil
	}
	for after := ""; ; {
		rooms, next, err := a.Chats.RoomsWith(c.ctx(), c.principal(), login, after, joinedPage)
		if err != nil {
			return err
		}
		for _, r := range rooms {
			if !seen[r.ID] && !visit(r) {
				return nil
			}
		}
		if after = next; after == "" {
			return nil
		}
	}
}

// The super admins of an app's chat rooms.

func (a *API) listSuperAdmins(c *call) error {
	q, err := c.query()
	if err != nil {
		return err
	}
	from, size, err := c.numberedPage(q, 10, 100)
	if err != nil {
		return err
	}
	all, err := a.Rooms.SuperAdmins(c.ctx(), c.tenant())
	if err != nil {
		return err
	}
	names, err := c.namesOf(all[min(from, len(all)):min(from+size, len(all))])
	if err != nil {
		return err
	}
	return c.reply(rows(names))
}

func (a *API) addSuperAdmin(c *call) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	name, err := f.text("superadmin")
	if err != nil {
		return err
	}
	if name == nil {
		return badParameter("superadmin must be provided")
	}
	u, err := c.people().Named(c.ctx(), *name)
	if err == nil {
		err = a.Rooms.AddSuperAdmin(c.ctx(), u.Identity())
	}
	if err != nil {
		return err
	}
	return c.reply(answer{data: map[string]any{"result": "success", "resource": ""}})
}

func (a *API) removeSuperAdmin(c *call) error {
	u, err := c.people().Named(c.ctx(), c.variable("name"))
	if err == nil {
		err = a.Rooms.RemoveSuperAdmin(c.ctx(), u.Identity())
	}
	if err != nil {
		return err
	}
	return c.reply(answer{data: map[string]any{"newSuperAdmin": u.Name, "resource": ""}})
}
