package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-stomp/stomp/v3/frame"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

const (
	// beatEvery is how often each side of a connection shows that it is there, if the other one agrees.
	beatEvery = 10 * time.Second
	// largestMessage bounds a WebSocket message of the server, in bytes.
	largestMessage = 16 << 20
	subprotocol    = "v12.stomp"
)

// socket is a STOMP connection over a WebSocket. One goroutine may read, any may write.
type socket struct {
	conn io.ReadWriteCloser
	in   wsutil.Reader
	read *frame.Reader
	beat time.Duration // how often the server wants to receive something; 0: it does not

	silence time.Duration // after which the server is taken for dead; changed by the reader alone
	alive   *time.Timer   // closes conn after silence

	mu sync.Mutex // held while writing
}

// dial opens a WebSocket to the server as the client's user and connects by STOMP. The upgrade is a request as any other,
// so that proxies, certificates and the renewal of sessions are what they are for those.
func (c *Client) dial(ctx context.Context) (*socket, error) {
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails
	key := base64.StdEncoding.EncodeToString(nonce[:])
	r := request{method: http.MethodGet, path: path("stomp"), header: http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key": {key}, "Sec-Websocket-Protocol": {subprotocol}}}
	a, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	accept := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) // RFC 6455, 4.2.2
	if a.conn == nil || a.header.Get("Sec-Websocket-Accept") != base64.StdEncoding.EncodeToString(accept[:]) {
		return nil, fmt.Errorf("client: %s: the answer is not that of a WebSocket", r.where())
	}
	s := &socket{conn: a.conn, silence: c.timeout}
	s.alive = time.AfterFunc(s.silence, s.close)
	defer context.AfterFunc(ctx, s.close)()
	if err := s.connect(); err != nil {
		s.close()
		return nil, fmt.Errorf("client: %s: %w", r.where(), err)
	}
	return s, nil
}

func (s *socket) connect() error {
	onControl := wsutil.ControlFrameHandler(writerFunc(s.write), ws.StateClientSide)
	s.in = wsutil.Reader{Source: s.conn, State: ws.StateClientSide, MaxMessageSize: largestMessage, OnIntermediate: onControl}
	s.read = frame.NewReader(readerFunc(func(p []byte) (int, error) { return s.payload(p, onControl) }))
	ms := strconv.FormatInt(beatEvery.Milliseconds(), 10)
	if err := s.send(frame.New(frame.CONNECT, frame.AcceptVersion, "1.2", frame.HeartBeat, ms+","+ms)); err != nil {
		return err
	}
	f, err := s.next()
	if err != nil {
		return err
	}
	sends, wants, err := frame.ParseHeartBeat(f.Header.Get(frame.HeartBeat))
	if err != nil || f.Command != frame.CONNECTED {
		return fmt.Errorf("the server does not connect: %s %s", f.Command, f.Header.Get(frame.Message))
	}
	if wants > 0 {
		s.beat = max(wants, beatEvery)
	}
	s.silence = 0 // a server that promises no heart-beats may be silent for ever
	s.alive.Stop()
	if sends > 0 {
		s.silence = 2*max(sends, beatEvery) + beatEvery/2
		s.alive.Reset(s.silence)
	}
	return nil
}

// payload reads the payloads of the server's messages: to STOMP they are one stream of bytes.
func (s *socket) payload(p []byte, onControl wsutil.FrameHandlerFunc) (int, error) {
	for {
		n, err := s.in.Read(p)
		if n > 0 {
			return n, nil
		}
		if err == nil {
			continue
		}
		if !errors.Is(err, io.EOF) && !errors.Is(err, wsutil.ErrNoFrameAdvance) {
			return 0, err
		}
		h, err := s.in.NextFrame()
		if err != nil {
			return 0, err
		}
		if s.silence > 0 {
			s.alive.Reset(s.silence)
		}
		if h.OpCode.IsControl() {
			if err := onControl(h, &s.in); err != nil {
				return 0, err
			}
		}
	}
}

// next returns the next frame; heart-beats are skipped.
func (s *socket) next() (*frame.Frame, error) {
	for {
		f, err := s.read.Read()
		if f != nil || err != nil {
			return f, err
		}
	}
}

// send writes a frame; nil is a heart-beat.
func (s *socket) send(f *frame.Frame) error {
	var b bytes.Buffer
	if err := frame.NewWriter(&b).Write(f); err != nil {
		return err
	}
	message, err := ws.CompileFrame(ws.MaskFrameInPlace(ws.NewTextFrame(b.Bytes())))
	if err != nil {
		return err
	}
	_, err = s.write(message)
	return err
}

// write writes whole WebSocket frames. A server that does not take them for long is taken for dead.
func (s *socket) write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	late := time.AfterFunc(defaultTimeout, s.close)
	defer late.Stop()
	return s.conn.Write(p)
}

// close ends the connection, also during a read or a write.
func (s *socket) close() {
	s.alive.Stop()
	_ = s.conn.Close()
}

// restarting reports whether err is how a server that restarts ends connections.
func restarting(err error) bool {
	var closed wsutil.ClosedError
	return errors.As(err, &closed) && closed.Code == 1012
}

// refusal is an ERROR frame. The server then ends the connection.
type refusal struct{ message, receipt string }

func (r refusal) Error() string { return "the server ends the connection: " + r.message }

func refusalOf(f *frame.Frame) refusal {
	return refusal{message: strings.TrimSpace(f.Header.Get(frame.Message)), receipt: f.Header.Get(frame.ReceiptId)}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
