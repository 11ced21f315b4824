package tenant_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/tenant"
)

// kinds are the constants of type directory.Kind in the code, by the place of their declaration.
func kinds(t *testing.T) map[string]directory.Kind {
	found := map[string]directory.Kind{}
	require.NoError(t, filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if of, ok := v.Type.(*ast.SelectorExpr); ok && of.Sel.Name == "Kind" && of.X.(*ast.Ident).Name == "directory" {
				text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
				require.NoError(t, err)
				found[files.Position(v.Pos()).String()] = directory.Kind(text)
			}
			return true
		})
		return nil
	}))
	return found
}

// Nothing is exported, or left out, because nobody thought of it.
func TestOfEveryKindOfSpacesItIsDecidedWhetherItTravels(t *testing.T) {
	all := kinds(t)
	require.GreaterOrEqual(t, len(all), 11)
	for where, k := range all {
		_, decided := tenant.Travels(k)
		require.True(t, decided, "%s: say in tenant.travels whether exports carry the entries of %q", where, k)
	}
}

// spacesByHand are uses of the directory with a space that is no constant of type directory.Kind: their entries would stay
// behind.
func TestSpacesAreMadeOfKinds(t *testing.T) {
	require.NoError(t, filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "storetest") {
			return err
		}
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if v, ok := n.(*ast.KeyValueExpr); ok {
				if key, ok := v.Key.(*ast.Ident); ok && key.Name == "Space" {
					_, literal := v.Value.(*ast.BasicLit)
					_, sum := v.Value.(*ast.BinaryExpr)
					require.False(t, literal || sum, "%s: make the space of a directory.Kind", files.Position(v.Pos()))
				}
			}
			return true
		})
		return nil
	}))
}
