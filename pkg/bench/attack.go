package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/gobwas/ws"

	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/picture/bombs"
)

// attack is what strangers and users with an account can do to a server. It goes on until ctx ends, whatever the
// server answers.
type attack struct {
	name string
	run  func(ctx context.Context, s *attackers)
}

// attackers are the accounts that attack, and what they attack with.
type attackers struct {
	URL         string
	Connections int      // at most, at once
	Logins      []string // of the accounts
	Cookies     []string
	Big         string // a room of theirs, with long messages

	url *url.URL
}

// Attackers runs an attack until ctx or in ends. The first line of in is a JSON document that says which; see startAttack.
// Attackers writes a line when it begins.
func Attackers(ctx context.Context, in io.Reader, out io.Writer) error {
	line := bufio.NewReader(in)
	order, err := line.ReadBytes('\n')
	if err != nil {
		return err
	}
	var o struct {
		Name string
		attackers
	}
	if err := json.Unmarshal(order, &o); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, line) // until whoever started this ends it, or dies
		cancel()
	}()
	if _, err := io.WriteString(out, "attacking\n"); err != nil {
		return err
	}
	return o.attackers.run(ctx, o.Name)
}

// run runs an attack in this process.
func (s *attackers) run(ctx context.Context, name string) (err error) {
	i := slices.IndexFunc(attacks, func(a attack) bool { return a.name == name })
	if i < 0 {
		return fmt.Errorf("there is no attack %q", name)
	}
	if s.url, err = url.Parse(s.URL); err == nil {
		attacks[i].run(ctx, s)
	}
	return err
}

// startAttack starts an attack, with a command in a process of its own, that wait ends and waits for. It returns when the
// attack has begun. The process has a low priority: attackers are other machines, whose work takes no time of the server's
// processors.
func startAttack(ctx context.Context, command []string, name string, s attackers) (wait func() error, err error) {
	if len(command) == 0 {
		ended := make(chan error, 1)
		ctx, cancel := context.WithCancel(ctx)
		go func() { ended <- s.run(ctx, name) }()
		return func() error {
			cancel()
			return <-ended
		}, nil
	}
	order, err := json.Marshal(struct {
		Name string
		attackers
	}{name, s})
	if err != nil {
		return nil, err
	}
	c := exec.Command(command[0], command[1:]...) //nolint:gosec,noctx // our own program, which ends with its standard input
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, c.Process.Pid, 15)
	if _, err = in.Write(append(order, '\n')); err == nil {
		_, err = bufio.NewReader(out).ReadString('\n')
	}
	wait = func() error { return errors.Join(in.Close(), c.Wait()) }
	if err != nil {
		return nil, errors.Join(err, wait())
	}
	return wait, nil
}

var attacks = []attack{
	{"none", func(ctx context.Context, _ *attackers) { <-ctx.Done() }},
	{"huge_logins", hugeLogins},
	{"parallel_logins", parallelLogins},
	{"unread_pages", unreadPages},
	{"resumes", resumes},
	{"stalled_bodies", stalledBodies},
	{"stalled_frames", stalledFrames},
	{"pictures", pictureBombs},
}

// holdFor is how long attackers keep a connection that they do not use.
const holdFor = 5 * time.Second

// repeat has n attackers, at most as many as there are idle sockets, repeat f until ctx ends. Each attacker has a number.
func (s *attackers) repeat(ctx context.Context, n int, f func(ctx context.Context, i int)) {
	s.repeatFrom(ctx, n, 0, f)
}

// repeatFrom is repeat in which the attackers begin one after the other, within that time. Attackers that send much and
// then wait would all send in the same moments otherwise.
func (s *attackers) repeatFrom(ctx context.Context, n int, within time.Duration, f func(ctx context.Context, i int)) {
	n = min(n, s.Connections)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			wait(ctx, within*time.Duration(i)/time.Duration(n))
			for ctx.Err() == nil {
				f(ctx, i)
				wait(ctx, time.Millisecond)
			}
		})
	}
	wg.Wait()
}

