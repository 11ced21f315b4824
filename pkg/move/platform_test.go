package move_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/inbox"
	"github.com/confab-chat/confab/pkg/jobs"
	"github.com/confab-chat/confab/pkg/move"
	"github.com/confab-chat/confab/pkg/people"
	"github.com/confab-chat/confab/pkg/store"
	"github.com/confab-chat/confab/pkg/tenant"
)

// fillPlatform makes an organisation with its administrator, two apps, two accounts of one of them, and what the deletion of
// another app and of another organisation has not come to yet.
func fillPlatform(t *testing.T, s store.Store) {
	t.Helper()
	ids := id.NewGenerator(nil)
	put := func(space, name, value string) id.ID {
		e := directory.Entry{Space: space, ID: ids.New(), Name: name, Value: []byte(value)}
		require.NoError(t, s.CreateEntry(t.Context(), e))
		return e.ID
	}
	acme, gone := put("organisations", "acme", `{"name":"Acme","admins":[]}`), ids.New()
	put("accounts/administration", "acme-root", `{"passwordHash":"$argon2id$1","organisation":"`+acme.String()+`"}`)
	shop := put("apps/"+acme.String(), "shop", `{"name":"Shop","clientID":"c","sealed":"AAEC","settings":{}}`)
	put("apps/"+acme.String(), "forum", `{"name":"forum","clientID":"d","sealed":"AAED","settings":{}}`)
	put("accounts/app-"+shop.String(), "ann", `{"nickname":"Änn 😀","passwordHash":"$argon2id$2","metadata":{"a":"<b>"}}`)
	put("accounts/app-"+shop.String(), "bob", `{}`)

	old := put("apps/"+gone.String(), "old", `{"name":"old","clientID":"e","sealed":"AAED","settings":{}}`)
	put("accounts/app-"+old.String(), "removed-1", `{}`)
	put("accounts/app-"+ids.New().String(), "removed-2", `{}`)

	home := put("organisations", "confab", `{"name":"confab","admins":[],"default":true}`)
	put("apps/"+home.String(), "chat", `{"name":"chat","tenant":"default","clientID":"f","sealed":"AAED","settings":{}}`)
}

// What is being deleted does not come back with an import.
func TestWhatIsBeingDeletedIsLeftOut(t *testing.T) {
	from := openEmbedded(t)
	fillPlatform(t, from)
	file := string(export(t, from, move.ExportOptions{}))
	require.Contains(t, file, "Änn 😀")
	require.NotContains(t, file, "removed-")
	require.NotContains(t, file, `"old"`)
	require.NotContains(t, file, `"name":"confab"`, "each server has a default app of its own")
}

