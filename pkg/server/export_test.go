package server

import (
	"github.com/gorilla/mux"

	"github.com/confab-chat/confab/pkg/api"
)

// Registered returns every route that a node serves, with its whole path. What is registered without a route is returned as
// one without operations.
func Registered(n *Node) (routes []api.Route, err error) {
	err = n.router.Walk(func(r *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		if r.GetHandler() == nil { // a prefix, whose routes come next
			return nil
		}
		path, err := r.GetPathTemplate()
		if err != nil {
			return err
		}
		rt := api.Route{}
		if resource, ok := r.GetHandler().(*api.Resource); ok {
			rt = resource.Route
		}
		rt.Path = path
		routes = append(routes, rt)
		return nil
	})
	return routes, err
}
