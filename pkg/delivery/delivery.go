// Package delivery brings messages to the mailboxes of accounts (pkg/inbox), durably and each once.
//
// The few receivers of a message get the reference before the message is stored (Few): a reference to a message that is not
// there means nothing, and readers drop it. So one write of the mailbox is the intent and the effect, and whoever got an
// answer finds the message in the mailbox. If the message cannot be stored, the reference is taken back.
//
// Many receivers get it from a job, which is stored before the message. The job looks whether the message was stored, and goes
// through the receivers a batch at a time: letters in their order, the members of a group in the order of logins. After a
// crash it goes on with the batch that was begun; a mailbox takes each message once.
//
// Jobs for one group, and those of one sender to users, run one after another (jobs.Class.Order): each reader gets what one
// sender has sent to many, and what was sent to a large group, in the order in which it was sent. A job during which the store
// is away waits, and the next ones with it. What goes to few does not wait for a job that is under way.
package delivery

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/inbox"
	"github.com/confab-chat/confab/pkg/jobs"
)

const (
	// Few is how many mailboxes get a message before the call that sends it is answered.
	Few = 16
	// batch is how many receivers a job has between two saves of its progress, and parallel how many of them get the message
	// concurrently.
	batch, parallel = 64, 32
	// unbegun is how long a job waits for the call that has made it; longer than a message may take to be stored.
	unbegun = 30 * time.Second
	// again is the pause before a batch is repeated, if the store cannot answer.
	again = time.Second
	// workers is how many jobs a server runs concurrently, ofOne how many of one tenant run, and maxWaiting about how many of
	// one wait.
	workers, ofOne, maxWaiting = 8, 4, 50_000
)

// Store reads who gets a message, and messages.
type Store interface {
	// Participants is that of chat.MembershipStore.
	Participants(ctx context.Context, t chat.Tenant, room id.ID, after string, limit int) ([]chat.Person, error)
	// MessagesByID is that of chat.ChangeStore.
	MessagesByID(ctx context.Context, l chat.Log, ids []id.ID) (map[id.ID]chat.Message, error)
}

// Options are the parts of a Service.
type Options struct {
	Store Store
	Boxes *inbox.Service
	Queue *jobs.Queue // New registers the handler
	// Connected returns which of the logins are connected. May be nil: all are.
	Connected func(t chat.Tenant, logins []string) map[string]bool
	// Arrived is called when something new is in mailboxes, and Changed when a message in one was changed. They must not wait.
	// May be nil.
	Arrived func(t chat.Tenant, logins []string)
	Changed func(log chat.Log, l chat.Letter)
}

// Service implements chat.Mail. It may be used concurrently.
type Service struct {
	Options
}

// kind is that of the jobs.
const kind = "mail"

// New returns a Service.
func New(o Options) *Service {
	if o.Connected == nil {
		o.Connected = func(_ chat.Tenant, logins []string) map[string]bool {
			all := make(map[string]bool, len(logins))
			for _, login := range logins {
				all[login] = true
			}
			return all
		}
	}
	if o.Arrived == nil {
		o.Arrived = func(chat.Tenant, []string) {}
	}
	if o.Changed == nil {
		o.Changed = func(chat.Log, chat.Letter) {}
	}
	s := &Service{o}
	o.Queue.RegisterClass(kind, jobs.Class{Workers: workers, OfOne: ofOne, Waiting: maxWaiting, Order: orderOf, ByAge: true}, s.run)
	return s
}

// work is the payload of a job.
type work struct {
	Log      id.ID         `json:"log"`
	Letters  []chat.Letter `json:"letters,omitzero"`
	Message  id.ID         `json:"message,omitzero"`
	Author   string        `json:"author,omitzero"`
	Online   bool          `json:"online,omitzero"`
	Withdraw bool          `json:"withdraw,omitzero"`
}

// progress is the cursor of a job.
type progress struct {
	Next  int    `json:"next,omitzero"`  // letter
	After string `json:"after,omitzero"` // login
}

// Send implements chat.Mail.
func (s *Service) Send(ctx context.Context, m chat.Mailing) (func(context.Context, error) error, error) {
	letters, few, err := s.few(ctx, m)
	if err != nil {
		return nil, err
	}
	if !few {
		return s.intend(ctx, m, false)
	}
	if err := s.put(ctx, m.Log, letters, !m.Message.IsZero()); err != nil {
		_ = s.withdraw(ctx, m.Log.Tenant, letters)
		return nil, err
	}
	return func(ctx context.Context, failed error) error {
		switch {
		case failed == nil:
			s.Arrived(m.Log.Tenant, logins(letters))
		case !chat.IsKind(failed, chat.Unavailable):
			return s.withdraw(ctx, m.Log.Tenant, letters)
		}
		return nil
	}, nil
}

