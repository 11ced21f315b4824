package cassandra

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/audit"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	insertAuditEvent = `INSERT INTO audit (tenant, day, event_id, kind, actor, subject, address, detail, count) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) USING TTL ?`
	listAuditEvents  = `SELECT event_id, kind, actor, subject, address, detail, count FROM audit WHERE tenant = ? AND day = ? AND event_id < ? LIMIT ?`

	// auditDay is the time whose events are one partition of a tenant. Rows on disk depend on it.
	auditDay = 24 * time.Hour
	// mostAuditDays bounds the partitions that are read at the same time.
	mostAuditDays = 32
)

// dayOf is the partition of the events of a moment since 1970.
func dayOf(t time.Time) int64 { return t.UnixMilli() / auditDay.Milliseconds() }

// AddAuditEvent implements audit.Store.
func (s *Store) AddAuditEvent(ctx context.Context, e audit.Event, until time.Time) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	ttl := s.ttl(until)
	if ttl == 0 {
		return nil
	}
	return s.db.exec(ctx, insertAuditEvent, string(e.Tenant), dayOf(e.At()), uuid(e.ID), string(e.Kind), e.Actor, e.Subject, e.Address, e.Detail, e.Count, ttl)
}

// AuditEvents implements audit.Store. It reads one day, then two, and so on: days without events cost little.
func (s *Store) AuditEvents(ctx context.Context, t chat.Tenant, before id.ID, since time.Time, limit int) (all []audit.Event, err error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	from := s.now().Add(auditDay) // another server's clock may be ahead
	if before.IsZero() {
		before = id.Max
	} else if at := before.Time(); at.Before(from) { // a position may be any id
		from = at
	}
	first := dayOf(since)
	for day, days := dayOf(from), int64(1); day >= first && len(all) < limit; day, days = day-days, min(2*days, mostAuditDays) {
		days = min(days, day-first+1)
		found := make([][]audit.Event, days)
		err := forEach(ctx, int(days), func(ctx context.Context, i int) (err error) {
			found[i], err = s.auditEventsOf(ctx, t, day-int64(i), before, limit-len(all))
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, events := range found {
			for _, e := range events {
				if e.At().Before(since) || len(all) == limit {
					return all, nil
				}
				all = append(all, e)
			}
		}
	}
	return all, nil
}

// auditEventsOf returns events of one day, the newest first.
func (s *Store) auditEventsOf(ctx context.Context, t chat.Tenant, day int64, before id.ID, limit int) (all []audit.Event, err error) {
	var e audit.Event
	err = s.db.rows(ctx, min(limit, pageRows), func() {
		e.Tenant = t
		all = append(all, e)
	}, listAuditEvents, []any{string(t), day, uuid(before), limit}, into(&e.ID), (*string)(&e.Kind), &e.Actor, &e.Subject, &e.Address, &e.Detail, &e.Count)
	return all, err
}
