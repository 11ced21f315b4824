package easemob_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// bodies are the bodies of what an event or a record says.
func bodies(x object) []any { return x["payload"].(object)["bodies"].([]any) }

func text(msg string) object { return object{"type": "txt", "msg": msg} }

// What is rewritten shows the new content everywhere: in the history, in what waits, and in streams that have it already.
func TestRewrites(t *testing.T) {
	a := newWorld(t).app
	u, tokens := a.users(3) // sender, receiver, somebody else
	g := a.group(u[0], nil, u[1])
	r := a.chatRoom(u[0], nil, u[1])
	session := a.stream(u[1], tokens[1], "")
	for _, x := range []struct{ to, where, kind string }{{u[1], "users", "chat"}, {g, "chatgroups", "groupchat"}, {r, "chatrooms", "chatroom"}} {
		sent := object{"to": []string{x.to}, "type": "txt", "body": object{"msg": "frist"}, "ext": object{"k": 1}}
		m := a.ok("POST", "/messages/"+x.where, tokens[0], sent)["data"].(object)[x.to].(string)
		require.Equal(t, []any{text("frist")}, bodies(session.next("message")))
		require.Equal(t, "success", a.ok("PUT", "/messages/rewrite/"+m, a.token, object{"user": u[0], "new_msg": text("first"), "new_ext": object{"k": 2}})["data"])
		got := session.next("rewrite")
		require.Equal(t, []any{m, u[0], x.to, x.kind}, []any{got["msg_id"], got["from"], got["to"], got["chat_type"]})
		require.Equal(t, []any{text("first")}, bodies(got))
		require.Equal(t, object{"k": 2.0}, got["payload"].(object)["ext"])

		// Its author rewrites it too, and nobody else.
		path := "/messages/rewrite/" + m
		a.ok("PUT", path, tokens[0], object{"new_msg": text("second")})
		require.Equal(t, []any{text("second")}, bodies(session.next("rewrite")))
		a.fails(403, "forbidden_op", "PUT", path, tokens[0], object{"user": u[1], "new_msg": text("x")})
		a.fails(403, "forbidden_op", "PUT", path, tokens[1], object{"user": u[1], "new_msg": text("x")})
		for _, body := range []object{{"user": u[0]}, {"new_msg": "x"}, {"new_msg": object{"msg": "x"}}, {"new_msg": object{"type": "img", "url": "https://e.org/1"}},
			{"new_msg": object{"type": "custom", "customEvent": "e"}}, {"new_msg": object{"type": "txt"}}, {"new_msg": object{"type": "txt", "msg": ""}}} {
			a.fails(400, "illegal_argument", "PUT", path, a.token, body)
		}
		record := a.ok("GET", "/chatmessages?ql=select+*+where+msg_id='"+m+"'", a.token, nil)["entities"].([]any)[0].(object)
		require.Equal(t, []any{text("second")}, bodies(record))
		require.Equal(t, []any{u[0], x.to, x.kind, object{"k": 2.0}}, []any{record["from"], record["to"], record["chat_type"], record["payload"].(object)["ext"]})
		require.Greater(t, record["modified"], record["created"])

		a.ok("POST", "/messages/msg_recall", a.token, object{"msg_id": m, "to": x.to, "from": u[0], "chat_type": x.kind})
		session.next("recall")
		a.fails(404, "resource_not_found", "PUT", path, a.token, object{"user": u[0], "new_msg": text("x")})
	}
	a.fails(404, "resource_not_found", "PUT", "/messages/rewrite/17", a.token, object{"user": u[0], "new_msg": text("x")})
	a.fails(404, "resource_not_found", "PUT", "/messages/rewrite/x", a.token, object{"user": u[0], "new_msg": text("x")})

	// What waits is what it says now.
	custom := object{"type": "custom", "body": object{"customEvent": "e1", "customExts": object{"a": "b"}}}
	m := a.send(a.token, u[2:], custom)[u[2]].(string)
	a.ok("PUT", "/messages/rewrite/"+m, a.token, object{"user": "admin", "new_msg": object{"type": "custom", "customEvent": "e2"}})
	got := a.stream(u[2], tokens[2], "").next("message")
	require.Equal(t, []any{object{"type": "custom", "customEvent": "e2"}}, bodies(got))
	img := a.send(a.token, u[2:], object{"type": "img", "body": object{"url": "https://e.org/1", "filename": "f"}})[u[2]].(string)
	a.fails(400, "illegal_argument", "PUT", "/messages/rewrite/"+img, a.token, object{"user": "admin", "new_msg": text("x")})
}

