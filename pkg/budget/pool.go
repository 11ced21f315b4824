package budget

import "sync"

// Pool is a share of the memory that many take parts of. It counts; it allocates nothing. It may be used concurrently.
type Pool struct {
	bytes, ofOne int64

	mu    sync.Mutex
	taken int64
	of    map[string]int64 // by name; never 0
}

// NewPool returns a pool of that many bytes, of which one name may have a quarter.
func NewPool(bytes int64) *Pool {
	return &Pool{bytes: bytes, ofOne: bytes / 4, of: map[string]int64{}}
}

// Take takes n bytes for a name, which the caller has to Give back. It returns false, and takes nothing, if they are not
// there, or if the name would have too much.
func (p *Pool) Take(name string, n int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n > p.bytes-p.taken || n > p.ofOne-p.of[name] {
		return false
	}
	p.taken += n
	p.of[name] += n
	return true
}

// Give gives n bytes back that were taken for a name.
func (p *Pool) Give(name string, n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken -= n
	if p.of[name] -= n; p.of[name] == 0 {
		delete(p.of, name)
	}
}
