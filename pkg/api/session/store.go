package session

import (
	"errors"
	"net/http"

	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"
	"github.com/maypok86/otter/v2"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

// valueKey is the type of the keys in a session's Values.
type valueKey int

const (
	// loginKey holds the auth.Login of a session that is alive.
	loginKey valueKey = iota
	// earlierKey holds the value of the cookie if it came under the earlier name.
	earlierKey
)

// cookieStore is the gorilla/sessions Store over our own: the cookie carries the signed
// random id, everything else is kept on the server under the id's hash.
type cookieStore struct {
	sessions *auth.Sessions
	codec    securecookie.Codec
	// signed holds the session hash of cookie values whose signature was found good: that does not change.
	signed *otter.Cache[string, auth.Hash]
}

// MostSignatures should bound that, if there is memory for some 10 MB. Only values that
// the server has made get in.
const MostSignatures = 20_000

var _ sessions.Store = (*cookieStore)(nil)

func newCookieStore(s *auth.Sessions, key []byte, signatures int) *cookieStore {
	codec := securecookie.New(key, nil)
	codec.MaxAge(0) // the server knows when a session ends
	codec.SetSerializer(securecookie.NopEncoder{})
	return &cookieStore{sessions: s, codec: codec, signed: otter.Must(&otter.Options[string, auth.Hash]{MaximumSize: signatures})}
}

// options are those of all cookies.
func options(secure bool) sessions.Options {
	return sessions.Options{Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: secure}
}

// signedAs is the name that the signature of a session cookie covers, whatever the cookie's own name.
const signedAs = "confab-session"

// Get returns the session of this request, found once a request.
func (c *cookieStore) Get(r *http.Request, name string) (*sessions.Session, error) {
	return sessions.GetRegistry(r).Get(c, name)
}

// New finds the session that the request's cookie names, or returns a new, empty one. The error is that of a
// store that cannot answer; a cookie that is no good is no error.
func (c *cookieStore) New(r *http.Request, name string) (*sessions.Session, error) {
	found, _, err := c.find(r, name)
	return c.begin(r, name, found, err)
}

// withoutFind is the store for a request in which find has found no session of the present name.
type withoutFind struct{ *cookieStore }

func (c withoutFind) New(r *http.Request, name string) (*sessions.Session, error) {
	return c.begin(r, name, nil, nil)
}

// begin is New after find. Without a session that was found, it looks for one of the earlier name.
func (c *cookieStore) begin(r *http.Request, name string, found *auth.Session, err error) (*sessions.Session, error) {
	s := sessions.NewSession(c, name)
	opts := options(isForHost(name))
	s.Options = &opts
	s.IsNew = true
	if err == nil && found == nil {
		var value string
		if found, value, err = c.find(r, earlierNames.Session); found != nil {
			s.Values[earlierKey] = value
		}
	}
	if found != nil {
		s.IsNew = false
		s.Values[loginKey] = loginIn(found)
	}
	return s, err
}

func loginIn(found *auth.Session) auth.Login {
	return auth.Login{
		Identity: chat.Identity{Tenant: found.Tenant, Login: found.Login},
		Session:  found.Hash, Series: found.Series, Epoch: found.Epoch,
	}
}

// find returns the session that a cookie of that name belongs to, and the cookie's value; nil if there is none.
func (c *cookieStore) find(r *http.Request, name string) (*auth.Session, string, error) {
	for _, cookie := range cookiesNamed(r, name) {
		hash, ok := c.cookieHash(cookie.Value)
		if !ok {
			continue
		}
		found, err := c.sessions.Find(r.Context(), hash)
		if chat.IsKind(err, chat.NotFound) {
			continue
		}
		if err != nil {
			return nil, "", err
		}
		return &found, cookie.Value, nil
	}
	return nil, "", nil
}

// Save starts the session on the server if it is new, or, with a negative MaxAge, ends it there; and writes the cookie.
func (c *cookieStore) Save(r *http.Request, w http.ResponseWriter, s *sessions.Session) error {
	login, _ := s.Values[loginKey].(auth.Login)
	if s.Options.MaxAge < 0 {
		var ended error
		if !login.Session.IsZero() {
			ended = c.sessions.End(r.Context(), login.Session)
			if ended != nil && !errors.Is(ended, auth.ErrUnwritten) {
				return ended
			}
		}
		http.SetCookie(w, sessions.NewCookie(s.Name(), "", s.Options))
		return ended
	}
	if !s.IsNew {
		return nil
	}
	id, started, err := c.sessions.Start(r.Context(), login)
	if err != nil {
		return err
	}
	login.Session = started.Hash
	s.ID, s.Values[loginKey], s.IsNew = id, login, false
	value, err := c.codec.Encode(signedAs, []byte(id))
	if err != nil {
		return err
	}
	http.SetCookie(w, sessions.NewCookie(s.Name(), value, s.Options))
	return nil
}

// cookieHash returns the hash of the session id in the value of a cookie, if the server signed it.
func (c *cookieStore) cookieHash(value string) (auth.Hash, bool) {
	if hash, ok := c.signed.GetIfPresent(value); ok {
		return hash, true
	}
	var id []byte
	if err := c.codec.Decode(signedAs, value, &id); err != nil {
		return auth.Hash{}, false
	}
	hash := auth.HashOf(string(id))
	c.signed.Set(value, hash)
	return hash, true
}
