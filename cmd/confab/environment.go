package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// envPrefix begins the names of all settings in the environment.
const envPrefix = "CONFAB_"

// unknownSettings looks for names in the environment that look like settings and are none. It returns an error for those
// that are nearly a setting of the command, as the server would run without what the operator meant to set, and a line
// for each other one. Names that others set are left out; see foreign.
func unknownSettings(app *kong.Kong, ofCommand []*kong.Flag, environ []string) (unknown []string, misspelt error) {
	known, near := map[string]bool{}, map[string]bool{}
	for f := range flagsOf(app.Model.Node) {
		for _, env := range f.Envs {
			known[env] = true
		}
	}
	for _, f := range ofCommand {
		for _, env := range f.Envs {
			near[env] = true
		}
	}
	var errs []error
	for _, e := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(name, envPrefix) || known[name] || foreign(strings.TrimPrefix(name, envPrefix), value) {
			continue
		}
		if meant, changes := nearest(name, near); changes <= slips(name) {
			errs = append(errs, badSetting("%s in the environment is no setting of confab: is %s meant?", name, meant))
			continue
		}
		line := name + " in the environment is no setting of confab and is ignored"
		if meant, changes := nearest(name, known); changes <= (len(name)-len(envPrefix)+1)/2 {
			line += fmt.Sprintf("; the nearest name is %s", meant)
		}
		unknown = append(unknown, line)
	}
	return unknown, errors.Join(errs...)
}

// slips is how many letters a misspelt name may differ from the one that is meant: one of four, three at most.
func slips(name string) int { return min((len(name)-len(envPrefix)+3)/4, 3) }

// foreign reports whether a name, without its prefix, is one of those that the scripts and tests of this repository
// take, or that Kubernetes sets for a service called confab.
func foreign(name, value string) bool {
	return slices.Contains([]string{"BASE", "BIN", "CACHE", "CASSANDRA_HEAP", "CHROMIUM", "LOG"}, name) ||
		name == "PORT" && strings.HasPrefix(value, "tcp://") ||
		slices.ContainsFunc([]string{"BENCH_", "CHAOS_", "DATACENTRES_", "E2E_", "ROLES_", "TEST_", "PORT_", "SERVICE_"},
			func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// nearest returns the name that the fewest changes of letters lead to, the first in the alphabet of several, and how many
// these are.
func nearest(name string, known map[string]bool) (best string, changes int) {
	changes = len(name)
	for k := range known {
		if d := distance(name, k); d < changes || d == changes && k < best {
			best, changes = k, d
		}
	}
	return best, changes
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
