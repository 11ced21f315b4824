package outbound

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// Timeout is how long a call may take, from the look-up of the name to the last byte that is read.
	Timeout = 10 * time.Second
	// maxRead bounds what is read of an answer: its header, and its body.
	maxRead = 64 << 10
	// MaxRetryAfter bounds how long a receiver may ask to wait.
	MaxRetryAfter = time.Hour
	// maxError bounds the text of an error.
	maxError = 200
)

// Client calls the servers of customers. It may be used concurrently.
type Client struct {
	http  *http.Client
	guard Guard
	agent string
	now   func() time.Time
}

// Options are the parts of a Client.
type Options struct {
	Guard Guard
	// Agent is the User-Agent.
	Agent string
	// Resolver looks names up; nil: that of the system.
	Resolver *net.Resolver
	Now      func() time.Time
}

// New returns a Client. Close ends it.
func New(o Options) *Client {
	dialer := &net.Dialer{Timeout: Timeout, Control: o.Guard.control, Resolver: o.Resolver}
	return &Client{guard: o.Guard, agent: o.Agent, now: o.Now, http: &http.Client{
		Timeout:       Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{Proxy: nil, DialContext: dialer.DialContext, DisableCompression: true, MaxResponseHeaderBytes: maxRead,
			MaxIdleConns: 1000, MaxIdleConnsPerHost: 10, IdleConnTimeout: 30 * time.Second, TLSHandshakeTimeout: Timeout},
	}}
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Check is Guard.Check.
func (c *Client) Check(url string) error { return c.guard.Check(url) }

// Call is a body to post.
type Call struct {
	URL     string
	Header  map[string]string
	Body    []byte   // JSON
	Secrets []string // that it is signed with; see Sign
}

// Result is what came of a call.
type Result struct {
	Status     int           // 0 if there was no answer
	Err        error         // nil if the answer was a success (2xx). Its text is for the customer, and names no address
	RetryAfter time.Duration // how long the receiver asks to wait, at most MaxRetryAfter; 0 if it does not
}

// Post makes one attempt of a call. A redirect is a failure.
func (c *Client) Post(ctx context.Context, call Call) Result {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	if err := c.guard.Check(call.URL); err != nil { // what is allowed may have changed
		return Result{Err: err}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, call.URL, bytes.NewReader(call.Body))
	if err != nil {
		return Result{Err: errors.New("the URL cannot be called")}
	}
	for name, value := range call.Header {
		r.Header.Set(name, value)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", c.agent)
	r.Header.Set("X-Confab-Signature", Sign(c.now(), call.Body, call.Secrets...))
	// It is not sent, and lets the transport repeat the request if an idle connection is just being closed.
	r.Header["X-Idempotency-Key"] = nil
	res, err := c.http.Do(r)
	if err != nil {
		return Result{Err: plain(err)}
	}
	defer res.Body.Close()
	_, err = io.CopyN(io.Discard, res.Body, maxRead)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return Result{Status: res.StatusCode, Err: plain(err)}
	case res.StatusCode/100 == 2:
		return Result{Status: res.StatusCode}
	case res.StatusCode/100 == 3:
		err = errors.New("it answered with a redirect, which is not followed")
	default:
		err = errors.New("it answered " + strconv.Itoa(res.StatusCode) + " " + http.StatusText(res.StatusCode))
	}
	return Result{Status: res.StatusCode, Err: err, RetryAfter: c.retryAfter(res.Header.Get("Retry-After"))}
}

// retryAfter reads how long a receiver asks to wait: in seconds, or until a date.
func (c *Client) retryAfter(text string) time.Duration {
	if text == "" {
		return 0
	}
	wait := time.Duration(0)
	if n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64); err == nil {
		wait = time.Duration(min(max(n, 0), int64(MaxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(c.now())
	} else {
		return 0
	}
	return min(max(wait, time.Second), MaxRetryAfter)
}

// plain is an error of a call for the customer: without addresses, which may be of networks that they cannot see.
func plain(err error) error {
	var dns *net.DNSError
	var uerr *url.Error
	var timeout net.Error
	switch {
	case errors.Is(err, errRefused):
		return errRefused
	case errors.As(err, &dns) && !dns.IsTimeout:
		return errors.New("the name of the host cannot be looked up")
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return errors.New("it did not answer within 10 seconds")
	case errors.Is(err, context.Canceled):
		return err
	}
	if errors.As(err, &uerr) {
		err = uerr.Err
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = errors.New(op.Op + ": " + op.Err.Error())
	}
	text := err.Error()
	return errors.New("it could not be called: " + strings.ToValidUTF8(text[:min(len(text), maxError)], ""))
}
