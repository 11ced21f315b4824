package easemob

import (
	"cmp"
	"errors"
	"strconv"
	"unicode/utf8"

	"github.com/confab-chat/confab/pkg/chat"
)

// Limits of the metadata of a chat room, in characters, and of a call in keys.
const (
	maxAttributeKey   = 128
	maxAttributeValue = 4096
	maxAttributeKeys  = 10
)

// attributes are the routes of the metadata of chat rooms.
func (a *API) attributes() (all []route) {
	in := func(f func(*call, chat.Room, bool) error, forced bool) func(*call) error {
		return func(c *call) error {
			r, err := a.room(c, chatRooms)
			if err != nil {
				return err
			}
			return a.inRoom(r, f(c, r, forced))
		}
	}
	for path, forced := range map[string]bool{"/metadata/chatroom/{id}/user/{user}": false, "/metadata/chatroom/{id}/user/{user}/forced": true} {
		all = append(all, route{path: path, methods: map[string]operation{
			"PUT":    {by: byUser, serve: in(a.putAttributes, forced)},
			"DELETE": {by: byUser, serve: in(a.deleteAttributes, forced)},
		}})
	}
	return append(all, route{path: "/metadata/chatroom/{id}", methods: map[string]operation{"POST": {by: byMember, serve: in(a.getAttributes, false)}}})
}

// attributeAuthor is whom the path names, who has to be in the room. Of the keys of others only those who govern the room
// dispose, and apps.
func (a *API) attributeAuthor(c *call, r chat.Room, forced bool) (chat.Identity, error) {
	u, err := c.user()
	if err != nil {
		return chat.Identity{}, err
	}
	who := u.Identity()
	in, err := a.Chats.Has(c.ctx(), c.who, r.Name, who.Login)
	switch {
	case err != nil:
		return who, err
	case !in:
		return who, forbidden("user: %s doesn't exist in this chat room", u.Name)
	case forced && !c.who.App && r.Role(who.Login) == chat.PlainRole:
		return who, forbidden("only the owner and admins of a chat room may change what others have set")
	}
	return who, nil
}

func (a *API) putAttributes(c *call, r chat.Room, forced bool) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	if !f.has("metaData") {
		return badParameter("metaData must be provided")
	}
	given, err := members(f["metaData"])
	if err != nil {
		return invalidParameter(err)
	}
	set := map[string]string{}
	var keys []string
	for key := range given {
		text, err := given.text(key)
		if err != nil {
			return invalidParameter(err)
		}
		if text == nil || utf8.RuneCountInString(*text) > maxAttributeValue {
			return badParameter("a value has to be a text of at most " + strconv.Itoa(maxAttributeValue) + " characters")
		}
		set[key], keys = *text, append(keys, key)
	}
	if err := attributeKeys(keys); err != nil {
		return err
	}
	mode, err := f.text("autoDelete")
	if err != nil {
		return invalidParameter(err)
	}
	if mode == nil {
		mode = new(string)
	}
	stays := false
	switch cmp.Or(*mode, "DELETE") {
	case "DELETE":
	case "NO_DELETE":
		stays = true
	default:
		return badParameter("autoDelete has to be DELETE or NO_DELETE")
	}
	who, err := a.attributeAuthor(c, r, forced)
	if err != nil {
		return err
	}
	return a.eachAttribute(c, keys, func(key string) error {
		return a.Rooms.SetAttribute(c.ctx(), who, r.ID, key, set[key], stays, forced)
	})
}

// attributeKeys checks the keys of a call.
func attributeKeys(keys []string) error {
	if len(keys) == 0 || len(keys) > maxAttributeKeys {
		return badParameter("name 1 to " + strconv.Itoa(maxAttributeKeys) + " keys")
	}
	for _, key := range keys {
		if n := utf8.RuneCountInString(key); n == 0 || n > maxAttributeKey {
			return badParameter("a key has 1 to " + strconv.Itoa(maxAttributeKey) + " characters")
		}
	}
	return nil
}

// eachAttribute does something to each key and answers with what came of it.
func (a *API) eachAttribute(c *call, keys []string, do func(key string) error) error {
	done, failed := []string{}, map[string]string{}
	for _, key := range keys {
		err := do(key)
		var e *chat.Error
		switch {
		case err == nil:
			done = append(done, key)
		case chat.IsKind(err, chat.NotFound):
			failed[key] = "there is no such key"
		case errors.As(err, &e) && (e.Kind == chat.Forbidden || e.Kind == chat.Full):
			failed[key] = e.Message
		default:
			return err
		}
	}
	return c.reply(answer{data: map[string]any{"status": "ok", "successKeys": done, "errorKeys": failed}})
}

func (a *API) deleteAttributes(c *call, r chat.Room, forced bool) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	keys, err := f.list("keys", maxAttributeKeys)
	if err != nil {
		return invalidParameter(err)
	}
	if err := attributeKeys(keys); err != nil {
		return err
	}
	who, err := a.attributeAuthor(c, r, forced)
	if err != nil {
		return err
	}
	return a.eachAttribute(c, keys, func(key string) error {
		return a.Rooms.DeleteAttribute(c.ctx(), who, r.ID, key, forced)
	})
}

func (a *API) getAttributes(c *call, r chat.Room, _ bool) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	keys, err := f.list("keys", 100)
	if err != nil {
		return invalidParameter(err)
	}
	all, err := a.Rooms.Attributes(c.ctx(), c.tenant(), r.ID)
	if err != nil {
		return err
	}
	if f.has("keys") {
		some := map[string]string{}
		for _, key := range keys {
			if v, there := all[key]; there {
				some[key] = v
			}
		}
		all = some
	}
	return c.reply(answer{data: all})
}
