package easemob_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// send sends a message to users, and returns the ids by receiver.
func (a *app) send(token string, to []string, more object) object {
	a.Helper()
	body := object{"to": to, "type": "txt", "body": object{"msg": "hello"}}
	for k, v := range more {
		body[k] = v
	}
	return a.ok("POST", "/messages/users", token, body)["data"].(object)
}

func idOf(t require.TestingT, number any) id.ID {
	n, err := strconv.ParseInt(number.(string), 10, 64)
	require.NoError(t, err)
	m, ok := id.FromNumber(n)
	require.True(t, ok)
	return m
}

// stored is a message to a user, as the store has it.
func (a *app) stored(number any) chat.Message {
	a.Helper()
	u, err := id.Parse(a.uuid)
	require.NoError(a, err)
	m, err := a.store.Message(a.Context(), chat.Log{Tenant: chat.Tenant("app-" + a.uuid), ID: u}, idOf(a, number))
	require.NoError(a, err)
	return m
}

func TestMessagesToUsers(t *testing.T) {
	a := newWorld(t).app
	u, tokens := a.users(3)
	ids := a.send(a.token, []string{u[0], strings.ToUpper(u[1]), "nobody"}, object{"from": u[2], "ext": object{"a": 1.50, "b": []any{true, nil}}})
	require.Len(t, ids, 3)
	seen := map[any]bool{}
	for _, n := range ids {
		require.Regexp(t, regexp.MustCompile(`^[1-9][0-9]{1,18}$`), n)
		seen[n] = true
	}
	require.Len(t, seen, 3)
	m := a.stored(ids[u[0]])
	require.Equal(t, []string{u[2], "hello", u[0], `{"a":1.5,"b":[true,null]}`}, []string{m.Author.FirstName, m.Content, m.To, string(m.Ext)})
	require.Equal(t, u[1], a.stored(ids[strings.ToUpper(u[1])]).To)
	a.fails(404, "service_resource_not_found", "GET", "/users/nobody", a.token, nil)
	later := a.send(a.token, u[:1], nil)[u[0]]
	require.Greater(t, idOf(t, later).Compare(idOf(t, ids[u[0]])), 0)
	require.Equal(t, "admin", a.stored(later).Author.FirstName)

	for body, want := range map[string]string{
		`{"to":"U","type":"txt","body":{"msg":"x"}}`:                                   "illegal_argument",
		`{"to":[],"type":"txt","body":{"msg":"x"}}`:                                    "illegal_argument",
		`{"to":["U"],"type":"smell","body":{"msg":"x"}}`:                               "illegal_argument",
		`{"to":["U"],"type":"txt","body":{}}`:                                          "illegal_argument",
		`{"to":["U"],"type":"txt","body":{"msg":"x"},"ext":null}`:                      "illegal_argument",
		`{"to":["U"],"type":"txt","body":{"msg":"x"},"from":""}`:                       "illegal_argument",
		`{"to":["U"],"type":"txt","body":{"msg":"x"},"from":"a b"}`:                    "illegal_argument",
		`{"to":["U"],"type":"loc","body":{"lat":"x","lng":1}}`:                         "illegal_argument",
		`{"to":["U"],"type":"custom","body":{"customEvent":"a b"}}`:                    "illegal_argument",
		`{"to":["U"],"type":"txt","body":{"msg":"` + strings.Repeat("x", 5120) + `"}}`: "message_send_error",
	} {
		status, out := a.do("POST", "/"+a.key+"/messages/users", a.token, rawJSON(strings.ReplaceAll(body, "U", u[0])))
		require.Equal(t, 400, status, "%s: %v", body, out)
		require.Equal(t, want, out["error"], body)
	}
	many := make([]string, 601)
	for i := range many {
		many[i] = fmt.Sprint("x", i)
	}
	a.fails(400, "illegal_argument", "POST", "/messages/users", a.token, object{"to": many, "type": "txt", "body": object{"msg": "x"}})
	require.Len(t, a.send(a.token, many[:600], nil), 600)

	// A user sends as themselves.
	require.Equal(t, u[0], a.stored(a.send(tokens[0], u[1:2], nil)[u[1]]).Author.FirstName)
	a.fails(403, "forbidden_op", "POST", "/messages/users", tokens[0], object{"to": u[1:2], "type": "txt", "body": object{"msg": "x"}, "from": u[1]})
}

