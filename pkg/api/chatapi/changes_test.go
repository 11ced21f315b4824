package chatapi_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// say posts and returns the message's id.
func (c *client) say(room, content string) string {
	c.t.Helper()
	return c.at(V).do("POST", "/messages/"+room, map[string]any{"content": content}).is(201).object()["messageId"].(string)
}

func one(room, id string) string { return "/messages/" + room + "/" + id }

func TestEditMessage(t *testing.T) {
	ann, bob, eve := fresh(t, V), fresh(t, V), fresh(t, V)
	room := ann.room(bob)
	m := bob.say(room, "hello")
	edited := bob.do("PATCH", one(room, m), map[string]any{"content": "hello\u2028again"}).is(200).object()
	require.Equal(t, "hello\u2028again", edited["content"])
	require.NotEmpty(t, edited["editedAt"])
	require.NotContains(t, edited, "deleted")
	require.Equal(t, edited, ann.do("GET", one(room, m), nil).is(200).object())
	require.Contains(t, ann.said("/messages/"+room), "hello\u2028again")

	same := bob.do("PATCH", one(room, m), map[string]any{"content": "hello\u2028again"}).is(200).object()
	require.Equal(t, edited, same, "to say the same again is no edit")
	ann.do("PATCH", one(room, m), map[string]any{"content": "x"}).refused(403)
	eve.do("PATCH", one(room, m), map[string]any{"content": "x"}).refused(403)
	anonymous(t, V).do("PATCH", one(room, m), map[string]any{"content": "x"}).refused(401)
	for _, body := range []any{map[string]any{}, map[string]any{"content": " \n"}, map[string]any{"content": "a\x00"}} {
		bob.do("PATCH", one(room, m), body).refused(422)
	}
	for _, malformed := range []string{"[]", `{"content":1}`} {
		bob.do("PATCH", one(room, m), malformed).refused(400)
	}
	bob.do("PATCH", one(room, m), map[string]any{"content": strings.Repeat("x", 65_537)}).refused(413)
	bob.do("PATCH", one(room, m), map[string]any{"content": strings.Repeat("x", 65_536)}).is(200)
	bob.do("PATCH", one(room, "nothing"), map[string]any{"content": "x"}).refused(404)
	bob.do("PATCH", one(room, "4e831610-cb0b-11e4-8830-0800200c9a66"), map[string]any{"content": "x"}).refused(404)
	bob.do("PATCH", one(unique("none"), m), map[string]any{"content": "x"}).refused(404)
	system := ann.do("GET", "/messages/"+room, nil).is(200).list("messages")[0].(map[string]any)
	require.Equal(t, true, system["systemMessage"])
	ann.do("PATCH", one(room, system["messageId"].(string)), map[string]any{"content": "x"}).refused(403)
}

func TestDeleteMessage(t *testing.T) {
	ann, bob, eve := fresh(t, V), fresh(t, V), fresh(t, V)
	room := ann.room(bob, eve)
	m, other := bob.say(room, "secret"), eve.say(room, "another")
	bob.do("PATCH", one(room, m), map[string]any{"content": "still secret"}).is(200)
	bob.do("PUT", one(room, m)+"/reactions/%F0%9F%91%8D", nil).is(200)
	eve.do("DELETE", one(room, m), nil).refused(403)
	for range 2 {
		bob.do("DELETE", one(room, m), nil).is(204)
		got := ann.do("GET", one(room, m), nil).is(200).object()
		require.Equal(t, true, got["deleted"])
		require.Equal(t, "", got["content"])
		require.NotContains(t, got, "editedAt")
		require.NotContains(t, got, "reactions")
	}
	bob.do("PATCH", one(room, m), map[string]any{"content": "back"}).refused(409)
	bob.do("PUT", one(room, m)+"/reactions/%F0%9F%91%8D", nil).refused(409)
	ann.do("DELETE", one(room, other), nil).is(204) // the room is ann's
	bob.do("DELETE", one(room, "nothing"), nil).refused(404)
	system := ann.do("GET", "/messages/"+room, nil).is(200).list("messages")[0].(map[string]any)
	ann.do("DELETE", one(room, system["messageId"].(string)), nil).refused(403)
}

