package move

import (
	"reflect"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
)

// full fills every field of a value with something that is not zero: a field that is added to
// what stores keep, and forgotten in the format, makes the tests below fail.
func full[T any]() (v T) {
	fillValue(reflect.ValueOf(&v).Elem())
	return v
}

func fillValue(v reflect.Value) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.UnixMilli(1_400_000_000_123).UTC()))
		return
	case jsontext.Value:
		v.Set(reflect.ValueOf(jsontext.Value(`{"n":1.0}`)))
		return
	case id.ID:
		v.Set(reflect.ValueOf(id.NewGenerator(nil).New()))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("text of " + v.Type().String())
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(7)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillValue(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			fillValue(v.Field(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			fillValue(v.Index(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fillValue(v.Index(0))
		fillValue(v.Index(1))
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fillValue(key)
		fillValue(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	default:
		panic("cannot fill a " + v.Type().String())
	}
}

// throughText writes a line and reads it again.
func throughText(t *testing.T, l line) line {
	b, err := json.Marshal(l)
	require.NoError(t, err)
	l, err = decode(b)
	require.NoError(t, err)
	return l
}

func TestNoFieldIsForgotten(t *testing.T) {
	u := full[chat.User]()
	u.Epoch = "" // of logins, which are not exported
	require.Equal(t, u, throughText(t, line{User: userOf("t", u)}).User.chat())
	r := full[chat.Room]()
	r.Retention = chat.Retention(90 * time.Minute)
	r.Settings.Unknown = []byte(`{"later":1.50}`)
	require.Equal(t, r, throughText(t, line{Room: roomOf("t", r, true)}).Room.chat())
	m := full[chat.Message]()
	m.Withdrawn = nil // is not read
	require.Equal(t, m, throughText(t, line{Message: messageOf(m)}).Message.chat())
	p, reading := full[chat.Person](), full[chat.Reading]()
	member := throughText(t, line{Member: memberOf(p, r.ID, reading)}).Member
	require.Equal(t, r.ID, member.Since)
	on := full[chat.Listed]()
	require.Equal(t, on, throughText(t, line{Listed: listedOf(chat.MuteList, on)}).Listed.chat())
	require.Equal(t, p, member.chat())
	require.Equal(t, reading, member.reading())
	for _, value := range []string{"", "Dallas", "12", "null", "\"", `{"n":1.0}`} {
		e := directory.Entry{Space: "groups/default", ID: r.ID, Name: "_12", Value: []byte(value)}
		got := throughText(t, line{Entry: entryOf(e)}).Entry.directory()
		require.Equal(t, value, string(got.Value))
		require.Equal(t, []any{e.Space, e.ID, e.Name}, []any{got.Space, got.ID, got.Name})
	}
	change := full[chat.Change]()
	change.Kind = chat.Edit
	entry := change.Entry(m.ID)
	c, ok := changeOf(entry)
	require.True(t, ok)
	require.Equal(t, entry, throughText(t, line{Change: c}).Change.entry())
	a := full[auth.APIToken]()
	got, err := throughText(t, line{Token: tokenOf(a)}).Token.auth()
	require.NoError(t, err)
	require.Equal(t, a, got)
}

// The zero of what is optional stays what it is.
func TestAbsent(t *testing.T) {
	u := chat.User{Person: chat.Person{Login: "ann"}, Deleted: true}
	require.Equal(t, u, throughText(t, line{User: userOf("t", u)}).User.chat())
	a := auth.APIToken{Hash: auth.HashOf("x"), Tenant: "t", Login: "ann"}
	got, err := throughText(t, line{Token: tokenOf(a)}).Token.auth()
	require.NoError(t, err)
	require.Equal(t, a, got)
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"confab":{"version":1,"exportedAt":"2015-03-15T12:03:35Z"}}`))
	f.Add([]byte(`{"message":{"id":"8a2e5a10-cb8f-11e4-8830-0800200c9a66","author":{"login":"a","firstname":"b","lastname":"c"},"content":"d"}}`))
	f.Add([]byte(`{"change":{"id":"8a2e5a10-cb8f-11e4-8830-0800200c9a67","kind":"edit","message":"8a2e5a10-cb8f-11e4-8830-0800200c9a66","by":{"login":"a","firstname":"b","lastname":"c"}}}`))
	f.Add([]byte(`{"token":{"tenant":"t","login":"l","hash":"00"}}`))
	f.Add([]byte(`{"file":{"tenant":"t","id":"8a2e5a10-cb8f-11e4-8830-0800200c9a67","uuid":"u","value":{"name":"n"}}}`))
	f.Add([]byte(`{"piece":{"at":3,"data":"AAEC"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := decode(b)
		if err != nil {
			return
		}
		require.NotEmpty(t, l.kind())
		newTally().add(l, b)
		again, err := json.Marshal(l)
		require.NoError(t, err)
		_, err = decode(again)
		require.NoError(t, err, "%s", again)
	})
}
