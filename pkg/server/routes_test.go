package server_test

import (
	"slices"
	"strconv"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/api/apitest"
	"github.com/confab-chat/confab/pkg/server"
)

// Each operation is described with what its route says, and nothing else is described.
func TestTheDescriptionIsThatOfTheRoutes(t *testing.T) {
	contract, err := apitest.Load()
	require.NoError(t, err)
	type place struct{ path, method string }
	described := map[place]*openapi3.Operation{}
	variables := map[place]openapi3.Parameters{}
	for path, item := range contract.Doc.Paths.Map() {
		for method, op := range item.Operations() {
			described[place{path, method}] = op
			variables[place{path, method}] = append(slices.Clone(item.Parameters), op.Parameters...)
		}
	}
	ids := map[string]bool{}
	for _, rt := range server.Routes() {
		for method, op := range rt.Operations {
			at := place{rt.Path, method}
			d := described[at]
			require.NotNil(t, d, "%s %s is not described", method, rt.Path)
			delete(described, at)
			require.Equal(t, op.ID, d.OperationID, at)
			require.False(t, ids[op.ID], "%s is the name of two operations", op.ID)
			ids[op.ID] = true

			var statuses []int
			for s := range d.Responses.Map() {
				n, err := strconv.Atoi(s)
				require.NoError(t, err)
				statuses = append(statuses, n)
			}
			require.ElementsMatch(t, rt.Statuses(method), statuses, "the statuses of %s", op.ID)

			query, headers := []string{}, []string{}
			for _, p := range variables[at] {
				switch p.Value.In {
				case openapi3.ParameterInQuery:
					query = append(query, p.Value.Name)
				case openapi3.ParameterInHeader:
					headers = append(headers, p.Value.Name)
				}
			}
			require.ElementsMatch(t, op.Query, query, "the parameters of %s", op.ID)
			tagged := op.Cache == api.Revalidate || op.Cache == api.ForAMinute
			require.Equal(t, op.Conditional || tagged, slices.Contains(headers, "If-None-Match"), "the conditions of %s", op.ID)
			require.Equal(t, op.Conditional, slices.Contains(headers, "If-Match"), "the conditions of %s", op.ID)

			require.Equal(t, op.Who == api.Anybody, d.Security != nil && len(*d.Security) == 0, "who may call %s", op.ID)
			require.Equal(t, bodies[op.Body], mediaTypes(d), "the body of %s", op.ID)
			require.NotEmpty(t, d.Summary, op.ID)
			require.Len(t, d.Tags, 1, op.ID)
		}
	}
	require.Empty(t, described, "described, but there is no such route")
}

// bodies are the media types of each kind of body.
var bodies = map[api.Body][]string{
	api.NoBody:       nil,
	api.JSON:         {"application/json"},
	api.OptionalJSON: {"application/json"},
	api.MergePatch:   {"application/json", "application/merge-patch+json"},
	api.Credentials:  {"*/*", "application/json", "application/x-www-form-urlencoded"},
	api.File:         {"*/*", "image/png", "multipart/form-data"},
	api.Picture:      {"image/gif", "image/jpeg", "image/png", "image/webp"},
}

func mediaTypes(op *openapi3.Operation) []string {
	if op.RequestBody == nil {
		return nil
	}
	var kinds []string
	for kind := range op.RequestBody.Value.Content {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	return kinds
}
