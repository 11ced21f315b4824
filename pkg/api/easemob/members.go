package easemob

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// listMembers lists members in one of two forms.
func (a *API) listMembers(c *call, k roomKind, r chat.Room) error {
	q, err := c.query()
	if err != nil {
		return err
	}
	if strings.EqualFold(q.Get("version"), "v3") {
		return a.listByCursor(c, r)
	}
	from, size, err := c.numberedPage(q, k.pageSize, k.mostPage)
	if err != nil {
		return err
	}
	people, err := a.membersFrom(c, k, r, from, size)
	if err != nil {
		return err
	}
	rows := make([]any, len(people))
	for i, p := range people {
		role := "member"
		if p.Login == r.Owner() {
			role = "owner"
		}
		rows[i] = map[string]any{role: c.nameOf(p)}
	}
	return c.reply(answer{data: rows, count: counted(len(rows))})
}

// membersFrom returns size members after the first from: in the order of joining, those of an open room by login.
func (a *API) membersFrom(c *call, k roomKind, r chat.Room, from, size int) (people []chat.Person, err error) {
	if r.Settings.Kind == chat.OpenRoom {
		people, _, err = a.Chats.Participants(c.ctx(), c.who, r.Name, chat.Range{Start: from, Limit: size})
		return people, err
	}
	for after, passed := (id.ID{}), 0; len(people) < size; {
		ms, more, err := a.Chats.ListMembers(c.ctx(), c.who, r.Name, after, false, k.mostPage)
		if err != nil {
			return nil, err
		}
		for _, m := range ms {
			if passed++; passed > from && len(people) < size {
				people = append(people, m.Person)
			}
		}
		if !more || len(ms) == 0 {
			break
		}
		after = ms[len(ms)-1].Since
	}
	return people, nil
}

// listByLogin lists the names of an open room's members but the owner's: who joined it through an earlier version has no
// place in the order of joining.
func (a *API) listByLogin(c *call, r chat.Room, after string, limit int) error {
	people, more, err := a.Chats.Participants(c.ctx(), c.who, r.Name, chat.Range{After: after, Limit: limit})
	if err != nil {
		return err
	}
	names := []string{}
	for _, p := range people {
		if p.Login != r.Owner() {
			names = append(names, c.nameOf(p))
		}
	}
	x := rows(names)
	if more {
		x.cursor = c.cursor(people[len(people)-1].Login)
	}
	return c.reply(x)
}

// listByCursor lists the names of members but the owner's, in the order of joining or the other way round.
func (a *API) listByCursor(c *call, r chat.Room) error {
	p, err := c.page(10, 100)
	if err != nil {
		return err
	}
	sort := cmp.Or(strings.ToLower(p.Get("sort")), "desc")
	if sort != "asc" && sort != "desc" {
		return badParameter("sort has to be asc or desc")
	}
	if r.Settings.Kind == chat.OpenRoom {
		return a.listByLogin(c, r, p.at, p.limit)
	}
	var from id.ID
	if p.at != "" {
		order, position, _ := strings.Cut(p.at, " ")
		if order != sort {
			return illegal("this cursor was not given by this call")
		}
		if from, err = id.Parse(position); err != nil {
			return illegal("this cursor was not given by this call")
		}
	}
	// One more than is shown says whether there are more; another one is for the owner, who is not shown.
	ms, _, err := a.Chats.ListMembers(c.ctx(), c.who, r.Name, from, sort == "desc", p.limit+2)
	if err != nil {
		return err
	}
	names, cursor := []string{}, ""
	for _, m := range ms {
		if m.Login == r.Owner() {
			continue
		}
		if len(names) == p.limit {
			cursor = c.cursor(sort + " " + from.String())
			break
		}
		names, from = append(names, c.nameOf(m.Person)), m.Since
	}
	x := rows(names)
	x.cursor = cursor
	return c.reply(x)
}

