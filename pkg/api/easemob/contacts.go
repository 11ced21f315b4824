package easemob

import (
	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/people"
)

// contacts are the routes of contacts and blocks.
func (a *API) contacts() []route {
	return []route{
		{path: "/users/{user}/contacts/users", collection: true, methods: map[string]operation{"GET": {by: byUser, serve: a.listContacts}}},
		{path: "/users/{user}/contacts/users/{friend}", methods: map[string]operation{
			"POST":   {by: byUser, serve: a.addContact},
			"DELETE": {by: byUser, serve: a.removeContact},
		}},
		{path: "/user/{user}/contacts/users/{friend}", methods: map[string]operation{"PUT": {by: byUser, serve: a.putRemark}}},
		{path: "/users/{user}/blocks/users", collection: true, methods: map[string]operation{
			"GET":  {by: byUser, serve: a.listBlocks},
			"POST": {by: byUser, serve: a.addBlocks},
		}},
		{path: "/users/{user}/blocks/users/{friend}", methods: map[string]operation{"DELETE": {by: byUser, serve: a.removeBlock}}},
	}
}

// maxContacts is how many contacts a list without pages has. If there are more, it has a cursor.
const maxContacts = 3000

// pair finds the two users whom the path names.
func (c *call) pair() (u, friend account.Account, err error) {
	if u, err = c.user(); err == nil {
		friend, err = c.people().Find(c.ctx(), c.variable("friend"))
	}
	return u, friend, err
}

func contactsPath(u account.Account) string { return "/users/" + u.ID.String() + "/contacts" }
func blocksPath(u account.Account) string   { return "/users/" + u.ID.String() + "/blocks" }

func (a *API) addContact(c *call) error {
	u, friend, err := c.pair()
	if err == nil {
		err = a.People.Befriend(c.ctx(), u, friend)
	}
	if err != nil {
		return err
	}
	return c.reply(answer{path: contactsPath(u), entities: []any{userOf(friend)}})
}

func (a *API) removeContact(c *call) error {
	u, friend, err := c.pair()
	if err == nil {
		err = a.People.Unfriend(c.ctx(), u, friend)
	}
	if err != nil {
		return err
	}
	return c.reply(answer{path: contactsPath(u), entities: []any{userOf(friend)}})
}

func (a *API) listContacts(c *call) error {
	p, err := c.page(10, 100)
	if err != nil {
		return err
	}
	if !p.Has("limit") && !p.Has("cursor") {
		p.limit = maxContacts
	}
	u, err := c.user()
	if err != nil {
		return err
	}
	list, more, err := a.People.Contacts(c.ctx(), u.Identity(), p.id(), p.limit)
	if err != nil {
		return err
	}
	shown := make([]any, len(list))
	for i, f := range list {
		if shown[i] = f.Account.Name; p.Get("needReturnRemark") == "true" {
			shown[i] = map[string]any{"username": f.Account.Name, "remark": f.Remark}
		}
	}
	x := rows(shown)
	x.path, x.entities = contactsPath(u), []any{}
	if more {
		x.cursor = c.cursor(list[len(list)-1].At.String())
	}
	return c.reply(x)
}

func (a *API) putRemark(c *call) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	remark, err := f.text("remark")
	if err != nil {
		return err
	}
	if remark == nil {
		return illegal("remark is required")
	}
	u, friend, err := c.pair()
	if err == nil {
		err = a.People.SetRemark(c.ctx(), u, friend, *remark)
	}
	if err != nil {
		return err
	}
	return c.reply(answer{data: map[string]any{"remark": *remark}})
}

func names(us []account.Account) []string {
	out := make([]string, len(us))
	for i, u := range us {
		out[i] = u.Name
	}
	return out
}

func (a *API) listBlocks(c *call) error {
	u, err := c.user()
	if err != nil {
		return err
	}
	list, err := a.People.Blocked(c.ctx(), u.Identity())
	if err != nil {
		return err
	}
	return c.reply(answer{path: blocksPath(u), entities: []any{}, data: names(list), count: counted(len(list))})
}

func (a *API) addBlocks(c *call) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	asked, err := f.list("usernames", people.MaxBlocks)
	if err != nil {
		return err
	}
	if len(asked) == 0 {
		return illegal("usernames has to be an array of names")
	}
	u, err := c.user()
	if err != nil {
		return err
	}
	found, err := eachAtOnce(c, asked, c.people().Find)
	if err != nil {
		return err
	}
	others := make([]account.Account, len(asked))
	for i, other := range found {
		if other == nil {
			return chat.ErrNotFound(chat.UserEntity, asked[i])
		}
		others[i] = *other
	}
	if err := a.People.Block(c.ctx(), u, others); err != nil {
		return err
	}
	return c.reply(answer{path: blocksPath(u), entities: []any{}, data: names(others)})
}

func (a *API) removeBlock(c *call) error {
	u, other, err := c.pair()
	if err == nil {
		err = a.People.Unblock(c.ctx(), u, other)
	}
	if err != nil {
		return err
	}
	return c.reply(answer{path: blocksPath(u), entities: []any{userOf(other)}})
}
