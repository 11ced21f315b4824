package inbox

import (
	"context"
	"slices"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// Acknowledge ends the waiting of messages, and returns how many of them waited. Unknown ones are ignored.
func (s *Service) Acknowledge(ctx context.Context, who chat.Identity, messages []id.ID) (n int, err error) {
	if len(messages) == 0 {
		return 0, nil
	}
	var marked int64
	st, err := s.change(ctx, who, func(st *state) (bool, error) {
		n, marked = 0, st.mark
		if st.waiting == 0 {
			return false, nil
		}
		found, err := s.positions(ctx, who, st, messages)
		if err != nil {
			return false, err
		}
		var at []int64
		for _, m := range messages {
			if p, there := found[m]; there {
				at = append(at, p)
			}
		}
		slices.Sort(at)
		waits, err := s.stillAt(ctx, who, st, slices.Compact(at))
		if err != nil {
			return false, err
		}
		if n = len(waits); n == 0 {
			return false, nil
		}
		st.acknowledge(waits)
		return true, s.passHoles(ctx, who, st)
	})
	if err != nil {
		return 0, err
	}
	if len(st.beyond) > maxSpans {
		if err := s.merge(ctx, who); err != nil {
			return 0, err
		}
	}
	return n, s.removePassed(ctx, who, marked, st)
}

// passHoles moves the mark to the first position that waits, if pages have to be read for that.
func (s *Service) passHoles(ctx context.Context, who chat.Identity, st *state) error {
	if !st.holes {
		return nil
	}
	waits, next, err := s.waitingIn(ctx, who, st, st.mark, 1)
	if err != nil {
		return err
	}
	if len(waits) > 0 {
		next = waits[0].Position
	}
	st.pass(span{st.mark, next})
	st.holes = st.mark < st.inline()
	return nil
}

// removePassed removes pages that the mark has passed. Those that a crash leaves go with the mailbox.
func (s *Service) removePassed(ctx context.Context, who chat.Identity, marked int64, st *state) error {
	from, to := marked/pageRefs, min(st.mark, st.inline())/pageRefs
	if from >= to {
		return nil
	}
	return s.store.RemoveInboxPages(ctx, who, from, to)
}

// merge writes acknowledged spans into the pages they are in, the shortest ones, so that the state has few of them. Their
// acknowledgement is stored already: a crash in between loses nothing.
func (s *Service) merge(ctx context.Context, who chat.Identity) error {
	_, err := s.change(ctx, who, func(st *state) (bool, error) {
		if len(st.beyond) <= maxSpans {
			return false, nil
		}
		var old []span
		for _, p := range st.beyond {
			if p.to <= st.inline() {
				old = append(old, p)
			}
		}
		slices.SortStableFunc(old, func(a, b span) int { return int((a.to - a.from) - (b.to - b.from)) })
		old = old[:min(len(old), len(st.beyond)-mergedSpans)]
		done := map[int64]bool{}
		for _, p := range old {
			for n := p.from / pageRefs; n <= (p.to-1)/pageRefs; n++ {
				if done[n] {
					continue
				}
				done[n] = true
				if err := s.rewrite(ctx, who, st, n); err != nil {
					return false, err
				}
			}
		}
		st.beyond = slices.DeleteFunc(st.beyond, func(p span) bool { return slices.Contains(old, p) })
		st.holes = true
		return len(old) > 0, nil
	})
	return err
}

// rewrite replaces a page by one without what is acknowledged. A page that is not there is written empty, so that a server
// that is late does not write it as it was.
func (s *Service) rewrite(ctx context.Context, who chat.Identity, st *state, n int64) error {
	for {
		pages, err := s.pages(ctx, who, n, n+1)
		if err != nil {
			return err
		}
		c, waits := Cell{Number: n}, []Ref(nil)
		if len(pages) > 0 {
			c.Version, waits = pages[0].Version, st.still(pages[0].refs)
			if len(waits) == len(pages[0].refs) {
				return nil
			}
		}
		c.Value = encodePage(waits)
		if done, err := s.store.ReplaceInboxPage(ctx, who, c); err != nil || done {
			return err
		}
	}
}

// Remove removes a mailbox. What is appended meanwhile, or afterwards, makes a new one: remove that once more when nobody
// can be appending.
func (s *Service) Remove(ctx context.Context, who chat.Identity) error {
	st, version, err := s.state(ctx, who)
	if err != nil || version == 0 {
		return err
	}
	if err := s.store.RemoveInboxPages(ctx, who, 0, st.tail/pageRefs+1); err != nil {
		return err
	}
	if !st.newest.IsZero() {
		if err := s.store.RemoveInboxNotes(ctx, who, st.earliest, st.newest); err != nil {
			return err
		}
	}
	return s.store.RemoveInbox(ctx, who)
}

// expire acknowledges what is not newer than the horizon. It looks at the mailbox from the mark on, until it has read some
// references of which none is too old: what arrived much later than it was sent is found when its turn comes.
func (s *Service) expire(ctx context.Context, who chat.Identity, horizon id.ID) (*state, error) {
	var marked int64
	st, err := s.change(ctx, who, func(st *state) (bool, error) {
		marked = st.mark
		changed := false
		for from := st.mark; st.waiting > 0 && st.oldest.Compare(horizon) <= 0; {
			refs, next, err := s.waitingIn(ctx, who, st, from, 1)
			if err != nil {
				return false, err
			}
			var old []int64
			oldest := id.Max
			for _, r := range refs {
				if r.Message.Compare(horizon) <= 0 {
					old = append(old, r.Position)
				} else if r.Message.Compare(oldest) < 0 {
					oldest = r.Message
				}
			}
			if st.acknowledge(old); st.waiting > 0 && (len(old) == 0 || next == st.tail) {
				st.oldest = oldest
			}
			from, changed = next, true
		}
		return changed, s.passHoles(ctx, who, st)
	})
	if err != nil {
		return nil, err
	}
	return st, s.removePassed(ctx, who, marked, st)
}
