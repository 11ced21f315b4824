package stomp

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/live/livetest"
)

// pieces are what hostile clients make frames of.
var pieces = []string{
	"CONNECT", "STOMP", "SUBSCRIBE", "UNSUBSCRIBE", "SEND", "MESSAGE", "RECEIPT", "DISCONNECT", "BEGIN", "subscribe", "\n", "\n\n", "\x00", "\r\n", ":", "\\", "\\c", "\\t",
	"accept-version:1.2\n", "accept-version:9\n", "heart-beat:0,0\n", "heart-beat:9223372036854775807,1\n", "heart-beat:-1,x\n", "id:s\n", "id:\\r\\n\n", "id:\xff\xfe\n",
	"destination:/topic/messages/games\n", "destination:/topic/me\n", "destination:/topic/messages/../me\n", "destination:/queue/x\n", "destination:/topic/messages/secret\n",
	"receipt:r\n", "receipt:a\\nERROR\\c\n", "after:4e831610-cb0b-11e4-8830-0800200c9a66\n", "after:x\n", "skip:open-rooms\n",
	"content-length:-1\n", "content-length:3\n", "content-length:2147483648\n", "content-length:99999999999999999999\n", "ack:client\n", "\u202e\u0000",
	strings.Repeat("x", maxLine+1), strings.Repeat("h:1\n", maxHeaders+1), strings.Repeat("\n", 5000), strings.Repeat("\x00", 500), `["`, `"]`, `[`, `{"a":1}`, `\ud800`,
}

// hostile returns frames of a hostile client, each as bytes on the wire.
func hostile(chance *rand.Rand) (wire [][]byte) {
	codes := []ws.OpCode{ws.OpText, ws.OpText, ws.OpText, ws.OpText, ws.OpBinary, ws.OpContinuation, ws.OpPing, ws.OpClose, 5}
	for range 1 + chance.IntN(4) {
		var text strings.Builder
		if chance.IntN(2) == 0 {
			text.WriteString("CONNECT\naccept-version:1.2\nheart-beat:0,0\n\n\x00")
		}
		for range chance.IntN(12) {
			text.WriteString(pieces[chance.IntN(len(pieces))])
		}
		payload := []byte(text.String())
		if len(payload) > 0 && chance.IntN(4) == 0 {
			payload[chance.IntN(len(payload))] = byte(chance.IntN(256))
		}
		f := ws.NewFrame(codes[chance.IntN(len(codes))], chance.IntN(8) != 0, payload)
		if chance.IntN(16) != 0 {
			f = ws.MaskFrame(f)
		}
		f.Header.Rsv = byte(max(0, chance.IntN(40)-33))
		var b bytes.Buffer
		if err := ws.WriteFrame(&b, f); err != nil {
			b.Write([]byte("\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff")) // a frame of 2^64 bytes
		}
		out := b.Bytes()
		if chance.IntN(8) == 0 {
			out = out[:chance.IntN(len(out)+1)] // cut off in the middle
		}
		wire = append(wire, out)
	}
	return wire
}

// Whatever hostile clients send, nothing panics, nothing that they may not read reaches them, and others are served.
func TestHostileFrames(t *testing.T) {
	w := livetest.NewWorld()
	n := newNode(t, w, nil, nil)
	room := w.Room("games", "ann", "mallory")
	secret := w.Room("secret", "ann")
	ann := n.enter(t, "ann", "/stomp", "games")
	ann.follow("x", "/topic/messages/secret")
	panics := guard.Panics()
	seed := uint64(time.Now().UnixNano())
	for i := range 400 {
		chance := rand.New(rand.NewPCG(seed, uint64(i)))
		path := []string{"/stomp", fmt.Sprintf("/chat/000/s%d/websocket", i)}[i%2]
		c := n.dial(t, "mallory", path)
		for _, wire := range hostile(chance) {
			if _, err := c.net.Write(wire); err != nil {
				break // the server has ended it
			}
		}
		if i%50 == 0 {
			w.Post(n.hub, room, "ann", "hello")
			w.Post(n.hub, secret, "ann", "secret words")
		}
		c.close()
		c.mu.Lock()
		for _, f := range c.frames {
			require.NotContains(t, string(f.body), "secret words", "seed %d, client %d", seed, i)
		}
		c.mu.Unlock()
		require.Equal(t, panics, guard.Panics(), "seed %d, client %d", seed, i)
	}
	require.Len(t, ann.contents("s", 8), 8)
	require.Len(t, ann.contents("x", 8), 8)
	require.Eventually(t, func() bool { return n.stomp.Stats().Connections == 1 }, patience, time.Millisecond, "nothing is left of the hostile ones")
	require.Equal(t, panics, guard.Panics(), "seed %d", seed)
}
