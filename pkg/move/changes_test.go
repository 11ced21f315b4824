package move_test

import (
	"bytes"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/move"
	"github.com/confab-chat/confab/pkg/store"
)

// A client that resumes after the move, from a change received before it, receives every later change in order: of each
// message the newest of each kind.
func TestResumingAfterAMove(t *testing.T) {
	from := openEmbedded(t)
	fill(t, from)
	file := export(t, from, move.ExportOptions{})
	for name, open := range map[string]func(*testing.T) store.Store{"embedded": openEmbedded, "Cassandra": openCassandra} {
		t.Run(name, func(t *testing.T) {
			to := open(t)
			importInto(t, to, bytes.NewReader(file))
			for _, tenant := range []chat.Tenant{chat.DefaultTenant, "org#app"} {
				for _, room := range []string{"empty", "lounge", "left"} {
					all := changesIn(t, from, tenant, room, id.Min)
					require.Len(t, all, map[string]int{"empty": 0, "lounge": 5, "left": 5}[room])
					for _, received := range all {
						want := changesIn(t, from, tenant, room, received.ID)
						// Changes made by the import itself may be among them: receiving a change twice does no harm.
						got := slices.DeleteFunc(changesIn(t, to, tenant, room, received.ID), func(c chat.MessageChange) bool {
							return !slices.ContainsFunc(want, func(w chat.MessageChange) bool { return w.ID == c.ID })
						})
						require.Len(t, got, len(want))
						if len(want) > 0 {
							require.Equal(t, want, got)
						}
					}
				}
			}
		})
	}
}

// A file without changes is as good as it was, and what is changed after its import goes on to the next store.
func TestFilesOfVersion1(t *testing.T) {
	file, err := os.ReadFile("testdata/version1.ndjson")
	require.NoError(t, err)
	second, third := openEmbedded(t), openEmbedded(t)
	report := importInto(t, second, bytes.NewReader(file))
	require.Equal(t, move.Outcome{Added: 3}, report.Messages)
	require.Zero(t, report.Changes)
	// The creator has a place in the order of joining here, which the file does not know.
	const digest = `"digest":"b3ded951cd553a42a0377744df75a32965d4fe1a0e4e2f3e26d5c760ec144d79"`
	require.Contains(t, lastLine(export(t, second, move.ExportOptions{})), digest, "what the import has done to messages is no change of anybody")

	r, err := second.Room(t.Context(), chat.DefaultTenant, "lounge")
	require.NoError(t, err)
	ms, err := second.Newer(t.Context(), r.Log(chat.DefaultTenant), id.Min, true, 10)
	require.NoError(t, err)
	require.Equal(t, "Hello again", ms[0].Content)
	require.Equal(t, []chat.Reaction{{Emoji: "ok", Logins: []string{"ann"}}}, ms[0].Reactions)
	require.True(t, ms[1].Deleted)
	taken := chat.Change{Kind: chat.React, ID: id.NewGenerator(nil).New(), By: r.Creator, Emoji: "ok"}
	_, err = second.ChangeMessage(t.Context(), r.Log(chat.DefaultTenant), ms[0].ID, func(chat.Message) (chat.Change, error) { return taken, nil })
	require.NoError(t, err)

	next := export(t, second, move.ExportOptions{})
	report = importInto(t, third, bytes.NewReader(next))
	require.Equal(t, move.Outcome{Added: 1}, report.Changes)
	require.Equal(t, lastLine(next), lastLine(export(t, third, move.ExportOptions{})))
	cs := changesIn(t, third, chat.DefaultTenant, "lounge", ms[2].ID)
	require.Equal(t, taken.ID, cs[len(cs)-1].ID)
	require.Empty(t, cs[len(cs)-1].Message.Reactions)
}
