// Package session binds logins to HTTP: session cookies (gorilla/sessions over a store
// of ours), remember-me cookies and bearer tokens.
package session

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"

	"github.com/gorilla/sessions"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

// Names of the cookies.
const (
	Cookie         = "confab-session"
	RememberCookie = "confab-remember"
)

// secretName is the name under which the key that signs session cookies is kept.
const secretName = "session-cookies"

// Manager identifies the user of a request, and starts and ends sessions. It may be used concurrently.
type Manager struct {
	cookies  *cookieStore
	sessions *auth.Sessions
	remember *auth.Remember
	tokens   *auth.Tokens
	secure   bool
}

// Parts are what a Manager is made of.
type Parts struct {
	Sessions *auth.Sessions
	Remember *auth.Remember
	Tokens   *auth.Tokens
	Secrets  auth.SecretStore
	// Secure marks cookies as good for TLS only. It is also done for requests that come over TLS themselves.
	Secure bool
}

// NewManager makes or finds the signing key and returns a manager.
func NewManager(ctx context.Context, p Parts) (*Manager, error) {
	candidate := make([]byte, 64)
	_, _ = rand.Read(candidate) // never fails
	key, err := p.Secrets.Secret(ctx, secretName, candidate)
	if err != nil {
		return nil, err
	}
	return &Manager{cookies: newCookieStore(p.Sessions, key, p.Secure), sessions: p.Sessions,
		remember: p.Remember, tokens: p.Tokens, secure: p.Secure}, nil
}

// Authenticate returns who sends the request: by bearer token if there is one, else by session,
// else by remembered login, which then starts a session and sets new cookies. Unauthenticated if none of
// these is good; the cookie of a remembered login that is no good is then expired. That of a session is left: a
// login may be under way beside this request.
func (m *Manager) Authenticate(w http.ResponseWriter, r *http.Request) (auth.Login, error) {
	if h := r.Header.Get("Authorization"); h != "" {
		scheme, token, _ := strings.Cut(h, " ")
		if !strings.EqualFold(scheme, "bearer") {
			return auth.Login{}, accessDenied()
		}
		return m.tokens.Find(r.Context(), strings.TrimSpace(token))
	}
	s, err := m.cookies.Get(r, Cookie)
	if err != nil {
		return auth.Login{}, err
	}
	if login, ok := s.Values[loginKey].(auth.Login); ok {
		return login, nil
	}
	return m.resume(w, r, s)
}

// resume tries the remembered login.
func (m *Manager) resume(w http.ResponseWriter, r *http.Request, s *sessions.Session) (auth.Login, error) {
	err := accessDenied()
	cookies := cookiesNamed(r, RememberCookie)
	var login auth.Login
	var next string
	for _, cookie := range cookies {
		if login, next, err = m.remember.Resume(r.Context(), cookie.Value); !chat.IsKind(err, chat.Unauthenticated) {
			break
		}
	}
	if len(cookies) == 0 {
		return auth.Login{}, err
	}
	if chat.IsKind(err, chat.Unauthenticated) {
		m.setRemember(w, r, "", -1)
		return auth.Login{}, accessDenied()
	}
	if err != nil {
		return auth.Login{}, err
	}
	// Also if no session can be started: the token before counts as stolen soon.
	if next != "" {
		m.setRemember(w, r, next, int(auth.RememberFor.Seconds()))
	}
	if err := m.start(w, r, s, login); err != nil {
		return auth.Login{}, err
	}
	return s.Values[loginKey].(auth.Login), nil
}

// LogIn starts a session, with a new id, for a login that was checked. It ends the session and the remembered login that the
// request came with: otherwise their user would be logged in again when the new session is over.
// With remember it also starts a remembered login. Cookies are written only when all of it worked.
func (m *Manager) LogIn(w http.ResponseWriter, r *http.Request, login auth.Login, remember bool) error {
	s, err := m.cookies.Get(r, Cookie)
	if err != nil {
		return err
	}
	had, err := m.forgetDevice(r, s)
	if err != nil && !errors.Is(err, auth.ErrUnwritten) {
		return err
	}
	if old, ok := s.Values[loginKey].(auth.Login); ok {
		if err := m.sessions.End(r.Context(), old.Session); err != nil && !errors.Is(err, auth.ErrUnwritten) {
			return err
		}
	}
	var cookie string
	if remember {
		if cookie, login.Series, err = m.remember.Start(r.Context(), login); err != nil {
			return err
		}
	}
	if err := m.start(w, r, s, login); err != nil {
		return err
	}
	switch {
	case remember:
		m.setRemember(w, r, cookie, int(auth.RememberFor.Seconds()))
	case had:
		m.setRemember(w, r, "", -1)
	}
	return nil
}

