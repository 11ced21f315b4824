// Package nodes leases node numbers for the ids of a process, so that its ids have numbers (id.ID.Number).
//
// A Keeper leases them from a Store and grants them to an id.Generator:
//
//	keeper := nodes.New(ctx, nodes.Options{Store: st, IDs: ids, Now: now, Log: log})
//	defer keeper.Close()
//
// A lease is in the time of ids, not in the time of a clock: who holds a number until a moment may make ids of times
// before that moment, and who takes it afterwards only ids of that moment and later. So no two processes make the same
// id, whatever their clocks are, however long one is paused, and whether or not it has noticed that its lease was lost.
// A process that cannot extend its lease makes ids without a number when it is used up.
//
// A server whose clock was ahead leaves a lease that others may use only when that time has come. There are 512 numbers
// for the Present, and 512 for the Future, which are for rooms that have ids ahead of time. When no number is free, ids
// have none.
package nodes

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	mrand "math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
)

// Lease says until when a node number is taken: Owner alone may make ids of it until before Until, in microseconds since
// 1970. A number that nobody has had has the zero Owner and Until.
type Lease struct {
	Node  int
	Owner string
	Until int64
}

// Store keeps the leases of node numbers. Methods may be called concurrently, by several servers.
type Store interface {
	// NodeLeases returns the leases of all numbers that ever had one, in any order. They may be a moment old.
	NodeLeases(ctx context.Context) ([]Lease, error)
	// LeaseNode replaces the lease was of a number by now, if was is the present one. In either case it returns the one
	// that is present then. Of concurrent calls with the same was, one succeeds. After an error the outcome is unknown.
	LeaseNode(ctx context.Context, was, now Lease) (Lease, error)
}

const (
	// leastAhead and mostAhead are how far beyond the present a lease reaches. It reaches as far as the process has lived:
	// one that crashes soon leaves its number soon, and one that has run for long has an hour in which the store may be
	// unable to decide.
	leastAhead = 15 * time.Second
	mostAhead  = time.Hour
	// checkEvery is how often a Keeper looks at its leases.
	checkEvery = 5 * time.Second
	// pause is the least time between two looks.
	pause = time.Second
	// callFor bounds what a look asks of the store.
	callFor = 10 * time.Second

	perRole = id.Nodes / 2
)

// Options are what a Keeper needs. All are required but Now.
type Options struct {
	Store Store
	IDs   *id.Generator
	Now   func() time.Time // the clock of IDs; time.Now if nil
	Log   *slog.Logger
}

// Keeper keeps the leases of a process.
type Keeper struct {
	Options
	began   time.Time
	held    [2]Lease // by role; the zero Lease: none
	failing bool
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

// New leases a number and keeps it until Close. If the store gives none now, that is logged and tried anew.
func New(ctx context.Context, o Options) *Keeper {
	k := newKeeper(o)
	k.look(ctx)
	ctx, k.cancel = context.WithCancel(context.WithoutCancel(ctx))
	k.done.Go(func() { guard.Keep(ctx, o.Log, "leases of node numbers", k.keep) })
	return k
}

func newKeeper(o Options) *Keeper {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Keeper{Options: o, began: o.Now()}
}

// Close gives the numbers back.
func (k *Keeper) Close() {
	k.cancel()
	k.done.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), callFor)
	defer cancel()
	for role := range k.held {
		if err := k.giveBack(ctx, id.Role(role)); err != nil {
			k.Log.Debug("a node number was not given back", "error", err)
		}
	}
}

func (k *Keeper) giveBack(ctx context.Context, role id.Role) error {
	from := k.IDs.Revoke(role)
	held := k.held[role]
	if held == (Lease{}) {
		return nil
	}
	k.held[role] = Lease{}
	_, err := k.Store.LeaseNode(ctx, held, Lease{Node: held.Node, Until: from})
	return err
}

func (k *Keeper) keep(ctx context.Context) {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-k.IDs.Wants():
		}
		k.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// look extends leases and takes new ones, as far as ids need them.
func (k *Keeper) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, callFor)
	defer cancel()
	err := k.step(ctx)
	if ctx.Err() == context.Canceled || (err != nil) == k.failing {
		return
	}
	if k.failing = err != nil; k.failing {
		k.Log.Warn("no node number could be leased, so that new ids may have no number", "error", err)
	} else {
		k.Log.Info("the node number is leased")
	}
}

func (k *Keeper) step(ctx context.Context) error {
	at := max(k.Now().UnixMicro(), k.IDs.Wanted(id.Present))
	ahead := min(max(k.Now().Sub(k.began), leastAhead), mostAhead)
	if k.held[id.Present].Until < at+ahead.Microseconds()*2/3 {
		if err := k.lease(ctx, id.Present, at, at+ahead.Microseconds()); err != nil {
			return err
		}
	}
	future := k.IDs.Wanted(id.Future)
	if future == 0 {
		return nil
	}
	return k.lease(ctx, id.Future, at, future+id.FutureSpan.Microseconds())
}

// lease makes sure of a number for ids of times before until: the one that is held, or else one that is free at a time.
func (k *Keeper) lease(ctx context.Context, role id.Role, at, until int64) error {
	held := k.held[role]
	if held == (Lease{}) {
		return k.take(ctx, role, at, until)
	}
	next := held
	next.Until = max(until, held.Until)
	now, err := k.Store.LeaseNode(ctx, held, next)
	if err != nil {
		return err // held is still true; at most it lasts longer
	}
	if now.Owner == held.Owner {
		k.grant(role, now, 0)
		return nil
	}
	k.IDs.Revoke(role)
	k.held[role] = Lease{}
	return k.take(ctx, role, at, until)
}

// take leases a number that nobody has at a time, the one that was in use last: so few are in use after many restarts.
func (k *Keeper) take(ctx context.Context, role id.Role, at, until int64) error {
	leases, err := k.Store.NodeLeases(ctx)
	if err != nil {
		return err
	}
	first := int(role) * perRole
	free := make([]Lease, perRole)
	for i := range free {
		free[i].Node = first + i
	}
	for _, l := range leases {
		if first <= l.Node && l.Node < first+perRole {
			free[l.Node-first] = l
		}
	}
	free = slices.DeleteFunc(free, func(l Lease) bool { return l.Until > at })
	mrand.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
	slices.SortStableFunc(free, func(a, b Lease) int { return cmp.Compare(b.Until, a.Until) })
	for _, was := range free {
		want := Lease{Node: was.Node, Owner: rand.Text(), Until: until}
		switch now, err := k.Store.LeaseNode(ctx, was, want); {
		case err != nil:
			return err // if it was leased, it is free when until is over
		case now == want:
			k.grant(role, now, at)
			return nil
		}
	}
	return fmt.Errorf("all %d node numbers are in use, or were used by servers whose clocks were ahead", perRole)
}

func (k *Keeper) grant(role id.Role, l Lease, from int64) {
	k.held[role] = l
	k.IDs.Grant(role, id.Span{Node: l.Node, From: from, Until: l.Until})
}
