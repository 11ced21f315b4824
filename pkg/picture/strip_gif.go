package picture

import (
	"bytes"
)

// Blocks of a GIF.
const (
	gifExtension = 0x21
	gifImage     = 0x2c
	gifEnd       = 0x3b
	gifControl   = 0xf9
	gifApp       = 0xff
)

// gif implements Strip.
func (s *stripper) gif() error {
	b, err := s.take(13)
	if err != nil {
		return err
	}
	if string(b[:6]) != "GIF87a" && string(b[:6]) != "GIF89a" {
		return malformed("it is not a GIF")
	}
	if err := s.write(b); err != nil {
		return err
	}
	if err := s.colours(b[10]); err != nil {
		return err
	}
	for hasPixels := false; ; {
		block, err := s.in.ReadByte()
		if err != nil {
			return err
		}
		switch block {
		case gifEnd:
			if !hasPixels {
				return malformed("it has no pixels")
			}
			return s.write([]byte{block})
		case gifImage:
			hasPixels = true
			err = s.gifPixels()
		case gifExtension:
			err = s.gifExtension()
		default:
			return malformed("0x%02x is no block", block)
		}
		if err != nil {
			return err
		}
	}
}

// colours copies a table of colours, if the flags say that there is one.
func (s *stripper) colours(flags byte) error {
	if flags&0x80 == 0 {
		return nil
	}
	return s.copyNext(3 << (flags&7 + 1))
}

func (s *stripper) gifPixels() error {
	b, err := s.take(9)
	if err != nil {
		return err
	}
	flags := b[8]
	if err := s.write([]byte{gifImage}, b); err != nil {
		return err
	}
	if err := s.colours(flags); err != nil {
		return err
	}
	if err := s.copyNext(1); err != nil { // the length of the shortest code
		return err
	}
	return s.gifBlocks(whatever)
}

// gifExtension copies how long a picture of an animation is shown, how often an animation is repeated, and profiles of
// colours. Comments, XMP and the rest stay out.
func (s *stripper) gifExtension() error {
	label, err := s.in.ReadByte()
	if err != nil {
		return err
	}
	switch label {
	case gifControl:
		b, err := s.take(6)
		if err != nil {
			return err
		}
		if b[0] != 4 || b[5] != 0 {
			return malformed("how long a picture is shown is not said in four bytes")
		}
		return s.write([]byte{gifExtension, label}, b)
	case gifApp:
		name, err := s.gifBlock()
		if err != nil {
			return err
		}
		keep := whatever
		switch string(name) {
		case "NETSCAPE2.0", "ANIMEXTS1.0":
			keep = func(b []byte) bool { return len(b) == 3 }
		case "ICCRGBG1012":
		default:
			return s.skipBlocks(len(name))
		}
		if err := s.write([]byte{gifExtension, label, byte(len(name))}, name); err != nil {
			return err
		}
		return s.gifBlocks(keep)
	}
	return s.skipBlocks(1)
}

func whatever([]byte) bool { return true }

// gifBlock reads a block with its size before it; empty: the last one.
func (s *stripper) gifBlock() ([]byte, error) {
	size, err := s.in.ReadByte()
	if err != nil {
		return nil, err
	}
	b, err := s.take(int(size))
	return bytes.Clone(b), err
}

// gifBlocks copies those of the blocks that stay, and the end of all.
func (s *stripper) gifBlocks(keep func([]byte) bool) error {
	for {
		b, err := s.gifBlock()
		if err != nil {
			return err
		}
		if len(b) > 0 && !keep(b) {
			continue
		}
		if err := s.write([]byte{byte(len(b))}, b); err != nil || len(b) == 0 {
			return err
		}
	}
}

// skipBlocks leaves blocks out, if the one before them was not the end of all already.
func (s *stripper) skipBlocks(before int) error {
	for before > 0 {
		b, err := s.gifBlock()
		if err != nil {
			return err
		}
		before = len(b)
	}
	return nil
}
