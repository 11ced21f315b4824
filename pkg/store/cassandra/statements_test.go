package cassandra

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// statementsOf returns the statements of this package that write, by the names of their constants.
func statementsOf(t *testing.T) map[string]string {
	all := map[string]string{}
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			for i, v := range spec.Values {
				lit, ok := v.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					continue
				}
				text, err := strconv.Unquote(lit.Value)
				require.NoError(t, err)
				switch word, _, _ := strings.Cut(text, " "); word {
				case "INSERT", "UPDATE", "DELETE":
					all[spec.Names[i].Name] = text
				}
			}
			return true
		})
	}
	require.Greater(t, len(all), 40)
	return all
}

// isClaim reports whether a statement is a lightweight transaction.
func isClaim(text string) bool { return slices.Contains(strings.Fields(text), "IF") }
