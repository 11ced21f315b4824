package chatapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// unsized sends a body without its length.
func unsized(r *http.Request) { r.ContentLength = -1 }

// What anybody may send is small, on every mount, whether its length is announced or not.
func TestBodiesOfStrangersAreSmall(t *testing.T) {
	c := signedUp(t, K)
	login := func(n int) string {
		good := url.Values{"j_username": {c.login}, "j_password": {"pw of " + c.login}}.Encode() + "&x="
		return good + strings.Repeat("x", n-len(good))
	}
	for name, mount := range everywhere {
		t.Run(name, func(t *testing.T) {
			b := anonymous(t, mount)
			b.do("POST", "/authenticate", login(8<<10), form).is(204)
			for _, length := range []option{func(*http.Request) {}, unsized} {
				b.do("POST", "/authenticate", login(8<<10+1), form, length).refused(413)
				b.do("POST", "/users", `{"login":"x"}`+strings.Repeat(" ", 64<<10), length).refused(413)
			}
		})
	}
	b := anonymous(t, V)
	body := `{"login":"` + c.login + `","password":"` + strings.Repeat("p", 8<<10) + `"}`
	a := b.do("POST", "/authenticate", body).refused(413)
	require.Contains(t, a["message"], "8192 bytes")
	c.logIn(false)
	c.at(V).do("PUT", "/users/"+c.login+"/password", `{"password":"`+strings.Repeat("p", 64<<10)+`"}`).refused(413)
}
