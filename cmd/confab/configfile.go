package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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
	settings, err := readSettings(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
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

// readSettings returns the values of a settings file by their keys.
func readSettings(raw []byte) (map[string]*yaml.Node, error) {
	in := yaml.NewDecoder(bytes.NewReader(raw))
	var doc, second yaml.Node
	switch err := in.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("this is not valid YAML: %w", err)
	}
	if !errors.Is(in.Decode(&second), io.EOF) {
		return nil, errors.New("a settings file is one document, and this one has a line --- with another one after it")
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, errors.New("a settings file is a list of lines like listen: 127.0.0.1:8080")
	}
	settings := map[string]*yaml.Node{}
	for i := 0; i < len(root.Content); i += 2 {
		key := root.Content[i]
		if settings[key.Value] != nil {
			return nil, fmt.Errorf("line %d: %q is there twice", key.Line, key.Value)
		}
		settings[key.Value] = root.Content[i+1]
	}
	return settings, nil
}

func isSet(env string) bool {
	_, ok := os.LookupEnv(env)
	return ok
}

// knownSettings refuses keys that are no flag of serve, nor of the command that runs: a setting that has no effect is not
// to be ignored silently. All commands may share the file of a server.
func knownSettings(app *kong.Kong, ctx *kong.Context, path string, settings map[string]*yaml.Node) error {
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
		case key == "config":
			return fmt.Errorf("%s: a settings file names no other one", path)
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

// spell writes a YAML value as it would stand on the command line. A number, a time or a secret of digits stays as it is
// written: 0123 is not 83.
func spell(name string, v *yaml.Node) (any, error) {
	for v.Kind == yaml.AliasNode {
		v = v.Alias
	}
	switch {
	case v.Kind == yaml.ScalarNode && v.Tag == "!!null":
		return nil, nil
	case v.Kind == yaml.ScalarNode && v.Tag == "!!bool":
		return strings.ToLower(v.Value), nil
	case v.Kind == yaml.ScalarNode:
		return v.Value, nil
	case v.Kind == yaml.SequenceNode:
		parts := make([]string, len(v.Content))
		for i, e := range v.Content {
			if e.Kind != yaml.ScalarNode {
				return nil, fmt.Errorf("the setting %q takes a list of values", name)
			}
			parts[i] = e.Value
		}
		return strings.Join(parts, ","), nil
	}
	return nil, fmt.Errorf("the setting %q takes a value, not a mapping", name)
}
