package embedded

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

// held are changes of sessions, and ends of other logins, that were made while nothing could be written: sessions have
// to continue and to end even then. Readers see a held change as soon as the call returns. It is written when the disk
// works again. A crash before that loses it.
type held struct {
	n    atomic.Int64 // len(rows), for readers in the usual case of none
	mu   sync.Mutex
	rows map[string]*heldRow // by key
	busy bool                // a goroutine writes them
}

// heldRow is the new state of a row.
type heldRow struct {
	l     leased
	h     auth.Hash
	lease lease
	value []byte // nil: there is none
}

// maxHeld bounds the memory of held changes to some tens of megabytes.
const maxHeld = 100_000

func (h *held) get(row key) (*heldRow, bool) {
	if h.n.Load() == 0 {
		return nil, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	r, ok := h.rows[string(row)]
	return r, ok
}

// drop discards the held change of a row. The caller holds the row's lock and writes the row itself.
func (h *held) drop(row key) {
	if h.n.Load() == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.rows, string(row))
	h.n.Store(int64(len(h.rows)))
}

// of returns the held rows of a user.
func (h *held) of(l leased, t chat.Tenant, login string) (rows []*heldRow) {
	if h.n.Load() == 0 {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.rows {
		if r.l == l && r.value != nil && r.lease.Tenant == t && r.lease.Login == login {
			rows = append(rows, r)
		}
	}
	return rows
}

// orHold holds a change that could not be written because of err, if the cause is the disk. It reports whether it did.
func (s *Store) orHold(err error, r *heldRow) bool {
	if !chat.IsKind(err, chat.Unavailable) || s.health.present() == nil {
		return false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.held.mu.Lock()
	defer s.held.mu.Unlock()
	if s.closed || len(s.held.rows) >= maxHeld {
		return false
	}
	if s.held.rows == nil {
		s.held.rows = map[string]*heldRow{}
	}
	s.held.rows[string(r.l.key(r.h))] = r
	s.held.n.Store(int64(len(s.held.rows)))
	if !s.held.busy {
		s.held.busy = true
		s.expirers.Go(s.writeHeld)
	}
	return true
}

// writeHeld writes the held changes as soon as the disk works again.
func (s *Store) writeHeld() {
	tick := time.NewTicker(s.health.every)
	defer tick.Stop()
	for last := false; ; {
		s.held.mu.Lock()
		rows := make([]*heldRow, 0, len(s.held.rows))
		for _, r := range s.held.rows {
			rows = append(rows, r)
		}
		s.held.busy = len(rows) > 0 && !last
		s.held.mu.Unlock()
		if len(rows) == 0 || last {
			return
		}
		select {
		case <-tick.C:
		case <-s.stop:
			last = true
		}
		for _, r := range rows {
			if s.health.present() != nil {
				break
			}
			s.writeHeldRow(r)
		}
	}
}

func (s *Store) writeHeldRow(r *heldRow) {
	row := r.l.key(r.h)
	unlock, err := s.locked(lockOf{&s.leases, row})
	if err != nil {
		return
	}
	b := s.db.NewBatch()
	if now, ok := s.held.get(row); !ok || now != r { // it has changed
		unlock()
		_ = b.Close()
		return
	}
	if r.value != nil {
		err = s.keepLease(b, r.l, r.h, r.lease, r.value)
	} else {
		err = s.removeLease(b, row)
	}
	if err != nil {
		unlock()
		_ = b.Close()
		return
	}
	if b.Empty() {
		_ = b.LogData(nil, nil)
	}
	if err := s.write(context.Background(), b, unlock); err != nil {
		return
	}
	s.held.mu.Lock()
	defer s.held.mu.Unlock()
	if s.held.rows[string(row)] == r {
		delete(s.held.rows, string(row))
		s.held.n.Store(int64(len(s.held.rows)))
	}
}

// endLease ends a row. While nothing can be written, it holds the end in memory.
func (s *Store) endLease(ctx context.Context, l leased, h auth.Hash) error {
	err := s.deleteLease(ctx, l, h)
	if !s.orHold(err, &heldRow{l: l, h: h}) {
		return err
	}
	return &chat.Error{Kind: chat.Unavailable, Cause: auth.ErrUnwritten,
		Message: "the " + l.what + " has ended, but this could not be written down: the server's disk takes nothing now"}
}

func (s *Store) removeLease(b *pebble.Batch, row key) error {
	v, found, err := s.find(row)
	if err != nil || !found {
		return err
	}
	e, err := decodeLease(v, nil)
	if err != nil {
		return s.corrupt(err)
	}
	dropLease(b, row, e)
	return nil
}

// byHash orders rows of a user as their index does.
func byHash(rows []*heldRow) []*heldRow {
	slices.SortFunc(rows, func(a, b *heldRow) int { return slices.Compare(a.h[:], b.h[:]) })
	return rows
}
