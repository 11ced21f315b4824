package api

import (
	"net/http"

	"github.com/confab-chat/confab/pkg/chat"
)

// ReadRetention reads a body {"retention":"30d"} and returns what it says: a retention that a room can have, as
// chat.ParseRetention reads it (1h to 36500d, forever or default). Errors are those of ReadJSON, and chat.Invalid
// where retention is absent or null, or another text.
func ReadRetention(w http.ResponseWriter, r *http.Request) (chat.Retention, error) {
	var b struct {
		Retention *string `json:"retention"`
	}
	if err := ReadJSON(w, r, &b); err != nil {
		return 0, err
	}
	if b.Retention == nil {
		return 0, chat.Faulty(chat.RoomEntity, []chat.Fault{chat.Missing("retention")})
	}
	return chat.ParseRetention(*b.Retention)
}
