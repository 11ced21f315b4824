package chatapi

import (
	"net/http"

	"github.com/gorilla/mux"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/api/session"
)

// Register adds all three mounts to a router, which has to match encoded paths and leave them as they are.
func (a *API) Register(r *mux.Router) {
	v1 := a.v1()
	v1.register(r.PathPrefix(V1).Subrouter(), v1.v1Routes())
	plain := &mount{API: a, prefix: Killrchat, form: plainForm}
	plain.register(r.PathPrefix(Killrchat).Subrouter(), plain.plainRoutes())
	root := &mount{API: a, form: plainForm}
	root.register(r, root.plainRoutes())
}

// Routes returns the routes of v1 below V1.
func Routes() []api.Route {
	var out []api.Route
	for _, rt := range (&API{}).v1().v1Routes() {
		out = append(out, rt.Route)
	}
	return out
}

func (a *API) v1() *mount { return &mount{API: a, prefix: V1, v1: true, form: isoForm} }

// route is one path of a mount. A mount's are looked through in their order: what is asked for most comes first.
type route struct {
	api.Route
	op op // what it is about, where KillrChat's words depend on it
}

func at(path string, operations api.Operations) route {
	return route{Route: api.Route{Path: path, Operations: operations}}
}

func about(what op, rt route) route {
	rt.op = what
	return rt
}

// does is an operation of the plain mounts, which no description covers.
func does(h api.Handler, who api.Who) api.Operation { return api.Operation{Serve: h, Who: who} }

// posting is does for what a token with the scope to post opens.
func posting(h api.Handler, who api.Who) api.Operation {
	return api.Operation{Serve: h, Who: who, Scope: api.Posts}
}

func (m *mount) plainRoutes() []route {
	posts := api.Operations{"GET": does(m.listMessages, api.Member), "POST": posting(m.post, api.Member)}
	return []route{
		about(opRead, at("/messages/{room}", posts)),
		about(opRead, at("/messages", posts)),
		at("/users", api.Operations{"POST": does(m.signUp, api.Anybody)}),
		at("/users/{login}", api.Operations{"GET": does(m.getUser, api.User)}),
		at("/authenticate", api.Operations{"POST": {Serve: m.authenticate, Who: api.Anybody, Secret: true}}),
		at("/logout", api.Operations{"GET": {Serve: m.logOut, Who: api.Anybody, Acts: true}, "POST": does(m.logOut, api.Anybody)}),
		at("/remember-me", api.Operations{"GET": {Serve: m.rememberMe, Secret: true}}),
		at("/rooms", api.Operations{"GET": does(m.listRooms, api.User)}),
		about(opJoin, at("/rooms/participant", api.Operations{
			"PUT": posting(m.join, api.User), "PATCH": posting(m.leave, api.User), "POST": does(m.createReserved, api.User),
		})),
		about(opJoin, at("/rooms/participant/{room}", api.Operations{"PUT": posting(m.join, api.User), "PATCH": posting(m.leave, api.User)})),
		about(opRead, at("/rooms/{room}", api.Operations{
			"GET": does(m.getRoom, api.User), "POST": does(m.createRoom, api.User), "PATCH": does(m.patchRoom, api.Creator),
		})),
	}
}

// Parameters that several operations read.
var (
	rangeParams = []string{"start", "size", "fetchSize", "after"}
	listParams  = append([]string{"id"}, rangeParams...)
	pageParams  = []string{"fetchSize", "before", "after", "around", "fromMessageId"}
	nextParams  = []string{"fetchSize", "after"}
	loginParams = []string{"j_username", "j_password", "_spring_security_remember_me"}
)

