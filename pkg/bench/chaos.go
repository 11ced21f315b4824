package bench

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	chatclient "github.com/confab-chat/confab/pkg/client"
)

// ChaosOptions say how Chaos loads a server whose store somebody else breaks meanwhile.
type ChaosOptions struct {
	URL         string
	AllowRemote bool
	Posters     int             // who post one message after the other; 8
	Readers     int             // who read the newest page; 4
	Rate        int             // posts a second of all, reads likewise; 100
	Duration    time.Duration   // at most; 60 s
	End         <-chan struct{} // the load ends when this is closed, before Duration is over; may be nil
	Progress    func(done, total int64, note string)
	// AdminLogin and AdminPassword, if set, are those of an administrator of the server: then messages are sent to 600 users
	// of an app as well.
	AdminLogin, AdminPassword string
	MailTime                  time.Duration // after which such a message is lost, at the end; 60 s: longer than servers wait for one that died
}

// ChaosReport is what a steady load saw.
type ChaosReport struct {
	Requests     int64   // sent, repeated ones included
	Acknowledged int64   // messages
	Unavailable  int64   // answers 503 with Retry-After
	Share        float64 // of those in all requests
	Wrong        int64   // other failures: a wrong status, no Retry-After, no answer
	FirstWrong   string
	Slowest      time.Duration
	LongestGap   time.Duration // without any acknowledged post
	Lost         int           // acknowledged messages that are not there
	Doubled      int           // messages that are there more than once
	Unseen       int           // pages that lacked a message acknowledged before they were asked for
	Mailed       int64         // acknowledged messages to 600 users each
	MailLost     int           // of these, copies that did not come
	MailDoubled  int           // copies that came more than once
}

// Failed says what must not be, or nothing.
func (r ChaosReport) Failed() string {
	var faults []string
	for _, f := range []struct {
		n    int64
		what string
	}{{int64(r.Lost), "acknowledged messages are lost"}, {int64(r.Doubled), "messages are there twice"},
		{r.Wrong, "requests failed otherwise than with 503 and Retry-After"}, {int64(r.Unseen), "pages lacked acknowledged messages"},
		{int64(r.MailLost), "copies of acknowledged messages to 600 users did not come"}, {int64(r.MailDoubled), "copies came twice"}} {
		if f.n > 0 {
			faults = append(faults, fmt.Sprintf("%d %s", f.n, f.what))
		}
	}
	if r.Acknowledged == 0 {
		faults = append(faults, "nothing was acknowledged")
	}
	if r.Share >= 0.005 {
		faults = append(faults, fmt.Sprintf("%.2f %% of requests were refused", 100*r.Share))
	}
	if r.FirstWrong != "" {
		faults = append(faults, "the first: "+r.FirstWrong)
	}
	return strings.Join(faults, "; ")
}

func (r ChaosReport) String() string {
	s := fmt.Sprintf("requests %d, messages acknowledged %d, refused with 503 %d (%.3f %%), other failures %d\n"+
		"slowest answer %s, longest time without an acknowledged post %s\n"+
		"acknowledged and lost %d, there twice %d, pages that lacked something acknowledged %d\n",
		r.Requests, r.Acknowledged, r.Unavailable, 100*r.Share, r.Wrong,
		r.Slowest.Round(time.Millisecond), r.LongestGap.Round(time.Millisecond), r.Lost, r.Doubled, r.Unseen)
	if r.Mailed > 0 {
		s += fmt.Sprintf("messages to 600 users acknowledged %d; copies lost %d, there twice %d\n", r.Mailed, r.MailLost, r.MailDoubled)
	}
	return s
}

// chaos is a run under way.
type chaos struct {
	o      ChaosOptions
	stage  *stage
	client *http.Client
	room   string
	mail   *chaosMail // may be nil

	mu     sync.Mutex
	report ChaosReport
	acked  map[string]bool // contents
	order  []string        // message ids in the order of their acknowledgement
	last   time.Time       // acknowledgement
}

