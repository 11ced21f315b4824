package picture

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/picture/bombs"
)

func sample(t testing.TB, name string) []byte {
	data, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return data
}

func asJPEG(t testing.TB, img image.Image) []byte {
	var out bytes.Buffer
	require.NoError(t, jpeg.Encode(&out, img, &jpeg.Options{Quality: 95}))
	return out.Bytes()
}

func asPNG(t testing.TB, img image.Image) []byte {
	var out bytes.Buffer
	require.NoError(t, png.Encode(&out, img))
	return out.Bytes()
}

// sizeOf decodes an image that was made, and checks that it is what it says.
func sizeOf(t *testing.T, of Image) image.Point {
	img, format, err := image.Decode(bytes.NewReader(of.Data))
	require.NoError(t, err)
	require.Equal(t, "image/"+format, of.Type)
	require.Equal(t, image.Pt(of.Width, of.Height), img.Bounds().Size())
	return img.Bounds().Size()
}

func TestLook(t *testing.T) {
	for name, want := range map[string]struct {
		file             []byte
		mediaType, small string
		size, thumbnail  image.Point
	}{
		"large JPEG":            {asJPEG(t, quarters(1300, 400)), "image/jpeg", "image/jpeg", image.Pt(1300, 400), image.Pt(640, 197)},
		"on its side":           {withExif(asJPEG(t, quarters(1300, 400)), binary.BigEndian, "MM", 6), "image/jpeg", "image/jpeg", image.Pt(400, 1300), image.Pt(197, 640)},
		"a line":                {asPNG(t, quarters(3000, 1)), "image/png", "image/jpeg", image.Pt(3000, 1), image.Pt(640, 1)},
		"never enlarged":        {asPNG(t, quarters(30, 20)), "image/png", "image/jpeg", image.Pt(30, 20), image.Pt(30, 20)},
		"transparent":           {sample(t, "transparent.webp"), "image/webp", "image/png", image.Pt(400, 301), image.Pt(400, 301)},
		"WebP":                  {sample(t, "lossy.webp"), "image/webp", "image/jpeg", image.Pt(150, 100), image.Pt(150, 100)},
		"GIF":                   {sample(t, "interlaced.gif"), "image/gif", "image/jpeg", image.Pt(150, 103), image.Pt(150, 103)},
		"CMYK":                  {sample(t, "cmyk.jpeg"), "image/jpeg", "image/jpeg", image.Pt(150, 103), image.Pt(150, 103)},
		"16 bits, seen through": {bombs.PNG(700, 700, true), "image/png", "image/png", image.Pt(700, 700), image.Pt(640, 640)},
	} {
		got, err := NewDecoder(0).Look(t.Context(), "ann", Bytes(want.file))
		require.NoError(t, err, name)
		require.Equal(t, want.mediaType, got.Type, name)
		require.Equal(t, want.size, image.Pt(got.Width, got.Height), name)
		require.Equal(t, want.thumbnail, sizeOf(t, got.Thumbnail), name)
		require.Equal(t, want.small, got.Thumbnail.Type, name)
		preview := sizeOf(t, got.Preview)
		require.LessOrEqual(t, max(preview.X, preview.Y), PreviewSide, name)
		require.LessOrEqual(t, len(got.Preview.Data), maxPreview, name)
	}
}

// Whatever is in a picture, its preview is small enough to be a part of a message.
func TestPreviewOfNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, opaque := range []bool{true, false} {
		img := image.NewNRGBA(image.Rect(0, 0, 24, 24))
		for i := range img.Pix {
			img.Pix[i] = byte(r.Uint32())
			if opaque && i%4 == 3 {
				img.Pix[i] = 255
			}
		}
		got, err := look(t.Context(), Bytes(asPNG(t, img)), defaultMemory)
		require.NoError(t, err)
		require.LessOrEqual(t, len(got.Preview.Data), maxPreview)
		require.Equal(t, opaque, got.Preview.Type == "image/jpeg")
	}
}

