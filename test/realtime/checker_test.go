package realtime

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/id"
)

// overlap is how much further back than the last message a client resumes: ids of several nodes
// become visible out of order. What comes twice by it is dropped by id.
const overlap = 10 * time.Second

// subscriber records what one user receives in a room. It reconnects to another node when a connection ends.
type subscriber struct {
	user  *user
	nodes []*node
	at    int // index of the node

	mu       sync.Mutex
	received []message
	known    map[string]bool
	faults   []string
	resets   int

	ready chan struct{}
	stop  chan struct{}
	done  chan struct{}
}

func (u *user) subscribe(t *testing.T, nodes []*node, at int, room string) *subscriber {
	s := &subscriber{user: u, nodes: nodes, at: at, known: make(map[string]bool),
		ready: make(chan struct{}), stop: make(chan struct{}), done: make(chan struct{})}
	go s.run(room)
	t.Cleanup(s.end)
	select {
	case <-s.ready:
	case <-time.After(patience):
		require.Fail(t, "cannot subscribe")
	}
	return s
}

func (s *subscriber) end() {
	select {
	case <-s.stop:
	default:
		close(s.stop)
	}
	<-s.done
}

func (s *subscriber) run(room string) {
	defer close(s.done)
	connected := false
	for {
		select {
		case <-s.stop:
			return
		default:
		}
		st, err := s.user.dial(s.nodes[s.at], room, s.position(connected))
		if err != nil {
			s.at = (s.at + 1) % len(s.nodes)
			time.Sleep(20 * time.Millisecond)
			continue
		}
		if !connected {
			close(s.ready)
			connected = true
		}
		s.listen(st)
	}
}

// position is where to resume: empty at the first time.
func (s *subscriber) position(connected bool) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !connected {
		return ""
	}
	s.resets++
	from := time.Now()
	if len(s.received) > 0 {
		last, err := id.Parse(s.received[len(s.received)-1].ID)
		if err != nil {
			s.faults = append(s.faults, err.Error())
		}
		from = last.Time()
	}
	return id.FirstAt(from.Add(-overlap)).String()
}

func (s *subscriber) listen(st *stream) {
	over := make(chan struct{})
	defer close(over)
	go func() {
		select {
		case <-s.stop:
		case <-over:
		}
		_ = st.net.Close()
	}()
	here := make(map[string]bool)
	for {
		f, err := st.next()
		if err != nil {
			return
		}
		var m message
		if f.Command != "MESSAGE" || json.Unmarshal(f.Body, &m) != nil {
			s.fault(fmt.Sprintf("%s %v %s", f.Command, f.Header, f.Body))
			return
		}
		if here[m.ID] {
			s.fault("twice on one connection: " + m.Content)
		}
		here[m.ID] = true
		if m.System {
			continue
		}
		s.mu.Lock()
		if !s.known[m.ID] {
			s.known[m.ID] = true
			s.received = append(s.received, m)
		}
		s.mu.Unlock()
	}
}

func (s *subscriber) fault(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, text)
}

func (s *subscriber) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.received)
}

// poster posts one message after the other and remembers what was acknowledged. What is not is
// tried again on the next node, with the same key.
type poster struct {
	user  *user
	nodes []*node
	at    int
	acked []message
}

func (p *poster) run(t *testing.T, room string, pause time.Duration, stop <-chan struct{}) {
	for n := 1; ; n++ {
		select {
		case <-stop:
			return
		case <-time.After(pause):
		}
		text := fmt.Sprintf("%s %d", p.user.login, n)
		for began := time.Now(); ; {
			var m message
			code, err := p.user.call(p.nodes[p.at], "POST", "/messages/"+room, map[string]string{"content": text}, &m, "Idempotency-Key", text)
			if err == nil && code == 201 {
				p.acked = append(p.acked, m)
				break
			}
			if err == nil && code < 500 {
				t.Errorf("%s: %d", text, code)
				return
			}
			if time.Since(began) > patience {
				t.Errorf("%s: nobody takes it: %d %v", text, code, err)
				return
			}
			p.at = (p.at + 1) % len(p.nodes)
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// check waits until every subscriber has received everything acknowledged, and checks that this is what is
// stored, that it came once, and in order for each sender.
func check(t *testing.T, n *node, room string, posters []*poster, subscribers []*subscriber) {
	t.Helper()
	want := map[string]string{}
	for _, p := range posters {
		for _, m := range p.acked {
			require.NotContains(t, want, m.ID)
			want[m.ID] = m.Content
		}
	}
	for i, s := range subscribers {
		require.Eventually(t, func() bool { return s.count() >= len(want) }, patience, 50*time.Millisecond,
			"subscriber %d received %d of %d", i, s.count(), len(want))
	}
	stored := map[string]string{}
	for before := ""; ; {
		var page struct {
			Messages []message
			HasMore  bool
		}
		subscribers[0].user.must(t, n, "GET", "/messages/"+room+"?fetchSize=200"+before, nil, &page)
		for _, m := range page.Messages {
			if !m.System {
				stored[m.ID] = m.Content
			}
		}
		if !page.HasMore {
			break
		}
		before = "&before=" + page.Messages[0].ID
	}
	require.Equal(t, want, stored, "stored and acknowledged")
	for i, s := range subscribers {
		s.end()
		require.Empty(t, s.faults, "subscriber %d", i)
		received := map[string]string{}
		last := map[string]int{}
		for _, m := range s.received {
			received[m.ID] = m.Content
			var from string
			var number int
			_, err := fmt.Sscanf(m.Content, "%s %d", &from, &number)
			require.NoError(t, err)
			require.Equal(t, last[from]+1, number, "order of %s at subscriber %d, which came back %d times; %s", from, i, s.resets, m.ID)
			last[from] = number
		}
		require.Equal(t, want, received, "subscriber %d", i)
	}
}
