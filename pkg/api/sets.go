package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// MaxSet bounds how many things one request may name.
const MaxSet = 1000

// Set is what a path segment or the parameter id names: one thing, or several.
type Set struct {
	Names []string
	// One says that a single name was given, which means the thing itself and not a list of one.
	One bool
}

// ParseSet reads a decoded path segment, or the values of the parameter id: "a" is one thing, "a,b" several in that
// order, "a;b" several in any; several values are an ordered set. 400 for both separators, and as ListSet.
func ParseSet(values ...string) (Set, error) {
	all := strings.Join(values, ",")
	comma, semicolon := strings.Contains(all, ","), strings.Contains(all, ";")
	if comma && semicolon {
		return Set{}, Malformed("separate names by , or by ;, not by both")
	}
	s := Set{Names: strings.Split(strings.ReplaceAll(all, ";", ","), ","), One: !comma && !semicolon}
	return s, s.check()
}

// ListSet returns the ordered set of names. 400 if one is empty, or if there are more than MaxSet.
func ListSet(names []string) (Set, error) {
	s := Set{Names: names}
	return s, s.check()
}

func (s Set) check() error {
	if slices.Contains(s.Names, "") {
		return Malformed("a name is empty")
	}
	if len(s.Names) > MaxSet {
		return Malformed("one request may name at most %d", MaxSet)
	}
	return nil
}

// CheckMatrix returns the error 400 if a segment of the path has a matrix parameter (";name=value"): no resource
// defines any, and to drop one silently would answer something else than was asked for.
func CheckMatrix(r *http.Request) error {
	if !strings.Contains(r.URL.Path, ";") { // decoded, so that %3B is one too
		return nil
	}
	for segment := range strings.SplitSeq(r.URL.EscapedPath(), "/") {
		if s, err := url.PathUnescape(segment); err == nil {
			segment = s
		}
		if _, param, ok := strings.Cut(segment, ";"); ok && strings.Contains(param, "=") {
			return Malformed("there are no matrix parameters here: give parameters in the query string")
		}
	}
	return nil
}

// Semicolons makes ";" in a query string an ordinary character, as it is for the standard of URLs; net/url refuses it.
func Semicolons(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.RawQuery, ";") {
			r.URL.RawQuery = strings.ReplaceAll(r.URL.RawQuery, ";", "%3B")
		}
		next.ServeHTTP(w, r)
	})
}
