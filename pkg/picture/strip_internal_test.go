package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/gif"
	"io"
	"runtime"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/picture/bombs"
)

// needle stands for what nobody is to know.
const needle = "48.8584N 2.2945E, Ann's phone"

func stripped(file []byte) ([]byte, error) {
	var out bytes.Buffer
	err := Strip(&out, bytes.NewReader(file), Sniff(file))
	return out.Bytes(), err
}

// inserted returns data with more in it.
func inserted(data []byte, at int, more ...[]byte) []byte {
	return append(append(bytes.Clone(data[:at]), bytes.Join(more, nil)...), data[at:]...)
}

// exifWith returns EXIF with an orientation and a needle.
func exifWith(orientation int) []byte { return append(exifOnly(orientation), needle...) }

func riff(chunks ...[]byte) []byte {
	body := append([]byte("WEBP"), bytes.Join(chunks, nil)...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

func riffChunk(name string, data []byte) []byte {
	out := append(binary.LittleEndian.AppendUint32([]byte(name), uint32(len(data))), data...)
	return append(out, make([]byte, len(data)%2)...)
}

func extendedWebP(flags byte, width, height int, chunks ...[]byte) []byte {
	header := []byte{flags, 0, 0, 0, byte(width - 1), byte((width - 1) >> 8), 0, byte(height - 1), byte((height - 1) >> 8), 0}
	return riff(append([][]byte{riffChunk("VP8X", header)}, chunks...)...)
}

// withMetadata returns files that say much besides their pixels, each with orientation 6 if its format can say that.
func withMetadata(t testing.TB) map[string][]byte {
	hidden := []byte(needle)
	jpegs := func(data []byte) []byte {
		second := bytes.Index(data[bytes.Index(data, []byte{0xff, 0xda})+2:], []byte{0xff, 0xda})
		if second > 0 {
			data = inserted(data, second+bytes.Index(data, []byte{0xff, 0xda})+2, segmentOf(comment, hidden), []byte{0xff, 0xff})
		}
		data = inserted(data, 2,
			segmentOf(app0, append([]byte("JFIF\x00\x01\x01\x00\x00\x48\x00\x48\x03\x03"), hidden[:27]...)),
			segmentOf(app0, append([]byte("JFXX\x00"), hidden...)),
			segmentOf(app0+1, append([]byte("Exif\x00\x00"), exifWith(6)...)),
			segmentOf(app0+1, append([]byte("http://ns.adobe.com/xap/1.0/\x00"), hidden...)),
			segmentOf(app0+2, append([]byte("MPF\x00"), hidden...)),
			segmentOf(app0+2, []byte("ICC_PROFILE\x00\x01\x01the profile")),
			segmentOf(app0+13, append([]byte("Photoshop 3.0\x00"), hidden...)),
			segmentOf(comment, hidden))
		return append(data, needle...)
	}
	pngs := func(data []byte) []byte {
		end := len(data) - 12
		data = inserted(data, end, chunkOf("tEXt", hidden), chunkOf("tIME", make([]byte, 7)))
		data = inserted(data, 33, chunkOf("tEXt", hidden), chunkOf("zTXt", hidden), chunkOf("iTXt", hidden), chunkOf("eXIf", exifWith(6)),
			chunkOf("gAMA", []byte{0, 0, 0xb1, 0x8f}), chunkOf("caBX", hidden))
		return append(data, needle...)
	}
	lossy := sample(t, "lossy.webp")
	lossless := sample(t, "lossless.webp")
	frame := func(chunks ...[]byte) []byte {
		return riffChunk("ANMF", append([]byte{0, 0, 0, 0, 0, 0, 149, 0, 0, 99, 0, 0, 100, 0, 0, 0}, bytes.Join(chunks, nil)...))
	}
	animated := sample(t, "animated.gif")
	blocks := 13 + 3<<(animated[10]&7+1)
	return map[string][]byte{
		"JPEG":               jpegs(asJPEG(t, quarters(20, 10))),
		"progressive JPEG":   jpegs(sample(t, "progressive.jpeg")),
		"JPEG of CMYK":       jpegs(sample(t, "cmyk.jpeg")),
		"JPEG with restarts": jpegs(sample(t, "restarts.jpeg")),
		"PNG":                pngs(asPNG(t, quarters(20, 10))),
		"interlaced PNG":     pngs(bombs.PNG(20, 10, true)),
		"lossy WebP":         append(extendedWebP(webpXMP|webpEXIF, 150, 100, lossy[12:], riffChunk("EXIF", exifWith(6)), riffChunk("XMP ", hidden), riffChunk("what", hidden)), needle...),
		"lossless WebP": append(extendedWebP(webpEXIF, int(binary.LittleEndian.Uint16(lossless[21:])&0x3fff)+1, losslessHeight(lossless),
			lossless[12:], riffChunk("EXIF", append([]byte("Exif\x00\x00"), exifWith(6)...))), needle...),
		"simple WebP":   append(riff(lossy[12:], riffChunk("EXIF", exifWith(6))), needle...),
		"animated WebP": extendedWebP(1<<1, 150, 100, riffChunk("ANIM", make([]byte, 6)), frame(lossy[12:], riffChunk("note", hidden)), frame(lossy[12:])),
		"animated GIF": append(inserted(animated, blocks, append([]byte{gifExtension, 0xfe, byte(len(needle))}, append(hidden, 0)...),
			append([]byte{gifExtension, gifApp, 11}, "XMP DataXMP"...), []byte{byte(len(needle))}, hidden, []byte{0},
			append([]byte{gifExtension, gifApp, 11}, "NETSCAPE2.0"...), []byte{3, 1, 0, 0, byte(len(needle))}, hidden, []byte{0}), needle...),
	}
}

func losslessHeight(webp []byte) int {
	return int(binary.LittleEndian.Uint32(webp[21:])>>14&0x3fff) + 1
}

func TestStrip(t *testing.T) {
	for name, file := range withMetadata(t) {
		require.Contains(t, string(file), needle, name)
		got, err := stripped(file)
		require.NoError(t, err, name)
		require.NotContains(t, string(got), needle[:20], name)
		require.Equal(t, Sniff(file), Sniff(got), name)
		twice, err := stripped(got)
		require.NoError(t, err, name)
		require.Equal(t, got, twice, "%s: nothing is left to strip", name)
		if name != "animated WebP" { // which our decoder does not know
			before, _, err := image.Decode(bytes.NewReader(file))
			require.NoError(t, err, name)
			after, _, err := image.Decode(bytes.NewReader(got))
			require.NoError(t, err, name)
			require.Equal(t, before, after, name)
		}

		var slowly bytes.Buffer
		require.NoError(t, Strip(&slowly, iotest.OneByteReader(bytes.NewReader(file)), Sniff(file)), name)
		require.Equal(t, got, slowly.Bytes(), "%s: byte by byte", name)
	}
}

// What a browser needs to show the picture as before stays.
func TestStripKeepsWhatIsShown(t *testing.T) {
	files := withMetadata(t)
	got := map[string][]byte{}
	for name, file := range files {
		var err error
		got[name], err = stripped(file)
		require.NoError(t, err, name)
	}
	look, err := look(t.Context(), Bytes(got["JPEG"]), defaultMemory)
	require.NoError(t, err)
	require.Equal(t, []int{10, 20}, []int{look.Width, look.Height}, "the orientation")
	require.Contains(t, string(got["JPEG"]), "ICC_PROFILE\x00\x01\x01the profile")
	require.Contains(t, string(got["JPEG of CMYK"]), "Adobe", "how its colours are stored")
	require.Contains(t, string(got["PNG"]), string(chunkOf("eXIf", exifOnly(6))))
	require.Contains(t, string(got["PNG"]), "gAMA")
	require.Contains(t, string(got["lossy WebP"]), string(exifOnly(6)))
	require.Equal(t, byte(webpEXIF), got["lossy WebP"][20], "it has EXIF and no XMP")
	require.Len(t, got["lossy WebP"], len(files["lossy WebP"])-len(needle))
	require.Equal(t, 2, bytes.Count(got["animated WebP"], []byte("ANMF")))
	before, err := gif.DecodeAll(bytes.NewReader(files["animated GIF"]))
	require.NoError(t, err)
	after, err := gif.DecodeAll(bytes.NewReader(got["animated GIF"]))
	require.NoError(t, err)
	require.Equal(t, before, after, "all pictures, how long each is shown, how often they are repeated")

	upright := withExif(asJPEG(t, quarters(20, 10)), binary.LittleEndian, "II", 1)
	plain, err := stripped(upright)
	require.NoError(t, err)
	require.NotContains(t, string(plain), "Exif", "upright need not be said")
}

// Each beginning of a file is one that ends too early, and no error of anything else.
func TestStripOfWhatEndsTooEarly(t *testing.T) {
	for name, file := range withMetadata(t) {
		whole := bytes.TrimSuffix(file, []byte(needle))
		for n := range len(whole) {
			if n > 600 && n%97 != 0 {
				continue
			}
			err := Strip(io.Discard, bytes.NewReader(whole[:n]), Sniff(file))
			require.ErrorIs(t, err, ErrMalformed, "%s: %d of %d bytes", name, n, len(whole))
		}
	}
}

func TestStripRefusesWhatIsMalformed(t *testing.T) {
	small, drawn := asJPEG(t, quarters(8, 8)), asPNG(t, quarters(8, 8))
	wrongSum := bytes.Clone(drawn)
	wrongSum[29]++
	for name, file := range map[string][]byte{
		"garbage between segments":     inserted(small, 2, []byte("garbage")),
		"a segment of a reserved kind": inserted(small, 2, segmentOf(0xf5, nil)),
		"a segment of no bytes":        inserted(small, 2, []byte{0xff, 0xe5, 0, 1}),
		"a JPEG without pixels":        {0xff, 0xd8, 0xff, 0xd9},
		"a scan before its frame":      append([]byte{0xff, 0xd8}, small[bytes.Index(small, []byte{0xff, 0xda}):]...),
		"a wrong sum":                  wrongSum,
		"another chunk first":          inserted(drawn, 8, chunkOf("tEXt", nil)),
		"two headers":                  inserted(drawn, 33, drawn[8:33]),
		"an unknown critical chunk":    inserted(drawn, 33, chunkOf("ABCD", nil)),
		"a PNG without pixels":         append(bytes.Clone(drawn[:33]), drawn[len(drawn)-12:]...),
		"a chunk without a name":       inserted(drawn, 33, chunkOf("a\x00bc", nil)),
		"a WebP of another chunk":      riff(riffChunk("ALPH", nil)),
		"a chunk longer than its file": riff([]byte("VP8 \xff\x00\x00\x00")),
		"a WebP without pixels":        extendedWebP(0, 1, 1),
		"an animation in one":          extendedWebP(2, 1, 1, riffChunk("ANMF", append(make([]byte, 16), riffChunk("ANMF", make([]byte, 16))...))),
		"a GIF without pixels":         []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;"),
		"an unknown block":             []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00\x00"),
	} {
		_, err := stripped(file)
		require.ErrorIs(t, err, ErrMalformed, name)
	}
	require.ErrorIs(t, Strip(io.Discard, bytes.NewReader(small), "image/png"), ErrMalformed, "of another type")
	require.ErrorIs(t, Strip(io.Discard, bytes.NewReader(small), "image/svg+xml"), ErrMalformed)
	require.False(t, CanStrip("image/svg+xml"))
	require.True(t, CanStrip("image/webp"))
}

func TestStripReturnsErrorsOfOthers(t *testing.T) {
	broken := errors.New("the line broke")
	for name, file := range withMetadata(t) {
		err := Strip(io.Discard, io.MultiReader(bytes.NewReader(file[:len(file)/2]), &failing{broken}), Sniff(file))
		require.ErrorIs(t, err, broken, name)
		require.NotErrorIs(t, err, ErrMalformed, name)
		require.ErrorIs(t, Strip(refusing{broken}, bytes.NewReader(file), Sniff(file)), broken, name)
	}
}

type refusing struct{ err error }

func (r refusing) Write([]byte) (int, error) { return 0, r.err }

// However much metadata, or however many pixels, a file has, the memory is the same.
func TestStripNeedsConstantMemory(t *testing.T) {
	const much = 64 << 20
	drawn := asPNG(t, quarters(8, 8))
	text := binary.BigEndian.AppendUint32(nil, much)
	file := io.MultiReader(bytes.NewReader(drawn[:33]), bytes.NewReader(append(text, "tEXt"...)), io.LimitReader(zeros{}, much+4),
		bytes.NewReader(drawn[33:]))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	require.NoError(t, Strip(io.Discard, file, "image/png"))
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(200<<10))
}

// Whatever a file is, it is refused, or it is what it was without its metadata.
func FuzzStrip(f *testing.F) {
	for _, file := range withMetadata(f) {
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		got, err := stripped(file)
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		require.LessOrEqual(t, len(got), len(file)+40)
		twice, err := stripped(got)
		require.NoError(t, err)
		require.Equal(t, got, twice)
		c, _, err := image.DecodeConfig(bytes.NewReader(file))
		if err != nil || c.Width*c.Height > 1<<16 {
			return
		}
		before, _, err := image.Decode(bytes.NewReader(file))
		if err != nil {
			return
		}
		after, _, err := image.Decode(bytes.NewReader(got))
		require.NoError(t, err)
		require.Equal(t, before, after)
	})
}
