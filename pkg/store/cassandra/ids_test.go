package cassandra

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// A server whose clock is a year ahead writes to a bucket that another one does not know of. That one finds it when it
// reads the floor of the room, and otherwise after a minute.
func TestMessagesOfAServerThatIsAhead(t *testing.T) {
	t.Parallel()
	ctx, c := withTimeout(t), newClock()
	ahead, writer, reader := ownAt(t, c), ownAt(t, c), ownAt(t, c)
	l := chat.Log{Tenant: tenant(), ID: ids.New()}
	newest := func(s *Store) string {
		ms, err := s.Older(ctx, l, id.Max, 1)
		require.NoError(t, err)
		require.Len(t, ms, 1)
		return ms[0].Content
	}
	now := id.NewGenerator(c.Now)
	require.NoError(t, writer.Append(ctx, l, chat.Message{ID: now.New(), Author: person("ann"), Content: "now"}))
	require.Equal(t, "now", newest(writer))
	require.Equal(t, "now", newest(reader))
	m := chat.Message{ID: id.FirstAt(c.Now().AddDate(1, 0, 0)), Author: person("ann"), Content: "ahead"}
	require.NoError(t, ahead.Append(ctx, l, m))
	u, err := writer.NewestID(ctx, l)
	require.NoError(t, err)
	require.Equal(t, m.ID, u)
	require.Equal(t, "ahead", newest(writer))
	c.Add(newestFor + time.Second)
	require.Equal(t, "ahead", newest(reader))
}

// What was dated by a clock that was ahead is removed like all else.
func TestRemovingWhatIsAhead(t *testing.T) {
	t.Parallel()
	ctx, s := withTimeout(t), own(t)
	of, room := tenant(), newRoom("games")
	require.NoError(t, s.CreateRoom(ctx, of, room))
	l := room.Log(of)
	ahead := time.Now().AddDate(1, 0, 0)
	change := func(m id.ID, c chat.Change) {
		c.ID, c.By = id.FirstAt(ahead), person("ann")
		ahead = ahead.Add(time.Microsecond)
		_, err := s.ChangeMessage(ctx, l, m, func(chat.Message) (chat.Change, error) { return c, nil })
		require.NoError(t, err)
	}
	raw := func(m id.ID) (found bool, edited string, reactions map[string]int64) {
		b, err := s.bucket(ctx, l, m)
		require.NoError(t, err)
		found, err = s.db.row(ctx, `SELECT edited_content, reactions FROM messages WHERE tenant = ? AND log_id = ? AND bucket = ? AND message_id = ?`,
			[]any{string(of), uuid(l.ID), int64(b), uuid(m)}, &edited, &reactions)
		require.NoError(t, err)
		return found, edited, reactions
	}
	deleted, kept := chat.Message{ID: ids.New(), Author: person("ann"), Content: "a"}, chat.Message{ID: ids.New(), Author: person("ann"), Content: "b"}
	for _, m := range []chat.Message{deleted, kept} {
		require.NoError(t, s.Append(ctx, l, m))
		change(m.ID, chat.Change{Kind: chat.Edit, Content: "edited"})
		change(m.ID, chat.Change{Kind: chat.React, Emoji: "👍", On: true})
	}
	change(deleted.ID, chat.Change{Kind: chat.Delete})
	_, edited, reactions := raw(deleted.ID)
	require.Empty(t, edited, "the text of an edit that was dated ahead")
	require.Empty(t, reactions)

	require.NoError(t, s.DeleteRoom(ctx, of, room))
	require.NoError(t, s.SweepRoom(ctx, chat.Sweep{Tenant: of, Room: room.Ref(), DeletedAt: time.Now()}, nil))
	for _, m := range []chat.Message{deleted, kept} {
		found, _, _ := raw(m.ID)
		require.False(t, found, "a row of a room that was cleared")
	}
}

// A first write that is repeated hours later undoes nothing, although its id is ahead of time.
func TestRepeatingAMessageThatIsAhead(t *testing.T) {
	t.Parallel()
	ctx, s := withTimeout(t), own(t)
	l := chat.Log{Tenant: tenant(), ID: ids.New()}
	m := chat.Message{ID: id.FirstAt(time.Now().AddDate(1, 0, 0)), Author: person("ann"), Content: "x"}
	require.NoError(t, s.Append(ctx, l, m))
	require.NoError(t, s.Disown(ctx, l, []chat.Disowned{{ID: m.ID, Author: chat.Erased}}))
	// Two hours later, what was dated an hour ahead wins no more.
	b, err := s.bucket(ctx, l, m.ID)
	require.NoError(t, err)
	count := &counting{n: map[string]int{}}
	s.db.around.set(count.around)
	ran := count.during(func() { require.NoError(t, s.Append(ctx, l, m)) })
	require.Zero(t, ran[insert(l, b, m).statement], "the message was written anew")
}
