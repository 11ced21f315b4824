// Package exports makes files of what rooms show, for their participants, as jobs.
//
// An export is asked for (Request), is made by a job, and is read in parts (Get, Part) for seven days by the user who asked
// for it. Each line of the file is a message, oldest first. The file is in the store, so every server has it, and a job
// that another server takes over goes on from the last part.
package exports

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/jobs"
)

const (
	// keptFor is how long a file is kept.
	keptFor = 7 * 24 * time.Hour
	// goneAfter is how long after a request the store forgets everything: a job may have to wait.
	goneAfter = 2 * keptFor
	// mostOfRoom is how many exports of a room a user may have that are still kept.
	mostOfRoom = 20
	// partBytes is the size of a part of a file.
	partBytes = 256 << 10
	// pageSize is how many messages are read at a time.
	pageSize = 200
)

// Work is the kind of the jobs that make files. Their key is the room's ID and the login.
const Work = "export"

// Domain is the use cases that exports need; see chat.Service.
type Domain interface {
	Access(ctx context.Context, who chat.Identity, room string) (chat.Room, chat.Person, error)
	Messages(ctx context.Context, who chat.Identity, room string, q chat.PageQuery) (chat.Page, error)
}

// Service makes exports. It may be used concurrently; errors are those of pkg/chat.
type Service struct {
	Parts
}

// Parts are what a Service is made of.
type Parts struct {
	Store  chat.ExportStore
	Domain Domain
	Queue  *jobs.Queue // not started yet
	IDs    *id.Generator
	Now    func() time.Time
	// Encode returns the JSON of a message, on one line.
	Encode func(chat.Message) []byte
}

// New returns a service, and registers its jobs.
func New(p Parts) *Service {
	s := &Service{p}
	p.Queue.Register(Work, s.run)
	return s
}

// Status is how far an export is.
type Status string

// An export is Queued, then Running, and in the end Done or Failed.
const (
	Queued  Status = "queued"
	Running Status = "running"
	Done    Status = "done"
	Failed  Status = "failed"
)

// State is an export and how far it is.
type State struct {
	chat.Export
	Status Status
}

func jobOf(e chat.Export) jobs.Ref {
	return jobs.Ref{Tenant: e.Tenant, Kind: Work, Key: e.Room.ID.String() + " " + e.Login}
}

// Request asks for an export of a room; who has to be a participant. If one of theirs has not ended, it is that one.
// RateLimited if they have too many that are still kept.
func (s *Service) Request(ctx context.Context, who chat.Identity, room string) (State, error) {
	r, _, err := s.Domain.Access(ctx, who, room)
	if err != nil {
		return State{}, err
	}
	now := s.Now().UTC().Truncate(time.Millisecond)
	e := chat.Export{ID: s.IDs.New(), Tenant: who.Tenant, Login: who.Login, Room: r.Ref(), RequestedAt: now, GoneAt: now.Add(goneAfter)}
	if under, ok, err := s.underWay(ctx, e); err != nil || ok {
		return under, err
	}
	old, err := s.Store.ExportsOf(ctx, who.Tenant, r.ID, who.Login, mostOfRoom)
	if err != nil {
		return State{}, err
	}
	if len(old) >= mostOfRoom {
		return State{}, &chat.Error{Kind: chat.RateLimited, Cause: chat.RetryAfter{Duration: time.Hour},
			Message: fmt.Sprintf("you have %d exports of this room: delete one, or wait until it expires", len(old))}
	}
	if err := s.Store.AddExport(ctx, e); err != nil {
		return State{}, err
	}
	work := jobs.NewJob{Ref: jobOf(e), Payload: e.ID[:]}
	j, err := s.Queue.Add(ctx, work)
	if err != nil || id.ID(j.Payload) == e.ID {
		return State{e, Queued}, err
	}
	// Another request was faster, or the job before is finished and not removed yet.
	if under, ok, err := s.underWay(ctx, e); err != nil || ok {
		return under, errors.Join(err, s.Store.DeleteExport(ctx, e))
	}
	work.Replace = true
	_, err = s.Queue.Add(ctx, work)
	return State{e, Queued}, err
}

// underWay returns the export of the same user and room that has not ended.
func (s *Service) underWay(ctx context.Context, e chat.Export) (State, bool, error) {
	j, err := s.Queue.Job(ctx, jobOf(e))
	if chat.IsKind(err, chat.NotFound) || err == nil && j.State == jobs.Dead {
		return State{}, false, nil
	}
	if err != nil {
		return State{}, false, err
	}
	now, err := s.Store.Export(ctx, e.Tenant, id.ID(j.Payload))
	if chat.IsKind(err, chat.NotFound) {
		return State{}, false, s.Queue.Cancel(ctx, jobOf(e)) // it was deleted
	}
	return State{now, statusOf(j)}, err == nil && now.FinishedAt.IsZero(), err
}

func statusOf(j jobs.Job) Status {
	switch {
	case j.State == jobs.Dead:
		return Failed
	case j.State == jobs.Waiting && j.Cursor == nil:
		return Queued
	default:
		return Running
	}
}

