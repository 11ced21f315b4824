package picture

import (
	"bytes"
	"encoding/binary"
	"io"
)

// webpShown are the chunks of a WebP that a browser needs to show it.
var webpShown = map[string]bool{"VP8 ": true, "VP8L": true, "ALPH": true, "ANIM": true, "ICCP": true}

// Flags of a WebP with more than pixels (VP8X).
const (
	webpXMP  = 1 << 2
	webpEXIF = 1 << 3
)

// webp implements Strip. The size of the whole file and what kinds of metadata it has stand at its beginning, and metadata
// stands at its end. So that it can be written before all is read, it keeps its size: other chunks become empty space, and
// EXIF its orientation and empty space.
func (s *stripper) webp() error {
	b, err := s.take(12)
	if err != nil {
		return err
	}
	size := int64(binary.LittleEndian.Uint32(b[4:])) - 4
	if string(b[:4]) != "RIFF" || string(b[8:]) != "WEBP" || size%2 != 0 {
		return malformed("it is not a WebP")
	}
	if err := s.write(b); err != nil {
		return err
	}
	w := webp{stripper: s}
	if err := w.chunks(size, false); err != nil {
		return err
	}
	if !w.hasPixels {
		return malformed("it has no pixels")
	}
	return nil
}

type webp struct {
	*stripper
	saysEXIF, hasPixels bool
}

// chunks copies chunks that take so many bytes, those of the file or of a picture of an animation.
func (w *webp) chunks(size int64, inside bool) error {
	for first := !inside; size > 0; first = false {
		if size < 8 {
			return malformed("a chunk is cut off")
		}
		b, err := w.take(8)
		if err != nil {
			return err
		}
		start := bytes.Clone(b)
		name, length := string(start[:4]), int64(binary.LittleEndian.Uint32(start[4:]))
		padded := length + length%2
		if size -= 8 + padded; size < 0 {
			return malformed("the chunk %q is longer than the file", name)
		}
		if first && name != "VP8X" && name != "VP8 " && name != "VP8L" {
			return malformed("it begins with %q", name)
		}
		switch {
		case name == "VP8X":
			if !first || length != 10 {
				return malformed("its header is not its first chunk")
			}
			err = w.extension(start)
		case name == "ANMF":
			if inside || length < 16 || length%2 != 0 {
				return malformed("a picture of its animation is too short")
			}
			if err = w.write(start); err == nil {
				err = w.copyNext(16)
			}
			if err == nil {
				err = w.chunks(length-16, true)
			}
		case webpShown[name]:
			w.hasPixels = w.hasPixels || name == "VP8 " || name == "VP8L"
			if err = w.write(start); err == nil {
				err = w.copyNext(padded)
			}
		case name == "EXIF" && w.saysEXIF:
			w.saysEXIF = false
			err = w.exif(start, padded)
		default:
			err = w.space(padded)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// extension copies the header of a file with more than pixels.
func (w *webp) extension(start []byte) error {
	b, err := w.take(10)
	if err != nil {
		return err
	}
	w.saysEXIF = b[0]&webpEXIF != 0
	return w.write(start, []byte{b[0] &^ webpXMP}, b[1:])
}

// exif writes the orientation in place of EXIF.
func (w *webp) exif(start []byte, size int64) error {
	head, err := w.head(size)
	if err != nil {
		return err
	}
	head = bytes.TrimPrefix(head, exifMark) // which some programs write
	only := exifOnly(exifOrientation(head))
	if size < int64(len(only)) {
		return w.zeros("JUNK", size)
	}
	if err := w.write(start, only); err != nil {
		return err
	}
	return w.pad(size - int64(len(only)))
}

// space leaves a chunk out. Readers skip a chunk of that name.
func (w *webp) space(size int64) error {
	if err := w.skip(size); err != nil {
		return err
	}
	return w.zeros("JUNK", size)
}

func (w *webp) zeros(name string, size int64) error {
	if err := w.write(binary.LittleEndian.AppendUint32([]byte(name), uint32(size))); err != nil {
		return err
	}
	return w.pad(size)
}

func (w *webp) pad(size int64) error {
	_, err := io.CopyN(w.dst, zeros{}, size)
	return err
}

type zeros struct{}

// Read implements io.Reader.
func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
