package chatapi

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/audit"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

// authenticate logs in. Existing front ends send the credentials in the query string of a POST whose
// body is "{}"; forms and, on v1, JSON bodies are taken as well.
func (m *mount) authenticate(w http.ResponseWriter, r *http.Request) error {
	if err := api.LimitBody(w, r, maxCredentials); err != nil {
		return err
	}
	var login, password string
	var remember bool
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); m.v1 && kind == "application/json" && r.URL.RawQuery == "" {
		var b struct {
			Login      string `json:"login"`
			Password   string `json:"password"`
			RememberMe bool   `json:"rememberMe"`
		}
		if err := api.ReadJSON(w, r, &b); err != nil {
			return err
		}
		login, password, remember = b.Login, b.Password, b.RememberMe
	} else {
		// A body that is no form holds no credentials; those of the query string are read all the same.
		var tooLong *http.MaxBytesError
		if err := r.ParseForm(); errors.As(err, &tooLong) {
			return err
		}
		login, password = r.Form.Get("j_username"), r.Form.Get("j_password")
		remember = isTrue(r.Form.Get("_spring_security_remember_me"))
	}
	address := api.ClientAddress(r, m.proxied)
	id, err := m.accounts.LogIn(r.Context(), chat.DefaultTenant, login, password,
		auth.From{Address: address, Known: m.sessions.Knows(r, chat.Identity{Tenant: chat.DefaultTenant, Login: login})})
	if err != nil {
		return err
	}
	if err := m.sessions.LogIn(w, r, id, remember); err != nil {
		return err
	}
	m.trail.Record(r.Context(), audit.Event{Kind: audit.LoggedIn, Actor: id.Login, Subject: id.Login, Address: address})
	return noContent(w)
}

// The greatest bodies of requests that anybody may send, in bytes. The longest password is 1024 bytes, each of which
// JSON may write as six.
const (
	maxCredentials = 8 << 10
	maxSignUp      = 64 << 10
)

func isTrue(s string) bool {
	switch strings.ToLower(s) {
	case "true", "on", "yes", "1":
		return true
	}
	return false
}

func (m *mount) logOut(w http.ResponseWriter, r *http.Request) error {
	if !m.origins.Own(r) { // this GET changes something
		return api.ErrOrigin()
	}
	if r.Method != http.MethodPost && m.origins.CrossSite(r) {
		// A link or picture of another site: it has no Origin, and its user does not want to be logged out.
		w.WriteHeader(http.StatusOK)
		return nil
	}
	err := m.sessions.LogOut(w, r)
	if errors.Is(err, auth.ErrUnwritten) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, err = io.WriteString(w, unwrittenLogout)
		return err
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// unwrittenLogout is the body of a logout that counts, but would not outlive the server.
const unwrittenLogout = "You are logged out. The server cannot write this down now, as its disk takes nothing, and does so as soon as it can. " +
	"If it is restarted before that, whoever has a copy of this session's cookie is logged in until the session expires.\n"

func (m *mount) rememberMe(w http.ResponseWriter, r *http.Request) error {
	u, err := m.chat.User(r.Context(), who(r).Tenant, who(r).Login)
	if err != nil {
		return err
	}
	return m.ok(w, m.form.user(u)) // never kept: the answer may set cookies
}
