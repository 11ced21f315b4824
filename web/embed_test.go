package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

const page = `<!doctype html><meta name="confab:password-min" content=""><style>a{}</style>`

func built(t *testing.T) http.Handler {
	t.Helper()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err := z.Write([]byte("let it = 'be'"))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return newHandler(fstest.MapFS{
		".gitkeep":               {},
		"index.html":             {Data: []byte(page)},
		"index.html.gz":          {Data: packed.Bytes()},
		"icon.svg":               {Data: []byte("<svg/>")},
		"sw.js":                  {Data: []byte("//")},
		"manifest.webmanifest":   {Data: []byte("{}")},
		"assets/app-1234.js":     {Data: []byte("let it = 'be'")},
		"assets/app-1234.js.gz":  {Data: packed.Bytes()},
		"assets/app-1234.css":    {Data: []byte("a{}")},
		"assets/orphan-1.css.gz": {Data: []byte("x")},
	}, Settings{PasswordMin: 12})
}

func ask(h http.Handler, method, target string, header ...string) *http.Response {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func TestFilesHaveTheirTypeAndCaching(t *testing.T) {
	h := built(t)
	for target, want := range map[string][2]string{
		"/ui/chat/":                     {"text/html; charset=utf-8", "no-cache"},
		"/ui/chat/index.html":           {"text/html; charset=utf-8", "no-cache"},
		"/ui/chat/sw.js":                {"text/javascript; charset=utf-8", "no-cache"},
		"/ui/chat/icon.svg":             {"image/svg+xml", "no-cache"},
		"/ui/chat/manifest.webmanifest": {"application/manifest+json", "no-cache"},
		"/ui/chat/assets/app-1234.js":   {"text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		"/ui/chat/assets/app-1234.css":  {"text/css; charset=utf-8", "public, max-age=31536000, immutable"},
	} {
		res := ask(h, http.MethodGet, target)
		require.Equal(t, http.StatusOK, res.StatusCode, target)
		require.Equal(t, want[0], res.Header.Get("Content-Type"), target)
		require.Equal(t, want[1], res.Header.Get("Cache-Control"), target)
	}
}

func TestNothingInlineAndNothingForeignMayRun(t *testing.T) {
	for _, target := range []string{"/ui/chat/", "/ui/chat/assets/app-1234.js", "/ui/chat/none"} {
		header := ask(built(t), http.MethodGet, target).Header
		policy := header.Get("Content-Security-Policy")
		require.Contains(t, policy, "default-src 'none'", target)
		require.Contains(t, policy, "script-src 'self';", target)
		require.Contains(t, policy, "style-src 'self' 'sha256-X1RutGBrXCt9KkSaXMK7tHftWiRscFHOhxsS8tv8hBk=';", target)
		require.Contains(t, policy, "img-src 'self' data: blob:; media-src 'self';", target)
		require.Contains(t, policy, "frame-ancestors 'none'", target)
		require.NotContains(t, policy, "unsafe", target)
		require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"), target)
		require.Equal(t, "same-origin", header.Get("Referrer-Policy"), target)
	}
}

func TestCompressedForThoseWhoTakeIt(t *testing.T) {
	h := built(t)
	const target = "/ui/chat/assets/app-1234.js"
	for accept, packed := range map[string]bool{
		"gzip, deflate, br": true, "br;q=1, gzip;q=0.5": true, "*": true,
		"": false, "br": false, "gzip;q=0": false, "gzip; q=0.0": false, "identity": false,
	} {
		res := ask(h, http.MethodGet, target, "Accept-Encoding", accept)
		require.Equal(t, "Accept-Encoding", res.Header.Get("Vary"), accept)
		var body io.Reader = res.Body
		if packed {
			require.Equal(t, "gzip", res.Header.Get("Content-Encoding"), accept)
			z, err := gzip.NewReader(res.Body)
			require.NoError(t, err, accept)
			body = z
		} else {
			require.Empty(t, res.Header.Get("Content-Encoding"), accept)
		}
		text, err := io.ReadAll(body)
		require.NoError(t, err, accept)
		require.Equal(t, "let it = 'be'", string(text), accept)
	}
	require.Empty(t, ask(h, http.MethodGet, "/ui/chat/sw.js", "Accept-Encoding", "gzip").Header.Get("Content-Encoding"))

	w := httptest.NewRecorder()
	w.Header().Add("Vary", "Origin") // as what is in front of it may say
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
	require.Equal(t, []string{"Origin", "Accept-Encoding"}, w.Header().Values("Vary"))
}

// The page says what it has to know before it asks, packed or not.
func TestThePageKnowsTheSettings(t *testing.T) {
	h := built(t)
	packed := ask(h, http.MethodGet, "/ui/chat/", "Accept-Encoding", "gzip")
	z, err := gzip.NewReader(packed.Body)
	require.NoError(t, err)
	for _, from := range []io.Reader{ask(h, http.MethodGet, "/ui/chat/").Body, z} {
		text, err := io.ReadAll(from)
		require.NoError(t, err)
		require.Contains(t, string(text), `<meta name="confab:password-min" content="12">`)
	}
}

func TestUnchangedFilesAreNotSentAgain(t *testing.T) {
	h := built(t)
	first := ask(h, http.MethodGet, "/ui/chat/")
	again := ask(h, http.MethodGet, "/ui/chat/", "If-None-Match", first.Header.Get("Etag"))
	require.Equal(t, http.StatusNotModified, again.StatusCode)
	other := ask(h, http.MethodGet, "/ui/chat/sw.js", "If-None-Match", first.Header.Get("Etag"))
	require.Equal(t, http.StatusOK, other.StatusCode)
}

func TestHeadIsGetWithoutABody(t *testing.T) {
	h := built(t)
	for _, target := range []string{"/ui/chat/", "/ui/chat/assets/app-1234.js", "/ui/chat/none"} {
		get, head := ask(h, http.MethodGet, target), ask(h, http.MethodHead, target)
		require.Equal(t, get.StatusCode, head.StatusCode, target)
		require.Equal(t, get.Header, head.Header, target)
	}
	body, err := io.ReadAll(ask(h, http.MethodHead, "/ui/chat/").Body)
	require.NoError(t, err)
	require.Empty(t, body)
}

func TestUnknownFiles(t *testing.T) {
	h := built(t)
	for _, target := range []string{
		"/ui/chat/none.js", "/ui/chat/assets/", "/ui/chat/.gitkeep", "/ui/chat/assets/orphan-1.css",
		"/ui/chat/assets/app-1234.js.gz", "/ui/chat/../index.html", "/ui/other/", "/",
	} {
		require.Equal(t, http.StatusNotFound, ask(h, http.MethodGet, target).StatusCode, target)
	}
	res := ask(h, http.MethodGet, "/ui/chat")
	require.Equal(t, http.StatusMovedPermanently, res.StatusCode)
	require.Equal(t, "/ui/chat/", res.Header.Get("Location"))
}

func TestWithoutABuildThePageSaysHowToMakeOne(t *testing.T) {
	h := newHandler(fstest.MapFS{".gitkeep": {}}, Settings{})
	res := ask(h, http.MethodGet, "/ui/chat/index.html")
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, "text/html; charset=utf-8", res.Header.Get("Content-Type"))
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Contains(t, string(body), "make web")
	require.Equal(t, http.StatusNotFound, ask(h, http.MethodGet, "/ui/chat/assets/app.js").StatusCode)
}

func TestTheProgramServesWhatItWasBuiltWith(t *testing.T) {
	res := ask(Handler(Settings{}), http.MethodGet, "/ui/chat/")
	require.Equal(t, http.StatusOK, res.StatusCode)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.True(t, strings.Contains(string(body), `id="app"`) || strings.Contains(string(body), "make web"))
	require.LessOrEqual(t, strings.Count(string(body), "<style"), 1, "the policy has the hash of one")
	require.NotRegexp(t, `<script>|<script [^>]*>[^<]`, string(body))
}
