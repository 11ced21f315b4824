package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/confab-chat/confab/pkg/chat"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// resource is one with GET, an open POST, and a PATCH that may have a body; it writes down what was run.
func resource(ran *[]string) *Resource {
	handler := func(name string) Handler {
		return func(w http.ResponseWriter, _ *http.Request) error {
			*ran = append(*ran, name)
			_, err := fmt.Fprint(w, name)
			return err
		}
	}
	return &Resource{
		Route: Route{Operations: Operations{"GET": {Serve: handler("get")}, "POST": {Serve: handler("post"), Who: Anybody},
			"PATCH": {Serve: func(w http.ResponseWriter, r *http.Request) error {
				*ran = append(*ran, "patch")
				return ReadOptionalJSON(w, r, &struct{}{})
			}}}},
		Guard: func(_ http.ResponseWriter, r *http.Request) (*http.Request, error) {
			*ran = append(*ran, "guard")
			if r.Header.Get("Authorization") == "" {
				return r, &chat.Error{Kind: chat.Unauthenticated, Message: "who?"}
			}
			return r, nil
		},
		Check: func(r *http.Request, _ Operation) error {
			*ran = append(*ran, "check")
			return Origins{}.Check(r)
		},
		Fail: func(w http.ResponseWriter, _ *http.Request, err error) {
			status, message := StatusOf(err)
			w.WriteHeader(status)
			_, _ = fmt.Fprint(w, message)
		},
	}
}

func TestResource(t *testing.T) {
	const allow = "GET, HEAD, POST, PATCH, OPTIONS"
	for name, c := range map[string]struct {
		method   string
		loggedIn bool
		foreign  bool
		status   int
		allow    string
		ran      string
	}{
		"GET":                         {"GET", true, false, 200, "", "guard check get"},
		"GET without a login":         {"GET", false, false, 401, "", "guard"},
		"GET from a foreign page":     {"GET", true, true, 200, "", "guard check get"},
		"HEAD is GET":                 {"HEAD", true, false, 200, "", "guard check get"},
		"HEAD without a login":        {"HEAD", false, false, 401, "", "guard"},
		"an open method":              {"POST", false, false, 200, "", "check post"},
		"an open method, foreign":     {"POST", false, true, 403, "", "check"},
		"PATCH, foreign":              {"PATCH", true, true, 403, "", "guard check"},
		"login comes before origin":   {"PATCH", false, true, 401, "", "guard"},
		"login comes before 405":      {"DELETE", false, true, 401, "", "guard"},
		"405 comes before origin":     {"DELETE", true, true, 405, allow, "guard"},
		"OPTIONS needs no login":      {"OPTIONS", false, true, 204, allow, ""},
		"TRACE":                       {"TRACE", true, false, 405, allow, ""},
		"CONNECT":                     {"CONNECT", false, false, 405, allow, ""},
		"a method nobody knows":       {"FROBNICATE", true, false, 501, "", ""},
		"the case of a method counts": {"get", true, false, 501, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var ran []string
			r := httptest.NewRequest(c.method, "http://own.example/x", nil)
			if c.loggedIn {
				r.Header.Set("Authorization", "x")
			}
			if c.foreign {
				r.Header.Set("Origin", "https://evil.example")
			}
			w := httptest.NewRecorder()
			resource(&ran).ServeHTTP(w, r)
			require.Equal(t, c.status, w.Code)
			require.Equal(t, c.allow, w.Header().Get("Allow"))
			require.Equal(t, c.ran, strings.Join(ran, " "))
			if c.method == "OPTIONS" {
				require.Equal(t, acceptPatch, w.Header().Get("Accept-Patch"))
			}
		})
	}
	r := httptest.NewRequest("PATCH", "/x", strings.NewReader("[]"))
	r.Header.Set("Content-Type", "application/json-patch+json")
	r.Header.Set("Authorization", "x")
	w := httptest.NewRecorder()
	resource(new([]string)).ServeHTTP(w, r)
	require.Equal(t, 415, w.Code)
	require.Equal(t, acceptPatch, w.Header().Get("Accept-Patch"), "a patch of another type is told which types there are")

	acted := false
	acting := &Resource{Route: Route{Operations: Operations{"GET": {Who: Anybody, Acts: true,
		Serve: func(http.ResponseWriter, *http.Request) error { acted = true; return nil }}}}}
	w = httptest.NewRecorder()
	acting.ServeHTTP(w, httptest.NewRequest("HEAD", "/x", nil))
	require.Equal(t, 200, w.Code)
	require.False(t, acted, "HEAD never acts")
	acting.ServeHTTP(w, httptest.NewRequest("GET", "/x", nil))
	require.True(t, acted)

	open := &Resource{Route: Route{Operations: Operations{"GET": {Who: Anybody}}}, Fail: resource(new([]string)).Fail}
	w = httptest.NewRecorder()
	open.ServeHTTP(w, httptest.NewRequest("PUT", "/x", nil))
	require.Equal(t, 405, w.Code, "where all is open nobody is asked who they are")
	require.Equal(t, "GET, HEAD, OPTIONS", w.Header().Get("Allow"))
}