// Contacts, blocks and mutes move with the people whom they are about: not with those of whom one is deleted.
func TestPeopleMove(t *testing.T) {
	from, to := openEmbedded(t), openEmbedded(t)
	fillPlatform(t, from)
	acme, err := from.EntryNamed(t.Context(), "organisations", "acme")
	require.NoError(t, err)
	shop, err := from.EntryNamed(t.Context(), "apps/"+acme.ID.String(), "shop")
	require.NoError(t, err)
	of := tenant.App{ID: shop.ID}.Tenant()
	for _, login := range []string{"ann", "bob", "carl"} {
		require.NoError(t, from.CreateUser(t.Context(), chat.DefaultTenant, chat.User{Person: chat.Person{Login: login}}))
	}
	put := func(store store.Store) (*people.Service, *account.Service) {
		ids := id.NewGenerator(nil)
		queue := jobs.New(store, nil)
		accounts := account.New(account.Options{Store: store, IDs: ids, Jobs: queue, Now: time.Now})
		t.Cleanup(accounts.Close)
		s := people.New(people.Options{Store: store, Queue: queue, IDs: ids, Now: time.Now, Accounts: func(of chat.Tenant) account.Finder {
			if of == chat.DefaultTenant {
				return account.ChatFinder(store)
			}
			return accounts.Of(of, account.Platform)
		}})
		t.Cleanup(s.Close)
		return s, accounts
	}
	before, accounts := put(from)
	carl, err := accounts.Create(t.Context(), of, account.Platform, account.NewAccount{Name: "carl"})
	require.NoError(t, err)
	for _, find := range []account.Finder{accounts.Of(of, account.Platform), account.ChatFinder(from)} {
		var all []account.Account
		for _, name := range []string{"ann", "bob", "carl"} {
			a, err := find.Named(t.Context(), name)
			require.NoError(t, err)
			all = append(all, a)
		}
		for i := range all {
			require.NoError(t, before.Befriend(t.Context(), all[i], all[(i+1)%3]))
			require.NoError(t, before.Block(t.Context(), all[i], []account.Account{all[(i+1)%3]}))
			require.NoError(t, before.Mute(t.Context(), all[i].Identity(), people.Mutes{people.Group: people.Forever}))
		}
	}
	require.NoError(t, accounts.Delete(t.Context(), carl))
	require.NoError(t, from.DeleteUser(t.Context(), chat.DefaultTenant, "carl"))

	file := export(t, from, move.ExportOptions{})
	_, err = move.Import(t.Context(), to, bytes.NewReader(file), move.ImportOptions{})
	require.NoError(t, err)
	after, moved := put(to)
	// What two have with each other here already stays, when the file comes once more.
	one, err := moved.Named(t.Context(), of, account.Platform, "ann")
	require.NoError(t, err)
	two, err := moved.Named(t.Context(), of, account.Platform, "bob")
	require.NoError(t, err)
	require.NoError(t, after.Unfriend(t.Context(), one, two))
	require.NoError(t, after.Befriend(t.Context(), one, two))
	_, err = move.Import(t.Context(), to, bytes.NewReader(file), move.ImportOptions{})
	require.NoError(t, err)
	for _, find := range []account.Finder{moved.Of(of, account.Platform), account.ChatFinder(to)} {
		ann, err := find.Named(t.Context(), "ann")
		require.NoError(t, err)
		list, _, err := after.Contacts(t.Context(), ann.Identity(), id.ID{}, 10)
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, "bob", list[0].Account.Name)
		blocked, err := after.Blocked(t.Context(), ann.Identity())
		require.NoError(t, err)
		require.Len(t, blocked, 1)
		muted, err := after.AllMuted(t.Context(), ann.Tenant, 0, 10)
		require.NoError(t, err)
		require.Len(t, muted, 2)
	}
	require.NoError(t, to.EachEntry(t.Context(), func(e directory.Entry) error {
		for _, who := range people.Of(e) {
			require.NotContains(t, []string{"carl", carl.ID.String()}, who.Login, e.Space)
		}
		return nil
	}))
}

// Rules of callbacks move with their app, with their sealed secrets; dead letters stay.
func TestRulesOfCallbacksMove(t *testing.T) {
	from, to := openEmbedded(t), openEmbedded(t)
	fillPlatform(t, from)
	acme, err := from.EntryNamed(t.Context(), "organisations", "acme")
	require.NoError(t, err)
	shop, err := from.EntryNamed(t.Context(), "apps/"+acme.ID.String(), "shop")
	require.NoError(t, err)
	ids := id.NewGenerator(nil)
	for space, value := range map[string]string{"callbacks/app-" + shop.ID.String(): `{"app":"Acme#Shop","rules":[{"sealed":"AAEC"}]}`, "deadletters/app-" + shop.ID.String(): `{"body":{}}`,
		"callbacks/app-" + ids.New().String(): `{"app":"of one that is being deleted"}`} {
		require.NoError(t, from.CreateEntry(t.Context(), directory.Entry{Space: space, ID: ids.New(), Name: "rules", Value: []byte(value)}))
	}
	importInto(t, to, bytes.NewReader(export(t, from, move.ExportOptions{})))
	var moved []string
	require.NoError(t, to.EachEntry(t.Context(), func(e directory.Entry) error {
		if strings.HasPrefix(e.Space, "callbacks/") || strings.HasPrefix(e.Space, "deadletters/") {
			moved = append(moved, string(e.Value))
		}
		return nil
	}))
	require.Equal(t, []string{`{"app":"Acme#Shop","rules":[{"sealed":"AAEC"}]}`}, moved)
}

// slow is a store that does not take again yet what was deleted; see directory.Store.
type slow struct{ store.Store }

func (slow) CreateEntry(_ context.Context, e directory.Entry) error {
	return &chat.Error{Kind: chat.Conflict, Message: "'" + e.Name + "' was deleted meanwhile"}
}

func TestAnEntryThatWasDeletedLately(t *testing.T) {
	from := openEmbedded(t)
	fillPlatform(t, from)
	_, err := move.Import(t.Context(), slow{openEmbedded(t)}, bytes.NewReader(export(t, from, move.ExportOptions{})), move.ImportOptions{})
	require.ErrorContains(t, err, "was deleted here, and a Cassandra takes nothing again for ten days")
}

