package adminapi_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFiles(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, map[string]any{"tenants": []any{}, "next": nil}, w.ask(adminToken, "GET", "/files", nil, http.StatusOK))
	require.Equal(t, 201, w.with(adminToken, "POST", "/rooms/lounge", "{}"))
	for range 2 {
		require.Equal(t, 201, w.with(adminToken, "POST", "/rooms/lounge/files?name=a.json", `{"a":"file"}`))
	}
	used := []any{map[string]any{"tenant": "default", "files": 2.0, "bytes": 24.0}}
	require.Equal(t, used, w.ask(adminToken, "GET", "/files?limit=5", nil, http.StatusOK)["tenants"])
	w.ask(adminToken, "GET", "/files?after=x", nil, http.StatusBadRequest)

	folder := filepath.Join(w.store.FilesFolder(), "default")
	stored, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, stored, 2)
	require.NoError(t, os.Remove(filepath.Join(folder, stored[0].Name())))
	const stray = "0b5e5c66-4a37-11e4-9a6e-2d3a5b7b9a10"
	require.NoError(t, os.WriteFile(filepath.Join(folder, stray), []byte("stray"), 0o600))
	look := func(method string, removed bool) {
		found := w.ask(adminToken, method, "/files/orphans", nil, http.StatusOK)
		require.Equal(t, []any{"default/" + stray}, found["unrecordedKeys"])
		require.EqualValues(t, 5, found["unrecordedBytes"])
		require.EqualValues(t, 1, found["unrecorded"])
		require.EqualValues(t, 1, found["unstored"])
		require.EqualValues(t, 12, found["unstoredFiles"].([]any)[0].(map[string]any)["size"])
		require.Equal(t, removed, found["removed"])
	}
	look("GET", false)
	look("DELETE", true)
	found := w.ask(adminToken, "GET", "/files/orphans", nil, http.StatusOK)
	require.EqualValues(t, 0, found["unrecorded"])
	require.EqualValues(t, 0, found["unstored"])
	require.Equal(t, []string{"orphans-removed root"}, w.events("?kind=orphans-removed"))

	// The place of the files is another one: nothing is removed.
	require.NoError(t, os.RemoveAll(folder))
	w.ask(adminToken, "DELETE", "/files/orphans", nil, http.StatusConflict)
	require.EqualValues(t, 1, w.ask(adminToken, "GET", "/files/orphans", nil, http.StatusOK)["unstored"])
}
