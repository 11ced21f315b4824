package easemob_test

import (
	"bytes"
	"encoding/json"
	"image"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/api/apitest"
	"github.com/confab-chat/confab/pkg/docs"
)

// story is the examples of requests in an order in which each can succeed.
var story = strings.Fields(`
	logInAdministrator/server createOrganization/acme listOrganizations logInAdministrator/organization getOrganization
	createAdministrator/second listAdministrators setAdministratorPassword/new deleteAdministrator
	createApp/shop listApps getApp setApp/shorter getCredentials renewCredentials getToken/app
	registerUsers/one registerUsers/several getToken/password getToken/inherit listUsers getUser changeUser/nickname getStatus getStatuses/two
	addContact listContacts setRemark/remark removeContact addBlocks/one listBlocks removeBlock
	mute/hour listMutes getMutes mute/ended setNotification/night getNotification
	setMetadata/form setMetadata/object getMetadata getMetadataOfUsers/moods getMetadataSize deleteMetadata
	createGroup/team listGroups getGroups changeGroup/name listJoinedGroups listGroupMembers isInGroup addGroupMember addGroupMembers/two
	addGroupAdministrator/bob listGroupAdministrators removeGroupAdministrator muteInGroup/hour listGroupMutes unmuteInGroup
	addToGroupWhiteList/one putOnGroupWhiteList listGroupWhiteList banGroup unbanGroup takeOffGroupWhiteList removeGroupMembers
	addToGroupBlocks/one putOnGroupBlocks listGroupBlocks takeOffGroupBlocks setGroupAnnouncement/text replaceGroupAnnouncement/text getGroupAnnouncement
	disableGroup enableGroup
	createRoom/sale listRooms getRooms changeRoom/name listJoinedRooms listRoomMembers isInRoom addRoomMember addRoomMembers/two
	addSuperAdministrator/ann listSuperAdministrators removeSuperAdministrator
	addRoomAdministrator/bob listRoomAdministrators removeRoomAdministrator muteInRoom/hour listRoomMutes unmuteInRoom
	addToRoomWhiteList/one putOnRoomWhiteList listRoomWhiteList banRoom unbanRoom takeOffRoomWhiteList removeRoomMembers
	addToRoomBlocks/one putOnRoomBlocks listRoomBlocks takeOffRoomBlocks setRoomAnnouncement/text replaceRoomAnnouncement/text getRoomAnnouncement
	disableRoom enableRoom
	setRoomMetadata/song getRoomMetadata/one deleteRoomMetadata/song forceRoomMetadata/song forceDeleteRoomMetadata/song
	addRule/messages listRules getRule setRule/more renewRuleSecret
	sendToUsers/picture sendToUsers/place sendToUsers/command sendToUsers/custom sendInTheOldWay/text sendToUsers/text
	sendToGroups/text sendInGroups/text sendToRooms/text sendInRooms/text rewriteMessage/text countWaiting isDelivered openStream listSessions
	acknowledge/one recallMessage/one recallMessages/several listHistory importToUser/text importToGroup/text linkHour readHour
	listDeadLetters countDeadLetters retryDeadLetters/date listDeadLetters retryDeadLetters/ids deleteRule
	uploadFile getFile removeChannel/bob disconnectDevice endSession disconnectUser endSessions
	changeGroup/handOver changeRoom/handOver deleteGroup deleteRoom setPassword/new deactivateUser activateUser deleteUser deleteUsers
	deleteApp deleteOrganization listDeletions`)

