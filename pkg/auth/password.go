package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/sync/semaphore"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/limit"
	"github.com/confab-chat/confab/pkg/turns"
)

// Cost is what computing a hash takes. Each hash contains it, so it can be raised without breaking existing hashes. The
// zero value stands for that of a server.
type Cost struct {
	memory  uint32 // KiB
	time    uint32
	threads uint8
}

// bytes is the memory that computing a hash takes.
func (p Cost) bytes() int64 { return int64(p.memory) << 10 }

// The second choice of the OWASP password storage cheat sheet: 19 MiB, two passes.
var defaultCost = Cost{memory: 19 * 1024, time: 2, threads: 1}

// CheapForTests is a cost that protects nothing. The race detector makes a hash of the true cost take 0.2 s.
var CheapForTests = Cost{memory: 8, time: 1, threads: 1}

const (
	saltLen = 16
	keyLen  = 32
	// A stored hash with a higher cost than this is refused, whatever wrote it.
	maxMemory, maxTime = 256 * 1024, 16
)

const (
	// maxWaiting bounds the calls that wait for a Hasher, maxWaitingOfOne those of one address.
	maxWaiting      = 256
	maxWaitingOfOne = 64
	// busyFor is the Retry-After of a call that found no place: in that time even one processor gets through most of
	// the queue of one address.
	busyFor = 2 * time.Second
	// defaultHashMemory is the memory for hashing if it is not given.
	defaultHashMemory = 1 << 30
)

var errHash = errors.New("auth: password hash of an unknown form")

// Hasher hashes passwords with argon2id and verifies them. It computes at most a fixed number of hashes concurrently,
// within a fixed amount of memory, so that a flood of logins cannot take all memory or all processors. Other calls wait
// for their turn, in a bounded queue that is fair to the addresses of clients (WithAddress). All errors are Unavailable:
// the queue is full (with chat.RetryAfter), or the context ended while the call waited. A Hasher may be used concurrently.
type Hasher struct {
	cost  Cost
	turns *turns.Turns
	dummy string

	memory int64
	inUse  *semaphore.Weighted // of memory
}

// NewHasher returns a hasher that hashes at a cost and computes at most parallel hashes concurrently (0 means half of
// the processors, so that other requests go on during a flood of logins), with that many bytes of memory (0 means 1
// GiB). A hash of another program that needs more memory than this is computed alone.
func NewHasher(cost Cost, parallel int, memory int64) *Hasher {
	if cost == (Cost{}) {
		cost = defaultCost
	}
	if parallel <= 0 {
		parallel = max(1, runtime.GOMAXPROCS(0)/2)
	}
	if memory <= 0 {
		memory = defaultHashMemory
	}
	h := &Hasher{cost: cost, memory: memory, inUse: semaphore.NewWeighted(memory)}
	parallel = max(1, min(parallel, int(memory/cost.bytes())))
	h.turns = turns.New(turns.Limits{Parallel: parallel, Waiting: maxWaiting, OfOne: maxWaitingOfOne})
	h.dummy = h.encode("nobody has this password", make([]byte, saltLen))
	return h
}

// Hash returns the encoded hash of a password, in the form of chat.NormalPassword.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	password = chat.NormalPassword(password)
	salt := make([]byte, saltLen)
	_, _ = rand.Read(salt) // never fails
	var out string
	err := h.inTurn(ctx, h.cost.bytes(), func() { out = h.encode(password, salt) })
	return out, err
}

// Verify reports whether password belongs to the encoded hash, and whether the password should be hashed again because
// the hash is of an older kind or cost, or of the password as it was sent: earlier versions did not normalise it. An empty
// hash never verifies, but takes the same work as a wrong password.
func (h *Hasher) Verify(ctx context.Context, encoded, password string) (ok, rehash bool, err error) {
	cost := h.cost
	if p, _, _, err := decodeArgon(encoded); err == nil {
		cost = p
	}
	normal := password
	if len(password) <= chat.MaxPassword {
		normal = chat.NormalPassword(password)
	}
	err = h.inTurn(ctx, cost.bytes(), func() {
		ok, rehash = h.verify(encoded, normal)
		if !ok && normal != password {
			ok, _ = h.verify(encoded, password)
			rehash = true
		}
	})
	return ok, rehash, err
}

// inTurn calls f when it is the caller's turn and that many bytes are free.
func (h *Hasher) inTurn(ctx context.Context, bytes int64, f func()) error {
	err := h.turns.Take(ctx, limit.Network(addressOf(ctx)))
	if errors.Is(err, turns.ErrFull) {
		return &chat.Error{Kind: chat.Unavailable, Cause: chat.RetryAfter{Duration: busyFor},
			Message: "too many passwords are being checked now; try again in a moment"}
	}
	if err != nil {
		return chat.ErrUnavailable(err)
	}
	defer h.turns.Pass()
	bytes = min(bytes, h.memory)
	if err := h.inUse.Acquire(ctx, bytes); err != nil {
		return chat.ErrUnavailable(err)
	}
	defer h.inUse.Release(bytes)
	f()
	return nil
}

type addressKey struct{}

// WithAddress returns a context of a request from a client's address. Hashing is shared fairly among addresses; calls
// without one count as one address.
func WithAddress(ctx context.Context, address string) context.Context {
	return context.WithValue(ctx, addressKey{}, address)
}

func addressOf(ctx context.Context) string {
	address, _ := ctx.Value(addressKey{}).(string)
	return address
}

func (h *Hasher) verify(encoded, password string) (ok, rehash bool) {
	switch {
	case len(password) > chat.MaxPassword:
		h.verifyArgon(h.dummy, "")
		return false, false
	case strings.HasPrefix(encoded, "$2"):
		return verifyBcrypt(encoded, password), true
	case encoded == "":
		h.verifyArgon(h.dummy, password)
		return false, false
	}
	return h.verifyArgon(encoded, password)
}

// verifyBcrypt verifies imported hashes. bcrypt uses only 72 bytes: a longer password is cut off there, as the systems
// that wrote such hashes did. The new hash then covers the whole password.
func verifyBcrypt(encoded, password string) bool {
	b := []byte(password)
	if len(b) > 72 {
		b = b[:72]
	}
	return bcrypt.CompareHashAndPassword([]byte(encoded), b) == nil
}

func (h *Hasher) encode(password string, salt []byte) string {
	p := h.cost
	key := argon2.IDKey([]byte(password), salt, p.time, p.memory, p.threads, keyLen)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.time, p.threads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
}

func (h *Hasher) verifyArgon(encoded, password string) (ok, rehash bool) {
	p, salt, key, err := decodeArgon(encoded)
	if err != nil {
		return false, false
	}
	got := argon2.IDKey([]byte(password), salt, p.time, p.memory, p.threads, uint32(len(key)))
	return subtle.ConstantTimeCompare(got, key) == 1, p != h.cost
}

func decodeArgon(encoded string) (p Cost, salt, key []byte, err error) {
	parts := strings.Split(encoded, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return p, nil, nil, errHash
	}
	var version int
	if _, err = fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return p, nil, nil, errHash
	}
	if _, err = fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.threads); err != nil {
		return p, nil, nil, errHash
	}
	if p.memory > maxMemory || p.time < 1 || p.time > maxTime || p.threads < 1 {
		return p, nil, nil, errHash
	}
	if salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil {
		return p, nil, nil, errHash
	}
	key, err = base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(key) < 16 || len(key) > 64 {
		return p, nil, nil, errHash
	}
	return p, salt, key, nil
}
