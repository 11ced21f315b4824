package client

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// File is a file that was uploaded to a room.
type File struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"` // the media type, by its bytes
	Size int64  `json:"size"` // as it is stored: pictures lose their metadata
	// Of a picture: its size in pixels, a tiny picture to show until it has loaded (a PNG or JPEG in base64), and the path of a
	// small one.
	Width     int    `json:"width"`
	Height    int    `json:"height"`
	Preview   string `json:"preview"`
	Thumbnail string `json:"thumbnail"`
	URL       string `json:"url"` // the path of its bytes
}

// UploadFile uploads a file to a room, from its beginning, for a message to name within a day:
//
//	f, err := c.UploadFile(ctx, "games", "board.png", file)
//	…
//	m, err := c.Post(ctx, "games", "", client.As("image", map[string]string{"file": f.ID, "caption": "Your turn"}))
//
// It is repeated when an answer is lost. Only ctx bounds the time that it takes.
func (c *Client) UploadFile(ctx context.Context, room, name string, file io.ReadSeeker) (File, error) {
	r := request{method: http.MethodPost, path: path("rooms", room, "files") + "?name=" + url.QueryEscape(name), file: file,
		header: http.Header{"Idempotency-Key": {rand.Text()}, "Content-Type": {"application/octet-stream"}}}
	var f File
	_, err := c.call(ctx, r, nil, &f)
	return f, err
}

// OpenFile returns the bytes of a file that a message of a room of the client's user names. The caller closes it. It is not
// repeated.
func (c *Client) OpenFile(ctx context.Context, id string) (io.ReadCloser, error) {
	r := request{method: http.MethodGet, path: path("files", id)}
	q, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, nil)
	if err != nil {
		return nil, fmt.Errorf("client: %s: %w", r.where(), err)
	}
	if err := c.Authorize(ctx, q.Header); err != nil {
		return nil, err
	}
	resp, err := c.http.Do(q)
	if err != nil {
		return nil, noAnswer(r, err)
	}
	if resp.StatusCode/100 == 2 {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, longestAnswer))
	if err != nil {
		return nil, noAnswer(r, err)
	}
	return nil, errorOf(r, resp, body)
}

// attach makes a file the body of a request, from its beginning.
func attach(q *http.Request, file io.ReadSeeker) error {
	n, err := file.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	q.Body, q.ContentLength = io.NopCloser(io.LimitReader(file, n)), n
	q.GetBody = nil
	return err
}
