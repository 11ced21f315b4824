package easemob_test

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/api/apitest"
	"github.com/confab-chat/confab/pkg/api/easemob"
	"github.com/confab-chat/confab/pkg/tenant"
)

// contract is the description of the platform.
var contract = sync.OnceValues(apitest.LoadPlatform)

// spelled writes paths of routes with the long form of words that have two.
var spelled = strings.NewReplacer("{word:organizations|orgs}", "organizations", "{word2:applications|apps}", "applications", "{kind:user|chatgroup}", "{kind}")

// describedAs is the path that stands for an operation in the description.
func describedAs(op easemob.Operation) string {
	path := spelled.Replace(op.Path)
	if op.Method == "POST" && path == "/{org}/{app}/users/{user}/status" { // which is of several users; see users.go
		return "/{org}/{app}/users/batch/status"
	}
	return path
}

func described(t *testing.T, op easemob.Operation) *openapi3.Operation {
	t.Helper()
	c, err := contract()
	require.NoError(t, err)
	path := describedAs(op)
	item := c.Doc.Paths.Value(path)
	require.NotNil(t, item, "%s is not described", path)
	d := item.GetOperation(op.Method)
	require.NotNil(t, d, "%s %s is not described", op.Method, path)
	return d
}

// held is a transport that holds the platform, and who calls it, to the description; not what comes on streams.
type held struct {
	*testing.T
	http.RoundTripper
}

func (h held) RoundTrip(r *http.Request) (*http.Response, error) {
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if first != "management" && first != "files" && !tenant.ValidOrganisation(first) {
		return h.RoundTripper.RoundTrip(r) // it is another API's
	}
	var sent []byte
	if r.Body != nil {
		var err error
		if sent, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		asked := r
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(sent))
		defer asked.Body.Close()
	}
	res, err := h.RoundTripper.RoundTrip(r)
	if err != nil || r.Method == http.MethodGet && res.Header.Get("Content-Type") == "text/event-stream" {
		return res, err
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(body))
	c, err := contract()
	if err != nil {
		return nil, err
	}
	c.Check(h, r, sent, res.StatusCode, res.Header, body)
	return res, nil
}

// Each operation is described, and nothing else is. See TestRightsOfThePlatform for who may call it.
func TestTheDescriptionIsThatOfTheRoutes(t *testing.T) {
	c, err := contract()
	require.NoError(t, err)
	var have, want []string
	for _, op := range easemob.Operations() {
		want = append(want, op.Method+" "+describedAs(op))
	}
	names := map[string]bool{}
	callers, ok := c.Doc.Extensions["x-callers"].(map[string]any)
	require.True(t, ok)
	for path, item := range c.Doc.Paths.Map() {
		var variables []string
		for _, p := range item.Parameters {
			require.Equal(t, openapi3.ParameterInPath, p.Value.In, path)
			require.NotNil(t, p.Value.Example, path)
			variables = append(variables, "{"+p.Value.Name+"}")
		}
		for _, v := range strings.FieldsFunc(path, func(r rune) bool { return r == '/' }) {
			require.Equal(t, strings.HasPrefix(v, "{"), slices.Contains(variables, v), "%s in %s", v, path)
		}
		for method, d := range item.Operations() {
			at := method + " " + path
			have = append(have, at)
			require.False(t, names[d.OperationID], "%s is the name of two operations", d.OperationID)
			names[d.OperationID] = true
			require.NotEmpty(t, d.Summary, at)
			require.Len(t, d.Tags, 1, at)
			require.Contains(t, callers, d.Extensions["x-caller"], at)
			require.Equal(t, d.Extensions["x-caller"] == "anybody", d.Security != nil && len(*d.Security) == 0, at)
		}
	}
	require.ElementsMatch(t, want, have)
}

// The examples of bodies are as they are described, every body has one, and answers have no members but those described.
func TestTheExamplesAreAsDescribed(t *testing.T) {
	c, err := contract()
	require.NoError(t, err)
	for path, item := range c.Doc.Paths.Map() {
		for method, op := range item.Operations() {
			at := method + " " + path
			if op.RequestBody != nil {
				for kind, media := range op.RequestBody.Value.Content {
					if strings.HasPrefix(kind, "multipart/") {
						continue
					}
					require.NotEmpty(t, media.Examples, "%s %s", at, kind)
					for name, x := range media.Examples {
						require.NoError(t, media.Schema.Value.VisitJSON(x.Value.Value), "%s: the example %s", at, name)
					}
				}
			}
			for status, answer := range op.Responses.Map() {
				if media := answer.Value.Content["application/json"]; media != nil {
					closed(t, at+" "+status, media.Schema)
				}
			}
		}
	}
}

// closed requires that a schema, and what is in it, allows no members that are not described. Of several that hold together
// one is enough. Data of clients are objects without any description.
func closed(t *testing.T, what string, ref *openapi3.SchemaRef) {
	t.Helper()
	if ref == nil {
		return
	}
	s := ref.Value
	if values := s.AdditionalProperties.Schema; values != nil { // a map: its keys are data
		closed(t, what, values)
	} else if len(s.Properties) > 0 && len(s.AllOf) == 0 {
		require.NotNil(t, s.AdditionalProperties.Has, "%s: an object of %s may have any members", what, ref.Ref)
		require.False(t, *s.AdditionalProperties.Has, what)
	}
	for _, p := range s.Properties {
		closed(t, what, p)
	}
	closed(t, what, s.Items)
	for _, p := range append(s.OneOf, s.AnyOf...) {
		closed(t, what, p)
	}
	for i, p := range s.AllOf {
		if i == 0 {
			closed(t, what, p)
			continue
		}
		for _, member := range p.Value.Properties {
			closed(t, what, member)
		}
	}
}
