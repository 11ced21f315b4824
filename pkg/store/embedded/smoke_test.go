package embedded

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

func TestSmoke(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, Options{})
	require.NoError(t, err)
	ctx := t.Context()
	require.NoError(t, s.CreateUser(ctx, "t", chat.User{Person: chat.Person{Login: "a", FirstName: "A"}}))
	r := chat.Room{ID: id.NewGenerator(nil).New(), Name: "r", Creator: chat.Person{Login: "a"}}
	require.NoError(t, s.CreateRoom(ctx, "t", r))
	m := chat.Message{ID: id.NewGenerator(nil).New(), Content: "x"}
	require.NoError(t, s.Append(ctx, r.Log("t"), m))
	_, err = Open(dir, Options{})
	require.ErrorContains(t, err, "is in use by another confab")
	require.NoError(t, s.Close())
	s, err = Open(dir, Options{})
	require.NoError(t, err)
	ms, err := s.Older(ctx, r.Log("t"), id.Max, 10)
	require.NoError(t, err)
	require.Equal(t, []chat.Message{m}, ms)
	require.NoError(t, s.DeleteRoom(ctx, "t", r))
	require.NoError(t, s.Close())
}
