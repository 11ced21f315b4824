// Package docs serves the descriptions of the APIs, schema/openapi.yaml and schema/asyncapi.yaml, and a page that shows
// both to people. The page is made once from the documents, needs no script, and loads nothing from elsewhere.
package docs

import "github.com/confab-chat/confab/schema"

// The documents, by the names under which they refer to each other.
const openAPI = "openapi.yaml"

func load() (library, error) {
	lib := library{}
	return lib, lib.add(openAPI, schema.OpenAPI)
}
