package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/api/apitest"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/docs"
	"github.com/confab-chat/confab/pkg/server"
)

// story is the examples of requests in an order in which each can succeed.
var story = strings.Fields(`
	healthz readyz getSignUp signUp/whole signUp/shortest logIn/json logIn/form rememberMe
	listUsers queryUsers/these queryUsers/page getUser replaceUser/profile updateUser/bio updateUser/utc putAvatar getAvatar deleteAvatar
	createRoom/room createRoom/private openConversation/hsue listRooms search queryRooms/these queryRooms/page getRoom setRetention/days join/self leaveOrRemove/remove listParticipants
	addParticipant addAdmin getCapabilities removeAdmin putListed/mute listListed deleteListed removeParticipant invite/hsue listRoomInvitations
	addParticipant setOwner/hsue
	stomp getPresence getUserPresence setTyping/types postMessage/message postMessage/reply uploadFile postMessage/image listFiles getFile getThumbnail postMessage/location getMessage markRead/newest markUnread/first mute/mute listRoomStates
	listMessages queryMessages/around queryMessages/newest react takeReactionBack editMessage/text listChanges deleteMessage exportRoom getExport getExportedMessages deleteExport leave
	askToJoin/note takeRequestBack declineInvitation
	adminCreateUser/maid adminListUsers adminGetUser adminListSessions adminEndSession adminListTokens adminGetToken adminDeleteToken
	adminSetPassword/forgotten adminLogOut adminGrantRole adminGetRoles adminListRoles adminRevokeRole adminUpdateUser/disable adminUpdateUser/enable listEvents
	createBot/weather getBot createBotToken/reader listBotTokens getBotToken deleteBotToken deleteBot
	createInvitation/team listInvitations getInvitation deleteInvitation
	adminListRooms adminGetRoom adminSetRetention/days makeBackup/named adminListFiles findOrphans removeOrphans adminDeleteRoom listSweeps listJobs getJob retryJob eraseUser/keep getErasure
	createNamedRoom/banner deleteRoom putRoom/banner patchRoom/banner patchRoom/announcement patchRoom/delete
	createToken/bot listTokens getToken deleteToken
	changePassword/new logIn/json logOut logIn/json deleteUser`)

