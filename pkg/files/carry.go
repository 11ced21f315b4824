package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
)

// ErrLost is the error of reading bytes that are not there any more.
var ErrLost = errors.New("files: the bytes are lost")

// stored are the places in a bucket where the bytes of a file are, and those of its thumbnail, if it has one.
func (f File) stored() []Object {
	all := []Object{{Key: f.key(), Size: f.Size}}
	if f.Thumbnail != nil && f.Thumbnail.Size > 0 {
		all = append(all, Object{Key: f.thumbnailKey(), Size: f.Thumbnail.Size})
	}
	return all
}

// Stored is how many bytes Carry reads.
func (f File) Stored() (n int64) {
	for _, o := range f.stored() {
		n += o.Size
	}
	return n
}

// Carry reads what a bucket has of a file: its bytes, and after them those of its thumbnail. What is not there, or cannot be
// read from a disk, is ErrLost. The caller closes it.
func (f File) Carry(ctx context.Context, b Bucket) io.ReadCloser {
	c := &carried{}
	for _, o := range f.stored() {
		c.parts = append(c.parts, &Content{Bytes: Bytes{Size: o.Size}, ctx: ctx, bucket: b, key: o.Key})
	}
	return c
}

type carried struct{ parts []*Content }

func (c *carried) Read(p []byte) (int, error) {
	for len(c.parts) > 0 {
		n, err := c.parts[0].Read(p)
		if errors.Is(err, io.EOF) {
			_ = c.parts[0].Close()
			if c.parts = c.parts[1:]; n == 0 {
				continue
			}
			err = nil
		}
		if chat.IsKind(err, chat.NotFound) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, new(*fs.PathError)) {
			err = fmt.Errorf("%w: %w", ErrLost, err)
		}
		return n, err
	}
	return 0, io.EOF
}

// Close implements io.Closer.
func (c *carried) Close() error {
	for _, p := range c.parts {
		_ = p.Close()
	}
	c.parts = nil
	return nil
}

// Restored is what has become of a file that was to be restored.
type Restored int

// What Restore returns.
const (
	Added   Restored = iota
	There            // it was here already
	Differs          // it was here already with another record, which stays
	Unnamed          // left out: the message that names it is not here
	Lost             // left out: its bytes are neither here nor in what was read
	Removed          // left out: it was removed here, too short a time ago for the store to take it again; see directory.Store
)

// errRemoved is the error of storing something under the id of a file that was removed.
var errRemoved = errors.New("files: it was removed, and the store does not take it again yet")

// Restorer brings files of another store into one, under their ids.
type Restorer struct {
	Store  Store
	Bucket Bucket
	IDs    *id.Generator
	Now    func() time.Time
	// Try makes a call of the store that may be repeated.
	Try func(ctx context.Context, call func(context.Context) error) error
}

// Restore stores a file, if the message that names it is here; a file of an app in any case. e is its record, and in reads what
// Carry has read there; nil if the bytes are in the bucket already. Restore reads no more than it needs. It may be repeated,
// also after an error: a file that is here stays as it is, and gets bytes that are missing. What breaks off and is not
// repeated the sweep removes after a day.
func (r *Restorer) Restore(ctx context.Context, e directory.Entry, in io.Reader) (Restored, error) {
	f, err := Decode(e)
	if err != nil {
		return 0, err
	}
	var kept *File
	outcome := Added
	err = r.Try(ctx, func(ctx context.Context) error {
		named, author, err := r.message(ctx, f)
		if err != nil || !named {
			outcome = Unnamed
			return err
		}
		if f.By != "" && author == chat.ErasedLogin {
			f.By = author
			if e, err = f.entry(); err != nil {
				return err
			}
		}
		kept, outcome, err = r.kept(ctx, e)
		return err
	})
	if err != nil || outcome == Unnamed {
		return outcome, err
	}
	if kept != nil {
		return outcome, r.complete(ctx, *kept, in)
	}
	outcome, err = r.add(ctx, f, e, in)
	if errors.Is(err, errRemoved) {
		return Removed, nil
	}
	return outcome, err
}

// message reports whether the message of a file is in the store and names it, and who its author is now.
func (r *Restorer) message(ctx context.Context, f File) (named bool, author string, err error) {
	if f.Room.ID.IsZero() {
		return true, f.By, nil
	}
	all, err := r.Store.MessagesByID(ctx, chat.Log{Tenant: f.Tenant, ID: f.Room.ID}, []id.ID{f.Message})
	m, there := all[f.Message]
	return there && !m.Deleted, m.Author.Login, err
}

// kept returns the record that the store has of a file, nil if none, and whether it is the one of an entry.
func (r *Restorer) kept(ctx context.Context, e directory.Entry) (*File, Restored, error) {
	now, err := r.Store.Entry(ctx, e.Space, e.ID)
	if chat.IsKind(err, chat.NotFound) {
		return nil, Added, nil
	}
	if err != nil {
		return nil, 0, err
	}
	f, err := Decode(now)
	if err == nil && !bytes.Equal(now.Value, e.Value) {
		return &f, Differs, nil
	}
	return &f, There, err
}

