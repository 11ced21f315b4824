package picture

import (
	"context"
	"image"

	"golang.org/x/image/draw"
)

// Size is width and height of a square, in pixels.
const Size = 256

// square crops a file with at most that many bytes of memory.
func square(ctx context.Context, file File, memory int64) (Image, error) {
	d, err := decode(ctx, file, memory, Size, Size)
	if err != nil {
		return Image{}, err
	}
	width, height := d.canvas.Dx(), d.canvas.Dy()
	side := min(width, height)
	from := image.Rect(0, 0, side, side).Add(d.canvas.Min).Add(image.Pt((width-side)/2, (height-side)/2))
	small, err := shrink(ctx, d.img, from, min(side, Size), min(side, Size))
	if err != nil {
		return Image{}, err
	}
	if side < Size {
		large := image.NewNRGBA(image.Rect(0, 0, Size, Size))
		draw.CatmullRom.Scale(large, large.Bounds(), small, small.Bounds(), draw.Src, nil)
		small = large
	}
	return encode(upright(small, d.orientation), squareQuality)
}
