package docs_test

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/confab-chat/confab/pkg/docs"
	"github.com/confab-chat/confab/schema"
)

func get(t *testing.T, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	docs.Handler().ServeHTTP(w, r)
	return w
}

func TestTheDocumentsAreServed(t *testing.T) {
	for path, text := range map[string][]byte{"/docs/openapi.yaml": schema.OpenAPI, "/docs/asyncapi.yaml": schema.AsyncAPI} {
		w := get(t, path)
		require.Equal(t, http.StatusOK, w.Code)
		require.Equal(t, "application/yaml", w.Header().Get("Content-Type"))
		require.Equal(t, string(text), w.Body.String())
		require.Equal(t, "no-cache", w.Header().Get("Cache-Control"))
		same := get(t, path, "If-None-Match", w.Header().Get("Etag"))
		require.Equal(t, http.StatusNotModified, same.Code)
		require.Empty(t, same.Body.String())
	}
	require.Equal(t, http.StatusNotFound, get(t, "/docs/none").Code)

	w := get(t, "/docs/openapi.json")
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	var is, want any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &is))
	require.NoError(t, yaml.Unmarshal(schema.OpenAPI, &want))
	text, err := json.Marshal(want)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &want))
	require.Equal(t, want, is)
}

// The page needs neither script nor inline style, every link within it leads somewhere, and all is in the contents.
func TestThePage(t *testing.T) {
	w := get(t, "/docs")
	require.Equal(t, http.StatusOK, w.Code)
	require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'; style-src 'self'")
	require.Equal(t, w.Body.String(), get(t, "/docs/").Body.String())
	page := w.Body.String()
	require.NotRegexp(t, `<script|<style| style="| on[a-z]+="|href="https?:|src=`, page)

	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		require.False(t, ids[m[1]], "two elements are called %s", m[1])
		ids[m[1]] = true
	}
	for _, m := range regexp.MustCompile(` href="#([^"]*)"`).FindAllStringSubmatch(page, -1) {
		require.True(t, ids[m[1]], "a link leads to %s, which is not there", m[1])
	}
	contents, _, _ := strings.Cut(page, "</nav>")
	examples, err := docs.Examples()
	require.NoError(t, err)
	for _, e := range examples {
		require.Contains(t, contents, `href="#`+e.Operation+`"`)
	}
}

func TestCurlIsQuotedForAShell(t *testing.T) {
	e := docs.Example{Method: "POST", Target: "/x?a=1&b=2", Login: "session", Header: [][2]string{{"Content-Type", "application/json"}}, Body: `{"content":"it's"}`}
	require.Equal(t, `curl -X POST -b cookies \
  -H 'Content-Type: application/json' \
  -d '{"content":"it'\''s"}' \
  'http://localhost:8080/x?a=1&b=2'`, e.Curl())
}

func TestTheDocumentsAreCompressed(t *testing.T) {
	for _, path := range []string{"/docs", "/docs/openapi.yaml", "/docs/openapi.json"} {
		plain, packed := get(t, path), get(t, path, "Accept-Encoding", "gzip")
		require.Equal(t, "gzip", packed.Header().Get("Content-Encoding"))
		require.Empty(t, plain.Header().Get("Content-Encoding"))
		for _, w := range []*httptest.ResponseRecorder{plain, packed} {
			require.Equal(t, "Accept-Encoding", w.Header().Get("Vary"))
			require.Equal(t, 304, get(t, path, "Accept-Encoding", w.Header().Get("Content-Encoding"), "If-None-Match", w.Header().Get("Etag")).Code)
		}
		require.NotEqual(t, plain.Header().Get("Etag"), packed.Header().Get("Etag"))
		require.Less(t, packed.Body.Len(), plain.Body.Len()/3)
		z, err := gzip.NewReader(packed.Body)
		require.NoError(t, err)
		text, err := io.ReadAll(z)
		require.NoError(t, err)
		require.Equal(t, plain.Body.String(), string(text))
	}
}
