// Package chattest makes users, rooms and messages for tests of the domain and of what is built on it. Its functions
// fail the test if they cannot.
package chattest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

// NewUser is the sign-up of a login, with names made of it.
func NewUser(login string) chat.NewUser {
	return chat.NewUser{Login: &login, Password: new("secret of " + login),
		Profile: chat.Profile{FirstName: new("First-" + login), LastName: new("Last-" + login)}}
}

// SignUp signs up login and returns who it is.
func SignUp(t testing.TB, s *chat.Service, tenant chat.Tenant, login string) chat.Identity {
	t.Helper()
	_, err := s.SignUp(t.Context(), tenant, NewUser(login))
	require.NoError(t, err)
	return chat.Identity{Tenant: tenant, Login: login}
}

// Room creates a room with these participants, the first being its creator.
func Room(t testing.TB, s *chat.Service, name string, in ...chat.Identity) {
	t.Helper()
	_, err := s.CreateRoom(t.Context(), in[0], chat.NewRoom{Name: name})
	require.NoError(t, err)
	for _, who := range in[1:] {
		require.NoError(t, s.Join(t.Context(), who, name, nil))
	}
}

// Post posts a message.
func Post(t testing.TB, s *chat.Service, who chat.Identity, room, content string) chat.Message {
	t.Helper()
	m, err := s.Post(t.Context(), who, room, chat.NewMessage{Content: &content})
	require.NoError(t, err)
	return m
}

// PlainHasher is a fast chat.Hasher.
type PlainHasher struct{}

// Hash implements chat.Hasher.
func (PlainHasher) Hash(_ context.Context, password string) (string, error) {
	return "hash of " + password, nil
}
