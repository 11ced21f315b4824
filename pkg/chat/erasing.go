package chat

import "sync"

// erasing is what a node knows of the erasures that it is at, and of those it has ended of late.
type erasing struct {
	wake chan struct{}
	turn sync.Mutex // held by who goes on with erasures; before mu

	mu       sync.Mutex
	mine     map[Identity]Erasure
	finished map[Identity]Erasure
}

// rememberedErasures bounds how many ended ones are remembered.
const rememberedErasures = 1000

func newErasing() *erasing {
	return &erasing{wake: make(chan struct{}, 1), mine: map[Identity]Erasure{}, finished: map[Identity]Erasure{}}
}

// own makes an erasure this node's, or replaces what is known of it.
func (x *erasing) own(e Erasure) {
	x.mu.Lock()
	defer x.mu.Unlock()
	k := Identity{e.Tenant, e.Login}
	if _, known := x.mine[k]; !known {
		select {
		case x.wake <- struct{}{}:
		default:
		}
	}
	x.mine[k] = e
	delete(x.finished, k)
}

func (x *erasing) owns(e Erasure) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	_, ok := x.mine[Identity{e.Tenant, e.Login}]
	return ok
}

func (x *erasing) end(e Erasure) {
	x.mu.Lock()
	defer x.mu.Unlock()
	k := Identity{e.Tenant, e.Login}
	delete(x.mine, k)
	if len(x.finished) >= rememberedErasures {
		clear(x.finished)
	}
	e.Names = nil
	x.finished[k] = e
}

func (x *erasing) known(t Tenant, login string) (e Erasure, finished, known bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	k := Identity{t, login}
	if e, ok := x.finished[k]; ok {
		return e, true, true
	}
	e, known = x.mine[k]
	return e, false, known
}
