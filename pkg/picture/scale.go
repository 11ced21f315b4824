package picture

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
)

const (
	squareQuality    = 88
	thumbnailQuality = 82
	previewQuality   = 50
)

// shrink returns a part of a picture with fewer pixels, or as many. Each is the average of what it covers. What is outside
// of img is transparent. One row of sums is all that it needs besides the result, and it stops when ctx ends.
func shrink(ctx context.Context, img image.Image, from image.Rectangle, width, height int) (*image.NRGBA, error) {
	source, ok := img.(image.RGBA64Image)
	if !ok || from.Empty() {
		return nil, ErrUnreadable
	}
	out := image.NewNRGBA(image.Rect(0, 0, width, height))
	line, row, next := make([]sum, width+1), make([]sum, width+1), make([]sum, width+1)
	area := uint64(from.Dx()) * uint64(from.Dy())
	// A row of the source is height long and one of the result from.Dy(): so every overlap is a whole number.
	for y, at, end := from.Min.Y, 0, from.Dy(); y < from.Max.Y; y++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		clear(line)
		addLine(line, source, y, from, width)
		at += height
		rest := max(0, at-end)
		for x := range width {
			row[x].add(line[x], uint64(height-rest))
			next[x].add(line[x], uint64(rest))
		}
		if at < end {
			continue
		}
		for x := range width {
			out.SetNRGBA(x, end/from.Dy()-1, row[x].average(area))
		}
		row, next = next, row
		clear(next)
		end += from.Dy()
	}
	return out, nil
}

// addLine adds up a row of the source: a pixel of it is width long, and one of the result from.Dx().
func addLine(line []sum, source image.RGBA64Image, y int, from image.Rectangle, width int) {
	inside := source.Bounds()
	if y < inside.Min.Y || y >= inside.Max.Y {
		return
	}
	for x := max(from.Min.X, inside.Min.X); x < min(from.Max.X, inside.Max.X); x++ {
		begin := (x - from.Min.X) * width
		i := begin / from.Dx()
		c := source.RGBA64At(x, y)
		here := sum{uint64(c.R), uint64(c.G), uint64(c.B), uint64(c.A)}
		rest := max(0, begin+width-(i+1)*from.Dx())
		line[i].add(here, uint64(width-rest))
		if rest > 0 {
			line[i+1].add(here, uint64(rest))
		}
	}
}

// sum is one of colours, multiplied by their opacity: red, green, blue, opacity. Of 50 million pixels of 16 bits it has
// 42 bits.
type sum [4]uint64

func (s *sum) add(of sum, times uint64) {
	for i := range s {
		s[i] += of[i] * times
	}
}

func (s *sum) average(of uint64) color.NRGBA {
	if s[3] == 0 {
		return color.NRGBA{}
	}
	channel := func(i int) uint8 { return uint8(min(255, (s[i]*255+s[3]/2)/s[3])) }
	return color.NRGBA{R: channel(0), G: channel(1), B: channel(2), A: uint8((s[3]*255 + of*0xffff/2) / (of * 0xffff))}
}

// encode returns a picture as a JPEG, or as a PNG if one can see through it.
func encode(img *image.NRGBA, quality int) (Image, error) {
	var data bytes.Buffer
	out := Image{Type: "image/png", Width: img.Bounds().Dx(), Height: img.Bounds().Dy()}
	var err error
	if img.Opaque() {
		out.Type = "image/jpeg"
		// All is opaque, so the bytes are those of RGBA too, which the encoder reads much faster.
		err = jpeg.Encode(&data, &image.RGBA{Pix: img.Pix, Stride: img.Stride, Rect: img.Rect}, &jpeg.Options{Quality: quality})
	} else {
		err = png.Encode(&data, img)
	}
	out.Data = data.Bytes()
	return out, err
}