func TestFit(t *testing.T) {
	file := Bytes(asJPEG(t, quarters(600, 400)))
	for box, want := range map[image.Point]image.Point{
		{170, 170}: {170, 113}, {100, 10}: {15, 10}, {5000, 170}: {255, 170}, {600, 400}: {600, 400}, {9999, 9999}: {600, 400}, {0, -3}: {1, 1}, {1, 1}: {1, 1},
	} {
		got, err := NewDecoder(0).Fit(t.Context(), "ann", file, box.X, box.Y)
		require.NoError(t, err)
		require.Equal(t, want, sizeOf(t, got), "%v", box)
	}
	large, err := fit(t.Context(), Bytes(asPNG(t, image.NewGray(image.Rect(0, 0, 3000, 10)))), defaultMemory, 4000, 4000)
	require.NoError(t, err)
	require.Equal(t, image.Pt(MaxBox, 7), sizeOf(t, large), "a box has a largest size")
}

// A thumbnail shows what the picture shows, with the top above.
func TestFitIsUpright(t *testing.T) {
	file := asJPEG(t, quarters(600, 400))
	for o, want := range map[uint16]string{1: "rgbw", 2: "grwb", 3: "wbgr", 4: "bwrg", 5: "rbgw", 6: "brwg", 7: "wgbr", 8: "gwrb"} {
		got, err := fit(t.Context(), Bytes(withExif(file, binary.LittleEndian, "II", o)), defaultMemory, 90, 90)
		require.NoError(t, err)
		size := sizeOf(t, got)
		require.Equal(t, o >= 5, size.Y > size.X)
		img, _, err := image.Decode(bytes.NewReader(got.Data))
		require.NoError(t, err)
		large := image.NewNRGBA(image.Rect(0, 0, Size, Size))
		for y := range Size {
			for x := range Size {
				large.Set(x, y, img.At(x*size.X/Size, y*size.Y/Size))
			}
		}
		require.Equal(t, want, corners(t, asPNG(t, large)), "orientation %d", o)
	}
}

// The average of pixels is exact, also where a pixel of the result begins in the middle of one of the source.
func TestShrink(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 3, 3))
	for i := range 9 {
		img.SetNRGBA(i%3, i/3, color.NRGBA{R: uint8(i * 20), G: 200, A: 255})
	}
	got, err := shrink(t.Context(), img, img.Bounds(), 2, 2)
	require.NoError(t, err)
	// At the top left: the whole first pixel, halves of its neighbours, a quarter of the one in the middle.
	require.InDelta(t, (0+20.0/2+60.0/2+80.0/4)/2.25, float64(got.NRGBAAt(0, 0).R), 1)
	require.InDelta(t, (160+140.0/2+100.0/2+80.0/4)/2.25, float64(got.NRGBAAt(1, 1).R), 1)
	require.Equal(t, color.NRGBA{R: got.NRGBAAt(1, 0).R, G: 200, A: 255}, got.NRGBAAt(1, 0))

	same, err := shrink(t.Context(), img, img.Bounds(), 3, 3)
	require.NoError(t, err)
	require.Equal(t, img.Pix, same.Pix, "as many pixels are the same pixels")

	half := image.NewNRGBA(image.Rect(0, 0, 2, 1))
	half.SetNRGBA(0, 0, color.NRGBA{R: 255, A: 255})
	one, err := shrink(t.Context(), half, half.Bounds(), 1, 1)
	require.NoError(t, err)
	require.Equal(t, color.NRGBA{R: 255, A: 128}, one.NRGBAAt(0, 0), "what is transparent has no colour")
}

// The first picture of a GIF may be smaller than what is shown.
func TestPictureSmallerThanItsCanvas(t *testing.T) {
	img := image.NewPaletted(image.Rect(10, 10, 20, 20), palette.Plan9)
	var file bytes.Buffer
	require.NoError(t, gif.EncodeAll(&file, &gif.GIF{Image: []*image.Paletted{img}, Delay: []int{0}, Config: image.Config{Width: 40, Height: 30}}))
	got, err := look(t.Context(), Bytes(file.Bytes()), defaultMemory)
	require.NoError(t, err)
	require.Equal(t, image.Pt(40, 30), sizeOf(t, got.Thumbnail))
	small, err := png.Decode(bytes.NewReader(got.Thumbnail.Data))
	require.NoError(t, err)
	require.Equal(t, color.NRGBA{}, color.NRGBAModel.Convert(small.At(5, 5)))
	require.Equal(t, color.NRGBA{A: 255}, color.NRGBAModel.Convert(small.At(15, 15)))
}

