package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// socket reads a WebSocket as one stream of bytes, which is what STOMP is, and
// answers pings. Reads belong to one goroutine; writes may come from any.
type socket struct {
	conn net.Conn
	in   *bufio.Reader
	left int64 // of the message being read

	write sync.Mutex
}

// Small buffers: thousands of sockets share the machine with the server.
const (
	socketBuffer = 1 << 10
	frameBuffer  = 4 << 10
)

// openSocket connects and upgrades. Not more than STOMP 1.2 is offered.
func openSocket(ctx context.Context, u *url.URL, path, cookie string) (*socket, error) {
	conn, err := dial(ctx, u)
	if err != nil {
		return nil, err
	}
	w := *u
	w.Scheme = map[string]string{"http": "ws", "https": "wss"}[u.Scheme]
	w.Path += path
	d := ws.Dialer{Protocols: []string{"v12.stomp"}, Header: ws.HandshakeHeaderHTTP(http.Header{"Cookie": {cookie}})}
	if cookie == "" {
		d.Header = nil
	}
	_ = conn.SetDeadline(time.Now().Add(answerTime))
	early, _, err := d.Upgrade(conn, &w)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("upgrade: %w", err), conn.Close())
	}
	_ = conn.SetDeadline(time.Time{})
	s := &socket{conn: conn, in: bufio.NewReaderSize(conn, socketBuffer)}
	if early != nil { // frames that came with the answer
		s.in = bufio.NewReaderSize(io.MultiReader(io.LimitReader(early, int64(early.Buffered())), conn), socketBuffer)
	}
	return s, nil
}

// Read implements io.Reader over the payloads of text and binary messages.
func (s *socket) Read(p []byte) (int, error) {
	for s.left == 0 {
		h, err := ws.ReadHeader(s.in)
		if err != nil {
			return 0, err
		}
		if h.Masked {
			return 0, errors.New("a masked frame from the server")
		}
		if !h.OpCode.IsControl() {
			s.left = h.Length
			continue
		}
		payload := make([]byte, h.Length) // of a control frame: at most 125 bytes, which ReadHeader sees to
		if _, err := io.ReadFull(s.in, payload); err != nil {
			return 0, err
		}
		switch h.OpCode {
		case ws.OpClose:
			return 0, fmt.Errorf("closed by the server: %q", payload)
		case ws.OpPing:
			if err := s.send(ws.OpPong, payload); err != nil {
				return 0, err
			}
		}
	}
	n, err := s.in.Read(p[:min(int64(len(p)), s.left)])
	s.left -= int64(n)
	return n, err
}

func (s *socket) send(op ws.OpCode, payload []byte) error {
	f := ws.MaskFrameInPlace(ws.NewFrame(op, true, bytes.Clone(payload)))
	b, err := ws.CompileFrame(f)
	if err != nil {
		return err
	}
	s.write.Lock()
	defer s.write.Unlock()
	_, err = s.conn.Write(b)
	return err
}

// frames reads STOMP frames.
type frames struct {
	in   *bufio.Reader
	body []byte
}

func newFrames(r io.Reader) *frames { return &frames{in: bufio.NewReaderSize(r, frameBuffer)} }

// frame is one STOMP frame from a server, no further read than a load needs it.
type frame struct {
	command   string
	receiptID string
	message   string // header of ERROR
	body      []byte // good until the next frame
}

// maxFrame is the largest body that is read; larger ones are an error.
const maxFrame = 1 << 20

// next returns the next frame; heart-beats are skipped.
func (f *frames) next() (frame, error) {
	var fr frame
	for fr.command == "" {
		line, err := f.line()
		if err != nil {
			return fr, err
		}
		fr.command = name(line)
	}
	length := -1
	for {
		line, err := f.line()
		if err != nil {
			return fr, unexpected(err)
		}
		if len(line) == 0 {
			break
		}
		key, value, _ := bytes.Cut(line, []byte(":"))
		switch string(key) {
		case "content-length":
			if length, err = strconv.Atoi(string(value)); err != nil || length < 0 || length > maxFrame {
				return fr, fmt.Errorf("content-length %q", value)
			}
		case "receipt-id":
			fr.receiptID = string(value)
		case "message":
			fr.message = string(value)
		}
	}
	var err error
	fr.body, err = f.payload(length)
	return fr, unexpected(err)
}

// name avoids an allocation for each of the frames there are most of.
func name(line []byte) string {
	if string(line) == "MESSAGE" {
		return "MESSAGE"
	}
	return string(line)
}

func (f *frames) line() ([]byte, error) {
	line, err := f.in.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
}

func (f *frames) payload(length int) ([]byte, error) {
	f.body = f.body[:0]
	if length >= 0 {
		if cap(f.body) < length {
			f.body = make([]byte, 0, 2*length)
		}
		f.body = f.body[:length]
		if _, err := io.ReadFull(f.in, f.body); err != nil {
			return nil, err
		}
		end, err := f.in.ReadByte()
		if err == nil && end != 0 {
			err = errors.New("no NUL behind a frame's body")
		}
		return f.body, err
	}
	for {
		part, err := f.in.ReadSlice(0)
		f.body = append(f.body, part...)
		if len(f.body) > maxFrame {
			return nil, errors.New("a frame without an end")
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			if err != nil {
				return nil, err
			}
			return f.body[:len(f.body)-1], nil
		}
	}
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// listener is a STOMP connection with one subscription.
type listener struct {
	*socket
	frames *frames
}

// listen connects as 1.2 without heart-beats and subscribes; when it returns the server has promised
// to deliver.
func listen(ctx context.Context, u *url.URL, cookie, destination string) (*listener, error) {
	s, err := openSocket(ctx, u, api+"/stomp", cookie)
	if err != nil {
		return nil, err
	}
	l := &listener{socket: s, frames: newFrames(s)}
	_ = s.conn.SetReadDeadline(time.Now().Add(answerTime))
	err = l.ask("CONNECT\naccept-version:1.2\nhost:bench\nheart-beat:0,0\n\n\x00", "CONNECTED", "")
	if err == nil {
		err = l.ask("SUBSCRIBE\nid:0\ndestination:"+destination+"\nreceipt:sub\n\n\x00", "RECEIPT", "sub")
	}
	if err != nil {
		return nil, errors.Join(err, s.conn.Close())
	}
	_ = s.conn.SetReadDeadline(time.Time{})
	return l, nil
}

func (l *listener) ask(frame, command, receipt string) error {
	if err := l.send(ws.OpText, []byte(frame)); err != nil {
		return err
	}
	fr, err := l.frames.next()
	if err != nil {
		return err
	}
	if fr.command != command || fr.receiptID != receipt {
		return fmt.Errorf("expected %s, got %s %s", command, fr.command, fr.message)
	}
	return nil
}

// unsubscribe asks for the end; all that was delivered comes before the receipt "end".
func (l *listener) unsubscribe() error {
	return l.send(ws.OpText, []byte("UNSUBSCRIBE\nid:0\nreceipt:end\n\n\x00"))
}
