package easemob_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/client"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/store"
	"github.com/confab-chat/confab/pkg/store/cassandra/cassandratest"
	"github.com/confab-chat/confab/pkg/tenant"
)

// onBothStores runs a test with a world whose default app shows the chat API's rooms.
func onBothStores(t *testing.T, test func(w *world, a *app)) {
	for name, open := range map[string]func(t *testing.T) store.Store{"embedded": openStore,
		"cassandra": func(t *testing.T) store.Store { return cassandratest.Open(t, cassandratest.Config(t)) }} {
		t.Run(name, func(t *testing.T) {
			w, _ := serve(t, open(t), config())
			w.operator = w.logIn(adminLogin, adminPassword)
			test(w, w.defaultApp("confab/chat", "confab", "chat"))
		})
	}
}

// chatUser signs up a user of the chat API.
func (w *world) chatUser(login string) *client.Client {
	w.Helper()
	c, err := client.New(w.web.URL, client.WithPassword(login, "pw of "+login), client.WithHTTPClient(w.http))
	require.NoError(w, err)
	_, err = c.SignUp(w.Context(), client.NewUser{Person: client.Person{Login: login, FirstName: "The", LastName: login}, Password: "pw of " + login})
	require.NoError(w, err)
	return c
}

// groupOf is the id of the group that a room is.
func (a *app) groupOf(room string) string {
	a.Helper()
	for cursor := ""; ; {
		out := a.ok("GET", "/chatgroups?limit=1"+cursor, a.token, nil)
		for _, row := range out["data"].([]any) {
			if row.(object)["groupname"] == room {
				return row.(object)["groupid"].(string)
			}
		}
		next, more := out["cursor"].(string)
		require.True(a, more, "there is no group %s", room)
		cursor = "&cursor=" + next
	}
}

func TestRoomsOfTheChatAPIAreGroups(t *testing.T) {
	onBothStores(t, func(w *world, a *app) {
		ctx := w.Context()
		ann, bob := w.chatUser("Ann"), w.chatUser("bob")
		_, err := ann.CreateRoom(ctx, "Lounge", "Sit down")
		require.NoError(w, err)
		secret, err := ann.CreatePrivateRoom(ctx, client.NewPrivateRoom{Title: "Behind the door"})
		require.NoError(w, err)
		require.NoError(w, bob.Join(ctx, "Lounge"))

		g, p := a.groupOf("Lounge"), a.groupOf("Behind the door")
		require.Equal(w, []string{"Behind the door", "Lounge"}, a.groupNames(), "the newest first")
		d := a.detail("/chatgroups/"+g, a.token)
		for k, v := range map[string]any{"id": g, "name": "Lounge", "owner": "Ann", "public": true, "membersonly": false, "affiliations_count": 2., "maxusers": 10000.,
			"affiliations": []any{object{"owner": "Ann"}, object{"member": "bob"}}} {
			require.Equal(w, v, d[k], k)
		}
		require.Equal(w, false, a.detail("/chatgroups/"+p, a.token)["public"])
		require.Equal(w, []any{object{"owner": "Ann"}, object{"member": "bob"}}, a.ok("GET", "/chatgroups/"+g+"/users", a.token, nil)["data"])
		require.Equal(w, []string{"bob"}, texts(a.ok("GET", "/chatgroups/"+g+"/users?version=v3", a.token, nil)["data"]))
		require.Equal(w, []any{object{"groupid": g, "groupname": "Lounge"}}, a.ok("GET", "/users/bob/joined_chatgroups", a.token, nil)["data"])
		a.fails(404, "resource_not_found", "GET", "/chatrooms/"+g, a.token, nil)

		// To its own users the dialect shows what the chat API shows them.
		token := a.userToken("bob", "pw of bob")
		require.Equal(w, "member", a.detail("/chatgroups/"+g, token)["permission"])
		a.fails(404, "resource_not_found", "GET", "/chatgroups/"+p, token, nil)
		a.ok("DELETE", "/chatgroups/"+g+"/users/bob", token, nil)
		a.ok("POST", "/chatgroups/"+g+"/users/bob", token, nil)

		// Changes hold on both sides.
		a.ok("PUT", "/chatgroups/"+g, a.token, object{"description": "Soft chairs", "groupname": "Lounge", "public": true})
		r, err := bob.Room(ctx, "Lounge")
		require.NoError(w, err)
		require.Equal(w, "Soft chairs", r.Description)
		for _, body := range []object{{"groupname": "Other"}, {"public": false}, {"membersonly": true}} {
			a.fails(400, "illegal_argument", "PUT", "/chatgroups/"+g, a.token, body)
		}
		a.fails(400, "invalid_parameter", "PUT", "/chatgroups/"+g, a.token, object{"maxusers": 5})
		a.ok("PUT", "/chatgroups/"+p, a.token, object{"groupname": "Behind the curtain"})
		a.ok("POST", "/chatgroups/"+p+"/users/bob", a.token, nil)
		r, err = bob.Room(ctx, secret.Name)
		require.NoError(w, err)
		require.Equal(w, "Behind the curtain", r.Title)
		a.ok("PUT", "/chatgroups/"+g, a.token, object{"newowner": "bob"})
		require.NoError(w, bob.DeleteRoom(ctx, "Lounge"))
		a.fails(404, "resource_not_found", "GET", "/chatgroups/"+g, a.token, nil)
		require.Equal(w, []string{"Behind the curtain"}, a.groupNames())

		// Another room of the name is another group.
		_, err = ann.CreateRoom(ctx, "Lounge", "")
		require.NoError(w, err)
		require.NotEqual(w, g, a.groupOf("Lounge"))
		a.fails(404, "resource_not_found", "GET", "/chatgroups/"+g, a.token, nil)
		a.ok("DELETE", "/chatgroups/"+a.groupOf("Lounge"), a.token, nil)
		_, err = ann.Room(ctx, "Lounge")
		require.Error(w, err)
	})
}

