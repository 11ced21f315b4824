package files

import (
	"cmp"
	"context"
	"errors"
	"io"
	"sync"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
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
	// Damaged are records that have bytes, which are not as many as they say, or no longer a thumbnail. Only an Inspector that
	// looks at sizes finds them, and nobody removes them.
	Damaged int64
	Removed bool
	// UnrecordedKeys, UnstoredFiles and DamagedFiles are some of them.
	UnrecordedKeys              []string
	UnstoredFiles, DamagedFiles []File
}

// Inspector looks at all files of a store. It changes nothing.
type Inspector struct {
	Store  directory.Store
	Bucket Bucket
	// Sizes also compares how many bytes there are with what the records say. Of a bucket that does not know that, the end of
	// each file is read.
	Sizes bool
	// Progress, if set, is told how many things and records were looked at.
	Progress func(n int64)
	// What removes an orphan; nil: nothing.
	removeObject func(ctx context.Context, key string) error
	removeRecord func(ctx context.Context, f File) error
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
	i := Inspector{Store: s.Store, Bucket: s.Bucket}
	if remove {
		i.removeObject, i.removeRecord = s.Bucket.Delete, s.remove
	}
	return i.Orphans(ctx)
}

// Orphans looks at all files of all tenants. What is being uploaded or imported is none.
func (i Inspector) Orphans(ctx context.Context) (Orphans, error) {
	var mu sync.Mutex
	var found Orphans
	looked := func(count func()) {
		mu.Lock()
		defer mu.Unlock()
		count()
		if i.Progress != nil {
			i.Progress(found.Objects + found.Records)
		}
	}
	err := concurrently(ctx, i.Bucket.Each, func(ctx context.Context, o Object) error {
		t, u, ok := ParseKey(o.Key)
		orphan := false
		if ok {
			var err error
			if orphan, err = i.unrecorded(ctx, t, u); err != nil {
				return err
			}
		}
		looked(func() {
			found.Objects++
			if !ok {
				found.Foreign++
			}
			if orphan {
				found.Unrecorded++
				found.UnrecordedBytes += max(o.Size, 0)
				found.UnrecordedKeys = appendSome(found.UnrecordedKeys, o.Key)
			}
		})
		if !orphan || i.removeObject == nil {
			return nil
		}
		return i.removeObject(ctx, o.Key)
	})
	if err != nil {
		return found, err
	}
	err = concurrently(ctx, func(ctx context.Context, visit func(File) error) error { return eachFile(ctx, i.Store, visit) }, func(ctx context.Context, f File) error {
		state, err := i.look(ctx, f)
		if err != nil {
			return err
		}
		looked(func() {
			found.Records++
			switch state {
			case unstored:
				found.Unstored++
				found.UnstoredFiles = appendSome(found.UnstoredFiles, f)
			case damaged:
				found.Damaged++
				found.DamagedFiles = appendSome(found.DamagedFiles, f)
			}
		})
		if state != unstored || i.removeRecord == nil {
			return nil
		}
		return i.removeRecord(ctx, f)
	})
	return found, err
}

// appendSome appends to a list that is shown, if it is not full.
func appendSome[T any](list []T, v T) []T {
	if len(list) < mostShown {
		list = append(list, v)
	}
	return list
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
func (i Inspector) unrecorded(ctx context.Context, t chat.Tenant, u id.ID) (bool, error) {
	for _, space := range []string{uploadSpace, fileSpace(t)} {
		_, err := i.Store.Entry(ctx, space, u)
		if !chat.IsKind(err, chat.NotFound) {
			return false, err
		}
	}
	return true, nil
}

// state says whether the bytes of a file are there.
type state int

const (
	whole state = iota
	damaged
	unstored
)

// look finds the state of a file. Bytes come before their record, and go after it is marked as gone.
func (i Inspector) look(ctx context.Context, f File) (found state, err error) {
	objects := f.stored()
	if !i.Sizes {
		objects = objects[:1]
	}
	for n, o := range objects {
		is, err := i.lookAt(ctx, o)
		if err != nil {
			return whole, err
		}
		if is == unstored && n > 0 { // the thumbnail
			is = damaged
		}
		if found = max(found, is); found == unstored {
			break
		}
	}
	if found == whole {
		return whole, nil
	}
	now, err := recordOf(ctx, i.Store, f.Tenant, f.ID)
	if chat.IsKind(err, chat.NotFound) || err == nil && now.Gone {
		return whole, nil // it is being removed
	}
	return found, err
}

// lookAt finds the state of what a record says is under a key.
func (i Inspector) lookAt(ctx context.Context, o Object) (state, error) {
	size, err := i.Bucket.Size(ctx, o.Key)
	switch {
	case chat.IsKind(err, chat.NotFound):
		return unstored, nil
	case err != nil:
		return whole, err
	case i.Sizes && size >= 0 && size != o.Size:
		return damaged, nil
	case !i.Sizes || size >= 0:
		return whole, nil
	}
	fits, err := ends(ctx, i.Bucket, o, 1)
	if err == nil && !fits {
		return damaged, nil
	}
	return whole, err
}

// ends reports whether what is under a key has the last byte that it should have, which is stored last, and nothing in the
// bytes that are looked for after it. It reads no others.
func ends(ctx context.Context, b Bucket, o Object, after int64) (bool, error) {
	last := min(o.Size, 1)
	in, err := b.Open(ctx, o.Key, o.Size-last, last+after)
	if chat.IsKind(err, chat.NotFound) || errors.Is(err, io.ErrUnexpectedEOF) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer in.Close()
	n, err := io.Copy(io.Discard, in)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return n == last, err
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
