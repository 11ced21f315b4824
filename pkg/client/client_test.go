package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/client"
)

func TestRoomsAndUsers(t *testing.T) {
	w, ann, bob := begin(t)
	ctx := t.Context()
	for i := range 203 {
		_, err := ann.CreateRoom(ctx, fmt.Sprintf("room-%03d", i), "")
		require.NoError(t, err)
	}
	var names []string
	for r, err := range bob.Rooms(ctx) {
		require.NoError(t, err)
		names = append(names, r.Name)
	}
	require.Len(t, names, 204, "all pages")
	require.IsIncreasing(t, names)
	for range bob.Rooms(ctx) {
		break
	}

	r, err := ann.SetBanner(ctx, room, "Tea and code")
	require.NoError(t, err)
	require.Equal(t, "Tea and code", r.Banner)
	require.Equal(t, "ann", r.Creator.Login)
	require.Len(t, r.Participants, 2)
	require.WithinDuration(t, time.Now(), r.CreatedAt, time.Minute)
	_, err = bob.SetBanner(ctx, room, "mine")
	require.True(t, client.IsForbidden(err), err)

	var logins []string
	for p, err := range bob.Users(ctx) {
		require.NoError(t, err)
		logins = append(logins, p.Login)
	}
	require.Subset(t, logins, []string{"ann", "bob", "operator"})
	u, err := ann.User(ctx, "bob")
	require.NoError(t, err)
	require.Equal(t, []string{room}, u.Rooms)
	_, err = ann.User(ctx, "nobody")
	require.True(t, client.IsNotFound(err), err)

	require.NoError(t, bob.Leave(ctx, room))
	require.NoError(t, bob.Leave(ctx, room))
	_, err = bob.Post(ctx, room, "still here?")
	require.True(t, client.IsForbidden(err), err)
	for p, err := range ann.Participants(ctx, room) {
		require.NoError(t, err)
		require.Equal(t, "ann", p.Login)
	}
	require.NoError(t, ann.DeleteRoom(ctx, room))
	_, err = ann.Room(ctx, room)
	require.True(t, client.IsNotFound(err), err)
	for _, err := range w.client(t).Rooms(ctx) {
		require.True(t, client.IsUnauthenticated(err), err)
	}
}

func TestPagesInBothDirections(t *testing.T) {
	_, ann, bob := begin(t)
	var want []string
	for i := range 405 {
		want = append(want, fmt.Sprint(i))
		post(t, ann, want[i])
	}
	var forward, back []string
	var middle client.ID
	for m, err := range bob.MessagesAfter(t.Context(), room, client.ID{}) {
		require.NoError(t, err)
		if !m.System {
			forward = append(forward, m.Content)
		}
		if m.Content == "200" {
			middle = m.ID
		}
	}
	require.Equal(t, want, forward)
	for m, err := range bob.MessagesBefore(t.Context(), room, client.ID{}) {
		require.NoError(t, err)
		if !m.System {
			back = append([]string{m.Content}, back...)
		}
	}
	require.Equal(t, want, back)
	for m, err := range bob.MessagesAfter(t.Context(), room, middle) {
		require.NoError(t, err)
		require.Equal(t, "201", m.Content)
		break
	}
	for m, err := range bob.MessagesBefore(t.Context(), room, middle) {
		require.NoError(t, err)
		require.Equal(t, "199", m.Content)
		break
	}
}

func TestMessagesOfAKind(t *testing.T) {
	_, ann, bob := begin(t)
	ext := map[string]any{"n": json.Number("12345678901234567890")}
	m, err := ann.Post(t.Context(), room, "", client.As("location", map[string]any{"latitude": 32.5, "longitude": -96, "address": "Dallas"}), client.Ext(ext))
	require.NoError(t, err)
	require.Equal(t, "[location] Dallas", m.Content)
	got, err := bob.Message(t.Context(), room, m.ID)
	require.NoError(t, err)
	require.Equal(t, m, got)
	require.Equal(t, []string{"location", `{"address":"Dallas","latitude":32.5,"longitude":-96}`, `{"n":12345678901234567890}`},
		[]string{got.Kind, string(got.Body), string(got.Ext)})
	for joined, err := range bob.MessagesAfter(t.Context(), room, client.ID{}) {
		require.NoError(t, err)
		require.Equal(t, "notice", joined.Kind)
		require.Contains(t, string(joined.Body), `"type":"joined"`)
		break
	}
}

