package chatapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"mime"
	"net/http"
	"slices"
	"time"

	"github.com/confab-chat/confab/pkg/api"
)

// pictures are the types that an avatar may be sent as.
var pictures = []string{"image/png", "image/jpeg", "image/webp", "image/gif"}

func (m *mount) getAvatar(w http.ResponseWriter, r *http.Request) error {
	a, err := m.chat.Avatar(r.Context(), who(r).Tenant, api.Variable(r, "login"))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(a.Data)
	h := w.Header()
	h.Set("ETag", `"`+hex.EncodeToString(sum[:16])+`"`)
	h.Set("Cache-Control", "private, max-age=60")
	h.Set("Content-Type", a.Type)
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.Data))
	return nil
}

func (m *mount) putAvatar(w http.ResponseWriter, r *http.Request) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || !slices.Contains(pictures, kind) {
		return &api.HTTPError{Status: http.StatusUnsupportedMediaType, Message: "send the picture as image/png, image/jpeg, image/webp or image/gif"}
	}
	picture, err := api.ReadBody(w, r)
	if err != nil {
		return err
	}
	if err := m.chat.SetAvatar(r.Context(), who(r), api.Variable(r, "login"), picture); err != nil {
		return err
	}
	return noContent(w)
}

func (m *mount) deleteAvatar(w http.ResponseWriter, r *http.Request) error {
	if err := m.chat.DeleteAvatar(r.Context(), who(r), api.Variable(r, "login")); err != nil {
		return err
	}
	return noContent(w)
}