// Every example of a request is sent to a server, as the documentation shows it, and answered with a described success.
// Only what the server or a person makes up is replaced: ids, a changed password, and keys that name one message each.
func TestTheExamplesOfRequestsWork(t *testing.T) {
	contract, err := apitest.Load()
	require.NoError(t, err)
	const token = "a token of an administrator"
	h := start(t, open(t), server.Config{Hashes: 1, BackupDir: t.TempDir(), Admin: auth.Admin{Login: "root", Password: "x", Token: token}})
	web := httptest.NewServer(h)
	defer web.Close()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	client := &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}

	all, err := docs.Examples()
	require.NoError(t, err)
	examples := apitest.ByName(all)
	made := apitest.Made{}
	apitest.Tell(t, examples, story, func(name string, e docs.Example) {
		body := []byte(made.Fill(e.Body))
		if e.Picture {
			body = picture(t)
		}
		r, err := http.NewRequestWithContext(t.Context(), e.Method, web.URL+made.Fill(e.Target), bytes.NewReader(body))
		require.NoError(t, err)
		for _, h := range e.Header {
			r.Header.Set(h[0], h[1])
		}
		if key := r.Header.Get("Idempotency-Key"); key != "" {
			r.Header.Set("Idempotency-Key", key+name)
		}
		asks := client
		if e.Login == "bearer" {
			asks = &http.Client{Transport: client.Transport}
			r.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := asks.Do(r)
		require.NoError(t, err, name)
		var answer []byte
		if res.StatusCode != http.StatusSwitchingProtocols {
			answer, err = io.ReadAll(res.Body)
			require.NoError(t, err)
		}
		res.Body.Close()
		require.Less(t, res.StatusCode, 300, "%s: %s", name, answer)
		contract.Check(t, r, body, res.StatusCode, res.Header, answer)

		switch name {
		case "postMessage/message":
			var m struct{ MessageID string }
			require.NoError(t, json.Unmarshal(answer, &m))
			made[exampleOf(t, contract, "Message")["messageId"].(string)] = m.MessageID
		case "uploadFile":
			var f struct{ ID string }
			require.NoError(t, json.Unmarshal(answer, &f))
			made[exampleOf(t, contract, "File")["id"].(string)] = f.ID
		case "createInvitation/team":
			var i struct{ ID string }
			require.NoError(t, json.Unmarshal(answer, &i))
			made[contract.Doc.Components.Parameters["invitation"].Value.Example.(string)] = i.ID
		case "createToken/bot", "createBotToken/reader":
			var made1 struct{ ID string }
			require.NoError(t, json.Unmarshal(answer, &made1))
			made[exampleOf(t, contract, "Token")["id"].(string)] = made1.ID
		case "takeRequestBack":
			invited(t, web.URL, examples["signUp/shortest"].Body, examples["signUp/whole"].Body, "Dallas")
		case "adminCreateUser/maid":
			useAccount(t, web.URL, body)
		case "adminListSessions":
			var all struct{ Sessions []struct{ ID string } }
			require.NoError(t, json.Unmarshal(answer, &all))
			made[contract.Doc.Components.Parameters["device"].Value.Example.(string)] = all.Sessions[0].ID
		case "adminListTokens":
			var all struct{ Tokens []struct{ ID string } }
			require.NoError(t, json.Unmarshal(answer, &all))
			made[exampleOf(t, contract, "AdminToken")["id"].(string)] = all.Tokens[0].ID
		case "exportRoom":
			var e struct{ ID string }
			require.NoError(t, json.Unmarshal(answer, &e))
			made[exampleOf(t, contract, "Export")["id"].(string)] = e.ID
			finished(t, client, web.URL+res.Header.Get("Location"))
		case "listSweeps":
			var all struct{ Sweeps []struct{ ID string } }
			require.NoError(t, json.Unmarshal(answer, &all))
			made[exampleOf(t, contract, "Job")["key"].(string)] = all.Sweeps[0].ID
		case "changePassword/new":
			var b struct{ CurrentPassword, Password string }
			require.NoError(t, json.Unmarshal(body, &b))
			made[b.CurrentPassword] = b.Password
		}
	})
}

// invited has the owner of a room invite somebody; both are the bodies with which they signed up.
func invited(t *testing.T, at, owner, who, room string) {
	var host, guest struct{ Login, Password string }
	require.NoError(t, json.Unmarshal([]byte(owner), &host))
	require.NoError(t, json.Unmarshal([]byte(who), &guest))
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	client := &http.Client{Jar: jar}
	for _, c := range []struct{ path, body string }{
		{"/authenticate", fmt.Sprintf(`{"login":%q,"password":%q}`, host.Login, host.Password)},
		{"/rooms/" + room + "/invitations", fmt.Sprintf(`{"logins":[%q]}`, guest.Login)},
	} {
		res, err := client.Post(at+"/api/chat/v1"+c.path, "application/json", strings.NewReader(c.body))
		require.NoError(t, err)
		res.Body.Close()
		require.Less(t, res.StatusCode, 300)
	}
}

// useAccount logs in with the account that was made, and makes a token.
func useAccount(t *testing.T, at string, account []byte) {
	var who struct{ Login, Password string }
	require.NoError(t, json.Unmarshal(account, &who))
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	client := &http.Client{Jar: jar}
	for _, c := range []struct{ path, body string }{
		{"/authenticate", fmt.Sprintf(`{"login":%q,"password":%q}`, who.Login, who.Password)},
		{"/users/" + who.Login + "/tokens", fmt.Sprintf(`{"name":"x","password":%q}`, who.Password)},
	} {
		res, err := client.Post(at+"/api/chat/v1"+c.path, "application/json", strings.NewReader(c.body))
		require.NoError(t, err)
		res.Body.Close()
		require.Less(t, res.StatusCode, 300)
	}
}

// finished waits until an export is done.
func finished(t *testing.T, client *http.Client, at string) {
	require.Eventually(t, func() bool {
		res, err := client.Get(at)
		if err != nil {
			return false
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		return err == nil && strings.Contains(string(b), `"done"`)
	}, 10*time.Second, 10*time.Millisecond)
}

func exampleOf(t *testing.T, c *apitest.Contract, name string) map[string]any {
	t.Helper()
	x := c.Doc.Components.Examples[name]
	require.NotNil(t, x, name)
	value, ok := x.Value.Value.(map[string]any)
	require.True(t, ok, name)
	return value
}

func picture(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 16, 16))))
	return b.Bytes()
}

