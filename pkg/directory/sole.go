package directory

import (
	"context"
	"errors"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// SoleID is the id of the only entry of a space that a Sole keeps.
var SoleID = id.FirstAt(time.Unix(0, 0))

// Sole keeps a value of a type, as JSON, in the only entry of each of some spaces. A space without an entry has the zero
// value. As id and name are known before the entry is there, it can be cached that there is none: an entry begins with the
// zero value, which says the same, and what is announced comes after that.
type Sole[T any] struct {
	Store Store
	// Name is that of the entries.
	Name string
}

// ErrRemoved is the cause of Change's NotFound for a space whose entry was removed: it does not come back.
var ErrRemoved = errors.New("directory: the entry of the space was removed")

// Get returns the value of a space.
func (s Sole[T]) Get(ctx context.Context, space string) (v T, err error) {
	v, _, err = s.read(ctx, space)
	return v, err
}

// read returns the value of a space with its entry, whose Version is 0 if there is none.
func (s Sole[T]) read(ctx context.Context, space string) (v T, e Entry, err error) {
	e, err = s.Store.Entry(ctx, space, SoleID)
	if chat.IsKind(err, chat.NotFound) {
		return v, Entry{Space: space, ID: SoleID, Name: s.Name}, nil
	}
	if err == nil {
		if err = json.Unmarshal(e.Value, &v); err != nil {
			err = &chat.Error{Kind: chat.Internal, Cause: err}
		}
	}
	return v, e, err
}

// changeSoleTries is how often a change is made anew while others change the same value.
const changeSoleTries = 50

// Change replaces the value of a space by what change makes of it, and returns it. change may be called several times; its
// error ends the call. NotFound, with ErrRemoved as its cause, for a space whose entry was removed.
func (s Sole[T]) Change(ctx context.Context, space string, change func(*T) error) (v T, err error) {
	var zero T
	created := false
	for range changeSoleTries {
		v, e, err := s.read(ctx, space)
		if err == nil {
			err = change(&v)
		}
		if err != nil {
			return zero, err
		}
		if e.Version == 0 {
			if created {
				return zero, &chat.Error{Kind: chat.NotFound, Cause: ErrRemoved}
			}
			created, e.Version = true, 1
			if err := put(ctx, s.Store.CreateEntry, e, zero); err != nil && !chat.IsKind(err, chat.Conflict) {
				return zero, err
			}
			continue
		}
		if err = put(ctx, s.Store.ReplaceEntry, e, v); err == nil {
			return v, nil
		}
		if !chat.IsKind(err, chat.Stale) && !chat.IsKind(err, chat.NotFound) {
			return zero, err
		}
	}
	return zero, chat.ErrUnavailable(errors.New("too many changes of one entry at once"))
}

// put writes an entry with a value.
func put(ctx context.Context, write func(context.Context, Entry) error, e Entry, v any) (err error) {
	if e.Value, err = json.Marshal(v, json.Deterministic(true)); err != nil {
		return &chat.Error{Kind: chat.Internal, Cause: err}
	}
	return write(ctx, e)
}
