package apitest

import (
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/docs"
)

// ByName returns examples by the names of their operations, and their own behind a slash if they have any.
func ByName(all []docs.Example) map[string]docs.Example {
	examples := map[string]docs.Example{}
	for _, e := range all {
		examples[strings.TrimSuffix(e.Operation+"/"+e.Name, "/")] = e
	}
	return examples
}

// Tell sends examples in an order in which each can succeed. The story has to name all of them.
func Tell(t T, examples map[string]docs.Example, story []string, send func(name string, e docs.Example)) {
	t.Helper()
	sent := map[string]bool{}
	for _, name := range story {
		e, ok := examples[name]
		require.True(t, ok, "there is no example %s", name)
		sent[name] = true
		send(name, e)
	}
	for name := range examples {
		require.True(t, sent[name], "the example %s is not in the story", name)
	}
}

// Made is what examples say, and what stands for it at a server that makes it up: ids, secrets.
type Made map[string]string

// Fill returns a text of an example as the server has to get it.
func (m Made) Fill(text string) string {
	for from, to := range m {
		text = strings.ReplaceAll(text, from, to)
	}
	return text
}
