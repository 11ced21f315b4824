package chat_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/chat/chattest"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/store/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const tenant chat.Tenant = "test"

// world is a service on an embedded store of its own, with its events recorded.
type world struct {
	*chat.Service
	t       *testing.T
	store   *hooked
	events  *recorder
	intents intents
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldWith(t, func(*chat.Options) {})
}

// newWorldWith is newWorld with other options.
func newWorldWith(t *testing.T, set func(*chat.Options)) *world {
	t.Helper()
	st, err := embedded.Open(t.TempDir(), embedded.Options{Logger: slog.New(slog.DiscardHandler), CacheBytes: 1 << 20})
	require.NoError(t, err)
	h := &hooked{Stores: st}
	rec := &recorder{}
	w := &world{t: t, store: h, events: rec}
	o := chat.Options{Reader: reader(t, chat.ReaderOptions{Store: h}), Hasher: chattest.PlainHasher{}, Publisher: rec,
		Jobs: &w.intents, Log: slog.New(slog.DiscardHandler)}
	set(&o)
	w.Service = chat.NewService(o)
	t.Cleanup(func() {
		w.Close()
		require.NoError(t, st.Close())
	})
	return w
}

// reader returns a reader that is closed at the end of the test.
func reader(t *testing.T, o chat.ReaderOptions) *chat.Reader {
	rd := chat.NewReader(o)
	t.Cleanup(rd.Close)
	return rd
}

// user signs up login and returns who it is.
func (w *world) user(login string) chat.Identity {
	w.t.Helper()
	return chattest.SignUp(w.t, w.Service, tenant, login)
}

// room creates a room with these participants, the first being its creator.
func (w *world) room(name string, in ...chat.Identity) {
	w.t.Helper()
	chattest.Room(w.t, w.Service, name, in...)
}

func (w *world) post(who chat.Identity, room, content string) chat.Message {
	w.t.Helper()
	return chattest.Post(w.t, w.Service, who, room, content)
}

// contents returns the contents of the messages of a room, oldest first.
func (w *world) contents(who chat.Identity, room string) []string {
	w.t.Helper()
	p, err := w.Messages(w.t.Context(), who, room, chat.PageQuery{Limit: chat.MaxPage})
	require.NoError(w.t, err)
	return said(p.Messages)
}

func said(ms []chat.Message) []string {
	out := make([]string, len(ms))
	for i, m := range ms {
		out[i] = m.Content
	}
	return out
}

func (w *world) participants(room string) []string {
	w.t.Helper()
	v, err := w.Room(w.t.Context(), app, room)
	require.NoError(w.t, err)
	out := make([]string, len(v.Participants))
	for i, p := range v.Participants {
		out[i] = p.Login
	}
	return out
}

func as(login string) chat.Identity { return chat.Identity{Tenant: tenant, Login: login} }

// recorder is a Publisher that records events.
type recorder struct {
	others bool // there are other nodes
	mu     sync.Mutex
	events []chat.Event
	// flushed is how many of the events had been published when they were flushed last.
	flushed int
}

func (r *recorder) Publish(_ context.Context, events ...chat.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, events...)
}

func (r *recorder) Alone() bool { return !r.others }

func (r *recorder) Flush(context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flushed = len(r.events)
}

// take returns the events published since the last take, in a short form.
func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := []string{}
	for _, e := range r.events {
		switch e := e.(type) {
		case chat.MessagePosted:
			said := "message: "
			if e.Retried {
				said = "again: "
			}
			out = append(out, said+e.Message.Content)
		case chat.ParticipantJoined:
			out = append(out, map[bool]string{false: "joined: ", true: "joined before: "}[e.Repeated]+e.Person.Login)
		case chat.ParticipantLeft:
			went := map[bool]string{false: "left: ", true: "left before: "}[e.Repeated]
			if e.Removed {
				went = "removed: "
			}
			out = append(out, went+e.Person.Login)
		case chat.ParticipantRenamed:
			out = append(out, "renamed in "+e.Room.Name+": "+e.Person.FullName())
		case chat.RoomChanged:
			out = append(out, "room changed")
		case chat.MemberChanged:
			is := map[chat.Role]string{chat.PlainRole: "a member", chat.AdminRole: "an admin", chat.OwnerRole: "owner"}[e.Role]
			if e.Muted {
				is = "muted"
			}
			out = append(out, e.Login+" is "+is)
		case chat.Invited:
			out = append(out, "invited: "+e.Login)
		case chat.RoomDeleted:
			out = append(out, "deleted by "+e.By)
		}
	}
	r.events = nil
	return out
}

// hooked lets a test intercept store calls. before gets the name of each call and may delay it, change the world or
// refuse it. after is called when the call is done, before the service gets the result. An unsure call is made, but
// returns Unavailable.
type hooked struct {
	chat.Stores
	mu     sync.Mutex
	before func(ctx context.Context, call string) error
	after  func(call string)
	unsure string
	// onAppend, if set, replaces Append; it is set before calls are made.
	onAppend func(m chat.Message) error
}

// unsureOf makes one kind of call unsure; the empty one ends that.
func (h *hooked) unsureOf(call string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.unsure = call
}

