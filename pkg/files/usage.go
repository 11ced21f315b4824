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

// Usage returns what a tenant uses.
func (s *Service) Usage(ctx context.Context, t chat.Tenant) (Usage, error) {
	_, u, err := s.usage(ctx, t)
	return u, err
}

// usage returns the entry with what a tenant uses; its Version is 0 if there is none.
func (s *Service) usage(ctx context.Context, t chat.Tenant) (e directory.Entry, u Usage, err error) {
	e, err = s.Store.EntryNamed(ctx, usageSpace, string(t))
	if chat.IsKind(err, chat.NotFound) {
		return directory.Entry{Space: usageSpace, ID: s.IDs.New(), Name: string(t)}, u, nil
	}
	if err == nil {
		err = json.Unmarshal(e.Value, &u)
	}
	return e, u, err
}

// setUsage replaces what usage has returned. Stale or Conflict if it has changed meanwhile.
func (s *Service) setUsage(ctx context.Context, e directory.Entry, u Usage) error {
	value, err := json.Marshal(u)
	if err != nil {
		return err
	}
	e.Value = value
	if e.Version == 0 {
		e.Version = 1
		return s.Store.CreateEntry(ctx, e)
	}
	return s.Store.ReplaceEntry(ctx, e)
}

// count adds to what a tenant uses. With a quota (not 0) it returns ErrQuota, and counts nothing, if that would be more.
func (s *Service) count(ctx context.Context, t chat.Tenant, more Usage, quota int64) error {
	for range countTries {
		e, u, err := s.usage(ctx, t)
		if err != nil {
			return err
		}
		if quota != 0 && more.Bytes > 0 && u.Bytes+more.Bytes > quota {
			return errQuota(quota)
		}
		u.Bytes, u.Files = max(u.Bytes+more.Bytes, 0), max(u.Files+more.Files, 0)
		err = s.setUsage(ctx, e, u)
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

// Recount counts what a tenant uses anew. It gives up if files come and go meanwhile; a later call may succeed.
func (s *Service) Recount(ctx context.Context, t chat.Tenant) (Usage, error) {
	const tries = 5
	var u Usage
	for range tries {
		e, _, err := s.usage(ctx, t)
		if err != nil {
			return u, err
		}
		u = Usage{}
		if err := s.eachOf(ctx, t, func(f File) error {
			if !f.Gone {
				u.Bytes += f.Size
				u.Files++
			}
			return nil
		}); err != nil {
			return u, err
		}
		err = s.setUsage(ctx, e, u)
		if !chat.IsKind(err, chat.Stale) && !chat.IsKind(err, chat.Conflict) && !chat.IsKind(err, chat.NotFound) {
			return u, err
		}
	}
	return u, nil
}

// eachOf visits the records of a tenant in order of creation.
func (s *Service) eachOf(ctx context.Context, t chat.Tenant, visit func(File) error) error {
	for after := (id.ID{}); ; {
		page, more, err := s.records.List(ctx, fileSpace(t), after, pageSize)
		if err != nil {
			return err
		}
		for _, f := range page {
			after = f.ID
			if err := visit(f); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
	}
}
