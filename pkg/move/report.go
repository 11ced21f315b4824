package move

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// Outcome counts the lines of one kind by their outcome.
type Outcome struct {
	Added  int64
	There  int64 // were there already
	Differ int64 // were there already with other data, which was not changed
	// Deleted counts what is of users whose account was deleted here. Messages of those who were erased arrive without
	// name and content; everything else is left out. Of files, these are the ones whose message is not here, or that
	// were removed here too short a time ago.
	Deleted int64
	Left    int64 // left out: participants who left the room here, files whose bytes are not there
}

// outcome is one of the counts of an Outcome.
type outcome int

const (
	added outcome = iota
	there
	differs
	ofDeleted
	hasLeft
)

// Report is the result of an import.
type Report struct {
	Users, Roles, Tokens, Entries, Rooms, Members, Messages, Changes, Listed, Waiting, Files Outcome
	Duration                                                                                 time.Duration
}

// Counts reports whether anything was added, or found there already.
func (r Report) Counts() bool { return r != Report{Duration: r.Duration} }

// String is the report for an operator, several lines.
func (r Report) String() string {
	var b strings.Builder
	for _, k := range []struct {
		name string
		Outcome
	}{{"users", r.Users}, {"roles", r.Roles}, {"API tokens", r.Tokens}, {"platform", r.Entries}, {"rooms", r.Rooms},
		{"participants", r.Members}, {"messages", r.Messages}, {"changes", r.Changes}, {"lists", r.Listed}, {"mailboxes", r.Waiting}, {"files", r.Files}} {
		fmt.Fprintf(&b, "%-13s %9d added %9d there already", k.name, k.Added, k.There)
		if k.Differ > 0 {
			fmt.Fprintf(&b, ", %d there with other data, which was kept", k.Differ)
		}
		deleted, left := "%d left out: the user was deleted here", "%d left out: they left the room since"
		switch k.name {
		case "messages":
			deleted = "%d of erased users, without name and content"
		case "files":
			deleted, left = "%d left out: their message is not here, or they were removed here lately", "%d left out: their bytes are not there"
		}
		if k.Deleted > 0 {
			fmt.Fprintf(&b, ", "+deleted, k.Deleted)
		}
		if k.Left > 0 {
			fmt.Fprintf(&b, ", "+left, k.Left)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "in %s\n", r.Duration.Round(10*time.Millisecond))
	return b.String()
}

// results is a report that several goroutines fill.
type results struct {
	mu sync.Mutex
	Report
}

func (r *results) count(o *Outcome, what outcome, n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch what {
	case added:
		o.Added += n
	case there:
		o.There += n
	case differs:
		o.Differ += n
	case ofDeleted:
		o.Deleted += n
	case hasLeft:
		o.Left += n
	}
}

func (r *results) report() Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Report
}
