// Package schema holds what describes confab's data and interfaces to others: the
// versioned CQL of the Cassandra store.
package schema

import "embed"

// Cassandra holds cassandra/manifest.json and the CQL files it names.
//
//go:embed cassandra
var Cassandra embed.FS
