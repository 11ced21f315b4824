package main

import (
	"cmp"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

type configCmd struct {
	Check configCheckCmd `cmd:"" help:"Say whether the settings are right."`
	Print configPrintCmd `cmd:"" help:"Print the settings as YAML, as --config takes them; secrets are left out, and masked in URLs."`
}

type configCheckCmd struct{ settings }

func (c *configCheckCmd) Run() error {
	if err := c.check(); err != nil {
		return err
	}
	fmt.Println("The settings are right.")
	return nil
}

type configPrintCmd struct{ settings }

func (c *configPrintCmd) Run() error {
	doc := &yaml.Node{Kind: yaml.MappingNode}
	addSettings(doc, reflect.ValueOf(c.settings))
	enc := yaml.NewEncoder(os.Stdout)
	defer enc.Close()
	return enc.Encode(doc)
}

// addSettings adds the fields of a settings struct, in their order, under the names of their flags.
func addSettings(doc *yaml.Node, v reflect.Value) {
	for i := range v.NumField() {
		field, value := v.Type().Field(i), v.Field(i)
		if field.Anonymous {
			addSettings(doc, value)
			continue
		}
		name := cmp.Or(field.Tag.Get("name"), flagName(field.Name))
		if slices.Contains([]string{"admin-password", "admin-token", "store-password", "nats-password"}, name) {
			continue
		}
		var node yaml.Node
		switch x := value.Interface().(type) {
		case time.Duration:
			node.SetString(x.String())
		case string:
			if name == "store" {
				x = maskURL(x)
			}
			if name == "nats" {
				x = strings.Join(maskURLs(strings.Split(x, ",")), ",")
			}
			node.SetString(x)
		case []string:
			_ = node.Encode(maskURLs(x)) // text can be encoded
		default:
			_ = node.Encode(x) // numbers, switches and lists of text can be encoded
		}
		key := &yaml.Node{}
		key.SetString(name)
		doc.Content = append(doc.Content, key, &node)
	}
}

// flagName spells a field as kong spells its flag: AdminLogin is admin-login.
func flagName(field string) string {
	var b strings.Builder
	for i, c := range field {
		upper := c >= 'A' && c <= 'Z'
		if upper && i > 0 && (field[i-1] < 'A' || field[i-1] > 'Z') {
			b.WriteByte('-')
		}
		b.WriteRune(c)
	}
	return strings.ToLower(b.String())
}
