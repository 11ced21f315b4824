package easemob_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// stream is a client session as the client sees it.
type stream struct {
	*testing.T
	lines *bufio.Scanner
}

func (a *app) stream(name, token, query string) *stream {
	a.Helper()
	r, err := http.NewRequestWithContext(a.Context(), "GET", a.web.URL+"/"+a.key+"/users/"+name+"/stream"+query, nil)
	require.NoError(a, err)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Accept", "text/event-stream")
	resp, err := a.http.Do(r)
	require.NoError(a, err)
	a.Cleanup(func() { resp.Body.Close() })
	require.Equal(a, 200, resp.StatusCode)
	require.Equal(a, "text/event-stream", resp.Header.Get("Content-Type"))
	s := &stream{a.T, bufio.NewScanner(resp.Body)}
	s.next("ready")
	return s
}

// next returns the data of the next event, which has this name.
func (s *stream) next(want string) object {
	s.Helper()
	name := ""
	for s.lines.Scan() {
		key, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch key {
		case "event":
			name = value
		case "data":
			require.Equal(s, want, name, value)
			out := object{}
			require.NoError(s, json.Unmarshal([]byte(value), &out))
			return out
		}
	}
	require.Fail(s, "the stream has ended", "instead of %s", want)
	return nil
}

func (s *stream) closes(reason string) {
	s.Helper()
	require.Equal(s, object{"reason": reason}, s.next("close"))
	for s.lines.Scan() {
		require.Empty(s, s.lines.Text())
	}
}

// at returns a member of an answer's data.
func (a *app) data(path, token string) any {
	a.Helper()
	return a.ok("GET", path, token, nil)["data"]
}

func TestMessagesWaitUntilTheyAreAcknowledged(t *testing.T) {
	a := newWorld(t).app
	_, ann := a.user("ann")
	_, bob := a.user("bob")
	group := a.ok("POST", "/chatgroups", a.token, object{"groupname": "g", "public": true, "owner": "bob", "members": []string{"ann"}})["data"].(object)["groupid"].(string)
	send := func(to, where, token string, body object) string {
		body["to"] = []string{to}
		return a.ok("POST", "/messages/"+where, token, body)["data"].(object)[to].(string)
	}
	one := send("ann", "users", a.token, object{"from": "x", "type": "img", "body": object{"url": "https://e.org/1", "filename": "f", "size": object{"width": 4, "height": 2}}, "ext": object{"k": 1}})
	two := send(group, "chatgroups", bob, object{"type": "txt", "body": object{"msg": "two"}})
	require.Equal(t, object{"ann": 2.0}, a.data("/users/ann/offline_msg_count", ann))
	require.Equal(t, object{"bob": 0.0}, a.data("/users/bob/offline_msg_count", a.token), "one's own do not count")
	s := a.stream("ann", ann, "?resource=phone")
	require.Equal(t, object{"ann": "online"}, a.data("/users/ann/status", a.token))
	require.Equal(t, []any{object{"res": "phone", "device_uuid": "phone", "device_name": "phone"}}, a.data("/users/ann/resources", ann))
	got := s.next("message")
	require.Equal(t, []any{one, "x", "ann", "chat", "incoming"}, []any{got["msg_id"], got["from"], got["to"], got["chat_type"], got["direction"]})
	require.Equal(t, object{"bodies": []any{object{"type": "img", "url": "https://e.org/1", "filename": "f", "size": object{"width": 4.0, "height": 2.0}}},
		"ext": object{"k": 1.0}, "from": "x", "to": "ann"}, got["payload"])
	got = s.next("message")
	require.Equal(t, []any{two, "bob", group, "groupchat"}, []any{got["msg_id"], got["from"], got["to"], got["chat_type"]})

	a.fails(401, "auth_bad_access_token", "POST", "/users/ann/ack", bob, object{"msg_ids": []string{one}})
	require.Equal(t, object{"acked": 1.0}, a.ok("POST", "/users/ann/ack", ann, object{"msg_ids": []string{two, two, "17", "x"}})["data"])
	require.Equal(t, object{two: "delivered"}, a.data("/users/ann/offline_msg_status/"+two, ann))
	require.Equal(t, object{one: "undelivered"}, a.data("/users/ann/offline_msg_status/"+one, ann))
	require.Equal(t, object{"what": "undelivered"}, a.data("/users/ann/offline_msg_status/what", ann))

	recalled := a.ok("POST", "/messages/msg_recall", a.token, object{"msg_id": one, "to": "ann", "from": "x", "chat_type": "chat"})["data"].(object)["recalled"]
	require.Equal(t, "yes", recalled)
	require.Equal(t, object{"msg_id": one, "from": "x", "to": "ann", "chat_type": "chat"}, s.next("recall"))
	require.Equal(t, object{"ann": 0.0}, a.data("/users/ann/offline_msg_count", ann))
	three := send(group, "chatgroups", bob, object{"type": "txt", "body": object{"msg": "three"}})
	require.Equal(t, three, s.next("message")["msg_id"])
	a.ok("POST", "/messages/msg_recall", bob, object{"msg_id": three, "to": group, "chat_type": "groupchat"})
	require.Equal(t, object{"msg_id": three, "from": "bob", "to": group, "chat_type": "groupchat"}, s.next("recall"))
	require.Equal(t, object{"ann": 0.0}, a.data("/users/ann/offline_msg_count", ann))

	send("bob", "users", a.token, object{"type": "txt", "body": object{"msg": "x"}, "routetype": "ROUTE_ONLINE"})
	require.Equal(t, object{"bob": 0.0}, a.data("/users/bob/offline_msg_count", bob), "it waits for nobody")
}

