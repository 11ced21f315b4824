package move_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/jobs"
	"github.com/confab-chat/confab/pkg/move"
	"github.com/confab-chat/confab/pkg/store"
)

// A server that runs alone moves to Cassandra and back, and nothing is lost.
func TestThereAndBack(t *testing.T) {
	first, cluster, back := openEmbedded(t), openCassandra(t), openEmbedded(t)
	fill(t, first)
	sent := fillFiles(t, first)
	file := export(t, first, move.ExportOptions{})
	report := importInto(t, cluster, bytes.NewReader(file))
	require.Equal(t, move.Outcome{Added: 5}, report.Files)
	hasFiles(t, cluster, sent)
	require.Equal(t, move.Outcome{Added: 80}, report.Users)
	require.Equal(t, move.Outcome{Added: 4}, report.Roles)
	require.Equal(t, move.Outcome{Added: 4}, report.Tokens)
	require.Equal(t, move.Outcome{Added: 6}, report.Entries)
	require.Equal(t, move.Outcome{Added: 6}, report.Rooms)
	require.Equal(t, move.Outcome{Added: 2 * (18 + 18 + 17)}, report.Members)
	require.Equal(t, move.Outcome{Added: 2 * (1104 + 2204)}, report.Messages)
	require.Equal(t, move.Outcome{Added: 2 * (17 + 17)}, report.Changes)
	require.Equal(t, move.Outcome{Added: 2 * 4}, report.Listed)
	in, err := cluster.Room(t.Context(), chat.DefaultTenant, "left")
	require.NoError(t, err)
	require.Equal(t, []string{"user01", "user02"}, in.Settings.Admins)
	samePages(t, first, cluster)

	second := export(t, cluster, move.ExportOptions{})
	require.Equal(t, canonical(file), canonical(second))
	require.Equal(t, lastLine(file), lastLine(second), "the digest does not depend on the order")
	importInto(t, back, bytes.NewReader(second))
	samePages(t, first, back)
	hasFiles(t, back, sent)
	third := export(t, back, move.ExportOptions{})
	require.Equal(t, canonical(file), canonical(third))
	require.Equal(t, lastLine(file), lastLine(third))
}

func TestImportingAgainAddsNothing(t *testing.T) {
	from, to := openEmbedded(t), openEmbedded(t)
	fill(t, from)
	file := export(t, from, move.ExportOptions{})
	first := importInto(t, to, bytes.NewReader(file))
	second := importInto(t, to, bytes.NewReader(file))
	for _, pair := range [][2]move.Outcome{{first.Users, second.Users}, {first.Roles, second.Roles}, {first.Tokens, second.Tokens},
		{first.Entries, second.Entries}, {first.Rooms, second.Rooms}, {first.Members, second.Members}, {first.Messages, second.Messages},
		{first.Changes, second.Changes}, {first.Listed, second.Listed}} {
		require.Equal(t, move.Outcome{There: pair[0].Added}, pair[1])
	}
	require.Equal(t, lastLine(file), lastLine(export(t, to, move.ExportOptions{})))
}