// add stores a file whose record is not here.
func (r *Restorer) add(ctx context.Context, f File, e directory.Entry, in io.Reader) (Restored, error) {
	if in == nil {
		if here, err := r.here(ctx, f); err != nil || !here {
			return Lost, err
		}
	}
	if err := r.begin(ctx, f); err != nil {
		return 0, err
	}
	if in != nil {
		switch err := r.put(ctx, f, in); {
		case errors.Is(err, ErrLost):
			return Lost, errors.Join(discard(ctx, r.Bucket, f), r.end(ctx, f))
		case err != nil:
			return 0, err
		}
	}
	if err := r.Try(ctx, func(ctx context.Context) error { return r.record(ctx, f, e) }); err != nil {
		return 0, err
	}
	// Whoever deleted the message meanwhile may have looked for its file before this one was there.
	outcome := Added
	err := r.Try(ctx, func(ctx context.Context) error {
		named, _, err := r.message(ctx, f)
		if err != nil || named {
			return err
		}
		outcome = Unnamed
		return errors.Join(r.Store.DeleteEntry(ctx, roomSpace(f.Room.ID), f.Message), r.Store.DeleteEntry(ctx, e.Space, e.ID), discard(ctx, r.Bucket, f))
	})
	if err != nil {
		return 0, err
	}
	return outcome, r.end(ctx, f)
}

// record puts a file into the list of its room, and stores its record. So no record is without an entry in the list, by which
// the file is removed with its message.
func (r *Restorer) record(ctx context.Context, f File, e directory.Entry) error {
	if !f.Room.ID.IsZero() {
		if err := r.create(ctx, listed(f)); err != nil {
			return err
		}
	}
	return r.create(ctx, e)
}

// create stores an entry, unless it is there.
func (r *Restorer) create(ctx context.Context, e directory.Entry) error {
	e.Version = 1
	err := r.Store.CreateEntry(ctx, e)
	if !chat.IsKind(err, chat.Conflict) {
		return err
	}
	now, readErr := r.Store.EntryNamed(ctx, e.Space, e.Name)
	switch {
	case chat.IsKind(readErr, chat.NotFound):
		return errRemoved
	case readErr != nil || now.ID == e.ID:
		return readErr
	}
	return err
}

// complete stores the bytes of a file whose record is here, if they are not, and ends what an earlier call has begun.
func (r *Restorer) complete(ctx context.Context, f File, in io.Reader) error {
	if f.Gone {
		return nil
	}
	here, err := r.here(ctx, f)
	if err != nil {
		return err
	}
	if !here && in != nil {
		if err := r.put(ctx, f, in); err != nil && !errors.Is(err, ErrLost) {
			return err
		}
	}
	return r.Try(ctx, func(ctx context.Context) error {
		_, err := r.Store.Entry(ctx, uploadSpace, f.ID)
		if chat.IsKind(err, chat.NotFound) {
			return nil
		}
		if err == nil {
			err = r.Store.DeleteEntry(ctx, uploadSpace, f.ID)
		}
		return err
	})
}

// begin notes that there may be something of a file, from now on: an earlier call may have noted it long ago.
func (r *Restorer) begin(ctx context.Context, f File) error {
	return r.Try(ctx, func(ctx context.Context) error {
		e := intent{f.Tenant, r.Now()}.entry(f.ID)
		err := r.Store.CreateEntry(ctx, e)
		if !chat.IsKind(err, chat.Conflict) {
			return err
		}
		now, err := r.Store.Entry(ctx, e.Space, e.ID)
		if chat.IsKind(err, chat.NotFound) {
			return errRemoved
		}
		if err != nil {
			return err
		}
		e.Version = now.Version
		return r.Store.ReplaceEntry(ctx, e)
	})
}

func (r *Restorer) end(ctx context.Context, f File) error {
	return r.Try(ctx, func(ctx context.Context) error { return r.Store.DeleteEntry(ctx, uploadSpace, f.ID) })
}

// put stores the bytes of a file. A thumbnail that is lost stays so.
func (r *Restorer) put(ctx context.Context, f File, in io.Reader) error {
	for i, o := range f.stored() {
		n, err := r.Bucket.Put(ctx, o.Key, io.LimitReader(in, o.Size))
		if err == nil && n != o.Size {
			err = io.ErrUnexpectedEOF
		}
		if errors.Is(err, ErrLost) && i > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	here, err := r.here(ctx, f)
	if err == nil && !here { // a deletion that is dated ahead
		err = errRemoved
	}
	return err
}

// here reports whether the bytes of a file are in the bucket.
func (r *Restorer) here(ctx context.Context, f File) (bool, error) {
	return ends(ctx, r.Bucket, Object{Key: f.key(), Size: f.Size}, 0)
}

// Recount counts what the files of a tenant take.
func (r *Restorer) Recount(ctx context.Context, t chat.Tenant) error {
	return r.Try(ctx, func(ctx context.Context) error {
		_, err := ledger{r.Store, r.IDs}.recount(ctx, t)
		return err
	})
}
