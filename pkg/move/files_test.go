package move_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/files"
	"github.com/confab-chat/confab/pkg/files/buckets"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/move"
	"github.com/confab-chat/confab/pkg/store"
	"github.com/confab-chat/confab/pkg/tenant"
)

// bucketOf is where a store keeps its files.
func bucketOf(t *testing.T, s store.Store) files.Bucket {
	t.Helper()
	b, err := buckets.Of(t.Context(), "", s)
	if err != nil { // a store around another one
		b, err = buckets.Folder(t.TempDir())
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

// put stores a file with its bytes, as the server does.
func put(t *testing.T, s store.Store, f files.File, size int) files.File {
	t.Helper()
	f.ID, f.Size = id.NewGenerator(nil).New(), int64(size)
	f.UUID = fmt.Sprintf("%x-0000-4000-8000-%012x", f.ID[:4], size)
	f.Name, f.Type = "Änn's.png", "image/png"
	value, err := json.Marshal(f)
	require.NoError(t, err)
	require.NoError(t, s.CreateEntry(t.Context(), directory.Entry{Space: "files/" + string(f.Tenant), ID: f.ID, Name: f.UUID, Value: value, Version: 1}))
	if !f.Message.IsZero() {
		require.NoError(t, s.CreateEntry(t.Context(), directory.Entry{Space: "roomfiles/" + f.Room.ID.String(), ID: f.Message, Name: f.UUID, Value: []byte(f.Tenant), Version: 1}))
	}
	key := string(f.Tenant) + "/" + f.ID.String()
	_, err = bucketOf(t, s).Put(t.Context(), key, bytes.NewReader(pattern(f)))
	require.NoError(t, err)
	if f.Thumbnail != nil {
		_, err = bucketOf(t, s).Put(t.Context(), key+"-thumbnail", strings.NewReader("a small one"))
		require.NoError(t, err)
	}
	return f
}

// pattern is what the bytes of a file are.
func pattern(f files.File) []byte {
	return bytes.Repeat([]byte(f.UUID), int(f.Size)/len(f.UUID)+1)[:f.Size]
}

// inRoom is a file that the newest message of a room names.
func inRoom(t *testing.T, s store.Store, name string, size int) files.File {
	t.Helper()
	r, err := s.Room(t.Context(), chat.DefaultTenant, name)
	require.NoError(t, err)
	ms, err := s.Older(t.Context(), r.Log(chat.DefaultTenant), id.Max, 1)
	require.NoError(t, err)
	return put(t, s, files.File{Tenant: chat.DefaultTenant, By: "user03", Room: r.Ref(), Message: ms[0].ID, Thumbnail: &files.Bytes{Type: "image/png", Size: 11}}, size)
}

// ofApp is a file of an app.
func ofApp(t *testing.T, s store.Store, size int) files.File {
	t.Helper()
	return put(t, s, files.File{Tenant: shopOf(t, s), Restricted: true, Secret: []byte{1, 2}}, size)
}

// shopOf is the app of fillPlatform.
func shopOf(t *testing.T, s store.Store) chat.Tenant {
	t.Helper()
	acme, err := s.EntryNamed(t.Context(), "organisations", "acme")
	require.NoError(t, err)
	shop, err := s.EntryNamed(t.Context(), "apps/"+acme.ID.String(), "shop")
	require.NoError(t, err)
	return tenant.App{ID: shop.ID}.Tenant()
}

// fillFiles sends files to a store that fill has filled: of all sizes that matter, and some that stay behind.
func fillFiles(t *testing.T, s store.Store) (carried []files.File) {
	t.Helper()
	carried = []files.File{inRoom(t, s, "lounge", 700_001), inRoom(t, s, "left", 3), ofApp(t, s, 0), ofApp(t, s, 1<<19), ofApp(t, s, 10)}
	gone := carried[0]
	gone.Gone, gone.Message, gone.Thumbnail = true, id.ID{}, nil
	put(t, s, gone, 100)
	put(t, s, files.File{Tenant: chat.DefaultTenant, By: "user03", Room: carried[0].Room}, 101) // no message names it
	put(t, s, files.File{Tenant: "app-" + chat.Tenant(id.NewGenerator(nil).New().String())}, 102)
	return carried
}

// hasFiles requires that a store has these files, and their bytes, and no others.
func hasFiles(t *testing.T, s store.Store, want []files.File) {
	t.Helper()
	b := bucketOf(t, s)
	n := 0
	sizes := map[chat.Tenant]files.Usage{}
	for _, f := range want {
		e, err := s.EntryNamed(t.Context(), "files/"+string(f.Tenant), f.UUID)
		require.NoError(t, err)
		got, err := files.Decode(e)
		require.NoError(t, err)
		text, err := io.ReadAll(got.Carry(t.Context(), b))
		require.NoError(t, err)
		require.True(t, bytes.Equal(append(pattern(f), "a small one"[:got.Stored()-got.Size]...), text), "the bytes of one of %d", f.Size)
		n++
		if f.Thumbnail != nil {
			n++
		}
		if !f.Room.ID.IsZero() {
			l, err := s.Entry(t.Context(), "roomfiles/"+f.Room.ID.String(), f.Message)
			require.NoError(t, err)
			require.Equal(t, f.UUID, l.Name)
		}
		u := sizes[f.Tenant]
		sizes[f.Tenant] = files.Usage{Bytes: u.Bytes + f.Size, Files: u.Files + 1}
	}
	require.NoError(t, b.Each(t.Context(), func(files.Object) error { n--; return nil }))
	require.Zero(t, n, "bytes of other files")
	for of, u := range sizes {
		e, err := s.EntryNamed(t.Context(), "usage", string(of))
		require.NoError(t, err)
		require.JSONEq(t, fmt.Sprintf(`{"bytes":%d,"files":%d}`, u.Bytes, u.Files), string(e.Value))
	}
	left, err := s.Entries(t.Context(), "uploads", id.ID{}, 10)
	require.NoError(t, err)
	require.Empty(t, left)
}

// withFiles is a store with little but files.
func withFiles(t *testing.T) (store.Store, []files.File) {
	t.Helper()
	s, ids := openEmbedded(t), id.NewGenerator(nil)
	fillPlatform(t, s)
	require.NoError(t, s.CreateUser(t.Context(), chat.DefaultTenant, chat.User{Person: person("user03")}))
	for _, name := range []string{"lounge", "left"} {
		r := chat.Room{ID: ids.New(), Name: name, Creator: person("user03"), CreatedAt: created}
		require.NoError(t, s.CreateRoom(t.Context(), chat.DefaultTenant, r))
		require.NoError(t, s.Append(t.Context(), r.Log(chat.DefaultTenant), chat.Message{ID: ids.New(), Author: person("user03"), Content: name}))
	}
	return s, fillFiles(t, s)
}

func TestFilesMove(t *testing.T) {
	from, sent := withFiles(t)
	to := openEmbedded(t)
	file := export(t, from, move.ExportOptions{})
	require.Equal(t, move.Outcome{Added: 5}, importInto(t, to, bytes.NewReader(file)).Files)
	hasFiles(t, to, sent)
	require.Equal(t, move.Outcome{There: 5}, importInto(t, to, bytes.NewReader(file)).Files)
	hasFiles(t, to, sent)
	require.Equal(t, lastLine(file), lastLine(export(t, to, move.ExportOptions{})))
}

func TestTheFilesOfOneRoomMove(t *testing.T) {
	from, sent := withFiles(t)
	to := openEmbedded(t)
	importInto(t, to, bytes.NewReader(export(t, from, move.ExportOptions{Room: "lounge"})))
	hasFiles(t, to, sent[:1])
}

// Files of deleted messages do not come back with an import.
func TestFilesOfDeletedMessagesStayAway(t *testing.T) {
	from, sent := withFiles(t)
	to := openEmbedded(t)
	file := export(t, from, move.ExportOptions{})
	first := strings.Split(string(file), "\n{\"file\"")[0]
	_, err := move.Import(t.Context(), to, strings.NewReader(first), move.ImportOptions{})
	require.ErrorIs(t, err, move.ErrIncomplete)
	_, err = to.ChangeMessage(t.Context(), chat.Log{Tenant: chat.DefaultTenant, ID: sent[0].Room.ID}, sent[0].Message, func(m chat.Message) (chat.Change, error) {
		return chat.Change{Kind: chat.Delete, ID: id.NewGenerator(nil).New(), By: m.Author}, nil
	})
	require.NoError(t, err)
	require.Equal(t, move.Outcome{Added: 4, Deleted: 1}, importInto(t, to, bytes.NewReader(file)).Files)
	hasFiles(t, to, sent[1:])
}

// Where the bytes stay in a bucket of both servers, the export has the records alone.
func TestFilesWhoseBytesStayWhereTheyAre(t *testing.T) {
	from, sent := withFiles(t)
	var b bytes.Buffer
	_, err := move.Export(t.Context(), &b, from, move.ExportOptions{})
	require.NoError(t, err)
	file := b.String()
	require.NotContains(t, file, `{"piece"`)
	to, other := openEmbedded(t), openEmbedded(t)
	report, err := move.Import(t.Context(), to, strings.NewReader(file), move.ImportOptions{Files: bucketOf(t, from)})
	require.NoError(t, err)
	require.Equal(t, move.Outcome{Added: 5}, report.Files)
	for _, f := range sent {
		_, err := to.EntryNamed(t.Context(), "files/"+string(f.Tenant), f.UUID)
		require.NoError(t, err)
	}
	require.Equal(t, move.Outcome{Left: 5}, importInto(t, other, strings.NewReader(file)).Files, "another bucket does not have them")
	hasFiles(t, other, nil)
	require.Equal(t, move.Outcome{Added: 5}, importInto(t, other, bytes.NewReader(export(t, from, move.ExportOptions{}))).Files)
	hasFiles(t, other, sent)
	_, err = move.Import(t.Context(), openEmbedded(t), strings.NewReader(file), move.ImportOptions{})
	require.ErrorContains(t, err, "no place for the files")
}

// An import that ends anywhere among the bytes is completed by the next one.
func TestAnImportThatEndsAmongTheBytes(t *testing.T) {
	from, sent := withFiles(t)
	to := openEmbedded(t)
	file := export(t, from, move.ExportOptions{})
	begin := bytes.Index(file, []byte("{\"file\""))
	for cut := begin; cut < len(file); cut += (len(file) - begin) / 5 {
		_, err := move.Import(t.Context(), to, bytes.NewReader(file[:cut]), move.ImportOptions{Files: bucketOf(t, to)})
		require.Error(t, err)
	}
	importInto(t, to, bytes.NewReader(file))
	hasFiles(t, to, sent)
}

// Bytes that are damaged, missing or in another order are an error.
func TestDamagedBytes(t *testing.T) {
	from, _ := withFiles(t)
	lines := strings.SplitAfter(string(export(t, from, move.ExportOptions{})), "\n")
	at := 0
	for !strings.HasPrefix(lines[at+2], `{"piece":{"at":524288`) { // the third of one
		at++
	}
	for name, damage := range map[string]func(l []string) []string{
		"missing at the beginning": func(l []string) []string { return append(l[:at], l[at+1:]...) },
		"missing in the middle":    func(l []string) []string { return append(l[:at+1], l[at+2:]...) },
		"missing at the end":       func(l []string) []string { return append(l[:at+2], l[at+3:]...) },
		"in another order":         func(l []string) []string { l[at], l[at+1] = l[at+1], l[at]; return l },
		"twice":                    func(l []string) []string { return append(l[:at+3:at+3], l[at+2:]...) },
		"others":                   func(l []string) []string { l[at] = l[at][:100] + "AAAA" + l[at][104:]; return l },
		"without their file":       func(l []string) []string { return append(l[:at-1], l[at:]...) },
	} {
		t.Run(name, func(t *testing.T) {
			to := openEmbedded(t)
			file := strings.Join(damage(append([]string(nil), lines...)), "")
			_, err := move.Import(t.Context(), to, strings.NewReader(file), move.ImportOptions{Files: bucketOf(t, to)})
			require.Error(t, err)
		})
	}
}

// cutting is a bucket in which a file ends too early.
type cutting struct {
	files.Bucket
	after int64
}

func (c cutting) Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	in, err := c.Bucket.Open(ctx, key, offset, length)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(in, c.after), in}, nil
}

// Of a file whose bytes are lost, or a part of them, nothing arrives. The others do.
func TestLostBytesAreSaid(t *testing.T) {
	from, sent := withFiles(t)
	var lost []string
	o := move.ExportOptions{Lost: func(f files.File) { lost = append(lost, f.UUID) }}
	require.NoError(t, bucketOf(t, from).Delete(t.Context(), string(sent[4].Tenant)+"/"+sent[4].ID.String()))
	o.Files = cutting{bucketOf(t, from), 600_000}
	var b bytes.Buffer
	_, err := move.Export(t.Context(), &b, from, o)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{sent[0].UUID, sent[4].UUID}, lost)
	require.Equal(t, 1, strings.Count(b.String(), `"lost":true`))
	to := openEmbedded(t)
	report, err := move.Import(t.Context(), to, &b, move.ImportOptions{Files: bucketOf(t, to)})
	require.NoError(t, err)
	require.Equal(t, move.Outcome{Added: 3, Left: 1}, report.Files)
	hasFiles(t, to, sent[1:4])
}