// The examples of bodies are valid, every body has one, and what the server answers has no members but those described.
func TestTheExamplesOfBodiesAreValid(t *testing.T) {
	contract, err := apitest.Load()
	require.NoError(t, err)
	for path, item := range contract.Doc.Paths.Map() {
		for method, op := range item.Operations() {
			at := method + " " + path
			if op.RequestBody != nil {
				for kind, media := range op.RequestBody.Value.Content {
					if kind != "*/*" && !strings.HasPrefix(kind, "image/") && !strings.HasPrefix(kind, "multipart/") {
						checkExamples(t, at+" "+kind, media)
					}
				}
			}
			for status, answer := range op.Responses.Map() {
				for kind, media := range answer.Value.Content {
					if !strings.HasPrefix(kind, "image/") && kind != "application/x-ndjson" && kind != "*/*" {
						checkExamples(t, at+" "+status, media)
						checkClosed(t, at+" "+status, media.Schema, map[*openapi3.Schema]bool{})
					}
				}
			}
		}
	}
}

func checkExamples(t *testing.T, what string, media *openapi3.MediaType) {
	t.Helper()
	values := []any{}
	for _, x := range media.Examples {
		values = append(values, x.Value.Value)
	}
	if media.Example != nil {
		values = append(values, media.Example)
	}
	require.NotEmpty(t, values, "%s has no example", what)
	for _, v := range values {
		require.NoError(t, media.Schema.Value.VisitJSON(v, openapi3.EnableFormatValidation()), "%s: the example %v", what, v)
	}
}

func checkClosed(t *testing.T, what string, ref *openapi3.SchemaRef, seen map[*openapi3.Schema]bool) {
	t.Helper()
	if ref == nil || seen[ref.Value] {
		return
	}
	s := ref.Value
	seen[s] = true
	if values := s.AdditionalProperties.Schema; values != nil { // a map: its keys are data
		checkClosed(t, what, values, seen)
	} else if s.Type.Is("object") {
		require.NotNil(t, s.AdditionalProperties.Has, "%s: an object of %s may have any members", what, ref.Ref)
		require.False(t, *s.AdditionalProperties.Has, what)
	}
	for _, p := range s.Properties {
		checkClosed(t, what, p, seen)
	}
	checkClosed(t, what, s.Items, seen)
	for _, p := range append(append(s.OneOf, s.AnyOf...), s.AllOf...) {
		checkClosed(t, what, p, seen)
	}
}

// Problems have one of the codes that the description lists, and it says what each means.
func TestTheCodesOfErrorsAreDescribed(t *testing.T) {
	contract, err := apitest.Load()
	require.NoError(t, err)
	var made []any
	for _, status := range []int{400, 401, 403, 404, 405, 406, 409, 410, 412, 413, 415, 416, 422, 426, 429, 500, 501, 503} {
		made = append(made, api.CodeOf(status))
		require.Contains(t, contract.Doc.Info.Description, fmt.Sprintf("- `%s` (%d)", api.CodeOf(status), status))
	}
	made = append(made, api.InsufficientScope)
	require.ElementsMatch(t, made, contract.Doc.Components.Schemas["Problem"].Value.Properties["code"].Value.Enum)
}

// OPTIONS and 405 say the methods that are described.
func TestAllowIsDescribed(t *testing.T) {
	contract, err := apitest.Load()
	require.NoError(t, err)
	h := start(t, open(t), server.Config{Hashes: 1})
	for path, item := range contract.Doc.Paths.Map() {
		r := ask(h, "OPTIONS", (&url.URL{Path: path}).String(), "")
		require.Equal(t, http.StatusNoContent, r.StatusCode, path)
		want := []string{"OPTIONS"}
		for method := range item.Operations() {
			want = append(want, method)
			if method == "GET" {
				want = append(want, "HEAD")
			}
		}
		require.ElementsMatch(t, want, strings.Split(r.Header.Get("Allow"), ", "), path)
		require.Equal(t, item.Patch != nil, r.Header.Get("Accept-Patch") != "", path)
	}
}
