package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"testing"

	"github.com/stretchr/testify/require"
)

// quarters is a picture of four colours: red and green above, blue and white below.
func quarters(w, h int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for x := range w {
		for y := range h {
			c := color.NRGBA{R: 255, A: 255}
			switch {
			case x >= w/2 && y < h/2:
				c = color.NRGBA{G: 255, A: 255}
			case x < w/2 && y >= h/2:
				c = color.NRGBA{B: 255, A: 255}
			case x >= w/2:
				c = color.NRGBA{R: 255, G: 255, B: 255, A: 255}
			}
			img.SetNRGBA(x, y, c)
		}
	}
	return img
}

// corners names the colours of a picture's corners: top left, top right, bottom left, bottom right.
func corners(t *testing.T, data []byte) string {
	img, _, err := image.Decode(bytes.NewReader(data))
	require.NoError(t, err)
	require.Equal(t, image.Pt(Size, Size), img.Bounds().Size())
	out := ""
	for _, p := range []image.Point{{20, 20}, {Size - 20, 20}, {20, Size - 20}, {Size - 20, Size - 20}} {
		r, g, b, _ := img.At(p.X, p.Y).RGBA()
		switch {
		case r > 40_000 && g > 40_000 && b > 40_000:
			out += "w"
		case r > 40_000:
			out += "r"
		case g > 40_000:
			out += "g"
		case b > 40_000:
			out += "b"
		}
	}
	return out
}

// withExif puts an EXIF segment with an orientation into a JPEG.
func withExif(data []byte, order binary.AppendByteOrder, mark string, o uint16) []byte {
	tiff := []byte(mark)
	tiff = order.AppendUint16(tiff, 42)
	tiff = order.AppendUint32(tiff, 8)
	tiff = order.AppendUint16(tiff, 1)
	tiff = order.AppendUint16(tiff, 0x0112)
	tiff = order.AppendUint16(tiff, 3)
	tiff = order.AppendUint32(tiff, 1)
	tiff = order.AppendUint16(tiff, o)
	tiff = append(tiff, 0, 0, 0, 0, 0, 0)
	body := append([]byte("Exif\x00\x00"), tiff...)
	segment := binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(body)+2))
	return append(append(append([]byte{}, data[:2]...), append(segment, body...)...), data[2:]...)
}

func TestSquare(t *testing.T) {
	var asJPEG, asPNG, large, clear bytes.Buffer
	require.NoError(t, png.Encode(&large, quarters(2301, 1999)))
	require.NoError(t, jpeg.Encode(&asJPEG, quarters(300, 200), &jpeg.Options{Quality: 95}))
	require.NoError(t, png.Encode(&asPNG, quarters(64, 64)))
	require.NoError(t, png.Encode(&clear, image.NewNRGBA(image.Rect(0, 0, 3, 5))))
	for name, file := range map[string][]byte{"wide": asJPEG.Bytes(), "large": large.Bytes(), "small, enlarged": asPNG.Bytes()} {
		got, err := square(t.Context(), Bytes(file), defaultMemory)
		require.NoError(t, err, name)
		require.Equal(t, "rgbw", corners(t, got.Data), name)
		require.Equal(t, "image/jpeg", got.Type, name)
	}
	got, err := square(t.Context(), Bytes(clear.Bytes()), defaultMemory)
	require.NoError(t, err)
	require.Equal(t, "image/png", got.Type, "what one can see through stays so")

	// As cameras turn them: what the picture shows when the tag is followed.
	for o, want := range map[uint16]string{0: "rgbw", 1: "rgbw", 2: "grwb", 3: "wbgr", 4: "bwrg", 5: "rbgw", 6: "brwg", 7: "wgbr", 8: "gwrb", 9: "rgbw"} {
		for mark, order := range map[string]binary.AppendByteOrder{"II": binary.LittleEndian, "MM": binary.BigEndian} {
			got, err := square(t.Context(), Bytes(withExif(asJPEG.Bytes(), order, mark, o)), defaultMemory)
			require.NoError(t, err)
			require.Equal(t, want, corners(t, got.Data), "orientation %d %s", o, mark)
			require.NotContains(t, string(got.Data), "Exif")
		}
	}
}

// Whatever a file is, it is refused or becomes a picture.
func FuzzSquare(f *testing.F) {
	var asJPEG bytes.Buffer
	require.NoError(f, jpeg.Encode(&asJPEG, quarters(8, 8), nil))
	f.Add(withExif(asJPEG.Bytes(), binary.LittleEndian, "II", 6))
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x10Exif\x00\x00MM\x00*\xff\xff\xff\xff"))
	f.Add([]byte("GIF89a\x01\x00\x01\x00"))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, _, err := image.DecodeConfig(bytes.NewReader(data)); err == nil && c.Width*c.Height > 1<<16 {
			return // only slow
		}
		got, err := square(t.Context(), Bytes(data), defaultMemory)
		if err != nil {
			require.True(t, errors.Is(err, ErrUnreadable) || errors.Is(err, ErrTooMuch), "%v", err)
			return
		}
		_, _, err = image.Decode(bytes.NewReader(got.Data))
		require.NoError(t, err)
	})
}
