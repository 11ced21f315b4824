package picture

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/picture/bombs"
)

// Small files that take much to decode, and such that do not.
func TestWhatTakesTooMuchIsRefused(t *testing.T) {
	const memory = 192 << 20
	for name, file := range map[string][]byte{
		"JPEG of 65500²":       bombs.JPEG(65500, 1, 1),
		"PNG of 65500²":        bombs.PNGHeader(65500, 65500),
		"more than 50 million": bombs.PNGHeader(10_001, 5_000),
		"WebP of 16384²":       bombs.WebP(16384, 1),
	} {
		_, err := look(t.Context(), Bytes(file), 8<<30)
		require.ErrorIs(t, err, ErrTooMuch, name)
		_, err = fit(t.Context(), Bytes(file), 8<<30, 170, 170)
		require.ErrorIs(t, err, ErrTooMuch, name)
	}
	for name, file := range map[string][]byte{
		"a thousand scans":              bombs.JPEG(1024, 3, 1000),
		"CMYK, progressive, of 4096²":   bombs.JPEG(4096, 4, 1),
		"16 bits, interlaced, of 4096²": bombs.PNG(4096, 4096, true),
		"lossless of 16384²":            bombs.WebP(16384, 1),
		"a row of 16 million pixels":    bombs.PNG(16<<20, 1, false),
	} {
		require.Less(t, len(file), 200<<10, name)
		_, err := square(t.Context(), Bytes(file), memory)
		require.ErrorIs(t, err, ErrTooMuch, name)
	}
	for name, file := range map[string][]byte{
		"the usual number of scans":    bombs.JPEG(1024, 3, 5),
		"many scans of a few blocks":   bombs.JPEG(64, 3, 300),
		"16 bits, interlaced":          bombs.PNG(1500, 1000, true),
		"lossless":                     bombs.WebP(1024, 1),
		"lossless, many sets of codes": bombs.WebP(256, 200),
	} {
		_, err := square(t.Context(), Bytes(file), memory)
		require.NoError(t, err, name)
	}
}

// What is calculated from the header is no less than what the decoder allocates, garbage included.
func TestNeedCoversTheDecoder(t *testing.T) {
	var baseline, animated, opaque bytes.Buffer
	interlaced, err := os.ReadFile("testdata/interlaced.gif")
	require.NoError(t, err)
	require.NoError(t, jpeg.Encode(&baseline, image.NewRGBA(image.Rect(0, 0, 801, 603)), nil))
	require.NoError(t, gif.EncodeAll(&animated, &gif.GIF{Delay: []int{0, 0}, Image: []*image.Paletted{
		image.NewPaletted(image.Rect(0, 0, 800, 600), palette.Plan9), image.NewPaletted(image.Rect(0, 0, 800, 600), palette.Plan9)}}))
	picture := image.NewNRGBA(image.Rect(0, 0, 801, 603))
	picture.Set(1, 1, color.NRGBA{R: 3, A: 4})
	require.NoError(t, png.Encode(&opaque, picture))
	for name, file := range map[string][]byte{
		"baseline JPEG": baseline.Bytes(), "progressive JPEG": bombs.JPEG(1000, 3, 2), "gray": bombs.JPEG(1000, 1, 2), "CMYK": bombs.JPEG(1000, 4, 2),
		"GIF": animated.Bytes(), "interlaced GIF": interlaced, "PNG": opaque.Bytes(), "16 bits": bombs.PNG(801, 603, false), "interlaced": bombs.PNG(801, 603, true),
		"a row": bombs.PNG(1<<20, 1, false), "a column": bombs.PNG(1, 1<<18, false),
		"lossless": bombs.WebP(1024, 1), "sets of codes": bombs.WebP(256, 250),
	} {
		h, err := headerOf(t.Context(), Bytes(file))
		require.NoError(t, err, name)
		least, most := int64(0), int64(1)<<40
		for most-least > 1 { // the least memory that it is decoded with
			if middle := (least + most) / 2; h.affordable(middle, int64(len(file))) == nil {
				most = middle
			} else {
				least = middle
			}
		}
		const small = 256 << 10 // buffers and tables
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, err = image.Decode(bytes.NewReader(file))
		runtime.ReadMemStats(&after)
		require.NoError(t, err, name)
		require.LessOrEqual(t, after.TotalAlloc-before.TotalAlloc, uint64(most+small), name)
	}
}

// leaving is a context that ends when it has been asked that often.
type leaving struct {
	context.Context
	left int
}

func (c *leaving) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// When the client has gone, decoding stops at the next step, not at the end of the file.
func TestDecodingStopsWhenTheClientGoes(t *testing.T) {
	for name, file := range map[string][]byte{
		"JPEG": bombs.JPEG(64, 3, 100), "PNG": bombs.PNG(300, 300, false), "WebP": bombs.WebP(256, 100),
	} {
		ctx := &leaving{Context: t.Context(), left: 15}
		_, err := square(ctx, Bytes(file), defaultMemory)
		require.ErrorIs(t, err, context.Canceled, name)
		require.Less(t, -ctx.left, 10, "%s: nothing more is read", name)
	}
}

func TestUsersTakeTurns(t *testing.T) {
	file := bombs.PNG(3, 3, false)
	synctest.Test(t, func(t *testing.T) {
		c := NewDecoder(memoryOfOne)
		require.NoError(t, c.turns.Take(t.Context(), "mallory"), "the only turn")
		var order []string
		upload := func(user string) {
			go func() {
				if _, err := c.Square(t.Context(), user, file); err == nil {
					order = append(order, user)
				}
			}()
			synctest.Wait()
		}
		for range maxWaitingOfOne {
			upload("mallory")
		}
		_, err := c.Square(t.Context(), "mallory", file)
		require.ErrorIs(t, err, ErrBusy, "one user has few places")
		upload("ann")
		c.turns.Pass()
		synctest.Wait()
		require.Len(t, order, maxWaitingOfOne+1)
		require.Equal(t, []string{"mallory", "ann", "mallory"}, order[:3])
	})
}

func TestStepsReadAll(t *testing.T) {
	file := bytes.Repeat([]byte("0123456789"), 100)
	got, err := io.ReadAll(&inSteps{t.Context(), bytes.NewReader(file)})
	require.NoError(t, err)
	require.Equal(t, file, got)
}
