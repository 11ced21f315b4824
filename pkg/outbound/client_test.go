package outbound

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/confab-chat/confab/pkg/clocktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var at = time.Date(2026, 5, 4, 3, 2, 1, 999e6, time.UTC)

// client returns a client that may call the given networks.
func client(t *testing.T, r *net.Resolver, allow ...string) *Client {
	g, err := NewGuard(allow)
	require.NoError(t, err)
	c := New(Options{Guard: g, Agent: "confab/test", Resolver: r, Now: clocktest.New(at).Now})
	t.Cleanup(c.Close)
	return c
}

// receiver is a server of a customer.
func receiver(t *testing.T, f http.HandlerFunc) *httptest.Server {
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s
}

func TestAPostIsSigned(t *testing.T) {
	body := []byte(`{"a":"ä"}`)
	s := receiver(t, func(_ http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		require.Equal(t, body, got)
		require.Equal(t, []string{"application/json", "confab/test", "message"}, []string{r.Header.Get("Content-Type"), r.Header.Get("User-Agent"), r.Header.Get("X-Confab-Event")})
		require.NotContains(t, r.Header, "X-Idempotency-Key")
		parts := strings.Split(r.Header.Get("X-Confab-Signature"), ",")
		require.Equal(t, "t="+strconv.FormatInt(at.Unix(), 10), parts[0])
		require.Len(t, parts, 3, "the new secret and the old one")
		for i, secret := range []string{"new", "old"} {
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write([]byte(strings.TrimPrefix(parts[0], "t=") + "." + string(got)))
			require.Equal(t, "v1="+hex.EncodeToString(mac.Sum(nil)), parts[i+1])
		}
	})
	got := client(t, nil, "127.0.0.0/8").Post(t.Context(), Call{URL: s.URL, Body: body, Secrets: []string{"new", "old"}, Header: map[string]string{"X-Confab-Event": "message"}})
	require.Equal(t, Result{Status: 200}, got)
	require.Equal(t, "8348215f736f1356df06c617ab821041", Security("a#b_c", "secret", time.UnixMilli(1)))
}

func TestWhatIsNoSuccess(t *testing.T) {
	var followed atomic.Bool
	other := receiver(t, func(http.ResponseWriter, *http.Request) { followed.Store(true) })
	s := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		case "/busy":
			w.Header().Set("Retry-After", r.URL.RawQuery)
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/break":
			panic(http.ErrAbortHandler)
		case "/endless":
			for {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		}
	})
	c := client(t, nil, "127.0.0.0/8")
	post := func(path string) Result { return c.Post(t.Context(), Call{URL: s.URL + path}) }

	got := post("/redirect")
	require.Equal(t, 307, got.Status)
	require.ErrorContains(t, got.Err, "redirect")
	require.False(t, followed.Load())
	for asked, want := range map[string]time.Duration{"120": 2 * time.Minute, "0": time.Second, "-5": time.Second, "99999999999": time.Hour, "x": 0,
		"Mon,%2004%20May%202026%2003:03:01%20GMT": 0, "": 0} {
		got := post("/busy?" + asked)
		require.Equal(t, 503, got.Status)
		require.Error(t, got.Err)
		require.Equal(t, want, got.RetryAfter, asked)
	}
	require.Equal(t, 59*time.Second+time.Millisecond, c.retryAfter("Mon, 04 May 2026 03:03:01 GMT"))
	got = post("/break")
	require.Zero(t, got.Status)
	require.Error(t, got.Err)
	require.NotContains(t, got.Err.Error(), "127.0.0.1", "it tells nothing of addresses")
	require.Equal(t, Result{Status: 200}, post("/endless"), "only the beginning is read")

	gone := httptest.NewServer(nil)
	gone.Close()
	got = c.Post(t.Context(), Call{URL: gone.URL})
	require.ErrorContains(t, got.Err, "refused")
	require.NotContains(t, got.Err.Error(), "127.0.0.1")
}

func TestAReceiverThatHangs(t *testing.T) {
	release := make(chan struct{})
	s := receiver(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	c := client(t, nil, "127.0.0.0/8")
	ctx, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	require.ErrorContains(t, c.Post(ctx, Call{URL: s.URL}).Err, "10 seconds")
	require.Equal(t, Timeout, c.http.Timeout)
}

// names is a server for names, which answers with the next of some addresses each time. The last one stays.
func names(t *testing.T, addresses ...[4]byte) *net.Resolver {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	t.Cleanup(func() { _ = conn.Close(); <-done })
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil {
				continue
			}
			m.Response, m.Additionals = true, nil
			if m.Questions[0].Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET}, Body: &dnsmessage.AResource{A: addresses[0]}}}
				if len(addresses) > 1 {
					addresses = addresses[1:]
				}
			}
			b, _ := m.Pack()
			_, _ = conn.WriteTo(b, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// A name that meant an address that may be called means another one at the next attempt.
func TestANameThatChangesItsAddress(t *testing.T) {
	var calls atomic.Int32
	s := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.Header().Set("Connection", "close")
	})
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	require.NoError(t, err)
	c := client(t, names(t, [4]byte{127, 0, 0, 1}, [4]byte{127, 0, 0, 2}), "127.0.0.1/32")
	url := "http://hook.example:" + port
	require.NoError(t, c.Check(url))
	require.Equal(t, Result{Status: 200}, c.Post(t.Context(), Call{URL: url}))
	require.ErrorIs(t, c.Post(t.Context(), Call{URL: url}).Err, errRefused)
	require.EqualValues(t, 1, calls.Load())
}

// A proxy of the environment would dial in place of the client.
func TestNoProxyIsUsed(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	require.Nil(t, client(t, nil).http.Transport.(*http.Transport).Proxy)
	require.ErrorIs(t, client(t, nil).Post(t.Context(), Call{URL: "http://127.0.0.1:1"}).Err, errRefused)
}
