package files

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
)

// Usage is what the files of a tenant take.
type Usage struct {
	Bytes int64 `json:"bytes"`
	Files int64 `json:"files"`
}

// countTries is how often a count is made anew while others count too.
const countTries = 100

// ledger has what the files of tenants take: an entry a tenant, which is replaced while it is what was read.
type ledger struct {
	store directory.Store
	ids   *id.Generator
}

func (s *Service) ledger() ledger { return ledger{s.Store, s.IDs} }

// Usage returns what a tenant uses.
func (s *Service) Usage(ctx context.Context, t chat.Tenant) (Usage, error) {
	_, u, err := s.ledger().of(ctx, t)
	return u, err
}

// count adds to what a tenant uses. With a quota (not 0) it returns ErrQuota, and counts nothing, if that would be more.
func (s *Service) count(ctx context.Context, t chat.Tenant, more Usage, quota int64) error {
	return s.ledger().add(ctx, t, more, quota)
}

// Recount counts what a tenant uses anew. It gives up if files come and go meanwhile; a later call may succeed.
func (s *Service) Recount(ctx context.Context, t chat.Tenant) (Usage, error) {
	return s.ledger().recount(ctx, t)
}

// of returns the entry with what a tenant uses; its Version is 0 if there is none.
func (l ledger) of(ctx context.Context, t chat.Tenant) (e directory.Entry, u Usage, err error) {
	e, err = l.store.EntryNamed(ctx, usageSpace, string(t))
	if chat.IsKind(err, chat.NotFound) {
		return directory.Entry{Space: usageSpace, ID: l.ids.New(), Name: string(t)}, u, nil
	}
	if err == nil {
		u, err = usageOf(e)
	}
	return e, u, err
}

func usageOf(e directory.Entry) (u Usage, err error) {
	err = json.Unmarshal(e.Value, &u)
	return u, err
}

// set replaces what of has returned. Stale or Conflict if it has changed meanwhile.
func (l ledger) set(ctx context.Context, e directory.Entry, u Usage) error {
	value, err := json.Marshal(u)
	if err != nil {
		return err
	}
	e.Value = value
	if e.Version == 0 {
		e.Version = 1
		return l.store.CreateEntry(ctx, e)
	}
	return l.store.ReplaceEntry(ctx, e)
}

func (l ledger) add(ctx context.Context, t chat.Tenant, more Usage, quota int64) error {
	for range countTries {
		e, u, err := l.of(ctx, t)
		if err != nil {
			return err
		}
		if quota != 0 && more.Bytes > 0 && u.Bytes+more.Bytes > quota {
			return errQuota(quota)
		}
		u.Bytes, u.Files = max(u.Bytes+more.Bytes, 0), max(u.Files+more.Files, 0)
		err = l.set(ctx, e, u)
		if !chat.IsKind(err, chat.Stale) && !chat.IsKind(err, chat.Conflict) && !chat.IsKind(err, chat.NotFound) {
			return err
		}
	}
	return chat.ErrUnavailable(errors.New("files: too many files of one tenant are counted at the same time"))
}

func errQuota(quota int64) error {
	return &chat.Error{Kind: chat.RateLimited, Entity: chat.FileEntity, Cause: ErrQuota,
		Message: fmt.Sprintf("the files would take more than the %d bytes that they may", quota)}
}

// left returns how many bytes a tenant has left of a quota, at most most; 0 is no quota.
func (s *Service) left(ctx context.Context, t chat.Tenant, quota, most int64) (int64, error) {
	if quota == 0 {
		return most, nil
	}
	u, err := s.Usage(ctx, t)
	if err == nil && u.Bytes >= quota {
		err = errQuota(quota)
	}
	return min(most, quota-u.Bytes), err
}

func (l ledger) recount(ctx context.Context, t chat.Tenant) (Usage, error) {
	const tries = 5
	var u Usage
	for range tries {
		e, _, err := l.of(ctx, t)
		if err != nil {
			return u, err
		}
		u = Usage{}
		if err := eachOf(ctx, l.store, t, func(f File) error {
			if !f.Gone {
				u.Bytes += f.Size
				u.Files++
			}
			return nil
		}); err != nil {
			return u, err
		}
		err = l.set(ctx, e, u)
		if !chat.IsKind(err, chat.Stale) && !chat.IsKind(err, chat.Conflict) && !chat.IsKind(err, chat.NotFound) {
			return u, err
		}
	}
	return u, nil
}

// eachOf visits the records of a tenant in order of creation.
func eachOf(ctx context.Context, st directory.Store, t chat.Tenant, visit func(File) error) error {
	for after := (id.ID{}); ; {
		page, err := st.Entries(ctx, fileSpace(t), after, pageSize)
		if err != nil {
			return err
		}
		for _, e := range page {
			f, err := Decode(e)
			if err != nil {
				return err
			}
			after = f.ID
			if err := visit(f); err != nil {
				return err
			}
		}
		if len(page) < pageSize {
			return nil
		}
	}
}
