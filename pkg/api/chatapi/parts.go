package chatapi

import (
	"net/http"

	"github.com/confab-chat/confab/pkg/api"
)

// arrayInParts is an answer that is a JSON array, written in parts. Each part is made when the client has received those
// before it, so that a large answer is never held whole.
type arrayInParts struct {
	*mount
	w       http.ResponseWriter
	out     *api.Parts // nil before the first part of several
	parts   int
	written bool // something of an element
}

// write writes a part, which is an array too.
func (a *arrayInParts) write(part []byte, last bool) error {
	if a.parts++; a.parts == 1 {
		if last {
			api.Write(a.w, http.StatusOK, a.contentType(), part)
			return nil
		}
		a.out = api.WriteParts(a.w, a.contentType())
	}
	elements := part[:len(part)-1]
	switch {
	case a.parts == 1:
	case a.written && len(elements) > 1:
		elements[0] = ','
	default:
		elements = elements[1:]
	}
	a.written = a.written || len(part) > len("[]")
	if last {
		elements = append(elements, ']')
	}
	return a.out.Write(elements, last)
}

// end returns the error of the answer, if it can still be answered with it. Otherwise it aborts the connection: the client
// has to see that the answer is not whole.
func (a *arrayInParts) end(r *http.Request, err error) error {
	if err == nil || a.parts == 0 {
		return err
	}
	status, _ := api.StatusOf(err)
	logFailure(a.log, r, status, err)
	panic(http.ErrAbortHandler)
}