func TestWhatHappensToAMessage(t *testing.T) {
	_, ann, bob := begin(t)
	ctx := t.Context()
	first := post(t, ann, "first")
	answer := post(t, bob, "second", client.ReplyTo(first.ID))
	require.Equal(t, first.ID, answer.ReplyTo)
	m, err := ann.Edit(ctx, room, first.ID, "first, mended")
	require.NoError(t, err)
	require.False(t, m.EditedAt.IsZero())
	m, err = bob.React(ctx, room, first.ID, "👍", true)
	require.NoError(t, err)
	require.Equal(t, []client.Reaction{{Emoji: "👍", Logins: []string{"bob"}, Count: 1}}, m.Reactions)
	m, err = bob.React(ctx, room, first.ID, "👍", false)
	require.NoError(t, err)
	require.Empty(t, m.Reactions)
	require.NoError(t, bob.DeleteMessage(ctx, room, answer.ID))
	m, err = ann.Message(ctx, room, answer.ID)
	require.NoError(t, err)
	require.True(t, m.Deleted)
	unread := func() int {
		for s, err := range bob.MyRooms(ctx) {
			require.NoError(t, err)
			return s.Unread
		}
		return -1
	}
	third := post(t, ann, "third")
	require.Equal(t, 1, unread())
	require.NoError(t, bob.MarkRead(ctx, room, third.ID))
	require.Zero(t, unread())
}

func TestErrorsSayWhatIsWrong(t *testing.T) {
	w, ann, _ := begin(t)
	_, err := ann.Post(t.Context(), room, "")
	require.True(t, client.IsInvalid(err), err)
	var e *client.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "content", e.Fields[0].Name)
	require.NotEmpty(t, e.Code)
	require.Equal(t, "POST /messages/lounge", e.Request)
	_, err = ann.CreateRoom(t.Context(), room, "")
	require.True(t, client.IsConflict(err), err)

	for _, wrong := range []string{"", "chat.example.org", "ftp://chat.example.org", "https://ann:secret@chat.example.org"} {
		_, err := client.New(wrong)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "secret")
	}
	redirect := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, "https://elsewhere.example/", http.StatusFound)
	})
	w.fault.Store(&redirect)
	_, err = ann.Me(t.Context())
	require.Equal(t, http.StatusFound, client.StatusOf(err), "credentials go to nobody else")
}

// Servers of all versions: 422 with problem details, 400 with fields, and what is no problem object.
func TestErrorsOfAllVersions(t *testing.T) {
	answers := map[string]struct {
		status int
		want   client.Error
		is     func(error) bool
	}{
		`{"title":"Unprocessable Content","status":422,"code":"invalid_content","detail":"mend it","fields":[{"field":"bio","message":"too long"}]}`: {
			422, client.Error{Code: "invalid_content", Message: "mend it", Fields: []client.Field{{Name: "bio", Message: "too long"}}}, client.IsInvalid},
		`{"message":"mend it","fields":[{"field":"bio","message":"too long"}]}`: {
			400, client.Error{Message: "mend it", Fields: []client.Field{{Name: "bio", Message: "too long"}}}, client.IsInvalid},
		`{"title":"Too Many Requests","code":"rate_limited"}`: {429, client.Error{Code: "rate_limited", Message: "Too Many Requests", RetryAfter: 7 * time.Second}, client.IsTemporary},
		`<html>`: {502, client.Error{Message: "this is not a confab server, or not its address", RetryAfter: 7 * time.Second}, client.IsTemporary},
	}
	for body, a := range answers {
		c, err := client.New("http://chat.example", client.WithRetryFor(0), client.WithHTTPClient(&http.Client{Transport: tripper(
			func(r *http.Request) (*http.Response, error) {
				return respond(r, a.status, body, "Retry-After", "7"), nil
			})}))
		require.NoError(t, err)
		_, err = c.Me(t.Context())
		var e *client.Error
		require.ErrorAs(t, err, &e)
		require.True(t, a.is(err), err)
		require.Equal(t, a.want.Code, e.Code)
		require.Equal(t, a.want.Message, e.Message)
		require.Equal(t, a.want.Fields, e.Fields)
		require.Equal(t, 7*time.Second, e.RetryAfter)
	}
}

