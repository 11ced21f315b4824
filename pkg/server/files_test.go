package server_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/server"
	"github.com/confab-chat/confab/pkg/store"
	"github.com/confab-chat/confab/pkg/store/embedded"
)

// filesToken is the token of the administrator, who sends and reads files in these tests.
const filesToken = "a token of the administrator's"

var withFilesAdmin = server.Config{Hashes: 1, Admin: auth.Admin{Login: "operator", Password: "correct horse", Token: filesToken}}

// sends makes a request with a body of any type, as the administrator.
func sends(h http.Handler, method, path, kind string, body []byte) *http.Response {
	r := httptest.NewRequest(method, v1+path, bytes.NewReader(body))
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	r.Header.Set("Authorization", "Bearer "+filesToken)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func answerOf(t *testing.T, r *http.Response, status int) []byte {
	t.Helper()
	text, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.Equal(t, status, r.StatusCode, "%s", text)
	return text
}

// pictureIn uploads a picture to a room that it makes, and posts a message with it. It returns the path of the picture.
func pictureIn(t *testing.T, h http.Handler, room string) string {
	t.Helper()
	answerOf(t, sends(h, "POST", "/rooms/"+room, "application/json", []byte("{}")), 201)
	var f struct{ ID string }
	require.NoError(t, json.Unmarshal(answerOf(t, sends(h, "POST", "/rooms/"+room+"/files?name=a.png", "image/png", picture(t)), 201), &f))
	answerOf(t, sends(h, "POST", "/messages/"+room, "application/json", fmt.Appendf(nil, `{"kind":"image","body":{"file":%q}}`, f.ID)), 201)
	return "/files/" + f.ID
}

// stored are the files in the folder of a store, also those that are not complete.
func stored(t *testing.T, dir string) (names []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, path)
		}
		return err
	}))
	return names
}

// nothingOfUploads requires that a store has nothing of any upload.
func nothingOfUploads(t *testing.T, st store.Store, dir string) {
	t.Helper()
	require.Empty(t, stored(t, dir))
	for _, space := range []string{"uploads", "files/default"} {
		left, err := st.Entries(t.Context(), space, id.ID{}, 10)
		require.NoError(t, err)
		require.Empty(t, left, space)
	}
}

// A body that stops in the middle is ended with an answer that says so, and leaves nothing. One that keeps coming is not,
// however long it takes.
func TestABodyThatStopsIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := open(t)
		h := start(t, st, withFilesAdmin)
		answerOf(t, sends(h, "POST", "/rooms/lounge", "application/json", []byte("{}")), 201)
		p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
		web := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
		go func() { _ = web.Serve(p) }()
		t.Cleanup(func() { _ = web.Close() })
		const size, piece = 1 << 20, 64 << 10
		begin := func() net.Conn {
			c, err := p.dial(t.Context(), "", "")
			require.NoError(t, err)
			_, err = fmt.Fprintf(c, "POST %s/rooms/lounge/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n", v1, filesToken, size)
			require.NoError(t, err)
			return c
		}
		slow := begin()
		for range size / piece {
			time.Sleep(20 * time.Second)
			_, err := slow.Write(make([]byte, piece))
			require.NoError(t, err)
		}
		res, err := http.ReadResponse(bufio.NewReader(slow), nil)
		require.NoError(t, err)
		answerOf(t, res, 201)
		require.Len(t, stored(t, st.FilesFolder()), 1)

		stops := begin()
		_, err = stops.Write(make([]byte, 5*piece))
		require.NoError(t, err)
		began := time.Now()
		res, err = http.ReadResponse(bufio.NewReader(stops), nil)
		require.NoError(t, err)
		require.Contains(t, string(answerOf(t, res, 400)), "nothing more of it came for half a minute")
		require.InDelta(t, 30, time.Since(began).Seconds(), 1)
		require.Len(t, stored(t, st.FilesFolder()), 1)
		left, err := st.Entries(t.Context(), "uploads", id.ID{}, 10)
		require.NoError(t, err)
		require.Len(t, left, 1, "of the first one, which no message names yet")
		require.NoError(t, slow.Close())
		require.NoError(t, stops.Close())
	})
}

// A server that is started on a backup shows the pictures.
func TestABackupShowsThePictures(t *testing.T) {
	st, backups := open(t), t.TempDir()
	c := withFilesAdmin
	c.BackupDir = backups
	h := start(t, st, c)
	path := pictureIn(t, h, "lounge")
	answerOf(t, sends(h, "POST", "/admin/backups", "application/json", []byte(`{"dir":"monday"}`)), 201)
	want, small := answerOf(t, sends(h, "GET", path, "", nil), 200), answerOf(t, sends(h, "GET", path+"/thumbnail", "", nil), 200)
	answerOf(t, sends(h, "DELETE", "/rooms/lounge", "", nil), 204)

	copied, err := embedded.Open(filepath.Join(backups, "monday"), embedded.Options{Logger: quiet, CacheBytes: 1 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, copied.Close()) })
	restored := start(t, copied, withFilesAdmin)
	require.Equal(t, want, answerOf(t, sends(restored, "GET", path, "", nil), 200))
	require.Equal(t, small, answerOf(t, sends(restored, "GET", path+"/thumbnail", "", nil), 200))
}

// What was sent through one node is read at another one at once: they share nothing but Cassandra.
func TestAPictureIsReadAtAnotherNode(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	root := caller{token: nodesAdmin}
	p.does(p.a, caller{}, "POST", v1+"/users", `{"login":"bob","password":"secret","firstname":"B","lastname":"B"}`)
	bob := p.logIn("bob", false)
	p.does(p.a, root, "POST", v1+"/rooms/lounge", "{}")
	p.does(p.a, bob, "PUT", v1+"/rooms/participant/lounge", "")
	for range 5 {
		r := httptest.NewRequest("POST", v1+"/rooms/lounge/files?name=a.png", bytes.NewReader(picture(t)))
		r.Header.Set("Authorization", "Bearer "+nodesAdmin)
		w := httptest.NewRecorder()
		p.a.Handler.ServeHTTP(w, r)
		var f struct{ ID string }
		require.NoError(t, json.Unmarshal(answerOf(t, w.Result(), 201), &f))
		path := v1 + "/files/" + f.ID
		answerOf(t, p.ask(p.b, root, "GET", path, ""), 200)
		answerOf(t, p.ask(p.b, bob, "GET", path, ""), 404) // no message names it yet
		p.does(p.a, root, "POST", v1+"/messages/lounge", fmt.Sprintf(`{"kind":"image","body":{"file":%q}}`, f.ID))
		want := answerOf(t, p.ask(p.a, bob, "GET", path, ""), 200)
		require.Equal(t, want, answerOf(t, p.ask(p.b, bob, "GET", path, ""), 200))
		answerOf(t, p.ask(p.b, bob, "GET", path+"/thumbnail", ""), 200)
		require.Contains(t, string(answerOf(t, p.ask(p.b, bob, "GET", v1+"/rooms/lounge/files", ""), 200)), f.ID)
	}
}
