package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// root is where the API is on a server.
const root = "/api/chat/v1"

const (
	defaultTimeout  = 30 * time.Second
	defaultRetryFor = time.Minute
	// longestAnswer bounds what is read of one answer, in bytes.
	longestAnswer = 32 << 20
)

// Client calls the API of one server as one user. All methods may be called concurrently.
type Client struct {
	base     string
	http     *http.Client
	timeout  time.Duration // of one request
	retryFor time.Duration
	log      *slog.Logger
	token    string
	login    string
	password string

	loggingIn chan struct{} // one caller logs in at a time
	mu        sync.Mutex
	session   string // the cookies of the session; empty: none
}

// Option configures a Client.
type Option func(*Client)

// WithPassword makes the client act as this user. It logs in with the first request that needs it, and again when the
// session has ended.
func WithPassword(login, password string) Option {
	return func(c *Client) { c.login, c.password = login, password }
}

// WithToken makes the client act by an API token, which is sent as Authorization: Bearer.
func WithToken(token string) Option { return func(c *Client) { c.token = token } }

// WithHTTPClient sets what sends the requests, WebSockets included. Its Timeout, 30 s if it is zero, bounds each try of a
// request. Its Jar is not used. Redirects are not followed: credentials go to the named server alone.
func WithHTTPClient(h *http.Client) Option { return func(c *Client) { *c.http = *h } }

// WithRetryFor sets for how long a request is repeated; 0 means never, the default is one minute. A new try begins only
// within this time, so that a call may last as much longer as one try does.
func WithRetryFor(d time.Duration) Option { return func(c *Client) { c.retryFor = d } }

// WithLogger sets where lost connections are logged; the default is nowhere.
func WithLogger(l *slog.Logger) Option { return func(c *Client) { c.log = l } }

// New returns a client of the server at baseURL, which is like https://chat.example.org. It sends nothing yet.
func New(baseURL string, options ...Option) (*Client, error) {
	u, err := url.Parse(baseURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.User != nil {
		return nil, errors.New("client: the server's address has to be like https://chat.example.org")
	}
	c := &Client{base: strings.TrimSuffix(u.String(), "/") + root, http: &http.Client{}, retryFor: defaultRetryFor,
		log: slog.New(slog.DiscardHandler), loggingIn: make(chan struct{}, 1)}
	for _, o := range options {
		o(c)
	}
	if c.token != "" && c.login != "" {
		return nil, errors.New("client: give a password or a token, not both")
	}
	// The timeout bounds each try instead: http.Client would end a WebSocket by it.
	c.timeout, c.http.Timeout = c.http.Timeout, 0
	if c.timeout <= 0 {
		c.timeout = defaultTimeout
	}
	c.http.Jar = nil
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c, nil
}

// request is a call of the API. The path is below root, escaped, and may have a query.
type request struct {
	method, path string
	header       http.Header   // may be nil
	body         []byte        // JSON; nil: none
	file         io.ReadSeeker // the body in its place; nil: none
	open         bool          // needs no login
	removes      bool          // is done when there is nothing at the path any more
}

// where names a request in errors, without its query.
func (r request) where() string {
	path, _, _ := strings.Cut(r.path, "?")
	return r.method + " " + path
}

// repeatable reports whether sending r twice is as good as sending it once. The API's PATCHes set what they name to
// given values.
func (r request) repeatable() bool {
	return r.method != http.MethodPost || r.header.Get("Idempotency-Key") != ""
}

// Call makes a request that has no method of its own here. The path is below /api/chat/v1, escaped, and may have a query. A
// body that is not nil is sent as JSON. The answer is decoded into result unless that is nil. Requests other than POST are
// repeated as the package's comment says.
func (c *Client) Call(ctx context.Context, method, path string, body, result any) error {
	_, err := c.call(ctx, request{method: method, path: path}, body, result)
	return err
}

// get makes a request and returns what it is answered with.
func get[T any](ctx context.Context, c *Client, method, path string, body any) (T, error) {
	var v T
	err := c.Call(ctx, method, path, body, &v)
	return v, err
}

// call sends a request until it has an answer that counts, and returns the answer's header.
func (c *Client) call(ctx context.Context, r request, body, result any) (http.Header, error) {
	if body != nil {
		var err error
		if r.body, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("client: %s: %w", r.where(), err)
		}
	}
	r.removes = r.method == http.MethodDelete && result == nil
	a, err := c.persist(ctx, r)
	if err != nil || result == nil || a.status == http.StatusNoContent {
		return a.header, err
	}
	if err := json.Unmarshal(a.body, result); err != nil {
		return nil, fmt.Errorf("client: %s: the answer cannot be read: %w", r.where(), err)
	}
	return a.header, nil
}

