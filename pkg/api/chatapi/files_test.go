package chatapi_test

import (
	"bytes"
	"encoding/json"
	"image"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// bytesOf sends bytes of a type, and returns the answer.
func (c *client) bytesOf(method, path, kind string, body []byte, options ...option) *http.Response {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, base+c.mount+path, bytes.NewReader(body))
	require.NoError(c.t, err)
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for name, value := range c.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	for _, o := range options {
		o(r)
	}
	res, err := http.DefaultClient.Do(r)
	require.NoError(c.t, err)
	text, err := io.ReadAll(res.Body)
	require.NoError(c.t, err)
	require.NoError(c.t, res.Body.Close())
	contract.Check(c.t, r, body, res.StatusCode, res.Header, text)
	res.Body = io.NopCloser(bytes.NewReader(text))
	return res
}

// upload sends a file to a room, as it is.
func (c *client) upload(room, name, kind string, body []byte) map[string]any {
	c.t.Helper()
	res := c.bytesOf("POST", "/rooms/"+room+"/files?name="+name, kind, body)
	require.Equal(c.t, 201, res.StatusCode)
	out := decoded(c.t, res)
	require.Equal(c.t, out["url"], res.Header.Get("Location"))
	return out
}

func decoded(t *testing.T, res *http.Response) (out map[string]any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(textOf(t, res)), &out))
	return out
}

func textOf(t *testing.T, res *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(text)
}

func somePNG(t *testing.T, width, height int) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, image.NewRGBA(image.Rect(0, 0, width, height))))
	return b.Bytes()
}

func TestAFileOfARoom(t *testing.T) {
	ann, bob, eve := fresh(t, V), fresh(t, V), fresh(t, V)
	room := ann.room(bob)
	data := []byte("some text in a file")
	f := ann.upload(room, "notes.txt", "image/png", data)
	require.Equal(t, "notes.txt", f["name"])
	require.Equal(t, "text/plain", f["type"], "what it is, not what the client says")
	require.EqualValues(t, len(data), f["size"])
	path := "/files/" + f["id"].(string)
	require.Equal(t, string(data), textOf(t, ann.bytesOf("GET", path, "", nil)))
	require.Equal(t, 404, bob.bytesOf("GET", path, "", nil).StatusCode, "no message names it yet")

	m := ann.do("POST", "/messages/"+room, map[string]any{"kind": "file", "body": map[string]any{"file": f["id"], "caption": "The notes", "size": 7, "url": "/elsewhere"}}).is(201)
	require.Equal(t, "The notes", m.object()["content"])
	require.Equal(t, map[string]any{"file": f["id"], "url": f["url"], "name": "notes.txt", "type": "text/plain", "size": f["size"], "caption": "The notes"}, m.object()["body"])
	res := bob.bytesOf("GET", path, "", nil)
	require.Equal(t, string(data), textOf(t, res))
	for name, want := range map[string]string{"Content-Type": "text/plain", "Content-Disposition": "attachment; filename=notes.txt", "Content-Security-Policy": "sandbox; default-src 'none'",
		"X-Content-Type-Options": "nosniff", "Accept-Ranges": "bytes"} {
		require.Equal(t, want, res.Header.Get(name), name)
	}
	require.True(t, strings.HasPrefix(res.Header.Get("Cache-Control"), "private"))
	tag := res.Header.Get("ETag")
	require.Equal(t, 304, bob.bytesOf("GET", path, "", nil, header("If-None-Match", tag)).StatusCode)
	part := bob.bytesOf("GET", path, "", nil, header("Range", "bytes=5-8"))
	require.Equal(t, 206, part.StatusCode)
	require.Equal(t, "text", textOf(t, part))
	require.Equal(t, "bytes 5-8/19", part.Header.Get("Content-Range"))
	require.Equal(t, 416, bob.bytesOf("GET", path, "", nil, header("Range", "bytes=100-")).StatusCode)
	head := bob.bytesOf("HEAD", path, "", nil)
	require.Equal(t, "19", head.Header.Get("Content-Length"))
	require.Equal(t, 404, bob.bytesOf("GET", path+"/thumbnail", "", nil).StatusCode)
	require.Equal(t, 404, eve.bytesOf("GET", path, "", nil).StatusCode)
	require.Equal(t, 401, anonymous(t, V).bytesOf("GET", path, "", nil).StatusCode)
	require.Equal(t, 404, bob.bytesOf("GET", "/files/nothing", "", nil).StatusCode)

	bob.do("DELETE", "/rooms/participant/"+room, nil).is(204)
	require.Equal(t, 404, bob.bytesOf("GET", path, "", nil).StatusCode, "no longer in the room")
}

