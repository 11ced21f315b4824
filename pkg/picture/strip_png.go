package picture

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
)

const pngSignature = "\x89PNG\r\n\x1a\n"

// pngShown are the chunks of a PNG that a browser needs to show it: its pixels and colours, and those of an animation.
var pngShown = map[string]bool{
	"IHDR": true, "PLTE": true, "IDAT": true, "IEND": true,
	"tRNS": true, "gAMA": true, "cHRM": true, "sRGB": true, "iCCP": true, "cICP": true, "mDCV": true, "cLLI": true,
	"sBIT": true, "bKGD": true, "hIST": true, "pHYs": true,
	"acTL": true, "fcTL": true, "fdAT": true,
}

// png implements Strip.
func (s *stripper) png() error {
	b, err := s.take(len(pngSignature))
	if err != nil {
		return err
	}
	if string(b) != pngSignature {
		return malformed("it is not a PNG")
	}
	if err := s.write(b); err != nil {
		return err
	}
	hasPixels, oriented := false, false
	for first := true; ; first = false {
		b, err := s.take(8)
		if err != nil {
			return err
		}
		start := bytes.Clone(b)
		size, name := int64(binary.BigEndian.Uint32(start)), string(start[4:])
		switch {
		case size > 1<<31-1 || !isChunkName(name):
			return malformed("a chunk has no name or is too long")
		case first != (name == "IHDR") || name == "IHDR" && size != 13:
			return malformed("its header is not its first chunk")
		case name == "IEND" && size != 0:
			return malformed("its end is not empty")
		case pngShown[name]:
			err = s.copyChunk(start, size)
		case name == "eXIf" && !oriented:
			oriented = true
			var exif []byte
			if exif, err = s.head(size); err == nil && exifOrientation(exif) != 1 {
				err = s.write(chunkOf("eXIf", exifOnly(exifOrientation(exif))))
			}
			if err == nil {
				err = s.skip(4)
			}
		case name[0]&0x20 == 0:
			return malformed("the chunk %s is unknown", name)
		default:
			err = s.skip(size + 4)
		}
		if err != nil {
			return err
		}
		hasPixels = hasPixels || name == "IDAT"
		if name == "IEND" {
			if !hasPixels {
				return malformed("it has no pixels")
			}
			return nil
		}
	}
}

func isChunkName(name string) bool {
	for _, c := range []byte(name) {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			return false
		}
	}
	return true
}

// copyChunk copies a chunk, whose size and name were read, and checks its sum.
func (s *stripper) copyChunk(start []byte, size int64) error {
	sum := crc32.NewIEEE()
	_, _ = sum.Write(start[4:]) // a hash does not fail
	if err := s.write(start); err != nil {
		return err
	}
	if _, err := io.CopyN(io.MultiWriter(s.dst, sum), s.in, size); err != nil {
		return err
	}
	b, err := s.take(4)
	if err != nil {
		return err
	}
	if binary.BigEndian.Uint32(b) != sum.Sum32() {
		return malformed("the sum of the chunk %s is wrong", start[4:])
	}
	return s.write(b)
}

func chunkOf(name string, data []byte) []byte {
	out := append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), name...)
	out = append(out, data...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[4:]))
}
