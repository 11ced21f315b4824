package callbacks

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/jobs"
	"github.com/confab-chat/confab/pkg/outbound"
)

const (
	// keptFor is how long dead letters are kept.
	keptFor = 7 * 24 * time.Hour
	// sweepEvery is how often old dead letters are removed, while others come.
	sweepEvery  = time.Hour
	lettersPage = 500
	// window is the time whose dead letters have one date.
	window     = 10 * time.Minute
	dateFormat = "200601021504"
	// MaxRetried is how many dead letters one call retries by their ids.
	MaxRetried = 1000
)

// Letter is an event that could not be delivered.
type Letter struct {
	ID        id.ID
	CallID    string
	Rule      id.ID
	Kind      chat.ActKind
	CreatedAt time.Time // when the act was done
	Attempts  int
	Status    int // of the last answer; 0 if there was none
	Error     string
}

// letter is how a dead letter is stored.
type letter struct {
	event
	progress
	At time.Time `json:"at"` // since when it is dead

	entry id.ID
}

func decodeLetter(e directory.Entry) (l letter, err error) {
	if err = json.Unmarshal(e.Value, &l); err != nil {
		err = internal(err)
	}
	l.entry = e.ID
	return l, err
}

// bury makes a dead letter of an event. It may be repeated.
func (s *Service) bury(ctx context.Context, e event, p progress) error {
	l := letter{event: e, progress: p, At: s.o.Now().UTC()}
	// An event that was tried anew may be buried anew: the name is free then, and the entry is another one of the same time.
	err := s.o.Store.CreateEntry(ctx, directory.Entry{Space: lettersSpace(e.Tenant), ID: idFor(e.ID, s.o.IDs.New()), Name: e.ID.String(), Value: encode(l), Version: 1})
	if err != nil && !chat.IsKind(err, chat.Conflict) {
		return err
	}
	s.mu.Lock()
	now := s.o.Now()
	due := now.Sub(s.swept[e.Tenant]) >= sweepEvery
	if due {
		if len(s.swept) >= cachedApps {
			clear(s.swept)
		}
		s.swept[e.Tenant] = now
	}
	s.mu.Unlock()
	if !due {
		return nil
	}
	return s.sweep(ctx, e.Tenant)
}

// sweep removes dead letters that are old. They are in the order of acts: those of the longest attempts come a day later.
func (s *Service) sweep(ctx context.Context, t chat.Tenant) error {
	end := errors.New("enough")
	err := s.each(ctx, t, id.ID{}, func(l letter) error {
		if s.o.Now().Sub(l.ID.Time()) < keptFor {
			return end
		}
		if !s.old(l) {
			return nil
		}
		return s.o.Store.DeleteEntry(ctx, lettersSpace(t), l.entry)
	})
	if errors.Is(err, end) {
		return nil
	}
	return err
}

func (s *Service) old(l letter) bool { return s.o.Now().Sub(l.At) >= keptFor }

// exhume removes the dead letter of an event, if there is one.
func (s *Service) exhume(ctx context.Context, e event) error {
	kept, err := s.o.Store.EntryNamed(ctx, lettersSpace(e.Tenant), e.ID.String())
	if err == nil {
		err = s.o.Store.DeleteEntry(ctx, kept.Space, kept.ID)
	}
	if chat.IsKind(err, chat.NotFound) {
		return nil
	}
	return err
}

// each visits the dead letters of an app in the order of acts, after a position.
func (s *Service) each(ctx context.Context, t chat.Tenant, after id.ID, visit func(letter) error) error {
	for {
		es, err := s.o.Store.Entries(ctx, lettersSpace(t), after, lettersPage)
		if err != nil {
			return err
		}
		for _, e := range es {
			after = e.ID
			l, err := decodeLetter(e)
			if err == nil {
				err = visit(l)
			}
			if err != nil {
				return err
			}
		}
		if len(es) < lettersPage {
			return nil
		}
	}
}