// KillrChat's front ends see messages of five members with the present text.
func TestChangesAtKillrchat(t *testing.T) {
	ann := fresh(t, V)
	room := ann.room()
	gone, edited := ann.say(room, "gone"), ann.say(room, "first")
	ann.do("PATCH", one(room, edited), map[string]any{"content": "second"}).is(200)
	ann.do("PUT", one(room, edited)+"/reactions/%F0%9F%91%8D", nil).is(200)
	ann.do("DELETE", one(room, gone), nil).is(204)
	for _, mount := range []string{K, root} {
		page := ann.at(mount).do("GET", "/messages/"+room, nil).is(200).list("")
		require.Len(t, page, 2)
		for i, content := range []string{"(deleted)", "second"} {
			m := page[i].(map[string]any)
			require.Len(t, m, 5)
			require.Equal(t, content, m["content"])
		}
		ann.at(mount).do("PATCH", one(room, edited), map[string]any{"content": "x"}).is(404)
	}
}

func TestReply(t *testing.T) {
	ann := fresh(t, V)
	room, other := ann.room(), ann.room()
	question, elsewhere := ann.say(room, "question"), ann.say(other, "elsewhere")
	body := map[string]any{"content": "answer", "replyTo": question}
	got := ann.do("POST", "/messages/"+room, body, key("k")).is(201).object()
	require.Equal(t, question, got["replyTo"])
	require.Equal(t, got, ann.do("POST", "/messages/"+room, body, key("k")).is(201).object())
	require.Equal(t, got, ann.do("GET", one(room, got["messageId"].(string)), nil).is(200).object())
	body["replyTo"] = got["messageId"]
	ann.do("POST", "/messages/"+room, body, key("k")).refused(409)
	for replyTo, status := range map[any]int{elsewhere: 404, "4e831610-cb0b-11e4-8830-0800200c9a66": 404, "nothing": 422,
		"4e831610-cb0b-41e4-8830-0800200c9a66": 422, 7: 400} {
		ann.do("POST", "/messages/"+room, map[string]any{"content": "x", "replyTo": replyTo}).refused(status)
	}
	require.Equal(t, []string{"question", "answer"}, ann.said("/messages/"+room))
}

func TestReactions(t *testing.T) {
	ann, bob, eve := fresh(t, V), fresh(t, V), fresh(t, V)
	room := ann.room(bob)
	m := ann.say(room, "hello")
	at := func(emoji string) string { return one(room, m) + "/reactions/" + url.PathEscape(emoji) }
	bob.do("PUT", at("👍"), nil).is(200)
	ann.do("PUT", at("👩‍👩‍👧‍👦"), nil).is(200)
	for range 2 {
		got := ann.do("PUT", at("👍"), nil).is(200).object()
		require.Equal(t, []any{
			map[string]any{"emoji": "👍", "logins": []any{bob.login, ann.login}, "count": 2.0},
			map[string]any{"emoji": "👩‍👩‍👧‍👦", "logins": []any{ann.login}, "count": 1.0},
		}, got["reactions"])
		require.NotContains(t, got, "editedAt")
	}
	for range 2 {
		require.Len(t, ann.do("DELETE", at("👩‍👩‍👧‍👦"), nil).is(200).object()["reactions"], 1)
	}
	ann.do("DELETE", at("👍"), nil).is(200)
	require.NotContains(t, bob.do("DELETE", at("👍"), nil).is(200).object(), "reactions")

	eve.do("PUT", at("👍"), nil).refused(403)
	for _, text := range []string{"a b", "\n", "x", "7", ":)", "👍👍", strings.Repeat("👍", 100), "\xff"} {
		for _, method := range []string{"PUT", "DELETE"} {
			fields := ann.do(method, at(text), nil).refused(422)["fields"].([]any)
			require.Equal(t, "emoji", fields[0].(map[string]any)["field"])
		}
	}
	face := func(i int) string { return string(rune('😀' + i)) }
	for i := range 20 {
		ann.do("PUT", at(face(i)), nil).is(200)
	}
	ann.do("PUT", at("👀"), nil).refused(409)
	bob.do("PUT", at(face(7)), nil).is(200)
	ann.do("DELETE", at(face(3)), nil).is(200)
	ann.do("PUT", at("👀"), nil).is(200)
}

