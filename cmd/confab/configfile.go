package main

import (
	"fmt"
	"iter"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// configFile is the flag --config: it adds the file's settings to what kong resolves.
type configFile string

// BeforeResolve implements kong's hook: flags not given elsewhere come from the file.
func (f configFile) BeforeResolve(app *kong.Kong, ctx *kong.Context, trace *kong.Path) error {
	path := string(ctx.FlagValue(trace.Flag).(configFile))
	raw, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("the settings file cannot be read: %w", err)
	}
	settings := map[string]any{}
	if err := yaml.Unmarshal(raw, &settings); err != nil {
		return fmt.Errorf("%s is not valid YAML: %w", path, err)
	}
	if err := knownSettings(app, ctx, path, settings); err != nil {
		return err
	}
	ctx.AddResolver(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		v, ok := settings[flag.Name]
		if !ok || slices.ContainsFunc(flag.Envs, isSet) { // kong asks resolvers after the environment
			return nil, nil
		}
		return spell(flag.Name, v)
	}))
	return nil
}

func isSet(env string) bool {
	_, ok := os.LookupEnv(env)
	return ok
}

// knownSettings refuses keys that are no flag of serve, nor of the command that runs: a setting that has no effect is not
// to be ignored silently. All commands may share the file of a server.
func knownSettings(app *kong.Kong, ctx *kong.Context, path string, settings map[string]any) error {
	known := map[string]bool{}
	for _, f := range ctx.Flags() {
		known[f.Name] = true
	}
	for _, child := range app.Model.Children {
		if child.Name == "serve" {
			for f := range flagsOf(child) {
				known[f.Name] = true
			}
		}
	}
	elsewhere := map[string]bool{}
	for f := range flagsOf(app.Model.Node) {
		elsewhere[f.Name] = true
	}
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		switch {
		case known[key]:
		case elsewhere[key]:
			return fmt.Errorf("%s: %q is a flag of another command and no setting of this one; confab serve --help lists the settings", path, key)
		default:
			return fmt.Errorf("%s: there is no setting %q; confab serve --help lists them", path, key)
		}
	}
	return nil
}

// flagsOf returns the flags of a command and of all commands below it.
func flagsOf(n *kong.Node) iter.Seq[*kong.Flag] {
	return func(yield func(*kong.Flag) bool) {
		for _, f := range n.Flags {
			if !yield(f) {
				return
			}
		}
		for _, child := range n.Children {
			for f := range flagsOf(child) {
				if !yield(f) {
					return
				}
			}
		}
	}
}

// spell writes a YAML value as it would stand on the command line.
func spell(name string, v any) (any, error) {
	switch x := v.(type) {
	case nil:
		return nil, nil
	case []any:
		parts := make([]string, len(x))
		for i, e := range x {
			parts[i] = fmt.Sprint(e)
		}
		return strings.Join(parts, ","), nil
	case map[string]any:
		return nil, fmt.Errorf("the setting %q takes a value, not a mapping", name)
	}
	return fmt.Sprint(v), nil
}
