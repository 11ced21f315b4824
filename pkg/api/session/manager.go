// Package session binds logins to HTTP: session cookies (gorilla/sessions over a store
// of ours), remember-me cookies and bearer tokens.
package session

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/sessions"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

// secretName is the name under which the key that signs session cookies is kept. The cookies' names follow from it too.
const secretName = "session-cookies"

// Manager identifies the user of a request, and starts and ends sessions. It may be used concurrently.
type Manager struct {
	cookies   *cookieStore
	sessions  *auth.Sessions
	remember  *auth.Remember
	tokens    *auth.Tokens
	names     Names
	hostNames Names // those over TLS
	secure    bool
}

// Parts are what a Manager is made of.
type Parts struct {
	Sessions *auth.Sessions
	Remember *auth.Remember
	Tokens   *auth.Tokens
	Secrets  auth.SecretStore
	// Secure marks cookies as good for TLS only. It is also done for requests that come over TLS themselves.
	Secure bool
	// Signatures is how many good signatures of cookies are cached; MostSignatures if zero.
	Signatures int
}

// NewManager makes or finds the signing key and returns a manager.
func NewManager(ctx context.Context, p Parts) (*Manager, error) {
	candidate := make([]byte, 64)
	_, _ = rand.Read(candidate) // never fails
	key, err := p.Secrets.Secret(ctx, secretName, candidate)
	if err != nil {
		return nil, err
	}
	names := newNames(key)
	return &Manager{cookies: newCookieStore(p.Sessions, key, cmp.Or(p.Signatures, MostSignatures)), sessions: p.Sessions,
		remember: p.Remember, tokens: p.Tokens, names: names, hostNames: names.forHost(), secure: p.Secure}, nil
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
	// Nearly every request comes with the cookie of a session that has begun: nothing is made for it.
	name := m.Names(r).Session
	found, _, err := m.cookies.find(r, name)
	if err != nil {
		return auth.Login{}, err
	}
	if found != nil {
		return loginIn(found), nil
	}
	s, err := sessions.GetRegistry(r).Get(withoutFind{m.cookies}, name)
	if err != nil {
		return auth.Login{}, err
	}
	if login, ok := s.Values[loginKey].(auth.Login); ok {
		if value, ok := s.Values[earlierKey].(string); ok {
			// The cookie of the earlier name stays: servers of the version before, beside this one, know no other.
			http.SetCookie(w, sessions.NewCookie(s.Name(), value, s.Options))
		}
		return login, nil
	}
	return m.resume(w, r, s)
}

// session finds the session of a request, or makes a new one.
func (m *Manager) session(r *http.Request) (*sessions.Session, error) {
	return m.cookies.Get(r, m.Names(r).Session)
}

// resume tries the remembered login. The cookies of the earlier name come last: one that was replaced would be taken for a
// stolen one.
func (m *Manager) resume(w http.ResponseWriter, r *http.Request, s *sessions.Session) (auth.Login, error) {
	err := accessDenied()
	own := cookiesNamed(r, m.Names(r).Remember)
	var login auth.Login
	var next string
	var earlier bool
	for i, cookie := range slices.Concat(own, cookiesNamed(r, earlierNames.Remember)) {
		if login, next, err = m.remember.Resume(r.Context(), cookie.Value); !chat.IsKind(err, chat.Unauthenticated) {
			earlier = i >= len(own)
			break
		}
	}
	if chat.IsKind(err, chat.Unauthenticated) {
		if len(own) > 0 {
			m.expire(w, r, m.Names(r).Remember)
		}
		return auth.Login{}, accessDenied()
	}
	if err != nil {
		return auth.Login{}, err
	}
	// Also if no session can be started: the token before counts as stolen soon.
	if next != "" {
		m.setRemember(w, r, next)
	}
	if earlier {
		m.expire(w, r, earlierNames.Remember)
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
	s, err := m.session(r)
	if err != nil {
		return err
	}
	earlier := m.earlierOf(r)
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
	m.expire(w, r, earlier...)
	switch {
	case remember:
		m.setRemember(w, r, cookie)
	case had:
		m.expire(w, r, m.Names(r).Remember)
	}
	return nil
}

// forgetDevice ends the remembered login that a request came with: that of its session and that of its cookie.
// It reports whether there is such a cookie of this installation's name.
func (m *Manager) forgetDevice(r *http.Request, s *sessions.Session) (cookie bool, err error) {
	var forgotten error
	if login, ok := s.Values[loginKey].(auth.Login); ok && !login.Series.IsZero() {
		forgotten = m.remember.ForgetSeries(r.Context(), login.Series)
		if forgotten != nil && !errors.Is(forgotten, auth.ErrUnwritten) {
			return false, forgotten
		}
	}
	own := cookiesNamed(r, m.Names(r).Remember)
	for _, c := range slices.Concat(own, cookiesNamed(r, earlierNames.Remember)) {
		if err := m.remember.Forget(r.Context(), c.Value); err != nil {
			forgotten = err
			if !errors.Is(err, auth.ErrUnwritten) {
				return true, err
			}
		}
	}
	return len(own) > 0, forgotten
}

func (m *Manager) start(w http.ResponseWriter, r *http.Request, s *sessions.Session, login auth.Login) error {
	s.IsNew, s.Values[loginKey] = true, login
	return s.Save(r, w)
}

// LogOut ends the session of the request and the remembered login of this device, and expires
// both cookies. Without a session it does the same. All of it is done also if the error is auth.ErrUnwritten.
func (m *Manager) LogOut(w http.ResponseWriter, r *http.Request) error {
	s, err := m.session(r)
	if err != nil {
		return err
	}
	earlier := m.earlierOf(r)
	_, forgotten := m.forgetDevice(r, s)
	if forgotten != nil && !errors.Is(forgotten, auth.ErrUnwritten) {
		return forgotten
	}
	s.Options.MaxAge = -1
	ended := s.Save(r, w)
	if ended != nil && !errors.Is(ended, auth.ErrUnwritten) {
		return ended
	}
	m.expire(w, r, append(earlier, m.Names(r).Remember)...)
	return cmp.Or(ended, forgotten)
}

func (m *Manager) setRemember(w http.ResponseWriter, r *http.Request, value string) {
	m.set(w, r, m.Names(r).Remember, value, int(auth.RememberFor.Seconds()))
}

// expire removes cookies from the browser.
func (m *Manager) expire(w http.ResponseWriter, r *http.Request, names ...string) {
	for _, name := range names {
		m.set(w, r, name, "", -1)
	}
}

func (m *Manager) set(w http.ResponseWriter, r *http.Request, name, value string, maxAge int) {
	o := options(m.overTLS(r))
	o.MaxAge = maxAge
	http.SetCookie(w, sessions.NewCookie(name, value, &o))
}

func accessDenied() error {
	return &chat.Error{Kind: chat.Unauthenticated, Message: "Access Denied"}
}

// Knows reports whether a request comes with a session or a remembered login of that account.
func (m *Manager) Knows(r *http.Request, who chat.Identity) bool {
	s, err := m.session(r)
	if err != nil {
		return false
	}
	if login, ok := s.Values[loginKey].(auth.Login); ok && login.Identity == who {
		return true
	}
	for _, cookie := range slices.Concat(cookiesNamed(r, m.Names(r).Remember), cookiesNamed(r, earlierNames.Remember)) {
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

// CheckScope refuses a request that Guard has let through with a token which does not open the operation.
func CheckScope(r *http.Request, op api.Operation) error {
	l, ok := Of(r)
	if !ok {
		return nil
	}
	return api.CheckScope(l, r, op)
}