func respond(r *http.Request, status int, body string, header ...string) *http.Response {
	resp := &http.Response{StatusCode: status, Request: r, Header: http.Header{}, Body: http.NoBody}
	if body != "" {
		resp.Body = readCloser{strings.NewReader(body)}
	}
	for i := 0; i < len(header); i += 2 {
		resp.Header.Set(header[i], header[i+1])
	}
	return resp
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

// losing returns ann's client, which loses the answers of the first requests of a kind, and how many of it were sent.
func losing(t *testing.T, w *world, first int32, kind func(*http.Request) bool) (*client.Client, *atomic.Int32) {
	t.Helper()
	var sent atomic.Int32
	return w.client(t, client.WithPassword("ann", password), client.WithHTTPClient(&http.Client{Transport: tripper(
		func(r *http.Request) (*http.Response, error) {
			resp, err := http.DefaultTransport.RoundTrip(r)
			if err == nil && kind(r) && sent.Add(1) <= first {
				discard(resp)
				return nil, errors.New("the cable was pulled")
			}
			return resp, err
		})})), &sent
}

func TestAPostWhoseAnswerWasLostIsOneMessage(t *testing.T) {
	w, ann, _ := begin(t)
	c, sent := losing(t, w, 2, func(r *http.Request) bool { return r.Method == "POST" && strings.Contains(r.URL.Path, "/messages/") })
	m := post(t, c, "only once")
	require.EqualValues(t, 3, sent.Load())
	var there []client.ID
	for m, err := range ann.MessagesAfter(t.Context(), room, client.ID{}) {
		require.NoError(t, err)
		if m.Content == "only once" {
			there = append(there, m.ID)
		}
	}
	require.Equal(t, []client.ID{m.ID}, there)
}

func TestAKeyIsGoodInSeveralPrograms(t *testing.T) {
	w, ann, _ := begin(t)
	m := post(t, ann, "by a key", client.Key("k"))
	another := w.client(t, client.WithPassword("ann", password))
	require.Equal(t, m.ID, post(t, another, "by a key", client.Key("k")).ID)
	_, err := another.Post(t.Context(), room, "something else", client.Key("k"))
	require.True(t, client.IsConflict(err), err)
}

func TestADeletionWhoseAnswerWasLostIsDone(t *testing.T) {
	w, ann, _ := begin(t)
	c, sent := losing(t, w, 1, func(r *http.Request) bool { return r.Method == "DELETE" })
	require.NoError(t, c.DeleteRoom(t.Context(), room))
	require.EqualValues(t, 2, sent.Load())
	require.True(t, client.IsNotFound(ann.DeleteRoom(t.Context(), room)), "the first try tells the truth")
}

func TestASessionThatEndedIsRenewed(t *testing.T) {
	_, ann, bob := begin(t)
	live, s := subscribed(t, bob)
	n := live.Notices()
	connected(t, n)
	// Behind the client's back: it still has the cookie.
	require.NoError(t, bob.Call(t.Context(), "POST", "/logout", nil, nil))
	me, err := bob.Me(t.Context())
	require.NoError(t, err)
	require.Equal(t, "bob", me.Login)
	connected(t, n) // the socket of the ended session was closed
	post(t, ann, "hello")
	require.Equal(t, "hello", next(t, s).Message.Content)

	require.NoError(t, bob.LogOut(t.Context()))
	_, err = bob.Me(t.Context())
	require.NoError(t, err)
}

func TestWrongCredentialsAreFinal(t *testing.T) {
	w, _, _ := begin(t)
	for _, c := range []*client.Client{w.client(t, client.WithPassword("ann", "wrong")), w.client(t, client.WithToken("wrong")), w.client(t)} {
		_, err := c.Me(t.Context())
		require.True(t, client.IsUnauthenticated(err), err)
		live := c.Live()
		n := live.Notices()
		_, err = n.Next(t.Context())
		require.True(t, client.IsUnauthenticated(err), err)
		live.Close()
	}
	_, err := client.New(w.url, client.WithToken("x"), client.WithPassword("ann", "y"))
	require.Error(t, err)
}

func TestToken(t *testing.T) {
	w, ann, _ := begin(t)
	c := w.client(t, client.WithToken(token))
	me, err := c.Me(t.Context())
	require.NoError(t, err)
	require.Equal(t, "operator", me.Login)
	require.NoError(t, c.Join(t.Context(), room))
	_, s := subscribed(t, c)
	post(t, ann, "hello")
	require.Equal(t, "hello", next(t, s).Message.Content)
	var rooms struct{ Rooms []struct{ Name string } }
	require.NoError(t, c.Call(t.Context(), "GET", "/admin/rooms", nil, &rooms))
	require.Equal(t, room, rooms.Rooms[0].Name)
}

// In a bubble the clock goes on when everybody waits.
func TestRetriesWaitAsTheServerAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, tries := time.Now(), 0
		var at []time.Duration
		c, err := client.New("http://chat.example", client.WithToken("x"), client.WithHTTPClient(&http.Client{Transport: tripper(
			func(r *http.Request) (*http.Response, error) {
				at = append(at, time.Since(begun))
				if tries++; tries == 3 {
					return respond(r, 200, `{"login":"ann"}`), nil
				}
				return respond(r, 503, `{"message":"away"}`, "Retry-After", "7"), nil
			})}))
		require.NoError(t, err)
		_, err = c.Me(t.Context())
		require.NoError(t, err)
		require.Len(t, at, 3)
		require.GreaterOrEqual(t, at[1], 7*time.Second)
		require.GreaterOrEqual(t, at[2], 14*time.Second)

		// What may not be repeated is not, and nothing is repeated for ever.
		tries = 5
		_, err = c.CreateRoom(t.Context(), room, "")
		require.True(t, client.IsTemporary(err), err)
		require.Equal(t, 6, tries)
		before := time.Now()
		_, err = c.Me(t.Context())
		require.Equal(t, 503, client.StatusOf(err))
		require.Equal(t, 7*time.Second, client.RetryAfter(err))
		require.LessOrEqual(t, time.Since(before), time.Minute)
		require.Greater(t, tries, 8)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = c.Me(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestPrivateRoomsAndConversations(t *testing.T) {
	_, ann, bob := begin(t)
	ctx := t.Context()
	talk, err := ann.Converse(ctx, "bob")
	require.NoError(t, err)
	require.Equal(t, client.DirectRoom, talk.Kind)
	require.Len(t, talk.Between, 2)
	same, err := bob.Converse(ctx, "ann")
	require.NoError(t, err)
	require.Equal(t, talk, same)

	tea, err := ann.CreatePrivateRoom(ctx, client.NewPrivateRoom{Title: "Tea", Description: "Us"})
	require.NoError(t, err)
	require.Equal(t, []any{client.PrivateRoom, "Tea", "Us", "ann"}, []any{tea.Kind, tea.Title, tea.Description, tea.Owner})
	_, err = bob.Room(ctx, tea.Name)
	require.True(t, client.IsNotFound(err), err)
	require.NoError(t, ann.Add(ctx, tea.Name, "bob"))
	require.NoError(t, ann.SetAdmin(ctx, tea.Name, "bob", true))
	tea, err = bob.ChangeRoom(ctx, tea.Name, client.RoomChange{Announcement: new("On Friday"), Silent: new(true), Description: new("")})
	require.NoError(t, err)
	require.Equal(t, []any{"Tea", "", "On Friday", true, []string{"bob"}}, []any{tea.Title, tea.Description, tea.Announcement, tea.Silent, tea.Admins})
	require.NoError(t, ann.SetAdmin(ctx, tea.Name, "bob", false))
	may, err := bob.Capabilities(ctx, tea.Name)
	require.NoError(t, err)
	require.Contains(t, may, "take part")
	require.NotContains(t, may, "post a message")
	tea, err = ann.HandOver(ctx, tea.Name, "bob")
	require.NoError(t, err)
	require.Equal(t, "bob", tea.Owner)
	require.NoError(t, bob.Remove(ctx, tea.Name, "ann"))
	var kinds []client.RoomKind
	for s, err := range bob.MyRooms(ctx) {
		require.NoError(t, err)
		kinds = append(kinds, s.Kind)
	}
	require.ElementsMatch(t, []client.RoomKind{client.OpenRoom, client.DirectRoom, client.PrivateRoom}, kinds)
}