func TestSessionsEndWithWhatTheyWereOpenedWith(t *testing.T) {
	w := newWorld(t)
	a := w.app
	logIn := func() string {
		return a.ok("POST", "/token", a.token, object{"grant_type": "inherit", "username": "ann"})["access_token"].(string)
	}
	a.user("ann")
	s := a.stream("ann", logIn(), "")
	status, _, body := w.raw("HEAD", "/"+a.key+"/users/ann/disconnect", a.token, nil)
	require.Equal(t, 200, status)
	require.Empty(t, body)
	status, _, _ = w.raw("HEAD", "/"+a.key+"/users/ann/stream", logIn(), nil)
	require.Equal(t, 200, status)
	require.Len(t, a.data("/users/ann/resources", a.token), 1)
	require.Equal(t, object{"result": true}, a.data("/users/ann/disconnect", a.token))
	s.closes("disconnected")
	require.Equal(t, object{"result": true}, a.data("/users/ann/disconnect/none", a.token))
	a.fails(404, "service_resource_not_found", "GET", "/users/nobody/disconnect", a.token, nil)

	s = a.stream("ann", logIn(), "")
	a.ok("PUT", "/users/ann/password", a.token, object{"newpassword": "next"})
	s.closes("password")
	s = a.stream("ann", logIn(), "")
	a.ok("POST", "/users/ann/deactivate", a.token, nil)
	s.closes("deactivated")
	a.ok("POST", "/users/ann/activate", a.token, nil)
	s = a.stream("ann", logIn(), "?resource=phone")
	other := a.stream("ann", logIn(), "?resource=phone")
	s.closes("replaced")
	a.ok("DELETE", "/users/ann", a.token, nil)
	other.closes("deleted")
	_, bob := a.user("bob")
	a.fails(400, "illegal_argument", "GET", "/users/bob/stream?resource=a+b", bob, nil)

	_, token := w.other.user("ann")
	s = w.other.stream("ann", token, "")
	org, name, _ := strings.Cut(w.other.key, "/")
	w.ok("DELETE", "/management/organizations/"+org+"/applications/"+name, w.operator, nil)
	s.closes("deleted")
}
