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
	for path, text := range map[string][]byte{"/docs/openapi.yaml": schema.OpenAPI, "/docs/asyncapi.yaml": schema.AsyncAPI, "/docs/platform.yaml": schema.Platform} {
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

	for path, text := range map[string][]byte{"/docs/openapi.json": schema.OpenAPI, "/docs/platform.json": schema.Platform} {
		w := get(t, path)
		require.Equal(t, "application/json", w.Header().Get("Content-Type"))
		var is, want any
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &is))
		require.NoError(t, yaml.Unmarshal(text, &want))
		b, err := json.Marshal(want)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(b, &want))
		require.Equal(t, want, is, path)
	}
}

// The pages need neither script nor inline style, every link within one leads somewhere, and all is in the contents.
func TestThePages(t *testing.T) {
	require.Equal(t, get(t, "/docs").Body.String(), get(t, "/docs/").Body.String())
	for path, examples := range map[string]func() ([]docs.Example, error){"/docs": docs.Examples, "/docs/platform": docs.PlatformExamples} {
		t.Run(path, func(t *testing.T) { checkPage(t, path, examples) })
	}
	require.Contains(t, get(t, "/docs").Body.String(), ` href="/docs/platform"`)
	require.Contains(t, get(t, "/docs/platform").Body.String(), ` href="/docs"`)
}

func checkPage(t *testing.T, path string, examplesOf func() ([]docs.Example, error)) {
	w := get(t, path)
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
	require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'; style-src 'self'")
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
	examples, err := examplesOf()
	require.NoError(t, err)
	require.NotEmpty(t, examples)
	for _, e := range examples {
		require.Contains(t, contents, `href="#`+e.Operation+`"`)
	}
	for _, documented := range regexp.MustCompile(` href="(/docs/[^"]*)"`).FindAllStringSubmatch(page, -1) {
		require.Equal(t, http.StatusOK, get(t, documented[1]).Code, documented[1])
	}
}

// An operation of the platform says who calls it, what its body has and what its answer says, where it is.
func TestAnOperationShowsItsMembers(t *testing.T) {
	page := get(t, "/docs/platform").Body.String()
	_, article, _ := strings.Cut(page, `<article id="mute"`)
	article, _, _ = strings.Cut(article, "</article>")
	require.Contains(t, article, `<p class="who">For the app, and for administrators of its organization and of the server.</p>`)
	require.Contains(t, article, `<code>username</code> <span class="must">required</span>`)
	require.Contains(t, article, `<a href="#schema-Answer">Answer</a>`)
	require.Contains(t, article, `{<code>result</code>: string, always <code>ok</code>}`)
	require.Contains(t, article, `<a href="#answer-Forbidden">403</a>`)
	require.Contains(t, article, "Bearer $APP")
	require.Contains(t, page, `<h3 id="answer-Forbidden-name">403 Forbidden</h3>`)
	_, article, _ = strings.Cut(page, `<article id="uploadFile"`)
	require.Contains(t, article, "-F file=@picture.png")
}

func TestCurlIsQuotedForAShell(t *testing.T) {
	e := docs.Example{Method: "POST", Target: "/x?a=1&b=2", Login: "session", Header: [][2]string{{"Content-Type", "application/json"}}, Body: `{"content":"it's"}`}
	require.Equal(t, `curl -X POST -b cookies \
  -H 'Content-Type: application/json' \
  -d '{"content":"it'\''s"}' \
  'http://localhost:8080/x?a=1&b=2'`, e.Curl())
}

func TestTheDocumentsAreCompressed(t *testing.T) {
	for _, path := range []string{"/docs", "/docs/openapi.yaml", "/docs/openapi.json", "/docs/platform", "/docs/platform.json"} {
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
