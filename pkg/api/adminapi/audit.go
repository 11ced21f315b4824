package adminapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/audit"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// record notes in the audit trail what the administrator of a request has done.
func (a *admin) record(r *http.Request, kind audit.Kind, subject, detail string) {
	a.Trail.Record(r.Context(), audit.Event{Kind: kind, Actor: by(r).Login, Subject: subject, Address: api.ClientAddress(r, a.Proxied), Detail: detail})
}

type eventAnswer struct {
	ID      string `json:"id"`
	At      string `json:"at"`
	Kind    string `json:"kind"`
	Actor   string `json:"actor"`
	Subject string `json:"subject"`
	Address string `json:"address"`
	Detail  string `json:"detail"`
	Count   int    `json:"count"`
}

// maxEvents is the greatest number of events in one answer; more is counted as this.
const maxEvents = 1000

// listEvents shows the audit trail, the newest first.
func (a *admin) listEvents(w http.ResponseWriter, r *http.Request) error {
	q, limit, err := listed(r, maxEvents)
	if err != nil {
		return err
	}
	var before id.ID
	if text := q.Get("before"); text != "" {
		if before, err = id.Parse(text); err != nil {
			return api.Malformed("before has to be the next of another answer")
		}
	}
	if kind := audit.Kind(q.Get("kind")); kind != "" && !slices.Contains(audit.Kinds(), kind) {
		return api.Malformed("there is no such kind of events; the kinds are %s", strings.Trim(fmt.Sprint(audit.Kinds()), "[]"))
	}
	events, next, err := a.Trail.Events(r.Context(), chat.DefaultTenant, audit.Filter{Kind: audit.Kind(q.Get("kind")), Login: q.Get("login")}, before, limit)
	if err != nil {
		return err
	}
	out := struct {
		Events []eventAnswer `json:"events"`
		Next   *string       `json:"next"`
	}{Events: []eventAnswer{}}
	for _, e := range events {
		out.Events = append(out.Events, eventAnswer{ID: e.ID.String(), At: timestamp(e.At()), Kind: string(e.Kind), Actor: e.Actor, Subject: e.Subject,
			Address: e.Address, Detail: e.Detail, Count: e.Count})
	}
	if !next.IsZero() {
		text := next.String()
		out.Next = &text
	}
	return write(w, http.StatusOK, out)
}