func (a *app) groupNames() (names []string) {
	a.Helper()
	for _, row := range a.ok("GET", "/chatgroups?limit=100", a.token, nil)["data"].([]any) {
		names = append(names, row.(object)["groupname"].(string))
	}
	return names
}

func TestGroupsOfTheDefaultAppAreRooms(t *testing.T) {
	onBothStores(t, func(w *world, a *app) {
		ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
		defer cancel()
		w.chatUser("Ann")
		bob := w.chatUser("bob")
		body := object{"groupname": "Club", "desc": "for both", "public": true, "owner": "Ann", "members": []string{"bob"}, "maxusers": 3, "allowinvites": true}
		g := a.ok("POST", "/chatgroups", a.token, body)["data"].(object)["groupid"].(string)
		a.fails(400, "duplicate_unique_property_exists", "POST", "/chatgroups", a.token, body)
		for _, wrong := range []object{{"groupname": "A name with blanks"}, {"groupname": "ab"}, {"groupname": "Other", "membersonly": true}} {
			for k, v := range body {
				if _, set := wrong[k]; !set {
					wrong[k] = v
				}
			}
			a.fails(400, "illegal_argument", "POST", "/chatgroups", a.token, wrong)
		}
		hidden := a.ok("POST", "/chatgroups", a.token, object{"groupname": "A hidden one", "public": false, "owner": "Ann"})["data"].(object)["groupid"].(string)
		require.Equal(w, "A hidden one", a.detail("/chatgroups/"+hidden, a.token)["name"])

		r, err := bob.Room(ctx, "Club")
		require.NoError(w, err)
		require.Equal(w, []string{"Ann", "bob"}, []string{r.Participants[0].Login, r.Participants[1].Login})
		require.Equal(w, "Ann", r.Owner)
		require.NoError(w, w.chatUser("carl").Join(ctx, "Club"))
		require.ErrorContains(w, w.chatUser("dave").Join(ctx, "Club"), "full")

		// Messages arrive live, as the chat API shows them.
		live := bob.Live()
		defer live.Close()
		sub, err := live.Subscribe(ctx, "Club")
		require.NoError(w, err)
		send := func(body object) string {
			body["to"] = []string{g}
			return a.ok("POST", "/messages/chatgroups", a.token, body)["data"].(object)[g].(string)
		}
		first := ""
		for _, m := range []struct {
			sent           object
			content, shown string
		}{
			{object{"type": "txt", "body": object{"msg": "hello"}}, "hello", ""},
			{object{"type": "img", "body": object{"url": "https://e.example/1", "filename": "a.png"}}, "[image] a.png https://e.example/1", "image"},
			{object{"type": "file", "body": object{"url": "https://e.example/2", "filename": "a.pdf"}}, "[file] a.pdf https://e.example/2", "file"},
			{object{"type": "loc", "body": object{"lat": "1", "lng": 2, "addr": "Rue de la Paix"}}, "[location] Rue de la Paix", "location"},
			{object{"type": "custom", "body": object{"customEvent": "wave"}}, "[custom] wave", "custom"},
			{object{"type": "cmd", "body": object{"action": "ring"}}, "[command] ring", "command"},
		} {
			m.sent["from"] = "Ann"
			number := send(m.sent)
			e, err := sub.Next(ctx)
			require.NoError(w, err)
			require.Equal(w, []string{m.content, m.shown, "Ann", "The"}, []string{e.Message.Content, e.Message.Kind, e.Message.Author.Login, e.Message.Author.FirstName})
			n, _ := e.Message.ID.Number()
			require.Equal(w, number, strconv.FormatInt(n, 10))
			if first == "" {
				first = number
			}
		}
		require.Equal(w, "yes", a.ok("POST", "/messages/msg_recall", a.token, object{"msg_id": first, "to": g, "chat_type": "groupchat", "from": "Ann"})["data"].(object)["recalled"])
		e, err := sub.Next(ctx)
		require.NoError(w, err)
		require.Equal(w, client.Deleted, e.Kind)

		// A message is from an account.
		for _, from := range []any{nil, "nobody", "admin"} {
			m := object{"type": "txt", "body": object{"msg": "x"}, "to": []string{g}}
			if from != nil {
				m["from"] = from
			}
			a.fails(400, "illegal_argument", "POST", "/messages/chatgroups", a.token, m)
		}
	})
}