var accepts = map[string]bool{
	"": true, " ": true, "*/*": true, "application/*": true, "application/json": true, "APPLICATION/JSON": true,
	"application/problem+json": true, "application/json;charset=utf-8": true, "application/json, text/plain, */*": true,
	"text/html;q=0.5, application/json": true, "text/html, */*;q=0.1": true, "application/json;q=0.001": true,
	"application/json;q=nonsense": true, "*/*;q=0, application/json": true, "application/json;q=0, application/json": true,
	"text/html": false, "application/xml": false, "application/json;q=0": false, "application/json; Q=0.0": false,
	"*/*;q=0": false, "application/*;q=0, */*": false, "application/json;q=0, */*": false, "json": false, "text/*": false, ",": false, ";q=1": false,
}

func TestAcceptsJSON(t *testing.T) {
	for accept, want := range accepts {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept", accept)
		require.Equal(t, want, AcceptsJSON(r), "%q", accept)
	}
	r := httptest.NewRequest("GET", "/", nil)
	require.True(t, AcceptsJSON(r), "no header")
	r.Header["Accept"] = []string{"text/html", "application/json"}
	require.True(t, AcceptsJSON(r), "two lines are one list")
}

func FuzzAcceptsJSON(f *testing.F) {
	for a := range accepts {
		f.Add(a)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		ask := func(a string) bool {
			return AcceptsJSON(&http.Request{Header: http.Header{"Accept": {a}}})
		}
		got := ask(accept)
		if !strings.Contains(strings.ToLower(accept), "json") && !strings.Contains(accept, "*") && strings.TrimSpace(accept) != "" {
			require.False(t, got, "nothing in %q means JSON", accept)
		}
		require.True(t, ask(accept+",application/json"), "%q and JSON", accept)
	})
}

func TestOrigins(t *testing.T) {
	o := Origins{Allowed: []string{"https://listed.example"}}
	for origin, own := range map[string]bool{
		"https://own.example:8080": true, "http://own.example:8080": true, "http://OWN.example:8080": true, "https://listed.example": true,
		"https://own.example": false, "null": false, "https://evil.example": false, "https://own.example:8080.evil.example": false,
		"file://": false, "file://own.example:8080": false, "http://": false, "own.example:8080": false, "": false, "https://listed.example/": false,
		"https://listed.example.evil": false, "http://listed.example": false, "%zz": false,
	} {
		r := httptest.NewRequest("POST", "http://own.example:8080/x", nil)
		r.Header["Origin"] = []string{origin}
		require.Equal(t, own, o.Own(r), "%q", origin)
		require.Equal(t, own, o.Check(r) == nil, "%q", origin)
	}
	foreign := func(method string) *http.Request {
		r := httptest.NewRequest(method, "http://own.example/x", nil)
		r.Header.Set("Origin", "https://evil.example")
		return r
	}
	for _, safe := range []string{"GET", "HEAD", "OPTIONS"} {
		require.NoError(t, o.Check(foreign(safe)))
		upgrade := foreign(safe)
		upgrade.Header.Set("Upgrade", "websocket")
		require.Error(t, o.Check(upgrade), "an upgrade changes something")
	}
	require.NoError(t, o.Check(httptest.NewRequest("POST", "/", nil)), "programs send none")
}