func (a *API) isJoined(c *call, _ roomKind, r chat.Room) error {
	login, err := c.login(c.variable("name"))
	if err != nil {
		return err
	}
	in, err := a.Chats.Has(c.ctx(), c.who, r.Name, login)
	if err != nil {
		return err
	}
	return c.reply(answer{data: in})
}

func (a *API) addMember(c *call, k roomKind, r chat.Room) error {
	u, err := c.people().Named(c.ctx(), c.variable("names"))
	if err != nil {
		return err
	}
	if _, err := a.Chats.AddMembers(c.ctx(), c.who, r.Name, []string{u.Identity().Login}); chat.IsKind(err, chat.Conflict) {
		return forbidden("can not join this %s, reason:user: %s already in %s: %s", k.noun, u.Name, k.noun, numberOf(r))
	} else if err != nil {
		return err
	}
	return c.reply(answer{data: map[string]any{"result": true, "action": "add_member", "user": u.Name, k.id: numberOf(r)}})
}

// addMembers adds several users, all or nobody. Groups name those who were not in it; rooms all.
func (a *API) addMembers(c *call, k roomKind, r chat.Room) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	names, err := c.usernames(f)
	if err != nil {
		return err
	}
	logins, nameOf, err := c.logins(names)
	if err != nil {
		return err
	}
	if !c.who.App && len(logins) == 1 && logins[0] == c.who.Login {
		return forbidden("this call adds others: join with POST %s/%s/users/%s", k.path, numberOf(r), nameOf[logins[0]])
	}
	added, err := a.Chats.AddMembers(c.ctx(), c.who, r.Name, logins)
	if chat.IsKind(err, chat.Conflict) && k.kind == chat.ChatRoom {
		err = nil
	}
	if chat.IsKind(err, chat.Conflict) {
		return forbidden("users %v are already members of this %s!", names, k.noun)
	}
	if err != nil {
		return err
	}
	if k.kind == chat.ChatRoom {
		added = logins
	}
	shown := make([]string, len(added))
	for i, login := range added {
		shown[i] = nameOf[login]
	}
	return c.reply(answer{data: map[string]any{"newmembers": shown, "action": "add_member", k.id: numberOf(r)}})
}

// removeMembers removes one member, or several: then each has a row that says how it went.
func (a *API) removeMembers(c *call, k roomKind, r chat.Room) error {
	names, err := c.inPath(k.kick)
	if err != nil {
		return err
	}
	found, err := c.lookUp(names)
	if err != nil {
		return err
	}
	errs, shown := make([]error, len(names)), slices.Clone(names)
	var logins []string
	var at []int
	for i, u := range found {
		if u == nil {
			errs[i] = chat.ErrNotFound(chat.UserEntity, names[i])
			continue
		}
		shown[i] = u.Name
		logins, at = append(logins, u.Identity().Login), append(at, i)
	}
	outcomes, err := a.Chats.RemoveMembers(c.ctx(), c.who, r.Name, logins)
	if err != nil {
		return err
	}
	for i, err := range outcomes {
		errs[at[i]] = err
	}
	rows, removed := make([]any, len(names)), 0
	var refused error
	for i, err := range errs {
		row := map[string]any{"result": err == nil, "action": "remove_member", "user": shown[i], k.id: numberOf(r)}
		switch {
		case err == nil:
			removed++
		case chat.IsKind(err, chat.Conflict):
			row["reason"] = "user: " + clip(shown[i]) + " doesn't exist in this " + k.noun
		case chat.IsKind(err, chat.NotFound), chat.IsKind(err, chat.Forbidden):
			row["reason"] = problemOf(err).text
		default:
			return err
		}
		if chat.IsKind(err, chat.Forbidden) {
			refused = err
		}
		rows[i] = row
	}
	switch {
	case len(names) == 1 && errs[0] == nil:
		return c.reply(answer{data: rows[0]})
	case removed == 0 && refused != nil:
		return refused
	case len(names) == 1 && chat.IsKind(errs[0], chat.NotFound):
		return errs[0]
	case removed == 0 && (k.kind == chat.GroupRoom || len(names) == 1):
		return forbidden("users %v are not members of this %s!", shown, k.noun)
	}
	return c.reply(answer{data: rows})
}

