package cassandra

import (
	"bytes"
	"crypto/rand"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever the length, the driver's own decoding gives it back.
func TestCompressor(t *testing.T) {
	var c compressor
	require.Equal(t, "lz4", c.Name())
	data := make([]byte, 5000)
	for i := range data {
		data[i] = byte(i * i >> 3)
	}
	back := func(data []byte) {
		packed, err := c.Encode(data)
		require.NoError(t, err)
		got, err := c.Decode(packed)
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, got), "%d bytes", len(data))
	}
	for n := 1; n < len(data); n++ {
		back(data[:n])
	}
	back(bytes.Repeat([]byte("say it again "), 100_000))
	_, err := rand.Read(data)
	require.NoError(t, err)
	back(data)
	packed, err := c.Encode(bytes.Repeat([]byte("say it again "), 1000))
	require.NoError(t, err)
	require.Less(t, len(packed), 1000, "it is compressed")
	// The driver compresses nothing that is empty, and expects a block all the same.
	packed, err = c.Encode(nil)
	require.NoError(t, err)
	require.Equal(t, []byte{0, 0, 0, 0, 0}, packed)
}