// Withdraw implements chat.Mail.
func (s *Service) Withdraw(ctx context.Context, m chat.Mailing) (func(context.Context, error) error, error) {
	letters, few, err := s.few(ctx, m)
	if err != nil {
		return nil, err
	}
	job, err := s.intend(ctx, m, true)
	if err != nil || !few {
		return job, err
	}
	return func(ctx context.Context, failed error) error {
		if failed != nil {
			return job(ctx, failed)
		}
		if err := s.withdraw(ctx, m.Log.Tenant, letters); err != nil {
			return err
		}
		return s.Queue.Cancel(ctx, refOf(m, true))
	}, nil
}

// Changed implements chat.Mail.
func (s *Service) Changed(log chat.Log, l chat.Letter) { s.Options.Changed(log, l) }

// few returns the letters of a mailing; false if there are many. Those of one that is for some members only are few.
func (s *Service) few(ctx context.Context, m chat.Mailing) ([]chat.Letter, bool, error) {
	letters := m.Letters
	if m.Only != nil {
		for _, login := range m.Only {
			if login != m.Author {
				letters = append(letters, chat.Letter{Message: m.Message, Login: login})
			}
		}
		return s.connected(m.Log.Tenant, letters, m.Online), true, nil
	}
	if !m.Message.IsZero() {
		ps, err := s.Store.Participants(ctx, m.Log.Tenant, m.Log.ID, "", Few+2)
		if err != nil || len(ps) == Few+2 {
			return nil, false, err
		}
		letters = lettersTo(ps, m.Message, m.Author)
	}
	letters = s.connected(m.Log.Tenant, letters, m.Online)
	return letters, len(letters) <= Few, nil
}

func lettersTo(ps []chat.Person, m id.ID, but string) []chat.Letter {
	var letters []chat.Letter
	for _, p := range ps {
		if p.Login != but {
			letters = append(letters, chat.Letter{Message: m, Login: p.Login})
		}
	}
	return letters
}

// connected leaves out those who are not connected, if only others get the message.
func (s *Service) connected(t chat.Tenant, letters []chat.Letter, online bool) []chat.Letter {
	if !online {
		return letters
	}
	are := s.Connected(t, logins(letters))
	return slices.DeleteFunc(slices.Clone(letters), func(l chat.Letter) bool { return !are[l.Login] })
}

func logins(letters []chat.Letter) []string {
	all := make([]string, len(letters))
	for i, l := range letters {
		all[i] = l.Login
	}
	return all
}

// refOf returns the reference of a mailing's job. Its key is what is done, with which message, and in which order.
func refOf(m chat.Mailing, withdraw bool) jobs.Ref {
	key, order := m.Message, m.Log.ID.String()
	if key.IsZero() {
		key, order = m.Letters[0].Message, order+" "+m.Author
	}
	what := "send"
	if withdraw {
		what = "withdraw"
	}
	return jobs.Ref{Tenant: m.Log.Tenant, Kind: kind, Key: what + " " + key.String() + " " + order}
}

// orderOf returns what jobs that run one after another have in common. Servers of earlier versions add jobs without it.
func orderOf(j jobs.Job) string {
	what, rest, _ := strings.Cut(j.Key, " ")
	_, order, ordered := strings.Cut(rest, " ")
	if !ordered || what == "withdraw" && strings.Contains(order, " ") {
		return j.Key // a letter that is withdrawn waits for no other
	}
	return order
}

// intend stores a job, which begins when the message is stored or changed.
func (s *Service) intend(ctx context.Context, m chat.Mailing, withdraw bool) (func(context.Context, error) error, error) {
	payload, err := json.Marshal(work{m.Log.ID, m.Letters, m.Message, m.Author, m.Online, withdraw})
	if err != nil {
		return nil, err
	}
	j, err := s.Queue.Add(ctx, jobs.NewJob{Ref: refOf(m, withdraw), Payload: payload, Delay: unbegun})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, failed error) error { return s.Queue.Settle(ctx, j, failed) }, nil
}

