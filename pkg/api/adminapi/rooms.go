package adminapi

import (
	"net/http"
	"time"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/api/session"
	"github.com/confab-chat/confab/pkg/audit"
	"github.com/confab-chat/confab/pkg/chat"
)

type roomAnswer struct {
	Name      string `json:"name"`
	ID        string `json:"id"`
	Creator   string `json:"creator"`
	CreatedAt string `json:"createdAt"`
	Retention string `json:"retention"`
}

func roomOf(r chat.Room) roomAnswer {
	return roomAnswer{Name: r.Name, ID: r.ID.String(), Creator: r.Creator.Login, CreatedAt: timestamp(r.CreatedAt),
		Retention: r.Retention.String()}
}

type roomList struct {
	Rooms   []roomAnswer `json:"rooms"`
	HasMore bool         `json:"hasMore"`
}

// maxRooms is the greatest number of rooms in one answer; more is counted as this.
const maxRooms = 1000

func (a *admin) listRooms(w http.ResponseWriter, r *http.Request) error {
	q, limit, err := listed(r, maxRooms)
	if err != nil {
		return err
	}
	rooms, more, err := a.Chat.RoomNames(r.Context(), chat.DefaultTenant, q.Get("after"), limit)
	if err != nil {
		return err
	}
	out := roomList{Rooms: []roomAnswer{}, HasMore: more}
	for _, room := range rooms {
		out.Rooms = append(out.Rooms, roomOf(room))
	}
	return write(w, http.StatusOK, out)
}

type roomReport struct {
	roomAnswer
	Participants     int     `json:"participants"`
	MoreParticipants bool    `json:"moreParticipants"`
	OldestMessage    *string `json:"oldestMessage"`
	NewestMessage    *string `json:"newestMessage"`
}

func (a *admin) getRoom(w http.ResponseWriter, r *http.Request) error {
	room, err := a.Chat.RoomReport(r.Context(), chat.DefaultTenant, api.Variable(r, "room"))
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, roomReport{roomAnswer: roomOf(room.Room), Participants: room.Participants,
		MoreParticipants: room.MoreParticipants, OldestMessage: optional(room.Oldest), NewestMessage: optional(room.Newest)})
}

func optional(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := timestamp(t)
	return &s
}

// deleteRoom answers when no user sees the room any more. Its rows are removed in the background.
func (a *admin) deleteRoom(w http.ResponseWriter, r *http.Request) error {
	login, _ := session.Of(r)
	if err := a.Chat.RemoveRoom(r.Context(), login.Identity, chat.DefaultTenant, api.Variable(r, "room")); err != nil {
		return err
	}
	return a.done(w, r, nil, audit.RoomDeleted, api.Variable(r, "room"), "by an administrator")
}

// putRetention says how long messages of a room are kept.
func (a *admin) putRetention(w http.ResponseWriter, r *http.Request) error {
	to, err := api.ReadRetention(w, r)
	if err != nil {
		return err
	}
	v, err := a.Chat.ImposeRetention(r.Context(), chat.DefaultTenant, api.Variable(r, "room"), to)
	if err != nil {
		return err
	}
	a.record(r, audit.RetentionSet, v.Name, v.Retention.String())
	return write(w, http.StatusOK, roomOf(v.Room))
}

type sweepAnswer struct {
	Tenant    string `json:"tenant"`
	Room      string `json:"room"`
	ID        string `json:"id"`
	DeletedAt string `json:"deletedAt"`
	Removed   int    `json:"removed"`
}

// listSweeps shows which deleted rooms are still being cleared.
func (a *admin) listSweeps(w http.ResponseWriter, r *http.Request) error {
	ds, err := a.Upkeep.Deletions(r.Context())
	if err != nil {
		return err
	}
	out := struct {
		Sweeps []sweepAnswer `json:"sweeps"`
	}{[]sweepAnswer{}}
	for _, d := range ds {
		out.Sweeps = append(out.Sweeps, sweepAnswer{Tenant: string(d.Tenant), Room: d.Room.Name, ID: d.Room.ID.String(),
			DeletedAt: timestamp(d.DeletedAt), Removed: d.Removed})
	}
	return write(w, http.StatusOK, out)
}
