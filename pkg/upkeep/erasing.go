package upkeep

import (
	"sync"

	"github.com/confab-chat/confab/pkg/chat"
)

// erasing holds the erasures that a node runs, and those that it has ended recently.
type erasing struct {
	wake chan struct{}
	turn sync.Mutex // held while erasures run; taken before mu

	mu       sync.Mutex
	mine     map[chat.Identity]chat.Erasure
	finished map[chat.Identity]chat.Erasure
}

// rememberedErasures bounds the ended erasures that are kept.
const rememberedErasures = 1000

func newErasing() *erasing {
	return &erasing{wake: make(chan struct{}, 1), mine: map[chat.Identity]chat.Erasure{}, finished: map[chat.Identity]chat.Erasure{}}
}

func keyOf(e chat.Erasure) chat.Identity { return chat.Identity{Tenant: e.Tenant, Login: e.Login} }

// own makes an erasure this node's, or replaces its state.
func (x *erasing) own(e chat.Erasure) {
	x.mu.Lock()
	defer x.mu.Unlock()
	k := keyOf(e)
	if _, known := x.mine[k]; !known {
		select {
		case x.wake <- struct{}{}:
		default:
		}
	}
	x.mine[k] = e
	delete(x.finished, k)
}

func (x *erasing) owns(e chat.Erasure) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	_, ok := x.mine[keyOf(e)]
	return ok
}

func (x *erasing) end(e chat.Erasure) {
	x.mu.Lock()
	defer x.mu.Unlock()
	k := keyOf(e)
	delete(x.mine, k)
	if len(x.finished) >= rememberedErasures {
		clear(x.finished)
	}
	e.Names = nil
	x.finished[k] = e
}

func (x *erasing) known(t chat.Tenant, login string) (e chat.Erasure, finished, known bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	k := chat.Identity{Tenant: t, Login: login}
	if e, ok := x.finished[k]; ok {
		return e, true, true
	}
	e, known = x.mine[k]
	return e, false, known
}