// Rooms that servers of earlier versions or imports have made become groups too, also those whose id has no number; what
// such servers have deleted goes.
func TestTheIndexOfRoomsIsCompleted(t *testing.T) {
	onBothStores(t, func(w *world, a *app) {
		ctx := w.Context()
		w.chatUser("Ann")
		ids := id.NewGenerator(time.Now)
		person := chat.Person{Login: "Ann", FirstName: "The", LastName: "Ann"}
		old := chat.Room{ID: ids.New(), Name: "Old", Creator: person}
		require.NoError(w, w.store.CreateRoom(ctx, chat.DefaultTenant, old))
		_, numbered := old.ID.Number()
		require.False(w, numbered)
		gone := chat.Room{ID: id.NewGenerator(func() time.Time { return time.Now().Add(-3 * time.Hour) }).New(), Name: "Gone"}
		require.NoError(w, tenant.NewRoomIndex(w.store, nil).Enter(ctx, chat.DefaultTenant, gone))

		for range 2 {
			require.NoError(w, tenant.NewRoomIndex(w.store, nil).CatchUp(ctx))
			require.Equal(w, []string{"Old"}, a.groupNames())
		}
		es, err := w.store.Entries(ctx, "groups/"+string(chat.DefaultTenant), id.ID{}, 10)
		require.NoError(w, err)
		require.Len(w, es, 1)
		g := a.groupOf("Old")
		require.Equal(w, "Old", a.detail("/chatgroups/"+g, a.token)["name"])
		m := a.ok("POST", "/messages/chatgroups", a.token, object{"from": "Ann", "to": []string{g}, "type": "txt", "body": object{"msg": "x"}})
		require.Contains(w, m["data"], g)
		require.Equal(w, []any{object{"owner": "Ann"}}, a.ok("GET", "/chatgroups/"+g+"/users", a.token, nil)["data"])
	})
}