// An entry keeps its id, and is not changed by an import. A name that another one has here is an error that says so.
func TestEntriesThatAreThere(t *testing.T) {
	from, to := openEmbedded(t), openEmbedded(t)
	fillPlatform(t, from)
	file := export(t, from, move.ExportOptions{})
	acme, err := from.EntryNamed(t.Context(), "organisations", "acme")
	require.NoError(t, err)
	other := directory.Entry{Space: "organisations", ID: id.NewGenerator(nil).New(), Name: "acme", Value: []byte(`{"name":"ACME"}`)}
	require.NoError(t, to.CreateEntry(t.Context(), other))
	_, err = move.Import(t.Context(), to, bytes.NewReader(file), move.ImportOptions{})
	require.ErrorContains(t, err, `in organisations the name "acme" belongs to another one here`)
	require.True(t, chat.IsKind(err, chat.Conflict))

	require.NoError(t, to.DeleteEntry(t.Context(), other.Space, other.ID))
	importInto(t, to, bytes.NewReader(file))
	acme.Value = []byte(strings.Replace(string(acme.Value), "Acme", "ACME", 1))
	acme.Version = 1
	require.NoError(t, to.ReplaceEntry(t.Context(), acme))
	report := importInto(t, to, bytes.NewReader(file))
	require.Equal(t, move.Outcome{There: 5, Differ: 1}, report.Entries)
	kept, err := to.Entry(t.Context(), acme.Space, acme.ID)
	require.NoError(t, err)
	require.Equal(t, acme.Value, kept.Value)
}

// What an app has sent, and what of it waits, moves with the accounts that exist.
func TestMailboxesMove(t *testing.T) {
	from, to := openEmbedded(t), openEmbedded(t)
	fillPlatform(t, from)
	acme, err := from.EntryNamed(t.Context(), "organisations", "acme")
	require.NoError(t, err)
	shop, err := from.EntryNamed(t.Context(), "apps/"+acme.ID.String(), "shop")
	require.NoError(t, err)
	of := tenant.App{ID: shop.ID}.Tenant()
	ann, err := from.EntryNamed(t.Context(), "accounts/"+string(of), "ann")
	require.NoError(t, err)
	log, ids := chat.Log{Tenant: of, ID: shop.ID}, id.NewGenerator(nil)
	var ms []chat.Message
	var refs []inbox.Ref
	var all []id.ID
	for range 700 {
		m := chat.Message{ID: ids.New(), Author: chat.Person{FirstName: "admin"}, Content: "hello", Payload: chat.Payload{To: "ann"}}
		ms, all = append(ms, m), append(all, m.ID)
		refs = append(refs, inbox.Ref{Log: log.ID, Message: m.ID, Reason: inbox.ToUser})
	}
	require.NoError(t, from.AppendBatch(t.Context(), log, ms))
	box, gone := chat.Identity{Tenant: of, Login: ann.ID.String()}, chat.Identity{Tenant: of, Login: ids.New().String()}
	before := inbox.New(inbox.Options{Store: from})
	for _, who := range []chat.Identity{box, gone} {
		require.NoError(t, before.Append(t.Context(), who, refs...))
		_, err = before.Acknowledge(t.Context(), who, all[3:100])
		require.NoError(t, err)
	}
	file := export(t, from, move.ExportOptions{})
	require.NotContains(t, string(file), gone.Login)
	report := importInto(t, to, bytes.NewReader(file))
	require.Equal(t, move.Outcome{Added: 603}, report.Waiting)
	require.Equal(t, move.Outcome{Added: 700}, report.Messages)
	after := inbox.New(inbox.Options{Store: to})
	_, err = after.Acknowledge(t.Context(), box, all[:3])
	require.NoError(t, err)
	report = importInto(t, to, bytes.NewReader(file))
	require.Equal(t, move.Outcome{There: 603}, report.Waiting)
	require.Equal(t, move.Outcome{There: 700}, report.Messages)
	got, _, _, err := after.Waiting(t.Context(), box, 0, 1000)
	require.NoError(t, err)
	require.Len(t, got, 600)
	require.Equal(t, all[100], got[0].Message, "what was acknowledged here stays so")
	kept, err := to.Newer(t.Context(), log, id.Min, true, 1000)
	require.NoError(t, err)
	require.Equal(t, ms, kept)
}
