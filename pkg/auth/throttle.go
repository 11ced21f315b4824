package auth

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/limit"
)

// WideFailures is the default of how many failed logins a minute are allowed for one address over all logins, and for
// one login over all addresses.
const WideFailures = 300

// Throttle slows failed logins: of a login from an address, of an address over all logins, and of a login over all
// addresses. It keeps hashes only, so what it holds does not depend on what clients send. It may be used concurrently.
type Throttle struct {
	each, wide int
	buckets    *limit.Buckets
	held       chan struct{} // a place for each caller of Hold that waits
}

const (
	// holdFor is how long the answer to a refused login waits.
	holdFor = 250 * time.Millisecond
	// maxHeld bounds how many of them wait, as each holds its connection and its request.
	maxHeld = 1024
)

// From says where a login comes from.
type From struct {
	// Address is the client's, in one spelling (see api.ClientAddress).
	Address string
	// Known says that the client has a session or a remembered login of the account. Others' failures do not slow it.
	Known bool
}

// NewThrottle allows each failures a minute for a login from an address, and wide for an address and for a login; in a
// burst or spread. 0 means any number.
func NewThrottle(each, wide int, now func() time.Time, keys int) *Throttle {
	return &Throttle{each: each, wide: wide, buckets: limit.NewBuckets(now, keys), held: make(chan struct{}, maxHeld)}
}

// Reserve counts a try as failed before its password is checked: tries that are checked at the same time cannot
// be more than may fail. refund takes that back. If the try has to wait, Reserve counts nothing and returns how long.
// An empty login stands for all that cannot exist.
func (t *Throttle) Reserve(tenant chat.Tenant, login string, from From) (refund func(), wait time.Duration) {
	network := limit.Network(from.Address)
	var uses []limit.Use
	add := func(perMinute int, kind, login, address string) {
		uses = append(uses, limit.Use{Key: kind + "\x00" + string(tenant) + "\x00" + login + "\x00" + address,
			Rate: limit.Rate{Most: perMinute, Per: time.Minute}})
	}
	add(t.each, "each", login, network)
	add(t.wide, "address", "", network)
	if login != "" && !from.Known {
		add(t.wide, "login", login, "")
	}
	return t.buckets.Reserve(uses...)
}

// Hold waits a little before a login is answered that was refused unchecked: clients that try without a pause, on many
// connections, would otherwise keep the processors busy with refusals. It does not wait if many wait already.
func (t *Throttle) Hold(ctx context.Context) {
	select {
	case t.held <- struct{}{}:
	default:
		return
	}
	defer func() { <-t.held }()
	select {
	case <-time.After(holdFor):
	case <-ctx.Done():
	}
}

// Close stops the background work.
func (t *Throttle) Close() { t.buckets.Close() }
