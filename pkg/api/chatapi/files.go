package chatapi

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/files"
	"github.com/confab-chat/confab/pkg/id"
)

// file is a file as an upload answers with it.
type file struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
	Size int64  `json:"size"`
	// Of a picture.
	Width     int    `json:"width,omitzero"`
	Height    int    `json:"height,omitzero"`
	Preview   string `json:"preview,omitzero"`
	Thumbnail string `json:"thumbnail,omitzero"`
	URL       string `json:"url"`
}

func (m *mount) filePath(uuid string) string { return m.prefix + "/files/" + uuid }

func (m *mount) file(f files.File) file {
	out := file{ID: f.UUID, Name: f.Name, Type: f.Type, Size: f.Size, URL: m.filePath(f.UUID)}
	if p := f.Picture; p != nil {
		out.Width, out.Height, out.Preview = p.Width, p.Height, base64.StdEncoding.EncodeToString(p.Preview)
	}
	if f.Thumbnail != nil {
		out.Thumbnail = out.URL + "/thumbnail"
	}
	return out
}

func (m *mount) postFile(w http.ResponseWriter, r *http.Request) error {
	var key *string
	if keys := r.Header.Values("Idempotency-Key"); len(keys) > 0 {
		key = &keys[0]
	}
	// Before the body is read: who may not send it here need not send it.
	to, err := m.files.Admit(r.Context(), who(r), api.Variable(r, "room"), key)
	if err != nil {
		return err
	}
	in, err := api.ReadUpload(w, r, m.files.MaxBytes)
	if err != nil {
		return err
	}
	f, repeated, err := m.files.AddToRoom(r.Context(), to, files.Upload{Body: in, Bytes: in.Bytes, Name: in.Name})
	if err != nil {
		api.Drain(r)
		return err
	}
	w.Header().Set("Location", m.filePath(f.UUID))
	status := http.StatusCreated
	if repeated {
		status = http.StatusOK
	}
	api.Write(w, status, m.contentType(), encode(m.file(f)))
	return nil
}

func (m *mount) getFile(w http.ResponseWriter, r *http.Request) error {
	return m.serveFile(w, r, "", func(ctx context.Context, f files.File) (*files.Content, error) {
		return m.files.Open(ctx, f), nil
	})
}

func (m *mount) getThumbnail(w http.ResponseWriter, r *http.Request) error {
	return m.serveFile(w, r, "-thumbnail", m.files.Thumbnail)
}

func (m *mount) serveFile(w http.ResponseWriter, r *http.Request, tag string, open func(context.Context, files.File) (*files.Content, error)) error {
	w.Header().Set("Cache-Control", "no-store") // of errors
	f, err := m.files.OfRoom(r.Context(), who(r), api.Variable(r, "file"))
	if err != nil {
		return err
	}
	content, err := open(r.Context(), f)
	if err != nil {
		return err
	}
	defer content.Close()
	return api.ServeFile(w, r, api.ServedFile{Name: f.Name, Type: content.Type, Tag: f.UUID + tag, Content: content})
}

// listedFile is a file in the list of a room: what its message says of it, and who has sent it when.
type listedFile struct {
	file
	Kind      string         `json:"kind"`
	MessageID string         `json:"messageId"`
	Author    person         `json:"author"`
	Date      string         `json:"creationDate"`
	Caption   string         `json:"caption,omitzero"`
	Alt       string         `json:"alt,omitzero"`
	Duration  jsontext.Value `json:"duration,omitzero"`
}

// filesPage is how many files a page has if no limit is given.
const filesPage = 50

func (m *mount) listFiles(w http.ResponseWriter, r *http.Request) error {
	q, err := api.Query(r)
	if err != nil {
		return err
	}
	limit, err := api.Int(q, "limit", filesPage)
	if err == nil && limit < 1 {
		err = api.Malformed("limit has to be more than 0")
	}
	if err != nil {
		return err
	}
	before, err := positionOf(q, "before")
	if err != nil {
		return err
	}
	ms, next, more, err := m.chat.RoomFiles(r.Context(), who(r), api.Variable(r, "room"), before, limit)
	if err != nil {
		return err
	}
	out := struct {
		Files   []listedFile `json:"files"`
		HasMore bool         `json:"hasMore"`
		Next    string       `json:"next,omitzero"`
	}{Files: []listedFile{}, HasMore: more}
	if more {
		out.Next = next.String()
	}
	for _, msg := range ms {
		f := listedFile{Kind: string(msg.Kind), MessageID: msg.ID.String(), Author: personOf(msg.Author), Date: m.form.time(msg.CreatedAt())}
		if err := json.Unmarshal(msg.Body, &f); err != nil {
			return err
		}
		f.ID = msg.File()
		out.Files = append(out.Files, f)
	}
	return m.ok(w, out)
}

// positionOf returns the message that a parameter names; nil if it is absent.
func positionOf(q url.Values, name string) (*id.ID, error) {
	if !q.Has(name) {
		return nil, nil
	}
	at, err := id.Parse(q.Get(name))
	if err != nil {
		return nil, api.Malformed("%s has to be the id of a message", name)
	}
	return &at, nil
}
