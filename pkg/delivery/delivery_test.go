package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/delivery"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/inbox"
	"github.com/confab-chat/confab/pkg/jobs"
	"github.com/confab-chat/confab/pkg/store"
	"github.com/confab-chat/confab/pkg/store/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const app = chat.Tenant("app")

// world is a store and the delivery of one server on it.
type world struct {
	*testing.T
	store.Store
	boxes   *inbox.Service
	queue   *jobs.Queue
	mail    *delivery.Service
	ids     *id.Generator
	log     chat.Log
	online  map[string]bool
	mu      sync.Mutex
	arrived map[string]int
	some    chan struct{} // has a value after something arrived
	left    atomic.Int64  // how many mailboxes may be written before the store is down
	held    string        // the mailbox of this login is not written
	release chan struct{} // until this is closed
}

// box is the store of mailboxes, which goes down.
type box struct {
	inbox.Store
	w *world
}

func (b box) ReplaceInbox(ctx context.Context, who chat.Identity, c inbox.Cell) (bool, error) {
	if b.w.left.Add(-1) < 0 {
		return false, chat.ErrUnavailable(errors.New("down"))
	}
	if who.Login == b.w.held {
		<-b.w.release
	}
	return b.Store.ReplaceInbox(ctx, who, c)
}

func newWorld(t *testing.T) *world {
	st, err := embedded.Open(t.TempDir(), embedded.Options{Logger: slog.New(slog.DiscardHandler), CacheBytes: 1 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	w := &world{T: t, Store: st, ids: id.NewGenerator(nil), online: map[string]bool{}}
	w.log = chat.Log{Tenant: app, ID: w.ids.New()}
	w.start()
	return w
}

// start starts a server on the store.
func (w *world) start() {
	w.left.Store(1 << 40)
	w.arrived, w.some = map[string]int{}, make(chan struct{}, 1)
	w.boxes = inbox.New(inbox.Options{Store: box{w.Store, w}})
	w.queue = jobs.New(w.Store, slog.New(slog.DiscardHandler))
	w.mail = delivery.New(delivery.Options{Store: w.Store, Boxes: w.boxes, Queue: w.queue,
		Connected: func(chat.Tenant, []string) map[string]bool { return w.online },
		Arrived: func(_ chat.Tenant, logins []string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, login := range logins {
				w.arrived[login]++
			}
			select {
			case w.some <- struct{}{}:
			default:
			}
		}})
	w.queue.Start()
	w.Cleanup(w.queue.Close)
}

// letters stores nothing yet: it makes a message for each of n users.
func (w *world) letters(n int) (ls []chat.Letter, ms []chat.Message) {
	for i := range n {
		m := chat.Message{ID: w.ids.New(), Author: chat.Person{FirstName: "admin"}, Content: "hello"}
		ls, ms = append(ls, chat.Letter{Message: m.ID, Login: fmt.Sprintf("user%03d", i)}), append(ms, m)
	}
	return ls, ms
}

func (w *world) has(login string) []id.ID {
	w.Helper()
	refs, _, _, err := w.boxes.Waiting(w.Context(), chat.Identity{Tenant: app, Login: login}, 0, 1000)
	require.NoError(w, err)
	var all []id.ID
	for _, r := range refs {
		require.Equal(w, w.log.ID, r.Log)
		all = append(all, r.Message)
	}
	return all
}

// settled waits until no delivery is left.
func (w *world) settled() {
	w.Helper()
	for {
		n := 0
		require.NoError(w, w.EachJob(w.Context(), func(j jobs.Job) error {
			if j.Kind == "mail" {
				n++
			}
			return nil
		}))
		if n == 0 {
			return
		}
		select {
		case <-w.some:
		case <-w.Context().Done():
			return
		default:
		}
	}
}

var errRefused = &chat.Error{Kind: chat.Conflict, Message: "refused"}

func TestFewHaveTheMessageWhenTheSenderIsAnswered(t *testing.T) {
	w := newWorld(t)
	ls, ms := w.letters(3)
	done, err := w.mail.Send(t.Context(), chat.Mailing{Log: w.log, Letters: ls})
	require.NoError(t, err)
	require.Empty(t, w.arrived, "nobody hears of a message that is not stored")
	require.NoError(t, w.AppendBatch(t.Context(), w.log, ms))
	require.NoError(t, done(t.Context(), nil))
	for _, l := range ls {
		require.Equal(t, []id.ID{l.Message}, w.has(l.Login))
		require.Equal(t, 1, w.arrived[l.Login])
	}
}

func TestAMessageThatIsNotStoredDoesNotWait(t *testing.T) {
	w := newWorld(t)
	for _, n := range []int{3, 100} {
		ls, _ := w.letters(n)
		done, err := w.mail.Send(t.Context(), chat.Mailing{Log: w.log, Letters: ls})
		require.NoError(t, err)
		require.NoError(t, done(t.Context(), errRefused))
		w.settled()
		for _, l := range ls {
			require.Empty(t, w.has(l.Login))
		}
		require.Empty(t, w.arrived)
	}
}

// The server dies in the middle of a delivery to many: another one goes on, and each gets the message once.
func TestManyGetTheMessageOnceWhateverHappens(t *testing.T) {
	w := newWorld(t)
	ls, ms := w.letters(300)
	done, err := w.mail.Send(t.Context(), chat.Mailing{Log: w.log, Letters: ls})
	require.NoError(t, err)
	require.Empty(t, w.has("user000"), "the job is stored, and nothing else")
	require.NoError(t, w.AppendBatch(t.Context(), w.log, ms))
	w.left.Store(100)
	require.NoError(t, done(t.Context(), nil))
	for w.left.Load() >= 0 {
		<-w.some
	}
	w.queue.Close()
	require.Empty(t, w.has("user299"))

	w.start()
	w.queue.Poll()
	w.settled()
	for _, l := range ls {
		require.Equal(t, []id.ID{l.Message}, w.has(l.Login))
	}
}

// What one sender sends to many comes to each of them in the order in which it was sent, also if the first message takes long
// to come to somebody. Other senders do not wait for that.
func TestManyGetTheMessagesOfASenderInOrder(t *testing.T) {
	w := newWorld(t)
	w.held, w.release = "user000", make(chan struct{})
	send := func(author string, ls []chat.Letter, ms []chat.Message) {
		done, err := w.mail.Send(t.Context(), chat.Mailing{Log: w.log, Letters: ls, Author: author})
		require.NoError(t, err)
		require.NoError(t, w.AppendBatch(t.Context(), w.log, ms))
		require.NoError(t, done(t.Context(), nil))
	}
	const many = 3 * 64 // three batches, of which the first one is held
	first, ms := w.letters(many)
	send("ann", first, ms)
	second, ms := w.letters(many)
	send("ann", reversed(second), ms) // begins with those whom the first one comes to last
	others, ms := w.letters(many)
	send("bob", others[1:], ms)
	for w.arrivedAt(others[many-1].Login) == 0 {
		<-w.some
	}
	close(w.release)
	w.settled()
	for i, l := range first {
		has := w.has(l.Login)
		if i > 0 {
			require.Contains(t, has, others[i].Message)
			has = slices.DeleteFunc(has, func(m id.ID) bool { return m == others[i].Message })
		}
		require.Equal(t, []id.ID{l.Message, second[i].Message}, has, l.Login)
	}
}

func reversed(ls []chat.Letter) []chat.Letter {
	ls = slices.Clone(ls)
	slices.Reverse(ls)
	return ls
}

// arrivedAt returns how often something arrived for somebody.
func (w *world) arrivedAt(login string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.arrived[login]
}

// The store is away while a message comes to many: it comes when the store is back, and before the next one.
func TestTheOrderHoldsWhileTheStoreIsAway(t *testing.T) {
	w := newWorld(t)
	var sent [2][]chat.Letter
	w.left.Store(70)
	for i := range sent {
		ls, ms := w.letters(100)
		done, err := w.mail.Send(t.Context(), chat.Mailing{Log: w.log, Letters: ls, Author: "ann"})
		require.NoError(t, err)
		require.NoError(t, w.AppendBatch(t.Context(), w.log, ms))
		require.NoError(t, done(t.Context(), nil))
		sent[i] = ls
	}
	for w.left.Load() >= 0 {
		<-w.some
	}
	w.left.Store(1 << 40)
	w.settled()
	for i := range sent[0] {
		require.Equal(t, []id.ID{sent[0][i].Message, sent[1][i].Message}, w.has(sent[0][i].Login))
	}
}

// group makes a group whose log is w.log, with the author "user000" and n others.
func (w *world) group(n int) chat.Message {
	r := chat.Room{ID: w.log.ID, Name: "g", Creator: chat.Person{Login: "user000"}, Settings: chat.RoomSettings{Kind: chat.GroupRoom, Owner: "user000"}}
	require.NoError(w, w.CreateRoom(w.Context(), app, r))
	for i := range n {
		_, err := w.Join(w.Context(), app, r, chat.Person{Login: fmt.Sprintf("user%03d", i+1)}, w.ids.New())
		require.NoError(w, err)
	}
	return chat.Message{ID: w.ids.New(), Author: r.Creator, Content: "hello"}
}

func TestTheMembersOfAGroupGetAMessageButItsAuthor(t *testing.T) {
	for _, n := range []int{2, 15, 16, 17, 200} {
		w := newWorld(t)
		m := w.group(n)
		mailing := chat.Mailing{Log: w.log, Message: m.ID, Author: m.Author.Login}
		done, err := w.mail.Send(t.Context(), mailing)
		require.NoError(t, err)
		require.NoError(t, w.Append(t.Context(), w.log, m))
		require.NoError(t, done(t.Context(), nil))
		w.settled()
		require.Empty(t, w.has("user000"))
		for i := range n {
			require.Equal(t, []id.ID{m.ID}, w.has(fmt.Sprintf("user%03d", i+1)))
		}

		done, err = w.mail.Withdraw(t.Context(), mailing)
		require.NoError(t, err)
		require.NoError(t, done(t.Context(), errRefused))
		w.settled()
		require.NotEmpty(t, w.has("user001"), "it was not recalled")
		done, err = w.mail.Withdraw(t.Context(), mailing)
		require.NoError(t, err)
		_, err = w.ChangeMessage(t.Context(), w.log, m.ID, func(chat.Message) (chat.Change, error) {
			return chat.Change{Kind: chat.Delete, ID: w.ids.New()}, nil
		})
		require.NoError(t, err)
		require.NoError(t, done(t.Context(), nil))
		w.settled()
		for i := range n {
			require.Empty(t, w.has(fmt.Sprintf("user%03d", i+1)))
		}
	}
}

// What is for some members only is in their mailboxes when the sender is answered, however many are in the group.
func TestSomeMembersOfALargeGroup(t *testing.T) {
	w := newWorld(t)
	r := chat.Room{ID: w.log.ID, Name: "_1", Creator: chat.Person{Login: "user000", FirstName: "u", LastName: "u"}, Settings: chat.RoomSettings{Kind: chat.GroupRoom}}
	require.NoError(t, w.CreateRoom(t.Context(), app, r))
	var only []string
	for i := range 40 {
		login := fmt.Sprintf("user%03d", i)
		_, err := w.Join(t.Context(), app, r, chat.Person{Login: login, FirstName: "u", LastName: "u"}, w.ids.New())
		require.NoError(t, err)
		if i < chat.MaxOnly {
			only = append(only, login)
		}
	}
	m := chat.Message{ID: w.ids.New(), Author: r.Creator, Content: "psst"}
	done, err := w.mail.Send(t.Context(), chat.Mailing{Log: w.log, Message: m.ID, Author: "user000", Only: only})
	require.NoError(t, err)
	require.NoError(t, w.Append(t.Context(), w.log, m))
	require.NoError(t, done(t.Context(), nil))
	for i := range 40 {
		login := fmt.Sprintf("user%03d", i)
		if i > 0 && i < chat.MaxOnly {
			require.Equal(t, []id.ID{m.ID}, w.has(login), login)
		} else {
			require.Empty(t, w.has(login), login)
		}
	}
	done, err = w.mail.Send(t.Context(), chat.Mailing{Log: w.log, Message: w.ids.New(), Author: "user000", Only: []string{}})
	require.NoError(t, err)
	require.NoError(t, done(t.Context(), nil))
	require.Len(t, w.has("user001"), 1)
}

func TestWhatIsForThoseWhoAreOnlineWaitsForNobodyElse(t *testing.T) {
	w := newWorld(t)
	for _, n := range []int{3, 100} {
		ls, ms := w.letters(n)
		w.online = map[string]bool{"user001": true}
		done, err := w.mail.Send(t.Context(), chat.Mailing{Log: w.log, Letters: ls, Online: true})
		require.NoError(t, err)
		require.NoError(t, w.AppendBatch(t.Context(), w.log, ms))
		require.NoError(t, done(t.Context(), nil))
		w.settled()
		require.Contains(t, w.has("user001"), ls[1].Message)
		require.Empty(t, w.has("user002"))
	}
}
