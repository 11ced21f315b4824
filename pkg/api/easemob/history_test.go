package easemob_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"
)

// history returns the texts of a page of the history, and its cursor.
func (a *app) history(ql, cursor string, limit int) (texts []string, next string) {
	a.Helper()
	q := url.Values{"ql": {ql}, "limit": {strconv.Itoa(limit)}}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	out := a.ok("GET", "/chatmessages?"+q.Encode(), a.token, nil)
	for _, e := range out["entities"].([]any) {
		m := e.(object)
		require.Equal(a, m["msg_id"], strconv.FormatInt(idNumber(a, m["uuid"]), 10))
		require.Equal(a, m["created"], m["timestamp"])
		texts = append(texts, textOf(m))
	}
	require.InDelta(a, len(texts), out["count"], 0)
	next, _ = out["cursor"].(string)
	return texts, next
}

func textOf(m object) string {
	return m["payload"].(object)["bodies"].([]any)[0].(object)["msg"].(string)
}

// all returns the texts of all pages, and how many pages there are.
func (a *app) all(ql string, limit int) (texts []string, pages int) {
	a.Helper()
	for cursor := ""; ; {
		page, next := a.history(ql, cursor, limit)
		texts, pages = append(texts, page...), pages+1
		require.Less(a, pages, 100)
		if next == "" {
			return texts, pages
		}
		cursor = next
	}
}

func TestHistory(t *testing.T) {
	w := newWorld(t)
	a := w.app
	u, tokens := a.users(2)
	group := a.group(u[0], nil, u[1])
	room := a.chatRoom(u[0], nil, u[1])
	say := func(i int) (id string) {
		body := object{"type": "txt", "body": object{"msg": fmt.Sprint(i)}, "from": u[i%2]}
		path, to := "/messages/users", u[(i+1)%2]
		switch i % 3 {
		case 1:
			path, to = "/messages/chatgroups", group
		case 2:
			path, to = "/messages/chatrooms", room
		}
		body["to"] = []string{to}
		return a.ok("POST", path, a.token, body)["data"].(object)[to].(string)
	}
	ids := make([]string, 12)
	for i := range ids {
		ids[i] = say(i)
	}
	everything := strings.Fields("0 1 2 3 4 5 6 7 8 9 10 11")
	got, pages := a.all("", 5)
	require.Equal(t, everything, got)
	require.Equal(t, 3, pages)
	got, pages = a.all("select * where timestamp > 1", 4)
	require.Equal(t, everything, got)
	require.Equal(t, 3, pages, "no page without messages")
	got, _ = a.all("ORDER BY timestamp DESC", 5)
	require.Equal(t, strings.Fields("11 10 9 8 7 6 5 4 3 2 1 0"), got)
	for ql, want := range map[string]string{
		fmt.Sprintf("select * where chat_type = 'groupchat' and from = '%s'", u[0]): "4 10",
		fmt.Sprintf("where to='%s'", group):                                         "1 4 7 10",
		fmt.Sprintf("where to = '%s' order by timestamp desc", room):                "11 8 5 2",
		fmt.Sprintf("where chat_type='chat' and to = '%s'", u[0]):                   "3 9",
		fmt.Sprintf("where msg_id = '%s'", ids[4]):                                  "4",
		fmt.Sprintf("where msg_id = '%s' and from = 'nobody'", ids[4]):              "",
		"where msg_id = 'x'":                           "",
		"where timestamp < 5 and timestamp > 9":        "",
		"where from = 'a' and from = 'b'":              "",
		"where timestamp >= 99999999999999999999":      "?",
		"where timestamp <= 1":                         "",
		"where from = 'it''s' and to = \"a \\\" b\"":   "",
		"where from > 'a'":                             "?",
		"where content = 'a'":                          "?",
		"where from = a":                               "?",
		"where timestamp = 1 or timestamp = 2":         "?",
		"select from":                                  "?",
		"order by from":                                "?",
		"where":                                        "?",
		"where timestamp > 1 order by timestamp asc x": "?",
		"where from = 'a":                              "?",
	} {
		if want == "?" {
			a.fails(400, "query_parse", "GET", "/chatmessages?"+url.Values{"ql": {ql}}.Encode(), a.token, nil)
			continue
		}
		got, _ := a.all(ql, 3)
		require.Equal(t, strings.Fields(want), append([]string{}, got...), ql)
	}
	// With a raw > in the address.
	at := int64(a.ok("GET", "/chatmessages?limit=1", a.token, nil)["entities"].([]any)[0].(object)["timestamp"].(float64))
	require.InDelta(t, 10, a.ok("GET", fmt.Sprintf("/chatmessages?ql=select+*+where+timestamp>%d", at-1), a.token, nil)["count"], 0)

	// A cursor is good for its own query only.
	_, cursor := a.history("", "", 5)
	a.fails(400, "illegal_argument", "GET", "/chatmessages?ql=where+timestamp>1&cursor="+cursor, a.token, nil)
	a.fails(400, "illegal_argument", "GET", "/chatmessages?cursor=x", a.token, nil)
	w.fails(400, "illegal_argument", "GET", "/"+w.other.key+"/chatmessages?cursor="+cursor, w.other.token, nil)
	a.fails(401, "auth_bad_access_token", "GET", "/chatmessages", tokens[0], nil)
	require.Empty(t, w.other.ok("GET", "/chatmessages", w.other.token, nil)["entities"])

	// What is recalled is gone, whatever it is of.
	for i, place := range []object{{"to": u[1], "chat_type": "chat"}, {"to": group, "chat_type": "groupchat"}, {"to": room, "chat_type": "chatroom"}} {
		place["msg_id"] = ids[i]
		require.Equal(t, "yes", a.ok("POST", "/messages/msg_recall", a.token, place)["data"].(object)["recalled"])
	}
	got, _ = a.all("", 4)
	require.Equal(t, everything[3:], got)
	// And so is a group with its messages.
	a.ok("DELETE", "/chatgroups/"+group, a.token, nil)
	got, _ = a.all(fmt.Sprintf("where to = '%s'", u[0]), 4)
	require.Equal(t, strings.Fields("3 9"), got)
}

