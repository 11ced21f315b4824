package client_test

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/client"
)

func TestFiles(t *testing.T) {
	_, ann, bob := begin(t)
	f, err := ann.UploadFile(t.Context(), room, "notes & more.txt", strings.NewReader("some notes"))
	require.NoError(t, err)
	require.Equal(t, client.File{ID: f.ID, Name: "notes & more.txt", Type: "text/plain", Size: 10, URL: "/api/chat/v1/files/" + f.ID}, f)
	_, err = bob.OpenFile(t.Context(), f.ID)
	require.True(t, client.IsNotFound(err), "%v", err)
	_, err = ann.Post(t.Context(), room, "", client.As("file", map[string]string{"file": f.ID}))
	require.NoError(t, err)
	r, err := bob.OpenFile(t.Context(), f.ID)
	require.NoError(t, err)
	defer r.Close()
	text, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, "some notes", string(text))
}