// With a public address, only its pages are the server's own, whatever Host says: a proxy may write another one there, and
// a name that somebody points to the server makes it equal to Origin.
func TestOriginsOfAPublicAddress(t *testing.T) {
	o := Origins{Public: "https://chat.example", Allowed: []string{"https://listed.example"}}
	for _, host := range []string{"chat.example", "10.0.0.1:8080", "evil.example"} {
		for origin, own := range map[string]bool{
			"https://chat.example": true, "https://listed.example": true,
			"http://chat.example": false, "https://evil.example": false, "http://evil.example": false, "http://10.0.0.1:8080": false, "null": false,
		} {
			r := httptest.NewRequest("POST", "http://"+host+"/x", nil)
			r.Header.Set("Origin", origin)
			require.Equal(t, own, o.Own(r), "%q for %q", origin, host)
		}
	}
}

// Browsers leave out default ports.
func TestAHostWithADefaultPortIsItsOrigin(t *testing.T) {
	for host, origins := range map[string][]string{
		"own.example:80": {"http://own.example"}, "own.example:443": {"https://own.example"}, "OWN.example": {"http://own.example", "https://own.example"},
		"[::1]:80": {"http://[::1]"}, "127.0.0.1:8080": {"http://127.0.0.1:8080"},
	} {
		for _, origin := range origins {
			r := httptest.NewRequest("POST", "/x", nil)
			r.Host = host
			r.Header.Set("Origin", origin)
			require.True(t, Origins{}.Own(r), "%q for %q", origin, host)
			r.Header.Set("Origin", origin+"1")
			require.False(t, Origins{}.Own(r))
		}
	}
}

