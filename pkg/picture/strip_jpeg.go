package picture

import (
	"bytes"
	"encoding/binary"
	"io"
)

// Markers of a JPEG (ISO 10918-1, table B.1).
const (
	startOfImage = 0xd8
	endOfImage   = 0xd9
	startOfScan  = 0xda
	app0         = 0xe0
	comment      = 0xfe
)

// jpeg implements Strip.
func (s *stripper) jpeg() error {
	b, err := s.take(2)
	if err != nil {
		return err
	}
	if b[0] != 0xff || b[1] != startOfImage {
		return malformed("it is not a JPEG")
	}
	if err := s.write(b); err != nil {
		return err
	}
	framed, scanned, oriented := false, false, false
	for begun := false; ; {
		marker, err := s.marker(begun)
		if err != nil {
			return err
		}
		if marker == endOfImage {
			if !scanned {
				return malformed("it has no pixels")
			}
			return s.write([]byte{0xff, marker})
		}
		segment, err := s.segment(marker)
		if err != nil {
			return err
		}
		begun = marker == startOfScan
		body := segment[4:]
		switch {
		case marker == app0+1 && bytes.HasPrefix(body, exifMark) && !oriented:
			oriented = true
			err = s.writeOrientation(exifOrientation(body[len(exifMark):]))
		case marker >= app0 && marker <= app0+15, marker == comment:
			err = s.write(shownOf(marker, body))
		case marker == startOfScan:
			if !framed {
				return malformed("pixels come before their size")
			}
			scanned = true
			if err = s.write(segment); err == nil {
				err = s.scan()
			}
		case isFrame(marker):
			framed = true
			err = s.write(segment)
		default: // tables
			err = s.write(segment)
		}
		if err != nil {
			return err
		}
	}
}

func isFrame(marker byte) bool {
	return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc
}

// marker reads the next marker, of which the 0xff was read already if it has begun. There may be more of them.
func (s *stripper) marker(begun bool) (byte, error) {
	if !begun {
		b, err := s.in.ReadByte()
		if err != nil {
			return 0, err
		}
		if b != 0xff {
			return 0, malformed("0x%02x is no marker", b)
		}
	}
	b := byte(0xff)
	for b == 0xff {
		var err error
		if b, err = s.in.ReadByte(); err != nil {
			return 0, err
		}
	}
	// Those below 0xc0, those that are reserved, and what belongs into a scan have no segment that is known.
	if b < 0xc0 || b == 0xc8 || b >= 0xd0 && b <= startOfImage || b >= 0xf0 && b < comment {
		return 0, malformed("0x%02x is an unknown marker", b)
	}
	return b, nil
}

// segment reads a segment, with its marker and size.
func (s *stripper) segment(marker byte) ([]byte, error) {
	b, err := s.take(2)
	if err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint16(b)
	if size < 2 {
		return nil, malformed("a segment has %d bytes", size)
	}
	segment := make([]byte, 2+int(size))
	copy(segment, []byte{0xff, marker, b[0], b[1]})
	_, err = io.ReadFull(s.in, segment[4:])
	return segment, err
}

// shownOf returns the segment of an application as it stays: nothing, if the picture is the same without it.
func shownOf(marker byte, body []byte) []byte {
	switch {
	case marker == app0 && bytes.HasPrefix(body, []byte("JFIF\x00")) && len(body) >= 14:
		body = append(bytes.Clone(body[:12]), 0, 0) // without its thumbnail
	case marker == app0+2 && bytes.HasPrefix(body, []byte("ICC_PROFILE\x00")):
	case marker == app0+14 && bytes.HasPrefix(body, []byte("Adobe")) && len(body) >= 12:
		body = body[:12]
	default:
		return nil
	}
	return segmentOf(marker, body)
}

func segmentOf(marker byte, body []byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(2+len(body))), body...)
}

// writeOrientation writes EXIF that says how the camera was held, if it was not upright.
func (s *stripper) writeOrientation(orientation int) error {
	if orientation == 1 {
		return nil
	}
	return s.write(segmentOf(app0+1, append(bytes.Clone(exifMark), exifOnly(orientation)...)))
}

// scan copies the pixels of a scan, until the next marker that is none of theirs. It has read the 0xff before that.
func (s *stripper) scan() error {
	for {
		b, err := s.in.ReadSlice(0xff)
		if err != nil && len(b) == 0 {
			return err
		}
		if b[len(b)-1] != 0xff { // the buffer is full, or the file ends
			if err := s.write(b); err != nil {
				return err
			}
			continue
		}
		if err := s.write(b[:len(b)-1]); err != nil {
			return err
		}
		next, err := s.in.Peek(1)
		if err != nil {
			return err
		}
		switch n := next[0]; {
		case n == 0, n >= 0xd0 && n <= 0xd7: // 0xff itself, or a restart
			if _, err := s.take(1); err != nil {
				return err
			}
			if err := s.write([]byte{0xff, n}); err != nil {
				return err
			}
		case n == 0xff: // it is filled up
		default:
			return nil
		}
	}
}
