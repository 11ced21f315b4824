package picture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
)

const (
	// maxPixels bounds the time for decoding and scaling.
	maxPixels = 16 << 20
	// maxVisits bounds the time for a JPEG: how often its scans, together, visit a block of 64 samples. A progressive
	// one of sixteen megapixels has about ten scans of 800,000 blocks. A small file can have thousands of scans.
	maxVisits = 12 << 20
	// scaling is the memory for scaling a picture of up to four times Size each way, after coarse.
	scaling = 4*Size*4*Size*8 + 4*Size*Size*32
)

// affordable returns nil if a file can be decoded and scaled with that many bytes of memory, in a bounded time.
func affordable(file []byte, format string, c image.Config, memory int64) error {
	if c.Width <= 0 || c.Height <= 0 {
		return ErrUnreadable
	}
	if c.Width > maxPixels/c.Height {
		return fmt.Errorf("%w: %d by %d pixels", ErrTooMuch, c.Width, c.Height)
	}
	var need int64
	var err error
	switch format {
	case "jpeg":
		need, err = needOfJPEG(file, c)
	case "png":
		need = needOfPNG(file, c)
	case "webp":
		need = needOfWebP(file, c)
	default: // a GIF: a byte for each pixel
		need = int64(c.Width) * int64(c.Height)
	}
	if err != nil {
		return err
	}
	if need += scaling; need > memory {
		return fmt.Errorf("%w: it needs %d MiB", ErrTooMuch, need>>20)
	}
	return nil
}

// needOfJPEG returns the bytes for decoding a JPEG, or ErrTooMuch if it has too many scans for its size.
func needOfJPEG(file []byte, c image.Config) (int64, error) {
	f := frameOf(file)
	if f.width != c.Width || f.height != c.Height {
		return 0, ErrUnreadable
	}
	blocks := f.blocks()
	// In data that is coded 0xff is followed by 0. So these two bytes begin a scan, or are by chance in metadata.
	scans := int64(bytes.Count(file, []byte{0xff, 0xda}))
	if scans*blocks > maxVisits {
		return 0, fmt.Errorf("%w: %d scans of %d blocks", ErrTooMuch, scans, blocks)
	}
	need := 64 * blocks
	if f.progressive {
		need += 64 * 4 * blocks // the coefficients of all scans
	}
	if c.ColorModel != color.YCbCrModel && c.ColorModel != color.GrayModel {
		need += 4 * int64(c.Width) * int64(c.Height) // a copy in RGBA or CMYK
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

// frameOf returns the first frame of a JPEG; the decoder refuses a second one.
func frameOf(jpeg []byte) (f frame) {
	for marker, body := range segments(jpeg) {
		if marker < 0xc0 || marker > 0xc2 {
			continue
		}
		if len(body) < 6 {
			return frame{}
		}
		f = frame{height: int(binary.BigEndian.Uint16(body[1:])), width: int(binary.BigEndian.Uint16(body[3:])), progressive: marker == 0xc2}
		for c := body[6:]; len(c) >= 3; c = c[3:] {
			f.sampling = append(f.sampling, c[1])
		}
		return f
	}
	return frame{}
}

// needOfPNG returns the bytes for decoding a PNG.
func needOfPNG(file []byte, c image.Config) int64 {
	const interlace = 28 // where the header, which is the first chunk, says whether it is interlaced
	pixel := int64(4)
	switch c.ColorModel {
	case color.RGBA64Model, color.NRGBA64Model, color.Gray16Model:
		pixel = 8
	}
	// The picture, and of its compressed form two rows at a time.
	need := pixel * (int64(c.Width)*int64(c.Height) + 2*int64(c.Width))
	if len(file) <= interlace || file[interlace] != 0 {
		need *= 2 // its passes are pictures of their own
	}
	return need
}

// needOfWebP returns the bytes for decoding a WebP.
func needOfWebP(file []byte, c image.Config) int64 {
	w, h := int64(c.Width+15), int64(c.Height+15)
	if len(file) > 15 && string(file[12:16]) == "VP8 " {
		return 2 * w * h
	}
	// A lossless picture is copied by each of its transformations. Without loss the transparency of others is stored too.
	need := 12 * w * h
	// It may choose among sets of codes: at most 2,600, and one for each tile of 4 by 4 pixels. Each costs up to 55 KiB,
	// and up to some 1,100 times what it takes in the file.
	return need + min(min(2600, (w/4+1)*(h/4+1))*55<<10, 1100*int64(len(file)))
}