// What people have done since the first import is not undone by the second.
func TestWhatIsThereIsKept(t *testing.T) {
	from, to := openEmbedded(t), openEmbedded(t)
	fill(t, from)
	file := export(t, from, move.ExportOptions{})
	importInto(t, to, bytes.NewReader(file))
	ctx := t.Context()
	require.NoError(t, to.SetPasswordHash(ctx, chat.DefaultTenant, "user01", "changed", "epoch"))
	require.NoError(t, to.DeleteUser(ctx, chat.DefaultTenant, "user02"))
	r, err := to.Room(ctx, chat.DefaultTenant, "lounge")
	require.NoError(t, err)
	l := r.Log(chat.DefaultTenant)
	ms, err := to.Newer(ctx, l, id.Min, true, 700)
	require.NoError(t, err)
	changed := ms[600]
	changed.Content = "changed"
	require.NoError(t, to.Disown(ctx, l, []chat.Disowned{{ID: changed.ID, Author: changed.Author, Content: &changed.Content}}))
	between := chat.Message{ID: id.NewSequence([8]byte{99}).At(ms[10].ID.Time()), Author: person("user03"), Content: "new"}
	require.NoError(t, to.Append(ctx, l, between))

	// As an erasure does it.
	entry := changesIn(t, to, chat.DefaultTenant, "lounge", id.Min)[0].ID
	require.NoError(t, to.Disown(ctx, chat.ChangesOf(l), []chat.Disowned{{ID: entry, Author: chat.Erased}}))

	report := importInto(t, to, bytes.NewReader(file))
	require.Equal(t, move.Outcome{There: 78, Differ: 1, Deleted: 1}, report.Users)
	require.Zero(t, report.Messages.Added)
	for _, want := range []chat.Message{changed, between} {
		got, err := to.Message(ctx, l, want.ID)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	disowned, err := to.Message(ctx, chat.ChangesOf(l), entry)
	require.NoError(t, err)
	require.Equal(t, chat.Erased, disowned.Author)
	u, err := to.User(ctx, chat.DefaultTenant, "user01")
	require.NoError(t, err)
	require.Equal(t, "changed", u.PasswordHash)
}

// failing is a store whose writes fail after some.
type failing struct {
	store.Store
	left int64 // writes that succeed yet
}

var errBroken = errors.New("broken")

// faltering is a store that now and then cannot answer.
type faltering struct {
	store.Store
	calls atomic.Int64
}

func (f *faltering) away() error {
	if f.calls.Add(1)%4 != 0 {
		return chat.ErrUnavailable(errBroken)
	}
	return nil
}

func (f *faltering) CreateRoom(ctx context.Context, t chat.Tenant, r chat.Room) error {
	// Done, but the answer is lost.
	return errors.Join(f.Store.CreateRoom(ctx, t, r), f.away())
}

func (f *faltering) AppendBatch(ctx context.Context, l chat.Log, ms []chat.Message) error {
	if err := f.away(); err != nil {
		return errors.Join(f.Store.AppendBatch(ctx, l, ms[:len(ms)/2]), err)
	}
	return f.Store.AppendBatch(ctx, l, ms)
}

// An import waits for a store that cannot answer for a moment.
func TestFalteringStore(t *testing.T) {
	from, to := openEmbedded(t), openEmbedded(t)
	fill(t, from)
	file := export(t, from, move.ExportOptions{})
	report := importInto(t, &faltering{Store: to}, bytes.NewReader(file))
	require.EqualValues(t, 2*(1104+2204), report.Messages.Added+report.Messages.There)
	require.Equal(t, lastLine(file), lastLine(export(t, to, move.ExportOptions{})))
	samePages(t, from, to)
}

func (f *failing) broken() error {
	if atomic.AddInt64(&f.left, -1) < 0 {
		return errBroken
	}
	return nil
}

func (f *failing) DeleteUser(ctx context.Context, t chat.Tenant, login string) error {
	if err := f.broken(); err != nil {
		return err
	}
	return f.Store.DeleteUser(ctx, t, login)
}

func (f *failing) CreateRoom(ctx context.Context, t chat.Tenant, r chat.Room) error {
	if err := f.broken(); err != nil {
		return err
	}
	return f.Store.CreateRoom(ctx, t, r)
}

func (f *failing) Leave(ctx context.Context, t chat.Tenant, r chat.Room, login string) (bool, error) {
	if err := f.broken(); err != nil {
		return false, err
	}
	return f.Store.Leave(ctx, t, r, login)
}

// AppendBatch writes a part of what it is given before it fails.
func (f *failing) AppendBatch(ctx context.Context, l chat.Log, ms []chat.Message) error {
	if err := f.broken(); err != nil {
		return errors.Join(err, f.Store.AppendBatch(ctx, l, ms[:len(ms)/2]))
	}
	return f.Store.AppendBatch(ctx, l, ms)
}

// However often an import is interrupted, the next one goes on.
func TestInterruptedAndContinued(t *testing.T) {
	from, to := openEmbedded(t), openEmbedded(t)
	fill(t, from)
	file := export(t, from, move.ExportOptions{})
	interrupted := 0
	for n := 0; ; n++ {
		_, err := move.Import(t.Context(), &failing{Store: to, left: int64(n)}, bytes.NewReader(file), move.ImportOptions{})
		if err == nil {
			break
		}
		require.ErrorIs(t, err, errBroken)
		interrupted++
	}
	require.GreaterOrEqual(t, interrupted, 10)
	require.Equal(t, lastLine(file), lastLine(export(t, to, move.ExportOptions{})))
	samePages(t, from, to)
}

// A file that is cut anywhere is noticed; so is one that is changed.
func TestDamagedFiles(t *testing.T) {
	from := openEmbedded(t)
	fill(t, from)
	file := string(export(t, from, move.ExportOptions{Room: "left"}))
	lines := strings.SplitAfter(file, "\n")
	lines = lines[:len(lines)-1]
	without := func(i int) string { return strings.Join(append(append([]string{}, lines[:i]...), lines[i+1:]...), "") }
	twice := func(i int) string { return strings.Join(lines[:i+1], "") + strings.Join(lines[i:], "") }
	half := len(lines) / 2
	for name, bad := range map[string]struct{ file, says string }{
		"empty":             {"", "empty"},
		"not ours":          {"[04:42] <nick> hello\n", "no file that confab export"},
		"header missing":    {without(0), "no file that confab export"},
		"newer":             {strings.Replace(file, fmt.Sprintf(`"version":%d`, move.Version), `"version":1000`, 1), "newer one"},
		"cut at a line":     {strings.Join(lines[:half], ""), "not complete"},
		"cut in a line":     {file[:len(strings.Join(lines[:half], ""))+20], "not complete"},
		"no JSON":           {lines[0] + "{\n", "cannot be read: it is no JSON from byte"},
		"not a number":      {strings.Replace(file, fmt.Sprintf(`"version":%d`, move.Version), `"version":"x"`, 1), "no file that confab export"},
		"not an id":         {lines[0] + `{"message":{"id":"x"}}` + "\n", "the value of /message/id"},
		"cut before end":    {without(len(lines) - 1), "not complete"},
		"line missing":      {without(half), fmt.Sprintf("%d messages instead of %d", strings.Count(file, `{"message"`)-1, strings.Count(file, `{"message"`))},
		"line twice":        {twice(half), "damaged"},
		"changed":           {strings.Replace(file, "<7>", "<8>", 1), "damaged"},
		"unknown kind":      {lines[0] + `{"poll":{}}` + "\n", "line 2"},
		"unknown member":    {strings.Replace(file, `"content":`, `"colour":"red","content":`, 1), "colour"},
		"two things":        {lines[0] + `{"role":{"tenant":"t","login":"l","role":"r"},"member":{"login":"","firstname":"","lastname":""}}` + "\n", "one thing"},
		"nothing":           {lines[0] + "{}\n", "one thing"},
		"more after end":    {file + lines[half], "after the last line"},
		"second header":     {file[:len(lines[0])] + file, "second header"},
		"message, no room":  {lines[0] + lines[half], "before any room"},
		"line without end":  {lines[0] + `{"user":{"login":"` + strings.Repeat("x", 5<<20), "line 2"},
		"bad token":         {lines[0] + `{"token":{"tenant":"t","login":"l","hash":"zz"}}` + "\n", "hexadecimal"},
		"message, no id":    {lines[0] + `{"message":{"author":{"login":"","firstname":"","lastname":""},"content":""}}` + "\n", "line 2"},
		"change, no id":     {lines[0] + `{"change":{"kind":"edit","message":"8a2e5a10-cb8f-11e4-8830-0800200c9a66","by":{"login":"","firstname":"","lastname":""}}}` + "\n", "line 2"},
		"broken characters": {lines[0] + "{\"user\":{\"login\":\"\xff\"}}\n", "line 2"},
	} {
		t.Run(name, func(t *testing.T) {
			to := openEmbedded(t)
			_, err := move.Import(t.Context(), to, strings.NewReader(bad.file), move.ImportOptions{})
			require.ErrorContains(t, err, bad.says)
			checked := move.Check(t.Context(), strings.NewReader(bad.file), func(int64) {})
			require.Error(t, checked)
			if !errors.Is(checked, move.ErrIncomplete) {
				require.EqualError(t, checked, err.Error())
			}
			require.NotRegexp(t, `[{}]|json|jsontext|\bGo\b|bufio|move\.`, err.Error(), "in plain words")
			// The whole file completes it, unless the damaged one brought something else.
			if name != "changed" && name != "newer" {
				importInto(t, to, strings.NewReader(file))
				require.Equal(t, lastLine([]byte(file)), lastLine(export(t, to, move.ExportOptions{Room: "left"})))
			}
		})
	}
	require.NoError(t, move.Check(t.Context(), strings.NewReader(file), func(int64) {}))
	_, err := move.Import(t.Context(), openEmbedded(t), strings.NewReader(without(len(lines)-1)), move.ImportOptions{})
	require.ErrorIs(t, err, move.ErrIncomplete)
}

func TestOneRoom(t *testing.T) {
	from, to := openEmbedded(t), openEmbedded(t)
	fill(t, from)
	file := export(t, from, move.ExportOptions{Room: "left", Tenant: "org#app"})
	report := importInto(t, to, bytes.NewReader(file))
	require.EqualValues(t, 18, report.Users.Added, "the participants, and the creator who has left")
	require.EqualValues(t, 1, report.Rooms.Added)
	require.EqualValues(t, 17, report.Members.Added)
	require.EqualValues(t, 2204, report.Messages.Added)
	_, err := to.Room(t.Context(), "org#app", "lounge")
	require.True(t, chat.IsKind(err, chat.NotFound))
	_, err = move.Export(t.Context(), &bytes.Buffer{}, from, move.ExportOptions{Room: "nowhere"})
	require.True(t, chat.IsKind(err, chat.NotFound))
}

func TestRoomsThatCannotBe(t *testing.T) {
	from, to := openEmbedded(t), openEmbedded(t)
	fill(t, from)
	file := export(t, from, move.ExportOptions{Room: "lounge"})
	other := chat.Room{ID: id.NewGenerator(nil).New(), Name: "lounge", Creator: person("user01"), CreatedAt: created}
	require.NoError(t, to.CreateRoom(t.Context(), chat.DefaultTenant, other))
	_, err := move.Import(t.Context(), to, bytes.NewReader(file), move.ImportOptions{})
	require.ErrorContains(t, err, "another room 'lounge'")

	to = openEmbedded(t)
	importInto(t, to, bytes.NewReader(file))
	r, err := to.Room(t.Context(), chat.DefaultTenant, "lounge")
	require.NoError(t, err)
	_, err = jobs.New(to, nil).Intend(t.Context(), chat.Sweep{Tenant: chat.DefaultTenant, Room: r.Ref(), DeletedAt: created}.Work())
	require.NoError(t, err)
	require.NoError(t, to.DeleteRoom(t.Context(), chat.DefaultTenant, r))
	_, err = move.Import(t.Context(), to, bytes.NewReader(file), move.ImportOptions{})
	require.ErrorContains(t, err, "was deleted here")
}

// A token that a new password has ended does not come back to life where the account comes without its epoch.
func TestTokensOfAnEarlierPasswordStayEnded(t *testing.T) {
	from, to := openEmbedded(t), openEmbedded(t)
	ctx, t0 := t.Context(), chat.DefaultTenant
	require.NoError(t, from.CreateUser(ctx, t0, chat.User{Person: chat.Person{Login: "ann", FirstName: "A", LastName: "B"}, PasswordHash: "x"}))
	require.NoError(t, from.SetPasswordHash(ctx, t0, "ann", "y", "second"))
	token := func(name, epoch string, kind auth.TokenKind) auth.APIToken {
		return auth.APIToken{Hash: auth.HashOf(name), Tenant: t0, Login: "ann", Kind: kind, Bound: true, Epoch: epoch}
	}
	for _, a := range []auth.APIToken{token("ended", "", auth.PersonalToken), token("good", "second", auth.PersonalToken), token("app", "", auth.AppToken)} {
		require.NoError(t, from.PutToken(ctx, a))
	}
	var file bytes.Buffer
	_, err := move.Export(ctx, &file, from, move.ExportOptions{})
	require.NoError(t, err)
	_, err = move.Import(ctx, to, &file, move.ImportOptions{})
	require.NoError(t, err)
	for name, there := range map[string]bool{"ended": false, "good": true, "app": false} {
		a, err := to.Token(ctx, auth.HashOf(name))
		require.Equal(t, there, err == nil, name)
		require.Empty(t, a.Epoch)
	}
}
