package callbacks

import (
	"cmp"
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/jobs"
	"github.com/confab-chat/confab/pkg/outbound"
)

// pauses are those after each failed attempt. All together they take less than 24 hours.
var pauses = [MaxAttempts - 1]time.Duration{time.Second, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 8 * time.Hour}

// progress is how far the attempts of an event are: the cursor of its job.
type progress struct {
	Attempts int    `json:"attempts"`
	Status   int    `json:"status,omitzero"` // of the last answer; 0 if there was none
	Error    string `json:"error,omitzero"`
}

// deliver is the handler of deliverWork: one attempt.
func (s *Service) deliver(ctx context.Context, r *jobs.Run) error {
	var e event
	var p progress
	if err := json.Unmarshal(r.Payload, &e); err != nil {
		return err
	}
	if r.Cursor != nil {
		if err := json.Unmarshal(r.Cursor, &p); err != nil {
			return err
		}
	} else if !r.Begun && e.Trace.Kind != "" {
		if done, err := s.o.Done(ctx, e.Tenant, e.Trace); err != nil || !done {
			return err
		}
	}
	rule, _, ok, err := s.rule(ctx, e.Tenant, e.Rule)
	if err != nil || !ok {
		return err
	}
	if !rule.Enabled {
		p.Error = cmp.Or(rule.Reason, "the rule is switched off")
		return s.bury(ctx, e, p)
	}
	p.Attempts++
	url := rule.URL
	if e.URL != "" {
		url = e.URL
	}
	result := s.o.Client.Post(ctx, outbound.Call{URL: url, Body: e.Body, Secrets: rule.secrets(s.o.Now()),
		Header: map[string]string{"X-Confab-Event": string(e.Kind), "X-Confab-Attempt": strconv.Itoa(p.Attempts)}})
	if ctx.Err() != nil {
		return ctx.Err() // the attempt was broken off, and does not count
	}
	if result.Err == nil {
		return s.succeeded(ctx, e.Tenant, rule)
	}
	p.Status, p.Error = result.Status, result.Err.Error()
	if err := s.failing(ctx, e.Tenant, rule); err != nil {
		return err
	}
	if p.Attempts >= rule.Attempts || p.Status == http.StatusGone {
		return s.bury(ctx, e, p)
	}
	// This attempt may have been the one that switched the rule off: tidy leaves jobs alone that run.
	if rule, _, ok, err = s.rule(ctx, e.Tenant, e.Rule); err != nil || !ok {
		return err
	}
	if !rule.Enabled {
		return s.bury(ctx, e, p)
	}
	wait := result.RetryAfter
	if wait == 0 {
		wait = jittered(pauses[min(p.Attempts, len(pauses))-1])
	}
	return jobs.Postpone(wait, encode(p), p.Error)
}

// jittered returns d, a fifth more or less.
func jittered(d time.Duration) time.Duration { return d*4/5 + rand.N(d*2/5) }

// noteAfter is for how long a rule has to fail before that is stored: a failure now and then costs no write.
const noteAfter = time.Minute

// failures has since when all attempts of rules have failed, as far as this server has seen.
type failures struct {
	mu    sync.Mutex
	since map[id.ID]time.Time
}

// failing notes that an attempt has failed, and switches the rule off if all have for too long.
func (s *Service) failing(ctx context.Context, t chat.Tenant, r ready) error {
	now := s.o.Now().UTC()
	s.failed.mu.Lock()
	since, ok := s.failed.since[r.ID]
	if !ok {
		since = now
		s.failed.since[r.ID] = now
	}
	s.failed.mu.Unlock()
	if !r.failingSince.IsZero() {
		since = r.failingSince
	}
	disable := now.Sub(since) >= s.o.DisableAfter
	if !disable && (!r.failingSince.IsZero() || now.Sub(since) < noteAfter) {
		return nil
	}
	s.recovered(r.ID) // it is stored from now on
	tidy := func() {}
	if disable {
		var err error
		if tidy, err = s.intendTidy(ctx, t, r.ID.String()); err != nil {
			return err
		}
	}
	_, err := s.changeRule(ctx, t, r.ID.String(), func(k *stored) error {
		if k.FailingSince.IsZero() {
			k.FailingSince = since
		}
		if disable && !k.Disabled {
			k.Disabled, k.Reason = true, "all attempts have failed since "+k.FailingSince.Format(time.RFC3339)
		}
		return nil
	})
	if chat.IsKind(err, chat.NotFound) {
		return nil
	}
	if err == nil && disable {
		tidy()
		s.o.Log.Warn("a callback rule was switched off: all attempts have failed for too long", "tenant", t, "rule", r.ID)
	}
	return err
}

func (s *Service) recovered(rule id.ID) {
	s.failed.mu.Lock()
	defer s.failed.mu.Unlock()
	delete(s.failed.since, rule)
}

// succeeded notes that an attempt has not failed.
func (s *Service) succeeded(ctx context.Context, t chat.Tenant, r ready) error {
	s.recovered(r.ID)
	if r.failingSince.IsZero() {
		return nil
	}
	_, err := s.changeRule(ctx, t, r.ID.String(), func(k *stored) error {
		k.FailingSince = time.Time{}
		return nil
	})
	if chat.IsKind(err, chat.NotFound) {
		return nil
	}
	return err
}