// run is the handler of the jobs.
func (s *Service) run(ctx context.Context, r *jobs.Run) error {
	var w work
	if err := json.Unmarshal(r.Payload, &w); err != nil {
		return err
	}
	var at progress
	if len(r.Cursor) > 0 {
		if err := json.Unmarshal(r.Cursor, &at); err != nil {
			return err
		}
	}
	for {
		next, err := s.batch(ctx, r, w, at)
		switch {
		case chat.IsKind(err, chat.Unavailable) && ctx.Err() == nil:
			// To return would let the next job of this order begin.
			select {
			case <-ctx.Done():
			case <-time.After(again):
			}
		case err != nil || next == at:
			return err
		default:
			at = next
		}
	}
}

// batch delivers the next batch of a job and returns the position after it; the same one at the end.
func (s *Service) batch(ctx context.Context, r *jobs.Run, w work, at progress) (progress, error) {
	letters, next, err := s.next(ctx, r.Tenant, w, at)
	if err != nil || next == at {
		return at, err
	}
	if len(letters) > 0 {
		if err := s.deliver(ctx, r.Tenant, w, letters); err != nil {
			return at, err
		}
	}
	cursor, err := json.Marshal(next)
	if err != nil {
		return at, err
	}
	return next, r.Save(ctx, cursor, r.Done+int64(len(letters)), int64(len(w.Letters)))
}

// next returns the letters of the next batch, and the position after them; the same one at the end.
func (s *Service) next(ctx context.Context, t chat.Tenant, w work, at progress) ([]chat.Letter, progress, error) {
	if w.Message.IsZero() {
		some := w.Letters[at.Next:min(at.Next+batch, len(w.Letters))]
		return s.connected(t, some, w.Online), progress{Next: at.Next + len(some)}, nil
	}
	ps, err := s.Store.Participants(ctx, t, w.Log, at.After, batch)
	if err != nil || len(ps) == 0 {
		return nil, at, err
	}
	return s.connected(t, lettersTo(ps, w.Message, w.Author), w.Online), progress{After: ps[len(ps)-1].Login}, nil
}

// deliver brings a batch to its mailboxes, or takes it out of them. A message that was not stored, or was recalled, does not
// come; one that was not recalled stays.
func (s *Service) deliver(ctx context.Context, t chat.Tenant, w work, letters []chat.Letter) error {
	ids := make([]id.ID, len(letters))
	for i, l := range letters {
		ids[i] = l.Message
	}
	slices.SortFunc(ids, id.ID.Compare)
	found, err := s.Store.MessagesByID(ctx, chat.Log{Tenant: t, ID: w.Log}, slices.Compact(ids))
	if err != nil {
		return err
	}
	letters = slices.DeleteFunc(slices.Clone(letters), func(l chat.Letter) bool {
		m, there := found[l.Message]
		return !there || m.Deleted != w.Withdraw
	})
	if w.Withdraw {
		return s.withdraw(ctx, t, letters)
	}
	err = s.put(ctx, chat.Log{Tenant: t, ID: w.Log}, letters, !w.Message.IsZero())
	s.Arrived(t, logins(letters))
	return err
}

// put puts messages of a log into mailboxes: to users one by one, or to a group.
func (s *Service) put(ctx context.Context, l chat.Log, letters []chat.Letter, toGroup bool) error {
	reason := inbox.ToUser
	if toGroup {
		reason = inbox.ToGroup
	}
	return each(ctx, letters, func(ctx context.Context, letter chat.Letter) error {
		return s.Boxes.Append(ctx, chat.Identity{Tenant: l.Tenant, Login: letter.Login}, inbox.Ref{Log: l.ID, Message: letter.Message, Reason: reason})
	})
}

func (s *Service) withdraw(ctx context.Context, t chat.Tenant, letters []chat.Letter) error {
	return each(ctx, letters, func(ctx context.Context, l chat.Letter) error {
		_, err := s.Boxes.Acknowledge(ctx, chat.Identity{Tenant: t, Login: l.Login}, []id.ID{l.Message})
		return err
	})
}

// each calls f for each letter, some concurrently.
func each(ctx context.Context, letters []chat.Letter, f func(ctx context.Context, l chat.Letter) error) error {
	if len(letters) == 1 {
		return f(ctx, letters[0])
	}
	g, ctx := guard.WithContext(ctx)
	g.SetLimit(parallel)
	for _, l := range letters {
		g.Go(func() error { return f(ctx, l) })
	}
	return g.Wait()
}
