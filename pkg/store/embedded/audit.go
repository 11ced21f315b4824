package embedded

import (
	"context"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/confab-chat/confab/pkg/audit"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

func auditOf(t chat.Tenant) key { return table(tableAudit).tenant(t) }

func encodeAuditEvent(e audit.Event, until time.Time) []byte {
	return lease{until, e.Tenant, e.Actor}.record().text(10, string(e.Kind)).text(11, e.Subject).text(12, e.Address).text(13, e.Detail).number(14, e.Count)
}

func decodeAuditEvent(u id.ID, b []byte) (e audit.Event, l lease, err error) {
	e.ID = u
	l, err = decodeLease(b, func(f *field) {
		switch f.number {
		case 10:
			e.Kind = audit.Kind(f.text())
		case 11:
			e.Subject = f.text()
		case 12:
			e.Address = f.text()
		case 13:
			e.Detail = f.text()
		case 14:
			e.Count = int(f.number64())
		}
	})
	e.Tenant, e.Actor = l.Tenant, l.Login
	return e, l, err
}

// AddAuditEvent implements audit.Store.
func (s *Store) AddAuditEvent(ctx context.Context, e audit.Event, until time.Time) error {
	k := auditOf(e.Tenant).lastID(e.ID)
	return s.change(ctx, &s.leases, k, func(b *pebble.Batch) error {
		set(b, k, encodeAuditEvent(e, until))
		set(b, expiryKey(until, k), nil)
		return nil
	})
}

// AuditEvents implements audit.Store.
func (s *Store) AuditEvents(ctx context.Context, t chat.Tenant, before id.ID, since time.Time, limit int) (all []audit.Event, err error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	prefix := auditOf(t)
	to := prefix.end()
	if !before.IsZero() {
		to = prefix.lastID(before)
	}
	err = s.scanBack(ctx, prefix, to, func(last, v []byte) (bool, error) {
		e, l, err := decodeAuditEvent(id.Key(last).ID(), v)
		switch {
		case err != nil || e.At().Before(since):
			return false, s.corrupt(err)
		case l.expired(s.now()):
			return true, nil
		}
		all = append(all, e)
		return len(all) < limit, nil
	})
	return all, err
}
