package people

import (
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
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

// record reads a person's record.
func (s *Service) record(ctx context.Context, who chat.Identity) (Record, error) {
	return s.kept.Get(ctx, recordSpace(who))
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

// change replaces a person's record by what change makes of it, and returns it. change may be called several times; its
// error ends the call.
func (s *Service) change(ctx context.Context, who chat.Identity, change func(*Record) error) (Record, error) {
	ctx, cancel := changing(ctx)
	defer cancel()
	defer s.records.Forget(who) // after an error too: the record may have been replaced nevertheless
	r, err := s.kept.Change(ctx, recordSpace(who), change)
	if errors.Is(err, directory.ErrRemoved) { // with its account
		err = chat.ErrNotFound(chat.UserEntity, who.Login)
	}
	return r, err
}
