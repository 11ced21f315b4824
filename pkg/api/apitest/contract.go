// Package apitest holds the tests of HTTP APIs to the description of the API, schema/openapi.yaml.
package apitest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/schema"
)

// Contract is the description of the API. It may be used concurrently.
type Contract struct {
	Doc    *openapi3.T
	router routers.Router
}

// Load reads the description and checks that it is a valid one.
func Load() (*Contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData(schema.OpenAPI)
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
	r.Body = io.NopCloser(bytes.NewReader(sent))
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
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, ExcludeResponseBody: head, ExcludeRequestBody: isBytes(r)}}
	if status < http.StatusBadRequest {
		require.NoError(t, openapi3filter.ValidateRequest(r.Context(), request), "%s was accepted: %s", what, sent)
	}
	require.NoError(t, openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request, Status: status, Header: h, Body: io.NopCloser(bytes.NewReader(body)), Options: request.Options,
	}), "%s answers %d %s", what, status, body)
}

// isBytes reports whether a body is a picture or a file, of which any bytes are good.
func isBytes(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "image/") || strings.HasSuffix(r.URL.Path, "/files")
}
