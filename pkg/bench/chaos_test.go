package bench

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// inFront puts a handler in front of a fake's posts; it returns false for those it has answered itself.
func inFront(t *testing.T, f *fake, post func(n int64, w http.ResponseWriter, r *http.Request, h http.Handler) bool) string {
	h := f.Config.Handler
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "POST" || !strings.Contains(r.URL.Path, "/messages/") || post(n.Add(1), w, r, h) {
			h.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func unavailable(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "0")
	w.WriteHeader(http.StatusServiceUnavailable)
}

func chaosOn(t *testing.T, url string) ChaosReport {
	r, err := Chaos(t.Context(), ChaosOptions{URL: url, Posters: 3, Readers: 2, Rate: 1000, Duration: 300 * time.Millisecond})
	require.NoError(t, err)
	return r
}

func TestChaosOfAGoodServer(t *testing.T) {
	r := chaosOn(t, inFront(t, newFake(t), func(n int64, w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
		if n == 2 {
			unavailable(w)
		}
		return n != 2
	}))
	r.Share = 0 // one of few
	require.Empty(t, r.Failed())
	require.Positive(t, r.Acknowledged)
	require.EqualValues(t, 1, r.Unavailable)
	require.Contains(t, r.String(), "refused with 503 1 ")
}

func TestChaosSeesWhatIsLost(t *testing.T) {
	f := newFake(t)
	f.lose = func(n int) bool { return n == 1 }
	r := chaosOn(t, f.URL)
	require.Equal(t, 1, r.Lost)
	require.Contains(t, r.Failed(), "1 acknowledged messages are lost")
}

func TestChaosSeesWhatIsThereTwice(t *testing.T) {
	r := chaosOn(t, inFront(t, newFake(t), func(n int64, w http.ResponseWriter, r *http.Request, h http.Handler) bool {
		if n == 2 { // stored, but not acknowledged; the fake knows no Idempotency-Key
			h.ServeHTTP(httptest.NewRecorder(), r)
			unavailable(w)
		}
		return n != 2
	}))
	require.Equal(t, 1, r.Doubled)
	require.Zero(t, r.Lost)
}

func TestChaosSeesOtherErrors(t *testing.T) {
	f := newFake(t)
	f.refuse = func(n int) bool { return n == 1 } // without Retry-After
	r := chaosOn(t, f.URL)
	require.EqualValues(t, 1, r.Wrong)
	require.Contains(t, r.Failed(), "status 503")

	require.Contains(t, ChaosReport{Acknowledged: 1, Share: 0.01}.Failed(), "1.00 %")
	require.Contains(t, ChaosReport{}.Failed(), "nothing was acknowledged")
}