func TestTypesOfMessages(t *testing.T) {
	a := newWorld(t).app
	u, _ := a.users(1)
	for _, x := range []struct{ kind, body, stored string }{
		{"img", `{"url":"https://example.org/1","filename":"a.jpg","secret":"s1","size":{"width":480,"height":"720.0"}}`,
			`image {"height":720,"name":"a.jpg","secret":"s1","url":"https://example.org/1","width":480}`},
		{"audio", `{"url":"https://example.org/2","filename":"a.amr","length":"10","secret":"s2"}`,
			`audio {"duration":10,"name":"a.amr","secret":"s2","url":"https://example.org/2"}`},
		{"video", `{"url":"https://example.org/3","thumb":"https://example.org/4","length":3,"file_length":58103,"secret":"s3","thumb_secret":"s4","filename":"a.mp4"}`,
			`video {"duration":3,"name":"a.mp4","secret":"s3","size":58103,"thumbnail":"https://example.org/4","thumbnailSecret":"s4","url":"https://example.org/3"}`},
		{"file", `{"url":"https://example.org/5","filename":"a.txt","secret":"s5"}`, `file {"name":"a.txt","secret":"s5","url":"https://example.org/5"}`},
		{"loc", `{"lat":"39.966","lng":116.322,"addr":"Zhongguancun"}`, `location {"address":"Zhongguancun","latitude":39.966,"longitude":116.322}`},
		{"cmd", `{"action":"a2","param":[{"x":"1"},{"y":"2"}]}`, `command {"action":"a2","params":{"x":"1","y":"2"}}`},
		{"txt", `{"action":"a3"}`, `command {"action":"a3"}`},
		{"custom", `{"customEvent":"my.event-1/x","customExts":{"name":"flower"}}`, `custom {"event":"my.event-1/x","params":{"name":"flower"}}`},
	} {
		var body any
		require.NoError(t, json.Unmarshal([]byte(x.body), &body))
		m := a.stored(a.send(a.token, u, object{"type": x.kind, "body": body})[u[0]])
		require.Equal(t, x.stored, string(m.Kind)+" "+string(m.Body), x.kind)
	}
	// The older way.
	old := object{"target_type": "users", "target": u, "from": []string{"jack"}, "msg": object{"type": "txt", "msg": "old way"}, "ext": object{"k": "v"}}
	require.Equal(t, object{u[0]: "success"}, a.ok("POST", "/messages", a.token, old)["data"])
	m := a.stored(a.ok("POST", "/messages?useMsgId=true", a.token, old)["data"].(object)[u[0]])
	require.Equal(t, []string{"jack", "old way"}, []string{m.Author.FirstName, m.Content})
	old["target_type"] = "foo"
	a.fails(400, "illegal_argument", "POST", "/messages", a.token, old)
}

