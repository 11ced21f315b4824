package api_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/api"
)

var longJSON = `{"text":"` + strings.Repeat("to be or not to be ", 100) + `"}`

func answering(op api.Operation, body string, tagged bool) http.Handler {
	op.Who = api.Anybody
	op.Serve = func(w http.ResponseWriter, r *http.Request) error {
		if tagged {
			api.WriteTagged(w, r, http.StatusOK, "application/json", []byte(body), api.Revalidate)
		} else {
			api.Write(w, http.StatusOK, "application/json", []byte(body))
		}
		return nil
	}
	return &api.Resource{Route: api.Route{Path: "/x", Operations: api.Operations{"GET": op}}}
}

func ask(h http.Handler, method string, headers map[string]string) *http.Response {
	r := httptest.NewRequest(method, "/x", nil)
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func unzipped(t *testing.T, res *http.Response) string {
	t.Helper()
	z, err := gzip.NewReader(res.Body)
	require.NoError(t, err)
	text, err := io.ReadAll(z)
	require.NoError(t, err)
	return string(text)
}

func TestWhatIsCompressed(t *testing.T) {
	long := answering(api.Operation{}, longJSON, false)
	for accept, want := range map[string]bool{
		"gzip": true, "deflate, GZIP;q=0.5": true, "*": true, "br, *;q=0.1": true, "x-gzip": true,
		"": false, "identity": false, "br": false, "gzip;q=0": false, "*, gzip;q=0": false, "*;q=0": false,
	} {
		res := ask(long, "GET", map[string]string{"Accept-Encoding": accept})
		require.Equal(t, want, res.Header.Get("Content-Encoding") == "gzip", accept)
		require.Equal(t, "Accept-Encoding", res.Header.Get("Vary"))
		if want {
			require.Less(t, int(res.ContentLength), len(longJSON)/5)
			require.Equal(t, longJSON, unzipped(t, res))
		} else {
			require.EqualValues(t, len(longJSON), res.ContentLength)
		}
	}
	gzipped := map[string]string{"Accept-Encoding": "gzip"}
	get, head := ask(long, "GET", gzipped), ask(long, "HEAD", gzipped)
	require.Equal(t, get.Header, head.Header)

	for name, h := range map[string]http.Handler{
		"short":   answering(api.Operation{}, "{}", false),
		"secret":  answering(api.Operation{Secret: true}, longJSON, false),
		"picture": answering(api.Operation{AnyType: true}, longJSON, false),
		"stream":  answering(api.Operation{Cache: api.AsServed}, longJSON, false),
	} {
		require.Empty(t, ask(h, "GET", gzipped).Header.Get("Content-Encoding"), name)
	}
	for _, c := range []struct {
		site, origin string
		want         bool
	}{{"same-origin", "", true}, {"none", "", true}, {"cross-site", "", false}, {"same-site", "", false}, {"cross-site", "https://app.example.org", true}} {
		res := ask(long, "GET", map[string]string{"Accept-Encoding": "gzip", "Sec-Fetch-Site": c.site, "Origin": c.origin})
		require.Equal(t, c.want, res.Header.Get("Content-Encoding") == "gzip", "%+v", c)
	}
}

// The compressed representation has an ETag of its own, and either is good for conditions.
func TestETagsOfCompressedAnswers(t *testing.T) {
	h := answering(api.Operation{}, longJSON, true)
	plain := ask(h, "GET", nil).Header.Get("ETag")
	zipped := ask(h, "GET", map[string]string{"Accept-Encoding": "gzip"}).Header.Get("ETag")
	require.Equal(t, api.ETag([]byte(longJSON)), plain)
	require.NotEqual(t, plain, zipped)
	require.NotContains(t, zipped, "W/")
	for _, accept := range []string{"", "gzip"} {
		for _, tag := range []string{plain, zipped, "W/" + zipped, `"x", ` + zipped} {
			res := ask(h, "GET", map[string]string{"Accept-Encoding": accept, "If-None-Match": tag})
			require.Equal(t, http.StatusNotModified, res.StatusCode, tag)
			require.Equal(t, map[string]string{"": plain, "gzip": zipped}[accept], res.Header.Get("ETag"))
			require.Equal(t, "Accept-Encoding", res.Header.Get("Vary"))
			require.Empty(t, res.Header.Get("Content-Encoding"))
		}
		require.Equal(t, 200, ask(h, "GET", map[string]string{"Accept-Encoding": accept, "If-None-Match": `"-gzip"`}).StatusCode)
	}
	for tag, ok := range map[string]bool{plain: true, zipped: true, "W/" + zipped: false, `"other-gzip"`: false} {
		r := httptest.NewRequest("PUT", "/x", nil)
		r.Header.Set("If-Match", tag)
		require.Equal(t, ok, api.CheckConditions(r, []byte(longJSON)) == nil, tag)
	}
}

// An answer in parts is one stream, which every part completes by what it adds.
func TestPartsAreCompressed(t *testing.T) {
	parts := []string{"[" + strings.Repeat("1,", 3000), strings.Repeat("1,", 50_000), "", "2]"}
	h := &api.Resource{Route: api.Route{Path: "/x", Operations: api.Operations{"GET": {Who: api.Anybody, Serve: func(w http.ResponseWriter, r *http.Request) error {
		p := api.WriteParts(w, "application/json")
		for i, part := range parts {
			if err := p.Write([]byte(part), i == len(parts)-1); err != nil {
				return err
			}
			if r.URL.Query().Has("broken") {
				break
			}
		}
		return nil
	}}}}}
	read := func(target, accept string) (*http.Response, string, error) {
		r := httptest.NewRequest("GET", target, nil)
		r.Header.Set("Accept-Encoding", accept)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		var in io.Reader = w.Body
		if accept == "gzip" {
			require.Less(t, w.Body.Len(), 2000)
			z, err := gzip.NewReader(w.Body)
			require.NoError(t, err)
			z.Multistream(false) // browsers read the first stream only
			in = z
		}
		text, err := io.ReadAll(in)
		return w.Result(), string(text), err
	}
	res, text, err := read("/", "gzip")
	require.NoError(t, err)
	require.Equal(t, strings.Join(parts, ""), text)
	require.Equal(t, "gzip", res.Header.Get("Content-Encoding"))
	res, text, err = read("/", "identity")
	require.NoError(t, err)
	require.Equal(t, strings.Join(parts, ""), text)
	require.Empty(t, res.Header.Get("Content-Encoding"))
	require.Equal(t, "Accept-Encoding", res.Header.Get("Vary"))
	_, _, err = read("/?broken", "gzip")
	require.ErrorIs(t, err, io.ErrUnexpectedEOF, "one that is not whole is seen to be")
}
