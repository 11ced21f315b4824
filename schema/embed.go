// Package schema holds what describes confab's data and interfaces to others: the
// versioned CQL of the Cassandra store, and the descriptions of the HTTP API and of what comes in real time.
package schema

import "embed"

// OpenAPI is the description of the HTTP API (OpenAPI 3.1, YAML).
//
//go:embed openapi.yaml
var OpenAPI []byte

// Platform is the description of the platform, the API of apps and their organisations (OpenAPI 3.1, YAML).
//
//go:embed platform.yaml
var Platform []byte

// AsyncAPI is the description of what comes in real time (AsyncAPI 3.0, YAML). It refers to OpenAPI as openapi.yaml.
//
//go:embed asyncapi.yaml
var AsyncAPI []byte

// Cassandra holds cassandra/manifest.json and the CQL files it names.
//
//go:embed cassandra
var Cassandra embed.FS
