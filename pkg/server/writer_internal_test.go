package server

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/budget"
)

// one is a listener with one connection.
type one struct {
	conns chan net.Conn
}

func (o one) Accept() (net.Conn, error) {
	if c, ok := <-o.conns; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (o one) Close() error   { return nil }
func (o one) Addr() net.Addr { return &net.TCPAddr{} }

// served returns a client's connection to a server whose answers are written by h.
func served(t *testing.T, h http.HandlerFunc) net.Conn {
	t.Helper()
	return servedFrom(t, newPools(budget.Divide(1<<30)), h)
}

func servedFrom(t *testing.T, pools pools, h http.HandlerFunc) net.Conn {
	t.Helper()
	client, ours := net.Pipe()
	l := one{make(chan net.Conn, 1)}
	l.conns <- ours
	s := &http.Server{Handler: protect(slog.New(slog.DiscardHandler), pools, false, h), ReadHeaderTimeout: time.Hour}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() {
		close(l.conns)
		_ = client.Close()
		_ = s.Close()
		<-done
	})
	return client
}

func get(t *testing.T, c net.Conn) {
	t.Helper()
	_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
}

func TestAClientThatDoesNotTakeItsAnswerIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wrote := make(chan error, 1)
		c := served(t, func(w http.ResponseWriter, _ *http.Request) {
			_, err := w.Write(make([]byte, 10*piece))
			wrote <- err
		})
		get(t, c)
		require.Error(t, <-wrote)
	})
}

// While much waits for clients that do not read, further answers have to be read quickly. So they cannot pile up.
func TestClientsHaveLessTimeWhileMuchIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPools(budget.Divide(budget.Least))
		p.sending = budget.NewPool(4 * 2 * piece)
		write := func() <-chan time.Duration {
			took := make(chan time.Duration, 1)
			get(t, servedFrom(t, p, func(w http.ResponseWriter, _ *http.Request) {
				start := time.Now()
				_, err := w.Write(make([]byte, 2*piece))
				require.Error(t, err)
				took <- time.Since(start)
			}))
			return took
		}
		first := write()
		synctest.Wait()
		second := write()
		require.Equal(t, takenHurriedly, <-second)
		require.Equal(t, takenWithin, <-first)
		require.Equal(t, takenWithin, <-write(), "what it took is given back")
	})
}

func TestAnAnswerMayTakeLongWhileTheClientReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pieces = 10
		c := served(t, func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(2 * takenWithin) // a slow store
			_, _ = w.Write(make([]byte, pieces*piece))
		})
		for range 2 { // the connection is used further
			get(t, c)
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			require.NoError(t, err)
			for range pieces {
				time.Sleep(takenWithin * 3 / 4)
				_, err := io.ReadFull(res.Body, make([]byte, piece))
				require.NoError(t, err)
			}
			_, err = io.Copy(io.Discard, res.Body)
			require.NoError(t, err)
			time.Sleep(2 * takenWithin)
		}
	})
}

func TestAnEmptyAnswerMayTakeLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := served(t, func(http.ResponseWriter, *http.Request) { time.Sleep(2 * takenWithin) })
		for range 2 {
			get(t, c)
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			require.NoError(t, err)
			require.Equal(t, 200, res.StatusCode)
		}
	})
}

func TestAKeptConnectionIsContinuedAfterADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := served(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
		get(t, c)
		in := bufio.NewReader(c)
		_, err := http.ReadResponse(in, nil)
		require.NoError(t, err)
		time.Sleep(2 * takenWithin)
		_, err = io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n")
		require.NoError(t, err)
		res, err := http.ReadResponse(in, nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusContinue, res.StatusCode)
		_, err = io.WriteString(c, "x")
		require.NoError(t, err)
		res, err = http.ReadResponse(in, nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, res.StatusCode)
	})
}

func TestAStreamIsNotCutOffWhileItIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := served(t, func(w http.ResponseWriter, _ *http.Request) {
			for range 3 {
				_, _ = io.WriteString(w, "x")
				w.(http.Flusher).Flush()
				time.Sleep(2 * takenWithin)
			}
		})
		get(t, c)
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		require.NoError(t, err)
		text, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.Equal(t, "xxx", string(text))
	})
}

func TestAHijackedConnectionHasNoDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := served(t, func(w http.ResponseWriter, _ *http.Request) {
			own, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				go func() {
					defer own.Close()
					time.Sleep(2 * takenWithin)
					_, _ = io.WriteString(own, "late")
				}()
				time.Sleep(takenWithin / 2) // the handler may end later
			}
		})
		get(t, c)
		text, err := io.ReadAll(c)
		require.NoError(t, err)
		require.Equal(t, "late", string(text))
	})
}
