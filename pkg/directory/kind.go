package directory

import "strings"

// Kind is what the spaces of one kind begin with: a word, and a slash if there are several. Each package declares those that
// it uses as constants of this type, and tenant.Travels says whether they go with exports.
type Kind string

// Of returns the space of an owner, whose text may have slashes.
func (k Kind) Of(owner string) string { return string(k) + owner }

// KindOf returns the kind of a space.
func KindOf(space string) Kind {
	if word, _, several := strings.Cut(space, "/"); several {
		return Kind(word + "/")
	}
	return Kind(space)
}
