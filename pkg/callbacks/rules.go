package callbacks

import (
	"context"
	"crypto/rand"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	// MaxRules is how many rules an app has at most, MaxAttempts how often an event of one is tried at most.
	MaxRules    = 10
	MaxAttempts = 12
	// MaxName is the greatest length of a rule's name, in characters.
	MaxName                          = 100
	minSecret, maxSecret             = 16, 128
	rotation                         = 24 * time.Hour // for which the secret before signs too
	unsealable                       = "its secret was sealed with another key; make a new one"
	RuleEntity           chat.Entity = "rule"
)

// Rule says what the server of an app is told of, and where.
type Rule struct {
	ID       id.ID
	URL      string
	Name     string
	Events   []chat.ActKind // none: all
	Attempts int
	Enabled  bool
	// Reason says why the rule was switched off; empty if the app did it.
	Reason string
}

// CreatedAt is when the rule was made, in UTC.
func (r Rule) CreatedAt() time.Time { return r.ID.Time() }

func (r Rule) wants(k chat.ActKind) bool {
	return r.Enabled && (len(r.Events) == 0 || slices.Contains(r.Events, k))
}

// Change is what changes of a rule. What is nil stays.
type Change struct {
	URL, Name *string
	Events    *[]chat.ActKind
	Attempts  *int
	Secret    *string // of a new rule only; nil: one is made
	Enabled   *bool
}

// record is what is stored of an app's rules.
type record struct {
	App   string   `json:"app"` // ORG#APP
	Rules []stored `json:"rules,omitempty"`
}

type stored struct {
	ID       id.ID          `json:"id"`
	URL      string         `json:"url"`
	Name     string         `json:"name,omitzero"`
	Events   []chat.ActKind `json:"events,omitempty"`
	Attempts int            `json:"attempts"`
	Disabled bool           `json:"disabled,omitzero"`
	Reason   string         `json:"reason,omitzero"`
	Sealed   []byte         `json:"sealed"`
	// Old is the secret before, which signs too until OldUntil.
	Old      []byte    `json:"old,omitempty"`
	OldUntil time.Time `json:"oldUntil,omitzero"`
	// FailingSince is since when all attempts have failed; zero if the last one did not.
	FailingSince time.Time `json:"failingSince,omitzero"`
}

func (s stored) rule() Rule {
	return Rule{ID: s.ID, URL: s.URL, Name: s.Name, Events: s.Events, Attempts: s.Attempts, Enabled: !s.Disabled, Reason: s.Reason}
}

// compiled are the rules of an app as they are cached.
type compiled struct {
	app   string
	rules []ready
}

// ready is a rule with its secrets, the present one first.
type ready struct {
	Rule
	secret, old  string
	oldUntil     time.Time
	failingSince time.Time
}

func sealPurpose(rule id.ID) string { return "secret of callback rule " + rule.String() }

func (s *Service) load(ctx context.Context, t chat.Tenant) (compiled, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadFor)
	defer cancel()
	rec, err := s.kept.Get(ctx, rulesSpace(t))
	if err != nil {
		return compiled{}, err
	}
	c := compiled{app: rec.App}
	for _, kept := range rec.Rules {
		r := ready{Rule: kept.rule(), oldUntil: kept.OldUntil, failingSince: kept.FailingSince}
		secret, err := s.o.Box.Open(sealPurpose(r.ID), kept.Sealed)
		if err != nil {
			r.Enabled, r.Reason = false, unsealable
		}
		r.secret = string(secret)
		if old, err := s.o.Box.Open(sealPurpose(r.ID), kept.Old); err == nil {
			r.old = string(old)
		}
		c.rules = append(c.rules, r)
	}
	return c, nil
}

// rule returns a rule as it is cached.
func (s *Service) rule(ctx context.Context, t chat.Tenant, rule id.ID) (r ready, app string, ok bool, err error) {
	c, err := s.rules.Get(ctx, t)
	if i := slices.IndexFunc(c.rules, func(r ready) bool { return r.ID == rule }); i >= 0 {
		return c.rules[i], c.app, true, err
	}
	return ready{}, c.app, false, err
}

func noRule(rule string) error { return chat.ErrNotFound(RuleEntity, rule) }

// Rules returns the rules of an app in the order in which they were made.
func (s *Service) Rules(ctx context.Context, t chat.Tenant) ([]Rule, error) {
	s.rules.Forget(t)
	c, err := s.rules.Get(ctx, t)
	rules := make([]Rule, len(c.rules))
	for i, r := range c.rules {
		rules[i] = r.Rule
	}
	return rules, err
}

// Rule returns a rule; NotFound if there is none with that id.
func (s *Service) Rule(ctx context.Context, t chat.Tenant, rule string) (Rule, error) {
	rules, err := s.Rules(ctx, t)
	for _, r := range rules {
		if r.ID.String() == rule {
			return r, nil
		}
	}
	if err == nil {
		err = noRule(rule)
	}
	return Rule{}, err
}

// change replaces the rules of an app by what change makes of them. It may be called several times; its error ends the call.
func (s *Service) change(ctx context.Context, t chat.Tenant, change func(*record) error) error {
	ctx, cancel := changing(ctx)
	defer cancel()
	defer s.rules.Forget(t) // after an error too: the entry may have been replaced nevertheless
	_, err := s.kept.Change(ctx, rulesSpace(t), change)
	return err
}