// connected calls f with a new connection of an attacker; it ends with ctx.
func (s *attackers) connected(ctx context.Context, i int, f func(c net.Conn)) {
	c, err := dial(s.from(ctx, i%len(s.Logins)), s.url)
	if err != nil {
		return
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	f(c)
}

// hugeLogins sends logins of a megabyte, each another one.
func hugeLogins(ctx context.Context, s *attackers) {
	name := strings.Repeat("x", 1<<20-200)
	s.repeat(ctx, 16, func(ctx context.Context, i int) {
		s.connected(ctx, i, func(c net.Conn) {
			body := fmt.Sprintf(`{"login":"%d-%d-%s","password":"x"}`, i, time.Now().UnixNano(), name)
			_, _, _ = newWire(c).do(request("POST", s.url, api+"/authenticate", "", []byte(body)))
		})
	})
}

// parallelLogins guesses passwords on many connections.
func parallelLogins(ctx context.Context, s *attackers) {
	s.repeat(ctx, 600, func(ctx context.Context, i int) {
		s.connected(ctx, i, func(c net.Conn) {
			body := fmt.Sprintf(`{"login":"bench-%d","password":"guessed"}`, i)
			w, req := newWire(c), request("POST", s.url, api+"/authenticate", "", []byte(body))
			for {
				if _, _, err := w.do(req); err != nil {
					return
				}
			}
		})
	})
}

// unreadPages asks for the longest pages, one after the other, and reads none.
func unreadPages(ctx context.Context, s *attackers) {
	s.repeat(ctx, 200, func(ctx context.Context, i int) {
		s.connected(ctx, i, func(c net.Conn) {
			req := request("GET", s.url, messages+s.Big+"?fetchSize=1000", s.Cookies[i%len(s.Logins)], nil)
			if _, err := c.Write(bytes.Repeat(req, 30)); err == nil {
				wait(ctx, holdFor)
			}
		})
	})
}

// resumes has all of the big room replayed, several times on each socket, and reads nothing.
func resumes(ctx context.Context, s *attackers) {
	s.repeat(ctx, 64, func(ctx context.Context, i int) {
		s.socket(ctx, i, func(sock *socket) {
			frames := "CONNECT\naccept-version:1.2\nhost:bench\nheart-beat:0,0\n\n\x00"
			for n := range 5 {
				frames += fmt.Sprintf("SUBSCRIBE\nid:%d\ndestination:/topic/messages/%s\nafter:%s\nreceipt:r\n\n\x00", n, s.Big, id.Min)
			}
			if sock.send(ws.OpText, []byte(frames)) == nil {
				wait(ctx, holdFor)
			}
		})
	})
}

func (s *attackers) socket(ctx context.Context, i int, f func(*socket)) {
	sock, err := openSocket(s.from(ctx, i%len(s.Logins)), s.url, api+"/stomp", s.Cookies[i%len(s.Logins)])
	if err != nil {
		return
	}
	defer sock.conn.Close()
	defer context.AfterFunc(ctx, func() { _ = sock.conn.Close() })()
	f(sock)
}

// stalledBodies sends long messages without their last byte.
func stalledBodies(ctx context.Context, s *attackers) {
	s.repeatFrom(ctx, 300, holdFor, func(ctx context.Context, i int) {
		s.connected(ctx, i, func(c net.Conn) {
			req := request("POST", s.url, messages+s.Big, s.Cookies[i%len(s.Logins)], bytes.Repeat([]byte(" "), 1<<20-1))
			if _, err := c.Write(req[:len(req)-1]); err == nil {
				wait(ctx, holdFor)
			}
		})
	})
}

// stalledFrames sends long STOMP frames without their last byte.
func stalledFrames(ctx context.Context, s *attackers) {
	frame := "CONNECT\naccept-version:1.2\nhost:bench\nheart-beat:0,0\n\n\x00SEND\ncontent-length:65000\n\n" + strings.Repeat("x", 64_000)
	s.repeatFrom(ctx, 300, holdFor, func(ctx context.Context, i int) {
		s.socket(ctx, i, func(sock *socket) {
			if sock.send(ws.OpText, []byte(frame)) == nil {
				wait(ctx, holdFor)
			}
		})
	})
}

// pictureBombs uploads pictures that take much to decode. Half of the attackers do not wait for the answer.
func pictureBombs(ctx context.Context, s *attackers) {
	files := []struct {
		kind string
		data []byte
	}{
		{"image/jpeg", bombs.JPEG(1024, 3, 1000)}, {"image/jpeg", bombs.JPEG(1024, 3, 80)}, {"image/jpeg", bombs.JPEG(4096, 4, 1)},
		{"image/jpeg", bombs.JPEG(3000, 3, 3)}, {"image/png", bombs.PNG(4096, 4096, true)}, {"image/png", bombs.PNG(2400, 2400, false)},
		{"image/webp", bombs.WebP(4096, 1)}, {"image/webp", bombs.WebP(2048, 250)},
	}
	s.repeat(ctx, 24, func(ctx context.Context, i int) {
		s.connected(ctx, i, func(c net.Conn) {
			f := files[int(time.Now().UnixNano()/1000)%len(files)]
			who := i % len(s.Logins)
			req := request("PUT", s.url, api+"/users/"+s.Logins[who]+"/avatar", s.Cookies[who], f.data)
			req = bytes.Replace(req, []byte("application/json"), []byte(f.kind), 1)
			if i%2 == 0 {
				_, _, _ = newWire(c).do(req)
			} else if _, err := c.Write(req); err == nil {
				wait(ctx, 200*time.Millisecond)
			}
		})
	})
}

// from makes connections come from an address of the account's own, where the server is on loopback.
func (s *attackers) from(ctx context.Context, account int) context.Context {
	return fromAddress(ctx, s.url, account)
}
