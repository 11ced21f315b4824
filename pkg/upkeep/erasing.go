package upkeep

import (
	"sync"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/jobs"
)

// erasing is an erasure while it runs.
type erasing struct {
	chat.Erasure
	run *jobs.Run
}

// ended holds the erasures that this node has ended recently.
type ended struct {
	mu  sync.Mutex
	all map[chat.Identity]chat.Erasure
}

// rememberedErasures bounds the ended erasures that are kept.
const rememberedErasures = 1000

func keyOf(e chat.Erasure) chat.Identity { return chat.Identity{Tenant: e.Tenant, Login: e.Login} }

func (x *ended) add(e chat.Erasure) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.all == nil || len(x.all) >= rememberedErasures {
		x.all = map[chat.Identity]chat.Erasure{}
	}
	e.Names = nil
	x.all[keyOf(e)] = e
}

// forget is called when an erasure begins.
func (x *ended) forget(e chat.Erasure) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.all, keyOf(e))
}

func (x *ended) of(t chat.Tenant, login string) (chat.Erasure, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e, ok := x.all[chat.Identity{Tenant: t, Login: login}]
	return e, ok
}
