package files

import (
	"cmp"
	"context"
	"sync"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
)

// Orphans are what a look at all files has found: bytes without a record, and records without bytes. Neither comes of a server
// that is killed, which the sweep cleans up after; both come of a bucket that is not as old as its store, as after a restored
// backup of one of them, or of a disk that has lost something.
type Orphans struct {
	Objects, Records int64 // that were looked at
	Foreign          int64 // objects with keys that no file has; they are left alone
	Unrecorded       int64 // objects without a record, and how many bytes they are, as far as that is known
	UnrecordedBytes  int64
	Unstored         int64 // records without bytes
	Removed          bool
	// UnrecordedKeys and UnstoredFiles are some of them.
	UnrecordedKeys []string
	UnstoredFiles  []File
}

const (
	// mostShown is how many orphans of each sort are in the answer.
	mostShown = 100
	// lookedAtOnce is how many objects or records are looked at concurrently.
	lookedAtOnce = 16
)

// Orphans looks at all files of all tenants. What is being uploaded or imported is none.
func (s *Service) Orphans(ctx context.Context) (Orphans, error) { return s.orphans(ctx, false) }

// RemoveOrphans removes what Orphans finds: bytes, and records with what was counted of them, so that their messages name a file
// that is gone. Conflict, and nothing is removed, if the store has no record at all of what is in the bucket, or the bucket has
// none of the bytes: one of them is probably not the right one.
func (s *Service) RemoveOrphans(ctx context.Context) (Orphans, error) {
	found, err := s.orphans(ctx, false)
	switch {
	case err != nil:
		return found, err
	case found.Unrecorded > 0 && found.Records == 0, found.Unstored > 0 && found.Objects == found.Foreign:
		return found, &chat.Error{Kind: chat.Conflict, Entity: chat.FileEntity,
			Message: "no file has both a record and bytes: the store or the place of the files is probably another one than it was, so nothing was removed"}
	}
	found, err = s.orphans(ctx, true)
	found.Removed = true
	return found, err
}

func (s *Service) orphans(ctx context.Context, remove bool) (Orphans, error) {
	var mu sync.Mutex
	var found Orphans
	err := concurrently(ctx, s.Bucket.Each, func(ctx context.Context, o Object) error {
		t, u, ok := ParseKey(o.Key)
		orphan := false
		if ok {
			var err error
			if orphan, err = s.unrecorded(ctx, t, u); err != nil {
				return err
			}
		}
		mu.Lock()
		found.Objects++
		if !ok {
			found.Foreign++
		}
		if orphan {
			found.Unrecorded++
			found.UnrecordedBytes += max(o.Size, 0)
			if len(found.UnrecordedKeys) < mostShown {
				found.UnrecordedKeys = append(found.UnrecordedKeys, o.Key)
			}
		}
		mu.Unlock()
		if !orphan || !remove {
			return nil
		}
		return s.Bucket.Delete(ctx, o.Key)
	})
	if err != nil {
		return found, err
	}
	err = concurrently(ctx, s.EachFile, func(ctx context.Context, f File) error {
		orphan, err := s.unstored(ctx, f)
		if err != nil {
			return err
		}
		mu.Lock()
		found.Records++
		if orphan {
			found.Unstored++
			if len(found.UnstoredFiles) < mostShown {
				found.UnstoredFiles = append(found.UnstoredFiles, f)
			}
		}
		mu.Unlock()
		if !orphan || !remove {
			return nil
		}
		return s.remove(ctx, f)
	})
	return found, err
}

// concurrently calls look for what each visits, lookedAtOnce at a time, until one fails.
func concurrently[T any](ctx context.Context, each func(context.Context, func(T) error) error, look func(context.Context, T) error) error {
	g, ctx := guard.WithContext(ctx)
	g.SetLimit(lookedAtOnce)
	err := each(ctx, func(v T) error {
		g.Go(func() error { return look(ctx, v) })
		return ctx.Err()
	})
	return cmp.Or(g.Wait(), err)
}

// unrecorded reports whether bytes have no record and come of no upload that is under way. The entry of the upload is read
// first: it goes when the record is there.
func (s *Service) unrecorded(ctx context.Context, t chat.Tenant, u id.ID) (bool, error) {
	for _, space := range []string{uploadSpace, fileSpace(t)} {
		_, err := s.Store.Entry(ctx, space, u)
		if !chat.IsKind(err, chat.NotFound) {
			return false, err
		}
	}
	return true, nil
}

// unstored reports whether a record has no bytes. They come before the record, and go after it is marked as gone.
func (s *Service) unstored(ctx context.Context, f File) (bool, error) {
	if there, err := s.Bucket.Has(ctx, f.key()); err != nil || there {
		return false, err
	}
	now, err := s.Record(ctx, f.Tenant, f.ID)
	if chat.IsKind(err, chat.NotFound) {
		return false, nil
	}
	return err == nil && !now.Gone, err
}

// Usages returns what tenants use, in the order in which they began to use it, after a position (zero: from the first), and the
// position after them; zero if there are no more.
func (s *Service) Usages(ctx context.Context, after id.ID, limit int) (all []TenantUsage, next id.ID, err error) {
	es, err := s.Store.Entries(ctx, usageSpace, after, limit+1)
	if err != nil {
		return nil, next, err
	}
	if len(es) > limit {
		es = es[:limit]
		next = es[limit-1].ID
	}
	for _, e := range es {
		u, err := usageOf(e)
		if err != nil {
			return nil, next, err
		}
		all = append(all, TenantUsage{chat.Tenant(e.Name), u})
	}
	return all, next, nil
}

// TenantUsage is what the files of a tenant take.
type TenantUsage struct {
	Tenant chat.Tenant
	Usage
}
