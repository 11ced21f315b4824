package api

import (
	"net/http"
	"slices"
	"strings"
)

// Handler serves one method of a resource. What it returns as an error it has not yet written.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Route is one path with what can be done there. Resource serves it, the description of the API is held to it, and
// tests of who may do what go through all of them.
type Route struct {
	// Path may hold variables: "/rooms/{room}".
	Path       string
	Operations Operations
}

// Operations is keyed by method. HEAD follows from GET, and OPTIONS from what there is.
type Operations map[string]Operation

// Is lists statuses for Operation.Answers.
func Is(statuses ...int) []int { return statuses }

// Who says who may call an operation. The domain decides; here it is said for the guard, which lets nobody without a
// login through unless Anybody may call, for the description, and for tests.
type Who int

// Who may call an operation.
const (
	// User is anyone who is logged in. It is the zero value, so that what says nothing is closed.
	User Who = iota
	// Anybody, without a login too.
	Anybody
	// Self is the user whom the path names.
	Self
	// Member is a participant of the room.
	Member
	// Creator is the owner of the room, its creator until they hand it over, or an admin where the domain says so.
	Creator
	// Author is the author of the message, or the creator of its room where the domain says so.
	Author
	// Administrator is a site administrator.
	Administrator
)

// Body says what an operation reads.
type Body int

// Bodies.
const (
	NoBody Body = iota
	// JSON is one JSON object.
	JSON
	// OptionalJSON is a JSON object that may be absent.
	OptionalJSON
	// MergePatch is a JSON Merge Patch (RFC 7396), also sent as application/json.
	MergePatch
	// Credentials is a login: a form, a JSON object, or nothing beside a query.
	Credentials
	// Picture is the bytes of an image.
	Picture
	// File is the bytes of any file, or a form with one.
	File
)

// Cache says what clients and caches may keep of an answer to GET and HEAD. Lists are never kept, also where the thing
// itself is.
type Cache int

// Ways to keep an answer.
const (
	// NoStore forbids to keep it. It is the zero value.
	NoStore Cache = iota
	// Revalidate gives it a strong ETag: a client may keep it and asks each time whether it is still good.
	Revalidate
	// ForAMinute gives it a strong ETag, and a client may use it for a minute without asking.
	ForAMinute
	// AsServed leaves the headers to the handler.
	AsServed
)

// control returns the header Cache-Control.
func (c Cache) control() string {
	switch c {
	case Revalidate:
		return "private, no-cache"
	case ForAMinute:
		return "private, max-age=60"
	default:
		return "no-store"
	}
}

// Operation is one method of a route: what serves it, and what a client has to know of it.
type Operation struct {
	Serve Handler
	// ID is its name in the description of the API; empty where there is none.
	ID  string
	Who Who
	// Scope is what a personal token needs to have.
	Scope Scope
	// Query names the parameters of the query string that it reads.
	Query []string
	Body  Body
	// Answers are the statuses it answers with, but for those that its other members imply; see Route.Statuses.
	Answers []int
	Cache   Cache
	// Conditional says that it takes If-Match and If-None-Match and answers 412.
	Conditional bool
	// Acts marks a GET that has an effect. HEAD does not call it.
	Acts bool
	// Secret says that an answer carries a secret or sets a cookie. It is never compressed.
	Secret bool
	// AnyType says that answers need not be JSON, so that Accept does not count.
	AnyType bool
}

// restricted says that not every user may call the operation.
func (op Operation) restricted() bool { return op.Who != Anybody && op.Who != User }

// Statuses returns every status that a call of the operation of a method may be answered with, ascending; the rules of
// methods and faults of the server (500) are left out.
func (rt Route) Statuses(method string) []int {
	op := rt.Operations[method]
	out := slices.Clone(op.Answers)
	add := func(when bool, statuses ...int) {
		if when {
			out = append(out, statuses...)
		}
	}
	reads := op.Body != NoBody
	add(op.Who != Anybody, http.StatusUnauthorized)
	add(op.restricted() || method != http.MethodGet, http.StatusForbidden) // a foreign origin may change nothing
	add(reads, http.StatusRequestEntityTooLarge)
	add(reads && op.Body != Credentials, http.StatusUnsupportedMediaType)
	add(!op.AnyType, http.StatusNotAcceptable)
	add(op.Cache == Revalidate || op.Cache == ForAMinute, http.StatusNotModified)
	add(op.Conditional, http.StatusPreconditionFailed)
	add(reads || op.Query != nil || strings.Contains(rt.Path, "{"), http.StatusBadRequest)
	add(true, http.StatusServiceUnavailable)
	slices.Sort(out)
	return slices.Compact(out)
}
