package picture

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func box(name string, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(8+len(body))), name...), body...)
}

// filmOf returns a film with much besides its pictures. What stays is between needles.
func filmOf() []byte {
	hidden, stays := []byte(needle), []byte("pixels and sound")
	times := []byte{0, 0, 0, 0, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8}
	long := append([]byte{1, 0, 0, 0}, bytes.Repeat([]byte{0xe9}, 16)...)
	large := append([]byte{0, 0, 0, 1, 'm', 'd', 'a', 't', 0, 0, 0, 0, 0, 0, 0, byte(16 + len(stays))}, stays...)
	return bytes.Join([][]byte{
		box("ftyp", []byte("isom\x00\x00\x02\x00isom")), box("free", hidden), large,
		box("moov", box("mvhd", times, stays), box("udta", box("\xa9xyz", hidden)), box("meta", hidden), box("uuid", hidden),
			box("trak", box("tkhd", long, stays), box("udta", hidden), box("mdia", box("mdhd", times), box("minf", stays)))),
		box("uuid", hidden), box("meta", hidden),
	}, nil)
}

func TestStripVideo(t *testing.T) {
	file := filmOf()
	require.True(t, CanStripVideo(Sniff(file)))
	var got, slowly, twice bytes.Buffer
	require.NoError(t, StripVideo(&got, bytes.NewReader(append(bytes.Clone(file), "\x00\x00\x00\x05 and more"...))))
	require.NotContains(t, got.String(), needle[:8])
	require.NotContains(t, got.String(), "\xe1")
	require.NotContains(t, got.String(), "\xe9")
	require.Equal(t, bytes.Count(file, []byte("pixels and sound")), bytes.Count(got.Bytes(), []byte("pixels and sound")))
	require.Equal(t, bytes.Index(file, []byte("minf")), bytes.Index(got.Bytes(), []byte("minf")), "everything stays where it is")
	require.Len(t, got.Bytes(), len(file))
	require.NoError(t, StripVideo(&slowly, iotest.OneByteReader(bytes.NewReader(file))))
	require.Equal(t, got.Bytes(), slowly.Bytes())
	require.NoError(t, StripVideo(&twice, bytes.NewReader(got.Bytes())))
	require.Equal(t, got.Bytes(), twice.Bytes())

	// The last box may be as long as the file.
	endless := append(box("ftyp", []byte("isom\x00\x00\x00\x00")), box("moov")...)
	endless = append(endless, "\x00\x00\x00\x00mdat all the rest"...)
	var rest bytes.Buffer
	require.NoError(t, StripVideo(&rest, bytes.NewReader(endless)))
	require.Equal(t, endless, rest.Bytes())
}

func TestStripVideoRefusesWhatIsMalformed(t *testing.T) {
	start := box("ftyp", []byte("isom\x00\x00\x00\x00"))
	for name, file := range map[string][]byte{
		"cut off":                   filmOf()[:120],
		"without an index":          append(bytes.Clone(start), box("mdat")...),
		"a box longer than its":     append(bytes.Clone(start), box("moov", []byte("\x00\x00\x00\x20trak"))...),
		"a box of no size":          append(bytes.Clone(start), box("moov", []byte("\x00\x00\x00\x00trak"))...),
		"an index of no size":       append(append(bytes.Clone(start), box("mdat")...), "\x00\x00\x00\x00moov"...),
		"a box too short":           append(bytes.Clone(start), "\x00\x00\x00\x07moov"...),
		"a box too long":            append(bytes.Clone(start), "\x00\x00\x00\x01moov\xff\xff\xff\xff\xff\xff\xff\xff"...),
		"a header without its time": append(bytes.Clone(start), box("moov", box("mvhd", []byte{0, 0, 0, 0, 1}))...),
	} {
		require.ErrorIs(t, StripVideo(io.Discard, bytes.NewReader(file)), ErrMalformed, name)
	}
}

func FuzzStripVideo(f *testing.F) {
	f.Add(filmOf())
	f.Fuzz(func(t *testing.T, file []byte) {
		var got, twice bytes.Buffer
		if err := StripVideo(&got, bytes.NewReader(file)); err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		require.LessOrEqual(t, got.Len(), len(file))
		require.NoError(t, StripVideo(&twice, bytes.NewReader(got.Bytes())))
		require.Equal(t, got.Bytes(), twice.Bytes())
	})
}