func TestNormalOrigin(t *testing.T) {
	for text, want := range map[string]string{
		"https://chat.example": "https://chat.example", "HTTPS://Chat.Example:443/": "https://chat.example", "http://chat.example:80/ui": "http://chat.example",
		"http://chat.example:8080": "http://chat.example:8080", "https://b\u00fccher.example": "https://xn--bcher-kva.example",
		"https://B\u00dcCHER.example": "https://xn--bcher-kva.example", "http://[::1]:8080": "http://[::1]:8080", "http://[0:0:0:0:0:0:0:1]": "http://[::1]",
		"chat.example": "", "ftp://chat.example": "", "https://": "", "https://user@chat.example": "", "https://a b": "", "https://chat.example:99999": "", "null": "",
	} {
		got, err := NormalOrigin(text)
		if want == "" {
			require.Error(t, err, text)
			continue
		}
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

func TestCORS(t *testing.T) {
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	send := func(h http.Handler, method, origin, preflight string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "/", nil)
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		if preflight != "" {
			r.Header.Set("Access-Control-Request-Method", preflight)
			r.Header.Set("Access-Control-Request-Headers", "authorization")
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	words := func(h http.Header, name string) []string {
		return strings.FieldsFunc(strings.ToLower(strings.Join(h.Values(name), ",")), func(c rune) bool { return c == ',' || c == ' ' })
	}
	const listed = "https://listed.example"
	h := Origins{Allowed: []string{"https://other.example", listed}}.CORS(next)

	// Requests are answered as ever; only pages of listed origins may read the answer, and what a client needs of it.
	for origin, allowed := range map[string]bool{listed: true, "": false, "https://evil.example": false, "null": false, listed + ".evil": false, "http://listed.example": false} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			w := send(h, method, origin, "")
			require.Equal(t, http.StatusTeapot, w.Code)
			require.Contains(t, words(w.Header(), "Vary"), "origin", "a cache must not give one origin's answer to another")
			if !allowed {
				requireNoCORS(t, w.Header())
				continue
			}
			require.Equal(t, listed, w.Header().Get("Access-Control-Allow-Origin"))
			require.Equal(t, "true", w.Header().Get("Access-Control-Allow-Credentials"))
			require.Subset(t, words(w.Header(), "Access-Control-Expose-Headers"), []string{"location", "etag", "retry-after", "allow", "accept-patch", "www-authenticate", "date"})
		}
	}

	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		w := send(h, "OPTIONS", listed, method)
		require.Equal(t, http.StatusNoContent, w.Code)
		require.Equal(t, listed, w.Header().Get("Access-Control-Allow-Origin"))
		require.Equal(t, "true", w.Header().Get("Access-Control-Allow-Credentials"))
		require.Contains(t, words(w.Header(), "Access-Control-Allow-Methods"), strings.ToLower(method))
		require.Subset(t, words(w.Header(), "Access-Control-Allow-Headers"),
			[]string{"authorization", "content-type", "idempotency-key", "if-match", "if-none-match", "x-requested-with"})
		require.Subset(t, words(w.Header(), "Vary"), []string{"origin", "access-control-request-method", "access-control-request-headers"})

		w = send(h, "OPTIONS", "https://evil.example", method)
		require.Equal(t, http.StatusTeapot, w.Code)
		requireNoCORS(t, w.Header())
		require.Subset(t, words(w.Header(), "Vary"), []string{"origin", "access-control-request-method", "access-control-request-headers"})
	}

	w := send(Origins{}.CORS(next), "OPTIONS", listed, "PUT")
	requireNoCORS(t, w.Header())
}

func requireNoCORS(t *testing.T, h http.Header) {
	t.Helper()
	for name := range h {
		require.NotRegexp(t, "(?i)^access-control-", name)
	}
}

type body struct {
	Text   *string        `json:"text"`
	Number int            `json:"number"`
	Inner  *body          `json:"inner"`
	Free   map[string]any `json:"free"`
}

func readJSON(contentType, text string) (body, error) {
	r := httptest.NewRequest("POST", "/", strings.NewReader(text))
	r.Header.Set("Content-Type", contentType)
	var b body
	err := ReadJSON(httptest.NewRecorder(), r, &b)
	return b, err
}

