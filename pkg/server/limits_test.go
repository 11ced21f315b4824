package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/clocktest"
	"github.com/confab-chat/confab/pkg/limit"
	"github.com/confab-chat/confab/pkg/server"
)

const v1 = "/api/chat/v1"

// signedUp signs a user up from an address of their own and returns the cookie of a session.
func signedUp(t *testing.T, h http.Handler, login string) *http.Cookie {
	t.Helper()
	r := httptest.NewRequest("POST", "/users", strings.NewReader(fmt.Sprintf(`{"login":%q,"password":"secret","firstname":"A","lastname":"B"}`, login)))
	r.Header.Set("Content-Type", "application/json")
	r.RemoteAddr = "192.0.2." + strconv.Itoa(len(login)) + ":1"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.Equal(t, 204, w.Code, w.Body.String())
	return cookie(t, ask(h, "POST", "/authenticate?j_username="+login+"&j_password=secret", "{}"), "confab-session")
}

// Each kind of limit, with a request that it is for and that is answered with success.
func TestEachLimitIsOnItsRequests(t *testing.T) {
	clock := clocktest.New(time.Now())
	set := limit.Set{}
	for _, k := range limit.Kinds() {
		set[k] = 2
	}
	for name, c := range map[string]struct {
		kind         limit.Kind
		method, path string
		body         string
	}{
		"a message":          {limit.Posts, "POST", "/messages/ROOM", `{"content":"hello"}`},
		"an edit":            {limit.Edits, "PATCH", "/messages/ROOM/MESSAGE", `{"content":"hi"}`},
		"a deletion":         {limit.Edits, "DELETE", "/messages/ROOM/MESSAGE", ""},
		"a reaction":         {limit.MessageReactions, "PUT", "/messages/ROOM/MESSAGE/reactions/%F0%9F%91%8D", ""},
		"one taken back":     {limit.MessageReactions, "DELETE", "/messages/ROOM/MESSAGE/reactions/%F0%9F%91%8D", ""},
		"typing":             {limit.Typing, "PUT", "/rooms/ROOM/typing", `{"typing":true}`},
		"a read position":    {limit.Reads, "PUT", "/rooms/ROOM/read", `{"messageId":"MESSAGE"}`},
		"a join":             {limit.Joins, "PUT", "/rooms/participant/ROOM", ""},
		"a leave":            {limit.Joins, "DELETE", "/rooms/participant/ROOM", ""},
		"a new room":         {limit.Rooms, "POST", "/rooms/RANDOM", `{}`},
		"a banner":           {limit.Changes, "PATCH", "/rooms/ROOM", `{"banner":"x"}`},
		"a retention":        {limit.Changes, "PUT", "/rooms/ROOM/retention", `{"retention":"30d"}`},
		"marking as unread":  {limit.Reads, "PUT", "/rooms/ROOM/unread", `{"messageId":"MESSAGE"}`},
		"muting":             {limit.Changes, "PUT", "/rooms/ROOM/mute", `{"muted":true}`},
		"a profile":          {limit.Changes, "PATCH", "/users/USER", `{"bio":"x"}`},
		"a picture removed":  {limit.Changes, "DELETE", "/users/USER/avatar", ""},
		"an unreadable file": {limit.Uploads, "PUT", "/users/USER/avatar", `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t, open(t), server.Config{Limits: set, NoLimits: true, Now: clock.Now, Hashes: 1})
			session := signedUp(t, h, "ann")
			require.Equal(t, 201, ask(h, "POST", v1+"/rooms/lounge", `{}`, session).StatusCode)
			var posted struct{ MessageID string }
			require.NoError(t, json.NewDecoder(ask(h, "POST", v1+"/messages/lounge", `{"content":"first"}`, session).Body).Decode(&posted))
			if c.kind == limit.Posts || c.kind == limit.Rooms {
				clock.Add(time.Hour)
			}
			send := func() *http.Response {
				fill := strings.NewReplacer("ROOM", "lounge", "MESSAGE", posted.MessageID, "USER", "ann", "RANDOM", fmt.Sprint("room-", time.Now().UnixNano()))
				r := httptest.NewRequest(c.method, v1+fill.Replace(c.path), strings.NewReader(fill.Replace(c.body)))
				r.Header.Set("Content-Type", "application/json")
				if c.kind == limit.Uploads {
					r.Header.Set("Content-Type", "image/png")
				}
				r.AddCookie(session)
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				return w.Result()
			}
			for range 2 {
				require.NotEqual(t, 429, send().StatusCode)
			}
			r := send()
			require.Equal(t, 429, r.StatusCode)
			require.Equal(t, "application/problem+json", r.Header.Get("Content-Type"))
			var problem struct{ Code string }
			require.NoError(t, json.NewDecoder(r.Body).Decode(&problem))
			require.Equal(t, "rate_limited", problem.Code)
			wait, err := strconv.Atoi(r.Header.Get("Retry-After"))
			require.NoError(t, err)
			clock.Add(time.Duration(wait) * time.Second)
			session = cookie(t, ask(h, "POST", "/authenticate?j_username=ann&j_password=secret", "{}"), "confab-session")
			require.NotEqual(t, 429, send().StatusCode, "after Retry-After it is possible")
		})
	}
}

// The mounts share the limits, and KillrChat's answer in their own form.
func TestALimitIsOneForAllMounts(t *testing.T) {
	h := start(t, open(t), server.Config{Limits: limit.Set{limit.Posts: 1}, NoLimits: true})
	ann, bob := signedUp(t, h, "ann"), signedUp(t, h, "bobby")
	require.Equal(t, 201, ask(h, "POST", v1+"/rooms/lounge", `{}`, ann).StatusCode)
	require.Equal(t, 204, ask(h, "PUT", v1+"/rooms/participant/lounge", "", bob).StatusCode)
	const plain = `{"author":{"login":"LOGIN"},"content":"hello"}`
	require.Equal(t, 201, ask(h, "POST", v1+"/messages/lounge", `{"content":"hello"}`, ann).StatusCode)
	for _, mount := range []string{"", "/killrchat"} {
		r := ask(h, "POST", mount+"/messages/lounge", strings.ReplaceAll(plain, "LOGIN", "ann"), ann)
		require.Equal(t, 429, r.StatusCode)
		require.NotEmpty(t, r.Header.Get("Retry-After"))
		var told map[string]any
		require.NoError(t, json.NewDecoder(r.Body).Decode(&told))
		require.Equal(t, 429.0, told["status"])
		require.IsType(t, 0.0, told["timestamp"])
		require.NotContains(t, told, "code")
	}
	require.Equal(t, 204, ask(h, "POST", "/messages/lounge", strings.ReplaceAll(plain, "LOGIN", "bobby"), bob).StatusCode,
		"another user is another matter")
}

func TestSignUpsOfAnAddress(t *testing.T) {
	h := start(t, open(t), server.Config{Limits: limit.Set{limit.SignUps: 2}, Proxied: true, Hashes: 1})
	signUp := func(login, address string) int {
		r := httptest.NewRequest("POST", v1+"/users", strings.NewReader(strings.ReplaceAll(jdoe, "jdoe", login)))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-Forwarded-For", address)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	require.Equal(t, 201, signUp("one", "2001:db8::1"))
	require.Equal(t, 201, signUp("two", "[2001:db8::2]:77"))
	require.Equal(t, 429, signUp("three", "2001:db8::3"), "a network of IPv6 is one address")
	require.Equal(t, 201, signUp("three", "2001:db8:1::1"))
}

// By default, an address may try 60 logins a minute, and what a busy user does in a minute is within the limits.
func TestAnOrdinaryUserIsNotLimited(t *testing.T) {
	h := start(t, open(t), server.Config{Hashes: 1})
	ann := signedUp(t, h, "ann")
	require.Equal(t, 201, ask(h, "POST", v1+"/rooms/lounge", `{}`, ann).StatusCode)
	for i := range 100 {
		r := ask(h, "POST", v1+"/messages/lounge", `{"content":"hello"}`, ann)
		require.Equal(t, 201, r.StatusCode)
		var posted struct{ MessageID string }
		require.NoError(t, json.NewDecoder(r.Body).Decode(&posted))
		require.Equal(t, 200, ask(h, "PUT", v1+"/messages/lounge/"+posted.MessageID+"/reactions/%F0%9F%91%8D", "", ann).StatusCode)
		require.Equal(t, 204, ask(h, "PUT", v1+"/rooms/lounge/read", `{"messageId":"`+posted.MessageID+`"}`, ann).StatusCode)
		require.Equal(t, 204, ask(h, "PUT", v1+"/rooms/lounge/typing", fmt.Sprintf(`{"typing":%t}`, i%2 == 0), ann).StatusCode)
	}
}

func TestLimitsOff(t *testing.T) {
	h := start(t, open(t), server.Config{NoLimits: true, Hashes: 1})
	ann := signedUp(t, h, "ann")
	for range 500 {
		require.Equal(t, 404, ask(h, "PUT", v1+"/rooms/nowhere/typing", `{"typing":true}`, ann).StatusCode)
	}
}

// A user's subscriptions on all sockets count together.
func TestSubscribingIsLimited(t *testing.T) {
	web := httptest.NewServer(start(t, open(t), server.Config{Limits: limit.Set{limit.Subscribes: 2}, NoLimits: true, Hashes: 1}))
	t.Cleanup(web.Close)
	ann, bob := signedUp(t, web.Config.Handler, "ann"), signedUp(t, web.Config.Handler, "bobby")
	doc := describedRealtime(t)
	first, second := dial(t, doc, web.URL, "v1", v1+"/stomp", ann), dial(t, doc, web.URL, "v1", v1+"/stomp", ann)
	first.subscribe("1", "/topic/me")
	second.subscribe("1", "/topic/me")
	second.send("SUBSCRIBE", "id", "2", "destination", "/topic/me", "receipt", "r")
	second.wait("frames.error")
	other := dial(t, doc, web.URL, "v1", v1+"/stomp", bob)
	other.subscribe("1", "/topic/me")
}