func TestRewritesHaveTheirTime(t *testing.T) {
	w, clock := limitedWorld(t)
	a := w.app
	u, _ := a.users(2)
	g := a.group(u[0], nil, u[1])
	one := a.send(a.token, u[:1], nil)[u[0]].(string)
	two := a.ok("POST", "/messages/chatgroups", a.token, object{"to": []string{g}, "type": "txt", "body": object{"msg": "x"}})["data"].(object)[g].(string)
	clock.Add(120e9)
	for _, m := range []string{one, two} {
		a.ok("PUT", "/messages/rewrite/"+m, a.token, object{"user": "admin", "new_msg": text("y")})
	}
	clock.Add(1e9)
	for _, m := range []string{one, two} {
		a.fails(403, "forbidden_op", "PUT", "/messages/rewrite/"+m, a.token, object{"user": "admin", "new_msg": text("z")})
	}
}

// A directed message is one of the group or room that only those get whom it names and who are in it.
func TestDirectedMessages(t *testing.T) {
	a := newWorld(t).app
	u, tokens := a.users(4) // owner, two members, outsider
	g, r := a.group(u[0], nil, u[1], u[2]), a.chatRoom(u[0], nil, u[1], u[2])
	one, two := a.stream(u[1], tokens[1], ""), a.stream(u[2], tokens[2], "")
	ack := func(who int, m any) {
		a.ok("POST", "/users/"+u[who]+"/ack", tokens[who], object{"msg_ids": []any{m}})
	}
	for _, x := range []struct{ to, where, kind string }{{g, "chatgroups", "groupchat"}, {r, "chatrooms", "chatroom"}} {
		send := func(path, token string, users ...string) string {
			body := object{"to": []string{x.to}, "type": "txt", "body": object{"msg": "psst"}}
			if users != nil {
				body["users"] = users
			}
			return a.ok("POST", "/messages/"+path, token, body)["data"].(object)[x.to].(string)
		}
		m := send(x.where+"/users", tokens[0], u[1], u[3], "nobody", u[1])
		got := one.next("message")
		require.Equal(t, []any{m, u[0], x.to, x.kind}, []any{got["msg_id"], got["from"], got["to"], got["chat_type"]})
		waiting := 0.
		if x.kind == "groupchat" {
			waiting = 1
		}
		require.Equal(t, object{u[1]: waiting}, a.data("/users/"+u[1]+"/offline_msg_count", a.token))
		for _, other := range []string{u[0], u[2], u[3]} {
			require.Equal(t, object{other: 0.}, a.data("/users/"+other+"/offline_msg_count", a.token))
		}
		record := a.ok("GET", "/chatmessages?ql=select+*+where+msg_id='"+m+"'", a.token, nil)["entities"].([]any)[0].(object)
		require.Equal(t, []any{u[0], x.to, x.kind}, []any{record["from"], record["to"], record["chat_type"]})
		a.ok("PUT", "/messages/rewrite/"+m, a.token, object{"new_msg": text("hush")})
		require.Equal(t, []any{text("hush")}, bodies(one.next("rewrite")))
		a.ok("POST", "/messages/msg_recall", a.token, object{"msg_id": m, "to": x.to, "from": u[0], "chat_type": x.kind})
		require.Equal(t, m, one.next("recall")["msg_id"])

		// The plain call takes names too, and one for nobody reaches nobody.
		m = send(x.where, a.token, u[2])
		send(x.where, a.token, u[3])
		all := send(x.where, a.token)
		require.Equal(t, all, one.next("message")["msg_id"], "nothing in between")
		require.Equal(t, m, two.next("message")["msg_id"])
		require.Equal(t, all, two.next("message")["msg_id"])
		ack(1, all)
		ack(2, all)
		ack(2, m)
		a.ok("POST", "/users/"+u[0]+"/ack", tokens[0], object{"msg_ids": []any{all}})

		for _, users := range []any{nil, []string{}, u[1], make([]string, 21)} {
			body := object{"to": []string{x.to}, "type": "txt", "body": object{"msg": "x"}}
			if users != nil {
				body["users"] = users
			}
			a.fails(400, "illegal_argument", "POST", "/messages/"+x.where+"/users", a.token, body)
		}
		a.fails(404, "resource_not_found", "POST", "/messages/"+x.where+"/users", a.token, object{"to": []string{"17"}, "users": u[1:2], "type": "txt", "body": object{"msg": "x"}})
		a.fails(403, "forbidden_op", "POST", "/messages/"+x.where+"/users", tokens[3], object{"to": []string{x.to}, "users": u[1:2], "type": "txt", "body": object{"msg": "x"}})
	}
}

