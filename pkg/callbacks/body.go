package callbacks

import (
	"strconv"
	"time"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/outbound"
)

// The bodies are those that receivers of the platform know; version, kind and status are added.

// byApp is the operator of what an app has done.
const byApp = "@ppAdmin"

type members = map[string]any

func namesOf(t chat.Tenant, ps []chat.Person) []string {
	names := make([]string, len(ps))
	for i, p := range ps {
		names[i] = account.NameOf(t, p)
	}
	return names
}

func numberOf(u id.ID) string {
	n, _ := u.Number()
	return strconv.FormatInt(n, 10)
}

// body returns the body of an event: what the act tells, and what all have.
func (s *Service) body(a chat.Act, app string, r ready, event id.ID, at time.Time) ([]byte, error) {
	out := members{}
	var err error
	switch a.Kind {
	case chat.MessageAct, chat.RecallAct:
		err = s.aboutMessage(a, out)
	case chat.RosterAct:
		aboutContacts(a, out)
	case chat.GroupAct:
		aboutRoom(a, out)
	case chat.UserAct:
		operation := map[chat.Deed]string{chat.DeedMade: "CREATE", chat.DeedEnded: "DELETE", chat.DeedActive: pick(a.On, "ACTIVATE", "DEACTIVATE")}[a.Deed]
		uuid := a.UUID
		if uuid.IsZero() {
			uuid = account.UUIDOf(a.To.Login)
		}
		out["operation"], out["username"], out["uuid"] = operation, account.NameOf(a.Tenant, a.To), uuid.String()
	case chat.StatusAct:
		name := account.NameOf(a.Tenant, a.To)
		out["reason"], out["status"] = a.Status.Reason, pick(a.Status.Online, "online", "offline")
		out["user"], out["username"], out["resource"] = app+"_"+name+"/"+a.Status.Resource, name, a.Status.Resource
	}
	if err != nil {
		return nil, err
	}
	callID := app + "_" + event.String()
	out["version"], out["kind"], out["callId"], out["appkey"], out["timestamp"] = 1, a.Kind, callID, app, at.UnixMilli()
	out["security"] = outbound.Security(callID, r.secret, at)
	return encode(out), nil
}

func pick(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

func (s *Service) aboutMessage(a chat.Act, out members) error {
	from, to, kind := account.NameOf(a.Tenant, a.Message.Author), a.Message.To, "chat"
	if a.Room.Name != "" {
		to, kind = strconv.FormatInt(a.Room.Number(), 10), pick(a.Room.Settings.Kind == chat.ChatRoom, "chatroom", "groupchat")
		out["group_id"] = to
	}
	out["eventType"], out["chat_type"], out["msg_id"], out["from"], out["to"] = "chat", kind, numberOf(a.Message.ID), from, to
	if a.Kind == chat.RecallAct {
		out["chat_type"], out["recall_id"] = "recall", out["msg_id"]
		out["payload"] = members{"ack_message_id": out["msg_id"], "ext": members{}, "bodies": []any{}}
		return nil
	}
	bodies, ext, err := s.o.Payload(a.Message)
	out["payload"] = members{"bodies": bodies, "ext": ext, "from": from, "to": to}
	return err
}

func aboutContacts(a chat.Act, out members) {
	operation := pick(a.On, "add", "remove")
	if a.Deed == chat.DeedBlock {
		operation = pick(a.On, "ban", "allow")
	}
	out["eventType"], out["chat_type"], out["payload"] = "chat", "roster", members{"operation": operation}
	out["from"], out["to"] = account.NameOf(a.Tenant, a.From), account.NameOf(a.Tenant, a.To)
}

func aboutRoom(a chat.Act, out members) {
	operation, payload := roomPayload(a)
	out["event"], out["type"], out["id"] = "group_op_event", pick(a.Room.Settings.Kind == chat.ChatRoom, "CHATROOM", "GROUP"), strconv.FormatInt(a.Room.Number(), 10)
	out["operation"], out["payload"], out["operator"] = operation, payload, byApp
	if a.By.Login != "" {
		out["operator"] = account.NameOf(a.Tenant, a.By)
	}
}

func roomPayload(a chat.Act) (operation string, payload members) {
	people, set := namesOf(a.Tenant, a.People), pick(a.On, "ADD", "REMOVE")
	switch a.Deed {
	case chat.DeedMade:
		return "CREATE", members{"member": people, "info": infoOf(a.Room)}
	case chat.DeedEnded:
		return "DELETE", members{}
	case chat.DeedJoined:
		return "JOIN", members{"member": people, "type": pick(a.Invited, "INVITE", "DIRECT")}
	case chat.DeedQuit:
		return "LEAVE", members{"member": people, "type": "QUIT"}
	case chat.DeedRemoved:
		return "LEAVE", members{"member": people, "type": "KICK"}
	case chat.DeedBanned:
		return "LEAVE", members{"member": people, "type": "BLOCK"}
	case chat.DeedHandedOver:
		return "UPDATE", members{"type": "OWNER", "owner": people[0], "new_owner": people[1]}
	case chat.DeedSilenced:
		return "UPDATE", members{"type": "MUTE", "mute": a.On}
	case chat.DeedAnnounced:
		return "UPDATE", members{"type": "ANNOUNCEMENT", "announcement": a.Room.Settings.Announcement}
	case chat.DeedAdmin:
		return "ADMIN", members{"type": set, "admin": people}
	case chat.DeedMute:
		return "MUTE", members{"type": set, "member": people}
	case chat.DeedBlock:
		return "BLOCK", members{"type": set, "member": people}
	case chat.DeedWhite:
		return "WHITE", members{"type": set, "member": people}
	}
	return "UPDATE", members{"type": "INFO", "info": infoOf(a.Room)}
}

// infoOf is a room without its people.
func infoOf(r chat.Room) members {
	name, set := r.Settings.Title, r.Settings
	if name == "" {
		name = r.Name
	}
	info := members{"name": name, "description": set.Description, "maxusers": set.MaxMembers, "custom": set.Custom}
	if set.Kind == chat.GroupRoom {
		info["public"], info["membersonly"], info["allowinvites"], info["disabled"] = set.Public, set.Approval, set.MembersInvite, set.Disabled
	}
	return info
}
