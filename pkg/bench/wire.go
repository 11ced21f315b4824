package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// answerTime is how long a server may take for one answer.
const answerTime = 30 * time.Second

func dial(ctx context.Context, u *url.URL) (net.Conn, error) {
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	}
	d := dialer(ctx)
	if u.Scheme == "https" {
		return (&tls.Dialer{NetDialer: &d, Config: &tls.Config{NextProtos: []string{"http/1.1"}}}).DialContext(ctx, "tcp", host)
	}
	return d.DialContext(ctx, "tcp", host)
}

type addressKey struct{}

// withAddress makes connections come from that address of this machine.
func withAddress(ctx context.Context, address string) context.Context {
	return context.WithValue(ctx, addressKey{}, &net.TCPAddr{IP: net.ParseIP(address)})
}

func dialer(ctx context.Context) (d net.Dialer) {
	if a, ok := ctx.Value(addressKey{}).(*net.TCPAddr); ok {
		d.LocalAddr = a
	}
	return d
}

// wire is a persistent HTTP/1.1 connection for requests that are encoded
// already. It may not be used concurrently.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	body []byte
	// end is whether the server closes the connection after the last answer.
	end bool
}

func newWire(c net.Conn) *wire { return &wire{conn: c, in: bufio.NewReaderSize(c, 16<<10)} }

var errNotHTTP = errors.New("the answer is no HTTP/1.1")

// do sends a request and reads the answer; its body is good until the next call.
// After an error the connection is of no use any more.
func (w *wire) do(request []byte) (status int, body []byte, err error) {
	if err := w.conn.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return 0, nil, err
	}
	if _, err := w.conn.Write(request); err != nil {
		return 0, nil, err
	}
	for {
		status, length, err := w.head()
		if err != nil {
			return 0, nil, err
		}
		if status >= 200 {
			return status, w.body, w.read(status, length)
		}
	}
}

// chunked is the length of a body that says its length in pieces.
const chunked = -1

func (w *wire) head() (status, length int, err error) {
	line, err := w.in.ReadSlice('\n')
	if err != nil {
		return 0, 0, err
	}
	if len(line) < 13 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return 0, 0, errNotHTTP
	}
	status, err = strconv.Atoi(string(line[9:12]))
	if err != nil {
		return 0, 0, errNotHTTP
	}
	for {
		line, err := w.in.ReadSlice('\n')
		if err != nil {
			return 0, 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			return status, length, nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case is(name, "content-length"):
			if length, err = strconv.Atoi(string(value)); err != nil || length < 0 {
				return 0, 0, errNotHTTP
			}
		case is(name, "transfer-encoding"):
			length = chunked
		case is(name, "connection"):
			w.end = is(value, "close")
		}
	}
}

func is(b []byte, lower string) bool {
	return len(b) == len(lower) && bytes.EqualFold(b, []byte(lower))
}

// read reads the body into w.body.
func (w *wire) read(status, length int) error {
	w.body = w.body[:0]
	if status == 204 || status == 304 {
		return nil
	}
	if length != chunked {
		return w.take(length)
	}
	for {
		line, err := w.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, _, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(";"))
		n, err := strconv.ParseUint(string(size), 16, 30)
		if err != nil {
			return errNotHTTP
		}
		if n == 0 {
			return w.trailer()
		}
		if err := w.take(int(n)); err != nil {
			return err
		}
		if _, err := w.in.Discard(2); err != nil {
			return err
		}
	}
}

func (w *wire) trailer() error {
	for {
		line, err := w.in.ReadSlice('\n')
		if err != nil || len(bytes.TrimRight(line, "\r\n")) == 0 {
			return err
		}
	}
}

// maxBody is the largest body that is read.
const maxBody = 16 << 20

func (w *wire) take(n int) error {
	at := len(w.body)
	if at+n > maxBody {
		return fmt.Errorf("an answer of more than %d bytes", maxBody)
	}
	if cap(w.body) < at+n {
		w.body = append(make([]byte, 0, 2*(at+n)), w.body...)
	}
	w.body = w.body[:at+n]
	_, err := io.ReadFull(w.in, w.body[at:])
	return err
}

// request encodes a request. Cookie and body may be empty.
func request(method string, u *url.URL, path, cookie string, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s%s HTTP/1.1\r\nHost: %s\r\n", method, u.EscapedPath(), path, u.Host)
	if cookie != "" {
		fmt.Fprintf(&b, "Cookie: %s\r\n", cookie)
	}
	if body != nil {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// setUpClient is for what is not measured.
var setUpClient = &http.Client{
	Timeout: answerTime,
	Transport: &http.Transport{
		DisableKeepAlives: true, // so that no connection of it is left when the clock starts
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			d := dialer(ctx)
			return d.DialContext(ctx, network, address)
		},
	},
}
