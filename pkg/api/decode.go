package api

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// decodeFault says what was expected where, for an error of decoding a body. It never shows what was sent, which may be a
// secret.
func decodeFault(err error) string {
	var broken *jsontext.SyntacticError
	var wrong *json.SemanticError
	switch {
	case errors.As(err, &broken) && errors.Is(err, jsontext.ErrDuplicateName):
		return ": " + member(broken.JSONPointer) + " is there twice"
	case errors.As(err, &broken):
		return fmt.Sprintf(": it is not well-formed at byte %d", broken.ByteOffset) + inMember(broken.JSONPointer)
	case !errors.As(err, &wrong) || wrong.JSONPointer == "":
		return ""
	}
	text := ": " + member(wrong.JSONPointer)
	// The innermost error knows the type; the outermost the whole path.
	inner := wrong
	for errors.As(inner.Err, &inner) {
	}
	if errors.Is(inner, strconv.ErrRange) {
		return text + " is a number out of range"
	}
	wanted := expected(inner.GoType)
	if wanted == "" {
		return text + " has a value of another type"
	}
	text += " has to be " + wanted
	if got := sent(inner.JSONKind); got != "" && got != wanted {
		text += ", not " + got
	}
	return text
}

func inMember(p jsontext.Pointer) string {
	if p == "" {
		return ""
	}
	return ", in " + member(p)
}

// maxPath bounds the path in a message, in bytes: a client chooses the names in it, and how deep they are.
const maxPath = 128

// member spells the path to a member: author.login, id.3. What is too long ends with an ellipsis.
func member(p jsontext.Pointer) string {
	var path strings.Builder
	for part := range p.Tokens() {
		if path.Len() > 0 {
			path.WriteByte('.')
		}
		path.WriteString(part)
		if path.Len() > maxPath {
			return strings.ToValidUTF8(path.String()[:maxPath], "") + "…"
		}
	}
	return path.String()
}

// expected names the JSON that a type is decoded from; empty if that is not known.
func expected(t reflect.Type) string {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil {
		return ""
	}
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number"
	case reflect.Float32, reflect.Float64:
		return "a number"
	}
	return ""
}

// sent names a kind of JSON.
func sent(k jsontext.Kind) string {
	switch k {
	case 'n':
		return "null"
	case 't', 'f':
		return "true or false"
	case '"':
		return "a text"
	case '0':
		return "a number"
	case '{', '}':
		return "an object"
	case '[', ']':
		return "a list"
	}
	return ""
}
