package callbacks

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/jobs"
)

const (
	// intentFor is how long an act may take, after which a job finds out whether it was done.
	intentFor = 2 * changeFor
	// parallel bounds the writes of one act that run concurrently.
	parallel = 32
)

// event is what a job tells, and what a dead letter keeps.
type event struct {
	Tenant chat.Tenant    `json:"tenant"`
	Rule   id.ID          `json:"rule"`
	ID     id.ID          `json:"id"` // in its time the act was done; also in the callId
	Kind   chat.ActKind   `json:"kind"`
	CallID string         `json:"callId"`
	Body   jsontext.Value `json:"body"`
	Trace  chat.Trace     `json:"trace,omitzero"`
	URL    string         `json:"url,omitzero"` // if it goes elsewhere than the rule says
	Order  uint32         `json:"order"`        // of events with the same one, those of later acts come later
}

// tenantOf is the tenant of a rule's jobs.
func tenantOf(rule id.ID) chat.Tenant { return chat.Tenant("callback-" + rule.String()) }

// job is the job of an event. Keys are in the order of the acts, and end in what orders them.
func (e event) job(delay time.Duration) jobs.NewJob {
	k := e.ID.Key()
	return jobs.NewJob{Ref: jobs.Ref{Tenant: tenantOf(e.Rule), Kind: deliverWork, Key: fmt.Sprintf("%x-%08x", k[:], e.Order)}, Payload: encode(e), Delay: delay}
}

func orderOf(j jobs.Job) string { return j.Key[max(0, len(j.Key)-8):] }

// idFor is the id of the event of an act for a rule: that of the act, but for the low half.
func idFor(act, rule id.ID) id.ID {
	sum := sha256.Sum256(append(slices.Clone(act[:]), rule[:]...))
	u := act
	copy(u[8:], sum[:8])
	u[8] = u[8]&0x3f | 0x80
	return u
}

// orderFor is the same for acts about one conversation, one room or one user.
func orderFor(a chat.Act) uint32 {
	var about string
	switch {
	case a.Room.Name != "":
		about = "room " + a.Room.ID.String()
	case a.Kind == chat.MessageAct || a.Kind == chat.RecallAct:
		about = pairOf(account.NameOf(a.Tenant, a.Message.Author), a.Message.To)
	case a.Kind == chat.RosterAct:
		about = pairOf(account.NameOf(a.Tenant, a.From), account.NameOf(a.Tenant, a.To))
	default:
		about = "user " + account.NameOf(a.Tenant, a.To)
	}
	sum := sha256.Sum256([]byte(about))
	return binary.BigEndian.Uint32(sum[:])
}

func pairOf(a, b string) string {
	if a > b {
		a, b = b, a
	}
	return "pair " + a + "\x00" + b
}

// Wants implements chat.Outbox.
func (s *Service) Wants(ctx context.Context, t chat.Tenant, k chat.ActKind) (bool, error) {
	c, err := s.rules.Get(ctx, t)
	return slices.ContainsFunc(c.rules, func(r ready) bool { return r.wants(k) }), err
}

// Intend implements chat.Outbox.
func (s *Service) Intend(ctx context.Context, acts ...chat.Act) (done func(error), err error) {
	c, err := s.rules.Get(ctx, acts[0].Tenant)
	if err != nil {
		return nil, err
	}
	var events []event
	for _, a := range acts {
		act := a.Message.ID
		if a.Kind != chat.MessageAct {
			act = s.o.IDs.New()
		}
		for _, r := range c.rules {
			if !r.wants(a.Kind) {
				continue
			}
			e := event{Tenant: a.Tenant, Rule: r.ID, ID: idFor(act, r.ID), Kind: a.Kind, Trace: a.Trace(), Order: orderFor(a)}
			e.CallID = c.app + "_" + e.ID.String()
			if e.Body, err = s.body(a, c.app, r, e.ID, act.Time()); err != nil {
				return nil, internal(err)
			}
			events = append(events, e)
		}
	}
	queued, err := s.queue(ctx, events, intentFor)
	if err != nil {
		s.settle(ctx, events, queued, err)
		return nil, err
	}
	return func(err error) { s.settle(ctx, events, queued, err) }, nil
}

// queue stores the jobs of events. What is too much becomes a dead letter at once, and has no job.
func (s *Service) queue(ctx context.Context, events []event, delay time.Duration) ([]jobs.Job, error) {
	queued := make([]jobs.Job, len(events))
	g, gctx := guard.WithContext(ctx)
	g.SetLimit(parallel)
	for i, e := range events {
		g.Go(func() (err error) {
			queued[i], err = s.o.Queue.Add(gctx, e.job(delay))
			if errors.Is(err, jobs.ErrFull) {
				return s.bury(gctx, e, progress{Error: "too many events of the rule wait"})
			}
			return err
		})
	}
	return queued, g.Wait()
}

// settle lets jobs run whose acts were done, and takes back those whose acts were not. If nobody knows, they wait.
func (s *Service) settle(ctx context.Context, events []event, queued []jobs.Job, outcome error) {
	ctx, cancel := changing(ctx)
	defer cancel()
	g := guard.NewGroup()
	g.SetLimit(parallel)
	for i, e := range events {
		j := queued[i]
		if buried := j.Version == 0; buried && (outcome == nil || chat.IsKind(outcome, chat.Unavailable)) {
			continue
		} else if buried { // or perhaps stored, if that was not answered
			j.Ref = e.job(0).Ref
		}
		g.Go(func() error {
			err := s.o.Queue.Settle(ctx, j, outcome)
			if err == nil && j.Version == 0 {
				err = s.exhume(ctx, e)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		s.o.Log.Warn("an event whose act was not done may be told", "error", err)
	}
}

// Status tells an app how a session of a user has begun or ended.
func (s *Service) Status(ctx context.Context, t chat.Tenant, who chat.Person, st chat.Status) error {
	told, err := chat.Intend(ctx, s, t, chat.StatusAct, func() ([]chat.Act, error) {
		return []chat.Act{{Tenant: t, Kind: chat.StatusAct, To: who, Status: st}}, nil
	})
	if err == nil {
		told(nil)
	}
	return err
}