// patienceWithServer is how long a client waits for an answer.
const patienceWithServer = 30 * time.Second

// Chaos posts and reads at a steady rate, as clients would that want every message in once: with an
// Idempotency-Key, and again after 503. It keeps what was acknowledged and looks for it at the end.
func Chaos(ctx context.Context, o ChaosOptions) (ChaosReport, error) {
	or(&o.Posters, 8)
	or(&o.Readers, 4)
	or(&o.Rate, 100)
	or(&o.Duration, time.Minute)
	or(&o.MailTime, time.Minute)
	if o.Progress == nil {
		o.Progress = func(int64, int64, string) {}
	}
	s, err := setUp(ctx, Options{URL: o.URL, AllowRemote: o.AllowRemote, Clients: o.Posters, Users: o.Posters, Keep: true, Progress: o.Progress})
	if err != nil {
		return ChaosReport{}, err
	}
	c := &chaos{o: o, stage: s, room: s.rooms[0], acked: map[string]bool{}, last: time.Now(),
		client: &http.Client{Timeout: patienceWithServer, Transport: &http.Transport{MaxIdleConnsPerHost: o.Posters + o.Readers}}}
	defer c.client.CloseIdleConnections()
	if o.AdminLogin != "" {
		if c.mail, err = newChaosMail(ctx, o); err != nil {
			return ChaosReport{}, err
		}
		defer c.mail.tearDown(ctx)
	}
	c.run(ctx)
	if err := ctx.Err(); err != nil {
		return c.report, err
	}
	if c.mail != nil {
		if err := c.mail.check(ctx, &c.report); err != nil {
			return c.report, err
		}
	}
	return c.report, c.check(ctx)
}

func (c *chaos) run(ctx context.Context) {
	start := time.Now()
	over, cancel := context.WithTimeout(ctx, c.o.Duration)
	defer cancel()
	if c.o.End != nil {
		go func() {
			select {
			case <-c.o.End:
				cancel()
			case <-over.Done():
			}
		}()
	}
	each := time.Second * time.Duration(c.o.Posters) / time.Duration(c.o.Rate)
	var wg sync.WaitGroup
	loop := func(i, of int, each time.Duration, f func(n int)) {
		wg.Go(func() {
			next := start.Add(each * time.Duration(i) / time.Duration(of))
			for n := 0; over.Err() == nil; n++ {
				if wait(over, time.Until(next)); over.Err() != nil {
					return
				}
				f(n)
				if next = next.Add(each); time.Since(next) > time.Second {
					next = time.Now() // what was missed is not made up for: the load is steady
				}
			}
		})
	}
	for i := range c.o.Posters {
		loop(i, c.o.Posters, each, func(n int) { c.post(ctx, over, i, n) })
	}
	for i := range c.o.Readers {
		loop(i, c.o.Readers, time.Second*time.Duration(c.o.Readers)/time.Duration(c.o.Rate), func(int) { c.read(ctx, i) })
	}
	if c.mail != nil {
		loop(0, 1, mailEvery, func(int) { c.mail.post(ctx, c.mailed) })
	}
	stop := make(chan struct{})
	var told sync.WaitGroup
	told.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Second):
				c.mu.Lock()
				note := fmt.Sprintf("%d acknowledged, %d refused", c.report.Acknowledged, c.report.Unavailable)
				c.mu.Unlock()
				c.o.Progress(int64(time.Since(start).Seconds()), int64(c.o.Duration.Seconds()), note)
			}
		}
	})
	wg.Wait()
	close(stop)
	told.Wait()
}

