package bench

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/picture/bombs"
)

// attack is what strangers and users with an account can do to a server. It goes on until ctx ends, whatever the
// server answers.
type attack struct {
	name string
	run  func(ctx context.Context, s *siege)
}

var attacks = []attack{
	{"none", func(ctx context.Context, _ *siege) { <-ctx.Done() }},
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
func (s *siege) repeat(ctx context.Context, n int, f func(ctx context.Context, i int)) {
	s.repeatFrom(ctx, n, 0, f)
}

// repeatFrom is repeat in which the attackers begin one after the other, within that time. Attackers that send much and
// then wait would all send in the same moments otherwise, and those are moments in which this process, on the server's own
// processors, delays its honest users itself.
func (s *siege) repeatFrom(ctx context.Context, n int, within time.Duration, f func(ctx context.Context, i int)) {
	n = min(n, s.o.Connections)
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
func (s *siege) connected(ctx context.Context, i int, f func(c net.Conn)) {
	c, err := dial(s.from(ctx, i%attackers), s.url)
	if err != nil {
		return
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	f(c)
}

// hugeLogins sends logins of a megabyte, each another one.
func hugeLogins(ctx context.Context, s *siege) {
	name := strings.Repeat("x", 1<<20-200)
	s.repeat(ctx, 16, func(ctx context.Context, i int) {
		s.connected(ctx, i, func(c net.Conn) {
			body := fmt.Sprintf(`{"login":"%d-%d-%s","password":"x"}`, i, time.Now().UnixNano(), name)
			_, _, _ = newWire(c).do(request("POST", s.url, api+"/authenticate", "", []byte(body)))
		})
	})
}

// parallelLogins guesses passwords on many connections.
func parallelLogins(ctx context.Context, s *siege) {
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
func unreadPages(ctx context.Context, s *siege) {
	s.repeat(ctx, 200, func(ctx context.Context, i int) {
		s.connected(ctx, i, func(c net.Conn) {
			req := request("GET", s.url, messages+s.big+"?fetchSize=1000", s.cookies[i%attackers], nil)
			if _, err := c.Write(bytes.Repeat(req, 30)); err == nil {
				wait(ctx, holdFor)
			}
		})
	})
}

// resumes has all of the big room replayed, several times on each socket, and reads nothing.
func resumes(ctx context.Context, s *siege) {
	s.repeat(ctx, 64, func(ctx context.Context, i int) {
		s.socket(ctx, i, func(sock *socket) {
			frames := "CONNECT\naccept-version:1.2\nhost:bench\nheart-beat:0,0\n\n\x00"
			for n := range 5 {
				frames += fmt.Sprintf("SUBSCRIBE\nid:%d\ndestination:/topic/messages/%s\nafter:%s\nreceipt:r\n\n\x00", n, s.big, id.Min)
			}
			if sock.send(ws.OpText, []byte(frames)) == nil {
				wait(ctx, holdFor)
			}
		})
	})
}

func (s *siege) socket(ctx context.Context, i int, f func(*socket)) {
	sock, err := openSocket(s.from(ctx, i%attackers), s.url, api+"/stomp", s.cookies[i%attackers])
	if err != nil {
		return
	}
	defer sock.conn.Close()
	defer context.AfterFunc(ctx, func() { _ = sock.conn.Close() })()
	f(sock)
}

// stalledBodies sends long messages without their last byte.
func stalledBodies(ctx context.Context, s *siege) {
	s.repeatFrom(ctx, 300, holdFor, func(ctx context.Context, i int) {
		s.connected(ctx, i, func(c net.Conn) {
			req := request("POST", s.url, messages+s.big, s.cookies[i%attackers], bytes.Repeat([]byte(" "), 1<<20-1))
			if _, err := c.Write(req[:len(req)-1]); err == nil {
				wait(ctx, holdFor)
			}
		})
	})
}

// stalledFrames sends long STOMP frames without their last byte.
func stalledFrames(ctx context.Context, s *siege) {
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
func pictureBombs(ctx context.Context, s *siege) {
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
			who := i % attackers
			req := request("PUT", s.url, api+"/users/"+s.logins[who]+"/avatar", s.cookies[who], f.data)
			req = bytes.Replace(req, []byte("application/json"), []byte(f.kind), 1)
			if i%2 == 0 {
				_, _, _ = newWire(c).do(req)
			} else if _, err := c.Write(req); err == nil {
				wait(ctx, 200*time.Millisecond)
			}
		})
	})
}
