package tenant

import (
	"context"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/jobs"
)

// deletionJob is the kind of the jobs that remove what belonged to a deleted app or organisation.
const deletionJob = "tenant-deletion"

const (
	// deletionSpace has a Deletion for each job, for operators to look at.
	deletionKind  directory.Kind = "deletions"
	deletionSpace                = string(deletionKind)
	// deletionsKept is how long a deletion that is done is shown.
	deletionsKept = 30 * 24 * time.Hour
	// deletionIntent is how long the job waits for the call that begins it.
	deletionIntent = time.Minute
	deletionPage   = 100
)

// Deletion is the deletion of an app or an organisation.
type Deletion struct {
	ID           id.ID  `json:"-"` // of the entry; the time in it is when it was asked for
	Type         string `json:"type"`
	Name         string `json:"name"`
	Organisation id.ID  `json:"organisation"`
	App          id.ID  `json:"app,omitzero"`
	// Admins are the accounts that end with an organisation.
	Admins []id.ID `json:"admins,omitzero"`
	Done   bool    `json:"done,omitzero"`
}

// UUID is the id of what is deleted.
func (d Deletion) UUID() id.ID {
	if d.App.IsZero() {
		return d.Organisation
	}
	return d.App
}

// DeleteApp makes an app unreachable, frees its name, and removes its data in the background. Forbidden for the default
// app.
func (s *Service) DeleteApp(ctx context.Context, o Organisation, a App) error {
	if a.Default() {
		return chat.ErrForbidden("this application shows the chat API's own users and stays")
	}
	return s.begin(ctx, Deletion{Type: "application", Name: o.Name + "/" + a.Name, Organisation: o.ID, App: a.ID})
}

// DeleteOrganisation is DeleteApp for all apps of an organisation, and ends its administrators.
func (s *Service) DeleteOrganisation(ctx context.Context, o Organisation) error {
	if err := o.ordinary(); err != nil {
		return err
	}
	apps, err := s.Apps(ctx, o)
	if err != nil {
		return err
	}
	for _, a := range apps {
		if err := s.DeleteApp(ctx, o, a); err != nil {
			return err
		}
	}
	d := Deletion{Type: "organization", Name: o.Name, Organisation: o.ID}
	for _, a := range o.Admins {
		d.Admins = append(d.Admins, a.ID)
	}
	return s.begin(ctx, d)
}

// begin stores the job, makes the thing unreachable, and lets the job run.
func (s *Service) begin(ctx context.Context, d Deletion) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	payload, err := json.Marshal(d)
	if err != nil {
		return err
	}
	j, err := s.queue.Add(ctx, jobs.NewJob{Ref: jobs.Ref{Tenant: Administration, Kind: deletionJob, Key: d.UUID().String()},
		Payload: payload, Delay: deletionIntent})
	if err != nil {
		return err
	}
	if err := s.note(ctx, d); err != nil {
		return err
	}
	if err := s.hide(ctx, d); err != nil {
		return err
	}
	s.queue.Begin(j)
	return nil
}

// hide makes what is deleted unreachable and frees its name. It may be repeated.
func (s *Service) hide(ctx context.Context, d Deletion) error {
	if d.App.IsZero() {
		err := s.store.DeleteEntry(ctx, orgSpace, d.Organisation)
		s.orgs.Forget(orgSpace, d.Organisation)
		return err
	}
	space := appSpace(d.Organisation)
	err := s.store.DeleteEntry(ctx, space, d.App)
	s.apps.Forget(space, d.App)
	return err
}

// note makes sure that the deletion is listed.
func (s *Service) note(ctx context.Context, d Deletion) error {
	value, err := json.Marshal(d)
	if err != nil {
		return err
	}
	err = s.store.CreateEntry(ctx, directory.Entry{Space: deletionSpace, ID: s.ids.New(), Name: d.UUID().String(), Value: value, Version: 1})
	if chat.IsKind(err, chat.Conflict) {
		return nil
	}
	return err
}

// delete is the handler of deletionJob.
func (s *Service) delete(ctx context.Context, r *jobs.Run) error {
	var d Deletion
	if err := json.Unmarshal(r.Payload, &d); err != nil {
		return err
	}
	if err := s.note(ctx, d); err != nil {
		return err
	}
	if err := s.hide(ctx, d); err != nil {
		return err
	}
	for _, u := range d.Admins {
		if err := s.accounts.Remove(ctx, account.Account{Tenant: Administration, ID: u}); err != nil {
			return err
		}
	}
	if !d.App.IsZero() && s.forgetApp != nil {
		if err := s.forgetApp(ctx, App{ID: d.App}.Tenant()); err != nil {
			return err
		}
	}
	if !d.App.IsZero() {
		done := r.Done
		if err := s.rooms.removeAll(ctx, App{ID: d.App}.Tenant(), func(n int) error {
			done += int64(n)
			return r.Save(ctx, nil, done, 0)
		}); err != nil {
			return err
		}
	}
	if !d.App.IsZero() {
		if err := s.removeAccounts(ctx, r, App{ID: d.App}.Tenant()); err != nil {
			return err
		}
		done := r.Done
		if err := s.removeFiles(ctx, App{ID: d.App}.Tenant(), func(n int) error { return r.Save(ctx, nil, done+int64(n), 0) }); err != nil {
			return err
		}
	}
	return s.finish(ctx, d)
}

// removeAccounts deletes the accounts of a tenant, each after what belongs to it.
func (s *Service) removeAccounts(ctx context.Context, r *jobs.Run, t chat.Tenant) error {
	for done := r.Done; ; {
		page, more, err := s.accounts.List(ctx, t, id.ID{}, deletionPage)
		if err != nil {
			return err
		}
		for _, a := range page {
			if err := s.forget(ctx, a.Identity()); err != nil {
				return err
			}
			if err := s.accounts.Remove(ctx, a); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
		done += int64(len(page))
		if err := r.Save(ctx, nil, done, 0); err != nil {
			return err
		}
	}
}

// finish notes that a deletion is done.
func (s *Service) finish(ctx context.Context, d Deletion) error {
	e, err := s.store.EntryNamed(ctx, deletionSpace, d.UUID().String())
	if err != nil {
		return err
	}
	d.Done = true
	if e.Value, err = json.Marshal(d); err != nil {
		return err
	}
	err = s.store.ReplaceEntry(ctx, e)
	if chat.IsKind(err, chat.Stale) { // by an earlier worker
		err = nil
	}
	return err
}

// Deletions returns deletions, the newest first, of the last 30 days and those that are not done, at most limit.
func (s *Service) Deletions(ctx context.Context, now time.Time, limit int) ([]Deletion, error) {
	es, err := s.store.NewestEntries(ctx, deletionSpace, id.ID{}, limit)
	if err != nil {
		return nil, err
	}
	var list []Deletion
	for _, e := range es {
		d := Deletion{ID: e.ID}
		if err := json.Unmarshal(e.Value, &d); err != nil {
			return nil, err
		}
		d.ID = e.ID
		if d.Done && now.Sub(e.ID.Time()) > deletionsKept {
			if err := s.store.DeleteEntry(ctx, deletionSpace, e.ID); err != nil {
				return nil, err
			}
			continue
		}
		list = append(list, d)
	}
	return list, nil
}
