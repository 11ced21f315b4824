package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// CheckGuide refuses what the mounts that follow the design guide do not take: matrix parameters, and answers of
// another type than the operation has.
func CheckGuide(r *http.Request, op Operation) error {
	if err := CheckMatrix(r); err != nil || op.AnyType {
		return err
	}
	return CheckAccept(r)
}

// CheckAccept refuses a request that does not take JSON as an answer.
func CheckAccept(r *http.Request) error {
	if !AcceptsJSON(r) {
		return &HTTPError{Status: http.StatusNotAcceptable, Message: "answers come as application/json only"}
	}
	return nil
}

// AcceptsJSON reports whether a request takes application/json as an answer.
func AcceptsJSON(r *http.Request) bool {
	return takesOneOf(r, "application/json", "application/problem+json")
}

// AcceptsType reports whether a request takes a type as an answer, or bytes of any kind.
func AcceptsType(r *http.Request, mediaType string) bool {
	return takesOneOf(r, mediaType) || takesOneOf(r, octets)
}

// takesOneOf reports whether a request takes one of some types of the same family as an answer (RFC 9110, 12.5.1): the most
// specific range that fits decides, and it may not have q=0.
func takesOneOf(r *http.Request, types ...string) bool {
	family, _, _ := strings.Cut(types[0], "/")
	values := r.Header.Values("Accept")
	if strings.TrimSpace(strings.Join(values, "")) == "" {
		return true
	}
	best, quality := 0, 0.0
	for _, part := range strings.Split(strings.Join(values, ","), ",") {
		kind, params, _ := strings.Cut(part, ";")
		rank := 0
		switch kind = strings.ToLower(strings.TrimSpace(kind)); {
		case kind == "*/*":
			rank = 1
		case kind == family+"/*":
			rank = 2
		case slices.Contains(types, kind):
			rank = 3
		}
		if rank == 0 || rank < best {
			continue
		}
		q := weight(params)
		if rank > best {
			best, quality = rank, q
		} else {
			quality = max(quality, q)
		}
	}
	return best > 0 && quality > 0
}

// weight returns the q of a media range's parameters; 1 when there is none.
func weight(params string) float64 {
	for _, p := range strings.Split(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || q < 0 || q > 1 {
			return 1
		}
		return q
	}
	return 1
}
