package people

import (
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
)

// Record is what is kept of one person beside contacts. The zero value is that of a person of whom nothing is kept.
type Record struct {
	// Blocked are the logins that the person blocks, the newest first.
	Blocked []string `json:"blocked,omitzero"`
	// Muted has the end of a mute in seconds since 1970, or forever.
	Muted map[Kind]int64 `json:"muted,omitzero"`
	// Notify has settings of notifications by what they are about.
	Notify map[string]Notification `json:"notify,omitzero"`
}

// recordID is the id of the only entry of a person's space, and recordName its name. As both are known before the entry is
// there, it can be cached that there is none: an entry begins as an empty record, which says the same, and what is
// announced comes after that.
var (
	recordID   = id.FirstAt(time.Unix(0, 0))
	recordName = "record"
)

func decodeRecord(e directory.Entry) (r Record, err error) {
	if err = json.Unmarshal(e.Value, &r); err != nil {
		err = &chat.Error{Kind: chat.Internal, Cause: err}
	}
	return r, err
}

// record reads a person's record.
func (s *Service) record(ctx context.Context, who chat.Identity) (Record, error) {
	e, err := s.store.Entry(ctx, recordSpace(who), recordID)
	if chat.IsKind(err, chat.NotFound) {
		return Record{}, nil
	}
	if err != nil {
		return Record{}, err
	}
	return decodeRecord(e)
}

// brief is what is cached of a record, as every message asks for it: hashes of the logins that are blocked, ascending, and
// mutes. With hashes it takes 4 KiB at most. Two logins have the same one of this process's hashes once in ages.
type brief struct {
	blocked []uint64
	muted   map[Kind]int64
}

var hashSeed = maphash.MakeSeed()

// loadFor bounds a read that several callers may wait for.
const loadFor = 5 * time.Second

func (s *Service) loadBrief(ctx context.Context, who chat.Identity) (brief, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadFor)
	defer cancel()
	r, err := s.record(ctx, who)
	b := brief{muted: r.Muted}
	for _, login := range r.Blocked {
		b.blocked = append(b.blocked, maphash.String(hashSeed, login))
	}
	slices.Sort(b.blocked)
	return b, err
}

// changeTries is how often a change is made anew while others change the same record.
const changeTries = 50

// change replaces a person's record by what change makes of it, and returns it. change may be called several times; its
// error ends the call.
func (s *Service) change(ctx context.Context, who chat.Identity, change func(*Record) error) (Record, error) {
	ctx, cancel := changing(ctx)
	defer cancel()
	space := recordSpace(who)
	defer s.records.Forget(who) // after an error too: the record may have been replaced nevertheless
	created := false
	for range changeTries {
		e, err := s.store.Entry(ctx, space, recordID)
		if chat.IsKind(err, chat.NotFound) {
			if created { // it was removed with its account, and cannot come back
				return Record{}, chat.ErrNotFound(chat.UserEntity, who.Login)
			}
			err := s.store.CreateEntry(ctx, directory.Entry{Space: space, ID: recordID, Name: recordName, Value: []byte("{}"), Version: 1})
			if err != nil && !chat.IsKind(err, chat.Conflict) {
				return Record{}, err
			}
			created = true
			continue
		}
		if err != nil {
			return Record{}, err
		}
		r, err := decodeRecord(e)
		if err != nil {
			return Record{}, err
		}
		if err := change(&r); err != nil {
			return Record{}, err
		}
		if e.Value, err = json.Marshal(r, json.Deterministic(true)); err != nil {
			return Record{}, err
		}
		if err = s.store.ReplaceEntry(ctx, e); err == nil {
			return r, nil
		}
		if !chat.IsKind(err, chat.Stale) && !chat.IsKind(err, chat.NotFound) {
			return Record{}, err
		}
	}
	return Record{}, chat.ErrUnavailable(errors.New("too many changes of one record at once"))
}
