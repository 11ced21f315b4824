package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"io"
)

// webpAnimated is the flag of an animation in the header of a WebP with more than pixels.
const webpAnimated = 1 << 1

// animated says whether a file is a WebP of several pictures, which our decoder does not know.
func (h *header) animated() bool {
	return h.format == "webp" && len(h.start) > 20 && string(h.start[12:16]) == "VP8X" && h.start[20]&webpAnimated != 0
}

var errNoAnimation = errors.New("it has no picture where its animation says")

// firstOfWebP returns the first picture of an animation as a WebP of its own, and where it is in the whole.
func firstOfWebP(file io.Reader, whole image.Config) (io.Reader, image.Point, error) {
	b := make([]byte, 24)
	if _, err := io.ReadFull(file, b[:12]); err != nil {
		return nil, image.Point{}, err
	}
	for {
		if _, err := io.ReadFull(file, b[:8]); err != nil {
			return nil, image.Point{}, err
		}
		size := int64(binary.LittleEndian.Uint32(b[4:]))
		if string(b[:4]) != "ANMF" {
			if _, err := io.CopyN(io.Discard, file, size+size%2); err != nil {
				return nil, image.Point{}, err
			}
			continue
		}
		// Its place and size in 16 bytes, and the beginning of its first chunk.
		if size < int64(len(b)) || size%2 != 0 {
			return nil, image.Point{}, errNoAnimation
		}
		if _, err := io.ReadFull(file, b); err != nil {
			return nil, image.Point{}, err
		}
		at := image.Pt(2*uint24(b), 2*uint24(b[3:]))
		if end := at.Add(image.Pt(uint24(b[6:])+1, uint24(b[9:])+1)); end.X > whole.Width || end.Y > whole.Height {
			return nil, image.Point{}, errNoAnimation // its memory was not calculated
		}
		flags := byte(0)
		if string(b[16:20]) == "ALPH" {
			flags = 1 << 4
		}
		header := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(22+size-16))
		header = append(header, "WEBPVP8X\x0a\x00\x00\x00"...)
		header = append(append(header, flags, 0, 0, 0), b[6:12]...)
		header = append(header, b[16:]...)
		return io.MultiReader(bytes.NewReader(header), io.LimitReader(file, size-int64(len(b)))), at, nil
	}
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