// A conversation that is removed with its messages leaves the mailbox of the one user.
func TestConversationsAreRemoved(t *testing.T) {
	a := newWorld(t).app
	u, tokens := a.users(4)
	g, h := a.group(u[0], nil, u[1]), a.group(u[0], nil, u[1])
	a.send(tokens[0], u[1:2], nil)
	a.send(tokens[2], u[1:2], nil)
	for _, group := range []string{g, g, h} {
		a.ok("POST", "/messages/chatgroups", tokens[0], object{"to": []string{group}, "type": "txt", "body": object{"msg": "x"}})
	}
	path := "/users/" + u[1] + "/user_channel"
	remove := func(channel, kind string, roam bool, waiting float64) {
		t.Helper()
		require.Equal(t, object{"result": "ok"}, a.ok("DELETE", path, tokens[1], object{"channel": channel, "type": kind, "delete_roam": roam})["data"])
		require.Equal(t, object{u[1]: waiting}, a.data("/users/"+u[1]+"/offline_msg_count", a.token))
	}
	remove(u[0], "chat", false, 5)
	remove(u[0], "chat", true, 4)
	remove(u[3], "chat", true, 4)
	remove("17", "groupchat", true, 4)
	remove(g, "groupchat", true, 2)
	remove(h, "groupchat", true, 1)
	require.Equal(t, u[2], a.stream(u[1], tokens[1], "").next("message")["from"])
	for _, body := range []object{{}, {"channel": u[0]}, {"channel": u[0], "type": "foo"}, {"type": "chat"}, {"channel": u[0], "type": "chat", "delete_roam": "perhaps"}} {
		a.fails(400, "illegal_argument", "DELETE", path, a.token, body)
	}
	a.fails(401, "auth_bad_access_token", "DELETE", path, tokens[0], object{"channel": u[0], "type": "chat"})
	a.fails(404, "service_resource_not_found", "DELETE", "/users/nobody/user_channel", a.token, object{"channel": u[0], "type": "chat"})

	w, clock := limitedWorld(t)
	limited := w.app
	names, _ := limited.users(1)
	clock.Add(60e9)
	body := object{"channel": "x", "type": "chat"}
	for range 5 {
		limited.ok("DELETE", "/users/"+names[0]+"/user_channel", limited.token, body)
	}
	limited.fails(429, "reach_limit", "DELETE", "/users/"+names[0]+"/user_channel", limited.token, body)
}