// Get returns an export that who has asked for. NotFound if there is none, Gone if it has expired.
func (s *Service) Get(ctx context.Context, who chat.Identity, e id.ID) (State, error) {
	now, err := s.Store.Export(ctx, who.Tenant, e)
	switch {
	case chat.IsKind(err, chat.NotFound) && s.Now().Sub(e.Time()) > keptFor:
		return State{}, expired(e) // ids are never made anew
	case err != nil:
		return State{}, err
	case now.Login != who.Login:
		return State{}, chat.ErrNotFound(chat.ExportEntity, e.String())
	case now.FinishedAt.IsZero():
		return s.unfinished(ctx, now)
	case s.Now().After(now.FinishedAt.Add(keptFor)):
		return State{}, expired(e)
	case now.Failed:
		return State{now, Failed}, nil
	default:
		return State{now, Done}, nil
	}
}

func expired(e id.ID) error {
	return &chat.Error{Kind: chat.Gone, Entity: chat.ExportEntity, Name: e.String(), Message: "this export has expired; ask for another one"}
}

// unfinished returns the state of an export that had not ended when it was read.
func (s *Service) unfinished(ctx context.Context, e chat.Export) (State, error) {
	j, err := s.Queue.Job(ctx, jobOf(e))
	if err == nil && id.ID(j.Payload) == e.ID {
		return State{e, statusOf(j)}, nil
	}
	if err != nil && !chat.IsKind(err, chat.NotFound) {
		return State{}, err
	}
	// The job has ended meanwhile.
	now, err := s.Store.Export(ctx, e.Tenant, e.ID)
	switch {
	case err != nil:
		return State{}, err
	case now.FinishedAt.IsZero() || now.Failed:
		return State{now, Failed}, nil
	default:
		return State{now, Done}, nil
	}
}

// Part returns a part of the file of an export that is Done.
func (s *Service) Part(ctx context.Context, e State, n int) ([]byte, error) {
	return s.Store.ExportPart(ctx, e.Export, n)
}

// Delete ends an export that who has asked for, and removes its file.
func (s *Service) Delete(ctx context.Context, who chat.Identity, e id.ID) error {
	now, err := s.Get(ctx, who, e)
	if err != nil {
		return err
	}
	if now.FinishedAt.IsZero() {
		j, err := s.Queue.Job(ctx, jobOf(now.Export))
		if err == nil && id.ID(j.Payload) == e {
			err = s.Queue.Cancel(ctx, j.Ref)
		}
		if err != nil && !chat.IsKind(err, chat.NotFound) {
			return err
		}
	}
	return s.Store.DeleteExport(ctx, now.Export)
}

// cursor is how far a job is.
type cursor struct {
	After id.ID `json:",omitzero"` // the last message that is in a part
	Parts int
}

// run makes the file of an export.
func (s *Service) run(ctx context.Context, r *jobs.Run) error {
	var at cursor
	if r.Cursor != nil {
		if err := json.Unmarshal(r.Cursor, &at); err != nil {
			return err
		}
	}
	var buf []byte
	for done := r.Done; ; {
		e, err := s.Store.Export(ctx, r.Tenant, id.ID(r.Payload))
		if chat.IsKind(err, chat.NotFound) {
			return nil // it was deleted
		}
		if err != nil {
			return err
		}
		page, err := s.page(ctx, e, at.After)
		if chat.IsKind(err, chat.NotFound) || chat.IsKind(err, chat.Forbidden) || chat.IsKind(err, chat.Gone) {
			return s.finish(ctx, e, at.Parts, true)
		}
		if err != nil {
			return err
		}
		for _, m := range page.Messages {
			buf = append(append(buf, s.Encode(m)...), '\n')
			at.After = m.ID
		}
		done += int64(len(page.Messages))
		if len(buf) < partBytes && page.HasMoreAfter {
			continue
		}
		for len(buf) > 0 {
			n := min(len(buf), partBytes)
			if err := s.Store.PutExportPart(ctx, e, at.Parts, buf[:n]); err != nil {
				return err
			}
			at.Parts++
			buf = buf[n:]
		}
		buf = buf[:0]
		state, err := json.Marshal(at)
		if err != nil {
			return err
		}
		if err := r.Save(ctx, state, done, 0); err != nil {
			return err
		}
		if !page.HasMoreAfter {
			return s.finish(ctx, e, at.Parts, false)
		}
	}
}

// page reads messages as the user of the export sees them.
func (s *Service) page(ctx context.Context, e chat.Export, after id.ID) (chat.Page, error) {
	who := chat.Identity{Tenant: e.Tenant, Login: e.Login}
	r, _, err := s.Domain.Access(ctx, who, e.Room.Name)
	if err != nil {
		return chat.Page{}, err
	}
	if r.ID != e.Room.ID {
		return chat.Page{}, chat.ErrNotFound(chat.RoomEntity, e.Room.Name)
	}
	if after.IsZero() {
		after = id.Min
	}
	return s.Domain.Messages(ctx, who, e.Room.Name, chat.PageQuery{After: &after, Limit: pageSize})
}

func (s *Service) finish(ctx context.Context, e chat.Export, parts int, failed bool) error {
	e.FinishedAt, e.Parts, e.Failed = s.Now().UTC().Truncate(time.Millisecond), parts, failed
	return s.Store.FinishExport(ctx, e)
}
