package move_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/move"
	"github.com/confab-chat/confab/pkg/store"
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
