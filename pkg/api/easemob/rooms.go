package easemob

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
)

// roomKind has the words in which groups and chat rooms differ.
type roomKind struct {
	kind     chat.RoomKind
	path     string // of the collection
	id       string // the member with the id of one
	listID   string // the same in answers about its lists
	noun     string
	name     string // the member with the name of a new one
	pageSize int    // of members, if it is not given
	mostPage int
	kick     int // how many are removed by one call
}

var (
	groups    = roomKind{chat.GroupRoom, "/chatgroups", "groupid", "groupid", "group", "groupname", 10, 100, 60}
	chatRooms = roomKind{chat.ChatRoom, "/chatrooms", "id", "chatroomid", "chat room", "name", 1000, 1000, 100}
)

// maxBulk is how many people are added, muted, blocked or listed by one call.
const maxBulk = chat.MaxBulk

// rooms are the routes of groups and chat rooms.
func (a *API) rooms() (all []route) {
	all = append(all, route{path: "/chatrooms/super_admin", collection: true, methods: map[string]operation{
		"GET":  {by: byApp, serve: a.listSuperAdmins},
		"POST": {by: byApp, serve: a.addSuperAdmin},
	}}, route{path: "/chatrooms/super_admin/{name}", methods: map[string]operation{"DELETE": {by: byApp, serve: a.removeSuperAdmin}}})
	for _, k := range []roomKind{groups, chatRooms} {
		in := func(f func(*call, roomKind) error) operation {
			return operation{by: byMember, serve: func(c *call) error { return f(c, k) }}
		}
		at := func(f func(*call, roomKind, chat.Room) error) operation {
			return operation{by: byMember, serve: func(c *call) error {
				r, err := a.room(c, k)
				if err != nil {
					return err
				}
				return a.inRoom(r, f(c, k, r))
			}}
		}
		all = append(all,
			route{path: k.path, collection: true, methods: map[string]operation{
				"GET":  {by: byApp, serve: in(a.listRooms).serve},
				"POST": in(a.createRoom),
			}},
			route{path: k.path + "/{id}", methods: map[string]operation{"GET": in(a.getRooms), "PUT": at(a.putRoom), "DELETE": at(a.deleteRoom)}},
			route{path: k.path + "/{id}/users", collection: true, methods: map[string]operation{"GET": at(a.listMembers), "POST": at(a.addMembers)}},
			route{path: k.path + "/{id}/users/{names}", methods: map[string]operation{"POST": at(a.addMember), "DELETE": at(a.removeMembers)}},
			route{path: k.path + "/{id}/user/{name}/is_joined", methods: map[string]operation{"GET": at(a.isJoined)}},
			route{path: k.path + "/{id}/admin", collection: true, methods: map[string]operation{"GET": at(a.listRoomAdmins), "POST": at(a.addRoomAdmin)}},
			route{path: k.path + "/{id}/admin/{name}", methods: map[string]operation{"DELETE": at(a.removeRoomAdmin)}},
			route{path: k.path + "/{id}/mute", collection: true, methods: map[string]operation{"GET": at(a.listMuted), "POST": at(a.muteMembers)}},
			route{path: k.path + "/{id}/mute/{names}", methods: map[string]operation{"DELETE": at(a.unmuteMembers)}},
			route{path: k.path + "/{id}/ban", methods: map[string]operation{"POST": at(a.ban), "DELETE": at(a.unban)}},
			route{path: k.path + "/{id}/announcement", methods: map[string]operation{
				"GET": at(a.getAnnouncement), "POST": at(a.setAnnouncement), "PUT": at(a.setAnnouncement)}},
			route{path: k.path + "/{id}/disable", methods: map[string]operation{"POST": at(a.disable)}},
			route{path: k.path + "/{id}/enable", methods: map[string]operation{"POST": at(a.enable)}},
		)
		for _, l := range roomLists {
			of := func(f func(*call, roomKind, chat.Room, roomList) error) operation {
				return at(func(c *call, k roomKind, r chat.Room) error { return f(c, k, r, l) })
			}
			all = append(all,
				route{path: k.path + "/{id}/" + l.path, collection: true, methods: map[string]operation{"GET": of(a.listListed), "POST": of(a.listAll)}},
				route{path: k.path + "/{id}/" + l.path + "/{names}", methods: map[string]operation{"POST": of(a.listOne), "DELETE": of(a.unlist)}},
			)
		}
	}
	return append(all,
		route{path: "/users/{user}/joined_chatgroups", methods: map[string]operation{"GET": {by: byUser, serve: func(c *call) error { return a.joined(c, groups) }, limit: "joined groups"}}},
		route{path: "/users/{user}/joined_chatrooms", methods: map[string]operation{"GET": {by: byUser, serve: func(c *call) error { return a.joined(c, chatRooms) }}}},
	)
}

// principal is who calls, for the rules of rooms.
func (c *call) principal() chat.Principal {
	if u := c.caller.user; u != nil {
		return u.Identity().Principal()
	}
	return chat.Principal{Identity: chat.Identity{Tenant: c.tenant()}, App: true}
}

// principalOf is principal for rooms of a kind: super admins act in chat rooms as their owners.
func (a *API) principalOf(c *call, k roomKind) (chat.Principal, error) {
	who := c.principal()
	if who.App || k.kind != chat.ChatRoom {
		return who, nil
	}
	super, err := a.Rooms.IsSuperAdmin(c.ctx(), who.Identity)
	who.App = super
	return who, err
}

// numbers are the ids of rooms.
var numbers = regexp.MustCompile(`^[1-9][0-9]{0,18}$`)

// numberOf is the id of a room.
func numberOf(r chat.Room) string { return strconv.FormatInt(r.Number(), 10) }

