package api

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"strings"

	"github.com/confab-chat/confab/pkg/chat"
)

const (
	// uploadSlack is how much a body may have beside the file: boundaries, headers and small parts.
	uploadSlack = 1 << 20
	// mostDrained is how long a body may be that is refused and read to its end all the same: many clients read no answer before
	// they have sent everything, and would only see that the connection is cut.
	mostDrained = 128 << 20
	// maxParts and maxPart bound the small parts of a form, and each of them.
	maxParts = 32
	maxPart  = 4 << 10
)

// Upload is the file in a request's body, read as it comes: the file of a form (the part "file"), or the body itself.
type Upload struct {
	io.Reader
	Name  string // as the client says; may be empty
	Bytes int64  // -1 if that is not known yet
	// Fields are the small parts of a form that were read so far.
	Fields map[string]string

	form *multipart.Reader
	seen int
}

// ReadUpload begins to read the file of a request, at most about that many bytes. The client may send it for as long as it
// keeps coming. Errors of it and of its Reader are those of this package, and chat.Unavailable if too much is being received
// already: 413 for a body that says, or turns out, to be longer, 400 for a form without the file and a body that stops.
func ReadUpload(w http.ResponseWriter, r *http.Request, most int64) (*Upload, error) {
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return nil, unsupported("send the body without a Content-Encoding")
	}
	if s, ok := r.Body.(interface{ Stream() error }); ok {
		if err := s.Stream(); err != nil {
			return nil, err
		}
	}
	if r.ContentLength > most+uploadSlack {
		if r.ContentLength <= mostDrained {
			_, _ = io.Copy(io.Discard, r.Body)
		}
		w.Header().Set("Connection", "close") // net/http would wait for more of the body before it answers
		return nil, &http.MaxBytesError{Limit: most}
	}
	r.Body = http.MaxBytesReader(w, r.Body, most+uploadSlack)
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		u := &Upload{Reader: received{r.Body}, Bytes: r.ContentLength, Name: fileName(r)}
		return u, nil
	}
	if params["boundary"] == "" {
		return nil, Malformed("the header Content-Type of a form has to name its boundary")
	}
	u := &Upload{Bytes: -1, Fields: map[string]string{}, form: multipart.NewReader(r.Body, params["boundary"])}
	part, err := u.next()
	if err == nil && part == nil {
		err = Malformed(`the form has no part "file" that is a file`)
	}
	if err != nil {
		return nil, err
	}
	u.Reader, u.Name = received{part}, part.FileName()
	return u, nil
}

// Drain reads what is left of a body whose file was refused; see mostDrained. ReadUpload bounds it.
func Drain(r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }

// next returns the next part that is the file, and keeps the small parts before it; nil if there is none.
func (u *Upload) next() (*multipart.Part, error) {
	for {
		part, err := u.form.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return nil, bodyFault(err)
		}
		if u.seen++; u.seen > maxParts {
			return nil, Malformed("the form has more than %d parts", maxParts)
		}
		if part.FormName() == "file" {
			return part, nil
		}
		text, err := io.ReadAll(io.LimitReader(part, maxPart))
		if err != nil {
			return nil, bodyFault(err)
		}
		u.Fields[part.FormName()] = string(text)
	}
}

// Rest reads the small parts after the file, which has been read.
func (u *Upload) Rest() error {
	if u.form == nil {
		return nil
	}
	for {
		if part, err := u.next(); part == nil || err != nil {
			return err
		}
	}
}

// fileName returns the name of a file that is sent as it is.
func fileName(r *http.Request) string {
	if _, params, err := mime.ParseMediaType(r.Header.Get("Content-Disposition")); err == nil && params["filename"] != "" {
		return params["filename"]
	}
	return r.URL.Query().Get("name")
}

// received has the errors of this package.
type received struct{ io.Reader }

func (r received) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // io.Reader returns it as it is
		err = bodyFault(err)
	}
	return n, err
}

func bodyFault(err error) error {
	var tooLong *http.MaxBytesError
	var busy *chat.Error
	if errors.As(err, &tooLong) || errors.As(err, &busy) {
		return err
	}
	said := "the body could not be read to its end"
	if errors.Is(err, os.ErrDeadlineExceeded) {
		said = "the body stopped: nothing more of it came for half a minute"
	}
	return &HTTPError{Status: http.StatusBadRequest, Message: said, Cause: err}
}
