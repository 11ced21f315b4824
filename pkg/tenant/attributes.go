package tenant

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
)

// MaxAttributes is how many attributes a chat room has at most.
const MaxAttributes = 100

// attributePrefix is that of the spaces of chat rooms' attributes: texts by keys, each of the member who has set it.
const attributePrefix directory.Kind = "attributes/"

func attributeSpace(t chat.Tenant, room id.ID) string {
	return attributePrefix.Of(string(t) + "/" + room.String())
}

type attribute struct {
	Value string `json:"value"`
	// By is a hash of the room and the login: it says whether somebody is the author, and to nobody who it is.
	By string `json:"by"`
	// Stays says that it does not go when its author leaves.
	Stays bool `json:"stays,omitzero"`
}

func authorOf(room id.ID, login string) string {
	sum := sha256.Sum256([]byte(room.String() + "\x00" + strings.ToLower(login)))
	return hex.EncodeToString(sum[:16])
}

// SetAttribute sets an attribute of a room. Forbidden for one that somebody else has set, unless forced; Full if there are
// MaxAttributes others: of concurrent calls none makes one too many.
func (s *Rooms) SetAttribute(ctx context.Context, who chat.Identity, room id.ID, key, value string, stays, forced bool) error {
	space, mine := attributeSpace(who.Tenant, room), authorOf(room, who.Login)
	text, err := json.Marshal(attribute{Value: value, By: mine, Stays: stays})
	if err != nil {
		return err
	}
	for {
		e, err := s.attribute(ctx, space, key, mine, forced)
		switch {
		case chat.IsKind(err, chat.NotFound):
			e = directory.Entry{Space: space, ID: s.ids.New(), Name: key, Value: text, Version: 1}
			if err = s.store.CreateEntry(ctx, e); err == nil {
				return s.fits(ctx, e)
			}
		case err == nil:
			e.Value = text
			err = s.store.ReplaceEntry(ctx, e)
		}
		if !chat.IsKind(err, chat.Conflict) && !chat.IsKind(err, chat.Stale) && !chat.IsKind(err, chat.NotFound) {
			return err // otherwise another call was faster
		}
	}
}

// attribute returns an attribute that who may change.
func (s *Rooms) attribute(ctx context.Context, space, key, mine string, forced bool) (directory.Entry, error) {
	e, err := s.store.EntryNamed(ctx, space, key)
	if err != nil || forced {
		return e, err
	}
	var a attribute
	if err := json.Unmarshal(e.Value, &a); err != nil {
		return e, err
	}
	if a.By != mine {
		return e, chat.ErrForbidden("somebody else has set it")
	}
	return e, nil
}

// fits takes a new attribute away if it is one too many. Whoever comes last finds all others.
func (s *Rooms) fits(ctx context.Context, e directory.Entry) error {
	all, err := s.store.Entries(ctx, e.Space, id.ID{}, MaxAttributes+1)
	if err == nil && len(all) > MaxAttributes {
		err = &chat.Error{Kind: chat.Full, Message: "a room has 100 keys at most"}
	}
	if err != nil {
		if gone := s.store.DeleteEntry(context.WithoutCancel(ctx), e.Space, e.ID); gone != nil {
			return gone
		}
	}
	return err
}

// DeleteAttribute removes an attribute: NotFound if there is none, Forbidden as for SetAttribute.
func (s *Rooms) DeleteAttribute(ctx context.Context, who chat.Identity, room id.ID, key string, forced bool) error {
	space := attributeSpace(who.Tenant, room)
	e, err := s.attribute(ctx, space, key, authorOf(room, who.Login), forced)
	if err != nil {
		return err
	}
	return s.store.DeleteEntry(ctx, space, e.ID)
}

// Attributes returns the attributes of a room by their keys.
func (s *Rooms) Attributes(ctx context.Context, t chat.Tenant, room id.ID) (map[string]string, error) {
	es, err := s.store.Entries(ctx, attributeSpace(t, room), id.ID{}, 2*MaxAttributes)
	if err != nil {
		return nil, err
	}
	all := make(map[string]string, len(es))
	for _, e := range es {
		var a attribute
		if err := json.Unmarshal(e.Value, &a); err != nil {
			return nil, err
		}
		all[e.Name] = a.Value
	}
	return all, nil
}

// Left implements chat.RoomIndex: attributes go with their author, but those that stay.
func (x RoomIndex) Left(ctx context.Context, t chat.Tenant, r chat.Room, login string) error {
	if r.Settings.Kind != chat.ChatRoom {
		return nil
	}
	mine := authorOf(r.ID, login)
	return x.clearAttributes(ctx, t, r.ID, func(a attribute) bool { return a.By == mine && !a.Stays })
}

func (x RoomIndex) clearAttributes(ctx context.Context, t chat.Tenant, room id.ID, which func(attribute) bool) error {
	es, err := x.store.Entries(ctx, attributeSpace(t, room), id.ID{}, 2*MaxAttributes)
	if err != nil {
		return err
	}
	for _, e := range es {
		var a attribute
		if err := json.Unmarshal(e.Value, &a); err != nil {
			return err
		}
		if which(a) {
			if err := x.store.DeleteEntry(ctx, e.Space, e.ID); err != nil {
				return err
			}
		}
	}
	return nil
}
