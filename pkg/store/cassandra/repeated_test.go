package cassandra

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// A message that is written as it was, long after it was deleted or lost its author, stays as it is now.
func TestRepeatedAppendAfterHours(t *testing.T) {
	t.Parallel()
	s, ctx := shared(t), t.Context()
	began := time.Now().Add(-3 * time.Hour)
	ids, l := id.NewGenerator(func() time.Time { return began }), newLog()
	ann := chat.Person{Login: "ann", FirstName: "Ann"}
	want := []chat.Message{{ID: ids.New(), Author: ann, Content: "x"}, {ID: ids.New(), Author: ann, Content: "y"}}
	original := append([]chat.Message{}, want...)
	list, _, err := s.widthsAt(ctx, l, began.UnixMilli())
	require.NoError(t, err)
	b := list.Of(want[0].ID)
	require.NoError(t, s.index(ctx, l, b))
	// As it was written, deleted and disowned three hours ago.
	for _, m := range original {
		w := insert(l, b, m)
		require.NoError(t, s.db.exec(ctx, w.statement+" USING TIMESTAMP ?", append(w.args, micros(began))...))
	}
	then := micros(began.Add(time.Hour))
	row := []any{string(l.Tenant), uuid(l.ID), int64(b), uuid(want[0].ID)}
	require.NoError(t, s.db.exec(ctx, deleteMessage, append([]any{then}, row...)...))
	row[3] = uuid(want[1].ID)
	require.NoError(t, s.db.exec(ctx, rewriteMessage, append([]any{then, chat.Erased.Login, chat.Erased.FirstName, chat.Erased.LastName, "z", "", ""}, row...)...))
	want[0].Content, want[0].Deleted = "", true
	want[1].Author, want[1].Content = chat.Erased, "z"

	late := chat.Message{ID: ids.New(), Author: ann, Content: "was not there"}
	want = append(want, late)
	require.NoError(t, s.AppendBatch(ctx, l, append(original, late)))
	for i, m := range original {
		require.NoError(t, s.Append(ctx, l, m))
		_, _, err := s.AppendOnce(ctx, l, string(rune('a'+i)), m, id.ID{})
		require.NoError(t, err)
	}
	got, err := s.Newer(ctx, l, id.Min, true, 10)
	require.NoError(t, err)
	require.Equal(t, want, got)
	// Nor is the text on disk.
	for i, text := range []string{"", "z"} {
		var kept messageRow
		_, err := s.db.row(ctx, selectMessage, []any{string(l.Tenant), uuid(l.ID), int64(b), uuid(want[i].ID)}, kept.dest()...)
		require.NoError(t, err)
		require.Equal(t, text, kept.content)
	}
}