func TestRecalls(t *testing.T) {
	a := newWorld(t).app
	u, tokens := a.users(3)
	recall := func(token, number, kind, to string) any {
		return a.ok("POST", "/messages/msg_recall", token, object{"msg_id": number, "to": to, "from": u[1], "chat_type": kind})["data"].(object)["recalled"]
	}
	n := a.send(a.token, u[:1], object{"from": u[1]})[u[0]].(string)
	require.Equal(t, "not_found msg", recall(a.token, n, "chat", u[2]))
	a.fails(403, "forbidden_op", "POST", "/messages/msg_recall", tokens[0], object{"msg_id": n, "to": u[0], "chat_type": "chat"})
	require.Equal(t, "yes", recall(tokens[1], n, "chat", u[0]))
	require.True(t, a.stored(n).Deleted)
	require.Equal(t, "not_found msg", recall(a.token, n, "chat", u[0]))

	next := a.send(a.token, u[:1], nil)[u[0]].(string)
	rows := a.ok("POST", "/messages/recall", a.token, object{"msgs": []object{
		{"msg_id": "1", "to": u[0], "from": u[1], "chat_type": "chat", "force": true}, {"msg_id": next, "to": u[0], "from": u[1], "chat_type": "chat"}}})["data"].(object)["msgs"]
	require.Equal(t, []any{object{"msg_id": "1", "recalled": "not_found msg"}, object{"msg_id": next, "recalled": "yes"}}, rows)

	// In a group its owner and admins recall too.
	g := a.group(u[0], nil, u[1], u[2])
	text := object{"to": []string{g}, "type": "txt", "body": object{"msg": "may I?"}}
	posted := func(token string) string {
		return a.ok("POST", "/messages/chatgroups", token, text)["data"].(object)[g].(string)
	}
	n = posted(tokens[1])
	a.fails(403, "forbidden_op", "POST", "/messages/msg_recall", tokens[2], object{"msg_id": n, "to": g, "chat_type": "groupchat"})
	require.Equal(t, "yes", recall(tokens[0], n, "groupchat", g))
	require.Equal(t, "not_found msg", recall(a.token, n, "groupchat", g))
	require.Equal(t, "can't find msg to", recall(a.token, n, "groupchat", "123456"))
	require.Equal(t, "yes", recall(a.token, posted(a.token), "groupchat", g))
}

func TestWhoMaySendToGroups(t *testing.T) {
	a := newWorld(t).app
	u, tokens := a.users(5) // owner, admin, two members, outsider
	g := a.group(u[0], nil, u[1], u[2], u[3])
	a.ok("POST", "/chatgroups/"+g+"/admin", a.token, object{"newadmin": u[1]})
	path := "/chatgroups/" + g
	may := func(who ...int) {
		t.Helper()
		for i, token := range tokens {
			status, out := a.do("POST", "/"+a.key+"/messages/chatgroups", token, object{"to": []string{g}, "type": "txt", "body": object{"msg": "may I?"}})
			want := 403
			for _, w := range who {
				if w == i {
					want = 200
				}
			}
			require.Equal(t, want, status, "%s: %v", u[i], out)
		}
	}
	may(0, 1, 2, 3)
	a.ok("POST", path+"/mute", a.token, object{"usernames": u[2:3], "mute_duration": -1})
	may(0, 1, 3)
	a.ok("DELETE", path+"/mute/"+u[2], a.token, nil)
	a.ok("POST", path+"/ban", a.token, nil)
	may(0, 1)
	a.ok("POST", path+"/white/users/"+u[3], a.token, nil)
	may(0, 1, 3)
	a.ok("DELETE", path+"/ban", a.token, nil)
	a.ok("POST", path+"/disable", a.token, nil)
	may()
	a.fails(403, "forbidden_op", "POST", "/messages/chatgroups", a.token, object{"to": []string{g}, "type": "txt", "body": object{"msg": "x"}})
	a.ok("POST", path+"/enable", a.token, nil)
	may(0, 1, 2, 3)

	many := []string{g, a.group(u[0], nil), a.group(u[0], nil), a.group(u[0], nil)}
	a.fails(400, "illegal_argument", "POST", "/messages/chatgroups", a.token, object{"to": many, "type": "txt", "body": object{"msg": "x"}})
	require.Len(t, a.ok("POST", "/messages/chatgroups", a.token, object{"to": []string{many[1], "123456", many[2]}, "type": "txt", "body": object{"msg": "x"}})["data"], 2)
	a.fails(404, "resource_not_found", "POST", "/messages/chatgroups", a.token, object{"to": []string{"123456"}, "type": "txt", "body": object{"msg": "x"}})
	r := a.chatRoom(u[0], nil)
	require.Contains(t, a.ok("POST", "/messages/chatrooms", a.token, object{"to": []string{r}, "type": "txt", "body": object{"msg": "x"}})["data"], r)
}