func TestReadJSON(t *testing.T) {
	for contentType, want := range map[string]int{"application/json": 0, "application/json;charset=UTF-8": 0, "Application/JSON": 0,
		"application/merge-patch+json": 0, "": 415, "text/plain": 415, "application/x-www-form-urlencoded": 415, "json": 415, ";": 415} {
		_, err := readJSON(contentType, "{}")
		if want == 0 {
			require.NoError(t, err, contentType)
			continue
		}
		status, _ := StatusOf(err)
		require.Equal(t, want, status, contentType)
	}
	for name, c := range map[string]struct {
		text   string
		status int
		want   string
	}{
		"text":               {`{"text":"a"}`, 0, "a"},
		"blanks around":      {" \r\n\t{\"text\":\"a\"} \n", 0, "a"},
		"unknown members":    {`{"x":{"y":[1,{"z":null}]},"text":"a"}`, 0, "a"},
		"a name twice":       {`{"text":"b","text":"a"}`, 400, ""},
		"an unknown, twice":  {`{"text":"a","x":[{"y":1,"y":1}]}`, 400, ""},
		"another case":       {`{"text":"a","TEXT":"b"}`, 0, "a"},
		"an escaped pair":    {`{"text":"\ud83d\ude00"}`, 0, "😀"},
		"NUL":                {`{"text":"\u0000"}`, 0, "\x00"},
		"lone surrogate":     {`{"text":"\ud800"}`, 400, ""},
		"pair in disorder":   {`{"text":"\ude00\ud83d"}`, 400, ""},
		"broken UTF-8":       {"{\"text\":\"\xff\"}", 400, ""},
		"broken in a name":   {"{\"\xff\":1}", 400, ""},
		"wrong type":         {`{"text":1}`, 400, ""},
		"wrong inner type":   {`{"inner":{"number":"x"}}`, 400, ""},
		"fraction":           {`{"number":1.5}`, 400, ""},
		"array":              {`[]`, 400, ""},
		"null":               {`null`, 400, ""},
		"nothing":            {``, 400, ""},
		"two objects":        {`{}{}`, 400, ""},
		"not closed":         {`{"text":"a"`, 400, ""},
		"byte order mark":    {"\ufeff{}", 400, ""},
		"deep":               {`{"x":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`, 400, ""},
		"deep in a type":     {strings.Repeat(`{"inner":`, 50_000) + "{}" + strings.Repeat("}", 50_000), 400, ""},
		"the greatest body":  {`{"text":"a"}` + strings.Repeat(" ", MaxBody-12), 0, "a"},
		"one byte more":      {`{"text":"a"}` + strings.Repeat(" ", MaxBody-11), 413, ""},
		"ten megabytes":      {`{"text":"` + strings.Repeat("x", 10<<20) + `"}`, 413, ""},
		"65536 escaped NULs": {`{"text":"` + strings.Repeat(`\u0000`, 65536) + `"}`, 0, strings.Repeat("\x00", 65536)},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := readJSON("application/json", c.text)
			if c.status == 0 {
				require.NoError(t, err)
				require.Equal(t, c.want, *b.Text)
				return
			}
			status, message := StatusOf(err)
			require.Equal(t, c.status, status)
			require.NotContains(t, message, "jsontext")
			require.NotContains(t, message, "Go ")
		})
	}
}

