package api

import (
	"net/http"
	"slices"
	"strings"
)

// Handler serves one method of a resource. What it returns as an error it has not yet written.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Resource is one path with the methods it supports, and the rules of methods that hold on every
// mount: HEAD wherever there is GET, OPTIONS with Allow for anybody, 405 with Allow for
// known methods that are not supported, 501 for others; TRACE and CONNECT never.
type Resource struct {
	// Methods is keyed by method.
	Methods map[string]Handler
	// Open lists the methods that need no login.
	Open []string
	// Guard lets a request through or refuses it. It runs before everything else but OPTIONS, TRACE, CONNECT
	// and 501, for methods that are not Open. It returns the request to go on with.
	Guard func(w http.ResponseWriter, r *http.Request) (*http.Request, error)
	// Check, if set, refuses requests after Guard: from foreign origins, for unwanted representations.
	Check func(r *http.Request) error
	// Fail writes an error in the dialect's words.
	Fail func(w http.ResponseWriter, r *http.Request, err error)
}

var known = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
	http.MethodDelete, http.MethodOptions, http.MethodTrace, http.MethodConnect}

// AllMethods is the Allow of the server as a whole.
const AllMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

// KnownMethod reports whether the server knows a method; the case counts.
func KnownMethod(m string) bool { return slices.Contains(known, m) }

// ErrNotImplemented is for methods that the server does not know.
func ErrNotImplemented() error {
	return &HTTPError{Status: http.StatusNotImplemented, Message: "the server does not know this method"}
}

// ErrMethod is for known methods that a resource does not support.
func ErrMethod() error {
	return &HTTPError{Status: http.StatusMethodNotAllowed, Message: "this method is not supported here; see the header Allow"}
}

// allow lists what the resource supports, in a stable order.
func (res *Resource) allow() string {
	var out []string
	for _, m := range known {
		_, ok := res.Methods[m]
		if m == http.MethodHead {
			_, ok = res.Methods[http.MethodGet]
		}
		if ok || m == http.MethodOptions {
			out = append(out, m)
		}
	}
	return strings.Join(out, ", ")
}

func (res *Resource) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := res.serve(w, r); err != nil {
		res.Fail(w, r, err)
	}
}

func (res *Resource) serve(w http.ResponseWriter, r *http.Request) error {
	method := r.Method
	switch {
	case !KnownMethod(method):
		return ErrNotImplemented()
	case method == http.MethodOptions:
		w.Header().Set("Allow", res.allow())
		if _, ok := res.Methods[http.MethodPatch]; ok {
			w.Header().Set("Accept-Patch", "application/json")
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	case method == http.MethodTrace || method == http.MethodConnect:
		w.Header().Set("Allow", res.allow())
		return ErrMethod()
	case method == http.MethodHead:
		method = http.MethodGet
	}
	h, ok := res.Methods[method]
	if res.guarded(method, ok) {
		var err error
		if r, err = res.Guard(w, r); err != nil {
			return err
		}
	}
	if !ok {
		w.Header().Set("Allow", res.allow())
		return ErrMethod()
	}
	if res.Check != nil {
		if err := res.Check(r); err != nil {
			return err
		}
	}
	return h(w, r)
}

// guarded says whether a method needs a login; one that is not supported does where any other does.
func (res *Resource) guarded(method string, supported bool) bool {
	if supported {
		return !slices.Contains(res.Open, method)
	}
	return len(res.Open) < len(res.Methods)
}