// Who is muted everywhere, or blocked by the receiver, sends nothing; an app sends for those who are blocked.
func TestMutesAndBlocksOfSenders(t *testing.T) {
	w := newWorld(t)
	a := w.newApp(w.app.organisation, w.boss, object{"contact_check": true})
	u, tokens := a.users(3)
	text := func(to string) object { return object{"to": []string{to}, "type": "txt", "body": object{"msg": "x"}} }
	a.fails(403, "forbidden_op", "POST", "/messages/users", tokens[0], text(u[1])) // no contact yet
	a.ok("POST", "/users/"+u[0]+"/contacts/users/"+u[1], a.token, nil)
	a.ok("POST", "/messages/users", tokens[0], text(u[1]))
	a.ok("POST", "/users/"+u[1]+"/blocks/users", a.token, object{"usernames": []string{u[0]}})
	a.fails(403, "forbidden_op", "POST", "/messages/users", tokens[0], text(u[1]))
	// With several receivers, those who refuse are missing.
	a.ok("POST", "/users/"+u[0]+"/contacts/users/"+u[2], a.token, nil)
	both := object{"to": []string{u[1], u[2]}, "type": "txt", "body": object{"msg": "x"}}
	require.Len(t, a.ok("POST", "/messages/users", tokens[0], both)["data"], 1)
	both["from"] = u[0]
	require.Len(t, a.ok("POST", "/messages/users", a.token, both)["data"], 2)

	g := a.group(u[2], nil, u[0])
	inGroup := object{"to": []string{g}, "type": "txt", "body": object{"msg": "x"}, "from": u[0]}
	a.ok("POST", "/messages/chatgroups", tokens[0], inGroup)
	for _, seconds := range []int{-1, 3600} {
		a.ok("POST", "/mutes", a.token, object{"username": u[0], "chat": seconds, "groupchat": seconds, "chatroom": seconds})
		for _, token := range []string{tokens[0], a.token} {
			a.fails(403, "forbidden_op", "POST", "/messages/chatgroups", token, inGroup)
			a.fails(403, "forbidden_op", "POST", "/messages/users", token, object{"to": []string{u[2]}, "type": "txt", "body": object{"msg": "x"}, "from": u[0]})
		}
	}
	a.ok("POST", "/mutes", a.token, object{"username": u[0], "chat": 0, "groupchat": 0, "chatroom": 0})
	a.ok("POST", "/messages/chatgroups", a.token, inGroup)
}

// A deleted user leaves groups, and those that they own go with them.
func TestADeletedUserLeavesGroups(t *testing.T) {
	a := newWorld(t).app
	u, _ := a.users(3)
	own, other := a.group(u[0], nil, u[1]), a.group(u[1], nil, u[0], u[2])
	a.ok("POST", "/chatgroups/"+other+"/admin", a.token, object{"newadmin": u[0]})
	a.ok("DELETE", "/users/"+u[0], a.token, nil)
	a.fails(404, "resource_not_found", "GET", "/chatgroups/"+own, a.token, nil)
	require.Equal(t, []string{u[2]}, texts(a.ok("GET", "/chatgroups/"+other+"/users?version=v3", a.token, nil)["data"]))
	require.Empty(t, a.ok("GET", "/chatgroups/"+other+"/admin", a.token, nil)["data"])
	require.Len(t, a.ok("GET", "/users/"+u[1]+"/joined_chatgroups", a.token, nil)["data"], 1)
	a.user(u[0])
	require.Empty(t, a.ok("GET", "/users/"+u[0]+"/joined_chatgroups", a.token, nil)["data"])
}

// idNumber is the number of an id.
func idNumber(t require.TestingT, text any) int64 {
	u, err := id.Parse(text.(string))
	require.NoError(t, err)
	n, ok := u.Number()
	require.True(t, ok)
	return n
}