// post posts one message until it is acknowledged; after the end it gives up after a while, as the
// outcome is then open.
func (c *chaos) post(ctx, over context.Context, i, n int) {
	var since time.Time // the load is over
	content := fmt.Sprintf("%s poster %d message %d", c.room, i, n)
	key := rand.Text()
	body, _ := json.Marshal(map[string]string{"content": content})
	for ctx.Err() == nil && (since.IsZero() || time.Since(since) < patienceWithServer) {
		if since.IsZero() && over.Err() != nil {
			since = time.Now()
		}
		status, answer, again := c.call(ctx, "POST", c.stage.cookie(i), body, key)
		if status == http.StatusCreated {
			var m struct {
				ID string `json:"messageId"`
			}
			_ = json.Unmarshal(answer, &m)
			c.acknowledged(content, m.ID)
			return
		}
		wait(ctx, again)
	}
}

func (c *chaos) acknowledged(content, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.report.Acknowledged++
	c.report.LongestGap = max(c.report.LongestGap, now.Sub(c.last))
	c.last = now
	c.acked[content] = true
	c.order = append(c.order, id)
}

// mailed counts the outcome of a message to many.
func (c *chaos) mailed(why string, unavailable bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Requests++
	switch {
	case unavailable:
		c.report.Unavailable++
	case why != "":
		c.report.Wrong++
		c.report.FirstWrong = cmp.Or(c.report.FirstWrong, why)
	}
}

// read reads the newest page. A message that was acknowledged before has to be on it, if fewer than fit were
// acknowledged or under way since then.
func (c *chaos) read(ctx context.Context, i int) {
	c.mu.Lock()
	want := ""
	if n := len(c.order); n > 0 {
		want = c.order[n-1]
	}
	before := c.report.Acknowledged
	c.mu.Unlock()
	status, answer, _ := c.call(ctx, "GET", c.stage.cookie(i), nil, "")
	if status != http.StatusOK || want == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	const fits = 200
	if c.report.Acknowledged-before+2*int64(c.o.Posters) < fits && !bytes.Contains(answer, []byte(want)) {
		c.report.Unseen++
	}
}

// call makes a request and counts its outcome. again says how long to wait before the next try.
func (c *chaos) call(ctx context.Context, method, cookie string, body []byte, key string) (status int, answer []byte, again time.Duration) {
	again = 100 * time.Millisecond
	url := c.stage.url.String() + messages + c.room
	if method == "GET" {
		url += "?fetchSize=200"
	}
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, again
	}
	r.Header.Set("Cookie", cookie)
	if key != "" {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", key)
	}
	began := time.Now()
	resp, err := c.client.Do(r)
	var retryAfter string
	if err == nil {
		answer, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		status, retryAfter = resp.StatusCode, resp.Header.Get("Retry-After")
	}
	if ctx.Err() != nil {
		return 0, nil, again
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Requests++
	c.report.Slowest = max(c.report.Slowest, time.Since(began))
	switch {
	case err == nil && (status == http.StatusOK || status == http.StatusCreated):
	case err == nil && status == http.StatusServiceUnavailable && retryAfter != "":
		c.report.Unavailable++
		if d, err := time.ParseDuration(retryAfter + "s"); err == nil {
			again = min(d, 2*time.Second)
		}
	default:
		c.report.Wrong++
		if c.report.FirstWrong == "" {
			c.report.FirstWrong = fmt.Sprintf("%s: status %d, %v, %.200s", method, status, err, answer)
		}
	}
	c.report.Share = float64(c.report.Unavailable) / float64(c.report.Requests)
	return status, answer, again
}

// check reads the whole room and compares.
func (c *chaos) check(ctx context.Context) error {
	there, err := c.contents(ctx)
	if err != nil {
		return err
	}
	for content := range c.acked {
		if there[content] == 0 {
			c.report.Lost++
		}
	}
	for _, n := range there {
		if n > 1 {
			c.report.Doubled++
		}
	}
	return nil
}

// contents returns how often each message is there.
func (c *chaos) contents(ctx context.Context) (map[string]int, error) {
	there := map[string]int{}
	for m, err := range c.stage.users[0].MessagesBefore(ctx, c.room, chatclient.ID{}) {
		if err != nil {
			return nil, fmt.Errorf("the room cannot be read at the end: %w", err)
		}
		if !m.System {
			there[m.Content]++
		}
	}
	return there, nil
}
