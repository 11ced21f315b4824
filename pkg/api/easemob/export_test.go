package easemob

// An Operation is an operation of the API, for the test of who may call what.
type Operation struct {
	Method, Path string
	By           rights
}

// The rights, for tests.
const (
	ByApp, ByUser, ByAnybody          = byApp, byUser, byAnybody
	ByServer, ByOrganisation, ByAdmin = byServer, byOrganisation, byAdmin
	ByMember, BySelf                  = byMember, bySelf
)

// Operations returns every operation that the API has.
func Operations() (all []Operation) {
	a := New(Parts{})
	for prefix, routes := range map[string][]route{"/{org}/{app}": a.apps(), "": append(a.management(), a.links()...)} {
		for _, rt := range routes {
			for method, op := range rt.methods {
				all = append(all, Operation{method, prefix + rt.path, op.by})
			}
		}
	}
	return all
}
