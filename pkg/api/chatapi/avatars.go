package chatapi

import (
	"mime"
	"net/http"
	"slices"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/chat"
)

// pictures are the types that an avatar may be sent as.
var pictures = []string{"image/png", "image/jpeg", "image/webp", "image/gif"}

func (m *mount) getAvatar(w http.ResponseWriter, r *http.Request) error {
	a, err := m.chat.Avatar(r.Context(), who(r).Tenant, api.Variable(r, "login"))
	if err != nil {
		return err
	}
	api.WriteTagged(w, r, http.StatusOK, a.Type, a.Data, api.ForAMinute)
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

// avatars says who of some people has a picture, as tags by login, so that clients ask for no others and see when one has
// changed.
func (m *mount) avatars(r *http.Request, people []chat.Person) (map[string]string, error) {
	return m.chat.AvatarTags(r.Context(), who(r).Tenant, people)
}
