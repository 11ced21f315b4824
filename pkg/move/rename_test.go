package move_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/jobs"
	"github.com/confab-chat/confab/pkg/move"
)

// A file has no renames: rooms have the new names in it that have not reached them yet.
func TestNamesOnTheirWayToRooms(t *testing.T) {
	from, to, ctx := openEmbedded(t), openEmbedded(t), t.Context()
	ids := id.NewGenerator(nil)
	ann := chat.User{Person: person("ann"), CreatedAt: created}
	require.NoError(t, from.CreateUser(ctx, chat.DefaultTenant, ann))
	r := chat.Room{ID: ids.New(), Name: "games", Creator: ann.Person, CreatedAt: created}
	require.NoError(t, from.CreateRoom(ctx, chat.DefaultTenant, r))
	ann.FirstName = "Anna"
	_, err := jobs.New(from, nil).Intend(ctx, chat.RenameOf(chat.DefaultTenant, "ann"))
	require.NoError(t, err)
	require.NoError(t, from.UpdateProfile(ctx, chat.DefaultTenant, ann, nil))

	importInto(t, to, bytes.NewReader(export(t, from, move.ExportOptions{})))
	got, err := to.Room(ctx, chat.DefaultTenant, "games")
	require.NoError(t, err)
	require.Equal(t, ann.Person, got.Creator)
	p, err := to.Participant(ctx, chat.DefaultTenant, r.ID, "ann")
	require.NoError(t, err)
	require.Equal(t, ann.Person, p)
}