func (m *mount) v1Routes() []route {
	return []route{
		at("/messages/{room}", api.Operations{
			"GET":  {ID: "listMessages", Serve: m.listMessages, Who: api.Member, Query: pageParams, Answers: api.Is(200, 404)},
			"POST": {ID: "postMessage", Serve: m.post, Scope: api.Posts, Who: api.Member, Body: api.JSON, Answers: api.Is(201, 404, 409, 422, 429)},
		}),
		at("/users", api.Operations{
			"GET":  {ID: "listUsers", Serve: m.listUsers, Query: listParams, Cache: api.Revalidate, Answers: api.Is(200, 404, 410)},
			"POST": {ID: "signUp", Serve: m.signUp, Who: api.Anybody, Body: api.JSON, Answers: api.Is(201, 409, 422, 429)},
		}),
		at("/sign-up", api.Operations{
			"GET": {ID: "getSignUp", Serve: m.getSignUp, Who: api.Anybody, Answers: api.Is(200)},
		}),
		at("/users/queries", api.Operations{
			"POST": {ID: "queryUsers", Serve: queries(m.usersOf, m.users), Body: api.JSON, Answers: api.Is(200)},
		}),
		at("/users/{login}", api.Operations{
			"GET":    {ID: "getUser", Serve: m.getUser, Cache: api.Revalidate, Answers: api.Is(200, 404, 410)},
			"PUT":    {ID: "replaceUser", Serve: m.putUser, Who: api.Self, Body: api.JSON, Conditional: true, Answers: api.Is(200, 404, 410, 422, 429)},
			"PATCH":  {ID: "updateUser", Serve: m.patchUser, Who: api.Self, Body: api.MergePatch, Conditional: true, Answers: api.Is(200, 404, 410, 422, 429)},
			"DELETE": {ID: "deleteUser", Serve: m.deleteUser, Scope: api.NoToken, Who: api.Self, Conditional: true, Answers: api.Is(204, 404, 409, 410)},
		}),
		at("/users/{login}/password", api.Operations{
			"PUT": {ID: "changePassword", Serve: m.putPassword, Scope: api.NoToken, Who: api.Self, Body: api.JSON, Answers: api.Is(204, 422, 429)},
		}),
		at("/users/{login}/tokens", api.Operations{
			"GET":  {ID: "listTokens", Serve: m.listTokens, Scope: api.NoToken, Who: api.Self, Answers: api.Is(200)},
			"POST": {ID: "createToken", Serve: m.createToken, Scope: api.NoToken, Who: api.Self, Secret: true, Body: api.JSON, Answers: api.Is(201, 409, 422, 429)},
		}),
		at("/users/{login}/tokens/{token}", api.Operations{
			"GET":    {ID: "getToken", Serve: m.getToken, Scope: api.NoToken, Who: api.Self, Answers: api.Is(200, 404)},
			"DELETE": {ID: "deleteToken", Serve: m.deleteToken, Scope: api.NoToken, Who: api.Self, Answers: api.Is(204, 404)},
		}),
		at("/users/{login}/rooms", api.Operations{
			"GET": {ID: "listRoomStates", Serve: m.listStates, Who: api.Self, Query: nextParams, Answers: api.Is(200)},
		}),
		at("/users/{login}/invitations", api.Operations{
			"GET": {ID: "listRoomInvitations", Serve: m.listInvited, Who: api.Self, Query: []string{"fetchSize", "before"}, Answers: api.Is(200)},
		}),
		at("/users/{login}/invitations/{room}", api.Operations{
			"DELETE": {ID: "declineInvitation", Serve: m.decline, Scope: api.Posts, Who: api.Self, Answers: api.Is(204, 404)},
		}),
		at("/users/{login}/presence", api.Operations{
			"GET": {ID: "getUserPresence", Serve: m.getUserPresence, Answers: api.Is(200, 404, 410)},
		}),
		at("/users/{login}/avatar", api.Operations{
			"GET":    {ID: "getAvatar", Serve: m.getAvatar, Cache: api.ForAMinute, AnyType: true, Answers: api.Is(200, 404)},
			"PUT":    {ID: "putAvatar", Serve: m.putAvatar, Who: api.Self, Body: api.Picture, AnyType: true, Answers: api.Is(204, 404, 410, 422, 429)},
			"DELETE": {ID: "deleteAvatar", Serve: m.deleteAvatar, Who: api.Self, AnyType: true, Answers: api.Is(204, 404, 410, 429)},
		}),
		at("/authenticate", api.Operations{
			"POST": {ID: "logIn", Serve: m.authenticate, Who: api.Anybody, Secret: true, Query: loginParams, Body: api.Credentials, Answers: api.Is(204, 401, 429)},
		}),
		at("/logout", api.Operations{
			"POST": {ID: "logOut", Serve: m.logOut, Who: api.Anybody, Answers: api.Is(200)},
		}),
		at("/remember-me", api.Operations{
			"GET": {ID: "rememberMe", Serve: m.rememberMe, Secret: true, Answers: api.Is(200, 404, 410)},
		}),
		at("/rooms", api.Operations{
			"GET":  {ID: "listRooms", Serve: m.listRooms, Query: listParams, Cache: api.Revalidate, Answers: api.Is(200, 404)},
			"POST": {ID: "createRoom", Serve: m.createRoom, Body: api.JSON, Answers: api.Is(201, 409, 422, 429)},
		}),
		at("/conversations", api.Operations{
			"POST": {ID: "openConversation", Serve: m.openConversation, Scope: api.Posts, Body: api.JSON, Answers: api.Is(200, 201, 404, 410, 422, 429)},
		}),
		at("/rooms/queries", api.Operations{
			"POST": {ID: "queryRooms", Serve: queries(m.roomsOf, m.rooms), Body: api.JSON, Answers: api.Is(200)},
		}),
		at("/rooms/participant/{room}", api.Operations{
			"PUT":    {ID: "join", Serve: m.join, Scope: api.Posts, Body: api.OptionalJSON, Answers: api.Is(204, 404, 409, 429)},
			"PATCH":  {ID: "leaveOrRemove", Serve: m.leave, Scope: api.Posts, Body: api.OptionalJSON, Answers: api.Is(204, 404, 429)},
			"DELETE": {ID: "leave", Serve: m.leaveSelf, Scope: api.Posts, Answers: api.Is(204, 404, 429)},
		}),
		at("/rooms/{room}", api.Operations{
			"GET":    {ID: "getRoom", Serve: m.getRoom, Cache: api.Revalidate, Answers: api.Is(200, 404)},
			"POST":   {ID: "createNamedRoom", Serve: m.createRoom, Body: api.JSON, Answers: api.Is(201, 409, 422, 429)},
			"PUT":    {ID: "putRoom", Serve: m.putRoom, Who: api.Creator, Body: api.JSON, Conditional: true, Answers: api.Is(200, 201, 409, 422, 429)},
			"PATCH":  {ID: "patchRoom", Serve: m.patchRoom, Who: api.Creator, Body: api.MergePatch, Conditional: true, Answers: api.Is(200, 204, 404, 422, 429)},
			"DELETE": {ID: "deleteRoom", Serve: m.deleteRoom, Who: api.Creator, Conditional: true, Answers: api.Is(204, 404)},
		}),
		at("/rooms/{room}/retention", api.Operations{
			"PUT": {ID: "setRetention", Serve: m.putRetention, Who: api.Creator, Body: api.JSON, Answers: api.Is(200, 404, 422, 429)},
		}),
		at("/rooms/{room}/exports", api.Operations{
			"POST": {ID: "exportRoom", Serve: m.requestExport, Who: api.Member, Answers: api.Is(202, 404, 429)},
		}),
		at("/rooms/{room}/files", api.Operations{
			"POST": {ID: "uploadFile", Serve: m.postFile, Scope: api.Posts, Who: api.Member, Body: api.File, Query: []string{"name"}, Answers: api.Is(200, 201, 404, 409, 422, 429)},
			"GET":  {ID: "listFiles", Serve: m.listFiles, Who: api.Member, Query: []string{"before", "limit"}, Answers: api.Is(200, 404)},
		}),
		at("/files/{file}", api.Operations{
			"GET": {ID: "getFile", Serve: m.getFile, AnyType: true, Cache: api.AsServed, Answers: api.Is(200, 206, 304, 404, 416)},
		}),
		at("/files/{file}/thumbnail", api.Operations{
			"GET": {ID: "getThumbnail", Serve: m.getThumbnail, AnyType: true, Cache: api.AsServed, Answers: api.Is(200, 206, 304, 404, 416)},
		}),
		at("/exports/{export}", api.Operations{
			"GET":    {ID: "getExport", Serve: m.getExport, Answers: api.Is(200, 404, 410)},
			"DELETE": {ID: "deleteExport", Serve: m.deleteExport, Answers: api.Is(204, 404, 410)},
		}),
		at("/exports/{export}/messages", api.Operations{
			"GET": {ID: "getExportedMessages", Serve: m.getExported, AnyType: true, Answers: api.Is(200, 404, 410)},
		}),
		at("/rooms/{room}/owner", api.Operations{
			"PUT": {ID: "setOwner", Serve: m.putOwner, Who: api.Creator, Body: api.JSON, Answers: api.Is(200, 404, 409, 422, 429)},
		}),
		at("/rooms/{room}/admins/{login}", api.Operations{
			"PUT":    {ID: "addAdmin", Serve: m.putAdmin, Who: api.Creator, Answers: api.Is(204, 404, 409, 429)},
			"DELETE": {ID: "removeAdmin", Serve: m.deleteAdmin, Who: api.Creator, Answers: api.Is(204, 404, 409, 429)},
		}),
		at("/rooms/{room}/participants/{login}", api.Operations{
			"PUT":    {ID: "addParticipant", Serve: m.putParticipant, Who: api.Creator, Answers: api.Is(204, 404, 409, 410, 429)},
			"DELETE": {ID: "removeParticipant", Serve: m.deleteParticipant, Who: api.Creator, Query: []string{"reason"}, Answers: api.Is(204, 404, 422, 429)},
		}),
		at("/rooms/{room}/participants", api.Operations{
			"GET": {ID: "listParticipants", Serve: m.listParticipants, Query: rangeParams, Answers: api.Is(200, 403, 404)},
		}),
		at("/rooms/{room}/lists/{list}", api.Operations{
			"GET": {ID: "listListed", Serve: m.getListed, Who: api.Creator, Query: nextParams, Answers: api.Is(200, 404)},
		}),
		at("/rooms/{room}/lists/{list}/{login}", api.Operations{
			"PUT":    {ID: "putListed", Serve: m.putListed, Who: api.Creator, Body: api.OptionalJSON, Answers: api.Is(204, 404, 409, 410, 422, 429)},
			"DELETE": {ID: "deleteListed", Serve: m.deleteListed, Who: api.Creator, Answers: api.Is(204, 404, 429)},
		}),
		at("/rooms/{room}/invitations", api.Operations{
			"POST": {ID: "invite", Serve: m.invite, Who: api.Creator, Body: api.JSON, Answers: api.Is(204, 404, 410, 422, 429)},
		}),
		at("/rooms/{room}/request", api.Operations{
			"PUT":    {ID: "askToJoin", Serve: m.ask, Scope: api.Posts, Body: api.OptionalJSON, Answers: api.Is(204, 404, 409, 422, 429)},
			"DELETE": {ID: "takeRequestBack", Serve: m.unask, Scope: api.Posts, Answers: api.Is(204, 404)},
		}),
		at("/rooms/{room}/capabilities", api.Operations{
			"GET": {ID: "getCapabilities", Serve: m.getCapabilities, Answers: api.Is(200, 404)},
		}),
		at("/rooms/{room}/presence", api.Operations{
			"GET": {ID: "getPresence", Serve: m.getPresence, Who: api.Member, Answers: api.Is(200, 404)},
		}),
		at("/rooms/{room}/typing", api.Operations{
			"PUT": {ID: "setTyping", Serve: m.putTyping, Scope: api.Posts, Who: api.Member, Body: api.JSON, Answers: api.Is(204, 404, 422, 429)},
		}),
		at("/rooms/{room}/read", api.Operations{
			"PUT": {ID: "markRead", Serve: m.putRead, Scope: api.Posts, Who: api.Member, Body: api.JSON, Answers: api.Is(204, 404, 422, 429)},
		}),
		at("/rooms/{room}/unread", api.Operations{
			"PUT": {ID: "markUnread", Serve: m.putUnread, Scope: api.Posts, Who: api.Member, Body: api.JSON, Answers: api.Is(204, 404, 422, 429)},
		}),
		at("/rooms/{room}/mute", api.Operations{
			"PUT": {ID: "mute", Serve: m.putMute, Scope: api.Posts, Who: api.Member, Body: api.JSON, Answers: api.Is(204, 404, 422, 429)},
		}),
		at("/search", api.Operations{
			"GET": {ID: "search", Serve: m.search, Query: []string{"q", "fetchSize"}, Answers: api.Is(200)},
		}),
		at("/messages/{room}/queries", api.Operations{
			"POST": {ID: "queryMessages", Serve: m.queryMessages, Who: api.Member, Body: api.JSON, Answers: api.Is(200, 404)},
		}),
		at("/messages/{room}/changes", api.Operations{
			"GET": {ID: "listChanges", Serve: m.listChanges, Who: api.Member, Query: nextParams, Answers: api.Is(200, 404)},
		}),
		at("/messages/{room}/{message}", api.Operations{
			"GET":    {ID: "getMessage", Serve: m.getMessage, Who: api.Member, Answers: api.Is(200, 404)},
			"PATCH":  {ID: "editMessage", Serve: m.editMessage, Scope: api.Posts, Who: api.Author, Body: api.MergePatch, Answers: api.Is(200, 404, 409, 422, 429)},
			"DELETE": {ID: "deleteMessage", Serve: m.deleteMessage, Scope: api.Posts, Who: api.Author, Answers: api.Is(204, 404, 429)},
		}),
		at("/messages/{room}/{message}/reactions/{emoji}", api.Operations{
			"PUT":    {ID: "react", Serve: m.react, Scope: api.Posts, Who: api.Member, Answers: api.Is(200, 404, 409, 422, 429)},
			"DELETE": {ID: "takeReactionBack", Serve: m.unreact, Scope: api.Posts, Who: api.Member, Answers: api.Is(200, 404, 409, 422, 429)},
		}),
	}
}

func (m *mount) register(r *mux.Router, routes []route) {
	for _, rt := range routes {
		r.Handle(rt.Path, &api.Resource{
			Route: rt.Route,
			Guard: m.sessions.Guard,
			Check: m.check,
			Fail:  func(w http.ResponseWriter, r *http.Request, err error) { m.fail(w, r, rt.op, err) },
		})
	}
}

// check refuses what no operation takes: requests of foreign pages, and on v1 what api.CheckGuide refuses.
func (m *mount) check(r *http.Request, op api.Operation) error {
	if err := m.origins.Check(r); err != nil {
		return err
	}
	if err := session.CheckScope(r, op); err != nil {
		return err
	}
	if m.v1 {
		return api.CheckGuide(r, op)
	}
	return nil
}
