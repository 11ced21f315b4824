package easemob_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestErrorsSayWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	path := "/management/organizations/" + w.app.organisation + "/applications/" + w.app.uuid
	for want, body := range map[string]any{
		"there is no setting colour":                                               object{"colour": "red", "token_ttl": 1},
		"the value of the setting token_ttl has not the right type":                object{"token_ttl": true},
		"the value of the setting token_ttl is a number out of range":              rawJSON(`{"token_ttl":9223372036854775808}`),
		"the value of the setting max_users is a number out of range":              object{"max_users": "99999999999999999999"},
		"the body is not the JSON that is expected here: token_ttl is there twice": rawJSON(`{"token_ttl":1,"token_ttl":2}`),
		"the body has to be a JSON object":                                         []any{},
	} {
		status, out := w.do("PUT", path, w.boss, body)
		require.Equal(t, 400, status)
		require.Equal(t, want, out["error_description"])
	}
}

// says is fails that also looks at the description.
func (a *app) says(want string, status int, method, path, token string, body any) {
	a.Helper()
	got, out := a.do(method, "/"+a.key+path, token, body)
	require.Equal(a, status, got, "%v", out)
	require.Equal(a, want, out["error_description"], "%s %s", method, path)
}

func TestCallsSayWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	a := w.app
	a.user("ann")
	group := a.group("ann", nil)
	room := a.chatRoom("ann", nil)

	// Bodies: numbers may be texts, and members are there once.
	imported := func(at string) rawJSON {
		return rawJSON(`{"target":"ann","from":"ann","type":"txt","body":{"msg":"x"},"msg_timestamp":` + at + `}`)
	}
	const imports = "/messages/users/import"
	a.ok("POST", imports, a.token, imported(`"`+strconv.FormatInt(time.Now().Add(-time.Hour).UnixMilli(), 10)+`"`))
	a.says("msg_timestamp has to be a time of the last 180 days, in milliseconds", 400, "POST", imports, a.token, imported(`"1"`))
	a.says("msg_timestamp has to be a whole number", 400, "POST", imports, a.token, imported(`"x"`))
	for _, at := range []string{`9223372036854775808`, `"9223372036854775808"`, `-9223372036854775809`} {
		a.says("msg_timestamp is out of range: it has to be a whole number from -9223372036854775808 to 9223372036854775807", 400, "POST", imports, a.token, imported(at))
	}
	const lead = "the body is not the JSON that is expected here: "
	a.says(lead+"username is there twice", 400, "POST", "/users", a.token, rawJSON(`{"username":"bob","username":"carl"}`))
	a.says(lead+"1.password is there twice", 400, "POST", "/users", a.token, rawJSON(`[{"username":"bob"},{"username":"carl","password":"a","password":"b"}]`))
	a.says(lead+"ext.a.0.b is there twice", 400, "POST", "/messages/users", a.token, rawJSON(`{"to":["ann"],"type":"txt","body":{"msg":"x"},"ext":{"a":[{"b":1,"b":2}]}}`))
	require.Equal(t, []string{"ann"}, a.names())

	// Lists: what is more than the most counts as the most, and the message says so.
	for path, most := range map[string]int{"/users": 100, "/chatmessages": 1000, "/chatgroups": 100, "/chatrooms": 100, "/callbacks/storage": 100,
		"/users/ann/contacts/users": 100, "/chatgroups/" + group + "/users?version=v3": 100} {
		with := path + "?limit="
		if strings.Contains(path, "?") {
			with = path + "&limit="
		}
		a.ok("GET", with+strconv.Itoa(most+1), a.token, nil)
		for _, wrong := range []string{"0", "-1", "x", "1.5", ""} {
			a.says(fmt.Sprintf("limit has to be a whole number from 1 on; more than %d counts as %d", most, most), 400, "GET", with+wrong, a.token, nil)
		}
	}
	for path, most := range map[string]int{"/users/ann/joined_chatgroups": 100, "/chatgroups/" + group + "/users": 100, "/chatrooms/" + room + "/users": 1000, "/chatrooms/super_admin": 100} {
		a.ok("GET", path+"?pagesize="+strconv.Itoa(most+1), a.token, nil)
		a.says(fmt.Sprintf("pagesize has to be a whole number from 1 on; more than %d counts as %d", most, most), 400, "GET", path+"?pagesize=0", a.token, nil)
	}
	a.says("pageSize has to be a whole number from 1 to 50", 400, "GET", "/mutes?pageSize=51", a.token, nil)

	a.says("ql has or at character 30, where and or order by is expected; it has to be like: select * where timestamp > 1700000000000 and from = 'name' order by timestamp desc",
		400, "GET", "/chatmessages?ql=select+*+where+timestamp+>+1+or+from='x'", a.token, nil)
	a.says("ql has nickname at character 16, where username is expected; it has to be like: select * where username = 'name'",
		400, "GET", "/users?ql=select+*+where+nickname='x'", a.token, nil)

	// Groups and rooms are not each other.
	a.says("grpID "+room+" does not exist!", 404, "GET", "/chatgroups/"+room, a.token, nil)
	a.says("chat room "+group+" does not exist!", 404, "GET", "/chatrooms/"+group, a.token, nil)
	a.says("chat room x does not exist!", 404, "POST", "/messages/chatrooms", a.token, object{"to": []string{"x"}, "type": "txt", "body": object{"msg": "x"}})

	a.says("Unable to authenticate due to corrupt access token", 401, "GET", "/users", "abc", nil)
	a.says("Unable to authenticate: this access token is of another app", 401, "GET", "/users", w.other.token, nil)
	a.says("Unable to authenticate: this access token is of another app", 401, "GET", "/users", func() string { _, token := w.away.user("ann"); return token }(), nil)
	_, out := w.do("GET", "/management/organizations/"+a.organisation, a.token, nil)
	require.Equal(t, "Unable to authenticate: this is the access token of an app or of one of its users, and this call is for administrators", out["error_description"])
}

func TestAnUnknownKindOfEventsIsAnError(t *testing.T) {
	w, _ := serve(t, openStore(t), config())
	status, out := w.do("GET", "/api/chat/v1/admin/audit?kind=foo", adminToken, nil)
	require.Equal(t, 400, status)
	require.Contains(t, out["message"], "login-failed")
	w.ok("GET", "/api/chat/v1/admin/audit?kind=app-created", adminToken, nil)
}
