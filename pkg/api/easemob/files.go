package easemob

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/files"
)

// chatfiles are the routes of files.
func (a *API) chatfiles() []route {
	return []route{
		{path: "/chatfiles", collection: true, methods: map[string]operation{"POST": {by: byMember, serve: a.postFile, secret: true}}},
		{path: "/chatfiles/{file}", methods: map[string]operation{"GET": {by: byMember, serve: a.getFile, anyType: true}}},
	}
}

func (a *API) postFile(c *call) error {
	settings := c.app.Settings.Complete()
	most := *settings.MaxFileBytes
	in, err := api.ReadUpload(c.w, c.r, most)
	if err != nil {
		return err
	}
	if in.Fields == nil {
		return illegal("send a form (multipart/form-data) with a part named file")
	}
	u := files.AppUpload{Upload: files.Upload{Body: in, Bytes: in.Bytes, Name: in.Name}, Tenant: c.tenant(),
		Restricted: restricts(c.r.Header), MaxBytes: most,
		Box: func() (files.Box, error) { return c.box(in) }}
	if c.caller.user != nil {
		u.By = c.caller.user.Identity().Login
	}
	if q := settings.MaxStorageBytes; q != nil {
		u.Quota = *q
	}
	f, secret, err := a.Files.AddToApp(c.ctx(), u)
	if err != nil {
		api.Drain(c.r)
		return err
	}
	// Whoever deleted the app meanwhile may have looked for its files before this one was there.
	if _, err := a.Tenants.App(c.ctx(), c.org, c.app.Name); chat.IsKind(err, chat.NotFound) {
		if err := a.Files.RemoveOfApp(c.ctx(), f); err != nil {
			return err
		}
		return noApp(c.org.Name, c.app.Name, c.path())
	}
	return c.reply(answer{path: "/chatfiles", entities: []any{map[string]any{"uuid": f.UUID, "type": "chatfile", "share-secret": secret}}})
}

// restricts reports whether an upload asks that its secret is needed.
func restricts(h http.Header) bool {
	values := h.Values("restrict-access")
	return len(values) > 0 && strings.TrimSpace(values[0]) != "false"
}

// box returns the size of the thumbnail that an upload asks for, by parts of the form or headers.
func (c *call) box(in *api.Upload) (files.Box, error) {
	if err := in.Rest(); err != nil {
		return files.Box{}, err
	}
	side := func(name string) int {
		text, given := in.Fields[name]
		if !given {
			text = c.r.Header.Get(name)
		}
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 1 {
			return 0
		}
		return n
	}
	return files.Box{Width: side("thumbnail-width"), Height: side("thumbnail-height")}, nil
}

func (a *API) getFile(c *call) error {
	f, err := a.Files.OfApp(c.ctx(), c.tenant(), c.variable("file"))
	if err != nil {
		return err
	}
	secret := c.r.Header.Get("share-secret")
	if secret == "" {
		secret = c.r.URL.Query().Get("share-secret")
	}
	if !f.Opens(secret) {
		return forbidden("this file needs its share-secret")
	}
	content, tag := a.Files.Open(c.ctx(), f), f.UUID
	if strings.EqualFold(c.r.Header.Get("thumbnail"), "true") {
		if content, err = a.Files.ThumbnailOfApp(c.ctx(), f); err != nil {
			return err
		}
		tag += "-thumbnail"
	}
	defer content.Close()
	if !api.AcceptsType(c.r, content.Type) {
		return &api.HTTPError{Status: http.StatusNotAcceptable, Message: "a file comes as application/octet-stream"}
	}
	c.w.Header().Add("Vary", "thumbnail")
	return api.ServeFile(c.w, c.r, api.ServedFile{Name: f.Name, Type: content.Type, Tag: tag, Content: content})
}
