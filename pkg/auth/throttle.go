package auth

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/confab-chat/confab/pkg/chat"
)

// throttled bounds the number of keys that are watched. A key takes some 200 bytes.
const throttled = 100_000

// WideFailures is the default of how many failed logins a minute are allowed for one address over all logins, and for
// one login over all addresses.
const WideFailures = 300

// Throttle slows failed logins: of a login from an address, of an address over all logins, and of a login over all
// addresses. It keeps hashes only, so what it holds does not depend on what clients send. It may be used concurrently.
type Throttle struct {
	each, wide int
	now        func() time.Time

	mu      sync.Mutex // guards what all buckets hold
	buckets *otter.Cache[Hash, *bucket]
}

// From says where a login comes from.
type From struct {
	// Address is the client's, in one spelling (see api.ClientAddress).
	Address string
	// Known says that the client has a session of the account already. Others' failures do not slow it.
	Known bool
}

// NewThrottle allows each failures a minute for a login from an address, and wide for an address and for a login; in a
// burst or spread. 0 means any number.
func NewThrottle(each, wide int, now func() time.Time) *Throttle {
	return &Throttle{each: each, wide: wide, now: now, buckets: otter.Must(&otter.Options[Hash, *bucket]{
		MaximumSize:      throttled,
		ExpiryCalculator: otter.ExpiryAccessing[Hash, *bucket](5 * time.Minute),
	})}
}

// bucket holds the failures that are still allowed to a key.
type bucket struct {
	perMinute float64 // also the most that it holds
	left      float64
	at        time.Time // of left
}

// wait returns how long the key has to wait for its next try.
func (b *bucket) wait(now time.Time) time.Duration {
	if since := now.Sub(b.at); since > 0 {
		b.left = min(b.perMinute, b.left+since.Minutes()*b.perMinute)
	}
	b.at = now
	if b.left >= 1 {
		return 0
	}
	return max(time.Duration((1-b.left)/b.perMinute*float64(time.Minute)), 1)
}

// reserve counts a try as failed before its password is checked: tries that are checked at the same time cannot
// be more than may fail. refund takes that back. If the try has to wait, reserve counts nothing and returns how long.
// An empty login stands for all that cannot exist.
func (t *Throttle) reserve(tenant chat.Tenant, login string, from From) (refund func(), wait time.Duration) {
	var used []*bucket
	add := func(perMinute int, kind, login, address string) {
		if perMinute > 0 {
			used = append(used, t.bucket(perMinute, kind+"\x00"+string(tenant)+"\x00"+login+"\x00"+address))
		}
	}
	add(t.each, "each", login, from.Address)
	add(t.wide, "address", "", from.Address)
	if login != "" && !from.Known {
		add(t.wide, "login", login, "")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for _, b := range used {
		wait = max(wait, b.wait(now))
	}
	if wait > 0 {
		return nil, wait
	}
	for _, b := range used {
		b.left--
	}
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, b := range used {
			b.left = min(b.perMinute, b.left+1)
		}
	}, 0
}

func (t *Throttle) bucket(perMinute int, key string) *bucket {
	b, _ := t.buckets.ComputeIfAbsent(sha256.Sum256([]byte(key)), func() (*bucket, bool) {
		return &bucket{perMinute: float64(perMinute), left: float64(perMinute), at: t.now()}, false
	})
	return b
}

// Close stops the background work.
func (t *Throttle) Close() { t.buckets.StopAllGoroutines() }
