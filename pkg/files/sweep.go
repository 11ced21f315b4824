package files

import (
	"context"
	"errors"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
)

// sweepHourly sweeps until ctx ends. Each node does so.
func (s *Service) sweepHourly(ctx context.Context) {
	guard.Every(ctx, sweepFirst, sweepEvery, func(ctx context.Context) {
		if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn("uploads that nobody named wait to be removed", "error", err)
		}
	})
}

// Sweep removes uploads that are older than a day and were neither answered nor named by a message, from the oldest on. What
// cannot be removed does not keep it from the others.
func (s *Service) Sweep(ctx context.Context) error {
	var faults []error
	for after := (id.ID{}); ; {
		page, err := s.Store.Entries(ctx, uploadSpace, after, pageSize)
		if err != nil {
			return err
		}
		for _, e := range page {
			if s.Now().Sub(e.ID.Time()) < unnamedFor {
				return errors.Join(faults...)
			}
			after = e.ID
			if s.Now().Sub(intentOf(e).since) < unnamedFor { // an import brings older ones
				continue
			}
			if err := s.sweepUpload(ctx, e); err != nil {
				if faults = append(faults, err); len(faults) > pageSize || ctx.Err() != nil {
					return errors.Join(faults...)
				}
			}
		}
		if len(page) < pageSize {
			return errors.Join(faults...)
		}
	}
}

// sweepUpload ends an upload of which an entry is left.
func (s *Service) sweepUpload(ctx context.Context, e directory.Entry) error {
	ctx, done := finishing(ctx)
	defer done()
	t := intentOf(e).tenant
	f, err := s.Record(ctx, t, e.ID)
	if chat.IsKind(err, chat.NotFound) {
		f = File{ID: e.ID, Tenant: t}
		if err := s.discard(ctx, f); err != nil {
			return err
		}
		// Whether it was counted is not known.
		if _, err := s.Recount(ctx, t); err != nil {
			return err
		}
		return s.forgetUpload(ctx, f)
	}
	if err != nil {
		return err
	}
	named, err := s.named(ctx, f)
	switch {
	case err != nil:
		return err
	case named:
		return s.forgetUpload(ctx, f)
	}
	return s.remove(ctx, f)
}

// named reports whether the message of a file exists and names it.
func (s *Service) named(ctx context.Context, f File) (bool, error) {
	if f.Message.IsZero() {
		return false, nil
	}
	all, err := s.Store.MessagesByID(ctx, chat.Log{Tenant: f.Tenant, ID: f.Room.ID}, []id.ID{f.Message})
	m, there := all[f.Message]
	return there && !m.Deleted, err
}
