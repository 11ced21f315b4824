package api

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/gorilla/mux"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/limit"
)

// MaxBody is the greatest request body that is read, in bytes. It leaves room for the largest message with
// every character escaped.
const MaxBody = 1 << 20

// LimitBody makes reading the body fail after max bytes, which is less than MaxBody. 413 if it is known to be longer.
func LimitBody(w http.ResponseWriter, r *http.Request, max int64) error {
	if r.ContentLength > max {
		return &http.MaxBytesError{Limit: max}
	}
	r.Body = http.MaxBytesReader(w, r.Body, max)
	return nil
}

// ReadBody returns the whole body: 413 when it is longer than MaxBody, and the errors of the domain that reading returns.
func ReadBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	var tooLong *http.MaxBytesError
	var busy *chat.Error // from whoever bounds the bodies of all requests
	if err != nil && !errors.As(err, &tooLong) && !errors.As(err, &busy) {
		return nil, &HTTPError{Status: http.StatusBadRequest, Message: "the body could not be read to its end", Cause: err}
	}
	return body, err
}

// ReadJSON decodes the body, one JSON object, into v. Unknown members are ignored. 415 for another content type; 400 for
// anything that is not well-formed, a wrong type, broken UTF-8 or an object with the same name twice in it included: readers
// disagree about which of two members counts (RFC 8259, section 4). 413 when it is too long.
func ReadJSON(w http.ResponseWriter, r *http.Request, v any) error {
	if err := checkJSON(r); err != nil {
		return err
	}
	body, err := ReadBody(w, r)
	if err != nil {
		return err
	}
	return DecodeJSON(body, v)
}

// ReadOptionalJSON is ReadJSON where the body may be absent; v is then left alone.
func ReadOptionalJSON(w http.ResponseWriter, r *http.Request, v any) error {
	if r.ContentLength == 0 {
		return nil
	}
	return ReadJSON(w, r, v)
}

// DecodeJSON decodes one JSON object; see ReadJSON.
func DecodeJSON(body []byte, v any) error {
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return Malformed("the body has to be a JSON object")
	}
	return decode(body, v)
}

// DecodeList decodes one JSON array into a slice; see ReadJSON.
func DecodeList[T any](body []byte, v *[]T) error { return decode(body, v) }

func decode(body []byte, v any) error {
	if err := json.Unmarshal(body, v); err != nil {
		return &HTTPError{Status: http.StatusBadRequest, Message: "the body is not the JSON that is expected here" + decodeFault(err), Cause: err}
	}
	return nil
}

// checkJSON returns the error 415 for a body that is not JSON, or coded in a way that is not read.
func checkJSON(r *http.Request) error {
	wanted := "application/json"
	if r.Method == http.MethodPatch {
		wanted = "application/merge-patch+json or application/json"
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset, coding := params["charset"], r.Header.Get("Content-Encoding")
	switch {
	case !isJSON(kind, err):
		return unsupported("send the body as " + wanted)
	case charset != "" && !strings.EqualFold(charset, "utf-8"):
		return unsupported("send the body in UTF-8")
	case coding != "" && !strings.EqualFold(coding, "identity"):
		return unsupported("send the body without a Content-Encoding")
	}
	return nil
}

func unsupported(message string) error {
	return &HTTPError{Status: http.StatusUnsupportedMediaType, Message: message}
}

func isJSON(kind string, err error) bool {
	return err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json") && kind != "application/json-patch+json")
}

// Variable returns a variable of the path, percent-decoded; empty if the path has none of that name.
func Variable(r *http.Request, name string) string {
	raw := mux.Vars(r)[name]
	if s, err := url.PathUnescape(raw); err == nil {
		return s
	}
	return raw
}

// Query returns the parameters of the query string: 400 when it is malformed.
func Query(r *http.Request) (url.Values, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, Malformed("the query string is malformed")
	}
	return q, nil
}

// Int returns a whole-number parameter, or def when it is absent; 400 when it is none.
func Int(q url.Values, name string, def int) (int, error) {
	if !q.Has(name) {
		return def, nil
	}
	n, err := strconv.Atoi(q.Get(name))
	if err != nil {
		if errors.Is(err, strconv.ErrRange) && !strings.HasPrefix(q.Get(name), "-") {
			return int(^uint(0) >> 1), nil
		}
		return 0, Malformed("%s has to be a whole number", name)
	}
	return n, nil
}

// ClientAddress returns the address a request came from, in one spelling and without its port. When the server stands
// behind a proxy that sets X-Forwarded-For (trust), it is the last entry there: the one the proxy wrote; that of the
// proxy if this entry is none. What
// is limited for an address is so for limit.Network of it.
func ClientAddress(r *http.Request, trust bool) string {
	if vs := r.Header.Values("X-Forwarded-For"); trust && len(vs) > 0 {
		last := vs[len(vs)-1]
		if address, ok := canonical(strings.TrimSpace(last[strings.LastIndex(last, ",")+1:])); ok {
			return address
		}
	}
	if address, ok := canonical(r.RemoteAddr); ok {
		return address
	}
	return r.RemoteAddr
}

// PeerAddress returns the network (see limit.Network) of the other end of a connection, and whether that is the machine itself.
func PeerAddress(a net.Addr) (address string, local bool) {
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return a.String(), true
	}
	address, _ = canonical(a.String())
	return limit.Network(address), at.Addr().Unmap().IsLoopback()
}

// canonical returns the one spelling of an address that may have a port.
func canonical(text string) (string, bool) {
	ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	if err != nil {
		withPort, err := netip.ParseAddrPort(text)
		if err != nil {
			return "", false
		}
		ip = withPort.Addr()
	}
	return ip.Unmap().WithZone("").String(), true
}
