package api

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
)

// option is a member with a decoder of its own, as members of changes have.
type option struct{ value *string }

func (o *option) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &o.value) }

func TestAWrongBodySaysWhatWasExpectedWhere(t *testing.T) {
	const lead = "the body is not the JSON that is expected here"
	for body, want := range map[string]string{
		`{"content":7}`:                              lead + ": content has to be a text, not a number",
		`{"password":["hunter2"]}`:                   lead + ": password has to be a text, not a list",
		`{"author":"ann"}`:                           lead + ": author has to be an object, not a text",
		`{"author":{"login":true}}`:                  lead + ": author.login has to be a text, not true or false",
		`{"muted":"yes"}`:                            lead + ": muted has to be true or false, not a text",
		`{"id":"a,b"}`:                               lead + ": id has to be a list, not a text",
		`{"id":["a",7]}`:                             lead + ": id.1 has to be a text, not a number",
		`{"size":1.5}`:                               lead + ": size has to be a whole number, not a number",
		`{"bio":7}`:                                  lead + ": bio has to be a text, not a number",
		`{"size":9223372036854775808}`:               lead + ": size is a number out of range",
		`{"content":"a","muted":true,"content":"b"}`: lead + ": content is there twice",
		`{"author":{"login":"a","login":"b"}}`:       lead + ": author.login is there twice",
		`{"unknown":[{"a":1,"\u0061":2}]}`:           lead + ": unknown.0.a is there twice",
		`{"bio":"a","bio":"b"}`:                      lead + ": bio is there twice",
		`{"content":"a",}`:                           lead + ": it is not well-formed at byte 14",
		`{"content":`:                                lead + ": it is not well-formed at byte 11, in content",
		`["content"]`:                                "the body has to be a JSON object",
	} {
		var v struct {
			Content  *string `json:"content"`
			Password *string `json:"password"`
			Author   *struct {
				Login *string `json:"login"`
			} `json:"author"`
			Muted *bool    `json:"muted"`
			ID    []string `json:"id"`
			Size  int      `json:"size"`
			Bio   option   `json:"bio"`
		}
		err := DecodeJSON([]byte(body), &v)
		require.Error(t, err, body)
		status, message := StatusOf(err)
		require.Equal(t, 400, status)
		require.Equal(t, want, message, body)
	}
}

// Names are compared in time that grows with the body. With its square this would take longer than tests may.
func TestManyNamesInABody(t *testing.T) {
	var body strings.Builder
	for n := range 250_000 {
		fmt.Fprintf(&body, `,"m%d":0`, n)
	}
	require.NoError(t, DecodeJSON([]byte("{"+body.String()[1:]+"}"), &map[string]jsontext.Value{}))
	require.NoError(t, DecodeJSON([]byte("{"+body.String()[1:]+"}"), &struct{ A int }{}))
	require.NoError(t, DecodeJSON([]byte(`{"deep":{`+body.String()[1:]+"}}"), &map[string]jsontext.Value{}))
	err := DecodeJSON([]byte("{"+body.String()[1:]+`,"m7":1}`), &map[string]jsontext.Value{})
	_, message := StatusOf(err)
	require.Equal(t, "the body is not the JSON that is expected here: m7 is there twice", message)
}

func TestAListIsABody(t *testing.T) {
	var v []map[string]jsontext.Value
	require.NoError(t, DecodeList([]byte(`[{"a":1},{"a":2}]`), &v))
	require.Len(t, v, 2)
	_, message := StatusOf(DecodeList([]byte(`[{"a":1,"a":2}]`), &v))
	require.Equal(t, "the body is not the JSON that is expected here: 0.a is there twice", message)
}

// A client chooses how deep a body is, and the names in it.
func TestThePathInAMessageIsShort(t *testing.T) {
	for _, body := range []string{strings.Repeat(`{"a":`, 200_000), `{"` + strings.Repeat("ä", 10_000) + `":`} {
		err := DecodeJSON([]byte(body), &map[string]any{})
		_, message := StatusOf(err)
		require.Less(t, len(message), 256)
		require.True(t, utf8.ValidString(message))
		require.True(t, strings.HasSuffix(message, "…"), message)
	}
}
