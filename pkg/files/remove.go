package files

import (
	"context"
	"errors"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/jobs"
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

// removeDeleted is the handler of chat.FileWork.
func (s *Service) removeDeleted(ctx context.Context, r *jobs.Run) error {
	room, m, err := chat.ParseFile(r.Key, r.Payload)
	if err != nil {
		return err
	}
	all, err := s.Store.MessagesByID(ctx, chat.Log{Tenant: r.Tenant, ID: room}, []id.ID{m})
	if err != nil {
		return err
	}
	if now, there := all[m]; !there || now.Deleted {
		return s.RemoveNamed(ctx, r.Tenant, room, m)
	}
	if r.Cursor != nil {
		return nil // the deletion was refused
	}
	if err := r.Save(ctx, []byte("seen"), 0, 0); err != nil {
		return err
	}
	return jobs.After(deletionLate) // one whose outcome is not known may be applied late
}

// deletionLate is how long after its intent a deletion may still be applied.
const deletionLate = 2 * time.Minute

// RemoveNamed removes the file that a message of a room names, if it names one. It may be repeated.
func (s *Service) RemoveNamed(ctx context.Context, t chat.Tenant, room, m id.ID) error {
	listed, err := s.Store.Entry(ctx, roomSpace(room), m)
	if chat.IsKind(err, chat.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	f, err := s.recordNamed(ctx, t, listed.Name)
	switch {
	case chat.IsKind(err, chat.NotFound) || err == nil && f.Message != m:
		return s.Store.DeleteEntry(ctx, roomSpace(room), m)
	case err != nil:
		return err
	}
	return s.remove(ctx, f)
}

// recordNamed returns the record with a UUID, also while it is being removed.
func (s *Service) recordNamed(ctx context.Context, t chat.Tenant, uuid string) (File, error) {
	e, err := s.Store.EntryNamed(ctx, fileSpace(t), uuid)
	if err != nil {
		return File{}, err
	}
	return Decode(e)
}

// TrimRoom removes the files of a room that messages up to a position name. It may be repeated.
func (s *Service) TrimRoom(ctx context.Context, t chat.Tenant, room, horizon id.ID) error {
	for after := (id.ID{}); ; {
		page, err := s.Store.Entries(ctx, roomSpace(room), after, pageSize)
		if err != nil {
			return err
		}
		for _, e := range page {
			if after = e.ID; after.Compare(horizon) > 0 {
				return nil
			}
			if err := s.RemoveNamed(ctx, t, room, after); err != nil {
				return err
			}
		}
		if len(page) < pageSize {
			return nil
		}
	}
}

// Disown takes an erased user out of the record of the file that a message names.
func (s *Service) Disown(ctx context.Context, t chat.Tenant, room, m id.ID) error {
	listed, err := s.Store.Entry(ctx, roomSpace(room), m)
	if err == nil {
		var f File
		if f, err = s.recordNamed(ctx, t, listed.Name); err == nil {
			_, err = s.records.Change(ctx, f, func(now *File) error { now.By = chat.ErasedLogin; return nil })
		}
	}
	if chat.IsKind(err, chat.NotFound) {
		err = nil
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
	if err := eachOf(ctx, s.Store, t, func(f File) error {
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
	return eachFile(ctx, s.Store, visit)
}

func eachFile(ctx context.Context, st directory.Store, visit func(File) error) error {
	return st.EachEntry(ctx, func(e directory.Entry) error {
		if !IsRecord(e) {
			return nil
		}
		f, err := Decode(e)
		if err != nil || f.Gone {
			return err
		}
		return visit(f)
	})
}
