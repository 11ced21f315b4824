package inbox

import (
	"context"
	"sync"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
)

// Append puts messages into a mailbox, in this order. Those that came before, whether they wait or not, stay as they are.
func (s *Service) Append(ctx context.Context, who chat.Identity, refs ...Ref) error {
	call := &appending{refs: refs, done: make(chan struct{})}
	if s.queues.join(who, call) {
		go s.appendAll(context.WithoutCancel(ctx), who)
	}
	select {
	case <-call.done:
		return call.err
	case <-ctx.Done():
		return chat.ErrUnavailable(ctx.Err())
	}
}

// appending is a call of Append.
type appending struct {
	refs []Ref
	err  error
	done chan struct{} // closed when err is set
}

// queue is the calls that wait while others append to the same mailbox: they are then appended together. So senders on one
// server do not compete for the state.
type queue struct{ waiting []*appending }

type queues struct {
	mu sync.Mutex
	of map[chat.Identity]*queue
}

// join adds a call to the queue of a mailbox, and reports whether nobody appends to it now: then the caller has to.
func (q *queues) join(who chat.Identity, c *appending) (first bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.of[who]
	if first = all == nil; first {
		all = &queue{}
		q.of[who] = all
	}
	all.waiting = append(all.waiting, c)
	return first
}

// next returns the calls that wait. If there are none, the queue ends.
func (q *queues) next(who chat.Identity) []*appending {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.of[who]
	calls := all.waiting
	if all.waiting = nil; len(calls) == 0 {
		delete(q.of, who)
	}
	return calls
}

// appendAll appends what calls wait for, until none does.
func (s *Service) appendAll(ctx context.Context, who chat.Identity) {
	for {
		calls := s.queues.next(who)
		if len(calls) == 0 {
			return
		}
		var refs []Ref
		for _, c := range calls {
			refs = append(refs, c.refs...)
		}
		err := guard.Try(func() error { return s.appendRefs(ctx, who, refs) })
		for _, c := range calls {
			c.err = err
			close(c.done)
		}
	}
}

// appendRefs appends references, a page's at a time.
func (s *Service) appendRefs(ctx context.Context, who chat.Identity, refs []Ref) error {
	for len(refs) > 0 {
		some := refs[:min(pageRefs, len(refs))]
		refs = refs[len(some):]
		_, err := s.change(ctx, who, func(st *state) (bool, error) {
			messages := make([]id.ID, len(some))
			for i, r := range some {
				messages[i] = r.Message
			}
			found, err := s.positions(ctx, who, st, messages)
			if err != nil {
				return false, err
			}
			var fresh []Ref
			for _, r := range some {
				if _, there := found[r.Message]; !there {
					found[r.Message] = 0
					fresh = append(fresh, r)
				}
			}
			if len(fresh) == 0 {
				return false, nil
			}
			// Only references of a state that was stored leave it: a note has to be right, whatever becomes of this attempt.
			if len(st.refs)+len(fresh) >= 2*pageRefs {
				if err := s.spill(ctx, who, st); err != nil {
					return false, err
				}
			}
			for _, r := range fresh {
				st.add(r)
			}
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// spill takes the oldest references out of a state, and writes them as a page and notes before.
func (s *Service) spill(ctx context.Context, who chat.Identity, st *state) error {
	n, old := st.inline()/pageRefs, st.refs[:pageRefs]
	if waits := st.still(old); len(waits) > 0 {
		// Not replaced: an earlier attempt has written it, or a server that was faster.
		if _, err := s.store.ReplaceInboxPage(ctx, who, Cell{Number: n, Value: encodePage(waits)}); err != nil {
			return err
		}
	}
	notes := make([]Note, len(old))
	for i, r := range old {
		notes[i] = Note{r.Message, r.Position}
		if st.newest.IsZero() || r.Message.Compare(st.earliest) < 0 {
			st.earliest = r.Message
		}
		if st.newest.IsZero() || r.Message.Compare(st.newest) > 0 {
			st.newest = r.Message
		}
	}
	st.refs = append([]Ref(nil), st.refs[pageRefs:]...)
	return s.store.NoteInbox(ctx, who, notes)
}
