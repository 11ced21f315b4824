package api

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWriteTagged(t *testing.T) {
	body := []byte(`{"a":1}`)
	tag := ETag(body)
	require.Equal(t, tag, ETag([]byte(`{"a":1}`)), "the same from every node")
	require.NotEqual(t, tag, ETag([]byte(`{"a":2}`)))
	for name, c := range map[string]struct {
		method, ifNoneMatch string
		status              int
	}{
		"nothing asked":      {"GET", "", 200},
		"the one":            {"GET", tag, 304},
		"HEAD":               {"HEAD", tag, 304},
		"weak":               {"GET", "W/" + tag, 304},
		"any":                {"GET", "*", 304},
		"one of several":     {"GET", `"x", W/"y,z" , ` + tag, 304},
		"another":            {"GET", `"x"`, 200},
		"malformed":          {"GET", `x, ` + tag, 200},
		"open quote":         {"GET", `"` + tag[1:10], 200},
		"not for a change":   {"PUT", tag, 200},
		"comma inside a tag": {"GET", `"x,` + tag[1:], 200},
	} {
		r := httptest.NewRequest(c.method, "/", nil)
		if c.ifNoneMatch != "" {
			r.Header.Set("If-None-Match", c.ifNoneMatch)
		}
		w := httptest.NewRecorder()
		w.Header().Set("Cache-Control", "no-store")
		WriteTagged(w, r, 200, "application/json", body, Revalidate)
		require.Equal(t, c.status, w.Code, name)
		require.Equal(t, tag, w.Header().Get("ETag"), name)
		if c.method == "PUT" {
			require.Equal(t, "no-store", w.Header().Get("Cache-Control"), name)
			continue
		}
		require.Equal(t, "private, no-cache", w.Header().Get("Cache-Control"), name)
		if c.status == 304 {
			require.Empty(t, w.Body.Bytes(), name)
			require.Empty(t, w.Header().Get("Content-Type"), name)
		}
	}
}

func TestCheckConditions(t *testing.T) {
	now := []byte("now")
	tag := ETag(now)
	for name, c := range map[string]struct {
		ifMatch, ifNoneMatch string
		now                  []byte
		good                 bool
	}{
		"none":                        {"", "", now, true},
		"the one":                     {tag, "", now, true},
		"one of several":              {`"x",` + tag, "", now, true},
		"there":                       {"*", "", now, true},
		"not there":                   {"*", "", nil, false},
		"another":                     {`"x"`, "", now, false},
		"a weak tag never matches":    {"W/" + tag, "", now, false},
		"nothing has no tag":          {tag, "", nil, false},
		"to be created":               {"", "*", nil, true},
		"not to be replaced":          {"", "*", now, false},
		"changed meanwhile":           {"", `"x"`, now, true},
		"not changed":                 {"", "W/" + tag, now, false},
		"malformed holds for nothing": {"x", "", now, false},
	} {
		r := httptest.NewRequest("PUT", "/", nil)
		if c.ifMatch != "" {
			r.Header.Set("If-Match", c.ifMatch)
		}
		if c.ifNoneMatch != "" {
			r.Header.Set("If-None-Match", c.ifNoneMatch)
		}
		require.Equal(t, c.ifMatch+c.ifNoneMatch != "", Conditional(r), name)
		err := CheckConditions(r, c.now)
		if c.good {
			require.NoError(t, err, name)
			continue
		}
		status, _ := StatusOf(err)
		require.Equal(t, 412, status, name)
	}
}

func FuzzListed(f *testing.F) {
	f.Add(`"a", W/"b"`)
	f.Add(`,,"`)
	f.Fuzz(func(t *testing.T, list string) {
		tag := ETag([]byte(list))
		if listed([]string{list}, tag, true) {
			require.Equal(t, "*", strings.TrimSpace(list), "no list holds its own hash")
		}
		require.True(t, listed([]string{tag, list}, tag, false))
	})
}
