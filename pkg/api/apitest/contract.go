// Package apitest holds the tests of HTTP APIs to their descriptions, schema/openapi.yaml and schema/platform.yaml.
package apitest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/schema"
)

// Contract is the description of an API. It may be used concurrently.
type Contract struct {
	Doc    *openapi3.T
	router routers.Router
	// lenient says that a body is read whatever type it has, and that null is the same as nothing there.
	lenient bool
	// canonical, if set, is how the description spells a path.
	canonical func(method, path string) string
}

// Load reads the description of the chat API and checks that it is a valid one.
func Load() (*Contract, error) { return load(schema.OpenAPI) }

// aliases are other spellings of the platform's paths, which are not described one by one.
var aliases = []struct {
	spelling *regexp.Regexp
	of       string
}{
	{regexp.MustCompile(`^/management/orgs(/|$)`), "/management/organizations$1"},
	{regexp.MustCompile(`^(/management/organizations/[^/]+)/apps(/|$)`), "$1/applications$2"},
	{regexp.MustCompile(`(.)/$`), "$1"},
}

// LoadPlatform is Load for the platform.
func LoadPlatform() (*Contract, error) {
	c, err := load(schema.Platform)
	if err != nil {
		return nil, err
	}
	c.lenient = true
	c.canonical = func(method, path string) string {
		for _, a := range aliases {
			path = a.spelling.ReplaceAllString(path, a.of)
		}
		if method != http.MethodPost { // it is a user of that name
			path = strings.Replace(path, "/users/batch/status", "/users/somebody/status", 1)
		}
		return path
	}
	return c, nil
}

func load(text []byte) (*Contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, err
	}
	// A picture is any bytes.
	for _, kind := range []string{"image/png", "image/jpeg", "image/webp", "image/gif"} {
		openapi3filter.RegisterBodyDecoder(kind, openapi3filter.FileBodyDecoder)
	}
	router, err := gorillamux.NewRouter(doc)
	return &Contract{Doc: doc, router: router}, err
}

// T is what Check reports to: a *testing.T.
type T interface {
	require.TestingT
	Helper()
}

// Check requires that an answer is described, and that a request which was accepted is. What the document does not
// describe has to be refused: a path as unknown, a method as one that the path does not have. HEAD answers as GET,
// without a body; OPTIONS is on every path.
func (c *Contract) Check(t T, r *http.Request, sent []byte, status int, h http.Header, body []byte) {
	t.Helper()
	what := r.Method + " " + r.URL.Path
	r = r.Clone(context.WithoutCancel(r.Context()))
	if c.lenient {
		sent = withoutNulls(sent)
	}
	r.Body, r.GetBody = io.NopCloser(bytes.NewReader(sent)), nil
	if c.canonical != nil {
		r.URL.Path, r.URL.RawPath = c.canonical(r.Method, r.URL.Path), c.canonical(r.Method, r.URL.RawPath)
	}
	head := r.Method == http.MethodHead
	if head {
		r.Method = http.MethodGet
		require.Empty(t, body, what)
	}
	route, vars, err := c.router.FindRoute(r)
	switch {
	case errors.Is(err, routers.ErrPathNotFound):
		require.Contains(t, []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotFound, http.StatusNotImplemented, http.StatusMethodNotAllowed}, status, what)
		return
	case err != nil && r.Method == http.MethodOptions:
		require.Equal(t, http.StatusNoContent, status, what)
		return
	case err != nil:
		require.Contains(t, []int{http.StatusUnauthorized, http.StatusMethodNotAllowed, http.StatusNotImplemented}, status, what)
		return
	}
	for name, raw := range vars { // the router leaves them as they were sent
		if vars[name], err = url.PathUnescape(raw); err != nil {
			vars[name] = raw
		}
	}
	request := &openapi3filter.RequestValidationInput{Request: r, PathParams: vars, Route: route, Options: &openapi3filter.Options{
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, ExcludeResponseBody: head,
		ExcludeRequestBody: isBytes(r) || c.lenient && !describes(route.Operation, r)}}
	if status < http.StatusBadRequest {
		require.NoError(t, openapi3filter.ValidateRequest(r.Context(), request), "%s was accepted: %s", what, sent)
	}
	require.NoError(t, openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request, Status: status, Header: h, Body: io.NopCloser(bytes.NewReader(body)), Options: request.Options,
	}), "%s answers %d %s", what, status, body)
}

// withoutNulls returns a body without the members that are null, if it is a JSON object.
func withoutNulls(body []byte) []byte {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return body
	}
	maps.DeleteFunc(members, func(_ string, v json.RawMessage) bool { return string(v) == "null" })
	out, err := json.Marshal(members)
	if err != nil {
		return body
	}
	return out
}

// describes reports whether an operation describes bodies of the type that a request says.
func describes(op *openapi3.Operation, r *http.Request) bool {
	kind := r.Header.Get("Content-Type")
	return kind != "" && op.RequestBody != nil && op.RequestBody.Value.Content.Get(kind) != nil
}

// isBytes reports whether a body is a picture or a file, of which any bytes are good.
func isBytes(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "image/") || strings.HasSuffix(r.URL.Path, "/files") || strings.HasSuffix(r.URL.Path, "/chatfiles")
}
