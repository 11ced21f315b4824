package files

import (
	"context"
	"errors"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
)

var errGone = errors.New("files: the file is being removed already")

// remove removes a file: nobody reads it from the first step on. It may be repeated until it succeeds.
func (s *Service) remove(ctx context.Context, f File) error {
	_, err := s.records.Change(ctx, f, func(now *File) error {
		if now.Gone {
			return errGone
		}
		now.Gone = true
		return nil
	})
	resumed := errors.Is(err, errGone) // whoever began it may have died before it was counted
	switch {
	case err == nil:
		err = s.count(ctx, f.Tenant, Usage{Bytes: -f.Size, Files: -1}, 0)
	case resumed, chat.IsKind(err, chat.NotFound):
		err = nil
	}
	if err == nil {
		err = s.discard(ctx, f)
	}
	if err == nil && !f.Message.IsZero() {
		err = s.Store.DeleteEntry(ctx, roomSpace(f.Room.ID), f.Message)
	}
	if err == nil {
		err = s.Store.DeleteEntry(ctx, fileSpace(f.Tenant), f.ID)
		s.records.Forget(fileSpace(f.Tenant), f.ID)
	}
	if err == nil && resumed {
		_, err = s.Recount(ctx, f.Tenant)
	}
	if err == nil {
		err = s.forgetUpload(ctx, f)
	}
	return err
}

// RemoveOfApp removes a file of an app.
func (s *Service) RemoveOfApp(ctx context.Context, f File) error {
	ctx, done := finishing(ctx)
	defer done()
	return s.remove(ctx, f)
}

// RemoveTenant removes all files of a tenant that is gone, and what was counted of them. It reports how many, after each.
func (s *Service) RemoveTenant(ctx context.Context, t chat.Tenant, removed func(n int) error) error {
	n := 0
	if err := s.eachOf(ctx, t, func(f File) error {
		if err := s.remove(ctx, f); err != nil {
			return err
		}
		n++
		return removed(n)
	}); err != nil {
		return err
	}
	e, err := s.Store.EntryNamed(ctx, usageSpace, string(t))
	if chat.IsKind(err, chat.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.Store.DeleteEntry(ctx, usageSpace, e.ID)
}

// EachFile visits the records of all files, of all tenants, that are not being removed.
func (s *Service) EachFile(ctx context.Context, visit func(File) error) error {
	return s.Store.EachEntry(ctx, func(e directory.Entry) error {
		if !IsRecord(e) {
			return nil
		}
		f, err := decode(e)
		if err != nil || f.Gone {
			return err
		}
		return visit(f)
	})
}