// shown visits what is shown of the dead letters of an app: not old ones, nor those of rules that are gone.
func (s *Service) shown(ctx context.Context, t chat.Tenant, after id.ID, visit func(letter) error) error {
	rules, err := s.Rules(ctx, t)
	if err != nil {
		return err
	}
	there := map[id.ID]bool{}
	for _, r := range rules {
		there[r.ID] = true
	}
	return s.each(ctx, t, after, func(l letter) error {
		if s.old(l) || !there[l.Rule] {
			return nil
		}
		return visit(l)
	})
}

// byID returns the dead letter with an id; NotFound if none is shown.
func (s *Service) byID(ctx context.Context, t chat.Tenant, text string) (letter, error) {
	missing := chat.ErrNotFound("dead letter", text)
	u, err := id.Parse(strings.ToLower(text))
	if err != nil {
		return letter{}, missing
	}
	e, err := s.o.Store.Entry(ctx, lettersSpace(t), u)
	if chat.IsKind(err, chat.NotFound) {
		return letter{}, missing
	}
	if err != nil {
		return letter{}, err
	}
	l, err := decodeLetter(e)
	if err != nil {
		return letter{}, err
	}
	_, _, there, err := s.rule(ctx, t, l.Rule)
	if err == nil && (!there || s.old(l)) {
		err = missing
	}
	return l, err
}

// Letters returns dead letters of an app in the order of acts, after a position (zero: from the first), and whether there
// are more.
func (s *Service) Letters(ctx context.Context, t chat.Tenant, after id.ID, limit int) (list []Letter, more bool, err error) {
	end := errors.New("enough")
	err = s.shown(ctx, t, after, func(l letter) error {
		if more = len(list) == limit; more {
			return end
		}
		list = append(list, Letter{ID: l.entry, CallID: l.CallID, Rule: l.Rule, Kind: l.Kind, CreatedAt: l.ID.Time(), Attempts: l.Attempts, Status: l.Status, Error: l.Error})
		return nil
	})
	if errors.Is(err, end) {
		err = nil
	}
	return list, more, err
}

// Window is how many dead letters there are of the acts of ten minutes.
type Window struct {
	Date string // when they begin, in UTC: yyyyMMddHHmm
	Size int
}

// Windows counts the dead letters of an app. It reads all.
func (s *Service) Windows(ctx context.Context, t chat.Tenant) (list []Window, err error) {
	err = s.shown(ctx, t, id.ID{}, func(l letter) error {
		date := l.ID.Time().Truncate(window).Format(dateFormat)
		if n := len(list); n > 0 && list[n-1].Date == date {
			list[n-1].Size++
			return nil
		}
		list = append(list, Window{date, 1})
		return nil
	})
	return list, err
}

// Retry tries dead letters anew, as if they had never been tried: those of a window, or those with the given ids. They go to
// url, if it is not empty. NotFound if one of the ids is not there, or if the window has none; nothing is tried then.
func (s *Service) Retry(ctx context.Context, t chat.Tenant, date string, ids []string, url string) error {
	if url != "" {
		if err := s.o.Client.Check(url); err != nil {
			return chat.ErrInvalid("targetUrl: %s", err.Error())
		}
	}
	if len(ids) > MaxRetried {
		return chat.ErrInvalid("at most %d ids at once", MaxRetried)
	}
	letters, err := s.chosen(ctx, t, date, ids)
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	g := guard.NewGroup()
	g.SetLimit(parallel)
	for _, l := range letters {
		g.Go(func() error { return s.retry(ctx, l, url) })
	}
	return g.Wait()
}

// retry makes a job of a dead letter. If the server dies before the letter is gone, it is delivered and stays.
func (s *Service) retry(ctx context.Context, l letter, url string) error {
	e := l.event
	e.URL, e.Trace = url, chat.Trace{}
	n := e.job(0)
	n.Replace = true
	if _, err := s.o.Queue.Add(ctx, n); err != nil {
		return err
	}
	return s.o.Store.DeleteEntry(ctx, lettersSpace(l.Tenant), l.entry)
}

