package easemob

import (
	"github.com/confab-chat/confab/pkg/chat"
)

// Groups of the default app are the rooms of the chat API, by its rules: public ones are open rooms, which have a name that
// nobody else may take, and which everybody joins; others are private rooms, which somebody has to add people to.

// shows reports whether a room is one of the kind here.
func (k roomKind) shows(r chat.Room) bool {
	switch r.Settings.Kind {
	case chat.OpenRoom, chat.PrivateRoom: // only the chat API's tenant has them
		return k.kind == chat.GroupRoom
	}
	return r.Settings.Kind == k.kind
}

// nameOfRoom is what a group or room is called.
func nameOfRoom(r chat.Room) string {
	if r.Settings.Kind == chat.OpenRoom {
		return r.Name
	}
	return r.Settings.Title
}

// seats is the highest number of members; of a room without a limit what the app allows.
func (c *call) seats(r chat.Room) int64 {
	if n := r.Settings.MaxMembers; n > 0 {
		return int64(n)
	}
	return *c.app.Settings.Complete().MaxMembers
}

// newGroup returns the room for what a new group is given.
func (c *call) newGroup(k roomKind, in roomFields) (n chat.NewGroup, err error) {
	n.Settings = chat.RoomSettings{Kind: k.kind, MaxMembers: c.usualMembers()}
	if k.kind == chat.GroupRoom && c.app.Default() {
		n.Settings = chat.RoomSettings{Kind: chat.PrivateRoom}
		if *in.Public {
			n.Settings.Kind, n.Name = chat.OpenRoom, *in.Title
		}
		if err := in.fit(chat.Room{Name: n.Name, Settings: n.Settings}); err != nil {
			return n, err
		}
	}
	in.Over(&n.Settings)
	return n, nil
}

// fit leaves of a change what a room of the chat API has, and refuses what it cannot be.
func (in *roomFields) fit(r chat.Room) error {
	open := r.Settings.Kind == chat.OpenRoom
	if !open && r.Settings.Kind != chat.PrivateRoom {
		return nil
	}
	switch {
	case in.Public != nil && *in.Public != open:
		return illegal("public cannot be changed: a group of this app is a room that is open or private for ever")
	case open && in.Title != nil && *in.Title != r.Name:
		return illegal("groupname cannot be changed: it is the name of an open room")
	case open && in.Approval != nil && *in.Approval:
		return illegal("membersonly has to be false: everybody may join an open room")
	}
	if open {
		in.Title, in.MembersInvite = nil, nil
	}
	in.Public, in.Approval, in.ConfirmInvites = nil, nil, nil
	return nil
}
