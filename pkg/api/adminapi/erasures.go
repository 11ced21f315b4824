package adminapi

import (
	"net/http"
	"net/url"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/audit"
	"github.com/confab-chat/confab/pkg/chat"
)

type erasureAnswer struct {
	Login        string `json:"login"`
	KeepMessages bool   `json:"keepMessages"`
	StartedAt    string `json:"startedAt"`
	Rooms        int    `json:"rooms"`
	OfRooms      int    `json:"ofRooms"`
	Messages     int    `json:"messages"`
	Finished     bool   `json:"finished"`
}

func erasureOf(e chat.Erasure, finished bool) erasureAnswer {
	return erasureAnswer{Login: e.Login, KeepMessages: e.KeepMessages, StartedAt: timestamp(e.StartedAt), Rooms: e.Rooms,
		OfRooms: e.OfRooms, Messages: e.Messages, Finished: finished}
}

// erase begins the erasure of a user of the default tenant.
func (a *admin) erase(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Login        *string `json:"login"`
		KeepMessages bool    `json:"keepMessages"`
	}
	if err := api.ReadJSON(w, r, &b); err != nil {
		return err
	}
	if b.Login == nil || *b.Login == "" {
		return chat.Faulty(chat.UserEntity, []chat.Fault{chat.Blank("login", b.Login)})
	}
	e, err := a.Eraser.Erase(r.Context(), chat.DefaultTenant, *b.Login, b.KeepMessages)
	if err != nil {
		return err
	}
	a.record(r, audit.AccountErased, *b.Login, "")
	w.Header().Set("Location", Prefix+"/erasures/"+url.PathEscape(*b.Login))
	return write(w, http.StatusAccepted, erasureOf(e, false))
}

// getErasure says how far an erasure is.
func (a *admin) getErasure(w http.ResponseWriter, r *http.Request) error {
	login := api.Variable(r, "login")
	if !chat.ValidName(login) {
		return chat.ErrNotFound(chat.UserEntity, login)
	}
	e, err := a.Upkeep.Erasing(r.Context(), chat.DefaultTenant, login)
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, erasureOf(e.Erasure, e.Finished))
}