// However an emoji is spelled, there is one reaction.
func TestReactionsHaveOneSpelling(t *testing.T) {
	ann, bob := fresh(t, V), fresh(t, V)
	room := ann.room(bob)
	m := ann.say(room, "hello")
	at := func(emoji string) string { return one(room, m) + "/reactions/" + url.PathEscape(emoji) }
	const longest = "👩🏽‍❤️‍💋‍👨🏿" // 35 bytes
	ann.do("PUT", at(longest), nil).is(200)
	ann.do("PUT", at("❤"), nil).is(200)
	got := bob.do("PUT", at("❤\ufe0f"), nil).is(200).object()["reactions"]
	require.Equal(t, []any{
		map[string]any{"emoji": longest, "logins": []any{ann.login}, "count": 1.0},
		map[string]any{"emoji": "❤️", "logins": []any{ann.login, bob.login}, "count": 2.0},
	}, got)
	ann.do("DELETE", at("❤\ufe0e"), nil).is(200)
	require.Len(t, bob.do("DELETE", at("❤"), nil).is(200).object()["reactions"], 1)
}

func TestChangesAreListed(t *testing.T) {
	ann, eve := fresh(t, V), fresh(t, V)
	room := ann.room()
	a, b := ann.say(room, "a"), ann.say(room, "b")
	path := "/messages/" + room + "/changes"
	require.Empty(t, ann.do("GET", path, nil).is(200).list("changes"))
	ann.do("PATCH", one(room, b), map[string]any{"content": "edited"}).is(200)
	ann.do("PUT", one(room, a)+"/reactions/%F0%9F%91%8D", nil).is(200)
	ann.do("PUT", one(room, a)+"/reactions/%F0%9F%91%8D", nil).is(200)
	ann.do("DELETE", one(room, b), nil).is(204)
	all := ann.do("GET", path, nil).is(200).list("changes")
	require.Len(t, all, 3)
	for i, want := range []struct{ kind, id string }{{"edit", b}, {"react", a}, {"delete", b}} {
		c := all[i].(map[string]any)
		require.Equal(t, want.kind, c["kind"])
		require.Equal(t, ann.do("GET", one(room, want.id), nil).object(), c["message"], "as it is now")
	}
	first := ann.do("GET", path+"?fetchSize=2&after="+b, nil).is(200).object()
	require.Equal(t, all[:2], first["changes"])
	require.Equal(t, true, first["hasMore"])
	require.Equal(t, all[1].(map[string]any)["changeId"], first["next"])
	rest := ann.do("GET", path+"?after="+first["next"].(string), nil).is(200).object()
	require.Equal(t, all[2:], rest["changes"])
	require.Equal(t, false, rest["hasMore"])
	require.NotContains(t, rest, "next")
	ann.do("GET", path+"?after=x", nil).refused(400)
	ann.do("GET", path+"?fetchSize=0", nil).refused(400)
	eve.do("GET", path, nil).refused(403)
}

func (c *client) states() map[string]map[string]any {
	c.t.Helper()
	out := map[string]map[string]any{}
	for _, s := range c.do("GET", "/users/"+c.login+"/rooms", nil).is(200).list("rooms") {
		state := s.(map[string]any)
		out[state["roomName"].(string)] = state
	}
	return out
}