func FuzzDecodeJSON(f *testing.F) {
	for _, s := range []string{`{"text":"a","inner":{"number":1}}`, `{"text":"\ud800"}`, "{\"\xff\":1}", `{"free":{"a":[1,2,{}]}}`, "[", `{"text":"b","text":null}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var b body
		err := DecodeJSON(raw, &b)
		if err != nil {
			status, message := StatusOf(err)
			require.Equal(t, 400, status)
			require.NotEmpty(t, message)
			return
		}
		require.True(t, utf8.Valid(raw), "broken UTF-8 was taken")
		if b.Text != nil {
			require.True(t, utf8.ValidString(*b.Text))
		}
	})
}

func TestOptionalBodies(t *testing.T) {
	b := body{Number: 7}
	r := httptest.NewRequest("PUT", "/", nil)
	require.NoError(t, ReadOptionalJSON(httptest.NewRecorder(), r, &b))
	require.Equal(t, 7, b.Number)
	r = httptest.NewRequest("PUT", "/", strings.NewReader("x"))
	require.Error(t, ReadOptionalJSON(httptest.NewRecorder(), r, &b))
}

func TestInt(t *testing.T) {
	for query, want := range map[string]string{"": "9", "n=3": "3", "n=-3": "-3", "n=0": "0", "n=99999999999999999999": "9223372036854775807",
		"n=": "bad", "n=x": "bad", "n=1.5": "bad", "n=1e3": "bad", "n=-99999999999999999999": "bad", "n=%201": "bad"} {
		q, err := Query(httptest.NewRequest("GET", "/?"+query, nil))
		require.NoError(t, err)
		n, err := Int(q, "n", 9)
		got := fmt.Sprint(n)
		if err != nil {
			got = "bad"
			require.ErrorContains(t, err, "n has to be a whole number")
		}
		require.Equal(t, want, got, query)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.URL.RawQuery = "%zz"
	_, err := Query(r)
	require.Error(t, err)
}

func TestClientAddress(t *testing.T) {
	for _, c := range []struct {
		remote    string
		forwarded []string
		trust     bool
		want      string
	}{
		{"10.0.0.1:5", nil, false, "10.0.0.1"},
		{"[::1]:5", nil, false, "::1"},
		{"[2001:db8:1:2:3:4:5:6%eth0]:5", nil, false, "2001:db8:1:2:3:4:5:6"},
		{"odd", nil, false, "odd"},
		{"10.0.0.1:5", []string{"1.2.3.4"}, false, "10.0.0.1"},
		{"10.0.0.1:5", []string{"1.2.3.4"}, true, "1.2.3.4"},
		{"10.0.0.1:5", []string{"9.9.9.9, 1.2.3.4"}, true, "1.2.3.4"},
		{"10.0.0.1:5", []string{"9.9.9.9", "8.8.8.8,1.2.3.4 "}, true, "1.2.3.4"},
		{"10.0.0.1:5", []string{"9.9.9.9, "}, true, "10.0.0.1"},
		{"10.0.0.1:5", nil, true, "10.0.0.1"},
		{"10.0.0.1:5", []string{"1.2.3.4:5555"}, true, "1.2.3.4"},
		{"10.0.0.1:5", []string{"::ffff:1.2.3.4"}, true, "1.2.3.4"},
		{"10.0.0.1:5", []string{"[::ffff:1.2.3.4]:80"}, true, "1.2.3.4"},
		{"10.0.0.1:5", []string{"2001:DB8:0:0::1"}, true, "2001:db8::1"},
		{"10.0.0.1:5", []string{"[2001:db8::2]"}, true, "2001:db8::2"},
		{"10.0.0.1:5", []string{"9.9.9.9,[2001:db8::ffff]:99"}, true, "2001:db8::ffff"},
		{"10.0.0.1:5", []string{"2001:db8:0:1::1"}, true, "2001:db8:0:1::1"},
		{"10.0.0.1:5", []string{strings.Repeat("x", 60_000)}, true, "10.0.0.1"},
		{"10.0.0.1:5", []string{"unknown"}, true, "10.0.0.1"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.remote
		r.Header["X-Forwarded-For"] = c.forwarded
		require.Equal(t, c.want, ClientAddress(r, c.trust), "%+v", c)
	}
}

func TestStatusesOfErrors(t *testing.T) {
	secret := errors.New("password of the database")
	for want, err := range map[int]error{
		400: chat.ErrInvalid("x"), 404: chat.ErrNotFound(chat.RoomEntity, "x"), 410: &chat.Error{Kind: chat.Gone, Message: "x"},
		409: chat.ErrExists(chat.RoomEntity, "x"), 403: chat.ErrForbidden("x"), 401: &chat.Error{Kind: chat.Unauthenticated, Message: "x"},
		413: &http.MaxBytesError{Limit: 1}, 429: &chat.Error{Kind: chat.RateLimited, Message: "x", Cause: chat.RetryAfter{Duration: 1500 * time.Millisecond}},
		503: chat.ErrUnavailable(secret), 500: secret, 501: ErrNotImplemented(), 405: ErrMethod(),
	} {
		status, message := StatusOf(fmt.Errorf("wrapped: %w", err))
		require.Equal(t, want, status)
		require.NotEmpty(t, message)
		require.NotContains(t, message, "database")
		h := http.Header{}
		SetRetryAfter(h, status, err)
		require.Equal(t, map[int]string{429: "2", 503: "2"}[status], h.Get("Retry-After"))
	}
	status, message := StatusOf(&chat.Error{Kind: chat.Internal, Message: "inner matters"})
	require.Equal(t, 500, status)
	require.NotContains(t, message, "inner")
}
