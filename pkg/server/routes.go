package server

import (
	"net/http"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/api/adminapi"
	"github.com/confab-chat/confab/pkg/api/chatapi"
)

// Routes returns every route that the description of the API (schema/openapi.yaml) covers, with its whole path. Their
// operations cannot be called.
func Routes() []api.Route {
	var out []api.Route
	add := func(prefix string, routes ...api.Route) {
		for _, rt := range routes {
			rt.Path = prefix + rt.Path
			out = append(out, rt)
		}
	}
	add(chatapi.V1, chatapi.Routes()...)
	add(chatapi.V1, stompRoute)
	add(adminapi.Prefix, adminapi.Routes()...)
	add("", probes(nil, nil, nil)...)
	return out
}

// reading returns a route that anybody may read and that h serves, with headers of its own.
func reading(path string, h http.Handler) api.Route {
	return api.Route{Path: path, Operations: api.Operations{"GET": serving(api.Operation{Who: api.Anybody, Cache: api.AsServed}, h)}}
}
