package chatapi_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sent uploads a file and posts a message that names it.
func (c *client) sent(room, text string) (file, message string) {
	c.t.Helper()
	file = c.upload(room, "a.txt", "text/plain", []byte(text))["id"].(string)
	message = c.do("POST", "/messages/"+room, map[string]any{"kind": "file", "body": map[string]any{"file": file}}).is(201).object()["messageId"].(string)
	return file, message
}

// holds reports whether the server keeps a file of these bytes.
func holds(t *testing.T, text string) bool {
	t.Helper()
	found := false
	require.NoError(t, filepath.WalkDir(store.FilesFolder(), func(path string, d os.DirEntry, err error) error {
		if os.IsNotExist(err) || err == nil && d.IsDir() {
			return nil
		}
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil
		}
		found = found || string(b) == text
		return err
	}))
	return found
}

func gone(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return !holds(t, text) }, 30*time.Second, 20*time.Millisecond, text)
}

func TestAFileGoesWithItsMessage(t *testing.T) {
	ann, bob := fresh(t, V), fresh(t, V)
	room := ann.room(bob)
	file, message := ann.sent(room, "of a deleted message")
	other, _ := ann.sent(room, "of another message")
	require.True(t, holds(t, "of a deleted message"))
	bob.do("DELETE", "/messages/"+room+"/"+message, nil).is(403)
	require.Equal(t, 200, bob.bytesOf("GET", "/files/"+file, "", nil).StatusCode)
	ann.do("DELETE", "/messages/"+room+"/"+message, nil).is(204)
	require.Equal(t, 404, ann.bytesOf("GET", "/files/"+file, "", nil).StatusCode, "immediately")
	gone(t, "of a deleted message")
	require.Equal(t, 200, bob.bytesOf("GET", "/files/"+other, "", nil).StatusCode)
}

func TestFilesGoWithTheirRoom(t *testing.T) {
	ann := fresh(t, V)
	room := ann.room()
	file, _ := ann.sent(room, "of a deleted room")
	ann.do("DELETE", "/rooms/"+room, nil).is(204)
	require.Equal(t, 404, ann.bytesOf("GET", "/files/"+file, "", nil).StatusCode)
	gone(t, "of a deleted room")
}

func TestFilesGoWithAnErasedUser(t *testing.T) {
	ann, bob, eve := fresh(t, V), fresh(t, V), fresh(t, V)
	room := ann.room(bob, eve)
	bob.sent(room, "of an erased user")
	kept, _ := eve.sent(room, "of a user whose messages stay")
	admin := anonymous(t, V)
	admin.bearer = adminToken
	admin.do("POST", "/admin/erasures", map[string]any{"login": bob.login}).is(202)
	admin.do("POST", "/admin/erasures", map[string]any{"login": eve.login, "keepMessages": true}).is(202)
	gone(t, "of an erased user")
	require.Equal(t, 200, ann.bytesOf("GET", "/files/"+kept, "", nil).StatusCode)
}