// forgetDevice ends the remembered login that a request came with: that of its session and that of its cookie.
// It reports whether there is such a cookie.
func (m *Manager) forgetDevice(r *http.Request, s *sessions.Session) (cookie bool, err error) {
	var forgotten error
	if login, ok := s.Values[loginKey].(auth.Login); ok && !login.Series.IsZero() {
		forgotten = m.remember.ForgetSeries(r.Context(), login.Series)
		if forgotten != nil && !errors.Is(forgotten, auth.ErrUnwritten) {
			return false, forgotten
		}
	}
	for _, c := range cookiesNamed(r, RememberCookie) {
		cookie = true
		if err := m.remember.Forget(r.Context(), c.Value); err != nil {
			forgotten = err
			if !errors.Is(err, auth.ErrUnwritten) {
				return true, err
			}
		}
	}
	return cookie, forgotten
}

func (m *Manager) start(w http.ResponseWriter, r *http.Request, s *sessions.Session, login auth.Login) error {
	s.IsNew, s.Values[loginKey] = true, login
	return s.Save(r, w)
}

// LogOut ends the session of the request and the remembered login of this device, and expires
// both cookies. Without a session it does the same. All of it is done also if the error is auth.ErrUnwritten.
func (m *Manager) LogOut(w http.ResponseWriter, r *http.Request) error {
	s, err := m.cookies.Get(r, Cookie)
	if err != nil {
		return err
	}
	_, forgotten := m.forgetDevice(r, s)
	if forgotten != nil && !errors.Is(forgotten, auth.ErrUnwritten) {
		return forgotten
	}
	s.Options.MaxAge = -1
	ended := s.Save(r, w)
	if ended != nil && !errors.Is(ended, auth.ErrUnwritten) {
		return ended
	}
	m.setRemember(w, r, "", -1)
	return cmp.Or(ended, forgotten)
}

func (m *Manager) setRemember(w http.ResponseWriter, r *http.Request, value string, maxAge int) {
	http.SetCookie(w, sessions.NewCookie(RememberCookie, value, &sessions.Options{
		Path: "/", MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: m.secure || r.TLS != nil,
	}))
}

func accessDenied() error {
	return &chat.Error{Kind: chat.Unauthenticated, Message: "Access Denied"}
}

// Knows reports whether a request comes with a session or a remembered login of that account.
func (m *Manager) Knows(r *http.Request, who chat.Identity) bool {
	s, err := m.cookies.Get(r, Cookie)
	if err != nil {
		return false
	}
	if login, ok := s.Values[loginKey].(auth.Login); ok && login.Identity == who {
		return true
	}
	for _, cookie := range cookiesNamed(r, RememberCookie) {
		if m.remember.Knows(r.Context(), cookie.Value, who) {
			return true
		}
	}
	return false
}

// maxCookies bounds how many cookies of one name are tried: each may take a read of the store.
const maxCookies = 8

// cookiesNamed returns the cookies of a request with that name. There may be several: another site of the domain can set
// one too, and browsers send both.
func cookiesNamed(r *http.Request, name string) []*http.Cookie {
	found := r.CookiesNamed(name)
	return found[:min(len(found), maxCookies)]
}

type contextKey struct{}

// Guard is the Guard of an api.Resource: it lets requests through that Authenticate knows, with the login for
// Of to find.
func (m *Manager) Guard(w http.ResponseWriter, r *http.Request) (*http.Request, error) {
	login, err := m.Authenticate(w, r)
	if err != nil {
		return r, err
	}
	return r.WithContext(context.WithValue(r.Context(), contextKey{}, login)), nil
}

// Of returns the login of a request that Guard has let through.
func Of(r *http.Request) (auth.Login, bool) {
	l, ok := r.Context().Value(contextKey{}).(auth.Login)
	return l, ok
}
