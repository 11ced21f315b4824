package chat_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/chat/chattest"
	"github.com/confab-chat/confab/pkg/id"
)

func (h *hooked) UpdateParticipant(ctx context.Context, t chat.Tenant, room id.ID, p chat.Person) error {
	if err := h.call(ctx, "UpdateParticipant"); err != nil {
		return err
	}
	return h.Stores.UpdateParticipant(ctx, t, room, p)
}

func (h *hooked) UpdateProfile(ctx context.Context, t chat.Tenant, u chat.User, was *chat.User) error {
	if err := h.call(ctx, "UpdateProfile"); err != nil {
		return err
	}
	return h.answer("UpdateProfile", h.Stores.UpdateProfile(ctx, t, u, was))
}

var toAnna = chat.ProfileChange{FirstName: chat.Set(new("Anna"))}

// firstNames returns the names of ann in rooms, as their creator and as a participant.
func (w *world) firstNames(rooms ...string) (out []string) {
	w.t.Helper()
	for _, name := range rooms {
		v, err := w.Room(w.t.Context(), app, name)
		require.NoError(w.t, err)
		for _, p := range append(v.Participants, v.Creator) {
			if p.Login == "ann" {
				out = append(out, p.FirstName)
			}
		}
	}
	return out
}

// intents records the work that a service asks for.
type intents struct {
	mu  sync.Mutex
	all []chat.Work
}

func (i *intents) Intend(_ context.Context, w chat.Work) (func(), error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.all = append(i.all, w)
	return func() {}, nil
}

// another does what the work of a rename does, on another server; there has to be one.
func (w *world) another() {
	w.t.Helper()
	w.intents.mu.Lock()
	require.Contains(w.t, w.intents.all, chat.RenameOf(tenant, "ann"))
	w.intents.mu.Unlock()
	s := chat.NewService(chat.Options{Reader: reader(w.t, chat.ReaderOptions{Store: w.store}), Hasher: chattest.PlainHasher{},
		Log: slog.New(slog.DiscardHandler)})
	w.t.Cleanup(s.Close)
	same, err := s.CarryNames(w.t.Context(), tenant, "ann")
	require.NoError(w.t, err)
	require.True(w.t, same)
}

// The new name is published in each of the user's rooms, once.
func TestANewNameIsPublished(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.user("ann"), w.user("bob")
	w.room("aaa", ann, bob)
	w.room("bbb", bob, ann)
	w.room("ccc", bob)
	w.events.take()
	_, err := w.UpdateProfile(t.Context(), ann, "ann", toAnna)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"renamed in aaa: Anna Last-ann", "renamed in bbb: Anna Last-ann"}, w.events.take())
	_, err = w.UpdateProfile(t.Context(), ann, "ann", toAnna)
	require.NoError(t, err)
	require.Empty(t, w.events.take(), "nothing has changed")
}

// Another node ends a rename that a node did not end because the store failed or the node died.
func TestARenameGoesOn(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.user("ann"), w.user("bob")
	w.room("aaa", ann, bob)
	w.room("bbb", bob, ann)
	w.room("ccc", bob, ann)
	w.store.on(func(_ context.Context, call string) error {
		if call == "UpdateParticipant" {
			return chat.ErrUnavailable(errDisk)
		}
		return nil
	})
	v, err := w.UpdateProfile(t.Context(), ann, "ann", toAnna)
	require.NoError(t, err, "the account has the name")
	require.Equal(t, "Anna", v.FirstName)
	w.store.on(nil)
	require.Contains(t, w.firstNames("aaa", "bbb", "ccc"), "First-ann")
	w.another()
	require.Equal(t, []string{"Anna", "Anna", "Anna", "Anna"}, w.firstNames("aaa", "bbb", "ccc"))
}

// The account may have the new name although the call failed; repeating it then changes no name.
func TestARenameOfUnknownOutcome(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	w.room("aaa", ann)
	w.store.unsureOf("UpdateProfile")
	_, err := w.UpdateProfile(t.Context(), ann, "ann", toAnna)
	requireKind(t, chat.Unavailable, err)
	w.store.unsureOf("")
	_, err = w.UpdateProfile(t.Context(), ann, "ann", toAnna)
	require.NoError(t, err)
	w.another()
	require.Equal(t, []string{"Anna", "Anna"}, w.firstNames("aaa"))
}

// A join that began before a rename and is stored after it brings the old name.
func TestAJoinWithTheOldName(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.user("ann"), w.user("bob")
	w.room("late", bob)
	w.store.on(func(ctx context.Context, call string) error {
		if call != "Join" {
			return nil
		}
		w.store.on(nil)
		_, err := w.UpdateProfile(ctx, ann, "ann", toAnna)
		return err
	})
	require.NoError(t, w.Join(t.Context(), ann, "late", nil))
	require.Equal(t, []string{"First-ann"}, w.firstNames("late"))
	w.another()
	require.Equal(t, []string{"Anna"}, w.firstNames("late"))
}