// changeRule is change for one rule; NotFound if there is none with that id.
func (s *Service) changeRule(ctx context.Context, t chat.Tenant, rule string, change func(*stored) error) (now Rule, err error) {
	err = s.change(ctx, t, func(rec *record) error {
		for i := range rec.Rules {
			if r := &rec.Rules[i]; r.ID.String() == rule {
				err := change(r)
				now = r.rule()
				return err
			}
		}
		return noRule(rule)
	})
	return now, err
}

// Add makes a rule of an app, whose name is ORG#APP, and returns it with its secret. Invalid for a value that breaks a rule,
// Full if there are MaxRules.
func (s *Service) Add(ctx context.Context, t chat.Tenant, app string, c Change) (r Rule, secret string, err error) {
	fresh := stored{ID: s.o.IDs.New(), Attempts: MaxAttempts}
	if c.URL == nil {
		return Rule{}, "", chat.ErrInvalid("url must be provided")
	}
	if err := s.apply(c, &fresh); err != nil {
		return Rule{}, "", err
	}
	if c.Secret == nil {
		secret = newSecret()
	} else if secret = *c.Secret; utf8.RuneCountInString(secret) < minSecret || utf8.RuneCountInString(secret) > maxSecret {
		return Rule{}, "", chat.ErrInvalid("secret has to have %d to %d characters", minSecret, maxSecret)
	}
	fresh.Sealed = s.o.Box.Seal(sealPurpose(fresh.ID), []byte(secret))
	err = s.change(ctx, t, func(rec *record) error {
		if len(rec.Rules) >= MaxRules {
			return &chat.Error{Kind: chat.Full, Message: "an app has at most 10 rules"}
		}
		rec.App, rec.Rules = app, append(rec.Rules, fresh)
		return nil
	})
	return fresh.rule(), secret, err
}

func newSecret() string { return rand.Text() + rand.Text() }

// apply makes a change, but for the secret; Invalid for a value that breaks a rule.
func (s *Service) apply(c Change, r *stored) error {
	if c.URL != nil {
		if err := s.o.Client.Check(*c.URL); err != nil {
			return chat.ErrInvalid("url: %s", err.Error())
		}
		r.URL = *c.URL
	}
	if c.Name != nil {
		if utf8.RuneCountInString(*c.Name) > MaxName {
			return chat.ErrInvalid("name has at most %d characters", MaxName)
		}
		r.Name = *c.Name
	}
	if c.Events != nil {
		for _, k := range *c.Events {
			if !slices.Contains(chat.ActKinds, k) {
				return chat.ErrInvalid("events can only be of %v", chat.ActKinds)
			}
		}
		r.Events = slices.Compact(slices.Sorted(slices.Values(*c.Events)))
	}
	if c.Attempts != nil {
		if *c.Attempts < 1 || *c.Attempts > MaxAttempts {
			return chat.ErrInvalid("attempts has to be a number from 1 to %d", MaxAttempts)
		}
		r.Attempts = *c.Attempts
	}
	if c.Enabled != nil && r.Disabled == *c.Enabled {
		r.Disabled, r.Reason, r.FailingSince = !*c.Enabled, "", time.Time{}
	}
	return nil
}

// Set changes a rule. It holds for the next event. What waits for a rule that is switched off becomes dead letters.
func (s *Service) Set(ctx context.Context, t chat.Tenant, rule string, c Change) (now Rule, err error) {
	tidy := func() {}
	if c.Enabled != nil && !*c.Enabled {
		if tidy, err = s.intendTidy(ctx, t, rule); err != nil {
			return Rule{}, err
		}
	}
	now, err = s.changeRule(ctx, t, rule, func(r *stored) error { return s.apply(c, r) })
	if err == nil {
		tidy()
	}
	return now, err
}

// RenewSecret gives a rule a new secret, and returns it. For 24 hours the one before signs too.
func (s *Service) RenewSecret(ctx context.Context, t chat.Tenant, rule string) (secret string, err error) {
	secret = newSecret()
	_, err = s.changeRule(ctx, t, rule, func(r *stored) error {
		r.Old, r.OldUntil = r.Sealed, s.o.Now().UTC().Add(rotation)
		r.Sealed = s.o.Box.Seal(sealPurpose(r.ID), []byte(secret))
		return nil
	})
	return secret, err
}

// Remove removes a rule. What waits for it, and its dead letters, are dropped: nothing of them is seen when Remove returns.
func (s *Service) Remove(ctx context.Context, t chat.Tenant, rule string) error {
	r, err := s.Rule(ctx, t, rule)
	if err != nil {
		return err
	}
	tidy, err := s.intendTidy(ctx, t, rule)
	if err != nil {
		return err
	}
	err = s.change(ctx, t, func(rec *record) error {
		rec.Rules = slices.DeleteFunc(rec.Rules, func(x stored) bool { return x.ID == r.ID })
		return nil
	})
	if err == nil {
		tidy()
	}
	return err
}

// intendTidy makes a job that tidies up after a rule was removed or switched off. begin lets it run.
func (s *Service) intendTidy(ctx context.Context, t chat.Tenant, rule string) (begin func(), err error) {
	return s.o.Queue.Intend(ctx, chat.Work{Tenant: t, Kind: tidyWork, Key: rule, Delay: 2 * changeFor, Replace: true})
}

// secrets are those that sign now.
func (r ready) secrets(now time.Time) []string {
	if r.old != "" && now.Before(r.oldUntil) {
		return []string{r.secret, r.old}
	}
	return []string{r.secret}
}
