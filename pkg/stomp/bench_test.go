package stomp

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/live/livetest"
)

// The clients of a benchmark run in another process, which is this same program started again, so that
// this process measures the server alone.
const crowdEnv = "CONFAB_BENCH_CROWD" // "address path connections"

// crowd connects and subscribes the given number of clients and prints "ready". It then prints a line each
// time all clients have received one more message.
func crowd(arg string) error {
	var addr, path string
	var n int
	if _, err := fmt.Sscanf(arg, "%s %s %d", &addr, &path, &n); err != nil {
		return err
	}
	var got atomic.Int64
	var failed atomic.Bool
	var ready, readers sync.WaitGroup
	ready.Add(n)
	limit := make(chan struct{}, 64)
	for i := range n {
		limit <- struct{}{}
		go func() {
			defer func() { <-limit }()
			d := ws.Dialer{Header: ws.HandshakeHeaderHTTP{"X-Login": {"u" + strconv.Itoa(i%1000)}},
				NetDial: func(ctx context.Context, network, addr string) (net.Conn, error) {
					// Many addresses, so that ports are not used up.
					from := &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(i%200+1))}
					return (&net.Dialer{LocalAddr: from}).DialContext(ctx, network, addr)
				}}
			c, _, _, err := d.Dial(context.Background(), "ws://"+addr+path) // what is read ahead is at most "o"
			if err != nil {
				failed.Store(true)
				ready.Done()
				return
			}
			text := "CONNECT\n\n\x00SUBSCRIBE\nid:sub-0\nreceipt:r\ndestination:/topic/messages/bench\n\n\x00"
			if strings.HasPrefix(path, "/chat") {
				text = string(mustJSON([]string{text}))
			}
			_ = wsutil.WriteClientText(c, []byte(text))
			readers.Go(func() { receive(c, &got, &ready) })
		}()
	}
	ready.Wait()
	if failed.Load() {
		return fmt.Errorf("cannot connect")
	}
	fmt.Println("ready")
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // until the server's process is done
		os.Exit(0)
	}()
	for told := int64(0); ; {
		if got.Load() >= (told+1)*int64(n) {
			told++
			fmt.Println("all")
			continue
		}
		time.Sleep(20 * time.Microsecond)
	}
}

// receive counts the messages received.
func receive(c net.Conn, got *atomic.Int64, ready *sync.WaitGroup) {
	buf := make([]byte, 2048)
	subscribed := false
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		if !subscribed && bytes.Contains(buf[:n], []byte("RECEIPT")) {
			subscribed = true
			ready.Done()
		}
		if m := bytes.Count(buf[:n], []byte("MESSAGE\n")) + bytes.Count(buf[:n], []byte(`MESSAGE\n`)); m > 0 {
			got.Add(int64(m))
		}
	}
}

// withCrowd runs f while n clients are subscribed. await waits until all have received one more message.
func withCrowd(b *testing.B, n *node, path string, clients int, f func(await func())) {
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d", crowdEnv, n.web.Listener.Addr(), path, clients))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(b, err)
	out, err := cmd.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	defer func() {
		_ = in.Close()
		_ = cmd.Wait()
	}()
	lines := bufio.NewScanner(out)
	await := func() {
		if !lines.Scan() {
			b.Fatal("the clients have gone")
		}
	}
	await()
	f(await)
}

func benchNode(b *testing.B) (*node, func(string)) {
	w := livetest.NewWorld()
	var logins []string
	for i := range 1000 {
		logins = append(logins, "u"+strconv.Itoa(i))
	}
	n := newNode(b, w, nil, nil)
	room := w.Room("bench", logins...)
	return n, func(text string) { n.hub.Publish(context.Background(), livetest.Posted(room, w.Message("u1", text))) }
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkFanOut reports the server's CPU time for one delivery, from Publish to the socket.
func BenchmarkFanOut(b *testing.B) {
	for _, path := range []string{"/stomp", sockjsPath} {
		for _, clients := range []int{1000, 5000} {
			for _, inFlight := range []int{1, 8} {
				b.Run(fmt.Sprintf("%s/clients=%d/inflight=%d", strings.Split(path, "/")[1], clients, inFlight), func(b *testing.B) {
					n, post := benchNode(b)
					withCrowd(b, n, path, clients, func(await func()) {
						text := strings.Repeat("x", 100)
						cpu := cpuTime()
						b.ResetTimer()
						flying := 0
						for range b.N {
							if flying == inFlight {
								await()
								flying--
							}
							post(text)
							flying++
						}
						for ; flying > 0; flying-- {
							await()
						}
						b.StopTimer()
						deliveries := float64(b.N * clients)
						b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/deliveries/1000, "cpu-µs/delivery")
						b.ReportMetric(deliveries/b.Elapsed().Seconds(), "deliveries/s")
					})
				})
			}
		}
	}
}

// BenchmarkBare is the lower bound of BenchmarkFanOut: a plain loop writes the same bytes to the same clients.
func BenchmarkBare(b *testing.B) {
	for _, clients := range []int{1000, 5000} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			n, _ := benchNode(b)
			withCrowd(b, n, "/stomp", clients, func(await func()) {
				var conns []net.Conn
				for _, c := range n.stomp.conns {
					conns = append(conns, c.via.(*wsTransport).net)
				}
				frame := ws.MustCompileFrame(ws.NewTextFrame([]byte("MESSAGE\n" + strings.Repeat("x", 400))))
				cpu := cpuTime()
				b.ResetTimer()
				for range b.N {
					for _, c := range conns {
						_, _ = c.Write(frame)
					}
					await()
				}
				b.StopTimer()
				b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/float64(b.N*clients)/1000, "cpu-µs/delivery")
			})
		})
	}
}

// BenchmarkIdle reports the memory of the process for each of 10,000 connections with one subscription.
func BenchmarkIdle(b *testing.B) {
	const clients = 10_000
	for _, path := range []string{"/stomp", sockjsPath} {
		b.Run(strings.Split(path, "/")[1], func(b *testing.B) {
			for range b.N {
				n, _ := benchNode(b)
				debug.FreeOSMemory() // of what ran before
				before := rss(b)
				withCrowd(b, n, path, clients, func(func()) {
					b.ReportMetric(float64(rss(b)-before)/clients/1024, "KiB/conn")
					runtime.GC()
					b.ReportMetric(float64(rss(b)-before)/clients/1024, "KiB/conn-after-gc")
				})
			}
		})
	}
}

// rss returns the memory of this process in bytes.
func rss(b *testing.B) int {
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(b, err)
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(b, err)
	return kib * 1024
}
