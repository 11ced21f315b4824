package auth

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"golang.org/x/crypto/bcrypt"
)

func TestHashesVerifyTheirPasswordOnly(t *testing.T) {
	h := NewHasher(Cost{}, 0, 0)
	for _, password := range []string{"x", " ", "pässwörd😀", strings.Repeat("x", chat.MaxPassword)} {
		hash, err := h.Hash(t.Context(), password)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$"), hash)
		again, err := h.Hash(t.Context(), password)
		require.NoError(t, err)
		require.NotEqual(t, hash, again, "each has a salt of its own")
		for candidate, want := range map[string]bool{password: true, password[1:]: false, password + "x": false, "": false} {
			ok, rehash, err := h.Verify(t.Context(), hash, candidate)
			require.NoError(t, err)
			require.Equal(t, want, ok)
			require.False(t, rehash)
		}
	}
}

func TestLongPasswordsCountWhole(t *testing.T) {
	h := NewHasher(Cost{}, 1, 0)
	long := strings.Repeat("x", 100)
	hash, err := h.Hash(t.Context(), long+"a")
	require.NoError(t, err)
	ok, _, err := h.Verify(t.Context(), hash, long+"b")
	require.NoError(t, err)
	require.False(t, ok)
}

func TestBcryptIsAcceptedAndHashedAnew(t *testing.T) {
	h := NewHasher(Cost{}, 1, 0)
	for _, password := range []string{"secret", strings.Repeat("y", 72)} {
		raw, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		require.NoError(t, err)
		ok, rehash, err := h.Verify(t.Context(), string(raw), password)
		require.NoError(t, err)
		require.True(t, ok)
		require.True(t, rehash)
		ok, _, err = h.Verify(t.Context(), string(raw), "wrong")
		require.NoError(t, err)
		require.False(t, ok)
	}
}

func TestABcryptUserLogsInAndGetsANewHash(t *testing.T) {
	w := newWorld()
	raw, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	require.NoError(t, err)
	w.signUp(t, "jdoe", "to be replaced")
	require.NoError(t, w.SetPasswordHash(t.Context(), jdoe.Tenant, "jdoe", string(raw), ""))
	_, err = w.accounts.LogIn(t.Context(), jdoe.Tenant, "jdoe", "wrong", From{})
	require.Error(t, err)
	require.Equal(t, string(raw), w.users["jdoe"].PasswordHash, "a failed login changes nothing")
	for range 2 {
		_, err = w.accounts.LogIn(t.Context(), jdoe.Tenant, "jdoe", "secret", From{})
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(w.users["jdoe"].PasswordHash, "$argon2id$"))
	}
}

func TestHashesThatAreNone(t *testing.T) {
	h := NewHasher(Cost{}, 1, 0)
	good, err := h.Hash(t.Context(), "x")
	require.NoError(t, err)
	for _, bad := range []string{"", "x", "$", "$2", "$2a$10$short", "$argon2id$", "$argon2i" + good[9:],
		strings.Replace(good, "v=19", "v=16", 1), strings.Replace(good, "m=19456", "m=999999999", 1),
		strings.Replace(good, "t=2", "t=0", 1), strings.Replace(good, "t=2", "t=17", 1), strings.Replace(good, "p=1", "p=0", 1),
		strings.Replace(good, "p=1", "p=x", 1), good[:len(good)-30], good + "!", strings.Repeat("$", 5)} {
		for _, password := range []string{"x", "", "nobody has this password", strings.Repeat("x", chat.MaxPassword+1)} {
			ok, _, err := h.Verify(t.Context(), bad, password)
			require.NoError(t, err)
			require.False(t, ok, "%q", bad)
		}
	}
	cheap := NewHasher(Cost{memory: 64, time: 1, threads: 1}, 1, 0)
	hash, err := cheap.Hash(t.Context(), "x")
	require.NoError(t, err)
	ok, rehash, err := h.Verify(t.Context(), hash, "x")
	require.NoError(t, err)
	require.True(t, ok)
	require.True(t, rehash, "a hash of another cost is made anew")
}

func FuzzStoredHash(f *testing.F) {
	cheap := NewHasher(CheapForTests, 1, 0)
	cheap.dummy = cheap.encode("nobody", make([]byte, saltLen))
	f.Add(cheap.dummy)
	f.Add("$2a$04$abcdefghijklmnopqrstuuPSOTq0y0MYhRqQ3tE0LVdZ4jYbYwFvC")
	f.Add("$argon2id$v=19$m=8,t=1,p=1$$")
	f.Fuzz(func(t *testing.T, encoded string) {
		p, _, key, err := decodeArgon(encoded)
		if err != nil {
			return
		}
		require.LessOrEqual(t, p.memory, uint32(maxMemory))
		require.LessOrEqual(t, p.time, uint32(maxTime))
		require.GreaterOrEqual(t, len(key), 16)
	})
}

func TestHashesTakeTurns(t *testing.T) {
	h := NewHasher(Cost{}, 1, 0)
	inside, goOn := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() { first <- h.inTurn(context.Background(), 1, func() { close(inside); <-goOn }) }()
	<-inside
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := h.Hash(ctx, "x")
	require.ErrorIs(t, err, context.Canceled, "who waits may leave")
	_, _, err = h.Verify(ctx, "", "x")
	require.ErrorIs(t, err, context.Canceled)
	close(goOn)
	require.NoError(t, <-first)
	_, err = h.Hash(t.Context(), "x")
	require.NoError(t, err)
}

func TestSecrets(t *testing.T) {
	a, ha := NewSecret()
	b, hb := NewSecret()
	require.NotEqual(t, a, b)
	require.NotEqual(t, ha, hb)
	require.Len(t, a, 43)
	require.Equal(t, ha, HashOf(a))
	require.True(t, Hash{}.IsZero())
	require.False(t, ha.IsZero())
}

var errDown = errors.New("the store is down")

// How a keyboard composes a letter does not matter. A hash that an earlier version made of a password as it was sent stays
// good, and is replaced.
func TestPasswordsAreNormalised(t *testing.T) {
	const composed, apart = "caf\u00e9", "cafe\u0301"
	h := NewHasher(Cost{}, 1, 0)
	for _, set := range []string{composed, apart} {
		hash, err := h.Hash(t.Context(), set)
		require.NoError(t, err)
		for _, typed := range []string{composed, apart} {
			ok, rehash, err := h.Verify(t.Context(), hash, typed)
			require.NoError(t, err)
			require.True(t, ok)
			require.False(t, rehash)
		}
	}
	before := h.encode(apart, make([]byte, saltLen))
	ok, rehash, err := h.Verify(t.Context(), before, apart)
	require.NoError(t, err)
	require.True(t, ok)
	require.True(t, rehash)
	ok, _, err = h.Verify(t.Context(), before, "cafe")
	require.NoError(t, err)
	require.False(t, ok)
}
