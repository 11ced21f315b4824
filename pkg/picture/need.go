package picture

import (
	"fmt"
	"image/color"
)

const (
	// maxPixels bounds the time for decoding and scaling: those of the largest cameras in phones.
	maxPixels = 50_000_000
	// maxVisits bounds the time for a JPEG: how often its scans, together, visit a block of 64 samples. A progressive
	// one of sixteen megapixels has about ten scans of 800,000 blocks. A small file can have thousands of scans.
	maxVisits = 12 << 20
)

// scaling returns the memory for scaling a picture into a box: the result, upright too, and what Square enlarges with.
func scaling(width, height int) int64 {
	return 8*int64(width)*int64(height) + 8*Size*Size*4
}

// affordable returns nil if a file of that size can be decoded with so many bytes of memory, in a bounded time.
func (h *header) affordable(memory, size int64) error {
	if h.Width <= 0 || h.Height <= 0 {
		return ErrUnreadable
	}
	if h.Width > maxPixels/h.Height {
		return fmt.Errorf("%w: %d by %d pixels", ErrTooMuch, h.Width, h.Height)
	}
	var need int64
	var err error
	switch h.format {
	case "jpeg":
		need, err = h.needOfJPEG()
	case "png":
		need = h.needOfPNG()
	case "webp":
		need = h.needOfWebP(size)
	default: // a GIF: a byte for each pixel, and as much for the order of rows if it is interlaced
		need = 2 * int64(h.Width) * int64(h.Height)
	}
	if err != nil {
		return err
	}
	if need > memory {
		return fmt.Errorf("%w: it needs %d MiB", ErrTooMuch, need>>20)
	}
	return nil
}

// needOfJPEG returns the bytes for decoding a JPEG, or ErrTooMuch if it has too many scans for its size.
func (h *header) needOfJPEG() (int64, error) {
	f := h.jpeg.frame
	if f.width != h.Width || f.height != h.Height {
		return 0, ErrUnreadable
	}
	blocks := f.blocks()
	if h.jpeg.scans*blocks > maxVisits {
		return 0, fmt.Errorf("%w: %d scans of %d blocks", ErrTooMuch, h.jpeg.scans, blocks)
	}
	need := 64 * blocks
	if f.progressive {
		need += 64 * 4 * blocks // the coefficients of all scans
	}
	if h.ColorModel != color.YCbCrModel && h.ColorModel != color.GrayModel {
		need += 4 * int64(h.Width) * int64(h.Height) // a copy in RGBA or CMYK
	}
	return need, nil
}

// frame is what a JPEG says of its picture.
type frame struct {
	width, height int
	progressive   bool
	sampling      []byte // of each component: horizontally in the upper four bits, vertically in the lower ones
}

// blocks returns how many blocks of 8 by 8 samples the components have together.
func (f frame) blocks() int64 {
	most, all := [2]int64{1, 1}, int64(0)
	if len(f.sampling) == 1 {
		f.sampling = []byte{0x11} // alone it is never sampled
	}
	for _, s := range f.sampling {
		most[0], most[1] = max(most[0], int64(s>>4)), max(most[1], int64(s&15))
		all += int64(s>>4) * int64(s&15)
	}
	// Blocks of several components are coded together, so each has as many as make a whole number of such groups.
	across := (int64(f.width) + 8*most[0] - 1) / (8 * most[0])
	down := (int64(f.height) + 8*most[1] - 1) / (8 * most[1])
	return across * down * all
}

// needOfPNG returns the bytes for decoding a PNG.
func (h *header) needOfPNG() int64 {
	const interlace = 28 // where the header, which is the first chunk, says whether it is interlaced
	pixel := int64(4)
	switch h.ColorModel {
	case color.RGBA64Model, color.NRGBA64Model, color.Gray16Model:
		pixel = 8
	}
	// The picture, and of its compressed form two rows at a time.
	need := pixel * (int64(h.Width)*int64(h.Height) + 2*int64(h.Width))
	if len(h.start) <= interlace || h.start[interlace] != 0 {
		need *= 2 // its passes are pictures of their own
	}
	return need
}

// needOfWebP returns the bytes for decoding a WebP.
func (h *header) needOfWebP(size int64) int64 {
	width, height := int64(h.Width+15), int64(h.Height+15)
	if len(h.start) > 15 && string(h.start[12:16]) == "VP8 " {
		return 2 * width * height
	}
	// A lossless picture is copied by each of its transformations. Without loss the transparency of others is stored too.
	need := 12 * width * height
	// It may choose among sets of codes: at most 2,600, and one for each tile of 4 by 4 pixels. Each costs up to 55 KiB,
	// and up to some 1,100 times what it takes in the file.
	return need + min(min(2600, (width/4+1)*(height/4+1))*55<<10, 1100*size)
}