func TestAPictureOfARoom(t *testing.T) {
	ann, bob := fresh(t, V), fresh(t, V)
	room := ann.room(bob)
	f := ann.upload(room, "a.png", "application/octet-stream", somePNG(t, 1000, 500))
	require.Equal(t, "image/png", f["type"])
	require.EqualValues(t, 1000, f["width"])
	require.EqualValues(t, 500, f["height"])
	require.NotEmpty(t, f["preview"])
	m := ann.do("POST", "/messages/"+room, map[string]any{"kind": "image", "body": map[string]any{"file": f["id"], "alt": "Nothing"}}).is(201)
	require.Equal(t, "a.png", m.object()["content"])
	body := m.object()["body"].(map[string]any)
	for _, name := range []string{"width", "height", "preview", "thumbnail", "url", "name", "type", "size"} {
		require.Equal(t, f[name], body[name], name)
	}
	require.Equal(t, "Nothing", body["alt"])
	res := bob.bytesOf("GET", "/files/"+f["id"].(string), "", nil)
	require.Equal(t, "inline; filename=a.png", res.Header.Get("Content-Disposition"))
	small := bob.bytesOf("GET", "/files/"+f["id"].(string)+"/thumbnail", "", nil)
	require.Equal(t, 200, small.StatusCode)
	c, _, err := image.DecodeConfig(small.Body)
	require.NoError(t, err)
	require.Equal(t, 640, c.Width)
	require.Contains(t, bob.at(K).said("/messages/"+room), "a.png", "what KillrChat shows")
}

func TestAFormWithAFile(t *testing.T) {
	ann := fresh(t, V)
	room := ann.room()
	form := func(parts ...string) (string, []byte) {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		for _, name := range parts {
			if name != "file" {
				require.NoError(t, w.WriteField(name, "ignored"))
				continue
			}
			part, err := w.CreateFormFile("file", "../straße.txt")
			require.NoError(t, err)
			_, err = part.Write([]byte("content"))
			require.NoError(t, err)
		}
		require.NoError(t, w.Close())
		return w.FormDataContentType(), b.Bytes()
	}
	kind, body := form("before", "file", "after")
	res := ann.bytesOf("POST", "/rooms/"+room+"/files", kind, body)
	require.Equal(t, 201, res.StatusCode)
	f := decoded(t, res)
	require.Equal(t, "straße.txt", f["name"])
	require.EqualValues(t, 7, f["size"])
	kind, body = form("before")
	require.Equal(t, 400, ann.bytesOf("POST", "/rooms/"+room+"/files", kind, body).StatusCode)
	require.Equal(t, 400, ann.bytesOf("POST", "/rooms/"+room+"/files", "multipart/form-data", body).StatusCode)
	kind, body = form("file")
	require.Equal(t, 400, ann.bytesOf("POST", "/rooms/"+room+"/files", kind, body[:len(body)-20]).StatusCode, "it ends too early")
}

