package chatapi_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/picture/bombs"
)

// stored are how many bytes of files the server keeps.
func stored(t *testing.T) (n int64) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(store.FilesFolder(), func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	}))
	return n
}

// begun sends the head of an upload and some of its body, by hand, and returns the answer.
func (c *client) begun(room, length, body string) *http.Response {
	c.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	require.NoError(c.t, err)
	c.t.Cleanup(func() { conn.Close() })
	cookies := ""
	for name, value := range c.cookies {
		cookies += name + "=" + value + "; "
	}
	_, err = fmt.Fprintf(conn, "POST %s/rooms/%s/files HTTP/1.1\r\nHost: x\r\nCookie: %s\r\nContent-Type: text/plain\r\nContent-Length: %s\r\n\r\n%s", c.mount, room, cookies, length, body)
	require.NoError(c.t, err)
	if length != "10737418240" {
		require.NoError(c.t, conn.(*net.TCPConn).CloseWrite())
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(c.t, err)
	c.t.Cleanup(func() { res.Body.Close() })
	return res
}

// Each has a clear answer, and nothing is left of it.
func TestHostileUploads(t *testing.T) {
	ann := fresh(t, V)
	room := ann.room()
	before := stored(t)
	require.Equal(t, 413, ann.begun(room, "10737418240", "x").StatusCode, "ten gigabytes, of which none is awaited")
	require.Equal(t, 400, ann.begun(room, "1000000", strings.Repeat("x", 300_000)).StatusCode, "a body that stops")
	for name, bomb := range map[string][]byte{
		"pixels": bombs.PNGHeader(30_000, 30_000), "a GIF of one line": []byte("GIF89a\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02\x02D\x01\x00;"),
	} {
		res := ann.bytesOf("POST", "/rooms/"+room+"/files", "image/png", bomb)
		require.Equal(t, 422, res.StatusCode, "%s: %s", name, textOf(t, res))
	}
	packed := ann.bytesOf("POST", "/rooms/"+room+"/files", "text/plain", zeros(t, 1<<20), header("Content-Encoding", "gzip"))
	require.Equal(t, 415, packed.StatusCode, "nothing is unpacked")
	large := ann.bytesOf("POST", "/rooms/"+room+"/files", "application/octet-stream", make([]byte, 26<<20))
	require.Equal(t, 413, large.StatusCode)
	require.Equal(t, before, stored(t))
	require.Empty(t, ann.do("GET", "/rooms/"+room+"/files", nil).is(200).list("files"))

	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	part, err := z.Create("zeros")
	require.NoError(t, err)
	_, err = io.CopyN(part, zeroReader{}, 100<<20)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	f := ann.upload(room, "bomb.zip", "application/zip", archive.Bytes())
	require.EqualValues(t, archive.Len(), f["size"], "nobody unpacks it")
	require.Equal(t, "attachment; filename=bomb.zip", ann.bytesOf("GET", "/files/"+f["id"].(string), "", nil).Header.Get("Content-Disposition"))
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func zeros(t *testing.T, n int64) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := io.CopyN(z, zeroReader{}, n)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.Bytes()
}
