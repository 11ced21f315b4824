package storetest

import (
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/inbox"
)

// modelBox is a mailbox: what came, in order, and whether it waits.
type modelBox struct {
	came  []id.ID
	waits map[id.ID]bool
}

func (w *walk) box(t *rapid.T) (chat.Identity, *modelBox) {
	login := someLogin.Draw(t, "login")
	if w.m.boxes[login] == nil {
		w.m.boxes[login] = &modelBox{waits: map[id.ID]bool{}}
	}
	return chat.Identity{Tenant: w.tenant, Login: login}, w.m.boxes[login]
}

// deliver appends messages to a mailbox, some of which have come before.
func (w *walk) deliver(t *rapid.T) {
	who, box := w.box(t)
	var refs []inbox.Ref
	for range rapid.IntRange(0, 10).Draw(t, "earlier") {
		if n := len(box.came); n > 0 {
			refs = append(refs, inbox.Ref{Message: box.came[rapid.IntRange(0, n-1).Draw(t, "which")], Reason: inbox.ToUser})
		}
	}
	for range rapid.IntRange(1, 150).Draw(t, "new") {
		m := w.ids.New()
		refs = append(refs, inbox.Ref{Message: m, Reason: inbox.ToUser})
		box.came = append(box.came, m)
		box.waits[m] = true
	}
	require.NoError(t, w.boxes.Append(w.ctx, who, refs...))
	w.compareBox(t, who, box)
}

func (w *walk) acknowledge(t *rapid.T) {
	who, box := w.box(t)
	if len(box.came) == 0 {
		t.Skip("nothing came")
	}
	var ms []id.ID
	step := rapid.IntRange(1, 3).Draw(t, "step")
	for i := rapid.IntRange(0, len(box.came)-1).Draw(t, "from"); i < len(box.came) && len(ms) < 200; i += step {
		ms = append(ms, box.came[i])
	}
	want := 0
	for _, m := range ms {
		if box.waits[m] {
			want++
		}
		delete(box.waits, m)
	}
	n, err := w.boxes.Acknowledge(w.ctx, who, ms)
	require.NoError(t, err)
	require.Equal(t, want, n)
	w.compareBox(t, who, box)
}

func (w *walk) removeBox(t *rapid.T) {
	who, _ := w.box(t)
	require.NoError(t, w.boxes.Remove(w.ctx, who))
	delete(w.m.boxes, who.Login)
}

func (w *walk) compareBox(t *rapid.T, who chat.Identity, box *modelBox) {
	var want, got []id.ID
	for _, m := range box.came {
		if box.waits[m] {
			want = append(want, m)
		}
	}
	for from, more := int64(0), true; more; {
		var refs []inbox.Ref
		var err error
		refs, from, more, err = w.boxes.Waiting(w.ctx, who, from, 100)
		require.NoError(t, err)
		for _, r := range refs {
			got = append(got, r.Message)
		}
	}
	require.Equal(t, want, got)
	n, err := w.boxes.Count(w.ctx, who, id.ID{})
	require.NoError(t, err)
	require.EqualValues(t, len(want), n)
}