func TestUnread(t *testing.T) {
	ann, bob := fresh(t, V), fresh(t, V)
	room, quiet := ann.room(), ann.room()
	ann.say(room, "before bob came")
	bob.do("PUT", "/rooms/participant/"+room, map[string]any{}).is(204)
	state := bob.states()[room]
	require.EqualValues(t, 0, state["unread"], "what was said before is not unread")
	require.Equal(t, state["lastMessage"].(map[string]any)["messageId"], state["lastRead"])

	var ids []string
	for i := range 3 {
		ids = append(ids, ann.say(room, fmt.Sprint(i)))
	}
	state = bob.states()[room]
	require.EqualValues(t, 3, state["unread"])
	require.Equal(t, "2", state["lastMessage"].(map[string]any)["content"])
	require.EqualValues(t, 0, ann.states()[room]["unread"], "one's own are not")
	require.Nil(t, ann.states()[quiet]["lastMessage"])
	require.EqualValues(t, 0, ann.states()[quiet]["unread"])

	read := func(id any) *answer { return bob.do("PUT", "/rooms/"+room+"/read", map[string]any{"messageId": id}) }
	read(ids[1]).is(204)
	require.EqualValues(t, 1, bob.states()[room]["unread"])
	read(ids[0]).is(204)
	require.Equal(t, ids[1], bob.states()[room]["lastRead"], "never back")
	ann.do("DELETE", one(room, ids[2]), nil).is(204)
	require.EqualValues(t, 0, bob.states()[room]["unread"], "a deleted one is not unread")
	unread := func(id any) *answer { return bob.do("PUT", "/rooms/"+room+"/unread", map[string]any{"messageId": id}) }
	unread(ids[0]).is(204)
	state = bob.states()[room]
	require.Equal(t, []any{2.0, true}, []any{state["unread"], state["markedUnread"]})
	require.NotEqual(t, ids[1], state["lastRead"])
	read(ids[1]).is(204)
	state = bob.states()[room]
	require.Equal(t, []any{ids[1], 0.0}, []any{state["lastRead"], state["unread"]})
	unread("nothing").refused(422)
	unread(nil).refused(422)
	unread("4e831610-cb0b-11e4-8830-0800200c9a66").refused(404)
	ann.say(room, "more")
	own := bob.say(room, "bob's own")
	state = bob.states()[room]
	require.Equal(t, own, state["lastRead"])
	require.EqualValues(t, 0, state["unread"])

	read("nothing").refused(422)
	read(nil).refused(422)
	read("4e831610-cb0b-11e4-8830-0800200c9a66").refused(404)
	bob.do("PUT", "/rooms/"+quiet+"/read", map[string]any{"messageId": own}).refused(403)

	for _, muted := range []bool{true, false} {
		bob.do("PUT", "/rooms/"+room+"/mute", map[string]any{"muted": muted}).is(204)
		require.Equal(t, muted, bob.states()[room]["muted"])
		require.Equal(t, false, ann.states()[room]["muted"])
	}
	bob.do("PUT", "/rooms/"+room+"/mute", map[string]any{}).refused(422)
	bob.do("PUT", "/rooms/"+quiet+"/mute", map[string]any{"muted": true}).refused(403)

	bob.do("PUT", "/rooms/"+room+"/mute", map[string]any{"muted": true}).is(204)
	bob.do("DELETE", "/rooms/participant/"+room, nil).is(204)
	require.Empty(t, bob.states())
	ann.say(room, "while bob was out")
	bob.do("PUT", "/rooms/participant/"+room, map[string]any{}).is(204)
	state = bob.states()[room]
	require.EqualValues(t, 0, state["unread"])
	require.Equal(t, false, state["muted"], "who comes back begins anew")
	bob.do("GET", "/users/"+ann.login+"/rooms", nil).refused(403)
}

func TestUnreadIsBounded(t *testing.T) {
	ann, bob := fresh(t, V), fresh(t, V)
	room := ann.room(bob)
	for range 105 {
		ann.say(room, "x")
	}
	require.EqualValues(t, 100, bob.states()[room]["unread"])
}

func TestRoomStatesInPages(t *testing.T) {
	ann := fresh(t, V)
	var rooms []string
	for range 5 {
		rooms = append(rooms, ann.room())
	}
	var got []string
	after := ""
	for {
		page := ann.do("GET", "/users/"+ann.login+"/rooms?fetchSize=2&after="+after, nil).is(200)
		for _, s := range page.list("rooms") {
			after = s.(map[string]any)["roomName"].(string)
			got = append(got, after)
		}
		if page.object()["hasMore"] == false {
			break
		}
	}
	require.ElementsMatch(t, rooms, got)
	require.IsIncreasing(t, got)
	ann.do("GET", "/users/"+ann.login+"/rooms?fetchSize=0", nil).refused(400)
}