// Of an animated WebP the first picture is shown, where it is in the whole; what is not there is transparent.
func TestAnimatedWebP(t *testing.T) {
	lossy, clear := sample(t, "lossy.webp"), sample(t, "transparent.webp")
	alpha := clear[30:] // its transparency and its pixels
	at := func(x, y, width, height byte, chunks []byte) []byte {
		return riffChunk("ANMF", append([]byte{x / 2, 0, 0, y / 2, 0, 0, width - 1, 0, 0, height - 1, 0, 0, 100, 0, 0, 0}, chunks...))
	}
	whole := extendedWebP(webpAnimated, 200, 180, riffChunk("ANIM", make([]byte, 6)), at(20, 40, 150, 100, lossy[12:]), at(0, 0, 150, 100, lossy[12:]))
	got, err := look(t.Context(), Bytes(whole), defaultMemory)
	require.NoError(t, err)
	require.Equal(t, "image/webp", got.Type)
	require.Equal(t, []int{200, 180}, []int{got.Width, got.Height})
	require.Equal(t, image.Pt(200, 180), sizeOf(t, got.Thumbnail))
	small, err := png.Decode(bytes.NewReader(got.Thumbnail.Data))
	require.NoError(t, err)
	alphaOf := func(x, y int) uint32 { _, _, _, a := small.At(x, y).RGBA(); return a }
	require.Equal(t, []uint32{0, 0, 0xffff, 0xffff, 0}, []uint32{alphaOf(19, 40), alphaOf(20, 39), alphaOf(20, 40), alphaOf(169, 139), alphaOf(170, 139)})

	large := riffChunk("ANMF", append([]byte{0, 0, 0, 0, 0, 0, 399 & 0xff, 399 >> 8, 0, 300 & 0xff, 300 >> 8, 0, 0, 0, 0, 0}, alpha...))
	got, err = look(t.Context(), Bytes(extendedWebP(webpAnimated|1<<4, 400, 301, large)), defaultMemory)
	require.NoError(t, err)
	require.Equal(t, "image/png", got.Thumbnail.Type, "one can see through it")

	for name, file := range map[string][]byte{
		"larger than the whole": extendedWebP(webpAnimated, 100, 100, at(0, 0, 150, 100, lossy[12:])),
		"of another size":       extendedWebP(webpAnimated, 200, 200, at(0, 0, 151, 100, lossy[12:])),
		"without pictures":      extendedWebP(webpAnimated, 200, 200, riffChunk("ANIM", make([]byte, 6))),
		"an empty picture":      extendedWebP(webpAnimated, 200, 200, riffChunk("ANMF", make([]byte, 16))),
	} {
		_, err := look(t.Context(), Bytes(file), defaultMemory)
		require.ErrorIs(t, err, ErrUnreadable, name)
	}
}

// An error of the file is not one of the picture.
func TestFileThatCannotBeRead(t *testing.T) {
	broken, data := errors.New("the bucket is away"), asPNG(t, quarters(100, 100))
	for _, file := range []File{
		{Size: 100, Open: func() (io.ReadCloser, error) { return nil, broken }},
		{Size: 1000, Open: func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(bytes.NewReader(data[:60]), &failing{broken})), nil
		}},
	} {
		_, err := look(t.Context(), file, defaultMemory)
		require.ErrorIs(t, err, broken)
		require.NotErrorIs(t, err, ErrUnreadable)
	}
	_, err := look(t.Context(), Bytes(data[:len(data)/2]), defaultMemory)
	require.ErrorIs(t, err, ErrUnreadable)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = NewDecoder(0).Look(ctx, "ann", Bytes(data))
	require.ErrorIs(t, err, context.Canceled)
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

func FuzzLook(f *testing.F) {
	f.Add(withExif(asJPEG(f, quarters(8, 8)), binary.LittleEndian, "II", 6))
	for _, name := range []string{"lossless.webp", "animated.gif", "progressive.jpeg"} {
		f.Add(sample(f, name))
	}
	f.Add(withMetadata(f)["animated WebP"])
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, _, err := image.DecodeConfig(bytes.NewReader(data)); err == nil && c.Width*c.Height > 1<<16 {
			return // only slow
		}
		got, err := look(t.Context(), Bytes(data), defaultMemory)
		if err != nil {
			require.True(t, errors.Is(err, ErrUnreadable) || errors.Is(err, ErrTooMuch), "%v", err)
			return
		}
		require.Equal(t, Sniff(data), got.Type)
		require.LessOrEqual(t, len(got.Preview.Data), maxPreview)
		size := sizeOf(t, got.Thumbnail)
		require.LessOrEqual(t, max(size.X, size.Y), ThumbnailSide)
	})
}
