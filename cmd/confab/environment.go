package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// envPrefix begins the names of all settings in the environment.
const envPrefix = "CONFAB_"

// unknownSettings returns a line for each name in the environment that looks like a setting and is none: a misspelt
// setting should not be ignored silently. Names that others set are left out; see foreign.
func unknownSettings(app *kong.Kong, environ []string) []string {
	known := map[string]bool{}
	for f := range flagsOf(app.Model.Node) {
		for _, env := range f.Envs {
			known[env] = true
		}
	}
	var lines []string
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(name, envPrefix) || known[name] || foreign(strings.TrimPrefix(name, envPrefix), value) {
			continue
		}
		line := name + " in the environment is no setting of confab and is ignored"
		if near, ok := nearest(name, known); ok {
			line += fmt.Sprintf("; the nearest name is %s", near)
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

// foreign reports whether a name, without its prefix, is one of those that the scripts and tests of this repository
// take, or that Kubernetes sets for a service called confab.
func foreign(name, value string) bool {
	return slices.Contains([]string{"BASE", "BIN", "CACHE", "CASSANDRA_HEAP", "CHROMIUM", "LOG"}, name) ||
		name == "PORT" && strings.HasPrefix(value, "tcp://") ||
		slices.ContainsFunc([]string{"BENCH_", "CHAOS_", "DATACENTRES_", "E2E_", "TEST_", "PORT_", "SERVICE_"},
			func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// nearest returns the name that the fewest changes of letters lead to, the first in the alphabet of several; false if
// even that has little in common with the given one.
func nearest(name string, known map[string]bool) (string, bool) {
	best, least := "", len(name)
	for k := range known {
		if d := distance(name, k); d < least || d == least && k < best {
			best, least = k, d
		}
	}
	return best, least <= (len(name)-len(envPrefix)+1)/2
}

// distance is how many letters have to be inserted, removed or replaced to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
