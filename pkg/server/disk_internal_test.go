package server

import (
	"io"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/store"
)

type faultyStore struct {
	store.Store
	fault *store.Fault
}

func (f faultyStore) Fault() *store.Fault { return f.fault }

func TestHealthSaysWhetherARestartHelps(t *testing.T) {
	for _, c := range []struct {
		fault          *store.Fault
		health, ready  int
		mentions, also string
	}{
		{&store.Fault{Cause: syscall.ENOSPC, What: "the disk is full", Todo: "free some"}, 200, 503, "the disk is full", "free some"},
		{&store.Fault{Cause: syscall.EIO, Restart: true, What: "the disk has failed", Todo: "restart"}, 503, 503, "the disk has failed", "restart"},
	} {
		st := faultyStore{fault: c.fault}
		for status, h := range map[*int]http.Handler{&c.health: liveness{st}, &c.ready: readiness{store: st}} {
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
			body, _ := io.ReadAll(rec.Body)
			require.Equal(t, *status, rec.Code)
			require.Contains(t, string(body), c.mentions)
			require.Contains(t, string(body), c.also)
			require.NotContains(t, string(body), c.fault.Cause.Error())
		}
	}
}
