package stomp

import (
	"strings"

	"github.com/confab-chat/confab/pkg/live"
)

// This file alone defines the destinations of topics:
//
//	/topic/messages/{room}  /topic/participants/{room}  /topic/action/{room}
//	/topic/presence/{room}  /topic/typing/{room}  /topic/me     (not at KillrChat's mounts)
//
// The room's name is not escaped.
const topicPrefix = "/topic/"

// userTopic is the topic of the connection's own user.
const userTopic = topicPrefix + "me"

var topics = map[live.Kind]string{
	live.Messages:     "messages",
	live.Participants: "participants",
	live.Action:       "action",
	live.Presence:     "presence",
	live.Typing:       "typing",
}

// Topics returns the destinations of all topics, with {room} in place of the name of a room. With extra, topics that
// KillrChat does not have are among them.
func Topics(extra bool) []string {
	var out []string
	for kind, name := range topics {
		if _, _, ok := parseDestination(topicPrefix+name+"/{room}", extra); ok {
			out = append(out, destinationOf(&live.Delivery{Kind: kind, Room: "{room}"}))
		}
	}
	if extra {
		out = append(out, userTopic)
	}
	return out
}

// parseDestination returns the topic of a destination. With extra, topics that KillrChat does not have are allowed.
func parseDestination(d string, extra bool) (kind live.Kind, room string, ok bool) {
	if d == userTopic {
		return live.User, "", extra
	}
	rest, ok := strings.CutPrefix(d, topicPrefix)
	if !ok {
		return 0, "", false
	}
	name, room, ok := strings.Cut(rest, "/")
	if !ok || room == "" || strings.Contains(room, "/") {
		return 0, "", false
	}
	for kind, n := range topics {
		if n == name {
			return kind, room, extra || kind <= live.Action
		}
	}
	return 0, "", false
}

func destinationOf(d *live.Delivery) string {
	if d.Kind == live.User {
		return userTopic
	}
	return topicPrefix + topics[d.Kind] + "/" + d.Room
}
