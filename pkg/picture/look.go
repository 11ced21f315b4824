package picture

import (
	"context"
	"image"
)

const (
	// MaxBox bounds width and height of what Fit makes, in pixels.
	MaxBox = 2048
	// ThumbnailSide is the longer side of Look's thumbnail at most, in pixels, PreviewSide that of its preview.
	ThumbnailSide = 640
	PreviewSide   = 24
	// maxPreview bounds the bytes of a preview, which is a part of its message.
	maxPreview = 1023
)

// Look is what one can know of a picture before it is loaded.
type Look struct {
	Type          string // of the file: image/png, image/jpeg, image/gif or image/webp
	Width, Height int    // in pixels, as it is shown: upright
	// Preview has at most PreviewSide pixels each way and takes less than a kilobyte.
	Preview Image
	// Thumbnail has at most ThumbnailSide pixels each way.
	Thumbnail Image
}

func look(ctx context.Context, file File, memory int64) (out Look, err error) {
	d, err := decode(ctx, file, memory, ThumbnailSide, ThumbnailSide)
	if err != nil {
		return out, err
	}
	small, err := d.fit(ctx, ThumbnailSide, ThumbnailSide)
	if err != nil {
		return out, err
	}
	out.Type = "image/" + d.format
	out.Width, out.Height = d.shown()
	if out.Thumbnail, err = encode(small, thumbnailQuality); err != nil {
		return out, err
	}
	out.Preview, err = preview(ctx, small)
	return out, err
}

// preview returns a tiny picture; if it takes too many bytes, which one of noise that one can see through does, a still
// smaller one.
func preview(ctx context.Context, img *image.NRGBA) (out Image, err error) {
	for side := PreviewSide; ; side /= 2 {
		width, height := within(img.Bounds().Dx(), img.Bounds().Dy(), side, side)
		tiny, err := shrink(ctx, img, img.Bounds(), width, height)
		if err != nil {
			return out, err
		}
		if out, err = encode(tiny, previewQuality); err != nil || len(out.Data) <= maxPreview {
			return out, err
		}
	}
}

func fit(ctx context.Context, file File, memory int64, width, height int) (Image, error) {
	width, height = max(1, min(width, MaxBox)), max(1, min(height, MaxBox))
	d, err := decode(ctx, file, memory, width, height)
	if err != nil {
		return Image{}, err
	}
	small, err := d.fit(ctx, width, height)
	if err != nil {
		return Image{}, err
	}
	return encode(small, thumbnailQuality)
}

// fit returns the whole picture, upright, in a box.
func (d *decoded) fit(ctx context.Context, width, height int) (*image.NRGBA, error) {
	shownWidth, shownHeight := d.shown()
	width, height = within(shownWidth, shownHeight, width, height)
	if d.orientation >= 5 {
		width, height = height, width
	}
	small, err := shrink(ctx, d.img, d.canvas, width, height)
	if err != nil {
		return nil, err
	}
	return upright(small, d.orientation), nil
}

// within returns the size of a picture in a box: it keeps its proportions and is never enlarged.
func within(width, height, boxWidth, boxHeight int) (int, int) {
	switch {
	case width <= boxWidth && height <= boxHeight:
		return width, height
	case width*boxHeight >= height*boxWidth:
		return boxWidth, max(1, (height*boxWidth+width/2)/width)
	default:
		return max(1, (width*boxHeight+height/2)/height), boxHeight
	}
}
