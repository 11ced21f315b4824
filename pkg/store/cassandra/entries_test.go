package cassandra

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
)

func newEntry(of chat.Tenant, name string) directory.Entry {
	return directory.Entry{Space: string(of), ID: ids.New(), Name: name, Value: []byte("value"), Version: 1}
}

func TestCrashWhileCreatingAnEntry(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]string{
		"before its row":               insertEntry,
		"before the claim":             claimEntryName,
		"before the index":             insertEntryIndex,
		"before it is known to exist":  readyEntry,
		"before the hour is in a list": insertEntryHour,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken, s, ctx, of := own(t), shared(t), withTimeout(t), tenant()
			broken.db.around.set(crashing(at))
			x := newEntry(of, "games")
			require.Error(t, broken.CreateEntry(ctx, x))
			if at == insertEntry || at == claimEntryName {
				x = newEntry(of, "games")
				require.NoError(t, s.CreateEntry(ctx, x), "the name is free")
			}
			// Whoever looks finds all of it.
			got, err := s.EntryNamed(ctx, x.Space, "games")
			require.NoError(t, err)
			require.Equal(t, x, got)
			got, err = s.Entry(ctx, x.Space, x.ID)
			require.NoError(t, err)
			require.Equal(t, x, got)
			list, err := s.Entries(ctx, x.Space, id.ID{}, 10)
			require.NoError(t, err)
			require.Equal(t, []directory.Entry{x}, list)
			require.True(t, chat.IsKind(s.CreateEntry(ctx, newEntry(of, "games")), chat.Conflict))

			// The creation, come late, undoes nothing.
			require.NoError(t, s.DeleteEntry(ctx, x.Space, x.ID))
			require.True(t, chat.IsKind(s.finishEntry(ctx, x), chat.Conflict))
			list, err = s.Entries(ctx, x.Space, id.ID{}, 10)
			require.NoError(t, err)
			require.Empty(t, list)
		})
	}
}

func TestCrashWhileDeletingAnEntry(t *testing.T) {
	t.Parallel()
	for _, at := range []string{freeEntryName, deleteEntryIndex} {
		for _, next := range []string{"another has the name", "the deletion is repeated"} {
			broken, s, ctx, of := own(t), shared(t), withTimeout(t), tenant()
			x := newEntry(of, "games")
			require.NoError(t, s.CreateEntry(ctx, x))
			broken.db.around.set(crashing(at))
			require.Error(t, broken.DeleteEntry(ctx, x.Space, x.ID))
			_, err := s.EntryNamed(ctx, x.Space, "games")
			require.True(t, chat.IsKind(err, chat.NotFound))
			list, err := s.Entries(ctx, x.Space, id.ID{}, 10)
			require.NoError(t, err)
			require.Empty(t, list)
			if next != "another has the name" {
				require.NoError(t, s.DeleteEntry(ctx, x.Space, x.ID))
			}
			y := newEntry(of, "games")
			require.NoError(t, s.CreateEntry(ctx, y))
			require.NoError(t, s.DeleteEntry(ctx, x.Space, x.ID), "late")
			list, err = s.Entries(ctx, x.Space, id.ID{}, 10)
			require.NoError(t, err)
			require.Equal(t, []directory.Entry{y}, list)
		}
	}
}

// Entries are deleted from the oldest on, 120,000 in one hour. The others are found both ways, a page at a time.
func TestEntriesAmongMoreThatAreGone(t *testing.T) {
	t.Parallel()
	s, ctx, of := shared(t), t.Context(), chat.Tenant("tombstones-entries")
	hour := time.Now().Truncate(time.Hour).Add(-time.Hour)
	at := func(i int) id.ID { return id.FirstAt(hour.Add(time.Duration(i) * time.Hour / deadRows)) }
	deleted := s.finalTime()
	bury(t, s, func(i int) write {
		return write{deleteEntryIndex, []any{deleted, string(of), entryHour(at(i)), uuid(at(i))}}
	})
	seq := id.NewSequence([8]byte{7})
	var want, back []directory.Entry
	for i := range 9 {
		x := newEntry(of, fmt.Sprint("user", i))
		x.ID = seq.At(hour.Add(time.Duration(i)*7*time.Minute + time.Second))
		require.NoError(t, s.CreateEntry(ctx, x))
		want, back = append(want, x), append([]directory.Entry{x}, back...)
	}
	all, err := s.Entries(ctx, string(of), id.ID{}, 100)
	require.NoError(t, err)
	require.Equal(t, want, all)
	all, err = s.NewestEntries(ctx, string(of), id.ID{}, 100)
	require.NoError(t, err)
	require.Equal(t, back, all)
	all, err = s.Entries(ctx, string(of), want[3].ID, 2)
	require.NoError(t, err)
	require.Equal(t, want[4:6], all)
	all, err = s.NewestEntries(ctx, string(of), want[3].ID, 2)
	require.NoError(t, err)
	require.Equal(t, back[6:8], all)
}