func TestImportsAndHours(t *testing.T) {
	w := newWorld(t)
	a := w.app
	u, _ := a.users(2)
	group := a.group(u[0], nil, u[1])
	hour := time.Now().UTC().Add(-50 * time.Hour).Truncate(time.Hour)
	put := func(path, to string, at time.Time, more object) string {
		body := object{"target": to, "from": u[0], "msg_timestamp": at.UnixMilli(), "type": "txt", "body": object{"msg": at.Format(time.RFC3339)}}
		for k, v := range more {
			body[k] = v
		}
		return a.ok("POST", "/messages/"+path+"/import", a.token, body)["data"].(object)["msg_id"].(string)
	}
	for _, d := range []time.Duration{-time.Millisecond, 0, time.Minute, time.Hour - time.Millisecond, time.Hour} {
		put("users", u[1], hour.Add(d), nil)
	}
	flat := object{"type": nil, "body": nil, "msg": object{"type": "text", "msg": "flat"}, "ext": object{"n": 1}}
	delete(flat, "type")
	delete(flat, "body")
	put("chatgroups", group, hour.Add(2*time.Minute), flat)
	seen := map[string]bool{}
	for range 30 {
		seen[put("users", u[1], hour.Add(-2*time.Hour), nil)] = true
	}
	require.Len(t, seen, 30, "each message of one millisecond has an id of its own")

	link := func(name string) string {
		return a.ok("GET", "/chatmessages/"+name, a.token, nil)["data"].([]any)[0].(object)["url"].(string)
	}
	at := func(address string) string { return strings.TrimPrefix(address, w.web.URL) }
	name := hour.Format("2006010215")
	address := at(link(name))
	status, header, body := w.raw("GET", address, "", nil)
	require.Equal(t, 200, status)
	require.Equal(t, "application/gzip", header.Get("Content-Type"))
	z, err := gzip.NewReader(bytes.NewReader(body))
	require.NoError(t, err)
	text, err := io.ReadAll(z)
	require.NoError(t, err)
	var said []string
	for line := range strings.Lines(string(text)) {
		var m object
		require.NoError(t, json.Unmarshal([]byte(line), &m))
		require.NotContains(t, m, "uuid")
		require.NotContains(t, m, "created")
		require.Equal(t, []any{"outgoing", u[0]}, []any{m["direction"], m["from"]})
		said = append(said, textOf(m))
	}
	require.Equal(t, []string{hour.Format(time.RFC3339), hour.Add(time.Minute).Format(time.RFC3339), "flat", hour.Add(time.Hour - time.Millisecond).Format(time.RFC3339)}, said)
	status, _, _ = w.raw("GET", address, a.token, nil)
	require.Equal(t, 200, status, "a token is tolerated")
	status, _, body = w.raw("HEAD", address, "", nil)
	require.Equal(t, 200, status)
	require.Empty(t, body)

	for i := len("/files/"); i < len(address); i++ {
		changed := []byte(address)
		if changed[i]++; changed[i] == 'z'+1 || changed[i] == 'Z'+1 || changed[i] == '9'+1 || changed[i] == '-'+1 || changed[i] == '_'+1 {
			changed[i] = 'Q'
		}
		if string(changed) != address {
			w.fails(403, "forbidden_op", "GET", string(changed), "", nil)
		}
	}
	w.fails(403, "forbidden_op", "GET", address+"?x=1", "", nil)
	w.fails(403, "forbidden_op", "GET", "/files/x", "", nil)

	for name, want := range map[string]string{
		"2018": "400", "20180101": "400", "2018010124": "400", "2018010123x": "400", "-018010123": "400", "2018010123": "400",
		time.Now().UTC().Format("2006010215"):                            "404",
		time.Now().UTC().Add(time.Hour).Format("2006010215"):             "404",
		time.Now().UTC().AddDate(1000, 0, 0).Format("2006010215"):        "404",
		hour.Add(-10 * time.Hour).Format("2006010215"):                   "404",
		time.Now().UTC().Add(-181 * 24 * time.Hour).Format("2006010215"): "400",
	} {
		status, out := a.do("GET", "/"+a.key+"/chatmessages/"+name, a.token, nil)
		require.Equal(t, want, strconv.Itoa(status), "%s: %v", name, out)
		require.Equal(t, map[string]string{"400": "illegal_argument", "404": "storage_object_not_found"}[want], out["error"], name)
	}
	// An import shows up in the next request.
	put("users", u[1], hour.Add(-10*time.Hour), nil)
	link(hour.Add(-10 * time.Hour).Format("2006010215"))

	// Hours are those of the app.
	w.ok("PUT", "/management/organizations/"+a.organisation+"/applications/"+strings.Split(a.key, "/")[1], w.boss, object{"timezone": "-03:30", "history_days": 3})
	link(hour.In(time.FixedZone("", -12600)).Format("2006010215"))

	for _, ms := range []int64{time.Now().Add(time.Minute).UnixMilli(), time.Now().Add(-73 * time.Hour).UnixMilli(), -5, 1 << 60} {
		a.fails(400, "illegal_argument", "POST", "/messages/users/import", a.token, object{"target": u[1], "from": u[0], "type": "txt", "body": object{"msg": "x"}, "msg_timestamp": ms})
	}
	a.fails(404, "resource_not_found", "POST", "/messages/chatgroups/import", a.token, object{"target": "12345", "from": u[0], "type": "txt", "body": object{"msg": "x"}})
	a.fails(400, "illegal_argument", "POST", "/messages/users/import", a.token, object{"from": u[0], "type": "txt", "body": object{"msg": "x"}})
	a.fails(400, "illegal_argument", "POST", "/messages/users/import", a.token, object{"target": u[1], "from": u[0], "type": "txt"})
	// What is too old is shown nowhere.
	w.ok("PUT", "/management/organizations/"+a.organisation+"/applications/"+strings.Split(a.key, "/")[1], w.boss, object{"history_days": 1})
	got, _ := a.all("", 5)
	require.Empty(t, got)
}
