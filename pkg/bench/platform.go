package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// platform is an app of the server, made for a benchmark.
type platform struct {
	o     Options
	url   *url.URL
	org   string
	admin string // token
	token string // of the app
	http  *http.Client
}

// atOnce is how many users are made, and streams are opened, concurrently.
const atOnce = 16

// setUpApp makes an organisation with an app that has no limits.
func setUpApp(ctx context.Context, o Options) (*platform, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	u, err := o.target()
	if err != nil {
		return nil, err
	}
	if o.AdminLogin == "" || o.AdminPassword == "" {
		return nil, errors.New("this needs an administrator of the server: set CONFAB_ADMIN_LOGIN and CONFAB_ADMIN_PASSWORD, for the server too")
	}
	p := &platform{o: o, url: u, org: "bench-" + strings.ToLower(rand.Text()[:10]),
		http: &http.Client{Timeout: patienceWithServer, Transport: &http.Transport{MaxIdleConnsPerHost: max(o.Clients, atOnce)}}}
	var made struct {
		Token  string `json:"access_token"`
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if err := p.call(ctx, "POST", "/management/token", "", map[string]any{"grant_type": "password", "username": o.AdminLogin, "password": o.AdminPassword}, &made); err != nil {
		return nil, err
	}
	p.admin = made.Token
	err = p.call(ctx, "POST", "/management/organizations", p.admin, map[string]any{"organization": p.org, "username": p.org, "name": "Bench",
		"email": p.org + "@bench.example", "password": rand.Text()}, nil)
	if err != nil {
		return nil, err
	}
	if err = p.call(ctx, "POST", "/management/organizations/"+p.org+"/applications", p.admin, map[string]any{"name": "app", "rate_limit": 0}, &made); err == nil {
		err = p.call(ctx, "POST", p.path("/token"), "", map[string]any{"grant_type": "client_credentials", "client_id": made.ID, "client_secret": made.Secret}, &made)
	}
	if p.token = made.Token; err != nil {
		p.tearDown(ctx)
	}
	return p, err
}

func (p *platform) path(of string) string { return "/" + p.org + "/app" + of }

// tearDown deletes the organisation, unless it is to be kept.
func (p *platform) tearDown(ctx context.Context) {
	defer p.http.CloseIdleConnections()
	if p.o.Keep {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_ = p.call(ctx, "DELETE", "/management/organizations/"+p.org, p.admin, nil, nil)
}

// call makes a call and decodes its answer into out, unless that is nil.
func (p *platform) call(ctx context.Context, method, path, token string, body, out any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, method, p.url.String()+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := p.http.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil {
		err = answered(resp.StatusCode, answer)
	}
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(answer, out)
}

// users makes users, and returns their tokens. User i is named u and the number.
func (p *platform) users(ctx context.Context, many int) ([]string, error) {
	tokens := make([]string, many)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i := range tokens {
		g.Go(func() error {
			var made struct {
				Token string `json:"access_token"`
			}
			err := p.call(ctx, "POST", p.path("/token"), p.token, map[string]any{"grant_type": "inherit", "username": fmt.Sprint("u", i), "autoCreateUser": true}, &made)
			tokens[i] = made.Token
			p.o.Progress(int64(i), int64(many), "making users")
			return err
		})
	}
	return tokens, g.Wait()
}

// accountsPage is how many accounts a page of Accounts has, the most that the list allows.
const accountsPage = 100

// Accounts measures the list of an app's users, page after page from the first to the last of o.Fill users. An operation is a
// page. More says how long the first and the last tenth of the pages took: they differ if a page costs what comes before it.
func Accounts(ctx context.Context, o Options) (Result, error) {
	p, err := setUpApp(ctx, o)
	if err != nil {
		return Result{}, err
	}
	defer p.tearDown(ctx)
	o = p.o
	r := Result{Name: "accounts", Setting: fmt.Sprintf("pages of %d of %d users", accountsPage, o.Fill)}
	if _, err := p.users(ctx, o.Fill); err != nil {
		return r, err
	}
	pages := (o.Fill + accountsPage - 1) / accountsPage
	tenth := (pages + 9) / 10
	var all, first, last Histogram
	seen := 0
	m := startMeter(o.PID)
	for n, cursor := 0, ""; n == 0 || cursor != ""; n++ {
		began := time.Now()
		var list struct {
			Entities []struct{} `json:"entities"`
			Cursor   string     `json:"cursor"`
		}
		if err := p.call(ctx, "GET", p.path(fmt.Sprintf("/users?limit=%d&cursor=%s", accountsPage, url.QueryEscape(cursor))), p.token, nil, &list); err != nil {
			return r, err
		}
		took := time.Since(began)
		all.Add(took)
		if n < tenth {
			first.Add(took)
		}
		if n >= pages-tenth {
			last.Add(took)
		}
		seen += len(list.Entities)
		cursor = list.Cursor
		o.Progress(int64(seen), int64(o.Fill), "reading pages")
	}
	if seen != o.Fill {
		return r, fmt.Errorf("the list has %d users instead of %d", seen, o.Fill)
	}
	r.Operations = all.Count()
	m.stop(&r)
	r.Latency = all.Latency()
	r.more("first_tenth_p50_us", first.Latency().P50)
	r.more("last_tenth_p50_us", last.Latency().P50)
	return r, nil
}

// eventStream is an open event stream.
type eventStream struct {
	net.Conn
	lines *bufio.Reader
}

// open opens the stream of a user and waits until it is ready.
func (p *platform) open(ctx context.Context, user int, token string) (*eventStream, error) {
	if p.url.Scheme != "http" {
		return nil, errors.New("streams are measured over http only")
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.url.Host)
	if err != nil {
		return nil, err
	}
	s := &eventStream{conn, bufio.NewReaderSize(conn, 1<<10)}
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nAccept: text/event-stream\r\n\r\n",
		p.path(fmt.Sprintf("/users/u%d/stream", user)), p.url.Host, token)
	if err == nil {
		_ = conn.SetReadDeadline(time.Now().Add(patienceWithServer))
		err = s.until("ready")
		_ = conn.SetReadDeadline(time.Time{})
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("a stream was not opened: %w", err)
	}
	return s, nil
}

// next reads the next event, and returns its name and id.
func (s *eventStream) next() (name, id string, err error) {
	for {
		line, err := s.lines.ReadSlice('\n')
		text := strings.TrimSpace(string(line))
		for errors.Is(err, bufio.ErrBufferFull) { // the data of an event may be long
			_, err = s.lines.ReadSlice('\n')
		}
		if err != nil {
			return "", "", err
		}
		switch key, value, _ := strings.Cut(text, ": "); {
		case key == "event":
			name = value
		case key == "id":
			id = value
		case key == "data":
			return name, id, nil
		case strings.HasPrefix(text, "HTTP/1.1 ") && !strings.HasPrefix(text, "HTTP/1.1 200 "):
			return "", "", refused{why: text}
		}
	}
}

// until reads to the end of the next event of this name.
func (s *eventStream) until(name string) error {
	for {
		if got, _, err := s.next(); err != nil || got == name {
			return err
		}
	}
}

// openAll opens a stream for each of the users from from on.
func (p *platform) openAll(ctx context.Context, tokens []string, from int) ([]*eventStream, error) {
	all := make([]*eventStream, len(tokens)-from)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i := range all {
		g.Go(func() (err error) {
			all[i], err = p.open(ctx, from+i, tokens[from+i])
			p.o.Progress(int64(i), int64(len(all)), "opening streams")
			return err
		})
	}
	return all, g.Wait()
}

func closeStreams(all []*eventStream) {
	for _, s := range all {
		if s != nil {
			s.Close()
		}
	}
}

// Streams measures idle event streams, each of a user of its own, as Connections does STOMP connections. An operation is to
// open one, 16 at a time.
func Streams(ctx context.Context, o Options) (Result, error) {
	p, err := setUpApp(ctx, o)
	if err != nil {
		return Result{}, err
	}
	defer p.tearDown(ctx)
	o = p.o
	r := Result{Name: "streams", Setting: fmt.Sprintf("%d event streams of as many users", o.Connections)}
	tokens, err := p.users(ctx, o.Connections)
	if err != nil {
		return r, err
	}
	before, _ := usageOf(o.PID)
	self, _ := usageOf(os.Getpid())
	m := startMeter(o.PID)
	all, err := p.openAll(ctx, tokens, 0)
	defer closeStreams(all)
	if err != nil {
		return r, err
	}
	r.Operations = int64(len(all))
	m.stop(&r)
	reads := make([]func() error, len(all)) // comments come now and then
	for i, s := range all {
		reads[i] = func() error { return s.until("nothing") }
	}
	return r, r.idle(ctx, o, before, self, reads, func() { closeStreams(all) })
}

const (
	// manyReceivers is how many users one message may be sent to.
	manyReceivers = 600
	// lastOnes is how many receivers, the last of those in the call, are waited for: the server goes through them in order,
	// some concurrently.
	lastOnes = 32
)

// SendMany measures messages that are sent to 600 users each, one after the other: from the call until the last receivers
// have it on their streams. An operation is a delivery to one of them, a latency that of a whole message.
func SendMany(ctx context.Context, o Options) (Result, error) {
	o.Clients = 1
	p, err := setUpApp(ctx, o)
	if err != nil {
		return Result{}, err
	}
	defer p.tearDown(ctx)
	tokens, err := p.users(ctx, manyReceivers)
	if err != nil {
		return Result{}, err
	}
	last, err := p.openAll(ctx, tokens, manyReceivers-lastOnes)
	defer closeStreams(last)
	if err != nil {
		return Result{}, err
	}
	to := make([]string, manyReceivers)
	for i := range to {
		to[i] = fmt.Sprint("u", i)
	}
	var answers Histogram
	r, err := closedLoop(ctx, p.o, "send-many", func(ctx context.Context, _ int) error {
		began := time.Now()
		if err := p.send(ctx, to); err != nil {
			return err
		}
		answers.Add(time.Since(began))
		for _, s := range last {
			_ = s.SetReadDeadline(time.Now().Add(p.o.DeliveryTime))
			if err := s.until("message"); err != nil {
				return fmt.Errorf("a message did not come: %w", err)
			}
		}
		return nil
	})
	r.Setting = fmt.Sprintf("messages to %d users each", manyReceivers)
	r.Operations *= manyReceivers
	r.Rate *= manyReceivers
	r.ServerCPU /= manyReceivers
	r.ClientCPU /= manyReceivers
	r.more("answered_p50_us", answers.Latency().P50)
	return r, err
}

// SendOne measures messages that are sent to one of 600 users each, by o.Clients concurrently. Each is in the mailbox when
// the call is answered.
func SendOne(ctx context.Context, o Options) (Result, error) {
	p, err := setUpApp(ctx, o)
	if err != nil {
		return Result{}, err
	}
	defer p.tearDown(ctx)
	if _, err := p.users(ctx, manyReceivers); err != nil {
		return Result{}, err
	}
	next := make([]int, p.o.Clients)
	r, err := closedLoop(ctx, p.o, "send-one", func(ctx context.Context, client int) error {
		next[client]++
		return p.send(ctx, []string{fmt.Sprint("u", (client*manyReceivers/p.o.Clients+next[client])%manyReceivers)})
	})
	r.Setting = fmt.Sprintf("%d clients, messages to one of %d users each", p.o.Clients, manyReceivers)
	return r, err
}

// send sends a message to users.
func (p *platform) send(ctx context.Context, to []string) error {
	return p.call(ctx, "POST", p.path("/messages/users"), p.token, map[string]any{"to": to, "type": "txt",
		"body": map[string]string{"msg": strings.Repeat("x", p.o.MessageBytes)}}, nil)
}
