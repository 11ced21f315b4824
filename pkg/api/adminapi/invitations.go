package adminapi

import (
	"fmt"
	"net/http"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/audit"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/invite"
)

func (a *admin) invitationRoutes() []api.Route {
	return []api.Route{
		{Path: "/invitations", Operations: api.Operations{
			"GET":  {ID: "listInvitations", Serve: a.listInvitations, Answers: api.Is(200)},
			"POST": {ID: "createInvitation", Serve: a.createInvitation, Secret: true, Body: api.JSON, Answers: api.Is(201, 409, 422)},
		}},
		{Path: "/invitations/{invitation}", Operations: api.Operations{
			"GET":    {ID: "getInvitation", Serve: a.getInvitation, Answers: api.Is(200, 404)},
			"DELETE": {ID: "deleteInvitation", Serve: a.deleteInvitation, Answers: api.Is(204, 404)},
		}},
	}
}

type invitationAnswer struct {
	ID      string `json:"id"`
	Count   int    `json:"count"`
	Used    int    `json:"used"`
	Expires string `json:"expires"`
	Created string `json:"created"`
	By      string `json:"by"`
	Note    string `json:"note"`
	Link    string `json:"link,omitempty"`
}

func invitationOf(i invite.Invitation) invitationAnswer {
	return invitationAnswer{ID: i.ID.String(), Count: i.Most, Used: i.Used, Expires: timestamp(i.ExpiresAt), Created: timestamp(i.CreatedAt()), By: i.By, Note: i.Note}
}

// invitationPage is the page's address with an invitation; browsers send nobody what comes after "#".
const invitationPage = "/ui/chat/index.html#/signup/"

func (a *admin) createInvitation(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Count     *int   `json:"count"`
		ExpiresIn *int64 `json:"expiresIn"`
		Note      string `json:"note"`
	}
	if err := api.ReadJSON(w, r, &b); err != nil {
		return err
	}
	secret, i, err := a.Invitations.Create(r.Context(), by(r), invite.NewInvitation{Count: b.Count, ExpiresIn: b.ExpiresIn, Note: b.Note})
	if err != nil {
		return err
	}
	a.record(r, audit.InvitationCreated, i.ID.String(), fmt.Sprintf("for %d accounts, until %s", i.Most, timestamp(i.ExpiresAt)))
	w.Header().Set("Location", Prefix+"/invitations/"+i.ID.String())
	answer := invitationOf(i)
	answer.Link = a.Origins.Public + invitationPage + secret
	return write(w, http.StatusCreated, answer)
}

func (a *admin) listInvitations(w http.ResponseWriter, r *http.Request) error {
	all, err := a.Invitations.List(r.Context(), chat.DefaultTenant)
	if err != nil {
		return err
	}
	out := struct {
		Invitations []invitationAnswer `json:"invitations"`
	}{[]invitationAnswer{}}
	for _, i := range all {
		out.Invitations = append(out.Invitations, invitationOf(i))
	}
	return write(w, http.StatusOK, out)
}

// invitationID is the invitation that a request names.
func invitationID(r *http.Request) (id.ID, error) {
	text := api.Variable(r, "invitation")
	u, err := id.Parse(text)
	if err != nil {
		err = chat.ErrNotFound(invite.Entity, text)
	}
	return u, err
}

func (a *admin) getInvitation(w http.ResponseWriter, r *http.Request) error {
	u, err := invitationID(r)
	if err != nil {
		return err
	}
	i, err := a.Invitations.Get(r.Context(), chat.DefaultTenant, u)
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, invitationOf(i))
}

func (a *admin) deleteInvitation(w http.ResponseWriter, r *http.Request) error {
	u, err := invitationID(r)
	if err != nil {
		return err
	}
	return a.done(w, r, a.Invitations.Delete(r.Context(), chat.DefaultTenant, u), audit.InvitationDeleted, u.String(), "")
}