func (a *API) listRoomAdmins(c *call, _ roomKind, r chat.Room) error {
	now, err := a.Chats.LookInside(c.ctx(), c.who, r.Name)
	if err != nil {
		return err
	}
	names, err := c.namesOf(now.Settings.Admins)
	if err != nil {
		return err
	}
	return c.reply(rows(names))
}

func (a *API) addRoomAdmin(c *call, _ roomKind, r chat.Room) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	name, err := f.text("newadmin")
	if err != nil {
		return err
	}
	if name == nil {
		return badParameter("newadmin must be provided")
	}
	return a.setAdmin(c, r, *name, true, "newadmin")
}

func (a *API) removeRoomAdmin(c *call, _ roomKind, r chat.Room) error {
	return a.setAdmin(c, r, c.variable("name"), false, "oldadmin")
}

func (a *API) setAdmin(c *call, r chat.Room, name string, on bool, as string) error {
	u, err := c.people().Named(c.ctx(), name)
	if err != nil {
		return err
	}
	if _, err := a.Chats.SetAdmin(c.ctx(), c.who, r.Name, u.Identity().Login, on); chat.IsKind(err, chat.Conflict) {
		return forbidden("users [%s] are not members of this group!", u.Name)
	} else if err != nil {
		return err
	}
	return c.reply(answer{data: map[string]any{"result": "success", as: u.Name}})
}

// roomList is a list of people that a room keeps.
type roomList struct {
	list        chat.RoomList
	path        string
	add, remove string // the member "action"
}

var roomLists = []roomList{
	{chat.BlockList, "blocks/users", "add_blocks", "remove_blocks"},
	{chat.WhiteList, "white/users", "add_user_whitelist", "remove_user_whitelist"},
}

// listed returns all who are on a list, with their accounts: nil for those that were deleted.
func (a *API) listed(c *call, r chat.Room, list chat.RoomList) (all []chat.Listed, accounts []*account.Account, err error) {
	for after, more := "", true; more; {
		var page []chat.Listed
		if page, more, err = a.Chats.Listed(c.ctx(), c.who, r.Name, list, after, 1000); err != nil {
			return nil, nil, err
		}
		all = append(all, page...)
		if len(page) > 0 {
			after = page[len(page)-1].Login
		}
	}
	logins := make([]string, len(all))
	for i, on := range all {
		logins[i] = on.Login
	}
	accounts, err = c.accountsOf(logins)
	return all, accounts, err
}

func (a *API) listListed(c *call, _ roomKind, r chat.Room, l roomList) error {
	_, accounts, err := a.listed(c, r, l.list)
	if err != nil {
		return err
	}
	names := []string{}
	for _, u := range accounts {
		if u != nil {
			names = append(names, u.Name)
		}
	}
	return c.reply(rows(names))
}

func (a *API) listOne(c *call, k roomKind, r chat.Room, l roomList) error {
	rows, err := a.putOn(c, k, r, l, []string{c.variable("names")})
	if err != nil {
		return err
	}
	return c.reply(answer{data: rows[0]})
}

func (a *API) listAll(c *call, k roomKind, r chat.Room, l roomList) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	names, err := c.usernames(f)
	if err != nil {
		return err
	}
	rows, err := a.putOn(c, k, r, l, names)
	if err != nil {
		return err
	}
	return c.reply(answer{data: rows})
}

func (a *API) putOn(c *call, k roomKind, r chat.Room, l roomList, names []string) ([]any, error) {
	return a.putUntil(c, k, r, l.list, names, time.Time{}, map[string]any{"action": l.add, k.listID: numberOf(r)})
}