func TestWhoUploadsWhatWhere(t *testing.T) {
	ann, bob, eve := fresh(t, V), fresh(t, V), fresh(t, V)
	room, other := ann.room(bob), ann.room(bob)
	require.Equal(t, 403, eve.bytesOf("POST", "/rooms/"+room+"/files", "text/plain", []byte("x")).StatusCode)
	require.Equal(t, 404, ann.bytesOf("POST", "/rooms/nowhere/files", "text/plain", []byte("x")).StatusCode)
	f := ann.upload(room, "a.txt", "text/plain", []byte("x"))
	names := func(c *client, room, kind string, body map[string]any, want int) {
		t.Helper()
		c.do("POST", "/messages/"+room, map[string]any{"kind": kind, "body": body}).is(want)
	}
	id := map[string]any{"file": f["id"]}
	names(bob, room, "file", id, 422)
	names(ann, other, "file", id, 422)
	names(ann, room, "image", id, 422)
	names(ann, room, "audio", id, 422)
	names(ann, room, "file", map[string]any{"file": "nothing"}, 422)
	names(ann, room, "file", map[string]any{"file": f["id"], "color": "red"}, 422)
	names(ann, room, "file", map[string]any{"file": f["id"], "caption": strings.Repeat("x", 4097)}, 422)
	names(ann, room, "location", map[string]any{"file": f["id"], "latitude": 1, "longitude": 1}, 422)
	names(ann, room, "file", id, 201)
	names(ann, room, "file", id, 409)

	again := ann.upload(room, "a.txt", "text/plain", []byte("x"))
	keyed := func() string {
		a := ann.do("POST", "/messages/"+room, map[string]any{"kind": "file", "body": map[string]any{"file": again["id"]}}, key("k")).is(201)
		return a.object()["messageId"].(string)
	}
	require.Equal(t, keyed(), keyed())

	upload := func(text string) *http.Response {
		return ann.bytesOf("POST", "/rooms/"+room+"/files", "text/plain", []byte(text), key("upload"))
	}
	first := upload("once")
	require.Equal(t, 201, first.StatusCode)
	second := upload("once")
	require.Equal(t, 200, second.StatusCode)
	require.Equal(t, decoded(t, first), decoded(t, second))
	require.Equal(t, 409, upload("twice").StatusCode)
}

func TestTheFilesOfARoom(t *testing.T) {
	ann, bob := fresh(t, V), fresh(t, V)
	room := ann.room(bob)
	var messages []any
	for _, name := range []string{"1", "2", "3", "4"} {
		f := ann.upload(room, name, "text/plain", []byte(name))
		m := ann.do("POST", "/messages/"+room, map[string]any{"kind": "file", "body": map[string]any{"file": f["id"]}}).is(201)
		messages = append(messages, m.object()["messageId"])
	}
	ann.do("DELETE", "/messages/"+room+"/"+messages[1].(string), nil).is(204)
	page := bob.do("GET", "/rooms/"+room+"/files?limit=2", nil).is(200)
	var names []string
	for _, path := range []string{"", "&before="} {
		if path != "" {
			require.Equal(t, true, page.object()["hasMore"])
			page = bob.do("GET", "/rooms/"+room+"/files?limit=2&before="+page.object()["next"].(string), nil).is(200)
		}
		for _, f := range page.list("files") {
			names = append(names, f.(map[string]any)["name"].(string))
		}
	}
	require.Equal(t, []string{"4", "3", "1"}, names)
	require.Equal(t, false, page.object()["hasMore"])
	eve := fresh(t, V)
	eve.do("GET", "/rooms/"+room+"/files", nil).is(403)
}

// What could run in a browser is saved as bytes.
func TestNothingRunsAsAPageOfTheServer(t *testing.T) {
	ann := fresh(t, V)
	room := ann.room()
	gif := append([]byte("GIF89a"), []byte("/*\x00;*/=1;alert(document.domain)//<script>alert(1)</script>")...)
	for name, body := range map[string]string{
		"page.html": "<!DOCTYPE html><script>alert(1)</script>", "drawing.svg": `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>`,
		"x.xhtml": `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></html>`, "report.pdf": "%PDF-1.7 /JavaScript",
	} {
		f := ann.upload(room, name, "text/html", []byte(body))
		res := ann.bytesOf("GET", "/files/"+f["id"].(string), "", nil)
		require.Equal(t, body, textOf(t, res))
		require.Contains(t, []string{"text/plain", "application/octet-stream"}, res.Header.Get("Content-Type"), name)
		require.True(t, strings.HasPrefix(res.Header.Get("Content-Disposition"), "attachment"), name)
		require.Equal(t, "sandbox; default-src 'none'", res.Header.Get("Content-Security-Policy"))
	}
	require.Equal(t, 422, ann.bytesOf("POST", "/rooms/"+room+"/files", "image/gif", gif).StatusCode, "a script that begins like a picture")
	picture := append(somePNG(t, 10, 10), []byte("<script>alert(1)</script>PK\x03\x04")...)
	f := ann.upload(room, "a.png", "image/png", picture)
	require.NotContains(t, textOf(t, ann.bytesOf("GET", "/files/"+f["id"].(string), "", nil)), "script", "what follows the picture is no part of it")
}
