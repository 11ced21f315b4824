// Package server puts a confab node together: store, domain, logins and every API
// on one HTTP handler. What each part does is the part's own affair.
package server

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/api/chatapi"
	"github.com/confab-chat/confab/pkg/api/session"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/store"
	"github.com/confab-chat/confab/web"
)

// Config is what a node can be told. The zero value of each setting but Log means its default.
type Config struct {
	// Secure says that browsers reach the server over TLS; cookies are then marked so.
	Secure bool
	// Origins are the web origins, besides the server's own, whose pages may act for a logged-in user.
	Origins []string
	// Proxied says that a proxy in front writes X-Forwarded-For.
	Proxied bool
	// SessionIdle is how long a session lives without being used.
	SessionIdle time.Duration
	// RememberGrace is how long the previous token of a remembered login is still accepted.
	RememberGrace time.Duration
	// LoginFailures is how many failed logins a minute are allowed for a login from an address; negative: any number.
	LoginFailures int
	// Hashes is how many passwords are hashed at once.
	Hashes int
	// Admin is the administrator to make sure of; none without a login.
	Admin auth.Admin

	Now func() time.Time
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.SessionIdle == 0 {
		c.SessionIdle = 30 * time.Minute
	}
	if c.RememberGrace == 0 {
		c.RememberGrace = 10 * time.Second
	}
	if c.LoginFailures == 0 {
		c.LoginFailures = 60
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

// Node is a running server without its listener.
type Node struct {
	// Handler serves everything.
	Handler http.Handler
	// Chat is the domain, for programs that work beside the APIs.
	Chat *chat.Service
	// Accounts checks and changes passwords.
	Accounts *auth.Accounts
}

// New starts a node on a store, which stays the caller's. Close ends it.
func New(ctx context.Context, c Config, st store.Store) (*Node, error) {
	c = c.withDefaults()
	hasher := auth.NewHasher(c.Hashes)
	sessions := auth.NewSessions(st, c.SessionIdle, c.Now, nil)
	remember := auth.NewRemember(st, sessions, c.RememberGrace, c.Now, c.Log)
	accounts := auth.NewAccounts(st, hasher, auth.NewThrottle(max(c.LoginFailures, 0)), sessions, remember, c.Log)
	if c.Admin.Login != "" {
		if err := accounts.EnsureAdmin(ctx, st, c.Admin); err != nil {
			return nil, err
		}
	}
	manager, err := session.NewManager(ctx, session.Parts{Sessions: sessions, Remember: remember,
		Tokens: auth.NewTokens(st, c.Now), Secrets: st, Secure: c.Secure})
	if err != nil {
		return nil, err
	}
	service := chat.NewService(chat.Options{Store: st, Hasher: hasher, IDs: id.NewGenerator(c.Now), Now: c.Now, Log: c.Log})
	origins := api.Origins{Allowed: c.Origins}
	chatAPI := chatapi.New(chatapi.Parts{Chat: service, Accounts: accounts, Sessions: manager, Origins: origins,
		Proxied: c.Proxied, Now: c.Now, Log: c.Log})

	r := mux.NewRouter().UseEncodedPath().SkipClean(true)
	r.NotFoundHandler = http.HandlerFunc(chatAPI.Unknown)
	r.Handle("/readyz", readiness{st})
	r.PathPrefix("/ui/chat/").Handler(web.Handler())
	r.Handle("/", &api.Resource{Methods: map[string]api.Handler{"GET": toFrontEnd}, Open: []string{"GET"},
		Fail: chatAPI.Fail})
	chatAPI.Register(r)
	return &Node{Handler: protect(c.Log, origins.CORS(r)), Chat: service, Accounts: accounts}, nil
}

// Close ends the node's background work.
func (n *Node) Close() { n.Chat.Close() }

func toFrontEnd(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, "/ui/chat/index.html", http.StatusFound)
	return nil
}