func (h *hooked) answer(call string, err error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil && h.unsure == call {
		return chat.ErrUnavailable(context.DeadlineExceeded)
	}
	return err
}

// on sets before; nil removes it.
func (h *hooked) on(before func(ctx context.Context, call string) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.before = before
}

func (h *hooked) onDone(after func(call string)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.after = after
}

// failing makes one kind of call fail, beside what fails already.
func (h *hooked) failing(call string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	was := h.before
	h.before = func(ctx context.Context, name string) error {
		if name == call {
			return err
		}
		if was != nil {
			return was(ctx, name)
		}
		return nil
	}
}

// onceBefore runs f before the next call of that name.
func (h *hooked) onceBefore(call string, f func()) {
	h.on(func(_ context.Context, name string) error {
		if name == call {
			h.on(nil)
			f()
		}
		return nil
	})
}

func (h *hooked) call(ctx context.Context, name string) error {
	h.mu.Lock()
	f := h.before
	h.mu.Unlock()
	if f == nil {
		return nil
	}
	return f(ctx, name)
}

func (h *hooked) done(name string) {
	h.mu.Lock()
	f := h.after
	h.mu.Unlock()
	if f != nil {
		f(name)
	}
}

func (h *hooked) User(ctx context.Context, t chat.Tenant, login string) (chat.User, error) {
	if err := h.call(ctx, "User"); err != nil {
		return chat.User{}, err
	}
	return h.Stores.User(ctx, t, login)
}

func (h *hooked) CreateUser(ctx context.Context, t chat.Tenant, u chat.User) error {
	if err := h.call(ctx, "CreateUser"); err != nil {
		return err
	}
	return h.Stores.CreateUser(ctx, t, u)
}

func (h *hooked) CreateRoom(ctx context.Context, t chat.Tenant, r chat.Room) error {
	if err := h.call(ctx, "CreateRoom"); err != nil {
		return err
	}
	return h.answer("CreateRoom", h.Stores.CreateRoom(ctx, t, r))
}

func (h *hooked) Room(ctx context.Context, t chat.Tenant, name string) (chat.Room, error) {
	if err := h.call(ctx, "Room"); err != nil {
		return chat.Room{}, err
	}
	r, err := h.Stores.Room(ctx, t, name)
	h.done("Room")
	return r, err
}

func (h *hooked) Participant(ctx context.Context, t chat.Tenant, room id.ID, login string) (chat.Person, error) {
	if err := h.call(ctx, "Participant"); err != nil {
		return chat.Person{}, err
	}
	p, err := h.Stores.Participant(ctx, t, room, login)
	h.done("Participant")
	return p, err
}

func (h *hooked) Join(ctx context.Context, t chat.Tenant, r chat.Room, p chat.Person, since id.ID) (bool, error) {
	if err := h.call(ctx, "Join"); err != nil {
		return false, err
	}
	changed, err := h.Stores.Join(ctx, t, r, p, since)
	return changed, h.answer("Join", err)
}

func (h *hooked) JoinAll(ctx context.Context, t chat.Tenant, r chat.Room, ps []chat.Person, since func() id.ID) ([]string, error) {
	if err := h.call(ctx, "JoinAll"); err != nil {
		return nil, err
	}
	return h.Stores.JoinAll(ctx, t, r, ps, since)
}

func (h *hooked) ChangeSettings(ctx context.Context, t chat.Tenant, r chat.RoomRef, change func(*chat.RoomSettings) error) (chat.Room, error) {
	if err := h.call(ctx, "ChangeSettings"); err != nil {
		return chat.Room{}, err
	}
	return h.Stores.ChangeSettings(ctx, t, r, change)
}

func (h *hooked) Leave(ctx context.Context, t chat.Tenant, r chat.Room, login string) (bool, error) {
	if err := h.call(ctx, "Leave"); err != nil {
		return false, err
	}
	changed, err := h.Stores.Leave(ctx, t, r, login)
	return changed, h.answer("Leave", err)
}

func (h *hooked) DeleteRoom(ctx context.Context, t chat.Tenant, r chat.Room) error {
	if err := h.call(ctx, "DeleteRoom"); err != nil {
		return err
	}
	return h.answer("DeleteRoom", h.Stores.DeleteRoom(ctx, t, r))
}

func (h *hooked) Append(ctx context.Context, l chat.Log, m chat.Message) error {
	if err := h.call(ctx, "Append"); err != nil {
		return err
	}
	if h.onAppend != nil {
		return h.onAppend(m)
	}
	return h.answer("Append", h.Stores.Append(ctx, l, m))
}

func (h *hooked) AppendOnce(ctx context.Context, l chat.Log, key string, m chat.Message, trimmed id.ID) (chat.Message, bool, error) {
	if err := h.call(ctx, "AppendOnce"); err != nil {
		return chat.Message{}, false, err
	}
	first, repeated, err := h.Stores.AppendOnce(ctx, l, key, m, trimmed)
	return first, repeated, h.answer("AppendOnce", err)
}

func (h *hooked) Older(ctx context.Context, l chat.Log, than id.ID, limit int) ([]chat.Message, error) {
	if err := h.call(ctx, "Older"); err != nil {
		return nil, err
	}
	return h.Stores.Older(ctx, l, than, limit)
}