// noRoom is the error for a group or a chat room that is not there, or not for the caller.
func noRoom(k chat.RoomKind, number string) error {
	what := "grpID "
	if k == chat.ChatRoom {
		what = "chat room "
	}
	return &problem{status: http.StatusNotFound, word: "resource_not_found", text: what + clip(number) + " does not exist!"}
}

// room finds the room that the path names, if the caller may see it and it is of that kind.
func (a *API) room(c *call, k roomKind) (chat.Room, error) { return a.roomBy(c, k, c.variable("id")) }

func (a *API) roomBy(c *call, k roomKind, number string) (chat.Room, error) {
	n, err := strconv.ParseInt(number, 10, 64)
	if !numbers.MatchString(number) || err != nil {
		return chat.Room{}, noRoom(k.kind, number)
	}
	who, err := a.principalOf(c, k)
	if err != nil {
		return chat.Room{}, err
	}
	c.who = who
	name, err := a.Rooms.Name(c.ctx(), who.Tenant, k.kind, n)
	if err != nil {
		return chat.Room{}, err
	}
	r, err := a.Chats.Look(c.ctx(), who, name)
	if chat.IsKind(err, chat.NotFound) || err == nil && (!k.shows(r) || r.Number() != n) {
		return chat.Room{}, noRoom(k.kind, number)
	}
	return r, err
}

// inRoom words an error about a room.
func (a *API) inRoom(r chat.Room, err error) error {
	var e *chat.Error
	if !errors.As(err, &e) {
		return err
	}
	switch {
	case e.Kind == chat.Invalid:
		return invalidParameter(err)
	case e.Kind == chat.NotFound && e.Entity == chat.RoomEntity:
		return noRoom(r.Settings.Kind, numberOf(r))
	}
	return err
}

// invalidParameter words what is wrong with a group or a room.
func invalidParameter(cause error) error {
	p := problemOf(cause)
	return &problem{status: http.StatusBadRequest, word: "invalid_parameter", text: p.text, cause: cause}
}

func badParameter(text string) error {
	return &problem{status: http.StatusBadRequest, word: "invalid_parameter", text: text}
}

// login finds the account that a name means.
func (c *call) login(name string) (string, error) {
	u, err := c.people().Named(c.ctx(), name)
	return u.Identity().Login, err
}

// logins is login for several names, each once, in their order.
func (c *call) logins(names []string) (logins []string, nameOf map[string]string, err error) {
	found, err := c.lookUp(names)
	if err != nil {
		return nil, nil, err
	}
	nameOf = map[string]string{}
	for i, u := range found {
		if u == nil {
			return nil, nil, chat.ErrNotFound(chat.UserEntity, names[i])
		}
		if login := u.Identity().Login; nameOf[login] == "" {
			logins, nameOf[login] = append(logins, login), u.Name
		}
	}
	return logins, nameOf, nil
}

// lookUpsAtOnce bounds the accounts that one call looks up at the same time.
const lookUpsAtOnce = 16

// lookUp finds the accounts that names mean, in their order; nil for nobody.
func (c *call) lookUp(names []string) ([]*account.Account, error) {
	return eachAtOnce(c, names, c.people().Named)
}

// eachAtOnce finds an account for each text, some at the same time; nil where there is none.
func eachAtOnce(c *call, texts []string, find func(ctx context.Context, text string) (account.Account, error)) ([]*account.Account, error) {
	found := make([]*account.Account, len(texts))
	g, ctx := guard.WithContext(c.ctx())
	g.SetLimit(lookUpsAtOnce)
	for i, text := range texts {
		g.Go(func() error {
			u, err := find(ctx, text)
			switch {
			case chat.IsKind(err, chat.NotFound):
				return nil
			case err != nil:
				return err
			}
			found[i] = &u
			return nil
		})
	}
	return found, g.Wait()
}

// nameOf is the name of a participant.
func (c *call) nameOf(p chat.Person) string { return account.NameOf(c.tenant(), p) }

// accountsOf returns the accounts of logins, in their order; nil for those that were deleted.
func (c *call) accountsOf(logins []string) ([]*account.Account, error) {
	return eachAtOnce(c, logins, func(ctx context.Context, login string) (account.Account, error) {
		return c.people().Cached(ctx, chat.Identity{Tenant: c.tenant(), Login: login})
	})
}

// namesOf returns the names of accounts; those that were deleted are missing.
func (c *call) namesOf(logins []string) ([]string, error) {
	found, err := c.accountsOf(logins)
	names := make([]string, 0, len(logins))
	for _, u := range found {
		if u != nil {
			names = append(names, u.Name)
		}
	}
	return names, err
}

// ownerOf is the name of a room's owner.
func (c *call) ownerOf(r chat.Room) (string, error) {
	if r.Owner() == r.Creator.Login {
		return c.nameOf(r.Creator), nil
	}
	names, err := c.namesOf([]string{r.Owner()})
	if err != nil || len(names) == 0 {
		return "", err
	}
	return names[0], nil
}

// usernames reads the list of names in a body.
func (c *call) usernames(f fields) ([]string, error) {
	names, err := f.list("usernames", maxBulk)
	switch {
	case err != nil:
		return nil, invalidParameter(err)
	case len(names) == 0:
		return nil, badParameter("usernames must be provided")
	}
	return names, nil
}

// inPath are the names in the path, at most that many.
func (c *call) inPath(most int) ([]string, error) {
	names := strings.Split(c.variable("names"), ",")
	if len(names) > most {
		return nil, badParameter("at most " + strconv.Itoa(most) + " users at once")
	}
	return names, nil
}