func TestAvatar(t *testing.T) {
	ann, bob := fresh(t, V), fresh(t, V)
	path := "/users/" + ann.login + "/avatar"
	ann.do("GET", path, nil).refused(404)
	anonymous(t, V).do("GET", path, nil).refused(401)

	img := image.NewNRGBA(image.Rect(0, 0, 40, 20))
	for x := range 40 {
		for y := range 20 {
			img.SetNRGBA(x, y, color.NRGBA{R: uint8(6 * x), A: 255})
		}
	}
	var asPNG, asJPEG, asGIF bytes.Buffer
	require.NoError(t, png.Encode(&asPNG, img))
	require.NoError(t, jpeg.Encode(&asJPEG, img, nil))
	require.NoError(t, gif.Encode(&asGIF, img, nil))
	etags := map[string]bool{}
	for kind, data := range map[string]string{"image/png": asPNG.String(), "image/jpeg": asJPEG.String(), "image/gif": asGIF.String()} {
		ann.do("PUT", path, data, header("Content-Type", kind)).is(204)
		a := bob.do("GET", path, nil, header("Accept", "image/*")).is(200)
		etag := a.header.Get("ETag")
		require.NotEmpty(t, etag)
		etags[etag] = true
		kept, _, err := image.Decode(strings.NewReader(a.body))
		require.NoError(t, err)
		require.Equal(t, image.Pt(256, 256), kept.Bounds().Size())
		bob.do("GET", path, nil, header("If-None-Match", etag)).is(304)
		require.Empty(t, bob.do("HEAD", path, nil).is(200).body)
	}
	require.Len(t, etags, 3)

	// Answers with people say who has a picture, and another picture has another tag.
	room := ann.room(bob)
	ann.post(room, "hello")
	ann.do("PUT", path, asGIF.String(), header("Content-Type", "image/gif")).is(204)
	tag := ""
	for _, list := range []string{"/users?id=" + ann.login + "," + bob.login, "/messages/" + room, "/rooms/" + room + "/participants", "/search?q=" + ann.login} {
		got := bob.do("GET", list, nil).is(200).object()["avatars"]
		require.Len(t, got, 1, list)
		tags, _ := got.(map[string]any)
		if tag == "" {
			tag, _ = tags[ann.login].(string)
		}
		require.NotEmpty(t, tag, list)
		require.Equal(t, tag, tags[ann.login], list)
	}
	ann.do("PUT", path, asPNG.String(), header("Content-Type", "image/png")).is(204)
	require.NotContains(t, bob.do("GET", "/users?id="+ann.login+","+bob.login, nil).is(200).body, tag)

	put := func(kind, data string) *answer { return ann.do("PUT", path, data, header("Content-Type", kind)) }
	put("image/svg+xml", "<svg/>").refused(415)
	put("application/json", "{}").refused(415)
	put("image/png", "no picture").refused(422)
	put("image/png", asPNG.String()[:60]).refused(422)
	put("image/png", strings.Repeat("x", 1<<20+1)).refused(413)
	// A small file that says it has very many pixels.
	huge := bytes.Clone(asPNG.Bytes())
	copy(huge[16:], []byte{0, 1, 0, 0, 0, 1, 0, 0})
	put("image/png", string(huge)).refused(422)
	bob.do("PUT", path, asPNG.String(), header("Content-Type", "image/png")).refused(403)
	bob.do("DELETE", path, nil).refused(403)
	bob.do("GET", path, nil).is(200)
	for range 2 {
		ann.do("DELETE", path, nil).is(204)
		bob.do("GET", path, nil).refused(404)
	}
	put("image/png", asPNG.String()).is(204)
	ann.do("DELETE", "/users/"+ann.login, nil).is(204)
	bob.do("GET", path, nil).refused(404)
}
