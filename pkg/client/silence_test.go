package client_test

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws/wsutil"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/client"
)

// upgrade answers a WebSocket's request with a connection, whose other end it returns.
func upgrade(r *http.Request) (*http.Response, net.Conn) {
	here, there := net.Pipe()
	accept := sha1.Sum([]byte(r.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	resp := respond(r, http.StatusSwitchingProtocols, "", "Sec-Websocket-Accept", base64.StdEncoding.EncodeToString(accept[:]))
	resp.Body = here
	return resp, there
}

// A server that has promised heart-beats and is silent is left. One that restarts asks for time, and gets it.
func TestASilentServerIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var mu sync.Mutex // guards beats
		var dialled, beats []time.Duration
		c, err := client.New("http://chat.example", client.WithToken("x"), client.WithHTTPClient(&http.Client{Transport: tripper(
			func(r *http.Request) (*http.Response, error) {
				dialled = append(dialled, time.Since(begun))
				if len(dialled) == 2 {
					return respond(r, http.StatusServiceUnavailable, `{"message":"the server is restarting"}`, "Retry-After", "3"), nil
				}
				resp, there := upgrade(r)
				go func() {
					in := bufio.NewReader(there)
					for first := true; ; first = false {
						text, err := wsutil.ReadClientText(struct {
							io.Reader
							io.Writer
						}{in, there})
						switch {
						case err != nil:
							return
						case first:
							_ = wsutil.WriteServerText(there, []byte("CONNECTED\nversion:1.2\nheart-beat:10000,10000\n\n\x00"))
						case string(text) == "\n":
							mu.Lock()
							beats = append(beats, time.Since(begun))
							mu.Unlock()
						}
					}
				}()
				return resp, nil
			})}))
		require.NoError(t, err)
		live := c.Live()
		time.Sleep(40 * time.Second)
		synctest.Wait()
		live.Close()
		synctest.Wait()
		require.GreaterOrEqual(t, len(dialled), 3)
		require.GreaterOrEqual(t, dialled[1], 20*time.Second, "it had twice the time it promised")
		require.Less(t, dialled[1], 30*time.Second)
		require.GreaterOrEqual(t, dialled[2]-dialled[1], 3*time.Second)
		mu.Lock()
		defer mu.Unlock()
		require.Equal(t, []time.Duration{10 * time.Second, 20 * time.Second}, beats[:2], "it received what it wants")
	})
}
