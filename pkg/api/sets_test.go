package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSets(t *testing.T) {
	for segment, want := range map[string]Set{
		"a": {[]string{"a"}, true}, "a,b": {[]string{"a", "b"}, false}, "b;a": {[]string{"b", "a"}, false}, "a,a": {[]string{"a", "a"}, false},
	} {
		got, err := ParseSet(segment)
		require.NoError(t, err, segment)
		require.Equal(t, want, got, segment)
	}
	got, err := ParseSet("b", "a")
	require.NoError(t, err)
	require.Equal(t, Set{[]string{"b", "a"}, false}, got)
	full := strings.Repeat("x,", MaxSet-1) + "x"
	_, err = ParseSet(full)
	require.NoError(t, err)
	for _, bad := range [][]string{{""}, {"a,"}, {",a"}, {"a;;b"}, {";"}, {"a,b;c"}, {"a;b", "c"}, {"a", ""}, {full + ",x"}} {
		_, err := ParseSet(bad...)
		status, _ := StatusOf(err)
		require.Equal(t, http.StatusBadRequest, status, "%.20q", bad)
	}
}

func TestMatrixParametersAreRefused(t *testing.T) {
	for path, refused := range map[string]bool{
		"/rooms/a": false, "/rooms/a;b": false, "/rooms/a,b": false, "/rooms/a=b": false, "/rooms/a=b;c": false,
		"/rooms/a;b=c": true, "/rooms;x=y": true, "/rooms;x=/a": true, "/rooms/a%3Bb=c": true, "/rooms/a;b%3Dc": true, "/users;v=1/ann/avatar": true,
	} {
		err := CheckMatrix(httptest.NewRequest("GET", path, nil))
		require.Equal(t, refused, err != nil, path)
	}
}

func TestASemicolonIsOrdinaryInAQuery(t *testing.T) {
	var got []string
	h := Semicolons(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		q, err := Query(r)
		require.NoError(t, err)
		got = append(got, q.Get("id"), q.Get("b"))
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/?id=a;b&b=c", nil))
	require.Equal(t, []string{"a;b", "c"}, got)
}
