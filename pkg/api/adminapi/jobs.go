package adminapi

import (
	"cmp"
	"net/http"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/jobs"
)

// jobAnswer is a job as operators see it. Its payload is not shown: it may have what users wrote.
type jobAnswer struct {
	Tenant   string `json:"tenant"`
	Kind     string `json:"kind"`
	Key      string `json:"key"`
	State    string `json:"state"`
	AddedAt  string `json:"addedAt"`
	DueAt    string `json:"dueAt"`
	Done     int64  `json:"done"`
	Total    int64  `json:"total"`
	Failures int    `json:"failures"`
	Failure  string `json:"failure"`
}

func jobOf(j jobs.Job) jobAnswer {
	return jobAnswer{Tenant: string(j.Tenant), Kind: j.Kind, Key: j.Key, State: j.State.String(), AddedAt: timestamp(j.AddedAt), DueAt: timestamp(j.Due),
		Done: j.Done, Total: j.Total, Failures: j.Attempts, Failure: j.Failure}
}

// maxJobs bounds the answer of listJobs.
const maxJobs = 1000

func (a *admin) listJobs(w http.ResponseWriter, r *http.Request) error {
	q, err := api.Query(r)
	if err != nil {
		return err
	}
	state, kind := q.Get("state"), q.Get("kind")
	if state != "" && state != jobs.Waiting.String() && state != jobs.Running.String() && state != jobs.Dead.String() {
		return api.Malformed("state has to be waiting, running or dead")
	}
	all, err := a.Jobs.List(r.Context(), maxJobs, func(j jobs.Job) bool {
		return (state == "" || j.State.String() == state) && (kind == "" || j.Kind == kind)
	})
	if err != nil {
		return err
	}
	out := struct {
		Jobs []jobAnswer `json:"jobs"`
	}{[]jobAnswer{}}
	for _, j := range all {
		out.Jobs = append(out.Jobs, jobOf(j))
	}
	return write(w, http.StatusOK, out)
}

// refOf returns the job that a request names.
func refOf(r *http.Request) (jobs.Ref, error) {
	q, err := api.Query(r)
	if err != nil {
		return jobs.Ref{}, err
	}
	t := chat.Tenant(cmp.Or(q.Get("tenant"), string(chat.DefaultTenant)))
	return jobs.Ref{Tenant: t, Kind: api.Variable(r, "kind"), Key: api.Variable(r, "key")}, nil
}

func (a *admin) getJob(w http.ResponseWriter, r *http.Request) error {
	ref, err := refOf(r)
	if err != nil {
		return err
	}
	j, err := a.Jobs.Job(r.Context(), ref)
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, jobOf(j))
}

// retryJob makes a job that is dead, or waits, run now.
func (a *admin) retryJob(w http.ResponseWriter, r *http.Request) error {
	ref, err := refOf(r)
	if err != nil {
		return err
	}
	j, err := a.Jobs.Retry(r.Context(), ref)
	if err != nil {
		return err
	}
	return write(w, http.StatusAccepted, jobOf(j))
}
