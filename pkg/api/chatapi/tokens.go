package chatapi

import (
	"net/http"
	"strings"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/audit"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

// tokenView is a personal token as its owner sees it. The secret is shown once, when it is made.
type tokenView struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Scopes   []string `json:"scopes"`
	Created  any      `json:"created"`
	Expires  any      `json:"expires"`
	LastUsed any      `json:"lastUsed"`
	Token    string   `json:"token,omitempty"`
}

func tokenOf(a auth.APIToken, secret string) tokenView {
	v := tokenView{ID: a.PublicID(), Name: a.Name, Scopes: strings.Fields(a.Scopes), Created: isoForm.time(a.CreatedAt), Token: secret}
	if !a.ExpiresAt.IsZero() {
		v.Expires = isoForm.time(a.ExpiresAt)
	}
	if !a.LastUsedAt.IsZero() {
		v.LastUsed = isoForm.time(a.LastUsedAt)
	}
	return v
}

// owner returns the user whom the path names, if it is who asks.
func owner(r *http.Request) (chat.Identity, error) {
	if who(r).Login != api.Variable(r, "login") {
		return chat.Identity{}, chat.ErrForbidden("only the user may see and change their tokens")
	}
	return who(r), nil
}

func (m *mount) createToken(w http.ResponseWriter, r *http.Request) error {
	me, err := owner(r)
	if err != nil {
		return err
	}
	var b struct {
		Name      *string   `json:"name"`
		Password  *string   `json:"password"`
		Scopes    *[]string `json:"scopes"`
		ExpiresIn *int64    `json:"expiresIn"`
	}
	if err := api.LimitBody(w, r, maxSignUp); err != nil {
		return err
	}
	if err := api.ReadJSON(w, r, &b); err != nil {
		return err
	}
	secret, a, err := m.personal.Create(r.Context(), me, auth.NewToken{Name: b.Name, Password: b.Password, Scopes: b.Scopes, ExpiresIn: b.ExpiresIn},
		api.ClientAddress(r, m.proxied))
	if err != nil {
		return err
	}
	m.record(r, audit.TokenCreated, me.Login, a.Label())
	w.Header().Set("Location", V1+"/users/"+me.Login+"/tokens/"+a.PublicID())
	api.Write(w, http.StatusCreated, m.contentType(), encode(tokenOf(a, secret)))
	return nil
}

func (m *mount) listTokens(w http.ResponseWriter, r *http.Request) error {
	me, err := owner(r)
	if err != nil {
		return err
	}
	all, err := m.personal.List(r.Context(), me)
	if err != nil {
		return err
	}
	list := struct {
		Tokens []tokenView `json:"tokens"`
	}{[]tokenView{}}
	for _, a := range all {
		list.Tokens = append(list.Tokens, tokenOf(a, ""))
	}
	api.Write(w, http.StatusOK, m.contentType(), encode(list))
	return nil
}

func (m *mount) getToken(w http.ResponseWriter, r *http.Request) error {
	me, err := owner(r)
	if err != nil {
		return err
	}
	a, err := m.personal.Get(r.Context(), me, api.Variable(r, "token"))
	if err != nil {
		return err
	}
	api.Write(w, http.StatusOK, m.contentType(), encode(tokenOf(a, "")))
	return nil
}

func (m *mount) deleteToken(w http.ResponseWriter, r *http.Request) error {
	me, err := owner(r)
	if err != nil {
		return err
	}
	a, err := m.personal.Delete(r.Context(), me, api.Variable(r, "token"))
	if err != nil {
		return err
	}
	m.record(r, audit.TokenDeleted, me.Login, a.Label())
	return noContent(w)
}