// chosen returns the dead letters of a window or with the given ids.
func (s *Service) chosen(ctx context.Context, t chat.Tenant, date string, ids []string) (letters []letter, err error) {
	for _, text := range ids {
		l, err := s.byID(ctx, t, text)
		if err != nil {
			return nil, err
		}
		letters = append(letters, l)
	}
	if len(ids) > 0 {
		return letters, nil
	}
	from, err := time.Parse(dateFormat, date)
	if err != nil || from.Truncate(window) != from {
		return nil, chat.ErrInvalid("date has to be one of those of info, as 202601311250")
	}
	end := errors.New("enough")
	err = s.shown(ctx, t, id.FirstAt(from).Before(), func(l letter) error {
		if !l.ID.Time().Before(from.Add(window)) {
			return end
		}
		letters = append(letters, l)
		return nil
	})
	if err != nil && !errors.Is(err, end) {
		return nil, err
	}
	if len(letters) == 0 {
		return nil, chat.ErrNotFound("dead letter", date)
	}
	return letters, nil
}

// tidy is the handler of tidyWork: it removes what waited for a rule that is gone, and its dead letters. What waits for a
// rule that is switched off is due immediately, and becomes dead letters.
func (s *Service) tidy(ctx context.Context, r *jobs.Run) error {
	rules, err := s.Rules(ctx, r.Tenant)
	if err != nil {
		return err
	}
	rule, err := id.Parse(r.Key)
	if err != nil {
		return err
	}
	for _, there := range rules {
		switch {
		case there.ID != rule:
		case there.Enabled:
			return nil // the change was given up, or undone
		default:
			var running atomic.Bool
			err := s.eachJob(ctx, rule, func(ref jobs.Ref) error {
				j, err := s.o.Queue.Retry(ctx, ref)
				if chat.IsKind(err, chat.NotFound) {
					return nil
				}
				if j.State == jobs.Running {
					running.Store(true)
				}
				return err
			})
			if err == nil && running.Load() { // it may have read the rule before, and wait for its next attempt soon
				err = jobs.After(outbound.Timeout)
			}
			return err
		}
	}
	if err := s.dropJobs(ctx, rule); err != nil {
		return err
	}
	return s.each(ctx, r.Tenant, id.ID{}, func(l letter) error {
		if l.Rule != rule {
			return nil
		}
		return s.o.Store.DeleteEntry(ctx, lettersSpace(r.Tenant), l.entry)
	})
}

// eachJob visits the jobs of a rule.
func (s *Service) eachJob(ctx context.Context, rule id.ID, visit func(jobs.Ref) error) error {
	all, err := s.o.Queue.List(ctx, 2*maxWaiting, func(j jobs.Job) bool { return j.Tenant == tenantOf(rule) && j.Kind == deliverWork })
	if err != nil {
		return err
	}
	g := guard.NewGroup()
	g.SetLimit(parallel)
	for _, j := range all {
		g.Go(func() error { return visit(j.Ref) })
	}
	return g.Wait()
}

func (s *Service) dropJobs(ctx context.Context, rule id.ID) error {
	return s.eachJob(ctx, rule, func(r jobs.Ref) error { return s.o.Queue.Cancel(ctx, r) })
}

// Forget removes all that the Service keeps of an app that is being deleted. It may be repeated.
func (s *Service) Forget(ctx context.Context, t chat.Tenant) error {
	rec, err := s.kept.Get(ctx, rulesSpace(t))
	if err != nil {
		return err
	}
	for _, r := range rec.Rules {
		if err := s.dropJobs(ctx, r.ID); err != nil {
			return err
		}
	}
	if err := s.o.Store.DeleteEntry(ctx, rulesSpace(t), directory.SoleID); err != nil {
		return err
	}
	s.rules.Forget(t)
	if err := s.each(ctx, t, id.ID{}, func(l letter) error { return s.o.Store.DeleteEntry(ctx, lettersSpace(t), l.entry) }); err != nil {
		return err
	}
	for _, space := range []string{rulesSpace(t), lettersSpace(t)} { // a list of nothing tidies the index of the space
		if _, err := s.o.Store.Entries(ctx, space, id.ID{}, 1); err != nil {
			return err
		}
	}
	return nil
}
