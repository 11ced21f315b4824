package realtime

import (
	"testing"
	"time"

	"github.com/go-stomp/stomp/v3/frame"
	"github.com/stretchr/testify/require"
)

// Two nodes without a bus: what one has ended is over on the sockets of the other one, long before any of the checks
// that are made now and then.
func TestSocketsObeyOtherNodesWithoutABus(t *testing.T) {
	store := keyspace(t)
	here, there := startWith(t, store), startWith(t, store)
	room, us := stage(t, here, 4)
	open := func(u *user) *stream {
		s, err := u.dial(here, room, "")
		require.NoError(t, err)
		t.Cleanup(func() { _ = s.net.Close() })
		require.NoError(t, s.send(frame.New("SUBSCRIBE", "id", "p", "destination", "/topic/participants/"+room)))
		require.NoError(t, s.send(frame.New("SUBSCRIBE", "id", "a", "destination", "/topic/action/"+room, "receipt", "a")))
		for {
			f, err := s.next()
			require.NoError(t, err)
			if f.Command == "RECEIPT" {
				return s
			}
		}
	}
	// until returns the frame that is wanted, which has to come soon.
	until := func(s *stream, wanted func(f *frame.Frame) bool) {
		t.Helper()
		const soon = 8 * time.Second
		began := time.Now()
		for {
			f, err := s.next()
			require.NoError(t, err)
			require.Less(t, time.Since(began), soon)
			if wanted(f) {
				return
			}
		}
	}
	creator, removed, out, other := open(us[0]), open(us[1]), open(us[2]), open(us[3])
	us[0].must(t, there, "PATCH", "/rooms/participant/"+room, map[string]string{"login": us[1].login}, nil)
	until(removed, func(f *frame.Frame) bool { return f.Header.Get("status") == "LEAVE" })
	us[2].must(t, there, "POST", "/logout", nil, nil)
	until(out, func(f *frame.Frame) bool { return f.Command == "ERROR" })
	us[0].must(t, there, "DELETE", "/rooms/"+room, nil, nil)
	for _, s := range []*stream{creator, other} {
		until(s, func(f *frame.Frame) bool { return f.Header.Get("action") == "DELETE" })
	}
}
