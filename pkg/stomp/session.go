package stomp

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
)

type version uint8

const (
	v10 version = iota
	v11
	v12
)

// versions lists the supported versions as STOMP writes them, lowest first.
var versions = [...]string{v10: "1.0", v11: "1.1", v12: "1.2"}

// feed processes what the client sent, in pieces of any size. It ends the connection on errors. The transport may still
// call it after that; it then does nothing.
func (c *conn) feed(data []byte) {
	for !c.isEnding() {
		f, rest, err := c.parser.next(data)
		if err != nil {
			c.fail(err.Error(), "", endFault)
			return
		}
		if f == nil {
			return
		}
		data = rest
		f.escaped = c.connected.Load() && c.version > v10
		c.handle(f)
	}
}

func (c *conn) isEnding() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending != nil
}

// handle processes one frame and answers with a RECEIPT or an ERROR.
func (c *conn) handle(f *frame) {
	receipt, _ := f.raw("receipt") // is returned as it was sent
	if !c.connected.Load() {
		if f.command == "CONNECT" || f.command == "STOMP" {
			c.connect(f)
		} else {
			c.fail("not connected", receipt, endFault)
		}
		return
	}
	var err error
	answer := receiptFrame(receipt)
	switch f.command {
	case "SUBSCRIBE":
		err = c.subscribe(f, receipt)
		answer = "" // subscribe sends the RECEIPT itself, before the replay
	case "UNSUBSCRIBE":
		err = c.unsubscribe(f)
	case "DISCONNECT":
		c.finish(answer, endGoAway)
		return
	case "ACK", "NACK", "BEGIN", "COMMIT", "ABORT":
	case "SEND":
		err = protocolError("SEND is not allowed; messages are posted by REST")
	case "CONNECT", "STOMP":
		err = protocolError("connected already")
	default:
		err = protocolError("unknown command")
	}
	if err != nil {
		c.fail(c.say(err), receipt, endFault)
	} else if answer != "" {
		c.send(answer)
	}
}

const serverFailed = "the server failed; try again"

// say returns the text of an error for the client, and logs its cause.
func (c *conn) say(err error) string {
	var refused protocolError
	if errors.As(err, &refused) {
		return string(refused)
	}
	var e *chat.Error
	if !errors.As(err, &e) {
		c.srv.log.Error("STOMP frame failed", "login", c.login.Login, "error", err)
		return serverFailed
	}
	if e.Cause != nil && e.Kind != chat.RateLimited {
		c.srv.log.Warn("STOMP frame failed", "login", c.login.Login, "error", err)
	}
	if e.Message != "" && e.Kind != chat.Internal {
		return e.Message
	}
	return serverFailed
}

func (c *conn) connect(f *frame) {
	accept, ok := f.raw("accept-version")
	if !ok {
		accept = versions[v10]
	}
	chosen := -1
	for _, a := range strings.Split(accept, ",") {
		for v, name := range versions {
			if strings.TrimSpace(a) == name && v > chosen {
				chosen = v
			}
		}
	}
	if chosen < 0 {
		c.finish("ERROR\nversion:1.0,1.1,1.2\nmessage:no common version\n\n\x00", endFault)
		return
	}
	beat, _ := f.raw("heart-beat")
	sends, wants, err := parseHeartBeat(beat)
	if err != nil {
		c.fail(err.Error(), "", endFault)
		return
	}
	c.version = version(chosen)
	offer := c.srv.opts.HeartBeat
	if wants > 0 && offer > 0 {
		c.beatOut.Store(int64(max(wants, offer)))
	}
	if sends > 0 && offer > 0 {
		c.beatIn.Store(int64(max(sends, offer)))
	}
	c.online()
	ms := offer.Milliseconds()
	c.send(fmt.Sprintf("CONNECTED\nversion:%s\nheart-beat:%d,%d\nsession:%s\nserver:confab\nuser-name:%s\n\n\x00",
		versions[chosen], ms, ms, c.srv.ids.New(), c.login.Login))
	c.connected.Store(true)
}

// maxHeartBeat bounds the interval that a client can request, so that sums do not overflow.
const maxHeartBeat = 24 * time.Hour

func parseHeartBeat(s string) (sends, wants time.Duration, err error) {
	if s == "" {
		return 0, 0, nil
	}
	x, y, ok := strings.Cut(s, ",")
	a, errA := strconv.ParseUint(strings.TrimSpace(x), 10, 63)
	b, errB := strconv.ParseUint(strings.TrimSpace(y), 10, 63)
	if !ok || errA != nil || errB != nil {
		return 0, 0, protocolError("malformed heart-beat")
	}
	most := uint64(maxHeartBeat.Milliseconds())
	return time.Duration(min(a, most)) * time.Millisecond, time.Duration(min(b, most)) * time.Millisecond, nil
}

// frameTimeout bounds the time that the handling of one frame may take in the store.
const frameTimeout = 15 * time.Second

func (c *conn) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.srv.ctx, frameTimeout)
}

func receiptFrame(id string) string {
	if id == "" {
		return ""
	}
	return "RECEIPT\nreceipt-id:" + id + "\n\n\x00"
}

// errorFrame returns an ERROR frame. The message becomes one line in which nothing needs an escape.
func errorFrame(message, receipt string) string {
	message = strings.Map(func(r rune) rune {
		if r == ':' || r == '\\' || r < ' ' {
			return ' '
		}
		return r
	}, message)
	f := "ERROR\nmessage:" + message + "\n"
	if receipt != "" {
		f += "receipt-id:" + receipt + "\n"
	}
	return f + "\n\x00"
}