// persist repeats a request while that is safe and may help.
func (c *Client) persist(ctx context.Context, r request) (answer, error) {
	until := time.Now().Add(c.retryFor)
	var b backoff
	for repeated := false; ; repeated = true {
		a, err := c.send(ctx, r)
		if repeated && r.removes && IsNotFound(err) {
			return answer{status: http.StatusNoContent}, nil // a try whose answer was lost has removed it
		}
		refused := StatusOf(err) == http.StatusTooManyRequests // which has no effect
		if !IsTemporary(err) || !refused && !r.repeatable() {
			return a, err
		}
		pause := b.next() + RetryAfter(err)
		if time.Now().Add(pause).After(until) {
			return a, err
		}
		if sleep(ctx, pause) != nil {
			return a, fmt.Errorf("%w; before that: %w", context.Cause(ctx), err)
		}
	}
}

// answer is one of 2xx with its body, or 101 with the connection.
type answer struct {
	status int
	header http.Header
	body   []byte
	conn   io.ReadWriteCloser
}

// send makes one request as the client's user. It logs in first if there is no session, and once more if the server says
// that the session has ended.
func (c *Client) send(ctx context.Context, r request) (answer, error) {
	if r.open || c.login == "" {
		return c.exchange(ctx, r, "")
	}
	session, err := c.logIn(ctx, "")
	if err != nil {
		return answer{}, err
	}
	a, err := c.exchange(ctx, r, session)
	if !IsUnauthenticated(err) {
		return a, err
	}
	if session, err = c.logIn(ctx, session); err != nil {
		return answer{}, err
	}
	return c.exchange(ctx, r, session)
}

// Authorize adds the client's credentials to the header of a request that the program sends itself, as for an upload. It
// logs in if there is no session.
func (c *Client) Authorize(ctx context.Context, h http.Header) (err error) {
	var session string
	if c.login != "" {
		session, err = c.logIn(ctx, "")
	}
	c.authorize(h, session)
	return err
}

func (c *Client) authorize(h http.Header, session string) {
	switch {
	case session != "":
		h.Set("Cookie", session)
	case c.token != "":
		h.Set("Authorization", "Bearer "+c.token)
	}
}

// logIn returns the cookies of a session other than ended. Callers that come while one logs in share its session.
func (c *Client) logIn(ctx context.Context, ended string) (string, error) {
	select {
	case c.loggingIn <- struct{}{}:
		defer func() { <-c.loggingIn }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	if s := c.currentSession(); s != ended {
		return s, nil
	}
	body, err := json.Marshal(map[string]string{"login": c.login, "password": c.password})
	if err != nil {
		return "", err
	}
	a, err := c.exchange(ctx, request{method: http.MethodPost, path: "/authenticate", body: body, open: true}, "")
	if err != nil {
		return "", err
	}
	var pairs []string
	for _, cookie := range (&http.Response{Header: a.header}).Cookies() {
		pairs = append(pairs, cookie.Name+"="+cookie.Value)
	}
	session := strings.Join(pairs, "; ")
	if session == "" {
		return "", errors.New("client: POST /authenticate gave no session")
	}
	c.setSession(session)
	return session, nil
}

func (c *Client) currentSession() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session
}

func (c *Client) setSession(s string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session = s
}

// LogOut ends the session, if there is one. The next request that needs a session logs in again.
func (c *Client) LogOut(ctx context.Context) error {
	session := c.currentSession()
	if session == "" {
		return nil
	}
	if _, err := c.exchange(ctx, request{method: http.MethodPost, path: "/logout", open: true}, session); err != nil {
		return err
	}
	c.setSession("")
	return nil
}

// exchange sends one request and reads the answer. Answers other than 2xx and 101 are an *Error.
func (c *Client) exchange(ctx context.Context, r request, session string) (answer, error) {
	if r.file == nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel() // a connection that was upgraded does not depend on it any more
	}
	q, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, bytes.NewReader(r.body))
	if err != nil {
		return answer{}, fmt.Errorf("client: %s: %w", r.where(), err)
	}
	if r.file != nil {
		if err := attach(q, r.file); err != nil {
			return answer{}, fmt.Errorf("client: %s: %w", r.where(), err)
		}
	}
	for name, values := range r.header {
		q.Header[name] = values
	}
	q.Header.Set("Accept", "application/json")
	if r.body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	if !r.open || session != "" {
		c.authorize(q.Header, session)
	}
	resp, err := c.http.Do(q)
	if err != nil {
		return answer{}, noAnswer(r, err)
	}
	if conn, ok := resp.Body.(io.ReadWriteCloser); ok && resp.StatusCode == http.StatusSwitchingProtocols {
		return answer{status: resp.StatusCode, header: resp.Header, conn: conn}, nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, longestAnswer))
	if err != nil {
		return answer{}, noAnswer(r, err)
	}
	if resp.StatusCode/100 != 2 {
		return answer{}, errorOf(r, resp, body)
	}
	return answer{status: resp.StatusCode, header: resp.Header, body: body}, nil
}
