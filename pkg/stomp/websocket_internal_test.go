package stomp

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"
)

// timed is a connection that notes its deadline.
type timed struct {
	net.Conn
	deadline time.Time
}

func (c *timed) SetReadDeadline(t time.Time) error {
	c.deadline = t
	return nil
}

// What has begun to arrive is kept until it is complete, so it has to be complete in time. Idle connections have no deadline.
func TestWhatHasBegunToArriveHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &conn{srv: &Server{now: time.Now}}
		net := &timed{}
		w := &wsTransport{c: c, net: net, state: ws.StateServerSide}
		receive := func(text string) {
			h := ws.Header{Fin: true, OpCode: ws.OpText, Masked: true, Length: int64(len(text))}
			w.in = bufio.NewReaderSize(strings.NewReader(text), readBuffer) // the mask is 0
			require.True(t, w.frame(h))
		}
		receive("\n")
		require.Zero(t, net.deadline, "a heart-beat")
		begun := time.Now()
		receive("SEND\ndestination:x\n")
		require.Equal(t, begun.Add(frameWithin), net.deadline)
		time.Sleep(time.Second)
		receive("\n")
		receive(strings.Repeat("x", 2*readBuffer))
		require.Equal(t, begun.Add(frameWithin), net.deadline, "more of it does not move the deadline")

		c.parser = parser{}
		receive("\n")
		require.Zero(t, net.deadline, "it is complete")
	})
}

func TestTheHeadersOfAFrameAreBounded(t *testing.T) {
	_, err := parseAll(&parser{}, []byte("SEND\n"+strings.Repeat("a:"+strings.Repeat("b", maxLine/2)+"\n", 2*maxHeader/maxLine)))
	require.ErrorContains(t, err, "headers too long")
}
