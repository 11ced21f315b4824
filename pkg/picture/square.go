// Package picture crops the pictures that users upload to small squares.
//
// Cropper is its only type. It guarantees a bound on memory and processors, whatever the file is. The result contains
// only pixels, no metadata of the file.
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
	// maxPixels bounds what a small file can make the server decode to 64 MiB.
	maxPixels = 16 << 20
	// atOnce is how many pictures are decoded concurrently.
	atOnce = 2
)

// Errors about a file.
var (
	ErrUnreadable = errors.New("not a PNG, JPEG, WebP or GIF that can be read")
	ErrPixels     = errors.New("too many pixels")
)

// Cropper crops pictures to squares, a few at a time. It may be used concurrently.
type Cropper struct{ turns chan struct{} }

// NewCropper returns a cropper.
func NewCropper() *Cropper { return &Cropper{turns: make(chan struct{}, atOnce)} }

// Square returns the middle of a picture as an upright square of Size, and its media type. The file is a PNG, JPEG,
// WebP or GIF; of a GIF it uses the first picture. The error wraps ErrUnreadable or ErrPixels, or is that of ctx if ctx
// ends while other pictures are decoded.
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
