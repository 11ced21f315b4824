package server

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/budget"
	"github.com/confab-chat/confab/pkg/chat"
)

// Bodies under way share a pool: one address cannot fill it, small ones need nothing of it, and each gives back what it took.
func TestBodiesUnderWayAreBounded(t *testing.T) {
	pool := pools{receiving: budget.NewPool(16 << 20), sending: budget.NewPool(1 << 20)}
	hold, held := make(chan struct{}), make(chan struct{})
	h := protect(slog.New(slog.DiscardHandler), pool, false, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := api.ReadBody(w, r); err != nil {
			require.True(t, chat.IsKind(err, chat.Unavailable), "%v", err)
			status, _ := api.StatusOf(err)
			w.WriteHeader(status)
			return
		}
		if r.URL.Path == "/hold" {
			held <- struct{}{}
			<-hold
		}
	}))
	send := func(path, address string, size int) int {
		r := httptest.NewRequest(http.MethodPost, path, io.LimitReader(neverEnding{}, int64(size)))
		r.RemoteAddr = address + ":1234"
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	ended := make(chan int)
	for range 2 { // 1.9 MiB each of the 4 MiB that an address may have
		go func() { ended <- send("/hold", "10.0.0.1", 1<<20-4000) }()
		<-held
	}
	require.Equal(t, 503, send("/", "10.0.0.1", 1<<20-4000))
	require.Equal(t, 200, send("/", "10.0.0.1", 8000), "a small one")
	require.Equal(t, 200, send("/", "10.0.0.2", 1<<20-4000), "another address")
	close(hold)
	require.Equal(t, 200, <-ended)
	require.Equal(t, 200, <-ended)
	require.Equal(t, 200, send("/", "10.0.0.1", 1<<20-4000))
	require.True(t, pool.receiving.Take("x", 4<<20), "all is given back")
}

type neverEnding struct{}

func (neverEnding) Read(p []byte) (int, error) { return copy(p, strings.Repeat("x", len(p))), nil }
