package inbox

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a Store in memory, of one mailbox. calls counts by method.
type memory struct {
	mu    sync.Mutex
	state Cell
	pages map[int64]Cell
	notes map[id.ID]int64
	calls map[string]int
	// fail, if set, is the error of a call, which has done its work or not.
	fail func(call string) error
}

func newMemory() *memory {
	return &memory{pages: map[int64]Cell{}, notes: map[id.ID]int64{}, calls: map[string]int{}}
}

func (m *memory) begin(call string) error {
	m.mu.Lock()
	m.calls[call]++
	if m.fail != nil {
		return m.fail(call)
	}
	return nil
}

func (m *memory) Inbox(context.Context, chat.Identity) (Cell, error) {
	err := m.begin("Inbox")
	defer m.mu.Unlock()
	return m.state, err
}

func (m *memory) ReplaceInbox(_ context.Context, _ chat.Identity, c Cell) (bool, error) {
	err := m.begin("ReplaceInbox")
	defer m.mu.Unlock()
	if err != nil || m.state.Version != c.Version {
		return false, err
	}
	c.Version++
	m.state = c
	return true, nil
}

func (m *memory) RemoveInbox(context.Context, chat.Identity) error {
	err := m.begin("RemoveInbox")
	defer m.mu.Unlock()
	m.state = Cell{}
	return err
}

func (m *memory) EachInbox(context.Context, func(chat.Identity) error) error { return nil }

func (m *memory) InboxPages(_ context.Context, _ chat.Identity, from, to int64) (all []Cell, err error) {
	err = m.begin("InboxPages")
	defer m.mu.Unlock()
	for _, n := range slices.Sorted(maps.Keys(m.pages)) {
		if from <= n && n < to {
			all = append(all, m.pages[n])
		}
	}
	return all, err
}

func (m *memory) ReplaceInboxPage(_ context.Context, _ chat.Identity, c Cell) (bool, error) {
	err := m.begin("ReplaceInboxPage")
	defer m.mu.Unlock()
	if err != nil || m.pages[c.Number].Version != c.Version {
		return false, err
	}
	c.Version++
	m.pages[c.Number] = c
	return true, nil
}

func (m *memory) RemoveInboxPages(_ context.Context, _ chat.Identity, from, to int64) error {
	err := m.begin("RemoveInboxPages")
	defer m.mu.Unlock()
	maps.DeleteFunc(m.pages, func(n int64, _ Cell) bool { return from <= n && n < to })
	return err
}

func (m *memory) NoteInbox(_ context.Context, _ chat.Identity, notes []Note) error {
	err := m.begin("NoteInbox")
	defer m.mu.Unlock()
	for _, n := range notes {
		m.notes[n.Message] = n.Position
	}
	return err
}

func (m *memory) InboxNotes(_ context.Context, _ chat.Identity, messages []id.ID) (found []Note, err error) {
	err = m.begin("InboxNotes")
	defer m.mu.Unlock()
	for _, u := range messages {
		if at, there := m.notes[u]; there {
			found = append(found, Note{u, at})
		}
	}
	return found, err
}

func (m *memory) RemoveInboxNotes(context.Context, chat.Identity, id.ID, id.ID) error {
	err := m.begin("RemoveInboxNotes")
	defer m.mu.Unlock()
	m.notes = map[id.ID]int64{}
	return err
}
