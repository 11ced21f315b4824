package chat

import (
	"slices"
	"time"
)

// governs is which of Owner and Admin a login is by the settings of the room.
func (r Room) governs(login string) Relation {
	switch {
	case login == "" || r.Settings.Kind == DirectRoom:
		return 0
	case r.Owner() == login:
		return Owner
	case slices.Contains(r.Settings.Admins, login):
		return Admin
	}
	return 0
}

// relation is what who is to the room, and it to them, as far as the room itself says. What depends on who is in the room
// and on its lists is added by Reader.meet.
func (r Room) relation(who Principal) Relation {
	is := r.governs(who.Login)
	if who.App {
		is |= App
	}
	s := r.Settings
	switch s.Kind {
	case OpenRoom, ChatRoom:
		is |= Shown | Open | Free
	case GroupRoom:
		if s.Public {
			is |= Shown
		}
		if s.Public && !s.Approval {
			is |= Free
		}
	}
	if s.MembersInvite {
		is |= Inviting
	}
	if s.Kind != DirectRoom && (is&Owner == 0 || !s.Kind.needsOwner()) {
		is |= Unbound
	}
	return is
}

// needsOwner reports whether rooms of the kind always have their owner in them.
func (k RoomKind) needsOwner() bool { return k == GroupRoom || k == ChatRoom }

// about is what somebody else is to the room, whom an action is about.
func (r Room) about(login string) Relation {
	switch r.governs(login) {
	case Owner:
		return 0
	case Admin:
		return NotOwner
	}
	return NotOwner | Ordinary
}

// relation is what who is to a message. Messages of the system have no author.
func (m Message) relation(who Identity) (is Relation) {
	if !m.System && m.Author.Login == who.Login {
		is = Author
	}
	return is
}

// member is what is known of a login in a room.
type member struct {
	Person // of a participant; empty for others
	in     bool
	lists  map[RoomList]Listed // with ended entries
}

// relation is what the member is to a room to which they are already is.
func (m member) relation(r Room, is Relation, at time.Time) Relation {
	switch {
	case m.in:
		is |= Participant
	case r.Settings.Kind != OpenRoom:
		is &^= Owner | Admin
	default:
		is &^= Admin
	}
	if _, blocked := m.lists[BlockList]; !blocked {
		is |= Unblocked
	}
	if _, invited := m.lists[InviteList]; invited {
		is |= Invitee
	}
	if !r.Settings.Disabled && (is&(Owner|Admin|App) != 0 || !m.silenced(r, at)) {
		is |= Speaker
	}
	return is
}

// silenced reports whether a member who is neither owner nor admin may not post now.
func (m member) silenced(r Room, at time.Time) bool {
	if mute, muted := m.lists[MuteList]; muted && !mute.ended(at) {
		return true
	}
	_, white := m.lists[WhiteList]
	return r.Settings.Silent && !white
}

func (l Listed) ended(at time.Time) bool { return !l.Until.IsZero() && !l.Until.After(at) }