// putUntil puts users on a list, until a time if it is not zero. Each has a row with the given members.
func (a *API) putUntil(c *call, k roomKind, r chat.Room, list chat.RoomList, names []string, until time.Time, more map[string]any) ([]any, error) {
	logins, nameOf, err := c.logins(names)
	if err != nil {
		return nil, err
	}
	if err := a.Chats.List(c.ctx(), c.who, r.Name, list, logins, until, ""); chat.IsKind(err, chat.Conflict) {
		return nil, forbidden("users %v are not members of this %s!", names, k.noun)
	} else if err != nil {
		return nil, err
	}
	return rowsOf(logins, nameOf, more), nil
}

// rowsOf has a row for each of some users, with the given members.
func rowsOf(logins []string, nameOf map[string]string, more map[string]any) []any {
	rows := make([]any, len(logins))
	for i, login := range logins {
		row := map[string]any{"result": true, "user": nameOf[login]}
		maps.Copy(row, more)
		rows[i] = row
	}
	return rows
}

func (a *API) unlist(c *call, k roomKind, r chat.Room, l roomList) error {
	rows, err := a.takeOff(c, r, l.list, map[string]any{"action": l.remove, k.listID: numberOf(r)})
	if err != nil {
		return err
	}
	if len(rows) == 1 {
		return c.reply(answer{data: rows[0]})
	}
	return c.reply(answer{data: rows})
}

// takeOff takes the users whom the path names off a list. Each has a row with the given members.
func (a *API) takeOff(c *call, r chat.Room, list chat.RoomList, more map[string]any) ([]any, error) {
	names, err := c.inPath(maxBulk)
	if err != nil {
		return nil, err
	}
	logins, nameOf, err := c.logins(names)
	if err != nil {
		return nil, err
	}
	if _, err := a.Chats.Unlist(c.ctx(), c.who, r.Name, list, logins); err != nil {
		return nil, err
	}
	return rowsOf(logins, nameOf, more), nil
}

// expireOf is the end of a mute in milliseconds; -1 for none.
func expireOf(until time.Time) int64 {
	if until.IsZero() {
		return -1
	}
	return until.UnixMilli()
}

func (a *API) listMuted(c *call, _ roomKind, r chat.Room) error {
	all, accounts, err := a.listed(c, r, chat.MuteList)
	if err != nil {
		return err
	}
	rows := make([]any, 0, len(all))
	for i, m := range all {
		if u := accounts[i]; u != nil {
			rows = append(rows, map[string]any{"user": u.Name, "expire": expireOf(m.Until)})
		}
	}
	return c.reply(answer{data: rows, count: counted(len(rows))})
}

// maxMute bounds the length of a mute that has an end, in milliseconds: a hundred years.
const maxMute = 100 * 365 * 24 * 3_600_000

func (a *API) muteMembers(c *call, k roomKind, r chat.Room) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	names, err := c.usernames(f)
	if err != nil {
		return err
	}
	ms, err := f.number("mute_duration")
	if err != nil {
		return err
	}
	if ms == nil || *ms != -1 && (*ms < 1 || *ms > maxMute) {
		return badParameter("mute_duration has to be a number of milliseconds, or -1 for ever")
	}
	var until time.Time
	if *ms > 0 {
		until = a.Now().UTC().Add(time.Duration(*ms) * time.Millisecond)
	}
	rows, err := a.putUntil(c, k, r, chat.MuteList, names, until, map[string]any{"expire": expireOf(until)})
	if err != nil {
		return err
	}
	return c.reply(answer{data: rows})
}

func (a *API) unmuteMembers(c *call, _ roomKind, r chat.Room) error {
	rows, err := a.takeOff(c, r, chat.MuteList, nil)
	if err != nil {
		return err
	}
	return c.reply(answer{data: rows})
}
