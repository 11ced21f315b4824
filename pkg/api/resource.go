package api

import (
	"errors"
	"net/http"
	"slices"
	"strings"
)

// Resource serves a Route by the rules of methods that hold on every mount: HEAD wherever there is GET, OPTIONS with
// Allow for anybody, 405 with Allow for known methods that are not supported, 501 for others; TRACE and CONNECT never.
type Resource struct {
	Route
	// Guard lets a request through or refuses it. It runs before everything else but OPTIONS, TRACE, CONNECT
	// and 501, for operations that not Anybody may call. It returns the request to go on with.
	Guard func(w http.ResponseWriter, r *http.Request) (*http.Request, error)
	// Check, if set, refuses requests after Guard: from foreign origins, for unwanted representations.
	Check func(r *http.Request, op Operation) error
	// Fail writes an error in the dialect's words.
	Fail func(w http.ResponseWriter, r *http.Request, err error)
}

var known = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
	http.MethodDelete, http.MethodOptions, http.MethodTrace, http.MethodConnect,
	"QUERY"} // no resource supports it: POST to …/queries is in its place

// AllMethods is the Allow of the server as a whole.
const AllMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

// acceptPatch is the Accept-Patch of everything that has PATCH. Both types mean a JSON Merge Patch (RFC 7396).
const acceptPatch = "application/merge-patch+json, application/json"

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

// Allow lists the methods of a route, HEAD and OPTIONS included, in a stable order.
func (rt Route) Allow() string {
	var out []string
	for _, m := range known {
		_, ok := rt.Operations[m]
		if m == http.MethodHead {
			_, ok = rt.Operations[http.MethodGet]
		}
		if ok || m == http.MethodOptions {
			out = append(out, m)
		}
	}
	return strings.Join(out, ", ")
}

func (res *Resource) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := res.serve(w, r); err != nil {
		if isUnsupportedPatch(r, err) {
			w.Header().Set("Accept-Patch", acceptPatch)
		}
		res.Fail(w, r, err)
	}
}

func isUnsupportedPatch(r *http.Request, err error) bool {
	var h *HTTPError
	return r.Method == http.MethodPatch && errors.As(err, &h) && h.Status == http.StatusUnsupportedMediaType
}

func (res *Resource) serve(w http.ResponseWriter, r *http.Request) error {
	method := r.Method
	switch {
	case !KnownMethod(method):
		return ErrNotImplemented()
	case method == http.MethodOptions:
		w.Header().Set("Allow", res.Allow())
		if _, ok := res.Operations[http.MethodPatch]; ok {
			w.Header().Set("Accept-Patch", acceptPatch)
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	case method == http.MethodTrace || method == http.MethodConnect:
		w.Header().Set("Allow", res.Allow())
		return ErrMethod()
	case method == http.MethodHead:
		method = http.MethodGet
	}
	op, ok := res.Operations[method]
	if op.Cache != AsServed {
		w.Header().Set("Cache-Control", "no-store") // errors too; WriteTagged replaces it
	}
	if res.guarded(op, ok) {
		var err error
		if r, err = res.Guard(w, r); err != nil {
			return err
		}
	}
	if !ok {
		w.Header().Set("Allow", res.Allow())
		return ErrMethod()
	}
	if res.Check != nil {
		if err := res.Check(r, op); err != nil {
			return err
		}
	}
	if op.Acts && r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	return op.Serve(mayCompress(w, r, op), r)
}

// guarded says whether a request needs a login. One of a method that is not supported does, where any other does.
func (res *Resource) guarded(op Operation, supported bool) bool {
	if supported {
		return op.Who != Anybody
	}
	for _, op := range res.Operations {
		if op.Who != Anybody {
			return true
		}
	}
	return false
}
