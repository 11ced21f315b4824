package easemob_test

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// upload sends a form with a file to an app.
func (a *app) upload(token string, data []byte, header ...string) (int, object) {
	a.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("file", "a.bin")
	require.NoError(a, err)
	_, err = part.Write(data)
	require.NoError(a, err)
	require.NoError(a, w.WriteField("thumbnail-width", "50"))
	require.NoError(a, w.Close())
	r, err := http.NewRequestWithContext(a.Context(), "POST", a.web.URL+"/"+a.key+"/chatfiles", &b)
	require.NoError(a, err)
	r.Header.Set("Content-Type", w.FormDataContentType())
	r.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := a.http.Do(r)
	require.NoError(a, err)
	defer res.Body.Close()
	var out object
	require.NoError(a, json.NewDecoder(res.Body).Decode(&out))
	return res.StatusCode, out
}

// uploaded is upload for one that has to succeed.
func (a *app) uploaded(token string, data []byte, header ...string) (uuid, secret string) {
	a.Helper()
	status, out := a.upload(token, data, header...)
	require.Equal(a, 200, status, "%v", out)
	require.Equal(a, "/chatfiles", out["path"])
	require.True(a, strings.HasSuffix(out["uri"].(string), "/"+a.key+"/chatfiles"), out["uri"])
	e := out["entities"].([]any)[0].(object)
	require.Equal(a, "chatfile", e["type"])
	return e["uuid"].(string), e["share-secret"].(string)
}

// download reads a file.
func (a *app) download(token, uuid string, header ...string) (int, http.Header, string) {
	a.Helper()
	r, err := http.NewRequestWithContext(a.Context(), "GET", a.web.URL+"/"+a.key+"/chatfiles/"+uuid, nil)
	require.NoError(a, err)
	r.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := a.http.Do(r)
	require.NoError(a, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(a, err)
	return res.StatusCode, res.Header, string(text)
}

func TestChatfiles(t *testing.T) {
	w := newWorld(t)
	a := w.app
	_, ann := a.user("ann")
	open, _ := a.uploaded(ann, []byte("open text"))
	uuid, secret := a.uploaded(a.token, []byte("secret text"), "restrict-access", "yes")
	for _, token := range []string{a.token, ann} {
		status, h, text := a.download(token, open)
		require.Equal(t, 200, status)
		require.Equal(t, "open text", text)
		require.Equal(t, "sandbox; default-src 'none'", h.Get("Content-Security-Policy"))
		require.True(t, strings.HasPrefix(h.Get("Content-Disposition"), "attachment"))
		status, _, text = a.download(token, uuid, "share-secret", secret)
		require.Equal(t, 200, status)
		require.Equal(t, "secret text", text)
		status, _, text = a.download(token, uuid+"?share-secret="+secret)
		require.Equal(t, 200, status)
		require.Equal(t, "secret text", text)
		for _, wrong := range []string{"", "x"} {
			status, _, text = a.download(token, uuid, "share-secret", wrong)
			require.Equal(t, 403, status)
			require.NotContains(t, text, "secret text")
		}
	}
	status, h, text := a.download(ann, open, "Range", "bytes=5-")
	require.Equal(t, []any{206, "text", "bytes 5-8/9"}, []any{status, text, h.Get("Content-Range")})
	status, _, _ = a.download(ann, open, "Range", "bytes=50-")
	require.Equal(t, 416, status)
	status, _, _ = a.download(ann, open, "Accept", "application/json")
	require.Equal(t, 406, status)
	status, _, _ = a.download(ann, "0c7f4a52-8d0b-4b1e-9b1c-7f3a5e2d9c11")
	require.Equal(t, 404, status)

	status, _, _ = w.other.download(w.other.token, open)
	require.Equal(t, 404, status, "another app of the organisation")
	status, _, _ = w.other.download(a.token, open)
	require.Equal(t, 401, status)
	status, _ = w.other.upload(ann, []byte("x"))
	require.Equal(t, 401, status)
	w.fails(400, "illegal_argument", "POST", "/"+a.key+"/chatfiles", a.token, object{"file": "x"})
}

func TestLimitsOfChatfiles(t *testing.T) {
	w := newWorld(t)
	a := w.newApp(w.app.organisation, w.boss, object{"max_file_bytes": 1000})
	status, out := a.upload(a.token, make([]byte, 1001))
	require.Equal(t, 413, status, "%v", out)
	a.uploaded(a.token, make([]byte, 1000))
	w.ok("PUT", "/management/organizations/"+a.organisation+"/applications/"+strings.Split(a.key, "/")[1], w.operator, object{"max_storage_bytes": 1500})
	status, out = a.upload(a.token, make([]byte, 600))
	require.Equal(t, []any{429, "resource_limited"}, []any{status, out["error"]})
	a.uploaded(a.token, make([]byte, 500))
	status, _ = a.upload(a.token, make([]byte, 1))
	require.Equal(t, 429, status)
}

func TestFilesGoWithTheirApp(t *testing.T) {
	w := newWorld(t)
	a := w.newApp(w.app.organisation, w.boss, nil)
	for range 3 {
		a.uploaded(a.token, []byte("text"))
	}
	w.app.uploaded(w.app.token, []byte("stays"))
	folder := w.store.(interface{ FilesFolder() string }).FilesFolder()
	left := func() int {
		n := 0
		require.NoError(t, filepath.WalkDir(folder, func(_ string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				n++
			}
			return err
		}))
		return n
	}
	require.Equal(t, 4, left())
	w.ok("DELETE", "/management/organizations/"+a.organisation+"/applications/"+strings.Split(a.key, "/")[1], w.operator, nil)
	require.Eventually(t, func() bool { return left() == 1 }, 10*time.Second, 10*time.Millisecond)
}
