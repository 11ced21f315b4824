package audit

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/limit"
)

const (
	// window is how long failures are counted together, and mostFailures how many of one window are events of their own.
	window       = time.Minute
	mostFailures = 60
	// maxText bounds what an event holds, in bytes.
	maxText = 500
	// addWithin bounds how long an event delays what it tells of.
	addWithin = 5 * time.Second
)

// Trail records events and reads them. It may be used concurrently.
type Trail struct {
	store Store
	ids   *id.Generator
	keep  time.Duration
	now   func() time.Time
	log   *slog.Logger

	flushing sync.Mutex // held while counted failures are recorded

	mu       sync.Mutex
	failures map[failure]*more // of this window
	others   int               // failures that have no place there
	timer    *time.Timer       // ends the window; nil if there is none
	closed   bool
}

// failure is what failed logins have in common that are counted together.
type failure struct {
	tenant                   chat.Tenant
	subject, network, detail string
}

// more are the failures of a window beside the first of them.
type more struct {
	count   int
	address string // of all of them; their network if they have several
}

// Options are the parts of a Trail.
type Options struct {
	Store Store
	IDs   *id.Generator
	// Keep is how long events are kept.
	Keep time.Duration
	Now  func() time.Time
	Log  *slog.Logger
}

// New returns a trail. Close ends it.
func New(o Options) *Trail {
	return &Trail{store: o.Store, ids: o.IDs, keep: o.Keep, now: o.Now, log: o.Log, failures: map[failure]*more{}}
}

// Record stores an event that has happened, also if ctx ends meanwhile. ID and Count are set here, and Tenant, if it is
// empty, to the default one. It waits for the store, so that who is answered can rely on it; if the store does not take the
// event, the log has it.
func (t *Trail) Record(ctx context.Context, e Event) {
	e.Count = 1
	t.add(ctx, e)
}

func (t *Trail) add(ctx context.Context, e Event) {
	e.ID = t.ids.New()
	if e.Tenant == "" {
		e.Tenant = chat.DefaultTenant
	}
	for _, text := range []*string{&e.Actor, &e.Subject, &e.Address, &e.Detail} {
		*text = clip(*text)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), addWithin)
	defer cancel()
	if err := t.store.AddAuditEvent(ctx, e, t.now().Add(t.keep)); err != nil {
		t.log.Error("an event could not be stored in the audit trail", "kind", string(e.Kind), "tenant", e.Tenant, "actor", e.Actor, "subject", e.Subject,
			"address", e.Address, "detail", e.Detail, "count", e.Count, "error", err)
	}
}

// clip bounds a text and drops what is not valid UTF-8.
func clip(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= maxText {
		return s
	}
	cut := maxText
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// LoginFailed records a failed login to an account; subject is empty if there is none. Whoever sends many does not fill the
// store: of those with one account, network (see limit.Network) and reason the first in a minute is recorded immediately and the others are
// counted, in one event when the minute is over. No more than mostFailures of them are told apart in a minute, on each server.
func (t *Trail) LoginFailed(ctx context.Context, tenant chat.Tenant, subject, address, why string) {
	if t.first(failure{tenant, subject, limit.Network(address), why}, address) {
		t.Record(ctx, Event{Tenant: tenant, Kind: LoginFailed, Subject: subject, Address: address, Detail: why})
	}
}

// first counts a failure, and reports whether it is to be recorded now.
func (t *Trail) first(f failure, address string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	if t.timer == nil {
		t.timer = time.AfterFunc(window, func() { guard.Run(t.log, "audit: counted failures", t.flush) })
	}
	m, known := t.failures[f]
	switch {
	case known:
		if m.count++; m.count == 1 {
			m.address = address
		} else if m.address != address {
			m.address = f.network
		}
		return false
	case len(t.failures) == mostFailures:
		t.others++
		return false
	}
	t.failures[f] = &more{}
	return true
}

// flush ends the window and records what was counted in it.
func (t *Trail) flush() {
	t.flushing.Lock()
	defer t.flushing.Unlock()
	t.mu.Lock()
	failures, others := t.failures, t.others
	t.failures, t.others, t.timer = map[failure]*more{}, 0, nil
	t.mu.Unlock()
	for f, m := range failures {
		if m.count > 0 {
			t.add(context.Background(), Event{Tenant: f.tenant, Kind: LoginFailed, Subject: f.subject, Address: m.address, Detail: f.detail, Count: m.count})
		}
	}
	if others > 0 {
		t.add(context.Background(), Event{Kind: LoginFailed, Detail: "many accounts or addresses", Count: others})
	}
}

// Filter says which events are wanted. Empty members match all.
type Filter struct {
	Kind Kind
	// Login is who did it, or to whom it was done.
	Login string
}

func (f Filter) matches(e Event) bool {
	return (f.Kind == "" || f.Kind == e.Kind) && (f.Login == "" || f.Login == e.Actor || f.Login == e.Subject)
}

const (
	readPage = 500
	// mostRead bounds the events that one call looks through.
	mostRead = 20_000
)

// Events returns events of a tenant that match, the newest first, before the given id (zero: from the newest). next is the
// position at which the following call goes on; zero if there are no more. A call looks through a bounded number of events,
// so it may return fewer than limit, or none, and a next.
func (t *Trail) Events(ctx context.Context, tenant chat.Tenant, f Filter, before id.ID, limit int) (found []Event, next id.ID, err error) {
	since := t.now().Add(-t.keep)
	for read := 0; read < mostRead; {
		page, err := t.store.AuditEvents(ctx, tenant, before, since, readPage)
		if err != nil {
			return nil, id.ID{}, err
		}
		for i, e := range page {
			before = e.ID
			if !f.matches(e) {
				continue
			}
			if found = append(found, e); len(found) == limit {
				if i+1 < len(page) || len(page) == readPage {
					next = before
				}
				return found, next, nil
			}
		}
		if len(page) < readPage {
			return slices.Clip(found), id.ID{}, nil
		}
		read += len(page)
	}
	return found, before, nil
}

// Close records what was counted. Failures after it are not recorded.
func (t *Trail) Close() {
	t.mu.Lock()
	timer := t.timer
	t.closed = true
	t.mu.Unlock()
	if timer != nil {
		timer.Stop()
	}
	t.flush() // waits for one that is running
}
