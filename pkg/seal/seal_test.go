package seal_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/seal"
)

// secrets is a store that keeps one secret.
type secrets struct{ value []byte }

func (s *secrets) Secret(_ context.Context, _ string, candidate []byte) ([]byte, error) {
	if s.value == nil {
		s.value = candidate
	}
	return s.value, nil
}

func TestSecretsOpenForTheirPurposeAlone(t *testing.T) {
	one := &secrets{}
	box, err := seal.New(t.Context(), "", one)
	require.NoError(t, err)
	require.False(t, box.Portable())
	sealed := box.Seal("of a", []byte("hunter2"))
	require.NotContains(t, string(sealed), "hunter2")
	require.NotEqual(t, sealed, box.Seal("of a", []byte("hunter2")))

	same, err := seal.New(t.Context(), "", one)
	require.NoError(t, err)
	got, err := same.Open("of a", sealed)
	require.NoError(t, err)
	require.Equal(t, "hunter2", string(got))

	other, err := seal.New(t.Context(), "", &secrets{})
	require.NoError(t, err)
	_, err = other.Open("of a", sealed)
	require.ErrorIs(t, err, seal.ErrSealed)
	_, err = same.Open("of b", sealed)
	require.ErrorIs(t, err, seal.ErrSealed)
	for i := range sealed {
		changed := append([]byte(nil), sealed...)
		changed[i] ^= 1
		_, err = same.Open("of a", changed)
		require.ErrorIs(t, err, seal.ErrSealed)
		_, err = same.Open("of a", sealed[:i])
		require.ErrorIs(t, err, seal.ErrSealed)
	}
}

func TestTheOperatorsKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	_, err := seal.New(t.Context(), file, &secrets{})
	require.ErrorContains(t, err, "--seal-key")
	require.NoError(t, os.WriteFile(file, []byte("short"), 0o600))
	_, err = seal.New(t.Context(), file, &secrets{})
	require.ErrorContains(t, err, "openssl")
	require.NoError(t, os.WriteFile(file, []byte("0123456789abcdef"), 0o600))
	box, err := seal.New(t.Context(), file, &secrets{})
	require.NoError(t, err)
	require.True(t, box.Portable())
	moved, err := seal.New(t.Context(), file, &secrets{})
	require.NoError(t, err)
	got, err := moved.Open("x", box.Seal("x", []byte("hunter2")))
	require.NoError(t, err)
	require.Equal(t, "hunter2", string(got))
}
