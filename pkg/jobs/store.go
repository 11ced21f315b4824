package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
)

// Ref names a job. A tenant has at most one job of a kind and key at a time.
type Ref struct {
	Tenant chat.Tenant
	Kind   string
	Key    string
}

// State is the state of a job. A job that has ended is removed.
type State int

const (
	// Waiting is a job that a worker may take from Due on.
	Waiting State = iota
	// Running is a job that Owner has taken until Due. After that, another worker may take it.
	Running
	// Dead is a job that failed too often. Only an operator makes it run.
	Dead
)

func (s State) String() string { return [...]string{"waiting", "running", "dead"}[s] }

// Job is work that goes on after a call. Times are those of Store.JobTime, in whole milliseconds.
type Job struct {
	Ref
	// Version is chosen by the store. It is greater than that of each earlier job of the same Ref, and rises with each
	// ChangeJob.
	Version  int64
	State    State
	Due      time.Time // see State; of no meaning if the job is dead. A store takes a time that is past as now
	Owner    string    // the queue that runs it; empty if none does
	AddedAt  time.Time
	Payload  []byte // what to do, at most MaxPayload bytes
	Cursor   []byte // how far it is, at most MaxPayload bytes; nil at first
	Done     int64  // how many things are done
	Total    int64  // of how many; 0 if that is not known
	Attempts int    // failures in a row without progress
	Failure  string // the last failure

	begun bool // this server knows that Begin was called; see Run.Begun
}

// ErrNotFound returns the error for a job that is not there.
func ErrNotFound(r Ref) error {
	return &chat.Error{Kind: chat.NotFound, Name: r.Key, Message: fmt.Sprintf("there is no job '%s' of the kind '%s'", r.Key, r.Kind)}
}

// MaxPayload is the greatest size of a payload and of a cursor, in bytes.
const MaxPayload = 256 << 10

// Store keeps jobs. The guarantees at the top of chat/store.go hold for all methods.
type Store interface {
	// JobTime returns the time by which jobs are due. It reads nothing. On a shared store that is the store's own time, on
	// all servers about the same.
	JobTime() time.Time
	// AddJob stores a job and returns it with its Version. If there is a job with that Ref, it changes nothing and returns
	// that one, with added false. Of concurrent calls for one Ref exactly one adds.
	AddJob(ctx context.Context, j Job) (now Job, added bool, err error)
	// Job returns a job; NotFound if there is none, or if it has ended.
	Job(ctx context.Context, r Ref) (Job, error)
	// ChangeJob replaces was by next, which has the same Ref, if the job still has the Version of was. It returns next with
	// its new Version. Of concurrent calls for one Version exactly one succeeds; the others return false.
	ChangeJob(ctx context.Context, was, next Job) (now Job, changed bool, err error)
	// SaveJob replaces Cursor, Done, Total and Attempts of a job if it still has the Version of j. It keeps the Version.
	SaveJob(ctx context.Context, j Job) (saved bool, err error)
	// RemoveJob removes a job if it still has the Version of j. Repeating it is no error, and returns true.
	RemoveJob(ctx context.Context, j Job) (removed bool, err error)
	// DueJobs returns, for each tenant, the first jobs that are due, at most each of them, in the order of Due. It reads
	// about as many rows, however many jobs have ended. Each job shows up within seconds after it is due, also one that
	// another server has added.
	DueJobs(ctx context.Context, each int) (map[chat.Tenant][]Job, error)
	// CountJobs returns about how many jobs of a tenant are not dead, at most most.
	CountJobs(ctx context.Context, t chat.Tenant, most int) (int, error)
	// EachJob visits all jobs, dead ones too, in any order, until visit returns an error, which EachJob returns.
	EachJob(ctx context.Context, visit func(Job) error) error
}
