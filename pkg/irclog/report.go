package irclog

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxExamples is how many skipped lines of each reason a report shows.
const maxExamples = 3

// Report is the result of an import.
type Report struct {
	Files         int // read to their end
	AlreadyThere  int // of these, imported before
	Lines         int
	Messages      int // written, of all kinds
	Said          int // by people
	Actions       int
	Joins         int
	Leaves        int
	Renames       int
	Topics        int
	Nicks         int // different ones in the files that were written
	UsersCreated  int
	RoomCreated   bool
	JoinedRoom    int // participants added
	LeftRoom      int // participants removed
	Recoded       int // lines that were not UTF-8
	Unformatted   int // lines with formatting codes, which were removed
	ClockSetBack  int // times the clock was set back
	Skipped       map[Reason]int
	SkippedFirst  map[Reason][]Example
	MembersKept   string // why participants were left as they are; empty if they were not
	Duration      time.Duration
	OtherAccounts map[string]string // nicks whose own login belongs to another account, and the login used instead
}

// Example is a skipped line.
type Example struct {
	File string
	Line int
	Text string // its beginning
}

func (r *Report) skip(file string, e Event) {
	if r.Skipped == nil {
		r.Skipped, r.SkippedFirst = map[Reason]int{}, map[Reason][]Example{}
	}
	r.Skipped[e.Reason]++
	if len(r.SkippedFirst[e.Reason]) < maxExamples {
		r.SkippedFirst[e.Reason] = append(r.SkippedFirst[e.Reason], Example{File: file, Line: e.Line, Text: e.Text})
	}
}

func (r *Report) count(e Event) {
	switch e.Kind {
	case Message:
		r.Said++
	case Action:
		r.Actions++
	case Join:
		r.Joins++
	case Leave:
		r.Leaves++
	case Rename:
		r.Renames++
	case Topic:
		r.Topics++
	}
}

// String returns the report for people to read, in a few lines.
func (r Report) String() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("files      %d, of them imported before: %d", r.Files, r.AlreadyThere)
	line("lines      %d", r.Lines)
	line("messages   %d written: %d said, %d actions, %d joins, %d leaves, %d new nicks, %d topics",
		r.Messages, r.Said, r.Actions, r.Joins, r.Leaves, r.Renames, r.Topics)
	line("users      %d nicks, %d accounts created", r.Nicks, r.UsersCreated)
	switch {
	case r.MembersKept != "":
		line("room       participants left as they are: %s", r.MembersKept)
	default:
		line("room       %d participants added, %d removed", r.JoinedRoom, r.LeftRoom)
	}
	if r.RoomCreated {
		line("           created by this import")
	}
	for _, n := range []struct {
		count int
		what  string
	}{
		{r.Recoded, "lines were not UTF-8: taken as Windows-1252, or a last character that was cut dropped"},
		{r.Unformatted, "lines had formatting codes: removed"},
		{r.ClockSetBack, "times the clock was set back: time stood still"},
		{len(r.OtherAccounts), "nicks belong to accounts that were signed up: another login was used"},
	} {
		if n.count > 0 {
			line("note       %d %s", n.count, n.what)
		}
	}
	reasons := make([]Reason, 0, len(r.Skipped))
	for why := range r.Skipped {
		reasons = append(reasons, why)
	}
	slices.Sort(reasons)
	for _, why := range reasons {
		line("skipped    %d: %s", r.Skipped[why], why)
		for _, x := range r.SkippedFirst[why] {
			line("           %s:%d %q", x.File, x.Line, x.Text)
		}
	}
	if r.Duration > 0 {
		line("time       %s, %.0f messages a second", r.Duration.Round(time.Millisecond), float64(r.Messages)/r.Duration.Seconds())
	}
	return b.String()
}
