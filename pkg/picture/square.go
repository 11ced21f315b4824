package picture

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	_ "image/gif" // decoders
	"image/jpeg"
	"image/png"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp"
)

// square crops a file with at most that many bytes of memory.
func square(ctx context.Context, file []byte, memory int64) (mediaType string, data []byte, err error) {
	c, format, err := image.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	if err := affordable(file, format, c, memory); err != nil {
		return "", nil, err
	}
	img, _, err := image.Decode(&interruptible{ctx, bytes.NewReader(file)})
	if ctx.Err() != nil {
		return "", nil, ctx.Err()
	}
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	b := img.Bounds()
	side := min(b.Dx(), b.Dy())
	if side <= 0 {
		return "", nil, ErrUnreadable
	}
	from := image.Rect(0, 0, side, side).Add(b.Min).Add(image.Pt((b.Dx()-side)/2, (b.Dy()-side)/2))
	if img, from, err = coarse(ctx, img, from); err != nil {
		return "", nil, err
	}
	small := image.NewNRGBA(image.Rect(0, 0, Size, Size))
	draw.CatmullRom.Scale(small, small.Bounds(), img, from, draw.Src, nil)
	if format == "jpeg" {
		upright(small, orientation(file))
	}
	var out bytes.Buffer
	mediaType = "image/png"
	if small.Opaque() {
		mediaType = "image/jpeg"
		err = jpeg.Encode(&out, small, &jpeg.Options{Quality: 88})
	} else {
		err = png.Encode(&out, small)
	}
	return mediaType, out.Bytes(), err
}

// coarse returns a smaller picture of a square that is much larger than Size: each pixel is the average of some. It has at
// least twice as many as are needed. Scaling a large picture well would take seconds, and could not be stopped.
func coarse(ctx context.Context, img image.Image, from image.Rectangle) (image.Image, image.Rectangle, error) {
	each := from.Dx() / (2 * Size)
	quick, ok := img.(image.RGBA64Image)
	if each < 2 || !ok {
		return img, from, nil
	}
	side := from.Dx() / each
	out := image.NewRGBA64(image.Rect(0, 0, side, side))
	from.Min = from.Min.Add(image.Pt(from.Dx()%each/2, from.Dy()%each/2))
	for y := range side {
		if err := ctx.Err(); err != nil {
			return nil, from, err
		}
		for x := range side {
			out.SetRGBA64(x, y, average(quick, image.Rect(x*each, y*each, (x+1)*each, (y+1)*each).Add(from.Min)))
		}
	}
	return out, out.Bounds(), nil
}

func average(img image.RGBA64Image, of image.Rectangle) color.RGBA64 {
	var r, g, b, a uint64
	for y := of.Min.Y; y < of.Max.Y; y++ {
		for x := of.Min.X; x < of.Max.X; x++ {
			c := img.RGBA64At(x, y)
			r, g, b, a = r+uint64(c.R), g+uint64(c.G), b+uint64(c.B), a+uint64(c.A)
		}
	}
	n := uint64(of.Dx() * of.Dy())
	return color.RGBA64{R: uint16(r / n), G: uint16(g / n), B: uint16(b / n), A: uint16(a / n)}
}
