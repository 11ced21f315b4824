// Package picture makes small squares of the pictures that users upload. It bounds the memory and the processors that
// this takes, whatever the file is, and keeps nothing of the file but what is seen.
package picture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	_ "image/gif" // decoders
	"image/jpeg"
	"image/png"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp"
)

const (
	// Size is width and height of a square, in pixels.
	Size = 256
	// maxPixels bounds what a small file can make the server decode: 64 MiB.
	maxPixels = 16 << 20
	// atOnce is how many pictures are decoded at once.
	atOnce = 2
)

// What is wrong with a file.
var (
	ErrUnreadable = errors.New("not a PNG, JPEG, WebP or GIF that can be read")
	ErrPixels     = errors.New("too many pixels")
)

// Cropper makes squares, a few at a time. It may be used concurrently.
type Cropper struct{ turns chan struct{} }

// NewCropper returns a cropper.
func NewCropper() *Cropper { return &Cropper{turns: make(chan struct{}, atOnce)} }

// Square returns the middle of a picture (PNG, JPEG, WebP or GIF, of which the first one) as a square of Size, upright,
// and its media type. The error wraps ErrUnreadable or ErrPixels, or is that of ctx, which ends while others' pictures
// are decoded.
func (c *Cropper) Square(ctx context.Context, file []byte) (mediaType string, data []byte, err error) {
	select {
	case c.turns <- struct{}{}:
		defer func() { <-c.turns }()
	case <-ctx.Done():
		return "", nil, ctx.Err()
	}
	return square(file)
}

func square(file []byte) (mediaType string, data []byte, err error) {
	c, format, err := image.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	if c.Width <= 0 || c.Height <= 0 {
		return "", nil, ErrUnreadable
	}
	if c.Width > maxPixels/c.Height {
		return "", nil, ErrPixels
	}
	img, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	b := img.Bounds()
	side := min(b.Dx(), b.Dy())
	if side <= 0 {
		return "", nil, ErrUnreadable
	}
	from := image.Rect(0, 0, side, side).Add(b.Min).Add(image.Pt((b.Dx()-side)/2, (b.Dy()-side)/2))
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
