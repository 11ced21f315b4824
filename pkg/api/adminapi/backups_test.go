package adminapi_test

import (
	"net/http"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/store/embedded"
)

func TestBackup(t *testing.T) {
	w := newWorld(t)
	made := w.ask(adminToken, "POST", "/backups", map[string]string{"dir": "monday"}, http.StatusCreated)
	require.Equal(t, filepath.Join(w.backups, "monday"), made["dir"])
	require.Positive(t, made["size"])
	copied, err := embedded.Open(filepath.Join(w.backups, "monday"), embedded.Options{})
	require.NoError(t, err)
	u, err := copied.User(t.Context(), chat.DefaultTenant, "ann")
	require.NoError(t, err)
	require.Equal(t, ann, u.Person)
	require.NoError(t, copied.Close())

	w.ask(adminToken, "POST", "/backups", nil, http.StatusCreated)
	require.Contains(t, w.ask(adminToken, "POST", "/backups", map[string]string{"dir": "monday"}, http.StatusConflict)["message"], "another name")
	outside := t.TempDir()
	for _, dir := range []string{outside + "/x", "../x", "a/b"} {
		w.ask(adminToken, "POST", "/backups", map[string]string{"dir": dir}, http.StatusBadRequest)
	}
	w.ask(adminToken, "POST", "/backups", map[string]int{"dir": 1}, http.StatusBadRequest)
	require.NoDirExists(t, outside+"/x")
}
