package chat

import (
	"context"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/confab-chat/confab/pkg/id"
)

// Work is what goes on after a call; see NewJob of pkg/jobs.
type Work struct {
	Tenant  Tenant
	Kind    string
	Key     string // a tenant has at most one work of a kind and key at a time
	Payload []byte
	Delay   time.Duration
	Replace bool
}

// Jobs keeps work and does it; see Queue of pkg/jobs.
type Jobs interface {
	// Intend stores work durably, before the change that makes it necessary. begin lets it start immediately; otherwise it
	// starts after w.Delay, and finds out whether the change was made. RateLimited if too much of the tenant waits.
	Intend(ctx context.Context, w Work) (begin func(), err error)
}

// The kinds of work that the domain asks for; pkg/upkeep does it.
const (
	// SweepWork removes the rows of a deleted room; its key is the room's ID.
	SweepWork = "sweep"
	// RenameWork copies a user's names to their rooms; its key is the login.
	RenameWork = "rename"
	// PeopleWork removes what pkg/people keeps of a deleted account; its key is the login. pkg/people does it.
	PeopleWork = "people"
	// FileWork removes the file that a deleted message named; its key is the message's ID. pkg/files does it.
	FileWork = "file"
)

// sweepPayload is how SweepWork is stored.
type sweepPayload struct {
	Room      string    `json:"room"`
	DeletedAt time.Time `json:"deletedAt"`
}

// Work returns the work of clearing a room away. It waits for as long as the deletion may take.
func (s Sweep) Work() Work {
	payload, err := json.Marshal(sweepPayload{s.Room.Name, s.DeletedAt.UTC()})
	if err != nil {
		panic(err) // names are valid UTF-8
	}
	return Work{Tenant: s.Tenant, Kind: SweepWork, Key: s.Room.ID.String(), Payload: payload, Delay: 2 * writeTimeout}
}

// ParseSweep reads the payload of SweepWork.
func ParseSweep(t Tenant, key string, payload []byte) (Sweep, error) {
	var p sweepPayload
	s := Sweep{Tenant: t}
	err := json.Unmarshal(payload, &p)
	if err == nil {
		err = s.Room.ID.UnmarshalText([]byte(key))
	}
	s.Room.Name, s.DeletedAt = p.Room, p.DeletedAt
	return s, err
}

// RenameOf returns the work of a rename. A later rename of the same user takes its place.
func RenameOf(t Tenant, login string) Work {
	return Work{Tenant: t, Kind: RenameWork, Key: login, Delay: renameLate, Replace: true}
}

// PeopleOf returns the work of removing what pkg/people keeps of an account. It waits for as long as the deletion may take.
func PeopleOf(who Identity) Work {
	return Work{Tenant: who.Tenant, Kind: PeopleWork, Key: who.Login, Delay: 2 * writeTimeout}
}

// FileOf returns the work of removing the file that a message names which is about to be deleted. It waits for as long as the
// deletion may take, and does nothing if the message is there then.
func FileOf(l Log, m id.ID) Work {
	return Work{Tenant: l.Tenant, Kind: FileWork, Key: m.String(), Payload: []byte(l.ID.String()), Delay: 2 * writeTimeout}
}

// ParseFile reads the room and the message of FileWork.
func ParseFile(key string, payload []byte) (room, m id.ID, err error) {
	if room, err = id.Parse(string(payload)); err == nil {
		m, err = id.Parse(key)
	}
	return room, m, err
}

// noJobs is for programs that neither delete rooms nor rename users.
type noJobs struct{}

func (noJobs) Intend(context.Context, Work) (func(), error) { return func() {}, nil }
