package storetest

import (
	"errors"
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

// group is a room of a kind that has no name of its own.
func (e *env) group(settings chat.RoomSettings) chat.Room {
	r := e.room("")
	r.Name, r.Settings = chat.RoomNameOf(r.ID), settings
	return r
}

var settingsTests = map[string]func(*env){
	"a room has the settings that it was created with": func(e *env) {
		for _, text := range texts {
			want := e.group(chat.RoomSettings{Kind: chat.GroupRoom, Title: text, Description: text, Custom: text, Avatar: text, Announcement: text,
				Owner: "owner", Admins: []string{"a", "b"}, MaxMembers: 100, Public: true, Approval: true, MembersInvite: true, ConfirmInvites: true,
				Silent: true, Disabled: true, Unknown: []byte(`{"later":[1.50]}`)})
			require.NoError(e, e.s.CreateRoom(e.ctx, e.tenant, want))
			got, err := e.s.Room(e.ctx, e.tenant, want.Name)
			require.NoError(e, err)
			require.Equal(e, want, got)
			byName, err := e.s.RoomsByName(e.ctx, e.tenant, []string{want.Name})
			require.NoError(e, err)
			require.Equal(e, map[string]chat.Room{want.Name: want}, byName)
		}
	},
	"only open rooms are in the list of rooms": func(e *env) {
		open := e.room("games")
		open.Settings = chat.RoomSettings{Title: "Games", Admins: []string{"a"}}
		require.NoError(e, e.s.CreateRoom(e.ctx, e.tenant, open))
		for _, kind := range []chat.RoomKind{chat.PrivateRoom, chat.DirectRoom, chat.GroupRoom, chat.ChatRoom} {
			r := e.group(chat.RoomSettings{Kind: kind})
			require.NoError(e, e.s.CreateRoom(e.ctx, e.tenant, r))
			e.isKind(e.s.CreateRoom(e.ctx, e.tenant, r), chat.Conflict)
			in, err := e.s.RoomsOf(e.ctx, e.tenant, "creator", "", 10)
			require.NoError(e, err)
			require.Contains(e, in, r.Ref())
			require.NoError(e, e.s.SetBanner(e.ctx, e.tenant, r.Ref(), ptr("banner"), nil))
			e.join(r, "jdoe")
			e.agrees(r, "creator", "jdoe")
		}
		rooms, err := e.s.Rooms(e.ctx, e.tenant, "", 10)
		require.NoError(e, err)
		require.Equal(e, []chat.Room{open}, rooms)
		var visited []chat.RoomKind
		require.NoError(e, e.s.EachRoom(e.ctx, func(t chat.Tenant, r chat.Room) error {
			if t == e.tenant {
				visited = append(visited, r.Settings.Kind)
			}
			return nil
		}))
		require.ElementsMatch(e, []chat.RoomKind{chat.OpenRoom, chat.PrivateRoom, chat.DirectRoom, chat.GroupRoom, chat.ChatRoom}, visited)
	},
	"a deleted room of any kind frees its name": func(e *env) {
		r := e.group(chat.RoomSettings{Kind: chat.DirectRoom})
		require.NoError(e, e.s.CreateRoom(e.ctx, e.tenant, r))
		require.NoError(e, e.s.DeleteRoom(e.ctx, e.tenant, r))
		_, err := e.s.Room(e.ctx, e.tenant, r.Name)
		e.isKind(err, chat.NotFound)
		open := e.room(r.Name)
		require.NoError(e, e.s.CreateRoom(e.ctx, e.tenant, open))
		e.isKind(e.s.CreateRoom(e.ctx, e.tenant, r), chat.Conflict)
		e.showsRoom(open)
	},
	"settings are changed, and keep their kind": func(e *env) {
		r := e.newRoom("games")
		changed, err := e.s.ChangeSettings(e.ctx, e.tenant, r.Ref(), func(s *chat.RoomSettings) error {
			require.Equal(e, chat.RoomSettings{}, *s)
			*s = chat.RoomSettings{Kind: chat.GroupRoom, Title: "New", Admins: []string{"a"}}
			return nil
		})
		require.NoError(e, err)
		r.Settings = chat.RoomSettings{Title: "New", Admins: []string{"a"}}
		require.Equal(e, r, changed)
		got, err := e.s.Room(e.ctx, e.tenant, r.Name)
		require.NoError(e, err)
		require.Equal(e, r, got)

		// What else is changed leaves them.
		require.NoError(e, e.s.SetBanner(e.ctx, e.tenant, r.Ref(), ptr("banner"), nil))
		require.NoError(e, e.s.SetRetention(e.ctx, e.tenant, r.Ref(), chat.Forever))
		r.Banner, r.Retention = ptr("banner"), chat.Forever
		got, err = e.s.Room(e.ctx, e.tenant, r.Name)
		require.NoError(e, err)
		require.Equal(e, r, got)

		changed, err = e.s.ChangeSettings(e.ctx, e.tenant, r.Ref(), func(s *chat.RoomSettings) error { *s = chat.RoomSettings{}; return nil })
		require.NoError(e, err)
		r.Settings = chat.RoomSettings{}
		require.Equal(e, r, changed)
	},
	"a change that is refused changes nothing": func(e *env) {
		r := e.newRoom("games")
		refused := errors.New("refused")
		_, err := e.s.ChangeSettings(e.ctx, e.tenant, r.Ref(), func(s *chat.RoomSettings) error { s.Title = "New"; return refused })
		require.ErrorIs(e, err, refused)
		got, err := e.s.Room(e.ctx, e.tenant, r.Name)
		require.NoError(e, err)
		require.Equal(e, r, got)
		none := func(*chat.RoomSettings) error { return nil }
		_, err = e.s.ChangeSettings(e.ctx, e.tenant, chat.RoomRef{ID: e.ids.New(), Name: r.Name}, none)
		e.isAbout(err, chat.NotFound, chat.RoomEntity)
		_, err = e.s.ChangeSettings(e.ctx, e.tenant, chat.RoomRef{ID: r.ID, Name: "other"}, none)
		e.isAbout(err, chat.NotFound, chat.RoomEntity)
	},
	"of changes at once none is lost": func(e *env) {
		r := e.newRoom("games")
		race(racers, func(i int) {
			_, err := e.s.ChangeSettings(e.ctx, e.tenant, r.Ref(), func(s *chat.RoomSettings) error {
				s.Admins = append(s.Admins, fmt.Sprint("admin", i))
				return nil
			})
			if err != nil {
				e.Errorf("ChangeSettings: %v", err)
			}
		})
		got, err := e.s.Room(e.ctx, e.tenant, r.Name)
		require.NoError(e, err)
		require.Len(e, got.Settings.Admins, racers)
	},
}
