package people

import (
	"context"

	"github.com/confab-chat/confab/pkg/chat"
)

// Notification is what a person wants to be told of in a conversation. It is kept and shown.
type Notification struct {
	Type           string `json:"type,omitzero"`
	IgnoreInterval string `json:"ignoreInterval,omitzero"`
	IgnoreDuration *int64 `json:"ignoreDuration,omitzero"` // in milliseconds
}

// MaxNotifications is for how many conversations one person has settings at most.
const MaxNotifications = 500

// NotificationOf returns a setting of a person; the zero value if there is none.
func (s *Service) NotificationOf(ctx context.Context, who chat.Identity, about string) (Notification, error) {
	r, err := s.record(ctx, who)
	return r.Notify[about], err
}

// SetNotification changes a setting of a person, and returns it. Invalid, with nothing changed, if there would be more than
// MaxNotifications.
func (s *Service) SetNotification(ctx context.Context, who chat.Identity, about string, change func(*Notification)) (Notification, error) {
	r, err := s.change(ctx, who, func(r *Record) error {
		n := r.Notify[about]
		change(&n)
		if r.Notify == nil {
			r.Notify = map[string]Notification{}
		}
		r.Notify[about] = n
		if len(r.Notify) > MaxNotifications {
			return chat.ErrInvalid("a person has settings for at most %d conversations", MaxNotifications)
		}
		return nil
	})
	return r.Notify[about], err
}
