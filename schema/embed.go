// Package schema holds what describes confab's data and interfaces to others: the
// versioned CQL of the Cassandra store, and the description of the HTTP API.
package schema

import "embed"

// OpenAPI is the description of the HTTP API (OpenAPI 3.1, YAML).
//
//go:embed openapi.yaml
var OpenAPI []byte

// Cassandra holds cassandra/manifest.json and the CQL files it names.
//
//go:embed cassandra
var Cassandra embed.FS