// Every example of a request is sent to a server as the documentation shows it, and succeeds. Only what the server makes up is
// replaced: ids and secrets, the time of a message of the past, and where a callback goes.
func TestTheExamplesOfRequestsWork(t *testing.T) {
	w, _ := serve(t, openStore(t), config())
	all, err := docs.PlatformExamples()
	require.NoError(t, err)
	c, err := contract()
	require.NoError(t, err)
	exampleOf := func(parameter string) string { return c.Doc.Components.Parameters[parameter].Value.Example.(string) }
	receiver, told := w.receiver(http.StatusGone) // so that an event is a dead letter at once
	past := time.Now().UTC().Add(-2 * time.Hour)
	made := apitest.Made{
		"administrator\"": adminLogin + "\"", "change-this-password": adminPassword, "https://acme.example/events": receiver,
		"1769901000000": strconv.FormatInt(past.UnixMilli(), 10), exampleOf("hour"): past.Format("2006010215"),
	}
	tokens := map[string]string{} // by who calls
	apitest.Tell(t, apitest.ByName(all), story, func(name string, e docs.Example) {
		if strings.HasSuffix(name, "DeadLetters") || name == "retryDeadLetters/date" || name == "retryDeadLetters/ids" {
			w.awaitDeadLetters(tokens["app"])
		}
		body := []byte(made.Fill(e.Body))
		r, err := http.NewRequestWithContext(t.Context(), e.Method, w.web.URL+made.Fill(e.Target), bytes.NewReader(body))
		require.NoError(t, err)
		for _, h := range e.Header {
			r.Header.Set(h[0], made.Fill(h[1]))
		}
		if e.Form {
			form(t, r)
		}
		if e.Login == "bearer" {
			token := tokens[e.Caller]
			require.NotEmpty(t, token, name)
			r.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := w.http.Do(r)
		require.NoError(t, err, name)
		if name == "openStream" {
			require.Equal(t, http.StatusOK, res.StatusCode)
			t.Cleanup(func() { res.Body.Close() })
			return
		}
		text, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusOK, res.StatusCode, "%s: %s", name, text)

		out := object{}
		if res.Header.Get("Content-Type") == "application/json" {
			require.NoError(t, json.Unmarshal(text, &out), name)
		}
		data, _ := out["data"].(object)
		switch name {
		case "logInAdministrator/server":
			tokens["server"] = out["access_token"].(string)
		case "logInAdministrator/organization":
			tokens["organization"] = out["access_token"].(string)
		case "createAdministrator/second":
			tokens["administrator"] = w.logIn("deputy", "secret-2")
		case "getCredentials", "renewCredentials":
			now := out["credentials"].(object)
			made["YXA6Jd7nRlCWEeaMVa9eUDAKGw"], made["YXA6vXdqLuqdNvOZBlHFS8FWhX9o"] = now["client_id"].(string), now["client_secret"].(string)
		case "getToken/app":
			for _, who := range []string{"app", "user", "member"} {
				tokens[who] = out["access_token"].(string)
			}
		case "getToken/password":
			tokens["self"] = out["access_token"].(string)
		case "createGroup/team":
			made[exampleOf("group")] = data["groupid"].(string)
		case "createRoom/sale":
			made[exampleOf("room")] = data["id"].(string)
		case "addRule/messages":
			made[exampleOf("rule")] = data["id"].(string)
		case "sendToUsers/text":
			made[exampleOf("message")] = data["bob"].(string)
			told()
		case "linkHour":
			url := out["data"].([]any)[0].(object)["url"].(string)
			made[exampleOf("link")] = url[strings.LastIndex(url, "/")+1:]
		case "listDeadLetters":
			made["7d1a4c20-cb0b-11e4-8b87-5dc4b2b4a1a2"] = out["data"].([]any)[0].(object)["id"].(string)
		case "countDeadLetters":
			made["202602011250"] = out["data"].([]any)[0].(object)["date"].(string)
		case "uploadFile":
			file := out["entities"].([]any)[0].(object)
			made[exampleOf("file")], made["SECRET"] = file["uuid"].(string), file["share-secret"].(string)
		}
	})
}

// awaitDeadLetters waits until there is one.
func (w *world) awaitDeadLetters(token string) {
	w.Helper()
	require.Eventually(w, func() bool {
		return len(w.ok("GET", "/acme/shop/callbacks/storage", token, nil)["data"].([]any)) > 0
	}, 30*time.Second, 10*time.Millisecond)
}

// form makes a request one that uploads a picture.
func form(t *testing.T, r *http.Request) {
	t.Helper()
	var body, picture bytes.Buffer
	require.NoError(t, png.Encode(&picture, image.NewRGBA(image.Rect(0, 0, 16, 16))))
	w := multipart.NewWriter(&body)
	part, err := w.CreateFormFile("file", "picture.png")
	require.NoError(t, err)
	_, err = part.Write(picture.Bytes())
	require.NoError(t, err)
	require.NoError(t, w.Close())
	r.Body, r.ContentLength = io.NopCloser(&body), int64(body.Len())
	r.Header.Set("Content-Type", w.FormDataContentType())
}
