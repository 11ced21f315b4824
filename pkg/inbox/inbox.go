package inbox

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// Options are the parts of a Service.
type Options struct{ Store Store }

// Service is the mailboxes of a store.
type Service struct {
	store  Store
	queues queues
}

// New returns a Service.
func New(o Options) *Service {
	return &Service{store: o.Store, queues: queues{of: map[chat.Identity]*queue{}}}
}

const (
	// changeFor bounds a change that has begun.
	changeFor = 10 * time.Second
	// changePause is how long a change waits at most before it is tried anew.
	changePause = 30 * time.Millisecond
)

// change replaces the state of a mailbox by what f makes of it, until f has nothing to change or the state is replaced. It
// returns the state as it is then.
func (s *Service) change(ctx context.Context, who chat.Identity, f func(*state) (changed bool, err error)) (*state, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), changeFor)
	defer cancel()
	for {
		st, version, err := s.state(ctx, who)
		if err != nil {
			return nil, err
		}
		changed, err := f(st)
		if err != nil || !changed {
			return st, err
		}
		done, err := s.store.ReplaceInbox(ctx, who, Cell{Version: version, Value: st.encode()})
		if err != nil || done {
			return st, err
		}
		select {
		case <-ctx.Done():
			return nil, chat.ErrUnavailable(errors.New("too many changes of one mailbox"))
		case <-time.After(rand.N(changePause)):
		}
	}
}

func (s *Service) state(ctx context.Context, who chat.Identity) (*state, int64, error) {
	c, err := s.store.Inbox(ctx, who)
	if err != nil {
		return nil, 0, err
	}
	if c.Version == 0 {
		c.Value = nil
	}
	st, err := decodeState(c.Value)
	return st, c.Version, err
}

// Count returns how many messages wait. Those that are not newer than the horizon are acknowledged. It costs one read, if
// there are none of these.
func (s *Service) Count(ctx context.Context, who chat.Identity, horizon id.ID) (int64, error) {
	st, _, err := s.state(ctx, who)
	if err == nil && st.waiting > 0 && st.oldest.Compare(horizon) <= 0 {
		st, err = s.expire(ctx, who, horizon)
	}
	if err != nil {
		return 0, err
	}
	return st.waiting, nil
}

// Tail returns the position that the next reference will have.
func (s *Service) Tail(ctx context.Context, who chat.Identity) (int64, error) {
	st, _, err := s.state(ctx, who)
	if err != nil {
		return 0, err
	}
	return st.tail, nil
}

// Waiting returns references that wait, from a position on, in the order of positions: about limit, at most 1,151 more. next
// is the position to go on from; more is false when it is that of the next reference to arrive.
func (s *Service) Waiting(ctx context.Context, who chat.Identity, from int64, limit int) (refs []Ref, next int64, more bool, err error) {
	st, _, err := s.state(ctx, who)
	if err != nil {
		return nil, 0, false, err
	}
	refs, next, err = s.waitingIn(ctx, who, st, from, limit)
	return refs, next, next < st.tail, err
}

// pagesAtOnce is how many pages are read at a time.
const pagesAtOnce = 16

func (s *Service) waitingIn(ctx context.Context, who chat.Identity, st *state, from int64, limit int) (refs []Ref, next int64, err error) {
	if st.waiting == 0 {
		return nil, st.tail, nil
	}
	at := max(from, st.mark)
	for at = st.skip(at); at < st.inline(); at = st.skip(at) {
		if len(refs) >= limit {
			return refs, at, nil
		}
		n := at / pageRefs
		to := min(n+pagesAtOnce, st.inline()/pageRefs)
		pages, err := s.pages(ctx, who, n, to)
		if err != nil {
			return nil, 0, err
		}
		for _, p := range pages {
			for _, r := range st.still(p.refs) {
				if r.Position >= at {
					refs = append(refs, r)
				}
			}
		}
		at = to * pageRefs
	}
	for _, r := range st.still(st.refs) {
		if r.Position >= from {
			refs = append(refs, r)
		}
	}
	return refs, st.tail, nil
}

// skip returns the first position from at on that the state does not know to be acknowledged.
func (s *state) skip(at int64) int64 {
	for _, p := range s.beyond {
		if p.from <= at && at < p.to {
			return p.to
		}
	}
	return at
}

// page is a page that was read.
type page struct {
	Cell
	refs []Ref
}

// pages reads the pages with the numbers from from on and below to.
func (s *Service) pages(ctx context.Context, who chat.Identity, from, to int64) ([]page, error) {
	cells, err := s.store.InboxPages(ctx, who, from, to)
	if err != nil {
		return nil, err
	}
	all := make([]page, len(cells))
	for i, c := range cells {
		refs, err := decodePage(c.Value)
		if err != nil {
			return nil, err
		}
		all[i] = page{c, refs}
	}
	return all, nil
}

// Status says what a mailbox knows of a message.
type Status int

// The statuses.
const (
	Unknown      Status = iota // it did not come
	Pending                    // it waits
	Acknowledged               // it came and was acknowledged
)

// Status returns what became of a message.
func (s *Service) Status(ctx context.Context, who chat.Identity, m id.ID) (Status, error) {
	st, _, err := s.state(ctx, who)
	if err != nil {
		return Unknown, err
	}
	found, err := s.positions(ctx, who, st, []id.ID{m})
	at, there := found[m]
	if err != nil || !there {
		return Unknown, err
	}
	waits, err := s.stillAt(ctx, who, st, []int64{at})
	if err != nil || len(waits) == 0 {
		return Acknowledged, err
	}
	return Pending, nil
}

// positions finds out where messages are in a mailbox. Those that are not in it are left out.
func (s *Service) positions(ctx context.Context, who chat.Identity, st *state, messages []id.ID) (map[id.ID]int64, error) {
	found := make(map[id.ID]int64, len(messages))
	for _, r := range st.refs {
		found[r.Message] = r.Position
	}
	var others []id.ID
	for _, m := range messages {
		if _, there := found[m]; !there && !st.newest.IsZero() && m.Compare(st.earliest) >= 0 && m.Compare(st.newest) <= 0 {
			others = append(others, m)
		}
	}
	if len(others) == 0 {
		return found, nil
	}
	notes, err := s.store.InboxNotes(ctx, who, others)
	for _, n := range notes {
		found[n.Message] = n.Position
	}
	return found, err
}

// stillAt returns those positions at which a message waits.
func (s *Service) stillAt(ctx context.Context, who chat.Identity, st *state, at []int64) ([]int64, error) {
	numbers := map[int64]map[int64]bool{} // of pages: the positions in them that wait
	var still []int64
	for _, p := range at {
		if st.acknowledged(p) || p >= st.tail {
			continue
		}
		if still = append(still, p); p < st.inline() {
			numbers[p/pageRefs] = nil
		}
	}
	for n := range numbers {
		pages, err := s.pages(ctx, who, n, n+1)
		if err != nil {
			return nil, err
		}
		numbers[n] = map[int64]bool{}
		for _, p := range pages {
			for _, r := range p.refs {
				numbers[n][r.Position] = true
			}
		}
	}
	out := still[:0]
	for _, p := range still {
		if p >= st.inline() || numbers[p/pageRefs][p] {
			out = append(out, p)
		}
	}
	return out, nil
}
