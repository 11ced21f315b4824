package easemob

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The README lists every path.
func TestReadmeListsThePaths(t *testing.T) {
	text, err := os.ReadFile("../../../README.md")
	require.NoError(t, err)
	either := regexp.MustCompile(`\{\w+:(\w+)\|\w+\}`) // a word that has a short form, or one of two
	a := New(Parts{})
	for prefix, routes := range map[string][]route{"/{org}/{app}": a.apps(), "": append(a.management(), a.links()...)} {
		for _, rt := range routes {
			path := prefix + either.ReplaceAllString(rt.path, "$1")
			require.True(t, strings.Contains(string(text), "`"+path+"`"), path)
		}
	}
}
