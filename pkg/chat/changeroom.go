package chat

import (
	"context"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/confab-chat/confab/pkg/limit"
)

// Limits of what is said about a room: characters, but for MaxCustom and MaxRoomAvatar, which are bytes.
const (
	MaxTitle        = 100 // of private and open rooms
	MaxGroupName    = 128 // titles of groups and chat rooms
	MaxDescription  = 512
	MaxAnnouncement = 512
	MaxCustom       = 8192
	MaxRoomAvatar   = 1024
)

// RoomChange is a change of a room. It leaves alone what is nil, and a banner that is not set.
type RoomChange struct {
	// What the owner and admins may change.
	Banner                                           Optional
	Title, Description, Custom, Avatar, Announcement *string
	Silent                                           *bool
	// What only the owner may change.
	MaxMembers                                                *int
	Public, Approval, MembersInvite, ConfirmInvites, Disabled *bool

	// Was, if set, makes the change Stale if what it changes is no longer that of Was.
	Was *Room
}

// settles reports whether the change is one of settings.
func (c RoomChange) settles() bool {
	return c.governs() || c.Title != nil || c.Description != nil || c.Custom != nil || c.Avatar != nil || c.Announcement != nil || c.Silent != nil
}

// governs reports whether the change is the owner's.
func (c RoomChange) governs() bool {
	return c.MaxMembers != nil || c.Public != nil || c.Approval != nil || c.MembersInvite != nil || c.ConfirmInvites != nil || c.Disabled != nil
}

// Over makes the change.
func (c RoomChange) Over(s *RoomSettings) {
	set(&s.Title, c.Title)
	set(&s.Description, c.Description)
	set(&s.Custom, c.Custom)
	set(&s.Avatar, c.Avatar)
	set(&s.Announcement, c.Announcement)
	set(&s.Silent, c.Silent)
	set(&s.MaxMembers, c.MaxMembers)
	set(&s.Public, c.Public)
	set(&s.Approval, c.Approval)
	set(&s.MembersInvite, c.MembersInvite)
	set(&s.ConfirmInvites, c.ConfirmInvites)
	set(&s.Disabled, c.Disabled)
}

func set[T any](to, v *T) {
	if v != nil {
		*to = *v
	}
}

// Validate returns all faults of what the change sets in a room of that kind.
func (c RoomChange) Validate(k RoomKind) []Fault {
	var f faults
	title := MaxTitle
	if k.needsOwner() {
		title = MaxGroupName
	}
	if k != OpenRoom || c.Title == nil || *c.Title != "" { // an open room has a name, and needs no title
		f.title("title", c.Title, title)
	}
	f.upTo("description", c.Description, MaxDescription)
	f.upTo("announcement", c.Announcement, MaxAnnouncement)
	f.bytes("custom", c.Custom, MaxCustom)
	f.bytes("avatar", c.Avatar, MaxRoomAvatar)
	if c.Banner.Set {
		f.text("banner", c.Banner.Value)
	}
	if c.MaxMembers != nil && *c.MaxMembers < 1 {
		f.add("maxMembers", "must be at least 1", nil)
	}
	f.only("maxMembers", c.MaxMembers != nil, k != DirectRoom)
	f.only("public", c.Public != nil, k == GroupRoom)
	f.only("approval", c.Approval != nil, k == GroupRoom)
	f.only("confirmInvites", c.ConfirmInvites != nil, k == GroupRoom)
	f.only("membersInvite", c.MembersInvite != nil, k == GroupRoom || k == ChatRoom || k == PrivateRoom)
	f.only("silent", c.Silent != nil, k != DirectRoom)
	f.only("disabled", c.Disabled != nil, k != DirectRoom)
	return f
}

// title is a name that people give a room: visible, on one line.
func (f *faults) title(field string, v *string, most int) {
	switch {
	case v == nil:
	case *v == "":
		f.add(field, notEmpty, v)
	case outside(*v, 1, most):
		f.size(field, v, most)
	case strings.ContainsFunc(*v, turnsOrControls):
		f.add(field, noControls, v)
	case !strings.ContainsFunc(*v, isVisible):
		f.add(field, visible, v)
	}
}

func (f *faults) upTo(field string, v *string, most int) {
	switch {
	case v == nil:
	case outside(*v, 0, most):
		f.size(field, v, most)
	default:
		f.noNUL(field, v)
	}
}

func (f *faults) bytes(field string, v *string, most int) {
	switch {
	case v == nil:
	case len(*v) > most:
		f.size(field, v, most)
	case !utf8.ValidString(*v):
		f.add(field, "must be UTF-8", nil)
	default:
		f.noNUL(field, v)
	}
}

// only adds a fault for a member that is there and may not be.
func (f *faults) only(field string, there, may bool) {
	if there && !may {
		f.add(field, "cannot be set for a room of this kind", nil)
	}
}

// ChangeRoom changes a room. Title, description, custom text, avatar, announcement and silence are open to its owner and
// admins; the other members to its owner. Invalid with faults for what breaks a rule, or does not fit the kind of the room.
// Full if the room has more participants than MaxMembers, or a quota is less than that; Stale as c.Was says. Nothing is
// changed then. A banner is stored after the rest: if somebody else changes it meanwhile, only that is Stale.
func (s *Service) ChangeRoom(ctx context.Context, who Principal, name string, c RoomChange) (RoomView, error) {
	if err := s.limited(who, limit.Changes); err != nil {
		return RoomView{}, err
	}
	v, err := s.visitNow(ctx, who, name)
	if err != nil {
		return RoomView{}, err
	}
	action := ChangeRoom
	if c.governs() {
		action = GovernRoom
	}
	if err := v.may(action); err != nil {
		return RoomView{}, err
	}
	if err := Faulty(RoomEntity, c.Validate(v.Settings.Kind)); err != nil {
		return RoomView{}, err
	}
	if c.MaxMembers != nil && v.Settings.MaxMembers == 0 { // its participants have taken no places
		var f faults
		f.only("maxMembers", true, false)
		return RoomView{}, f.err(RoomEntity)
	}
	if c.MaxMembers != nil {
		if err := s.mayHold(ctx, who.Tenant, *c.MaxMembers); err != nil {
			return RoomView{}, err
		}
	}
	wctx, cancel := changing(ctx)
	defer cancel()
	now := v.Room
	told, err := s.intendChange(wctx, v, c)
	if err != nil {
		return RoomView{}, err
	}
	defer func() { told(err) }()
	if c.settles() {
		now, err = s.changeSettings(wctx, v, action, func(now *RoomSettings, _ Room) error {
			if c.Was != nil && !reflect.DeepEqual(now.normal(), c.Was.Settings.normal()) {
				return ErrStale(RoomEntity, name)
			}
			c.Over(now)
			return nil
		})
		if err != nil {
			return RoomView{}, err
		}
	}
	if c.Banner.Set {
		err = s.store.SetBanner(wctx, who.Tenant, v.Ref(), c.Banner.Value, c.Was)
		s.forgetRoom(who.Tenant, name)
		if err != nil {
			return RoomView{}, err
		}
		now.Banner = c.Banner.Value
	}
	s.order.begin(now.ID, s.ids).finish(wctx, RoomChanged{Place: now.place(who.Tenant), Settings: now.Settings})
	return s.viewAs(ctx, who, now)
}

// viewAs returns a room that was just read or changed as who sees it.
func (s *Service) viewAs(ctx context.Context, who Principal, r Room) (RoomView, error) {
	view, err := s.viewOf(ctx, who.Tenant, r)
	if err != nil {
		return RoomView{}, err
	}
	return s.seen(ctx, who, view)
}
